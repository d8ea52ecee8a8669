//! `tercet tune`.

use crate::common::{Outcome, Scratch};

/// The settings of the trials, in order.
fn trials(outcome: &Outcome) -> Vec<serde_json::Value> {
    outcome.json()["trials"].as_array().unwrap().clone()
}

#[test]
fn a_grid_of_neighbours() {
    let scratch = Scratch::new();
    let arguments = "tune neighbors --data small -k 1,3,5 --metric l1,l2 --vote uniform";
    let outcome = scratch.run(arguments).succeeds();
    assert!(outcome.stderr.contains("6 of 6: ") && outcome.stderr.contains("report: tuning.html"));
    outcome.says(&["accuracy", "best: metric l"]);
    let html = String::from_utf8(scratch.read("tuning.html")).unwrap();
    assert!(html.to_lowercase().starts_with("<!doctype html>"));
    assert_eq!(trials(&scratch.run(&format!("{arguments} --json")).succeeds()).len(), 6);
}

#[test]
fn grids_of_linear_classifiers_and_networks() {
    let scratch = Scratch::new();
    let linear = "tune linear --data small --epochs 1 --lr 0.01,0.1 --reg 0,1e-4 --report l.html --json";
    assert_eq!(trials(&scratch.run(linear).succeeds()).len(), 4);
    let network =
        "tune network --data small --epochs 1 --hidden 8,8x6 --lr 0.1 --batch 20,50 --report n.html --json";
    let trials = trials(&scratch.run(network).succeeds());
    assert_eq!(trials.len(), 4);
    assert!(trials.iter().any(|trial| trial["settings"]["network"]["hidden"] == serde_json::json!([8, 6])));
    assert!(scratch.path("l.html").is_file() && scratch.path("n.html").is_file());
    assert!(!scratch.path("tuning.html").exists());
}

#[test]
fn any_keys_of_a_recipe() {
    let scratch = Scratch::new();
    let arguments = "tune recipe lecture --data small --vary hidden=[5],[7] --vary train.learning_rate=0.05,1e30 \
                     --vary train.length={iterations=20} --best best.toml";
    let outcome = scratch.run(&format!("{arguments} --json")).succeeds();
    let trials = trials(&outcome);
    assert_eq!(trials.len(), 4);
    assert_eq!(trials.iter().filter(|trial| !trial["diverged"].is_null()).count(), 2);
    let best = &trials[0]["settings"]["recipe"]["set"];
    assert_eq!(best[1], serde_json::json!(["train.learning_rate", 0.05]));
    // The best recipe can be trained.
    scratch.run("train --recipe best.toml --data small --validation 50").succeeds();
    scratch.run(arguments).succeeds().says(&["best: hidden [", "train.learning_rate 0.05"]);

    scratch.rejects(
        "tune recipe lecture --data small --vary train.lr=1",
        3,
        &["train.lr = 1", "learning_rate"],
    );
    scratch.rejects("tune recipe lecture --data small --vary seed=1,2", 2, &["seed"]);
    scratch.rejects("tune recipe knn-shifted --vary k=1", 2, &["gradient descent"]);
    scratch.rejects("tune recipe lecture", 2, &["--vary"]);
}

#[test]
fn a_random_search_draws_from_ranges_and_is_reproducible() {
    let scratch = Scratch::new();
    let search = |seed| {
        let arguments = format!(
            "tune network --data small --epochs 1 --random 4 --hidden 4..16 --lr 0.001..0.1 --seed {seed} \
             --json"
        );
        let outcome = scratch.run(&arguments).succeeds();
        trials(&outcome)
            .iter()
            .map(|trial| (trial["settings"].clone(), trial["accuracy"].clone()))
            .collect::<Vec<_>>()
    };
    let first = search(1);
    assert_eq!(first.len(), 4);
    for (settings, _) in &first {
        let rate = settings["network"]["training"]["learning_rate"].as_f64().unwrap();
        assert!((0.000_999..=0.100_001).contains(&rate), "{rate}");
    }
    assert_eq!(search(1), first);
    assert_ne!(search(2), first);
}

#[test]
fn folds_instead_of_one_part() {
    let scratch = Scratch::new();
    let arguments = "tune neighbors --data small -k 3 --vote uniform --folds 4";
    let outcome = scratch.run(&format!("{arguments} --json")).succeeds();
    assert!(outcome.stderr.contains("4-fold cross-validation"), "{}", outcome.stderr);
    assert_eq!(outcome.json()["plan"]["validation"]["k-fold"], 4);
    scratch.run("tune linear --data small --epochs 1 --lr 0.02 --folds 3").succeeds().says(&["± s.e."]);
    scratch.rejects(&format!("{arguments} --validation 50"), 2, &["--folds", "--validation"]);
}

#[test]
fn a_diverged_trial_is_ranked_last() {
    let scratch = Scratch::new();
    let outcome = scratch.run("tune linear --data small --epochs 1 --lr 0.02,1e30").succeeds();
    outcome.says(&["diverged at step", "best: "]);
}

#[test]
fn invalid_searches_are_rejected() {
    let scratch = Scratch::new();
    for (arguments, words) in [
        ("tune neighbors -k 0", ["k is 0", "1"].as_slice()),
        ("tune neighbors -k 601", &["k is 601"]),
        ("tune neighbors -k 1,x", &["-k is \"1,x\"", "\"x\" is not a value"]),
        ("tune neighbors -k 1..9", &["-k is the range 1..9", "add --random"]),
        ("tune neighbors -k 9..1 --random 3", &["k is 9 to 1"]),
        ("tune neighbors --folds 1", &["folds is 1"]),
        ("tune neighbors --random 0", &["the number of trials is 0"]),
        ("tune neighbors --metric l7", &["l7", "cosine"]),
        ("tune network --hidden 8,,8", &["--hidden"]),
        ("tune network --lr 0.1,-1", &["learning rate is -1"]),
        ("tune linear --lr 0..1 --random 3", &["learning rate is 0.0 to 1.0"]),
        ("tune linear --epochs 0", &["epochs is 0"]),
        ("tune linear --validation 600", &["validation is 600"]),
    ] {
        scratch.rejects(&format!("{arguments} --data small"), 2, words);
    }
    scratch.rejects("tune linear --data small --report nowhere/t.html", 3, &["there is no folder nowhere"]);
}
