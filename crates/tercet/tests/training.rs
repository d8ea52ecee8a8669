//! The training loop through its public interface: its results, what it keeps, and its reproducibility.

mod patterns;

use std::ops::ControlFlow;

use tercet::data::{Batches, Dataset};
use tercet::image::ImageShape;
use tercet::linear::LinearClassifier;
use tercet::loss::Loss;
use tercet::network::{Init, Network, naive};
use tercet::optimizer::Optimizer;
use tercet::schedule::Schedule;
use tercet::train::{Ending, Length, Plan, Settings, StopBy, Training, train, train_with};
use tercet::{Error, Result};

/// Grey images.
fn patterns(n: usize, classes: u32, seed: u64) -> Dataset {
    patterns::patterns(ImageShape::gray(12, 12), n, classes, seed)
}

fn unwatched(network: &mut Network, data: &Dataset, settings: &Settings) -> Result<Training> {
    train(network, &Plan::new(data, *settings, 5))
}

fn bits(network: &Network) -> Vec<u32> {
    network.dense_layers().flat_map(|dense| dense.w.iter().chain(&dense.b)).map(|w| w.to_bits()).collect()
}

#[test]
fn twenty_examples_are_learned_to_a_loss_of_zero() {
    let data = patterns(20, 4, 1);
    let settings = Settings { reg: 0.0, length: Length::Epochs(300), ..Settings::lecture() };
    let mut network = Network::fully_connected(144, &[36], 4, Init::He, 1).unwrap();
    let training = unwatched(&mut network, &data, &settings).unwrap();
    assert_eq!(*training.history.losses.last().unwrap(), 0.0);
    assert_eq!(network.scores(&data).unwrap().argmax(), data.labels());
    let mut linear = LinearClassifier::new(144, 4).unwrap().into_network();
    let training = unwatched(&mut linear, &data, &settings).unwrap();
    assert_eq!(training.history.losses[0], 3.0, "zero weights: (C − 1) · Δ");
    assert_eq!(*training.history.losses.last().unwrap(), 0.0);
}

#[test]
fn one_seed_gives_the_same_bits_with_any_number_of_threads() {
    // Wide enough that products and steps are split among threads.
    let (data, validation) = (patterns(600, 5, 1), patterns(300, 5, 2));
    let settings = Settings { batch: 100, length: Length::Epochs(3), ..Settings::default() };
    let run = |threads, seed| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut network = Network::fully_connected(144, &[600, 500], 5, Init::He, seed).unwrap();
            let plan = Plan::new(&data, settings, seed).with_validation(&validation);
            let training = train(&mut network, &plan).unwrap();
            (bits(&network), training)
        })
    };
    let once = run(1, 7);
    for threads in [1, 2, 3, 4] {
        assert!(run(threads, 7) == once, "{threads} threads");
    }
    assert!(run(1, 8).0 != once.0, "the seed matters");
}

/// The same ten steps, computed by the naive passes in f64 from the same weights and batches.
#[test]
fn ten_steps_follow_the_naive_passes() {
    let data = patterns(200, 5, 1);
    let settings = Settings { length: Length::Iterations(10), reg: 0.01, ..Settings::lecture() };
    let network = Network::fully_connected(144, &[20], 5, Init::He, 3).unwrap();
    let mut layers: Vec<naive::Dense<f64>> = network
        .dense_layers()
        .map(|dense| naive::Dense {
            inputs: dense.inputs,
            outputs: dense.outputs,
            w: dense.w.iter().map(|&w| w.into()).collect(),
            b: dense.b.iter().map(|&b| b.into()).collect(),
        })
        .collect();

    let training = unwatched(&mut network.clone(), &data, &settings).unwrap();

    let mut batches = Batches::random(200, 20, 5).unwrap();
    let mut rows = Vec::new();
    for (step, &found) in training.history.losses.iter().enumerate() {
        batches.next(&mut rows);
        let x: Vec<f64> =
            rows.iter().flat_map(|&i| data.pixels(i).unwrap()).map(|&p| f64::from(p) / 255.0).collect();
        let labels: Vec<u32> = rows.iter().map(|&i| data.label(i)).collect();
        let (loss, gradients) = naive::loss_and_gradients(&layers, &x, &labels, Loss::SVM, 0.01f32.into());
        assert!((f64::from(found) - loss).abs() < 1e-4 * loss, "step {step}: {found}, not {loss}");
        for (layer, (dw, db)) in layers.iter_mut().zip(&gradients) {
            let rate = f64::from(0.1f32);
            layer.w.iter_mut().zip(dw).for_each(|(w, dw)| *w -= rate * dw);
            layer.b.iter_mut().zip(db).for_each(|(b, db)| *b -= rate * db);
        }
    }
}

#[test]
fn divergence_stops_training_and_keeps_the_last_finite_weights() {
    let data = patterns(200, 5, 1);
    let mut network = Network::fully_connected(144, &[20], 5, Init::He, 3).unwrap();
    let settings = Settings { learning_rate: 1e12, reg: 1.0, validate_every: Some(1), ..Settings::lecture() };
    let error = unwatched(&mut network, &data, &settings).unwrap_err();
    let Error::Diverged { step, .. } = error else { panic!("{error}") };
    assert!(step > 1 && error.to_string().contains("smaller learning rate"), "{error}");
    assert!(network.dense_layers().all(|dense| dense.w.iter().chain(&dense.b).all(|w| w.is_finite())));
}

#[test]
fn an_observer_can_end_it_and_the_weights_so_far_stay() {
    let data = patterns(200, 5, 1);
    let settings = Settings { length: Length::Iterations(50), ..Settings::lecture() };
    let start = Network::fully_connected(144, &[20], 5, Init::He, 3).unwrap();
    let (mut interrupted, mut short) = (start.clone(), start);
    let training = train_with(&mut interrupted, &Plan::new(&data, settings, 5), |_, step| {
        if step.number == 8 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!((training.ending, training.history.losses.len()), (Ending::Interrupted, 8));
    unwatched(&mut short, &data, &Settings { length: Length::Iterations(8), ..settings }).unwrap();
    assert_eq!(bits(&interrupted), bits(&short));
}

#[test]
fn patience_restores_the_best_weights() {
    // Few examples and a large network: validation stops improving long before 500 epochs.
    let (data, validation) = (patterns(60, 6, 1), patterns(600, 6, 2));
    let mut network = Network::fully_connected(144, &[64], 6, Init::He, 3).unwrap();
    let settings = Settings {
        length: Length::Epochs(500),
        batch: 10,
        patience: Some(5),
        schedule: Schedule::Constant,
        ..Settings::default()
    };
    let plan = Plan::new(&data, settings, 5).with_validation(&validation);
    let training = train(&mut network, &plan).unwrap();
    let Ending::Early { best } = training.ending else { panic!("{:?}", training.ending) };
    let best_check = training.history.validations.iter().find(|check| check.step == best).unwrap();
    assert!(
        training.history.validations.iter().all(|c| c.validation_accuracy <= best_check.validation_accuracy)
    );
    let found = network.scores(&validation).unwrap().argmax();
    let right = found.iter().zip(validation.labels()).filter(|(found, label)| found == label).count();
    assert_eq!(right as f64 / 600.0, best_check.validation_accuracy);
}

#[test]
fn patience_also_restores_the_best_weights_at_the_end_and_may_monitor_the_loss() {
    let (data, plain) = (patterns(60, 6, 1), patterns(600, 6, 2));
    // A third of the labels are wrong, so that confidence is penalised more and more.
    let labels = (0..600).map(|i| (plain.label(i) + u32::from(i % 3 == 0)) % 6).collect();
    let pixels = (0..600).flat_map(|i| plain.pixels(i).unwrap().to_vec()).collect();
    let shape = plain.image_shape().unwrap();
    let validation = Dataset::from_pixels("wrong", shape, pixels, labels, plain.classes().to_vec()).unwrap();
    let run = |settings: Settings| {
        let mut network = Network::fully_connected(144, &[64], 6, Init::He, 3).unwrap();
        let plan = Plan::new(&data, settings, 5).with_validation(&validation);
        let training = train(&mut network, &plan).unwrap();
        let loss = settings.loss.loss(network.scores(&validation).unwrap().values(), validation.labels());
        (training, loss)
    };
    let settings = Settings {
        length: Length::Epochs(20),
        reg: 0.0,
        batch: 10,
        schedule: Schedule::Constant,
        stop_by: StopBy::Loss,
        ..Settings::default()
    };
    let (patient, loss) = run(Settings { patience: Some(20), ..settings });
    assert_eq!((patient.ending, patient.history.validations.len()), (Ending::Completed, 20));
    let least = patient.history.validations.iter().map(|c| c.validation_loss).fold(f32::INFINITY, f32::min);
    assert!(least < patient.history.validations[19].validation_loss, "it did not rise again");
    assert_eq!(patient.validation().unwrap().validation_loss, least);
    assert!((loss - least).abs() < 1e-6, "{loss}, not {least}");
    assert_eq!(patient.best, patient.validation().map(|check| check.step));

    let (hasty, _) = run(Settings { patience: Some(2), ..settings });
    let Ending::Early { best } = hasty.ending else { panic!("{:?}", hasty.ending) };
    assert_eq!((hasty.best, hasty.history.validations.last().unwrap().step), (Some(best), best + 12));

    let (none, _) = run(settings);
    assert_eq!((none.best, none.validation()), (None, none.history.validations.last()));
}

/// A clipping norm that no gradient reaches changes nothing, but makes training materialise its gradients, and
/// regularise, clip and step in separate passes. The layer of 144 × 500 weights counts as large, and consists of
/// several pieces. A batch of 50 is split into two shards, whose gradients are accumulated in the products of the
/// single pass, and added afterwards otherwise.
#[test]
fn single_pass_steps_agree_with_several_passes_and_exactly_with_one_shard() {
    let data = patterns(200, 5, 1);
    let sgd = |momentum| (Optimizer::Sgd { momentum }, Settings::default().learning_rate);
    for (optimizer, learning_rate) in [sgd(0.0), sgd(0.9), (Optimizer::ADAMW, 1e-3)] {
        for (dropout, reg, batch) in [(0.0, 0.0, 40), (0.0, 1e-3, 40), (0.5, 1e-3, 40), (0.5, 1e-3, 50)] {
            let run = |clip| {
                let length = Length::Iterations(12);
                let settings = Settings {
                    batch,
                    length,
                    optimizer,
                    learning_rate,
                    dropout,
                    reg,
                    clip,
                    ..Settings::default()
                };
                let mut network = Network::fully_connected(144, &[500], 5, Init::He, 1).unwrap();
                let training = unwatched(&mut network, &data, &settings).unwrap();
                (network, training.history.losses)
            };
            let (once, several) = (run(None), run(Some(f32::MAX)));
            let what = format!("{optimizer}, dropout {dropout}, reg {reg}, batches of {batch}");
            if batch < 48 {
                assert!(bits(&once.0) == bits(&several.0), "{what}");
            }
            for (once, several) in once.0.parameter_values().iter().zip(several.0.parameter_values()) {
                assert!((once - several).abs() <= 1e-4, "{what}: {once}, not {several}");
            }
            for (once, several) in once.1.iter().zip(&several.1) {
                assert!((once - several).abs() <= 1e-5 * several, "{what}: {once}, not {several}");
            }
        }
    }
}

#[test]
fn dropout_gives_the_same_bits_with_any_number_of_threads_and_is_off_in_prediction() {
    let data = patterns(400, 5, 1);
    let settings = Settings { batch: 100, length: Length::Epochs(2), dropout: 0.5, ..Settings::default() };
    let run = |threads, dropout| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut network = Network::fully_connected(144, &[200, 50], 5, Init::He, 1).unwrap();
            unwatched(&mut network, &data, &Settings { dropout, ..settings }).unwrap();
            (bits(&network), network.scores(&data).unwrap() == network.scores(&data).unwrap())
        })
    };
    let once = run(1, 0.5);
    assert!(once.1, "prediction is not random");
    for threads in [2, 3, 4] {
        assert!(run(threads, 0.5) == once, "{threads} threads");
    }
    assert!(run(1, 0.0).0 != once.0, "dropout changes something");
}

#[test]
fn what_does_not_fit_is_rejected() {
    let data = patterns(20, 4, 1);
    let refuse = |inputs, classes, settings: Settings| {
        let mut network = Network::fully_connected(inputs, &[5], classes, Init::He, 0).unwrap();
        unwatched(&mut network, &data, &settings).unwrap_err().to_string()
    };
    let usual = Settings::lecture();
    assert!(refuse(143, 4, usual).contains("found 144; expected 143"));
    assert!(refuse(144, 3, usual).contains("found 4; expected 3"));
    assert!(
        refuse(144, 4, Settings { learning_rate: f32::NAN, ..usual }).starts_with("learning rate is NaN")
    );
    let momentum = Optimizer::Sgd { momentum: 1.5 };
    assert!(refuse(144, 4, Settings { optimizer: momentum, ..usual }).starts_with("momentum is 1.5"));
}

#[test]
fn frozen_layers_stay_and_the_others_are_trained() {
    let data = patterns(60, 3, 4);
    // A single step, so that the missing update of the frozen layer does not affect the others yet.
    let settings = Settings {
        batch: 60,
        length: Length::Iterations(1),
        optimizer: Optimizer::Sgd { momentum: 0.0 },
        ..Settings::default()
    };
    let start = Network::fully_connected(144, &[40, 30], 3, Init::He, 2).unwrap();
    let (mut free, mut frozen) = (start.clone(), start.clone());
    let training = unwatched(&mut free, &data, &settings).unwrap();
    let settings = Settings { frozen: 2, ..settings };
    let with_frozen = unwatched(&mut frozen, &data, &settings).unwrap();
    let layers = |network: &Network| network.dense_layers().cloned().collect::<Vec<_>>();
    let (start, free, frozen) = (layers(&start), layers(&free), layers(&frozen));
    assert_eq!(frozen[..2], start[..2]);
    assert_eq!(frozen[2], free[2]);
    assert_ne!(free[0].w, start[0].w);
    // The loss includes only the regularisation of the trained layers.
    assert!(with_frozen.history.losses[0] < training.history.losses[0]);
    let all = Settings { frozen: 3, ..settings };
    let error =
        unwatched(&mut Network::fully_connected(144, &[40, 30], 3, Init::He, 2).unwrap(), &data, &all);
    assert_eq!(
        error.unwrap_err().to_string(),
        "frozen is 3; expected fewer than the 3 layers of the network that learn"
    );
}

#[test]
fn small_weights_start_at_the_theoretical_loss_and_the_mean_loss_is_the_lecture_s() {
    let data = patterns(100, 4, 1);
    let mut network = Network::fully_connected(144, &[5], 4, Init::Normal(1e-4), 0).unwrap();
    let mut means = Vec::new();
    let settings = Settings::lecture_train_nn();
    let training = train_with(&mut network, &Plan::new(&data, settings, 5), |trainer, _| {
        means.push(trainer.history().mean_loss());
        ControlFlow::Continue(())
    })
    .unwrap();
    let losses = training.history.losses;
    assert_eq!((means.len(), losses.len()), (100, 100));
    assert!((losses[0] - 3.0).abs() < 0.01, "(C − 1) · Δ is 3, found {}", losses[0]);
    assert!((means[99] - losses.iter().sum::<f32>() / 100.0).abs() < 1e-4);
}
