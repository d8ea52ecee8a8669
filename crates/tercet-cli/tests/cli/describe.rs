//! `tercet describe`, and networks with other layers than dense layers and ReLU.

use serde_json::json;
use tercet::Model;

use crate::common::{Outcome, Scratch};

/// A small convolutional network with many kinds of layers.
const LAYERS: &str = "conv3-6+same batchnorm relu pool dropout0.2 conv3-8 pool relu flatten dense16 gelu";

impl Scratch {
    /// Trains a network on the small data set with further options.
    fn train_layers(&self, layers: &str, options: &str) -> Outcome {
        let mut command = self.command("train network --data small --layers");
        command.arg(layers).args(options.split_whitespace());
        Outcome::of(&mut command)
    }
}

#[test]
fn a_convolutional_network_is_trained_saved_evaluated_and_described() {
    let scratch = Scratch::new();
    let outcome = scratch.train_layers(LAYERS, "--epochs 12 --out conv.safetensors").succeeds();
    assert!(
        outcome.stderr.contains("conv 3 × 3 × 1 → 6 (padding 1), batch norm 6, relu"),
        "{}",
        outcome.stderr
    );
    let model = Model::load(&scratch.path("conv.safetensors")).unwrap();
    assert!(model.card.metrics["validation accuracy"] > 0.8, "{:?}", model.card.metrics);
    assert_eq!(model.card.settings["layers"], LAYERS.replace("+same", "+1"));
    let network = model.classifier().network().unwrap();
    assert_eq!(network.architecture().layers().len(), 12, "the layer of the scores is added");

    scratch
        .run("evaluate conv.safetensors --data small --report r.html")
        .succeeds()
        .says(&["conv.safetensors: convolutional network, conv3-6+1 batchnorm relu pool", "accuracy"]);
    let report = String::from_utf8(scratch.read("r.html")).unwrap();
    assert!(report.contains("Filters of the first layer") && report.contains("filter 6"));

    let description = scratch.run("describe conv.safetensors").succeeds();
    assert_eq!(description.stderr, "");
    let description = description.says(&[
        "conv.safetensors: convolutional network",
        "12 × 12 × 6",
        "validation accuracy",
        "small train",
        "images of 12 × 12",
        "initial weights",
    ]);
    let line = |word: &str| -> Vec<&str> {
        let mut lines =
            description.stdout.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        lines.find(|line| line.contains(&word)).unwrap_or_else(|| panic!("{word}: {}", description.stdout))
    };
    assert_eq!(line("conv3-6+1"), ["1", "conv3-6+1", "12", "×", "12", "×", "6", "60", "7,776"]);
    assert_eq!(line("dropout0.2")[..2], ["5", "dropout0.2"]);
    assert_eq!(line("dense3"), ["12", "dense3", "3", "51", "48"]);

    let json = scratch.run("describe conv.safetensors --json").succeeds().json();
    assert_eq!(json["layers"][0]["output"], json!([12, 12, 6]));
    assert_eq!(json["parameters"], network.parameters());
    assert_eq!((&json["kind"], &json["card"]["seed"]), (&json!("network"), &json!(0)));
    assert_eq!(json["architecture"], format!("{} dense3", LAYERS.replace("+same", "+1")));
}

#[test]
fn a_resumed_convolutional_network_is_bit_identical() {
    let scratch = Scratch::new();
    let options = "--epochs 2 --optimizer adam --patience 9 --dropout 0.1 --out";
    scratch.train_layers(LAYERS, &format!("{options} whole.safetensors")).succeeds();
    let checkpoint = "--checkpoint-every 7 --checkpoint c.safetensors";
    scratch
        .train_layers(LAYERS, &format!("{options} half.safetensors {checkpoint} --epochs 1"))
        .code
        .unwrap();
    scratch.train_layers(LAYERS, &format!("{options} a.safetensors {checkpoint}")).succeeds();
    // The last checkpoint is that of the last step, so resuming changes nothing, not even statistics.
    scratch.train_layers(LAYERS, &format!("{options} b.safetensors {checkpoint} --resume")).succeeds();
    for file in ["a.safetensors", "b.safetensors"] {
        let (whole, other) = (scratch.read("whole.safetensors"), scratch.read(file));
        assert!(whole == other, "{file}");
    }
}

#[test]
fn threads_change_no_bit_of_a_convolutional_network() {
    let scratch = Scratch::new();
    for layers in [LAYERS, "conv5-16+same pool relu dense8 relu"] {
        let layers = layers.replace("relu dense8", "relu flatten dense8");
        let file = |threads: usize| {
            let options = format!("--epochs 1 --batch 64 --threads {threads} --out m.safetensors");
            scratch.train_layers(&layers, &options).succeeds();
            scratch.read("m.safetensors")
        };
        let one = file(1);
        for threads in [2, 3, 4] {
            assert!(file(threads) == one, "{layers}, {threads} threads");
        }
    }
}

#[test]
fn other_models_are_described() {
    let scratch = Scratch::with_model();
    scratch.run("describe linear.safetensors").succeeds().says(&[
        "linear.safetensors: linear classifier, 144-3",
        "dense3",
        "435",
        "SVM loss",
        "never",
    ]);
    scratch.run("train neighbors --data small").succeeds();
    scratch.run("describe neighbors.safetensors").succeeds().says(&[
        "k nearest neighbours",
        "600 examples of 144 features",
        "uniform",
    ]);
    let json = scratch.run("describe neighbors.safetensors --json").succeeds().json();
    assert_eq!((&json["examples"], &json["k"], &json["kind"]), (&json!(600), &json!(3), &json!("neighbors")));
}

#[test]
fn layers_are_described_without_a_model() {
    let scratch = Scratch::empty();
    let describe = |layers: &str, options: &str| {
        let mut command = scratch.command("describe --layers");
        command.arg(layers).args(options.split_whitespace());
        Outcome::of(&mut command)
    };
    describe("conv5-24 pool relu", "--input-shape 28x28x1 --classes 10").succeeds().says(&[
        "conv5-24 pool relu flatten dense10",
        "24 × 24 × 24",
        "345,600",
        "35,194",
    ]);
    // As in the book.
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/describe.txt");
    let shown = describe(
        "conv5-24 pool relu conv3-32 pool relu flatten dense256 relu",
        "--input-shape 28x28x1 --classes 10",
    );
    assert_eq!(shown.stdout, std::fs::read_to_string(book).unwrap());

    let json = describe("dense8 tanh", "--input-shape 4 --json").succeeds().json();
    assert_eq!(
        (&json["input"], &json["parameters"], &json["architecture"]),
        (&json!([4]), &json!(40), &json!("dense8 tanh"))
    );

    describe("conv5-24 dense10", "--input-shape 28x28")
        .fails(2, &["input of layer 2, dense10: found 24 × 24 × 24", "flatten"]);
    describe("conv3-8", "--input-shape 784").fails(2, &["layer 1, conv3-8: found 784; expected an image"]);
    describe("dense8", "").fails(2, &["--input-shape 28x28x1", "--input-shape 384"]);
    describe("conv5 relu", "--input-shape 28x28x1")
        .fails(2, &["word 1 of the layers: found conv5", "as in conv5-24"]);
    describe("relu", "--input-shape 28x").fails(2, &["such as 28x28x1"]);
    describe("relu", "--input-shape 28x28x9").fails(2, &["1 to 4 channels"]);
    describe("flatten dense9", "--input-shape 28x28 --classes 10")
        .fails(2, &["found dense9; expected dense10"]);
    scratch.run("describe --json").fails(2, &["expected a model file, or --layers"]);
    scratch.run("describe nowhere.safetensors").fails(3, &["cannot read nowhere.safetensors"]);
}

#[test]
fn invalid_layers_are_rejected_before_any_work() {
    let scratch = Scratch::new();
    for (layers, words) in [
        ("conv5-8 relu dense3", &["layer 3, dense3", "put flatten before it"][..]),
        ("flatten dense4", &["found dense4; expected dense3, a score for each class"]),
        ("dense8 conv3-2", &["layer 2, conv3-2: found 8; expected an image"]),
        ("conv3-8 rulu", &["word 2 of the layers: found rulu; expected conv"]),
        ("", &["the line of layers is empty"]),
    ] {
        let mut command = scratch.command("train network --data small --layers");
        scratch.rejects_command(command.arg(layers), 2, words);
    }
    let mut both = scratch.command("train network --data small --hidden 8 --layers");
    scratch.rejects_command(both.arg("relu"), 2, &["--layers", "--hidden"]);
}

#[test]
fn a_recipe_may_contain_the_layers() {
    let scratch = Scratch::new();
    let recipe = "description = \"x\"\nkind = \"network\"\nlayers = \"conv3-4 relu pool\"\n\n[train]\nloss = \"softmax\"\n\
                  reg = 1e-5\nbatch = 20\nlength = { iterations = 30 }\nlearning_rate = 0.05\n";
    scratch.write("mine.toml", recipe);
    scratch.run("train --recipe mine.toml --data small").succeeds();
    let file = Model::load(&scratch.path("network.safetensors")).unwrap();
    let network = file.classifier().network().unwrap();
    assert_eq!(network.architecture().to_string(), "conv3-4 relu pool flatten dense3");
    scratch.write("bad.toml", recipe.replace("conv3-4", "conv3"));
    scratch.rejects(
        "train --recipe bad.toml --data small",
        3,
        &["bad.toml: found line 3: word 1", "conv3; expected"],
    );
}
