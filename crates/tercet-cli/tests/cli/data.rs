//! `tercet data`.

use crate::common::{SIDE, Scratch, TEST, TRAIN};

#[test]
fn info_of_a_folder() {
    let scratch = Scratch::new();
    let outcome = scratch.run("data info --data small").succeeds();
    assert_eq!(outcome.stderr, "");
    let outcome =
        outcome.says(&["small", "144 (12 × 12)", "test examples that also stand in the training set: 0"]);
    let line = |start: &str| {
        let line = outcome.stdout.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("examples"), ["examples", "600", "200"]);
    assert_eq!(line("2 "), ["2", "200", "66"]);

    let json = scratch.run("data info --data small --json").succeeds().json();
    assert_eq!(json["train"]["examples"], TRAIN);
    assert_eq!(json["test"]["examples"], TEST);
    assert_eq!(json["test"]["classes"][2]["examples"], 66);
    assert_eq!(json["duplicates_across"], serde_json::json!([]));
}

#[test]
fn info_of_mnist_which_is_the_default() {
    let json = Scratch::empty().run("data info --json").succeeds().json();
    assert_eq!(json["name"], "MNIST");
    assert_eq!((&json["train"]["examples"], &json["test"]["examples"]), (&60_000.into(), &10_000.into()));
    assert_eq!(json["train"]["features"], 784);
}

#[test]
fn a_folder_without_a_test_set_has_one_column() {
    let scratch = Scratch::new();
    for file in ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        std::fs::remove_file(scratch.path("small").join(file)).unwrap();
    }
    let outcome = scratch.run("data info --data small").succeeds();
    assert!(!outcome.stdout.contains("test"), "{}", outcome.stdout);
    assert!(scratch.run("data info --data small --json").succeeds().json()["test"].is_null());
    scratch.run("data show --data small").succeeds();
    scratch.refuses(
        "data show --test --data small",
        3,
        &["test set of small: found none", "t10k-images-idx3-ubyte"],
    );
    scratch.run("train linear --data small").succeeds();
    scratch.refuses("evaluate linear.safetensors --data small", 3, &["test set of small: found none"]);
    scratch.refuses("compare --data small", 3, &["test set of small: found none"]);
}

#[test]
fn show_draws_text() {
    let scratch = Scratch::new();
    let train = scratch.run("data show --data small").succeeds().stdout;
    let test = scratch.run("data show --data small --test").succeeds().stdout;
    assert_ne!(train, test);
    for text in [&train, &test] {
        assert!(["0 ", "1 ", "2 "].iter().all(|class| text.lines().any(|line| line.starts_with(class))));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    let one = scratch.run("data show --data small --columns 1").succeeds().stdout;
    assert!(one.lines().all(|line| line.chars().count() <= 2 + SIDE), "{one}");
}

#[test]
fn show_writes_a_png() {
    let scratch = Scratch::new();
    let outcome = scratch.run("data show --data small --columns 4 --out sheet.png").succeeds();
    assert_eq!(outcome.stdout, "sheet.png\n");
    let sheet = image::load_from_memory(&scratch.read("sheet.png")).unwrap();
    assert!(sheet.width() as usize >= 4 * SIDE && sheet.height() as usize >= 3 * SIDE);
    scratch.refuses("data show --data small --columns 0", 2, &["columns is 0"]);
    scratch.refuses("data show --data small --out nowhere/x.png", 3, &["nowhere", "create it first"]);
}
