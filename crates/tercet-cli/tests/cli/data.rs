//! `tercet data`.

use crate::common::{SIDE, Scratch, TEST, TRAIN};

#[test]
fn info_of_a_folder() {
    let scratch = Scratch::new();
    let outcome = scratch.run("data info --data small").succeeds();
    assert_eq!(outcome.stderr, "");
    let outcome =
        outcome.says(&["small", "144 (12 × 12)", "test examples that are also in the training set: 0"]);
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
    scratch.rejects(
        "data show --test --data small",
        3,
        &["test set of small: found none", "t10k-images-idx3-ubyte"],
    );
    scratch.run("train linear --data small").succeeds();
    scratch.rejects("evaluate linear.safetensors --data small", 3, &["test set of small: found none"]);
    scratch.rejects("compare --data small", 3, &["test set of small: found none"]);
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
    scratch.rejects("data show --data small --columns 0", 2, &["columns is 0"]);
    scratch.rejects("data show --data small --out nowhere/x.png", 3, &["nowhere", "create it first"]);
}

const BENDING: &str = r#"
description = "bends"
kind = "linear"

[train]
loss = "softmax"
reg = 0
batch = 20
length = { epochs = 1 }
learning_rate = 0.1

[train.augment]
rotate = 10
elastic = { rms = 1, sigma = 3 }
"#;

#[test]
fn augmented_pictures_are_shown_next_to_the_originals() {
    let scratch = Scratch::new();
    scratch.write("bend.toml", BENDING);
    let show = "data show --data small --augment bend.toml --columns 4";
    let shown = |seed: u64| {
        scratch.run(&format!("{show} --seed {seed} --out sheet.png")).succeeds();
        image::load_from_memory(&scratch.read("sheet.png")).unwrap().to_rgb8()
    };
    let (first, second) = (shown(1), shown(2));
    assert!(shown(1) == first && first.dimensions() == second.dimensions());
    // The first column, including its margins, shows the originals.
    let column = |sheet: &image::RgbImage, from: u32| {
        image::imageops::crop_imm(sheet, from, 0, 4 * SIDE as u32, sheet.height()).to_image()
    };
    assert!(column(&first, 12) == column(&second, 12));
    assert!(column(&first, first.width() - 60) != column(&second, first.width() - 60));
    let text = scratch.run(show).succeeds().stdout;
    assert!(["0 ", "1 ", "2 "].iter().all(|class| text.lines().any(|line| line.starts_with(class))));

    scratch.write("still.toml", BENDING.split("[train.augment]").next().unwrap());
    scratch.rejects(
        "data show --data small --augment still.toml",
        2,
        &["the recipe still.toml has no augmentation", "[train.augment]"],
    );
    scratch.rejects("data show --augment exact", 2, &["the recipe exact has no augmentation"]);
    scratch.rejects("data show --augment nowhere.toml", 3, &["nowhere.toml", "two-layer-elastic"]);
    scratch.rejects("data show --data small --seed 3", 2, &["--augment"]);
    scratch.run("train --recipe bend.toml --data small").succeeds();
    scratch.write("bend.toml", BENDING.replace("sigma = 3", "sigma = 0"));
    scratch.rejects(show, 3, &["bend.toml: found augment.elastic.sigma 0; expected a number of pixels"]);
}

/// The small set, with test example 7 also in the training set, with another label.
fn scratch_with_a_duplicate() -> Scratch {
    let scratch = Scratch::new();
    let file = |name: &str| scratch.path("small").join(name);
    let bytes = |name: &str| match tercet::data::read_idx(&file(name)).unwrap().values {
        tercet::data::Values::U8(values) => values,
        _ => panic!("bytes"),
    };
    let (mut images, mut labels) = (bytes("train-images-idx3-ubyte"), bytes("train-labels-idx1-ubyte"));
    let size = SIDE * SIDE;
    images[5 * size..6 * size].copy_from_slice(&bytes("t10k-images-idx3-ubyte")[7 * size..8 * size]);
    labels[5] = (bytes("t10k-labels-idx1-ubyte")[7] + 1) % 3;
    let write = |name: &str, dimensions, values| {
        let values = tercet::data::Values::U8(values);
        tercet::data::write_idx(&file(name), &tercet::data::Idx { dimensions, values }).unwrap();
    };
    write("train-images-idx3-ubyte", vec![TRAIN, SIDE, SIDE], images);
    write("train-labels-idx1-ubyte", vec![TRAIN], labels);
    scratch
}

#[test]
fn check_finds_duplicates_and_label_errors() {
    let scratch = scratch_with_a_duplicate();
    let check = "data check --data small --recipe network --folds 3";
    let outcome = scratch.run(&format!("{check} --report check.html")).succeeds();
    assert!(outcome.stderr.contains("report: check.html"), "{}", outcome.stderr);
    outcome.says(&["train – test", "train 5", "test 7", "label errors in the training set", "neighbours"]);
    let page = String::from_utf8(scratch.read("check.html")).unwrap();
    for words in ["Check of small", "Data check", "Possible label errors", "train #5", "data check"] {
        assert!(page.contains(words), "no {words:?} on the page");
    }

    let json = scratch.run(&format!("{check} --json")).succeeds().json();
    let exact = &json["check"]["leakage"]["exact"];
    assert_eq!(exact.as_array().unwrap().len(), 1, "{exact}");
    assert_eq!((&exact[0]["first"]["index"], &exact[0]["second"]["index"]), (&5.into(), &7.into()));
    assert_eq!(exact[0]["second"]["partition"], "test");
    assert_ne!(exact[0]["labels"][0], exact[0]["labels"][1]);
    let suspects = json["check"]["label_errors"]["train"].as_array().unwrap();
    assert!(suspects.iter().any(|suspect| suspect["index"] == 5), "{suspects:?}");
    assert_eq!(json["openings"].as_array().unwrap().len(), 1);
}

#[test]
fn check_can_skip_the_test_set_and_the_labels() {
    let scratch = scratch_with_a_duplicate();
    let json = scratch.run("data check --data small --duplicates --train-only --json").succeeds().json();
    assert_eq!(json["check"]["leakage"]["exact"], serde_json::json!([]));
    assert_eq!(
        (&json["openings"], &json["check"]["label_errors"]),
        (&serde_json::json!([]), &serde_json::Value::Null)
    );
    let outcome = scratch.run("data check --data small --duplicates --near 0 --validation 0").succeeds();
    assert!(
        !outcome.stdout.contains("nearly") && !outcome.stdout.contains("validation"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn check_rejects_invalid_options() {
    let scratch = Scratch::new();
    scratch.rejects("data check --data small --near 2", 2, &["near is 2; expected a share from 0 to 1"]);
    scratch.rejects("data check --data small --near -1", 2, &["near is -1"]);
    scratch.rejects("data check --data small --folds 1 --recipe network", 2, &["folds is 1"]);
    scratch.rejects("data check --data small -k 0 --recipe network --folds 2", 2, &["k is 0"]);
    scratch.rejects("data check --data small --recipe linear", 2, &["expected softmax"]);
    scratch.rejects("data check --data small --recipe exact", 2, &["the recipe exact trains no network"]);
    scratch.rejects("data check --data small --duplicates -k 3", 2, &["--duplicates"]);
    scratch.rejects("data check --data small --report nowhere/x.html", 3, &["nowhere", "create it first"]);
}
