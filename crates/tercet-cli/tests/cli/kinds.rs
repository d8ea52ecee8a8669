//! `knn` and `cnn` as names of kinds.

use tercet::Model;

use crate::common::Scratch;

#[test]
fn knn_is_neighbors_and_cnn_a_convolutional_network() {
    let scratch = Scratch::new();
    scratch.run("train knn -k 3 --data small").succeeds().says(&["neighbors.safetensors"]);
    scratch.run("train cnn --epochs 1 --data small").succeeds();
    let architecture = |name: &str| {
        let model = Model::load(&scratch.path(name)).unwrap();
        model.classifier().network().unwrap().architecture().to_string()
    };
    let layers = "conv3-16+1 relu pool conv3-32+1 relu pool flatten dense64 relu dense3";
    assert_eq!(architecture("cnn.safetensors"), layers);
    let own = "train cnn --epochs 1 --data small --out own.safetensors --layers conv3-2";
    scratch.run(own).succeeds();
    assert_eq!(architecture("own.safetensors"), "conv3-2 flatten dense3");

    let tuned = scratch.run("tune knn --data small -k 1,3 --vote uniform --json").succeeds().json();
    assert_eq!(tuned["trials"].as_array().unwrap().len(), 2);
    let tuned = "tune cnn --layers conv3-2 --lr 0.01,0.1 --epochs 1 --data small --json";
    assert_eq!(scratch.run(tuned).succeeds().json()["trials"].as_array().unwrap().len(), 2);
    scratch.rejects("tune cnn --lr 0.01..0.1 --data small", 2, &["--lr is the range 0.01..0.1"]);
}

#[test]
fn recipes_may_say_knn_and_cnn() {
    let scratch = Scratch::new();
    scratch.write("knn.toml", "description = \"3\"\nkind = \"knn\"\nk = 3\n");
    scratch.run("train --recipe knn.toml --data small").succeeds().says(&["neighbors.safetensors"]);
    let train =
        "[train]\nloss = \"softmax\"\nreg = 0.0\nbatch = 50\nlength = { epochs = 1 }\nlearning_rate = 0.01\n";
    scratch.write("cnn.toml", format!("description = \"c\"\nkind = \"cnn\"\n{train}"));
    scratch.run("train --recipe cnn.toml --data small").succeeds();
    let model = Model::load(&scratch.path("network.safetensors")).unwrap();
    let layers = model.classifier().network().unwrap().architecture().to_string();
    assert!(layers.starts_with("conv3-16+1 relu pool"), "{layers}");
}
