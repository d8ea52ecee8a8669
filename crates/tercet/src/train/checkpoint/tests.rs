//! Resuming with the same bits, and rejected files.

use std::ops::ControlFlow;

use super::*;
use crate::Dataset;
use crate::data::{Split, split};
use crate::network::{Architecture, Init, Shape};
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;
use crate::train::{ClassWeights, Length, StopBy, Trainer, Training, train, train_with};

/// The layers of most tests.
const LAYERS: &str = "dense6 relu dense5 relu";

/// Sixty examples of two classes that overlap, twenty of them held out.
fn data() -> Split {
    let values = (0..60 * 4).map(|i| ((i * 7919 + 13) % 101) as f32 / 50.0 + ((i / 4) % 2) as f32 / 5.0);
    let labels = (0..60).map(|i| i % 2).collect();
    let set = Dataset::from_features("x", 4, values.collect(), labels, vec!["a".into(), "b".into()]).unwrap();
    split(&set, 20, 4).unwrap()
}

/// Settings for which the state has all of its parts.
fn settings() -> Settings {
    Settings {
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
    }
}

fn plan(settings: Settings) -> Plan {
    let Split { train, validation, .. } = data();
    let weights = ClassWeights::Balanced.of_examples(&train, None).unwrap();
    Plan::new(&train, settings, 4).with_validation(&validation).with_weights(weights)
}

fn untrained(layers: &str) -> Network {
    let layers: Architecture = layers.parse().unwrap();
    layers.network(Shape::Features(4), 2, Init::He, 4).unwrap()
}

/// Unlike `==`, this distinguishes 0 from −0.
fn bits(network: &Network) -> Vec<u32> {
    network.arrays().iter().flat_map(|array| array.values).map(|w| w.to_bits()).collect()
}

/// Steps until `steps` steps are done, or to the end.
fn step_until(trainer: &mut Trainer, steps: usize) {
    while trainer.ending().is_none() && trainer.steps_done() < steps {
        trainer.step().unwrap();
    }
}

fn finished(mut trainer: Trainer) -> (Network, Training) {
    step_until(&mut trainer, usize::MAX);
    trainer.finish()
}

/// Writes the checkpoint after `steps` steps to a file.
fn save_after(steps: usize, path: &Path) -> (Plan, Identity) {
    let plan = plan(settings());
    let identity = Identity::of(&plan);
    let mut trainer = Trainer::new(untrained(LAYERS), plan.clone()).unwrap();
    step_until(&mut trainer, steps);
    trainer.save_checkpoint(path, &identity).unwrap();
    (plan, identity)
}

/// Layers and settings that cover all kinds of state.
fn cases() -> Vec<(&'static str, Settings)> {
    let usual = settings();
    let (sgd, early) = (Optimizer::Sgd { momentum: 0.9 }, Settings { patience: Some(1), ..usual });
    vec![
        (LAYERS, usual),
        (LAYERS, Settings { optimizer: Optimizer::PLAIN, patience: None, ..usual }),
        (LAYERS, Settings { optimizer: sgd, length: Length::Iterations(30), dropout: 0.0, ..usual }),
        // Without clipping, these update the weights in one pass.
        (LAYERS, Settings { optimizer: Optimizer::PLAIN, clip: None, ..usual }),
        (LAYERS, Settings { optimizer: sgd, clip: None, reg: 1e-3, ..usual }),
        (LAYERS, Settings { learning_rate: 0.5, ..early }),
        // The running statistics of a batch norm, and dropout layers.
        ("dense6 batchnorm relu dropout0.4 dense5 tanh batchnorm", usual),
        (LAYERS, Settings { ema: Some(0.8), input_dropout: 0.2, ..usual }),
        (LAYERS, Settings { ema: Some(0.99), learning_rate: 0.5, ..early }),
        ("dense2", Settings { dropout: 0.0, ..usual }),
    ]
}

#[test]
fn a_training_is_resumed_to_the_same_bits_between_any_two_steps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    for (layers, settings) in cases() {
        let (plan, mut network) = (plan(settings), untrained(layers));
        let identity = Identity::of(&plan);
        let training = train(&mut network, &plan).unwrap();
        let mut trainer = Trainer::new(untrained(layers), plan.clone()).unwrap();
        for stop in 0..=training.history.losses.len() {
            step_until(&mut trainer, stop);
            let checkpoint = trainer.checkpoint();
            trainer.save_checkpoint(&path, &identity).unwrap();
            assert_eq!(Checkpoint::load(&path, &identity, &untrained(layers)).unwrap(), checkpoint);
            let (resumed, again) = finished(Trainer::resume(checkpoint, plan.clone()).unwrap());
            assert_eq!(again, training, "{layers}, {settings:?}, after step {stop}");
            assert_eq!(bits(&resumed), bits(&network), "{layers}, {settings:?}, after step {stop}");
        }
        // Training step by step, with checkpoints between the steps, gives the same result too.
        let (stepped, again) = trainer.finish();
        assert_eq!((bits(&stepped), again), (bits(&network), training));
    }
}

/// Trains as [`finished`] does, but halves the learning rate after these steps.
fn halving(mut trainer: Trainer, halve_after: &[usize]) -> (Network, Training) {
    loop {
        if halve_after.contains(&trainer.steps_done()) {
            trainer.scale_learning_rate(0.5).unwrap();
        }
        if trainer.ending().is_some() {
            return trainer.finish();
        }
        trainer.step().unwrap();
    }
}

#[test]
fn changes_of_the_learning_rate_are_resumed_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let plan = plan(settings());
    let identity = Identity::of(&plan);
    let start = || Trainer::new(untrained(LAYERS), plan.clone()).unwrap();
    let halve_after = [0, 5, 9, 30];
    let (network, training) = halving(start(), &halve_after);
    // Changes after the last step have no effect.
    assert_eq!(training.history.losses.len(), 30);
    let changes = [0, 5, 9].map(|step| RateChange { step, factor: 0.5 });
    assert_eq!(training.history.rate_changes, changes);
    assert_ne!(bits(&network), bits(&halving(start(), &[5]).0));
    // Before, between and after the changes, and right after one.
    for stop in [0, 2, 5, 7, 9, 10] {
        let mut trainer = start();
        while trainer.steps_done() < stop {
            if halve_after.contains(&trainer.steps_done()) {
                trainer.scale_learning_rate(0.5).unwrap();
            }
            trainer.step().unwrap();
        }
        if halve_after.contains(&stop) {
            trainer.scale_learning_rate(0.5).unwrap();
        }
        trainer.save_checkpoint(&path, &identity).unwrap();
        let checkpoint = Checkpoint::load(&path, &identity, &untrained(LAYERS)).unwrap();
        // The changes before the stop come from the checkpoint.
        let later: Vec<usize> = halve_after.into_iter().filter(|&step| step > stop).collect();
        let (resumed, again) = halving(Trainer::resume(checkpoint, plan.clone()).unwrap(), &later);
        assert_eq!(again, training, "{stop}");
        assert_eq!(bits(&resumed), bits(&network), "{stop}");
    }
}

#[test]
fn a_checkpoint_has_the_history_and_the_network_of_its_step() {
    let plan = plan(settings());
    let mut network = untrained(LAYERS);
    let mut checkpoint = None;
    let training = train_with(&mut network, &plan, |trainer, step| {
        checkpoint = Some(trainer.checkpoint());
        if step.number == 9 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let checkpoint = checkpoint.unwrap();
    assert_eq!((checkpoint.step(), checkpoint.history()), (9, &training.unwrap().history));
    assert_eq!(checkpoint.network(), &network);
}

#[test]
fn the_steps_of_earlier_trainings_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let plan = plan(settings());
    let identity = Identity::of(&plan);
    let (network, _, optimizer_state) = {
        let mut trainer = Trainer::new(untrained(LAYERS), plan.clone()).unwrap();
        step_until(&mut trainer, 8);
        trainer.finish_with_optimizer_state()
    };
    let mut trainer = Trainer::new(network, plan.clone()).unwrap();
    trainer.set_optimizer_state(optimizer_state).unwrap();
    step_until(&mut trainer, 3);
    trainer.checkpoint().save(&path, &identity).unwrap();
    let checkpoint = Checkpoint::load(&path, &identity, &untrained(LAYERS)).unwrap();
    assert_eq!(checkpoint, trainer.checkpoint());
    let mut resumed = Trainer::resume(checkpoint, plan).unwrap();
    assert_eq!(resumed.step().unwrap(), trainer.step().unwrap());
}

#[test]
fn a_checkpoint_of_another_training_is_rejected_by_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let (plan, identity) = save_after(5, &path);
    let reject = |identity: &Identity, network: &Network| {
        Checkpoint::load(&path, identity, network).unwrap_err().to_string()
    };
    let network = untrained(LAYERS);
    let with = |settings: Settings| Plan { settings, ..plan.clone() };
    let usual = plan.settings;
    for (plan, words) in [
        (with(Settings { reg: 0.5, ..usual }), "a checkpoint with settings.reg = 0.00001; expected 0.5."),
        (with(Settings { clip: None, ..usual }), "a checkpoint with settings.clip = 0.5; expected nothing."),
        (Plan { seed: 5, ..plan.clone() }, "a checkpoint with seed = 4; expected 5."),
    ] {
        let error = reject(&Identity::of(&plan), &network);
        assert!(error.contains(words) && error.contains("Resume with the settings"), "{error}");
    }
    let error = reject(&identity.clone().with("init", Init::He), &network);
    assert!(error.contains("a checkpoint with init = nothing; expected \"he\"."), "{error}");
    assert!(Checkpoint::load(&path, &identity, &network).is_ok());

    let less = plan.examples.first(39);
    for (plan, words) in [
        (Plan { examples: less.clone(), ..plan.clone() }, "a checkpoint of another training set"),
        (plan.clone().with_validation(&less), "a checkpoint of another validation set"),
        (Plan { validation: None, ..plan.clone() }, "a checkpoint with validation set; expected one without"),
        (plan.clone().with_weights(vec![1.0]), "a checkpoint of another set of weights"),
    ] {
        let error = reject(&Identity::of(&plan), &network);
        assert!(error.contains(words), "{error}");
    }
    let error = reject(&identity, &untrained("dense6 relu dense4 relu"));
    assert!(error.contains("a checkpoint of the layers dense 4 → 6, relu"), "{error}");
}

#[test]
fn a_checkpoint_of_another_optimizer_is_not_resumed() {
    let mut trainer = Trainer::new(untrained(LAYERS), plan(settings())).unwrap();
    trainer.step().unwrap();
    for (settings, words) in [
        (Settings { optimizer: Optimizer::PLAIN, ..settings() }, "the checkpoint's optimizer"),
        (
            Settings { ema: Some(0.9), ..settings() },
            "moving average of the weights: found none; expected one",
        ),
    ] {
        let error = Trainer::resume(trainer.checkpoint(), plan(settings)).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn hostile_files_are_rejected_whatever_they_claim() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint");
    let (_, identity) = save_after(9, &path);
    let whole = std::fs::read(&path).unwrap();
    let network = untrained(LAYERS);
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Checkpoint::load(&path, &identity, &network)
    };
    assert!(load(&whole).is_ok());
    // Truncated anywhere, or longer than it says.
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
    for (part, with, words) in [
        ("\\\"format\\\":1", "\\\"format\\\":3", "checkpoint format 3; expected format 1"),
        ("\\\"step\\\":9", "\\\"step\\\":8", "for the tensor losses; expected F32 [8]"),
        ("\\\"step\\\":9", "\\\"step\\\":99999999999", "for the tensor losses; expected F32 [99999999999]"),
        ("\\\"best\\\":", "\\\"best\\\":1", "a best check after step 1"),
        ("\"last_finite.w1\"", "\"last_finite.w9\"", "a tensor last_finite.w9"),
        (
            "\\\"rate_changes\\\":[]",
            "\\\"rate_changes\\\":[{\\\"step\\\":10,\\\"factor\\\":0.5}]",
            "a learning rate times 0.5 after step 10 of 9",
        ),
        (
            "\\\"rate_changes\\\":[]",
            "\\\"rate_changes\\\":[{\\\"step\\\":2,\\\"factor\\\":-1}]",
            "a learning rate times -1 after step 2 of 9",
        ),
        (
            "\\\"earlier_steps\\\":0",
            "\\\"earlier_steps\\\":18446744073709551615",
            "18446744073709551615 steps of earlier trainings",
        ),
        ("tercet-checkpoint", "tercet-checkpoinT", "a safetensors file that is not a checkpoint"),
        ("\\\"step\\\":9", "\\\"step\\\":-9", "a file that is damaged or not a checkpoint"),
    ] {
        assert!(header.contains(part), "no {part} in {header}");
        let error = load(&changed(&header.replace(part, with), body)).unwrap_err().to_string();
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
    assert!(error.contains("a validation check after step 2 of 9, following 4"), "{error}");
}
