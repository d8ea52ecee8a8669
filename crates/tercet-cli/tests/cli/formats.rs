//! Data in other formats than IDX: converted, looked at, learned from.

use crate::common::{Scratch, TEST, TRAIN};

#[test]
fn what_is_converted_is_the_same_data() {
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
    // Pictures come class by class.
    scratch.run("data convert small pictures --format pictures").succeeds();
    let info = scratch.run("data info --data pictures --json").succeeds().json();
    assert_eq!((&info["train"]["examples"], &info["test"]["examples"]), (&TRAIN.into(), &TEST.into()));
    scratch.run("data convert small alone.csv --train-only").succeeds();
    assert!(scratch.run("data info --data alone.csv --json").succeeds().json()["test"].is_null());
}

#[test]
fn a_table_is_learned_from_and_judged() {
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
    scratch.run(evaluated).succeeds().says(&["of 200 wrong"]);
    scratch.refuses(
        "evaluate linear.safetensors --data only.csv",
        3,
        &["test set of only: found none", "--test-data"],
    );
}

#[test]
fn places_and_names_that_cannot_be_converted_to() {
    let scratch = Scratch::new();
    scratch.write("file", "");
    scratch.refuses("data convert small x.xlsx", 2, &[".xlsx", ".npz"]);
    scratch.refuses("data convert small all.csv", 2, &["all.csv", "`train` in it"]);
    scratch.refuses("data convert small train.npy", 2, &["`features`"]);
    scratch.refuses("data convert small small", 3, &["has something in it"]);
    scratch.refuses("data convert small file", 3, &["that is a file; name a folder"]);
    scratch.refuses("data convert small nowhere/train.csv", 3, &["create it first"]);
    scratch.refuses("data convert nothing x.npz", 3, &["cannot open the data nothing"]);
    scratch.refuses("data convert small x.npz --format arff", 2, &["arff"]);
    scratch.refuses("data info --data small --size 0x3", 2, &["0x3"]);
    scratch.refuses("data info --data small --plain --gray", 2, &["--plain"]);
}
