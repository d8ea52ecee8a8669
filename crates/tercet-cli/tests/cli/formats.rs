//! Data in other formats than IDX: converted, inspected, and trained on.

use crate::common::{Scratch, TEST, TRAIN};

#[test]
fn converted_data_is_the_same() {
    let scratch = Scratch::new();
    let digests = |data: &str| {
        let info = scratch.run(&format!("data info --json --data {data}")).succeeds().json();
        (info["train"]["digest"].clone(), info["test"]["digest"].clone())
    };
    let expected = digests("small");
    for (to, says) in [
        ("all.npz", "all.npz\n"),
        ("train-images.npy", "train-images.npy\ntrain-labels.npy\ntest-images.npy\ntest-labels.npy\n"),
        ("train.csv", "train.csv\ntest.csv\n"),
    ] {
        let outcome = scratch.run(&format!("data convert small {to}")).succeeds();
        assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), (says, ""));
        assert_eq!(digests(to), expected, "{to}");
    }
    scratch.run("data convert small train.libsvm").succeeds();
    assert_eq!(digests("train.libsvm --size 12x12"), expected);
    scratch.run("data convert all.npz again").succeeds();
    assert_eq!(digests("again"), expected);
    // Pictures are read class by class.
    scratch.run("data convert small pictures --format pictures").succeeds();
    let info = scratch.run("data info --data pictures --json").succeeds().json();
    assert_eq!((&info["train"]["examples"], &info["test"]["examples"]), (&TRAIN.into(), &TEST.into()));
    scratch.run("data convert small alone.csv --train-only").succeeds();
    assert!(scratch.run("data info --data alone.csv --json").succeeds().json()["test"].is_null());
}

#[test]
fn a_table_is_trained_on_and_evaluated() {
    let scratch = Scratch::new();
    scratch.run("data convert small train.csv").succeeds();
    for kind in ["neighbors", "linear"] {
        scratch.run(&format!("train {kind} --data train.csv")).succeeds();
        let of_table =
            scratch.run(&format!("evaluate {kind}.safetensors --data train.csv --json")).succeeds().json();
        let of_folder =
            scratch.run(&format!("evaluate {kind}.safetensors --data small --json")).succeeds().json();
        assert_eq!(
            of_table["models"][0]["evaluation"]["accuracy"],
            of_folder["models"][0]["evaluation"]["accuracy"]
        );
    }
    scratch.write("only.csv", scratch.read("train.csv"));
    let evaluated = "evaluate linear.safetensors --data only.csv --test-data test.csv";
    scratch.run(evaluated).succeeds().says(&["errors in 200 examples"]);
    scratch.rejects(
        "evaluate linear.safetensors --data only.csv",
        3,
        &["test set of only: found none", "--test-data"],
    );
}

#[test]
fn invalid_targets_of_a_conversion() {
    let scratch = Scratch::new();
    scratch.write("file", "");
    scratch.rejects("data convert small x.xlsx", 2, &[".xlsx", ".npz"]);
    scratch.rejects("data convert small all.csv", 2, &["all.csv", "`train` in it"]);
    scratch.rejects("data convert small train.npy", 2, &["`features`"]);
    scratch.rejects("data convert small small", 3, &["is not empty"]);
    scratch.rejects("data convert small file", 3, &["that is a file; name a folder"]);
    scratch.rejects("data convert small nowhere/train.csv", 3, &["create it first"]);
    scratch.rejects("data convert nothing x.npz", 3, &["cannot open the data nothing"]);
    scratch.rejects("data convert small x.npz --format arff", 2, &["arff"]);
    scratch.rejects("data info --data small --size 0x3", 2, &["0x3"]);
    scratch.rejects("data info --data small --plain --gray", 2, &["--plain"]);
}
