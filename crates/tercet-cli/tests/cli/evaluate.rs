//! `tercet evaluate`.

use crate::common::{Scratch, TEST, write_data};

#[test]
fn one_model() {
    let scratch = Scratch::with_model();
    let outcome = scratch.run("evaluate linear.safetensors --data small").succeeds();
    assert!(outcome.stderr.contains("200 predictions"), "{}", outcome.stderr);
    outcome.says(&[
        "linear.safetensors: linear classifier",
        "95 % interval",
        "of 200 wrong",
        "precision",
        "worst mistakes: test ",
    ]);
}

#[test]
fn two_models_are_compared() {
    let scratch = Scratch::with_model();
    scratch.run("train neighbors --data small").succeeds();
    scratch.run("evaluate linear.safetensors neighbors.safetensors --data small").succeeds().says(&[
        "linear.safetensors: linear",
        "neighbors.safetensors: k nearest neighbours",
        "is right on ",
    ]);
    let json = scratch
        .run("evaluate linear.safetensors neighbors.safetensors --data small --json")
        .succeeds()
        .json();
    assert_eq!(json["models"].as_array().unwrap().len(), 2);
    assert_eq!(json["comparisons"].as_array().unwrap().len(), 1);
    scratch.refuses("evaluate a.st b.st c.st --data small", 2, &["c.st"]);
}

#[test]
fn a_report_on_the_side() {
    let scratch = Scratch::with_model();
    let outcome = scratch.run("evaluate linear.safetensors --data small --report r.html --json").succeeds();
    assert!(outcome.stderr.contains("report: r.html"), "{}", outcome.stderr);
    let html = String::from_utf8(scratch.read("r.html")).unwrap();
    assert!(html.to_lowercase().starts_with("<!doctype html>") && html.contains("linear.safetensors"));
    let json = outcome.json();
    assert_eq!(json["models"][0]["evaluation"]["count"], TEST);
    assert_eq!(json["openings"].as_array().unwrap().len(), 1, "one opening of the test set, on record");
    assert_eq!(json["command"], "tercet evaluate linear.safetensors --data small --report r.html --json");
}

#[test]
fn data_that_is_not_the_model_s_is_refused() {
    let scratch = Scratch::with_model();
    write_data(&scratch.path("eight"), 8);
    scratch.refuses(
        "evaluate linear.safetensors --data eight",
        3,
        &[
            "features of eight: found 64; expected 144",
            "linear.safetensors",
            "learned from small train",
            "--data",
        ],
    );
    scratch.refuses("evaluate linear.safetensors", 3, &["features of MNIST: found 784; expected 144"]);

    scratch.write("small/classes.txt", "rows\ncolumns\ndiagonals\n");
    scratch.refuses(
        "evaluate linear.safetensors --data small",
        3,
        &["classes of small: found rows, columns, diagonals; expected 0, 1, 2"],
    );
}
