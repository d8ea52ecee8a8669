//! Recipes round-trip, and parse errors give the position.

use std::path::Path;

use super::*;
use crate::augment::{Augment, Elastic};
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;
use crate::train::{Length, StopBy};

const LECTURE: &str = include_str!("../../../recipes/lecture.toml");

/// The error for the lecture's recipe with one piece of it replaced.
fn refuse(piece: &str, with: &str) -> String {
    assert!(LECTURE.contains(piece), "the recipe has no {piece}");
    GradientDescentRecipe::parse(&LECTURE.replace(piece, with), Path::new("x.toml")).unwrap_err().to_string()
}

#[test]
fn the_lecture_s_file_is_the_lecture_s_settings() {
    let recipe = GradientDescentRecipe::parse(LECTURE, Path::new("lecture.toml")).unwrap();
    assert_eq!(recipe.train, Settings::lecture());
    assert_eq!((&recipe.hidden[..], recipe.init), (&[36][..], Some(Init::Normal(1e-4))));
    assert_eq!(recipe, GradientDescentRecipe::lecture());
}

#[test]
fn layers_replace_hidden() {
    let with = |line: &str| LECTURE.replace("hidden = [36]", line);
    let text = with("layers = \"conv5-4 relu pool\"");
    let recipe = GradientDescentRecipe::parse(&text, Path::new("x.toml")).unwrap();
    assert_eq!(GradientDescentRecipe::parse(&recipe.to_toml(), Path::new("x.toml")).unwrap(), recipe);
    assert_eq!(recipe.describe()[0], ("layers".to_owned(), "conv5-4 relu pool".to_owned()));
    let network = recipe.untrained(crate::image::ImageShape::gray(28, 28), 10).unwrap();
    assert_eq!(network.architecture().to_string(), "conv5-4 relu pool flatten dense10");
    let error = recipe.untrained(784, 10).unwrap_err().to_string();
    assert!(error.starts_with("input of layer 1, conv5-4: found 784; expected an image"), "{error}");

    assert!(refuse("hidden = [36]", "layers = \"conv5 relu\"").contains("word 1 of the layers: found conv5"));
    let both = refuse("hidden = [36]", "hidden = [36]\nlayers = \"relu\"");
    assert!(both.contains("hidden [36]; expected none together with layers"), "{both}");
    let mut linear = GradientDescentRecipe::linear();
    linear.layers = recipe.layers;
    assert!(
        linear.validate().unwrap_err().to_string().starts_with("layers is conv5-4 relu pool; expected none")
    );
}

#[test]
fn recipes_round_trip() {
    let mut recipe = GradientDescentRecipe::lecture();
    recipe.init = None;
    recipe.validation = None;
    recipe.seed = 7;
    recipe.train = Settings { validate_every: Some(3), patience: Some(4), ..Settings::default() };
    assert_eq!(GradientDescentRecipe::parse(&recipe.to_toml(), Path::new("x.toml")).unwrap(), recipe);

    recipe.class_weights = ClassWeights::Given(vec![1.0, 0.25]);
    let (stop_by, clip) = (StopBy::Loss, Some(0.7));
    recipe.train = Settings { stop_by, clip, dropout: 0.3, label_smoothing: 0.1, ..Settings::default() };
    recipe.train.input_dropout = 0.1;
    let optimizers = [
        Optimizer::PLAIN,
        Optimizer::Sgd { momentum: 0.6 },
        Optimizer::Nesterov { momentum: 0.7 },
        Optimizer::Adam { beta1: 0.7, beta2: 0.98, epsilon: 1e-7 },
        Optimizer::AdamW { beta1: 0.8, beta2: 0.99, epsilon: 1e-6, weight_decay: 0.1 },
    ];
    let schedules = [
        Schedule::Constant,
        Schedule::LinearToZero,
        Schedule::Cosine,
        Schedule::Step { every: 7, gamma: 0.3 },
        Schedule::Exponential { last: 0.3 },
        Schedule::OneCycle { warmup: 0.2, start: 0.1, last: 0.01 },
    ];
    for optimizer in optimizers {
        for schedule in schedules {
            (recipe.train.optimizer, recipe.train.schedule) = (optimizer, schedule);
            assert_eq!(GradientDescentRecipe::parse(&recipe.to_toml(), Path::new("x.toml")).unwrap(), recipe);
        }
    }
    recipe.train.ema = Some(0.99);
    recipe.train.augment = Augment {
        shift: 2.5,
        rotate: 10.0,
        scale: 0.1,
        shear: 0.2,
        mirror: true,
        elastic: Some(Elastic { rms: 1.5, sigma: 4.0 }),
    };
    assert_eq!(GradientDescentRecipe::parse(&recipe.to_toml(), Path::new("x.toml")).unwrap(), recipe);
    let (batch, length) = (7, Length::Iterations(9));
    recipe.train =
        Settings { patience: Some(2), batch, length, loss: Loss::Svm { margin: 0.3 }, ..recipe.train };
    recipe.class_weights = ClassWeights::Balanced;
    recipe.train.label_smoothing = 0.0;
    assert_eq!(GradientDescentRecipe::parse(&recipe.to_toml(), Path::new("x.toml")).unwrap(), recipe);
}

#[test]
fn every_optimizer_and_schedule_has_its_place() {
    let train = |from, to: &str| {
        GradientDescentRecipe::parse(&LECTURE.replace(from, to), Path::new("x.toml")).unwrap().train
    };
    for (text, optimizer) in [
        ("{ sgd = {} }", Optimizer::PLAIN),
        ("{ nesterov = { momentum = 0.5 } }", Optimizer::Nesterov { momentum: 0.5 }),
        ("{ adam = {} }", Optimizer::ADAM),
        ("{ adamw = {} }", Optimizer::ADAMW),
    ] {
        assert_eq!(train("{ sgd = { momentum = 0.0 } }", text).optimizer, optimizer);
    }
    for (text, schedule) in [
        ("\"cosine\"", Schedule::Cosine),
        ("{ step = { every = 500 } }", Schedule::Step { every: 500, gamma: 0.1 }),
        ("{ exponential = {} }", Schedule::EXPONENTIAL),
        ("{ one-cycle = {} }", Schedule::ONE_CYCLE),
    ] {
        assert_eq!(train("\"constant\"", text).schedule, schedule);
    }
    let error = refuse("{ sgd = { momentum = 0.0 } }", "{ adam = { beta = 0.9 } }");
    assert!(error.contains("beta; expected"), "{error}");
    let error = refuse("\"constant\"", "{ step = { gamma = 0.5 } }");
    assert!(error.contains("missing field `every`"), "{error}");
}

#[test]
fn a_wrong_name_is_found_with_its_line_and_the_right_ones() {
    let error = refuse("hidden = [36]", "hiden = [36]");
    assert!(error.starts_with("x.toml: found line 11: unknown field `hiden`; expected one of `"), "{error}");
    let error = refuse("reg = 1e-5\nbatch", "reg = 1e-5\nbatsh = 20\nbatch");
    assert!(error.contains("found line 19: unknown field `batsh`; expected one of `loss`"), "{error}");
    // A misspelt momentum must not silently become plain gradient descent.
    let error = refuse("momentum = 0.0", "momentun = 0.9");
    assert!(error.contains("momentun; expected momentum"), "{error}");
    let error = refuse("margin = 1.0", "margin = 1.0, delta = 1.0");
    assert!(error.contains("delta; expected margin"), "{error}");
}

#[test]
fn missing_settings_and_wrong_types_are_named() {
    let error = refuse("batch = 20\n", "");
    assert!(error.contains("missing field `batch`"), "{error}");
    let error = refuse("batch = 20\n", "batch = -20\n");
    assert!(error.contains("found line 19: invalid value: integer `-20`; expected an integer"), "{error}");
    let error = refuse("seed = 0", "seed = [");
    assert!(error.starts_with("x.toml: found line 1"), "{error}");
}

#[test]
fn invalid_values_are_rejected_with_the_file() {
    for (piece, with, start) in [
        ("learning_rate = 0.1", "learning_rate = -1", "x.toml: found learning rate -1; expected a finite"),
        ("learning_rate = 0.1", "learning_rate = nan", "x.toml: found learning rate NaN; expected a finite"),
        ("hidden = [36]", "hidden = [36, 0]", "x.toml: found hidden [36, 0]; expected at least 1 unit"),
        ("hidden = [36]", "hidden = []", "x.toml: found hidden []; expected at least one hidden layer"),
        ("\"network\"", "\"linear\"", "x.toml: found hidden [36]; expected no hidden layer"),
    ] {
        let error = refuse(piece, with);
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn a_linear_classifier_starts_from_zeros() {
    let linear = GradientDescentRecipe {
        kind: Kind::Linear,
        hidden: Vec::new(),
        init: None,
        ..GradientDescentRecipe::lecture()
    };
    let network = linear.untrained(4, 3).unwrap();
    assert_eq!((network.parameters(), network.dense_layers().count()), (15, 1));
    assert!(network.dense_layers().all(|dense| dense.w.iter().all(|&w| w == 0.0)));
    let error = GradientDescentRecipe { init: Some(Init::He), ..linear }.validate().unwrap_err().to_string();
    assert!(error.starts_with("init is He; expected none"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = GradientDescentRecipe::read(Path::new("nowhere/x.toml")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read nowhere/x.toml"), "{error}");
}

#[test]
fn gradient_descent_may_be_named() {
    let named = LECTURE.replace("kind = ", "solver = \"sgd\"\nkind = ");
    assert_eq!(
        GradientDescentRecipe::parse(&named, Path::new("x.toml")).unwrap(),
        GradientDescentRecipe::lecture()
    );
    assert!(!GradientDescentRecipe::lecture().to_toml().contains("solver"));
    let error = refuse("kind = ", "solver = \"dual\"\nkind = ");
    assert!(error.starts_with("x.toml: found solver dual; expected sgd"), "{error}");
}

#[test]
fn augmentation_has_its_own_table() {
    let with =
        |table: &str| GradientDescentRecipe::parse(&format!("{LECTURE}\n{table}\n"), Path::new("x.toml"));
    let recipe = with("[train.augment]\nshift = 2\nelastic = { rms = 1.5, sigma = 4 }").unwrap();
    let elastic = Some(Elastic { rms: 1.5, sigma: 4.0 });
    assert_eq!(recipe.train.augment, Augment { shift: 2.0, elastic, ..Augment::default() });
    let described = recipe.describe();
    assert!(
        described.contains(&("augmentation".into(), "shift ±2 px, elastic 1.5 px (σ 4 px)".into())),
        "{described:?}"
    );
    // An empty table has no effect, and nothing is written.
    let recipe = with("[train.augment]").unwrap();
    assert_eq!(recipe, GradientDescentRecipe::lecture());
    assert!(!recipe.to_toml().contains("augment"));

    for (table, found) in [
        ("[train.augment]\nrotation = 3", "unknown field `rotation`; expected one of `shift`"),
        ("[train.augment]\nelastic = { rms = 1.5 }", "missing field `sigma`"),
        ("[train.augment]\nelastic = { rms = 1.5, alpha = 34, sigma = 4 }", "alpha"),
        ("[train.augment]\nscale = 1", "found augment.scale 1; expected a part of 1 from 0 to 0.9"),
        ("[train.augment]\nshift = \"2 px\"", "expected a number"),
    ] {
        let error = with(table).unwrap_err().to_string();
        assert!(error.starts_with("x.toml: found ") && error.contains(found), "{error}");
    }
}

#[test]
fn the_data_chooses_the_settings_of_tables_only() {
    use crate::data::{Dataset, split};
    let labels: Vec<u32> = (0..40).map(|i| i % 2).collect();
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let values = (0..80).map(|i| i as f32 * 0.37).collect();
    let table = Dataset::from_features("table", 2, values, labels.clone(), classes.clone()).unwrap();
    let shape = crate::image::ImageShape::gray(4, 1);
    let pixels = (0..160).map(|i| (i * 37 % 256) as u8).collect();
    let images = Dataset::from_pixels("images", shape, pixels, labels, classes).unwrap();

    let recipe = GradientDescentRecipe::linear().by_data();
    let settings = |recipe: &GradientDescentRecipe, data| {
        let setup = recipe.set_up(&split(data, 8, 0).unwrap(), None).unwrap();
        (setup.settings.loss, setup.settings.reg)
    };
    assert_eq!(settings(&recipe, &table), (Loss::Softmax, 1.0 / 32.0));
    assert_eq!(settings(&recipe, &images), (Loss::SVM, 1e-4));
    let mut given = recipe.clone();
    given.by_data.loss = false;
    assert_eq!(settings(&given, &table), (Loss::SVM, 1.0 / 32.0));
    assert_eq!(settings(&GradientDescentRecipe::linear(), &table), (Loss::SVM, 1e-4));

    // The model says which settings were used.
    let split = split(&table, 8, 0).unwrap();
    let setup = recipe.set_up(&split, None).unwrap();
    let model = recipe.model(&setup, setup.network.clone(), &split.train, None).unwrap();
    assert_eq!(model.card.settings["train"]["reg"], 1.0 / 32.0);
    assert!(model.card.settings.get("by_data").is_none());
}
