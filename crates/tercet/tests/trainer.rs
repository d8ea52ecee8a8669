//! Training step by step: what the trainer reports, and what can be changed between steps.

use std::ops::ControlFlow;

use tercet::Dataset;
use tercet::Error;
use tercet::network::{Init, Network};
use tercet::optimizer::Optimizer;
use tercet::schedule::Schedule;
use tercet::train::{
    Ending, Length, Plan, RateChange, Settings, Step, StepStats, Trainer, Training, train, train_with,
};

const STEPS: usize = 40;

/// Eighty examples of two overlapping classes.
fn set() -> Dataset {
    let values = (0..80 * 4).map(|i| ((i * 7919 + 13) % 101) as f32 / 50.0 + ((i / 4) % 2) as f32 / 5.0);
    let labels = (0..80).map(|i| i % 2).collect();
    Dataset::from_features("x", 4, values.collect(), labels, vec!["a".into(), "b".into()]).unwrap()
}

fn settings() -> Settings {
    Settings {
        batch: 8,
        length: Length::Iterations(STEPS),
        schedule: Schedule::Constant,
        ..Settings::default()
    }
}

fn observed(settings: &Settings, mut observe: impl FnMut(&mut Trainer, &Step) + Send) -> (Network, Training) {
    let mut network = Network::fully_connected(4, &[6, 5], 2, Init::He, 1).unwrap();
    let training = train_with(&mut network, &Plan::new(&set(), *settings, 3), |trainer, step| {
        observe(trainer, step);
        ControlFlow::Continue(())
    });
    (network, training.unwrap())
}

fn bits(network: &Network) -> Vec<u32> {
    network.dense_layers().flat_map(|dense| dense.w.iter().chain(&dense.b)).map(|w| w.to_bits()).collect()
}

#[test]
fn halving_at_a_step_equals_a_schedule_that_halves_there() {
    let planned = Settings { schedule: Schedule::Step { every: 15, gamma: 0.5 }, ..settings() };
    let (network, training) = observed(&planned, |_, _| ());
    let mut rates = Vec::new();
    let (halved, halved_training) = observed(&settings(), |trainer, step| {
        rates.push(step.learning_rate);
        if step.number.is_multiple_of(15) {
            trainer.scale_learning_rate(0.5).unwrap();
        }
    });
    assert_eq!(bits(&halved), bits(&network));
    assert_eq!(halved_training.history.losses, training.history.losses);
    assert_eq!((rates[14], rates[15], rates[30]), (0.1, 0.05, 0.025));
    let change = |step| RateChange { step, factor: 0.5 };
    assert_eq!(halved_training.history.rate_changes, [change(15), change(30)]);
    for (t, &rate) in rates.iter().enumerate() {
        assert_eq!(halved_training.history.learning_rate(&settings(), t, STEPS), rate);
    }
    assert!(training.history.rate_changes.is_empty());
}

#[test]
fn several_changes_after_one_step_are_one() {
    let (_, training) = observed(&settings(), |trainer, step| {
        if step.number == 7 {
            trainer.scale_learning_rate(0.5).unwrap();
            trainer.scale_learning_rate(0.5).unwrap();
        }
    });
    assert_eq!(training.history.rate_changes, [RateChange { step: 7, factor: 0.25 }]);
}

#[test]
fn factors_out_of_range_are_rejected_and_change_nothing() {
    let (_, training) = observed(&settings(), |trainer, _| {
        for factor in [0.0, -0.5, f32::NAN, f32::INFINITY] {
            let error = trainer.scale_learning_rate(factor).unwrap_err().to_string();
            assert!(error.starts_with("the factor of the learning rate is"), "{error}");
        }
    });
    assert!(training.history.rate_changes.is_empty());
}

#[test]
fn statistics_do_not_change_a_bit() {
    // With dropout, whose random numbers the sample must not consume.
    let settings = Settings { dropout: 0.3, optimizer: Optimizer::ADAMW, learning_rate: 0.01, ..settings() };
    let (network, training) = observed(&settings, |_, _| ());
    let mut with_stats = 0;
    let (same, same_training) = observed(&settings, |trainer, step| {
        with_stats += usize::from(step.stats.is_some());
        trainer.request_stats();
    });
    assert_eq!(with_stats, STEPS - 1, "all steps but the first");
    assert_eq!(bits(&same), bits(&network));
    assert_eq!(same_training, training);
}

#[test]
fn a_ratio_is_that_of_the_weights_before_and_after_the_step() {
    for optimizer in [Optimizer::PLAIN, Optimizer::Sgd { momentum: 0.9 }, Optimizer::ADAMW] {
        let after = |steps| {
            let settings = Settings { optimizer, length: Length::Iterations(steps), ..settings() };
            let mut stats: Option<StepStats> = None;
            let (network, _) = observed(&settings, |trainer, step| {
                stats = step.stats.clone();
                if step.number == steps - 1 {
                    trainer.request_stats();
                }
            });
            (network, stats)
        };
        let ((before, _), (network, stats)) = (after(11), after(12));
        let stats = stats.unwrap();
        assert_eq!(stats.layers.len(), 3);
        for ((before, after), layer) in before.dense_layers().zip(network.dense_layers()).zip(&stats.layers) {
            let norm = |values: &mut dyn Iterator<Item = f32>| {
                values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt()
            };
            let moved = norm(&mut before.w.iter().zip(&after.w).map(|(before, after)| after - before));
            let expected = moved / norm(&mut before.w.iter().copied());
            assert!((layer.update_ratio / expected - 1.0).abs() < 1e-5, "{layer:?}, not {expected}");
        }
        let accuracy = network.scores(&set()).unwrap().accuracy(set().labels());
        assert_eq!((stats.sample, stats.sample_accuracy), (80, accuracy));
        let has_units: Vec<bool> = stats.layers.iter().map(|layer| layer.dead_units.is_some()).collect();
        assert_eq!(has_units, [true, true, false]);
    }
}

#[test]
fn statistics_may_be_requested_before_the_first_step_and_are_the_same_in_a_resumed_training() {
    let plan = Plan::new(&set(), settings(), 3);
    let untrained = Network::fully_connected(4, &[6, 5], 2, Init::He, 1).unwrap();
    let mut trainer = Trainer::new(untrained, plan.clone()).unwrap();
    trainer.request_stats();
    assert!(trainer.step().unwrap().stats.is_some());
    assert!(trainer.step().unwrap().stats.is_none());
    let mut resumed = Trainer::resume(trainer.checkpoint(), plan).unwrap();
    trainer.request_stats();
    resumed.request_stats();
    let step = trainer.step().unwrap();
    assert!(step.stats.is_some());
    assert_eq!(resumed.step().unwrap(), step);
}

#[test]
fn stepping_is_the_training_that_train_runs() {
    let (examples, validation) = (set(), set());
    for settings in [
        settings(),
        Settings { length: Length::Epochs(4), patience: Some(1), validate_every: Some(3), ..settings() },
        Settings { ema: Some(0.9), dropout: 0.3, clip: Some(0.5), ..settings() },
    ] {
        let plan = Plan::new(&examples, settings, 3).with_validation(&validation);
        let untrained = Network::fully_connected(4, &[6, 5], 2, Init::He, 1).unwrap();
        let mut network = untrained.clone();
        let training = train(&mut network, &plan).unwrap();

        let mut trainer = Trainer::new(untrained, plan).unwrap();
        let mut steps = Vec::new();
        while trainer.ending().is_none() {
            let step = trainer.step().unwrap();
            assert_eq!((step.number, step.ending), (trainer.steps_done(), trainer.ending()));
            steps.push(step);
        }
        assert_eq!(steps.last().unwrap().ending, Some(training.ending));
        assert!(steps[..steps.len() - 1].iter().all(|step| step.ending.is_none()));
        let losses: Vec<f32> = steps.iter().map(|step| step.loss).collect();
        assert_eq!(losses, training.history.losses);
        let validations: Vec<_> = steps.iter().filter_map(|step| step.validation).collect();
        assert_eq!(validations, training.history.validations);
        assert!(trainer.step().unwrap_err().to_string().contains("a training that has ended"));
        let (stepped, again) = trainer.finish();
        assert_eq!((bits(&stepped), again), (bits(&network), training));
    }
}

#[test]
fn a_run_can_be_broken_off_and_continued() {
    let plan = Plan::new(&set(), settings(), 3);
    let untrained = Network::fully_connected(4, &[6, 5], 2, Init::He, 1).unwrap();
    let mut network = untrained.clone();
    let training = train(&mut network, &plan).unwrap();
    let mut trainer = Trainer::new(untrained, plan).unwrap();
    while trainer.ending().is_none() {
        let break_at = trainer.steps_done() + 7;
        let flow =
            |number| if number == break_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        trainer.run(|_, step| flow(step.number)).unwrap();
        assert_eq!(trainer.steps_done(), break_at.min(STEPS));
    }
    assert_eq!(trainer.examples_seen(), 8 * STEPS as u64);
    assert_eq!(trainer.finish(), (network, training));
}

#[test]
fn after_divergence_the_last_finite_network_is_kept_and_no_step_follows() {
    let plan = Plan::new(&set(), Settings { learning_rate: 1e30, ..settings() }, 3);
    let untrained = Network::fully_connected(4, &[6, 5], 2, Init::He, 1).unwrap();
    let mut trainer = Trainer::new(untrained.clone(), plan.clone()).unwrap();
    let error = loop {
        match trainer.step() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Diverged { .. }), "{error}");
    assert_eq!((trainer.ending(), trainer.network()), (Some(Ending::Interrupted), &untrained));
    assert!(trainer.step().unwrap_err().to_string().contains("a training that has ended"));
    assert_eq!(trainer.finish().0, untrained);
    let mut network = untrained.clone();
    assert!(train(&mut network, &plan).is_err());
    assert_eq!(network, untrained);
}

#[test]
fn a_plan_that_does_not_fit_leaves_the_network_as_it_was() {
    let untrained = Network::fully_connected(5, &[6], 2, Init::He, 1).unwrap();
    let mut network = untrained.clone();
    assert!(train(&mut network, &Plan::new(&set(), settings(), 3)).is_err());
    assert_eq!(network, untrained);
}
