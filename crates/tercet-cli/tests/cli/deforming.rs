//! Preprocessing and deformable distances, from the command line to a prediction and its explanation.

use serde_json::{Value, json};
use tercet::Model;
use tercet::preprocess::Step;

use crate::common::{Outcome, Scratch};

/// A very small grey picture, as PGM.
fn picture() -> Vec<u8> {
    let ink =
        |p: usize| if (p % 40 + p / 40).abs_diff(40) < 4 && (8..32).contains(&(p / 40)) { 10 } else { 250 };
    [b"P5 40 40 255\n".to_vec(), (0..1600).map(ink).collect()].concat()
}

fn settings(scratch: &Scratch, model: &str) -> Value {
    Model::load(&scratch.path(model)).unwrap().card.settings
}

#[test]
fn every_kind_fits_its_preprocessing_and_is_evaluated_with_it() {
    let scratch = Scratch::new();
    for kind in ["neighbors", "linear", "network --iterations 30", "linear --solver dual"] {
        let steps = "auto,deskew,size-normalize,blur 0.5";
        let mut train = scratch.command(&format!("train {kind} --data small --out m.safetensors"));
        let outcome = Outcome::of(train.args(["--preprocessing", steps])).succeeds();
        let model = Model::load(&scratch.path("m.safetensors")).unwrap();
        let fitted = model.preprocessing();
        for step in [Step::Deskew, Step::SizeNormalize, Step::Blur { sigma: 0.5 }] {
            assert!(fitted.steps().contains(&step), "{kind}: {fitted}");
        }
        let line = format!("preprocessing: {fitted}\n");
        assert!(outcome.stderr.contains(&line), "no {line} in {}", outcome.stderr);
        // The record names the data as it was read.
        scratch.run(&format!("train {kind} --data small --out plain.safetensors")).succeeds();
        let plain = Model::load(&scratch.path("plain.safetensors")).unwrap();
        assert_eq!(model.card.data, plain.card.data, "{kind}");
        scratch.run("evaluate m.safetensors --data small").succeeds().says(&["accuracy"]);
        scratch.write("p.pgm", picture());
        let json = scratch.run("predict m.safetensors p.pgm --json").succeeds().json();
        let stages = json[0]["preprocessing"].as_array().unwrap().clone();
        let last = [json!("deskewed"), json!("size-normalized"), json!("blurred")];
        assert_eq!(stages[stages.len() - 3..], last, "{kind}");
        scratch.run("describe m.safetensors").succeeds().says(&[&fitted.to_string()]);
        let described = scratch.run("describe m.safetensors --json").succeeds().json();
        assert_eq!(described["preprocessing"], json!(fitted), "{kind}");
    }
}

#[test]
fn the_command_line_overrides_the_preprocessing_of_a_recipe() {
    let scratch = Scratch::new();
    let recipe = "description = \"upright\"\nkind = \"linear\"\npreprocessing = \"auto, deskew\"\n[train]\n\
                  loss = \"softmax\"\nreg = 1e-5\nbatch = 20\nlength = { iterations = 20 }\nlearning_rate = \
                  0.1\n";
    scratch.write("r.toml", recipe);
    let train = "train --recipe r.toml --data small --out m.safetensors";
    scratch.run(train).succeeds();
    assert_eq!(settings(&scratch, "m.safetensors")["preprocessing"], "auto, deskew");
    scratch.run(&format!("{train} --preprocessing scale,invert")).succeeds();
    assert_eq!(settings(&scratch, "m.safetensors")["preprocessing"], "scale 255, invert");
    let steps = Model::load(&scratch.path("m.safetensors")).unwrap().preprocessing().to_string();
    assert_eq!(steps, "invert, scale by 1/255");
    scratch.write("bad.toml", recipe.replace("auto, deskew", "auto, descew").into_bytes());
    scratch.rejects("train --recipe bad.toml --data small", 3, &["bad.toml", "line 3", "descew", "deskew"]);
    let train = "train linear --data small --preprocessing";
    scratch.rejects(&format!("{train} blur"), 2, &["blur alone", "a number, as in blur 0.7"]);
    scratch.rejects(&format!("{train} sharpen"), 2, &["preprocessing is sharpen", "size-normalize"]);
    scratch.rejects(&format!("{train} color"), 2, &["preprocessing is color", "grey pictures"]);
}

#[test]
fn deformable_neighbours_are_saved_queried_and_explained() {
    let scratch = Scratch::new();
    scratch.write("p.pgm", picture());
    for (flags, words) in [
        ("--metric l3 --shifts 2 --candidates 40", "l3 after the best shift of up to 2 pixels"),
        ("--warps 2 --vote distance", "edges in contexts of 3 × 3 warped by up to 2 pixels"),
        ("--warps 1 --context 0 --edges plain", "edges in contexts of 1 × 1 warped by up to 1 pixels"),
    ] {
        scratch.run(&format!("train neighbors -k 4 {flags} --data small --out m.safetensors")).succeeds();
        scratch.run("describe m.safetensors").succeeds().says(&[words]);
        let model = Model::load(&scratch.path("m.safetensors")).unwrap();
        let neighbors = model.classifier().neighbors().expect(flags);
        scratch.run("evaluate m.safetensors --data small --report r.html").succeeds().says(&["accuracy"]);
        assert!(String::from_utf8(scratch.read("r.html")).unwrap().contains(words), "{flags}");
        let json = scratch.run("predict m.safetensors p.pgm --explain --json").succeeds().json();
        let explanation = &json[0]["explanation"];
        assert_eq!(explanation["deformation"], json!(neighbors.deformation()), "{flags}");
        let distances =
            explanation["neighbors"].as_array().unwrap().iter().map(|n| n["distance"].as_f64().unwrap());
        assert!(distances.clone().count() == 4 && distances.is_sorted(), "{flags}");
        scratch.run("predict m.safetensors p.pgm --report why.html").succeeds();
        assert!(String::from_utf8(scratch.read("why.html")).unwrap().contains(words), "{flags}");
    }
    scratch
        .run("train neighbors -k auto --k-max 3 --warps 1 --candidates 20 --data small --out a.safetensors")
        .succeeds()
        .says(&["chosen by leave-one-out"]);
}

#[test]
fn the_recipes_of_the_records_work_on_any_data() {
    let scratch = Scratch::new();
    for recipe in ["knn-shifted", "knn-deformable"] {
        scratch.run(&format!("train --recipe {recipe} --data small --out m.safetensors")).succeeds();
        let settings = settings(&scratch, "m.safetensors");
        assert_eq!((&settings["k"], &settings["vote"]), (&json!(4), &json!("distance")));
        assert_eq!(settings["preprocessing"], "auto, deskew, size-normalize, blur 0.7");
        scratch.run("evaluate m.safetensors --data small").succeeds().says(&["accuracy"]);
    }
}

#[test]
fn options_that_contradict_each_other_are_rejected() {
    let scratch = Scratch::new();
    for (flags, words) in [
        ("neighbors --context 1", &["--context belongs to --warps"][..]),
        ("neighbors --shifts 1 --edges root", &["--edges belongs to --warps"]),
        ("neighbors --candidates 9", &["--candidates belongs to --shifts or --warps"]),
        ("neighbors --shifts 1 --warps 1", &["--shifts", "--warps"]),
        ("--recipe knn-shifted --seed 1", &["--seed belongs to training", "leave --seed out"]),
        ("--recipe knn-shifted --validation 9", &["--validation belongs to training"]),
    ] {
        scratch.rejects(&format!("train {flags} --data small"), 2, words);
    }
    for (flags, words) in [
        ("--shifts 2 --metric cosine", "metric is cosine; expected l1, l2 or l3"),
        ("--warps 0", "warps is 0; expected 1 to 8 pixels"),
        ("--warps 2 --context 9", "context is 9; expected 0 to 3 pixels"),
        ("--shifts 9", "shifts is 9"),
        ("--shifts 2 --candidates 0", "candidates is 0; expected at least 1"),
    ] {
        scratch.rejects(&format!("train neighbors {flags} --data small"), 2, &[words]);
    }
}
