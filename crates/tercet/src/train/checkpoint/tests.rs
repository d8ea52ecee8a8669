//! Going on to the same bits, and files that are refused.

use std::ops::ControlFlow;

use super::*;
use crate::data::split;
use crate::optimizer::Optimizer;
use crate::recipe::Kind;
use crate::schedule::Schedule;
use crate::train::{ClassWeights, Length, Plan, Settings, StopBy, Training};

/// Sixty examples of two classes that overlap.
fn set() -> Dataset {
    let values = (0..60 * 4).map(|i| ((i * 7919 + 13) % 101) as f32 / 50.0 + ((i / 4) % 2) as f32 / 5.0);
    let labels = (0..60).map(|i| i % 2).collect();
    Dataset::from_features("x", 4, values.collect(), labels, vec!["a".into(), "b".into()]).unwrap()
}

/// A recipe that leaves nothing out of the state.
fn recipe() -> Recipe {
    Recipe {
        hidden: vec![6, 5],
        class_weights: ClassWeights::Balanced,
        validation: Some(20),
        seed: 4,
        train: Settings {
            batch: 7,
            length: Length::Epochs(5),
            schedule: Schedule::ONE_CYCLE,
            optimizer: Optimizer::ADAMW,
            validate_every: Some(4),
            patience: Some(30),
            stop_by: StopBy::Loss,
            dropout: 0.3,
            clip: Some(0.5),
            label_smoothing: 0.1,
            ..Settings::default()
        },
        ..Recipe::network()
    }
}

/// Trains by a recipe, from a checkpoint where there is one, and writes a checkpoint after `stop` steps, if that comes.
fn run(recipe: &Recipe, from: Option<&Path>, stop: Option<(usize, &Path)>) -> (Network, Training) {
    let data = split(&set(), 20, recipe.seed).unwrap();
    let weights = recipe.class_weights.of_examples(&data.train, None).unwrap();
    let identity = Identity::new(recipe, &data.train, &data.validation, None);
    let plan = Plan {
        validation: Some(&data.validation),
        weights: weights.as_deref(),
        ..Plan::new(&data.train, &recipe.train, recipe.seed)
    };
    let mut network = recipe.untrained(4, 2).unwrap();
    let mut observe = |progress: Progress<'_>| match stop {
        Some((step, path)) if progress.step == step => {
            progress.save_checkpoint(path, &identity).unwrap();
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    };
    let training = match from {
        None => plan.train(&mut network, &mut observe),
        Some(path) => {
            let checkpoint = Checkpoint::load(path, &identity, &network).unwrap();
            plan.resume(&mut network, checkpoint, &mut observe)
        }
    };
    (network, training.unwrap())
}

/// Unlike equality, this tells 0 from −0.
fn bits(network: &Network) -> Vec<u32> {
    network.arrays().iter().flat_map(|array| array.values).map(|w| w.to_bits()).collect()
}

#[test]
fn a_training_goes_on_to_the_same_bits_from_any_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let usual = recipe();
    let with = |train: Settings| Recipe { train, ..usual.clone() };
    let (sgd, early) = (Optimizer::Sgd { momentum: 0.9 }, Settings { patience: Some(1), ..usual.train });
    for recipe in [
        usual.clone(),
        with(Settings { optimizer: Optimizer::PLAIN, patience: None, ..usual.train }),
        with(Settings { optimizer: sgd, length: Length::Iterations(30), dropout: 0.0, ..usual.train }),
        // Without clipping, these take their steps in one pass.
        with(Settings { optimizer: Optimizer::PLAIN, clip: None, ..usual.train }),
        with(Settings { optimizer: sgd, clip: None, reg: 1e-3, ..usual.train }),
        with(Settings { learning_rate: 0.5, ..early }),
        // The statistics of a batch norm, and what its own dropout draws.
        Recipe {
            hidden: Vec::new(),
            layers: Some("dense6 batchnorm relu dropout0.4 dense5 tanh batchnorm".parse().unwrap()),
            ..usual.clone()
        },
        with(Settings { ema: Some(0.8), input_dropout: 0.2, ..usual.train }),
        with(Settings { ema: Some(0.99), learning_rate: 0.5, ..early }),
        Recipe {
            kind: Kind::Linear,
            hidden: Vec::new(),
            init: None,
            ..with(Settings { dropout: 0.0, ..usual.train })
        },
    ] {
        let (network, training) = run(&recipe, None, None);
        let steps = training.history.losses.len();
        // Beside, on and after a look, in the middle of an epoch and at the very end, twice in a row.
        for stop in [1, 3, 4, 5, 8, 11, 17, 29, 30].into_iter().filter(|&stop| stop <= steps) {
            run(&recipe, None, Some((stop, &path)));
            run(&recipe, Some(&path), Some((stop + 3, &path)));
            let (resumed, again) = run(&recipe, Some(&path), None);
            assert_eq!(again, training, "{stop}");
            assert_eq!(bits(&resumed), bits(&network), "{stop}");
        }
    }
}

/// Trains as [`run`] does, but halves the learning rate after these steps.
fn run_halving(
    from: Option<&Path>,
    halve_after: &[usize],
    stop: Option<(usize, &Path)>,
) -> (Network, Training) {
    let recipe = recipe();
    let data = split(&set(), 20, recipe.seed).unwrap();
    let identity = Identity::new(&recipe, &data.train, &data.validation, None);
    let plan =
        Plan { validation: Some(&data.validation), ..Plan::new(&data.train, &recipe.train, recipe.seed) };
    let mut network = recipe.untrained(4, 2).unwrap();
    let mut observe = |progress: Progress<'_>| {
        if halve_after.contains(&progress.step) {
            progress.scale_learning_rate(0.5).unwrap();
        }
        match stop {
            Some((step, path)) if progress.step == step => {
                progress.save_checkpoint(path, &identity).unwrap();
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    };
    let training = match from {
        None => plan.train(&mut network, &mut observe),
        Some(path) => {
            let checkpoint = Checkpoint::load(path, &identity, &network).unwrap();
            plan.resume(&mut network, checkpoint, &mut observe)
        }
    };
    (network, training.unwrap())
}

#[test]
fn changes_of_the_learning_rate_go_on_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let halve_after = [5, 9, 30];
    let (network, training) = run_halving(None, &halve_after, None);
    let changes = |steps: &[usize]| -> Vec<RateChange> {
        steps.iter().map(|&step| RateChange { step, factor: 0.5 }).collect()
    };
    // After the last step there is nothing left to change.
    assert_eq!(training.history.losses.len(), 30);
    assert_eq!(training.history.rate_changes, changes(&[5, 9]));
    assert_ne!(bits(&network), bits(&run_halving(None, &[5], None).0));
    // Before, between and behind the changes, and right where one was asked for.
    for stop in [2, 5, 7, 9, 10] {
        run_halving(None, &halve_after, Some((stop, &path)));
        // What was asked for before the stop must come out of the checkpoint.
        let to_come: Vec<usize> = halve_after.into_iter().filter(|&step| step > stop).collect();
        let (resumed, again) = run_halving(Some(&path), &to_come, None);
        assert_eq!(again, training, "{stop}");
        assert_eq!(bits(&resumed), bits(&network), "{stop}");
    }
    let format = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.contains(r#"\"format\":2"#)
    };
    // Older programs, which know no changes, must not go on from it; from one without changes they may.
    assert!(format(&path));
    run_halving(None, &[], Some((9, &path)));
    assert!(!format(&path));
}

#[test]
fn it_has_the_history_and_the_network_of_its_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let (network, training) = run(&recipe(), None, Some((9, &path)));
    let data = split(&set(), 20, 4).unwrap();
    let identity = Identity::new(&recipe(), &data.train, &data.validation, None);
    let checkpoint = Checkpoint::load(&path, &identity, &network).unwrap();
    assert_eq!((checkpoint.step(), checkpoint.history()), (9, &training.history));
    assert_eq!(checkpoint.network(), &network);
}

#[test]
fn another_training_s_checkpoint_is_refused_by_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    run(&recipe(), None, Some((5, &path)));
    let data = split(&set(), 20, 4).unwrap();
    let refuse = |recipe: &Recipe, train: &Dataset, validation: &Dataset, weights: Option<&[f32]>, inputs| {
        let identity = Identity::new(recipe, train, validation, weights);
        let network = recipe.untrained(inputs, 2).unwrap();
        Checkpoint::load(&path, &identity, &network).unwrap_err().to_string()
    };
    let usual = recipe();
    let with = |train: Settings| Recipe { train, ..usual.clone() };
    for (recipe, words) in [
        (with(Settings { reg: 0.5, ..usual.train }), "whose recipe has train.reg = 0.00001; expected 0.5."),
        (
            with(Settings { clip: None, ..usual.train }),
            "whose recipe has train.clip = 0.5; expected nothing.",
        ),
        (Recipe { seed: 5, ..usual.clone() }, "whose recipe has seed = 4; expected 5."),
        (Recipe { hidden: vec![6, 4], ..usual.clone() }, "whose recipe has hidden = [6,5]; expected [6,4]."),
    ] {
        let error = refuse(&recipe, &data.train, &data.validation, None, 4);
        assert!(error.contains(words) && error.contains("Resume with the recipe"), "{error}");
    }
    // What it is called decides nothing.
    let renamed = Recipe { description: "another".into(), ..usual.clone() };
    let identity = Identity::new(&renamed, &data.train, &data.validation, None);
    Checkpoint::load(&path, &identity, &renamed.untrained(4, 2).unwrap()).unwrap();

    let less = data.train.first(39);
    let error = refuse(&usual, &less, &data.validation, None, 4);
    assert!(error.contains("a checkpoint of another training set"), "{error}");
    let error = refuse(&usual, &data.train, &less, None, 4);
    assert!(error.contains("a checkpoint of another validation set"), "{error}");
    let error = refuse(&usual, &data.train, &data.validation, Some(&[1.0]), 4);
    assert!(error.contains("a checkpoint of another set of weights"), "{error}");
    let error = refuse(&usual, &data.train, &data.validation, None, 3);
    assert!(error.contains("a checkpoint of the layers dense 4 → 6, relu"), "{error}");
}

#[test]
fn hostile_files_are_refused_whatever_they_claim() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    run(&recipe(), None, Some((9, &path)));
    let whole = std::fs::read(&path).unwrap();
    let data = split(&set(), 20, 4).unwrap();
    let identity = Identity::new(&recipe(), &data.train, &data.validation, None);
    let network = recipe().untrained(4, 2).unwrap();
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Checkpoint::load(&path, &identity, &network)
    };
    assert!(load(&whole).is_ok());
    // Cut anywhere, or longer than it says.
    for length in (0..whole.len()).step_by(13).chain([1, 7, 8, 9, whole.len() - 1]) {
        load(&whole[..length]).unwrap_err();
    }
    load(&[&whole[..], b"x"].concat()).unwrap_err();

    let header_length = u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let header = String::from_utf8(whole[8..8 + header_length].to_vec()).unwrap();
    let changed = |header: &str, body: &[u8]| {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), body].concat()
    };
    let body = &whole[8 + header_length..];
    assert!(load(&changed(&header, body)).is_ok());
    for (piece, with, words) in [
        ("\\\"format\\\":1", "\\\"format\\\":3", "checkpoint format 3; expected format 1 or 2"),
        ("\\\"step\\\":9", "\\\"step\\\":8", "for the tensor losses; expected F32 [8]"),
        ("\\\"step\\\":9", "\\\"step\\\":99999999999", "for the tensor losses; expected F32 [99999999999]"),
        ("\\\"best\\\":", "\\\"best\\\":1", "a best check after step 1"),
        ("\"last_finite.w1\"", "\"last_finite.w9\"", "a tensor last_finite.w9"),
        (
            "\\\"format\\\":1",
            "\\\"format\\\":2,\\\"rate_changes\\\":[{\\\"step\\\":10,\\\"factor\\\":0.5}]",
            "a learning rate times 0.5 after step 10 of 9",
        ),
        (
            "\\\"format\\\":1",
            "\\\"format\\\":2,\\\"rate_changes\\\":[{\\\"step\\\":2,\\\"factor\\\":-1}]",
            "a learning rate times -1 after step 2 of 9",
        ),
        ("tercet-checkpoint", "tercet-checkpoinT", "a safetensors file that is no checkpoint"),
        ("\\\"step\\\":9", "\\\"step\\\":-9", "a file that is damaged or no checkpoint"),
    ] {
        assert!(header.contains(piece), "no {piece} in {header}");
        let error = load(&changed(&header.replace(piece, with), body)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    // A length that nothing could hold, and a shape whose size overflows.
    for length in [u64::MAX, 1 << 40, whole.len() as u64] {
        load(&[&length.to_le_bytes()[..], &whole[8..]].concat()).unwrap_err();
    }
    let overflow = header.replace("\"shape\":[9]", "\"shape\":[9223372036854775807,9]");
    assert_ne!(overflow, header);
    load(&changed(&overflow, body)).unwrap_err();
    load(b"").unwrap_err();
    load(&vec![0xff; 4096]).unwrap_err();

    // Checks out of order: the steps are the only U64s, and come first.
    let mut disordered = whole.clone();
    let at = 8
        + header_length
        + whole[8 + header_length..].windows(8).position(|w| w == 8u64.to_le_bytes()).unwrap();
    disordered[at] = 2;
    let error = load(&disordered).unwrap_err().to_string();
    assert!(error.contains("a check after step 2 of 9, behind 4"), "{error}");
}
