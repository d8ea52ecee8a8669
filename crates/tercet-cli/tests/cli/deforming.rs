//! Cleaned pictures and deformable distances, from the command line to a prediction and its reasons.

use serde_json::{Value, json};
use tercet::image::Cleaning;
use tercet::model::{Classifier, ModelFile};

use crate::common::Scratch;

/// The smallest grey picture with something in it, as PGM.
fn picture() -> Vec<u8> {
    let ink =
        |p: usize| if (p % 40 + p / 40).abs_diff(40) < 4 && (8..32).contains(&(p / 40)) { 10 } else { 250 };
    [b"P5 40 40 255\n".to_vec(), (0..1600).map(ink).collect()].concat()
}

fn settings(scratch: &Scratch, model: &str) -> Value {
    ModelFile::load(&scratch.path(model)).unwrap().card.settings
}

#[test]
fn every_kind_learns_from_cleaned_pictures_and_is_judged_on_them() {
    let scratch = Scratch::new();
    for kind in ["neighbors", "linear", "network --iterations 30", "linear --solver dual"] {
        scratch
            .run(&format!("train {kind} --deskew --even --blur 0.5 --data small --out m.safetensors"))
            .succeeds();
        let model = ModelFile::load(&scratch.path("m.safetensors")).unwrap();
        let cleaning = Cleaning { deskew: true, even: true, blur: Some(0.5) };
        assert_eq!(model.card.contract.cleaning, cleaning, "{kind}");
        // The record names the data as it was read.
        scratch.run(&format!("train {kind} --data small --out plain.safetensors")).succeeds();
        let plain = ModelFile::load(&scratch.path("plain.safetensors")).unwrap();
        assert_eq!(model.card.data, plain.card.data, "{kind}");
        scratch.run("evaluate m.safetensors --data small").succeeds().says(&["accuracy"]);
        scratch.write("p.pgm", picture());
        let json = scratch.run("predict m.safetensors p.pgm --json").succeeds().json();
        let steps = json[0]["preparation"].as_array().unwrap().clone();
        assert_eq!(
            steps[steps.len() - 3..],
            [json!("deskewed"), json!("evened"), json!("blurred")],
            "{kind}"
        );
    }
}

#[test]
fn a_recipe_cleans_and_the_command_line_adds_to_it() {
    let scratch = Scratch::new();
    let recipe = "description = \"upright\"\nkind = \"linear\"\ncleaning = { deskew = true }\n[train]\n\
                  loss = \"softmax\"\nreg = 1e-5\nbatch = 20\nlength = { iterations = 20 }\nlearning_rate = 0.1\n";
    scratch.write("r.toml", recipe);
    scratch.run("train --recipe r.toml --blur 0.5 --data small --out m.safetensors").succeeds();
    assert_eq!(settings(&scratch, "m.safetensors")["cleaning"], json!({ "deskew": true, "blur": 0.5 }));
    scratch.write("bad.toml", recipe.replace("deskew = true", "descew = true").into_bytes());
    scratch.refuses("train --recipe bad.toml --data small", 3, &["bad.toml", "line 3", "descew", "deskew"]);
    scratch.refuses("train linear --blur -1 --data small", 2, &["blur is -1", "above 0 and at most 16"]);
}

#[test]
fn deformable_neighbours_are_kept_asked_and_explained() {
    let scratch = Scratch::new();
    scratch.write("p.pgm", picture());
    for (flags, words) in [
        ("--metric l3 --shifts 2 --candidates 40", "l3 after the best shift of up to 2 pixels"),
        ("--warps 2 --vote distance", "edges in contexts of 3 × 3 warped by up to 2 pixels"),
        ("--warps 1 --context 0 --edges plain", "edges in contexts of 1 × 1 warped by up to 1 pixels"),
    ] {
        scratch.run(&format!("train neighbors -k 4 {flags} --data small --out m.safetensors")).succeeds();
        assert_eq!(settings(&scratch, "m.safetensors")["distance"], words);
        let model = ModelFile::load(&scratch.path("m.safetensors")).unwrap();
        let Classifier::Neighbors(neighbors) = &model.classifier else { panic!("{flags}") };
        scratch.run("evaluate m.safetensors --data small --report r.html").succeeds().says(&["accuracy"]);
        assert!(String::from_utf8(scratch.read("r.html")).unwrap().contains(words), "{flags}");
        let json = scratch.run("predict m.safetensors p.pgm --explain --json").succeeds().json();
        let explanation = &json[0]["explanation"];
        assert_eq!(explanation["deformation"], json!(neighbors.deformation()), "{flags}");
        let distances =
            explanation["neighbors"].as_array().unwrap().iter().map(|n| n["distance"].as_f64().unwrap());
        assert!(distances.clone().count() == 4 && distances.is_sorted(), "{flags}");
        scratch.run("predict m.safetensors p.pgm --explain-page why.html").succeeds();
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
        assert_eq!(settings["pictures"], "deskew, even, blur 0.7");
        scratch.run("evaluate m.safetensors --data small").succeeds().says(&["accuracy"]);
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let scratch = Scratch::new();
    for (flags, words) in [
        ("neighbors --context 1", &["--context belongs to --warps"][..]),
        ("neighbors --shifts 1 --edges root", &["--edges belongs to --warps"]),
        ("neighbors --candidates 9", &["--candidates belongs to --shifts or --warps"]),
        ("neighbors --shifts 1 --warps 1", &["--shifts", "--warps"]),
        ("--recipe knn-shifted --seed 1", &["--seed belongs to training", "leave --seed out"]),
        ("--recipe knn-shifted --validation 9", &["--validation belongs to training"]),
    ] {
        scratch.refuses(&format!("train {flags} --data small"), 2, words);
    }
    for (flags, words) in [
        ("--shifts 2 --metric cosine", "metric is cosine; expected l1, l2 or l3"),
        ("--warps 0", "warps is 0; expected 1 to 8 pixels"),
        ("--warps 2 --context 9", "context is 9; expected 0 to 3 pixels"),
        ("--shifts 9", "shifts is 9"),
        ("--shifts 2 --candidates 0", "candidates is 0; expected at least 1"),
    ] {
        scratch.refuses(&format!("train neighbors {flags} --data small"), 2, &[words]);
    }
}
