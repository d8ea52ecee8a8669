//! `tercet compare`.

use crate::common::{Outcome, Scratch, write_data};

#[test]
fn a_table_and_a_report() {
    let scratch = Scratch::new();
    let outcome = scratch.run("compare --data small").succeeds();
    for stage in [
        "data: ",
        "nearest neighbours",
        "linear classifier",
        "neural network",
        "convolutional network",
        "total time: ",
    ] {
        assert!(outcome.stderr.contains(stage), "no {stage:?} in {}", outcome.stderr);
    }
    let html = String::from_utf8(scratch.read("report.html")).unwrap();
    assert!(html.contains("Four classifiers on small") && html.contains("tercet compare --data small"));
    let outcome =
        outcome.says(&["accuracy (95 %)", "nearest neighbours", "linear classifier", "neural network"]);
    assert!(outcome.stdout.ends_with("\nreport: report.html\n"), "{}", outcome.stdout);
    assert_eq!(scratch.files().len(), 5, "four files of data and the report");
}

#[test]
fn small_images_leave_out_the_convolutional_network() {
    let scratch = Scratch::new();
    write_data(&scratch.path("smaller"), 8);
    let outcome = scratch.run("compare --data smaller --json").succeeds();
    let left_out = "convolutional network: left out, since input of layer 4, conv3-32: found 2 × 2";
    assert!(outcome.stderr.contains(left_out), "{}", outcome.stderr);
    let compare = outcome.json();
    assert_eq!(compare["title"], "Three classifiers on smaller");
    assert_eq!(compare["models"].as_array().unwrap().len(), 3);
}

#[test]
fn models_trained_separately_have_the_same_results() {
    let scratch = Scratch::new();
    let compare = scratch.run("compare --data small -k 5 --hidden 16 --seed 4 --json").succeeds().json();
    assert_eq!(compare["seed"], 4);
    let trainings = [
        "neighbors -k 5",
        "linear --seed 4",
        "network --hidden 16 --seed 4",
        "--recipe ninety-nine --validation 50 --seed 4",
    ];
    for (i, train) in trainings.into_iter().enumerate() {
        scratch.run(&format!("train {train} --data small --out m.safetensors")).succeeds();
        let evaluate = scratch.run("evaluate m.safetensors --data small --json").succeeds().json();
        let (apart, together) = (&evaluate["models"][0]["evaluation"], &compare["models"][i]["evaluation"]);
        assert!(apart["accuracy"].is_number() && apart["confusion"] != serde_json::Value::Null, "{apart}");
        assert_eq!(apart, together, "{train}");
    }
}

#[test]
fn one_seed_gives_one_result() {
    let scratch = Scratch::new();
    let evaluations = |options: &str| {
        let json = scratch.run(&format!("compare --data small --json {options}")).succeeds().json();
        json["models"].as_array().unwrap().iter().map(|m| m["evaluation"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(evaluations("--threads 1"), evaluations("--threads 3"));
}

#[test]
fn k_is_limited_by_the_training_set_without_the_validation_set() {
    let scratch = Scratch::new();
    scratch.run("compare --data small -k 550").succeeds();
    std::fs::remove_file(scratch.path("report.html")).unwrap();
    scratch.rejects(
        "compare --data small -k 551",
        2,
        &["k is 551; expected 1 to 550", "without the 50 of the validation set"],
    );
    scratch.rejects("compare --data small -k 0", 2, &["k is 0; expected 1 to 550"]);
    scratch.rejects("compare --data small --validation 600", 2, &["validation is 600"]);
    scratch.rejects("compare --data small --hidden 0", 2, &["hidden"]);
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf_8_does_not_panic() {
    use std::os::unix::ffi::OsStrExt;
    let scratch = Scratch::new();
    let mut command = scratch.command("compare --data small --report");
    let outcome = Outcome::of(command.arg(std::ffi::OsStr::from_bytes(b"r\xff.html")));
    // Not every file system allows such a name.
    assert!(matches!(outcome.code, Some(0 | 3)), "{outcome:?}");
}
