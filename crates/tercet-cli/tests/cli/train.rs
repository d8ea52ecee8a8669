//! `tercet train`.

use std::ops::ControlFlow;

use serde_json::json;
use tercet::Model;
use tercet::neighbors::Priors;

use crate::common::{CLASSES, Scratch, TRAIN};

const RECIPE: &str = "\
description = \"A small network\"
kind = \"network\"
hidden = [8, 6]
seed = 5
validation = 60

[train]
loss = \"softmax\"
reg = 1e-5
batch = 20
length = { iterations = 60 }
learning_rate = 0.1
validate_every = 20
";

#[test]
fn each_kind_becomes_a_model_file_with_its_card() {
    let scratch = Scratch::new();
    for kind in ["neighbors", "linear", "network"] {
        let outcome = scratch.run(&format!("train {kind} --data small")).succeeds();
        let file = format!("{kind}.safetensors");
        assert!(outcome.stdout.starts_with(&format!("{file} (")) && outcome.stdout.lines().count() == 1);
        assert!(!outcome.stderr.is_empty());
        let model = Model::load(&scratch.path(&file)).unwrap();
        assert_eq!(model.classifier().kind(), kind);
        assert_eq!(model.card.classes.len(), CLASSES);
        assert_eq!(model.card.data.as_ref().unwrap().name, "small train");
        let random = kind != "neighbors";
        assert_eq!(model.card.seed, random.then_some(0));
        assert_eq!(model.card.metrics.contains_key("validation accuracy"), random);
        assert!(model.card.openings.is_empty(), "training must not open the test set");
    }
}

#[test]
fn settings_arrive_in_the_model() {
    let scratch = Scratch::new();
    scratch
        .run(
            "train network --data small --hidden 9,7 --init 1e-2 --loss svm --margin 2 --lr 0.05 --schedule \
             cosine --momentum 0.5 --reg 1e-3 --batch 10 --iterations 40 --validate-every 10 --patience 9 \
             --validation 100 --seed 3 --out m.safetensors --losses losses.csv",
        )
        .succeeds();
    let settings = Model::load(&scratch.path("m.safetensors")).unwrap().card.settings;
    assert_eq!((&settings["hidden"], &settings["seed"]), (&json!([9, 7]), &json!(3)));
    assert_eq!(settings["validation"], 100);
    let train = &settings["train"];
    assert_eq!(train["loss"]["svm"]["margin"], 2.0);
    assert_eq!((&train["length"]["iterations"], &train["patience"]), (&json!(40), &json!(9)));
    assert_eq!(train["schedule"], "cosine");

    let losses = String::from_utf8(scratch.read("losses.csv")).unwrap();
    let lines: Vec<&str> = losses.lines().collect();
    assert_eq!((lines.len(), lines[0]), (41, "step,loss,validation_loss,validation_accuracy"));
    assert!(lines[9].ends_with(",,") && !lines[10].ends_with(",,"), "{}", lines[10]);

    scratch
        .run("train neighbors --data small -k 5 --metric cosine --vote distance --out n.safetensors")
        .succeeds();
    let settings = Model::load(&scratch.path("n.safetensors")).unwrap().card.settings;
    let description = "5 nearest neighbours";
    assert_eq!(
        settings,
        json!({ "description": description, "kind": "neighbors", "k": 5, "metric": "cosine", "vote": "distance" })
    );
}

#[test]
fn progress_is_printed_as_in_the_lecture() {
    let stderr = Scratch::new().run("train network --data small --iterations 200").succeeds().stderr;
    let checks: Vec<&str> = stderr.lines().filter(|line| line.starts_with("iteration ")).collect();
    assert_eq!(checks.len(), 2, "{stderr}");
    assert!(checks[0].starts_with("iteration 100: average loss = "), "{stderr}");
    assert!(stderr.contains("550 training examples, 50 validation examples"), "{stderr}");
}

#[test]
fn a_recipe_contains_everything() {
    let scratch = Scratch::new();
    scratch.write("mine.toml", RECIPE);
    scratch.run("train --recipe mine.toml --data small --losses losses.csv").succeeds();
    let card = Model::load(&scratch.path("network.safetensors")).unwrap().card;
    assert_eq!((card.seed, &card.settings["hidden"]), (Some(5), &json!([8, 6])));
    assert_eq!(scratch.read("losses.csv").split(|&byte| byte == b'\n').count(), 62);

    // The same with flags, except the description.
    scratch
        .run(
            "train network --data small --hidden 8,6 --seed 5 --validation 60 --batch 20 --iterations 60 \
             --lr 0.1 --validate-every 20 --momentum 0 --schedule constant --out words.safetensors",
        )
        .succeeds();
    let words = Model::load(&scratch.path("words.safetensors")).unwrap();
    let recipe = Model::load(&scratch.path("network.safetensors")).unwrap();
    assert_eq!(words.classifier(), recipe.classifier());

    let out = "train --recipe mine.toml --data small --seed 6 --out six.safetensors";
    scratch.run(out).succeeds();
    assert_eq!(Model::load(&scratch.path("six.safetensors")).unwrap().card.seed, Some(6));
}

#[test]
fn the_lecture_s_recipe_is_built_in() {
    let scratch = Scratch::new();
    scratch.rejects("train --recipe lecture --data small", 2, &["validation is 5000", "less than 600"]);
    let outcome = scratch.run("train --recipe lecture --data small --validation 60").succeeds();
    assert!(outcome.stderr.contains("iteration 1,500: average loss = "), "{}", outcome.stderr);
    let settings = Model::load(&scratch.path("network.safetensors")).unwrap().card.settings;
    assert_eq!(settings["hidden"], json!([36]));
}

#[test]
fn invalid_recipes_are_rejected() {
    let scratch = Scratch::new();
    scratch.write("mine.toml", RECIPE.replace("batch", "batsh"));
    scratch.rejects("train --recipe mine.toml --data small", 3, &["mine.toml", "line 10", "batsh"]);
    scratch.rejects(
        "train --recipe lektion --data small",
        3,
        &["cannot read lektion", "lecture, linear, ", ", network, "],
    );
    scratch.rejects("train --recipe lecture linear", 2, &["--recipe says which kind to train"]);
    scratch.rejects("train --seed 1 linear --data small", 2, &["--seed belongs after the kind"]);
    scratch.rejects("train --data small", 2, &["neighbors, linear, network or cnn", "--recipe"]);
}

#[test]
fn the_same_seed_gives_the_same_file_for_any_number_of_threads() {
    let scratch = Scratch::new();
    for kind in ["linear --epochs 3", "network --epochs 3 --hidden 32"] {
        let train = |options: &str| {
            let out = format!("train {kind} --data small --out m.safetensors {options}");
            scratch.run(&out).succeeds();
            scratch.read("m.safetensors")
        };
        let first = train("");
        for options in ["", "--threads 1", "--threads 2", "--threads 3"] {
            assert!(train(options) == first, "{kind} {options}");
        }
        assert!(train("--seed 1") != first, "{kind}");
    }
}

#[test]
fn common_options_may_precede_the_kind() {
    let scratch = Scratch::new();
    scratch.run("train --quiet --threads 2 --data small --out m.safetensors linear --epochs 1").succeeds();
    assert!(scratch.path("m.safetensors").is_file());
}

#[test]
fn k_may_be_all_examples() {
    let scratch = Scratch::new();
    scratch.run(&format!("train neighbors --data small -k {TRAIN}")).succeeds();
}

#[test]
fn k_can_be_chosen_by_leave_one_out() {
    let scratch = Scratch::new();
    let outcome = scratch.run("train neighbors --data small -k auto").succeeds();
    assert!(
        outcome
            .stderr
            .contains("600 examples, each classified by its 15 nearest neighbours among the others"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stderr.contains("leave-one-out for k = 1 to 15: "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("plot: neighbors.k.html"), "{}", outcome.stderr);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert!(lines[0].contains("accuracy") && lines[15].trim_start().starts_with("15 "), "{}", outcome.stdout);
    assert!(lines.last().unwrap().starts_with("neighbors.safetensors ("), "{}", outcome.stdout);

    // The last line, the table, the model and the library agree.
    let model = Model::load(&scratch.path("neighbors.safetensors")).unwrap();
    let classifier = model.classifier().neighbors().unwrap();
    let choice = classifier.choose_k(15, &|_, _| ControlFlow::Continue(())).unwrap().unwrap();
    assert_eq!(classifier.k(), choice.k);
    let accuracy = format!("{:.2} %", 100.0 * choice.best().accuracy);
    let chosen = format!("k = {}, chosen by leave-one-out: accuracy {accuracy}, 95 % interval ", choice.k);
    assert!(outcome.stdout.contains(&chosen), "{}", outcome.stdout);
    assert!(lines[choice.k].contains(&accuracy), "{}", outcome.stdout);
    assert_eq!(model.card.settings["k"], choice.k);
    assert_eq!(model.card.settings["k chosen by"], "leave-one-out, 1 to 15");
    assert_eq!(model.card.metrics["leave-one-out accuracy"], choice.best().accuracy);
    assert!(model.card.openings.is_empty(), "the test set must stay closed");

    let page = String::from_utf8(scratch.read("neighbors.k.html")).unwrap();
    assert!(
        page.to_lowercase().starts_with("<!doctype html>")
            && page.contains("<svg")
            && page.contains(&accuracy)
    );
    assert!(!page.contains("://"), "nothing is loaded");
}

#[test]
fn the_plot_of_k_is_written_to_the_given_file() {
    let scratch = Scratch::new();
    let train = "train neighbors --data small -k auto --k-max 4";
    scratch.run(&format!("{train} --out m.safetensors --plot p.html")).succeeds();
    assert!(scratch.path("p.html").is_file() && !scratch.path("m.k.html").exists());
    scratch.run(&format!("{train} --out m.safetensors --no-plot")).succeeds();
    assert!(!scratch.path("m.k.html").exists());
    scratch.run(&format!("{train} --out m.safetensors")).succeeds();
    assert!(scratch.path("m.k.html").is_file());

    scratch.rejects(&format!("{train} --plot nowhere/p.html"), 3, &["there is no folder nowhere"]);
    scratch.rejects(&format!("{train} --out same --plot same"), 2, &["the same file name, same"]);
    scratch.rejects(&format!("{train} --plot p.html --no-plot"), 2, &["--plot", "--no-plot"]);
}

#[test]
fn weights_and_priors_reach_the_model() {
    let scratch = Scratch::new();
    // The labels are 0, 1, 2, 0, 1, 2, …
    let weights: String = (0..TRAIN).map(|i| if i % CLASSES == 2 { "0\n" } else { " 1.5\r\n" }).collect();
    scratch.write("weights.txt", weights);
    let train = "train neighbors --data small";
    scratch
        .run(&format!("{train} --sample-weights weights.txt --priors uniform --out w.safetensors"))
        .succeeds();
    let model = Model::load(&scratch.path("w.safetensors")).unwrap();
    assert_eq!(model.card.settings["weights"], "weights.txt");
    assert_eq!(model.card.settings["priors"], "uniform");
    let classifier = model.classifier().neighbors().unwrap();
    assert_eq!(classifier.weights().unwrap()[..3], [1.5, 1.5, 0.0]);
    assert_eq!(classifier.priors(), &Priors::Uniform);
    // Class 2 gets no votes.
    let judged = scratch.run("evaluate w.safetensors --data small --json").succeeds().json();
    let confusion = &judged["models"][0]["evaluation"]["classes"][2];
    assert_eq!(confusion["recall"], 0.0, "{confusion}");

    scratch.run(&format!("{train} --priors 1,0,3 -k auto --out p.safetensors")).succeeds();
    let model = Model::load(&scratch.path("p.safetensors")).unwrap();
    assert_eq!(model.card.settings["priors"], serde_json::json!([1.0, 0.0, 3.0]));

    // The plain vote is the default of a recipe.
    scratch.run(&format!("{train} --priors data")).succeeds();
    let settings = Model::load(&scratch.path("neighbors.safetensors")).unwrap().card.settings;
    assert_eq!(settings.get("priors"), None);
}

#[test]
fn invalid_weights_are_rejected() {
    let scratch = Scratch::new();
    let lines = |line: &str| format!("{line}\n").repeat(TRAIN);
    for (weights, words) in [
        (lines("1").into_bytes(), ["cannot read missing.txt"].as_slice()),
        (lines("one").into_bytes(), &["found \"one\" on line 1; expected a finite number"]),
        (format!("weight\n{}", lines("1")).into_bytes(), &["found \"weight\" on line 1"]),
        (format!("{}-1\n", "1\n".repeat(TRAIN - 1)).into_bytes(), &["found \"-1\" on line 600"]),
        (lines("nan").into_bytes(), &["found \"nan\""]),
        (lines("1e99").into_bytes(), &["found \"1e99\""]),
        (lines("1,2").into_bytes(), &["found \"1,2\""]),
        (b"1\n".repeat(TRAIN - 1), &["found 599 numbers; expected 600 numbers, one for each"]),
        (b"1\n".repeat(TRAIN + 1), &["found 601 numbers"]),
        (b"1 ".repeat(1 << 20), &["found more than 38 kB"]),
        (vec![0xff; 10], &["bytes that are not text"]),
        (Vec::new(), &["found 0 numbers"]),
        (lines("0").into_bytes(), &["weights of the examples: found all 0"]),
    ] {
        scratch.write("w.txt", weights);
        let file = if words[0].contains("missing") { "missing.txt" } else { "w.txt" };
        scratch.rejects(&format!("train neighbors --data small --sample-weights {file}"), 3, words);
    }
}

#[test]
fn a_diverged_run_reports_the_step_and_a_remedy() {
    let scratch = Scratch::with_model();
    let words = ["the loss became", "at step", "smaller learning rate"];

    // The weights of the first validation check are saved.
    let train = "train network --data small --lr 1e20 --validate-every 1";
    let outcome = scratch.run(train).fails(3, &words);
    assert!(
        outcome
            .stderr
            .contains("the weights of the last validation check before that are saved: network.safetensors")
    );
    Model::load(&scratch.path("network.safetensors")).unwrap();

    // Nothing was learned: an existing model is not replaced, and otherwise the untrained weights are saved.
    let train = "train network --data small --lr 1e20 --out";
    scratch.rejects(
        &format!("{train} linear.safetensors"),
        3,
        &[&words[..], &["linear.safetensors is unchanged"]].concat(),
    );
    let outcome = scratch.run(&format!("{train} new.safetensors --quiet")).fails(3, &words);
    assert!(outcome.stderr.contains("the weights before the first step are saved: new.safetensors"));
    Model::load(&scratch.path("new.safetensors")).unwrap();
}

#[test]
fn a_training_that_learned_nothing_says_so() {
    let scratch = Scratch::new();
    let said = |options: &str| scratch.run(&format!("train network --data small {options}")).stderr;
    assert!(!said("").contains("warning"), "a training that went well");
    let stderr = said("--lr 1e-9");
    assert!(stderr.contains("warning: network: the model is no better than"), "{stderr}");
    assert!(stderr.contains("try a larger learning rate or more epochs"), "{stderr}");
    // The model file keeps the warning, and so do the report and the description.
    let described = scratch.run("describe network.safetensors --json").succeeds().stdout;
    assert!(described.contains("no better than always predicting"), "{described}");
    scratch.run("evaluate network.safetensors --data small --report report.html").succeeds();
    let report = String::from_utf8(scratch.read("report.html")).unwrap();
    assert!(report.contains("no better than always predicting"), "the report has no warning");
}

#[test]
fn small_data_sets_are_trained_for_a_thousand_steps() {
    let scratch = Scratch::new();
    scratch.run("train network --data small --losses losses.csv").succeeds();
    let lines = String::from_utf8(scratch.read("losses.csv")).unwrap().lines().count();
    assert!((1001..1012).contains(&lines), "{lines} lines");
}
