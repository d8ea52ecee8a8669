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
        "errors in 200 examples",
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
    scratch.rejects("evaluate a.st b.st c.st --data small", 2, &["c.st"]);
}

#[test]
fn a_report() {
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
fn data_that_is_not_the_model_s_is_rejected() {
    let scratch = Scratch::with_model();
    write_data(&scratch.path("eight"), 8);
    scratch.rejects(
        "evaluate linear.safetensors --data eight",
        3,
        &[
            "features of eight: found 64; expected 144",
            "linear.safetensors",
            "trained on small train",
            "--data",
        ],
    );
    scratch.rejects("evaluate linear.safetensors", 3, &["features of MNIST: found 784; expected 144"]);

    scratch.write("small/classes.txt", "rows\ncolumns\ndiagonals\n");
    scratch.rejects(
        "evaluate linear.safetensors --data small",
        3,
        &["classes of small: found rows, columns, diagonals; expected 0, 1, 2"],
    );
}

/// Two networks with different seeds, and a linear classifier without probabilities.
fn scratch_with_networks() -> Scratch {
    let scratch = Scratch::with_model();
    for (name, seed) in [("a", 1), ("b", 2)] {
        let train = "train network --data small --hidden 8 --epochs 1";
        scratch.run(&format!("{train} --seed {seed} --out {name}.st")).succeeds();
    }
    scratch
}

fn errors(scratch: &Scratch, arguments: &str) -> serde_json::Value {
    scratch.run(&format!("evaluate {arguments} --data small --json")).succeeds().json()
}

#[test]
fn shifts_and_ensembles_are_averaged_and_recorded() {
    let scratch = scratch_with_networks();
    let plain = errors(&scratch, "a.st");
    let shifted = errors(&scratch, "a.st --test-time-shifts 1");
    assert_ne!(plain["models"][0]["evaluation"], shifted["models"][0]["evaluation"]);
    let recorded = serde_json::json!([
        "test-time shifts",
        "mean scores of the picture and its shifts by 1 pixels in four directions"
    ]);
    let settings = |json: &serde_json::Value| json["models"][0]["settings"].as_array().unwrap().clone();
    assert!(settings(&shifted).contains(&recorded), "{:?}", settings(&shifted));
    assert!(!settings(&plain).contains(&recorded));

    // An ensemble of a network with itself predicts the same as the network.
    let twice = errors(&scratch, "a.st --ensemble a.st");
    assert_eq!(twice["models"][0]["evaluation"]["correct"], plain["models"][0]["evaluation"]["correct"]);
    scratch
        .run("evaluate a.st --ensemble b.st linear.safetensors --data small")
        .fails(2, &["linear.safetensors has no probabilities", "--loss softmax"]);
    scratch
        .run("evaluate a.st --ensemble b.st --test-time-shifts 2 --data small")
        .succeeds()
        .says(&["a.st with b.st: ensemble of 2, the first a two-layer network", "shifts by 2 pixels"]);
    let both = errors(&scratch, "a.st --ensemble b.st");
    assert_eq!(both["openings"][0]["reason"], "evaluate a.st with b.st");
    // Two models are compared with shifts as well.
    assert_eq!(
        errors(&scratch, "a.st b.st --test-time-shifts 1")["comparisons"].as_array().unwrap().len(),
        1
    );
    errors(&scratch, "linear.safetensors --test-time-shifts 1");
}

#[test]
fn invalid_averages_are_rejected() {
    let scratch = scratch_with_networks();
    scratch.rejects(
        "evaluate a.st b.st --ensemble a.st --data small",
        2,
        &["--ensemble makes one model of several"],
    );
    scratch.rejects("evaluate a.st --test-time-shifts 0 --data small", 2, &["--test-time-shifts"]);
    scratch.rejects(
        "evaluate a.st --test-time-shifts 12 --data small",
        2,
        &["shifts is 12; expected at least 1 pixel"],
    );
    scratch.rejects("evaluate a.st --ensemble nowhere.st --data small", 3, &["nowhere.st"]);
    write_data(&scratch.path("eight"), 8);
    scratch.run("train network --data eight --epochs 1 --out eight.st").succeeds();
    scratch.rejects(
        "evaluate a.st --ensemble eight.st --data small",
        3,
        &["input of eight.st: found images of 8 × 8 pixels; expected images of 12 × 12 pixels"],
    );
}

#[test]
fn confidence_robustness_and_the_data_check() {
    let scratch = scratch_with_networks();
    let line = "evaluate a.st linear.safetensors --data small --robustness --check-data";
    let outcome = scratch.run(&format!("{line} --report r.html")).succeeds();
    outcome.says(&[
        "expected calibration error",
        "fitted on the validation set, 50 examples",
        "selective prediction: ",
        "rotation ±20°",
        "inversion",
        "label errors in the test set",
    ]);
    let page = String::from_utf8(scratch.read("r.html")).unwrap();
    for words in ["model-0-reliability", "model-1-coverage", "id=\"robustness\"", "id=\"data\"", "× 0.25"] {
        assert!(page.contains(words), "no {words:?} on the page");
    }
    assert!(!page.contains("model-1-reliability"), "the SVM loss has no probabilities");

    let json = scratch.run(&format!("{line} --json")).succeeds().json();
    let (network, linear) = (&json["models"][0], &json["models"][1]);
    assert_eq!(network["robustness"].as_array().unwrap().len(), 17);
    assert!(network["confidence"]["scaled"]["temperature"].as_f64().is_some_and(|t| t > 0.0));
    assert!(linear["confidence"]["calibration"].is_null() && linear["confidence"]["scaled"].is_null());
    let points = linear["confidence"]["selective"]["points"].as_array().unwrap();
    let last = points.last().unwrap();
    assert_eq!((&last["coverage"], &last["accuracy"]), (&1.0.into(), &linear["evaluation"]["accuracy"]));
    assert!(json["check"]["label_errors"]["test"].is_array());
    assert_eq!(json["openings"].as_array().unwrap().len(), 1, "the test set is opened once for all of it");
}

/// A model that was trained on other examples, or on all of them, has no validation set for a temperature.
#[test]
fn a_temperature_is_fitted_on_the_validation_set_only() {
    let scratch = scratch_with_networks();
    scratch.run("train network --data small --hidden 8 --epochs 1 --validation 0 --out all.st").succeeds();
    write_data(&scratch.path("other"), 12);
    scratch.write("other/train-labels-idx1-ubyte", {
        let mut labels = scratch.read("small/train-labels-idx1-ubyte");
        labels[8] = (labels[8] + 1) % 3;
        labels
    });
    for arguments in ["all.st --data small", "a.st --data other", "a.st --data small --test-time-shifts 1"] {
        let json = scratch.run(&format!("evaluate {arguments} --json")).succeeds().json();
        let confidence = &json["models"][0]["confidence"];
        assert!(confidence["scaled"].is_null() && confidence["calibration"].is_object(), "{arguments}");
    }
}

#[test]
fn features_cannot_be_corrupted() {
    let scratch = Scratch::empty();
    let rows: String = (0..60).map(|i| format!("{}.5,{}\n", i % 7, ["a", "b"][i % 2])).collect();
    scratch.write("x_train.csv", &rows);
    scratch.write("x_test.csv", &rows);
    scratch.run("train linear --data x_train.csv --out m.st").succeeds();
    scratch.run("evaluate m.st --data x_train.csv").succeeds();
    scratch.rejects(
        "evaluate m.st --data x_train.csv --robustness",
        3,
        &["found features; expected images, to be corrupted"],
    );
}
