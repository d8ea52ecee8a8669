//! Optimizers, schedules and regularisation on the command line.

use serde_json::{Value, json};
use tercet::Model;

use crate::common::{CLASSES, Outcome, Scratch, TRAIN};

/// The `train` settings in the model that is trained with these arguments.
fn settings(scratch: &Scratch, arguments: &str) -> Value {
    scratch.run(&format!("train {arguments} --data small --iterations 12 --out m.safetensors")).succeeds();
    Model::load(&scratch.path("m.safetensors")).unwrap().card.settings
}

/// Settings are f32, written as f64.
#[track_caller]
fn close(found: &Value, expected: f64) {
    assert!((found.as_f64().unwrap() / expected - 1.0).abs() < 1e-6, "{found}, not {expected}");
}

#[test]
fn optimizers_arrive_in_the_model_with_their_defaults() {
    let scratch = Scratch::new();
    let train = &settings(&scratch, "network --optimizer sgd")["train"];
    assert_eq!(train["optimizer"], json!({ "sgd": { "momentum": 0.0 } }));
    let train = &settings(&scratch, "network --optimizer nesterov --momentum 0.5")["train"];
    assert_eq!(train["optimizer"], json!({ "nesterov": { "momentum": 0.5 } }));
    close(&train["learning_rate"], 0.1);
    let train = &settings(&scratch, "linear --optimizer adam --beta1 0.5")["train"];
    close(&train["optimizer"]["adam"]["beta1"], 0.5);
    close(&train["optimizer"]["adam"]["beta2"], 0.999);
    close(&train["learning_rate"], 0.001);
    let train = &settings(&scratch, "network --optimizer adamw --weight-decay 0.5 --lr 0.01")["train"];
    close(&train["optimizer"]["adamw"]["weight_decay"], 0.5);
    close(&train["learning_rate"], 0.01);
}

#[test]
fn schedules_and_the_rest_arrive_in_the_model() {
    let scratch = Scratch::new();
    let train = &settings(&scratch, "network --schedule step --step-every 5 --gamma 0.5")["train"];
    assert_eq!(train["schedule"], json!({ "step": { "every": 5, "gamma": 0.5 } }));
    let train = &settings(&scratch, "network --schedule one-cycle --warmup 0.25")["train"];
    assert_eq!(train["schedule"]["one-cycle"]["warmup"], 0.25);
    let train = &settings(&scratch, "network --schedule exponential --last 0.5")["train"];
    assert_eq!(train["schedule"], json!({ "exponential": { "last": 0.5 } }));

    let with = settings(
        &scratch,
        "network --dropout 0.25 --label-smoothing 0.125 --clip 2 --patience 3 --stop-by loss --class-weights \
         1,2,0.5",
    );
    assert_eq!(with["class_weights"], json!([1.0, 2.0, 0.5]));
    let train = &with["train"];
    assert_eq!((&train["dropout"], &train["label_smoothing"]), (&json!(0.25), &json!(0.125)));
    assert_eq!((&train["clip"], &train["stop_by"]), (&json!(2.0), &json!("loss")));
    let train = &settings(&scratch, "network --ema 0.75 --input-dropout 0.125")["train"];
    assert_eq!((&train["ema"], &train["input_dropout"]), (&json!(0.75), &json!(0.125)));
    // Options that were not given do not appear in the recipe.
    let plain = settings(&scratch, "network");
    let names: Vec<&String> = plain["train"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["batch", "learning_rate", "length", "loss", "optimizer", "reg", "schedule"]);
    assert!(plain.get("class_weights").is_none());
}

#[test]
fn options_without_effect_are_rejected() {
    let scratch = Scratch::new();
    for (options, words) in [
        ("--weight-decay 0.1", "--weight-decay belongs to adamw"),
        ("--optimizer adam --weight-decay 0.1", "--weight-decay belongs to adamw"),
        ("--optimizer adam --momentum 0.9", "--momentum belongs to sgd and nesterov"),
        ("--beta1 0.9", "--beta1 belongs to adam"),
        ("--gamma 0.5", "--gamma belongs to --schedule step"),
        ("--schedule step", "--step-every"),
        ("--schedule cosine --warmup 0.5", "--warmup belongs to --schedule one-cycle"),
        ("--schedule step --step-every 5 --last 0.1", "--last belongs to --schedule exponential"),
        ("--stop-by loss", "--patience"),
        ("--dropout 1", "dropout is 1; expected at least 0"),
        ("--clip -1", "clip is -1; expected a finite norm"),
        ("--optimizer adam --epsilon 0", "epsilon is 0"),
        ("--schedule step --step-every 0", "the schedule's every is 0"),
        ("--label-smoothing 0.1 --loss svm", "0 for the SVM loss"),
        ("--class-weights heavy", "equal, balanced, or a number"),
        ("--class-weights 1,-1,1", "a class weight is -1"),
    ] {
        let outcome = Outcome::of(&mut scratch.command(&format!("train network --data small {options}")));
        assert_eq!(outcome.code, Some(2), "{options}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(words), "{options}: {}", outcome.stderr);
    }
    scratch.rejects("train linear --data small --dropout 0.5", 2, &["no hidden units"]);
    scratch.rejects("train network --data small --class-weights 1,1", 3, &["found 2; expected 3"]);
}

#[test]
fn sample_weights_decide_what_is_learned() {
    let scratch = Scratch::new();
    // The labels are 0, 1, 2, 0, 1, 2, …, and class 2 has weight 0.
    let weights: String = (0..TRAIN).map(|i| if i % CLASSES == 2 { "0\n" } else { "1\n" }).collect();
    scratch.write("w.txt", weights);
    for out in ["--sample-weights w.txt", "--class-weights 1,1,0"] {
        scratch
            .run(&format!("train linear --loss softmax --data small {out} --out m.safetensors"))
            .succeeds();
        let judged = scratch.run("evaluate m.safetensors --data small --json").succeeds().json();
        let classes = &judged["models"][0]["evaluation"]["classes"];
        assert_eq!(classes[2]["recall"], 0.0, "{classes}");
        assert!(classes[0]["recall"].as_f64().unwrap() > 0.5, "{classes}");
    }
    let train = "train --recipe lecture --validation 60 --data small --sample-weights";
    scratch.run(&format!("{train} w.txt --out r.safetensors")).succeeds();
    let settings = Model::load(&scratch.path("r.safetensors")).unwrap().card.settings;
    assert_eq!(settings["weights"], "w.txt");
    scratch.write("short.txt", "1\n");
    scratch.rejects(&format!("{train} short.txt"), 3, &["found 1 numbers; expected 600 numbers"]);
    scratch.rejects(
        "train --sample-weights w.txt linear --data small",
        2,
        &["--sample-weights belongs after the kind"],
    );
}

#[test]
fn every_step_is_logged_as_a_line_of_json() {
    let scratch = Scratch::new();
    scratch
        .run(
            "train network --data small --hidden 8 --iterations 20 --validate-every 10 --schedule cosine \
             --lr 0.5 --log-steps steps.jsonl --losses losses.csv",
        )
        .succeeds();
    let text = String::from_utf8(scratch.read("steps.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 20);
    assert_eq!((&lines[0]["step"], &lines[0]["learning_rate"]), (&json!(1), &json!(0.5)));
    close(&lines[10]["learning_rate"], 0.25);
    let csv = String::from_utf8(scratch.read("losses.csv")).unwrap();
    for (line, row) in lines.iter().zip(csv.lines().skip(1)) {
        let row: Vec<&str> = row.split(',').collect();
        assert_eq!(line["loss"].to_string(), row[1]);
        assert_eq!(line.get("validation_accuracy").is_some(), !row[3].is_empty());
    }
    assert!(lines[9]["validation_accuracy"].is_number() && lines[8].get("validation_loss").is_none());
    scratch.rejects("train linear --data small --log-steps nowhere/x", 3, &["cannot write nowhere/x"]);
}

#[test]
fn the_last_line_shows_the_speed() {
    let scratch = Scratch::new();
    let stderr = scratch.run("train linear --data small --epochs 2").succeeds().stderr;
    let last = stderr.lines().last().unwrap();
    assert!(last.starts_with("linear: ") && last.ends_with(" images/s"), "{stderr}");
}
