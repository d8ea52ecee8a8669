//! `tercet train linear --solver dual`.

use serde_json::json;
use tercet::model::ModelFile;

use crate::common::Scratch;

#[test]
fn the_gap_is_printed_and_kept() {
    let scratch = Scratch::new();
    let outcome = scratch
        .run("train linear --data small --solver dual --reg 1e-3 --margin 2 --tolerance 1e-4")
        .succeeds();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(
        lines[0].starts_with("reg 1e-3: objective ") && lines[0].contains(", gap "),
        "{}",
        outcome.stdout
    );
    assert!(lines[1].starts_with("linear.safetensors ("), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("epoch 1.0: objective "), "{}", outcome.stderr);
    let card = ModelFile::load(&scratch.path("linear.safetensors")).unwrap().card;
    assert_eq!(card.settings["solver"], "dual");
    assert_eq!(card.settings["loss"], json!({ "svm": { "margin": 2.0 } }));
    let metrics = &card.metrics;
    assert!(metrics["relative gap"] <= 1e-4 && metrics["bound on the objective"] <= metrics["objective"]);
    assert!(metrics["epochs"] >= 1.0 && metrics.contains_key("validation accuracy"));
    scratch.run("evaluate linear.safetensors --data small").succeeds();
}

#[test]
fn reg_can_be_chosen() {
    let scratch = Scratch::new();
    for options in ["", " --folds 3"] {
        scratch.run(&format!("train linear --data small --solver dual --reg auto{options}")).succeeds();
        let settings = ModelFile::load(&scratch.path("linear.safetensors")).unwrap().card.settings;
        let choice = &settings["choice of reg"];
        assert_eq!(choice["reg"], settings["reg"]);
        let points = choice["points"].as_array().unwrap();
        let best = points.iter().map(|p| p["correct"].as_u64().unwrap()).max().unwrap();
        assert_eq!(points.iter().find(|p| p["correct"] == best).unwrap()["reg"], settings["reg"]);
        assert_eq!(points[0]["count"], if options.is_empty() { 50 } else { 550 });
    }
}

#[test]
fn the_same_file_for_any_number_of_threads() {
    let scratch = Scratch::new();
    let mut files = ["1", "2", "3", "4"].map(|threads| {
        scratch.run(&format!("train linear --data small --solver dual --threads {threads}")).succeeds();
        scratch.read("linear.safetensors")
    });
    assert!(files.iter().all(|file| *file == files[0]));
    scratch.run("train linear --data small --solver dual --seed 1").succeeds();
    files[1] = scratch.read("linear.safetensors");
    assert!(files[1] != files[0]);
}

#[test]
fn options_of_the_other_solver_are_refused() {
    let scratch = Scratch::new();
    let dual = "train linear --data small --solver dual";
    scratch.refuses(&format!("{dual} --lr 0.1"), 2, &["--lr belongs to gradient descent"]);
    scratch.refuses(&format!("{dual} --loss softmax"), 2, &["--loss softmax belongs to gradient descent"]);
    scratch.refuses(&format!("{dual} --folds 3"), 2, &["--folds belongs to --reg auto"]);
    scratch.refuses(&format!("{dual} --reg 0"), 2, &["reg is 0"]);
    scratch.refuses(&format!("{dual} --tolerance -1"), 2, &["tolerance is -1"]);
    scratch.refuses("train linear --data small --tolerance 0.1", 2, &["--solver dual"]);
    scratch.refuses("train linear --data small --reg auto", 2, &["--reg auto belongs to the exact solver"]);
    scratch.refuses("train network --data small --reg auto", 2, &["--reg auto belongs to the exact solver"]);
}
