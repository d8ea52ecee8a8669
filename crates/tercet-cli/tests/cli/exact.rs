//! `tercet train linear --solver dual`.

use serde_json::json;
use tercet::Model;
use tercet::recipe::Recipe;

use crate::common::Scratch;

#[test]
fn the_gap_is_printed_and_saved() {
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
    let card = Model::load(&scratch.path("linear.safetensors")).unwrap().card;
    assert_eq!(card.settings["solver"], "dual");
    assert_eq!(card.settings["train"]["loss"], json!({ "svm": { "margin": 2.0 } }));
    let metrics = &card.metrics;
    assert!(metrics["relative gap"] <= 1e-4 && metrics["bound on the objective"] <= metrics["objective"]);
    assert!(metrics["epochs"] >= 1.0 && metrics.contains_key("validation accuracy"));
    scratch.run("evaluate linear.safetensors --data small").succeeds();
}

#[test]
fn reg_can_be_chosen() {
    let scratch = Scratch::new();
    for options in ["auto", "auto --folds 3", "0.1,1e-3 --folds 3 --loss softmax"] {
        scratch.run(&format!("train linear --data small --solver dual --reg {options}")).succeeds();
        let settings = Model::load(&scratch.path("linear.safetensors")).unwrap().card.settings;
        let choice = &settings["choice of reg"];
        let points = choice["points"].as_array().unwrap();
        let best = points.iter().map(|p| p["correct"].as_u64().unwrap()).max().unwrap();
        assert_eq!(points.iter().find(|p| p["correct"] == best).unwrap()["reg"], choice["reg"]);
        assert_eq!(points[0]["count"], if options == "auto" { 50 } else { 550 });
        assert_eq!(points.len(), if options.starts_with("auto") { 10 } else { 2 });
    }
}

#[test]
fn the_same_file_for_any_number_of_threads() {
    let scratch = Scratch::new();
    for loss in ["svm", "softmax"] {
        let dual = format!("train linear --data small --solver dual --loss {loss}");
        let mut files = ["1", "2", "3", "4"].map(|threads| {
            scratch.run(&format!("{dual} --threads {threads}")).succeeds();
            scratch.read("linear.safetensors")
        });
        assert!(files.iter().all(|file| *file == files[0]));
        scratch.run(&format!("{dual} --seed 1")).succeeds();
        files[1] = scratch.read("linear.safetensors");
        assert!(files[1] != files[0]);
    }
}

#[test]
fn options_of_the_other_solver_are_rejected() {
    let scratch = Scratch::new();
    let dual = "train linear --data small --solver dual";
    scratch.rejects(&format!("{dual} --lr 0.1"), 2, &["--lr belongs to gradient descent"]);
    scratch.rejects(&format!("{dual} --loss softmax --margin 1"), 2, &["--margin belongs to the SVM loss"]);
    scratch.rejects(&format!("{dual} --reg 0.1,0.2"), 2, &["each smaller than the one before"]);
    scratch.rejects(&format!("{dual} --reg strong"), 2, &["reg is \"strong\"", "or `auto`"]);
    scratch.rejects(&format!("{dual} --reg auto --folds 1"), 2, &["folds is 1; expected at least 2"]);
    scratch.rejects("train network --data small --reg 0.2,0.1", 2, &["--reg 2e-1,1e-1 belongs to the exact"]);
    scratch.rejects(&format!("{dual} --folds 3"), 2, &["--folds belongs to --reg auto"]);
    scratch.rejects(&format!("{dual} --reg 0"), 2, &["reg is 0"]);
    scratch.rejects(&format!("{dual} --tolerance -1"), 2, &["tolerance is -1"]);
    scratch.rejects("train linear --data small --tolerance 0.1", 2, &["--solver dual"]);
    scratch.rejects("train linear --data small --reg auto", 2, &["--reg auto belongs to the exact solver"]);
    scratch.rejects("train network --data small --reg auto", 2, &["--reg auto belongs to the exact solver"]);
}

/// Flags, the equivalent recipe, and the recipe on the model's card give the same model.
#[test]
fn a_recipe_is_equivalent_to_flags() {
    let scratch = Scratch::new();
    let flags = "train linear --data small --solver dual --loss softmax --reg 0.1,0.01 --folds 3 --tolerance 1e-4 \
                 --epochs 200 --seed 5 --validation 60 --out flags.safetensors";
    scratch.run(flags).succeeds();
    let recipe = "description = \"mine\"\nkind = \"linear\"\nsolver = \"dual\"\nseed = 5\nvalidation = 60\n[train]\n\
                  loss = \"softmax\"\nreg = [0.1, 0.01]\nfolds = 3\ntolerance = 1e-4\nmax_epochs = 200\n";
    scratch.write("mine.toml", recipe);
    scratch.run("train --recipe mine.toml --data small --out recipe.safetensors").succeeds();
    let load = |name: &str| Model::load(&scratch.path(name)).unwrap();
    let (flags, from_recipe) = (load("flags.safetensors"), load("recipe.safetensors"));
    assert_eq!(flags.classifier(), from_recipe.classifier());
    assert_eq!(flags.card.settings["train"], from_recipe.card.settings["train"]);

    let mut settings = flags.card.settings.clone();
    for name in ["choice of reg", "ending"] {
        settings.as_object_mut().unwrap().remove(name).unwrap();
    }
    let Some(Recipe::Dual(written)) = Recipe::from_settings(&settings) else {
        panic!("no recipe: {settings}")
    };
    scratch.write("written.toml", written.to_toml());
    scratch.run("train --recipe written.toml --data small --out again.safetensors").succeeds();
    assert_eq!(load("again.safetensors").classifier(), flags.classifier());

    // A built-in recipe, and options of the other solver.
    scratch.run("train --recipe exact --data small --validation 60 --seed 3").succeeds();
    let refused = "train --recipe mine.toml --data small";
    scratch.rejects(&format!("{refused} --losses l.csv"), 2, &["--losses belongs to gradient descent"]);
    scratch.rejects(&format!("{refused} --checkpoint-every 3"), 2, &["--checkpoint-every belongs to"]);
    scratch.write("mine.toml", recipe.replace("tolerance", "tolerence"));
    scratch.rejects(refused, 3, &["mine.toml", "line 10", "tolerence", "recipes/exact.toml"]);
}
