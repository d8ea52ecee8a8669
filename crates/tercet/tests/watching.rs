//! What observers may ask of a training: a changed learning rate, and how the layers are doing.

use std::ops::ControlFlow;

use tercet::Dataset;
use tercet::network::{Init, Network};
use tercet::optimizer::Optimizer;
use tercet::schedule::Schedule;
use tercet::train::{
    Checkpoint, Identity, Length, Plan, Progress, RateChange, Settings, StepStats, Training, train,
};

const STEPS: usize = 40;

/// Eighty examples of two classes that overlap.
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

fn watched(settings: &Settings, mut watch: impl FnMut(&Progress<'_>) + Send) -> (Network, Training) {
    let mut network = Network::fully_connected(4, &[6, 5], 2, Init::He, 1).unwrap();
    let mut observe = |progress: Progress<'_>| {
        watch(&progress);
        ControlFlow::Continue(())
    };
    let training = train(&mut network, &set(), None, settings, 3, &mut observe).unwrap();
    (network, training)
}

fn bits(network: &Network) -> Vec<u32> {
    network.dense_layers().flat_map(|dense| dense.w.iter().chain(&dense.b)).map(|w| w.to_bits()).collect()
}

#[test]
fn halving_at_a_step_is_a_schedule_that_halves_there() {
    let planned = Settings { schedule: Schedule::Step { every: 15, gamma: 0.5 }, ..settings() };
    let (network, training) = watched(&planned, |_| ());
    let mut rates = Vec::new();
    let (halved, halved_training) = watched(&settings(), |progress| {
        rates.push(progress.learning_rate);
        if progress.step.is_multiple_of(15) {
            progress.scale_learning_rate(0.5).unwrap();
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
    let (_, training) = watched(&settings(), |progress| {
        if progress.step == 7 {
            progress.scale_learning_rate(0.5).unwrap();
            progress.scale_learning_rate(0.5).unwrap();
        }
    });
    assert_eq!(training.history.rate_changes, [RateChange { step: 7, factor: 0.25 }]);
}

#[test]
fn factors_that_cannot_be_are_rejected_and_change_nothing() {
    let (_, training) = watched(&settings(), |progress| {
        for factor in [0.0, -0.5, f32::NAN, f32::INFINITY] {
            let error = progress.scale_learning_rate(factor).unwrap_err().to_string();
            assert!(error.starts_with("the factor of the learning rate is"), "{error}");
        }
    });
    assert!(training.history.rate_changes.is_empty());
}

#[test]
fn measuring_changes_no_bit() {
    // With dropout, whose units a look at the sample must not disturb.
    let settings = Settings { dropout: 0.3, optimizer: Optimizer::ADAMW, learning_rate: 0.01, ..settings() };
    let (network, training) = watched(&settings, |_| ());
    let mut measured = 0;
    let (same, same_training) = watched(&settings, |progress| {
        measured += usize::from(progress.stats().is_some());
        progress.request_stats();
    });
    assert_eq!(measured, STEPS - 1, "all steps but the first, which nobody could ask for");
    assert_eq!(bits(&same), bits(&network));
    assert_eq!(same_training, training);
}

#[test]
fn a_ratio_is_that_of_the_weights_before_and_after_the_step() {
    for optimizer in [Optimizer::PLAIN, Optimizer::Sgd { momentum: 0.9 }, Optimizer::ADAMW] {
        let after = |steps| {
            let settings = Settings { optimizer, length: Length::Iterations(steps), ..settings() };
            let mut measured: Option<StepStats> = None;
            let (network, _) = watched(&settings, |progress| {
                measured = progress.stats().cloned();
                if progress.step == steps - 1 {
                    progress.request_stats();
                }
            });
            (network, measured)
        };
        let ((before, _), (network, measured)) = (after(11), after(12));
        let measured = measured.unwrap();
        assert_eq!(measured.layers.len(), 3);
        for ((before, after), layer) in
            before.dense_layers().zip(network.dense_layers()).zip(&measured.layers)
        {
            let norm = |values: &mut dyn Iterator<Item = f32>| {
                values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt()
            };
            let moved = norm(&mut before.w.iter().zip(&after.w).map(|(before, after)| after - before));
            let expected = moved / norm(&mut before.w.iter().copied());
            assert!((layer.update_ratio / expected - 1.0).abs() < 1e-5, "{layer:?}, not {expected}");
        }
        let right = network.scores(&set()).unwrap().argmax();
        let right = right.iter().zip(set().labels()).filter(|(found, label)| found == label).count();
        assert_eq!((measured.sample, measured.sample_accuracy), (80, right as f64 / 80.0));
        let has_units: Vec<bool> = measured.layers.iter().map(|layer| layer.dead_units.is_some()).collect();
        assert_eq!(has_units, [true, true, false]);
    }
}

#[test]
fn the_first_step_is_measured_where_the_plan_says_so_and_in_a_resumed_training_as_in_a_whole_one() {
    let (set, settings) = (set(), settings());
    let identity = Identity::new(&tercet::recipe::GradientDescentRecipe::network(), &set, &set, None);
    let file = tempfile::NamedTempFile::new().unwrap();
    let untrained = Network::fully_connected(4, &[6, 5], 2, Init::He, 1).unwrap();
    let plan = Plan { measure_first: true, ..Plan::new(&set, &settings, 3) };

    let mut whole = Vec::new();
    plan.train(&mut untrained.clone(), &mut |progress: Progress<'_>| {
        whole.push(progress.stats().cloned().expect("every step is measured"));
        if progress.step == 35 {
            progress.save_checkpoint(file.path(), &identity).unwrap();
        }
        progress.request_stats();
        ControlFlow::Continue(())
    })
    .unwrap();

    for (measure_first, expected) in [(true, Some(&whole[35])), (false, None)] {
        let checkpoint = Checkpoint::load(file.path(), &identity, &untrained).unwrap();
        let mut first = None;
        Plan { measure_first, ..plan }
            .resume(&mut untrained.clone(), checkpoint, &mut |progress: Progress<'_>| {
                first.get_or_insert_with(|| (progress.step, progress.stats().cloned()));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(first.unwrap(), (36, expected.cloned()));
    }
}
