//! `tercet probe`, and `tercet export` as far as it needs no other runtime.

use crate::common::Scratch;

/// Four clouds of points in six dimensions, and their classes, as text that `data convert` makes arrays of.
fn clouds(scratch: &Scratch) {
    let mut text = String::from("label,a,b,c,d,e,f\n");
    for i in 0..240usize {
        let class = i % 4;
        text += ["north", "south", "east", "west"][class];
        for d in 0..6 {
            let noise = ((i * 31 + d * 17) * 2_654_435_761 % 1000) as f64 / 1000.0;
            text += &format!(",{:.3}", f64::from(u8::from(d == class)) * 1.2 + noise);
        }
        text.push('\n');
    }
    scratch.write("clouds.csv", text);
    scratch.run("data convert clouds.csv features.npy").succeeds().says(&["features.npy", "labels.npy"]);
}

#[test]
fn features_and_labels_are_probed() {
    let scratch = Scratch::empty();
    clouds(&scratch);
    let probe = "probe features.npy labels.npy --epochs 20 --hidden 32";
    let outcome = scratch.run(&format!("{probe} --report report.html")).succeeds();
    let outcome =
        outcome.says(&["240 examples of 6 features, 4 classes; 5 folds", "neighbors", "linear", "network"]);
    assert!(outcome.stdout.contains("reg 1e-1 ") && outcome.stdout.contains("k 1 "), "{}", outcome.stdout);
    let page = String::from_utf8(scratch.read("report.html")).unwrap();
    assert!(page.contains("Probes of features") && page.contains("cross-validation in 5 folds"));

    let json = scratch.run(&format!("{probe} --json")).succeeds().json();
    for probe in json["probes"].as_array().unwrap() {
        assert!(probe["accuracy"].as_f64().unwrap() > 0.8, "{probe}");
        assert_eq!(probe["folds"].as_array().unwrap().len(), 5);
    }
    // Without naming the labels, they are found beside the features; and one kind may probe alone.
    let alone = scratch.run("probe features.npy --with linear --json").succeeds().json();
    assert_eq!(alone["probes"].as_array().unwrap().len(), 1);
    assert_eq!(alone["probes"][0]["accuracy"], json["probes"][1]["accuracy"]);
}

#[test]
fn probes_that_make_no_sense() {
    let scratch = Scratch::new();
    clouds(&scratch);
    scratch.refuses("probe features.npy nowhere.npy", 3, &["nowhere.npy"]);
    scratch.refuses(
        "probe features.npy features.npy",
        3,
        &["features.npy: found 2 dimensions", "a label is one number"],
    );
    scratch.refuses("probe features.npy --folds 1", 2, &["folds is 1"]);
    scratch.refuses("probe features.npy --with forest", 2, &["neighbors, linear or network"]);
    scratch.refuses("probe features.npy --reg 0", 2, &["reg is 0"]);
    scratch.refuses("probe features.npy --report nowhere/r.html", 3, &["create it first"]);
}

#[test]
fn models_are_exported_with_our_scores() {
    let scratch = Scratch::with_model();
    let outcome =
        scratch.run("export linear.safetensors --onnx m.onnx --scores s.npy --data small").succeeds();
    assert_eq!(outcome.stdout, "m.onnx\ns.npy\n");
    assert!(
        scratch.read("s.npy").starts_with(b"\x93NUMPY") && scratch.read("s.npy").len() == 128 + 200 * 3 * 4
    );
    scratch.refuses("export linear.safetensors", 2, &["--onnx"]);
    scratch.refuses("export linear.safetensors --onnx nowhere/m.onnx", 3, &["create it first"]);
    scratch.refuses("export linear.safetensors --onnx n.onnx --scores t.npy", 3, &["144", "784"]);
    scratch.run("train neighbors --data small --shifts 1").succeeds();
    scratch.refuses("export neighbors.safetensors --onnx n.onnx", 3, &["deformations"]);
    scratch.run("train linear --data small --preprocessing auto,deskew --epochs 1").succeeds();
    scratch.refuses(
        "export linear.safetensors --onnx n.onnx",
        3,
        &["deskew", "without preprocessing of pixels"],
    );
}
