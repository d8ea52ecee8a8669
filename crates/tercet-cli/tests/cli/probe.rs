//! `tercet probe`, and the parts of `tercet export` that need no other runtime.

use crate::common::Scratch;

/// Four clusters in six dimensions, and their classes, as text that `data convert` turns into arrays.
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
    assert!(page.contains("Probes of features") && page.contains("5-fold cross-validation"));

    let json = scratch.run(&format!("{probe} --json")).succeeds().json();
    for probe in json["probes"].as_array().unwrap() {
        assert!(probe["accuracy"].as_f64().unwrap() > 0.8, "{probe}");
        assert_eq!(probe["folds"].as_array().unwrap().len(), 5);
    }
    // Labels are found next to the features; and one classifier may be probed only.
    let alone = scratch.run("probe features.npy --classifiers linear --json").succeeds().json();
    assert_eq!(alone["probes"].as_array().unwrap().len(), 1);
    assert_eq!(alone["probes"][0]["accuracy"], json["probes"][1]["accuracy"]);
}

#[test]
fn invalid_probes_are_rejected() {
    let scratch = Scratch::new();
    clouds(&scratch);
    scratch.rejects("probe features.npy nowhere.npy", 3, &["nowhere.npy"]);
    scratch.rejects(
        "probe features.npy features.npy",
        3,
        &["features.npy: found 2 dimensions", "a label is one number"],
    );
    scratch.rejects("probe features.npy --folds 1", 2, &["folds is 1"]);
    scratch.rejects("probe features.npy --classifiers forest", 2, &["neighbors, linear or network"]);
    scratch.rejects("probe features.npy --reg 0", 2, &["reg is 0"]);
    scratch.rejects("probe features.npy --report nowhere/r.html", 3, &["create it first"]);
}

#[test]
fn models_are_exported_with_their_scores() {
    let scratch = Scratch::with_model();
    let outcome =
        scratch.run("export linear.safetensors --onnx m.onnx --scores s.npy --data small").succeeds();
    assert_eq!(outcome.stdout, "m.onnx\ns.npy\n");
    assert!(
        scratch.read("s.npy").starts_with(b"\x93NUMPY") && scratch.read("s.npy").len() == 128 + 200 * 3 * 4
    );
    scratch.rejects("export linear.safetensors", 2, &["--onnx"]);
    scratch.rejects("export linear.safetensors --onnx nowhere/m.onnx", 3, &["create it first"]);
    scratch.rejects("export linear.safetensors --onnx n.onnx --scores t.npy", 3, &["144", "784"]);
    scratch.run("train neighbors --data small --shifts 1").succeeds();
    scratch.rejects("export neighbors.safetensors --onnx n.onnx", 3, &["deformations"]);
    scratch.run("train linear --data small --preprocessing auto,deskew --epochs 1").succeeds();
    scratch.rejects(
        "export linear.safetensors --onnx n.onnx",
        3,
        &["deskew", "without preprocessing of pixels"],
    );
}
