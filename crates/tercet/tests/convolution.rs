//! Training of convolutional networks: accuracy, reproducibility, and agreement with plain loops in f64.

mod patterns;

use std::ops::ControlFlow;

use tercet::data::{Batches, Dataset};
use tercet::image::ImageShape;
use tercet::loss::Loss;
use tercet::network::naive;
use tercet::network::{Architecture, Init, Layer, Network, Shape};
use tercet::optimizer::Optimizer;
use tercet::train::{Length, Plan, Settings, Training, train, train_with};

/// Colour images.
fn patterns(n: usize, classes: u32, seed: u64) -> Dataset {
    patterns::patterns(ImageShape { width: 10, height: 12, channels: 3 }, n, classes, seed)
}

fn network(line: &str, data: &Dataset) -> Network {
    let layers: Architecture = line.parse().unwrap();
    layers.network(Shape::of(data), data.class_count(), Init::He, 1).unwrap()
}

fn unwatched(network: &mut Network, data: &Dataset, settings: &Settings) -> Training {
    train(network, &Plan::new(data, *settings, 5)).unwrap()
}

/// All cases: fused blocks, single layers, batch norm in both places, dropout layers.
const LINES: [&str; 4] = [
    "conv3-8 relu pool conv3-8+same pool relu flatten dense16 relu",
    "conv3-24+same pool relu conv3-24+same relu flatten dense32 relu",
    "conv3-8/2 batchnorm leaky0.1 dropout0.2 conv2-6 gelu avgpool flatten dense16 batchnorm sigmoid",
    "conv5-16+same batchnorm relu pool3/2 dropout0.3 conv3-16+same relu pool flatten dense10 tanh",
];

#[test]
fn twenty_examples_are_overfitted() {
    let data = patterns(20, 4, 1);
    for line in
        ["conv3-8 relu pool conv3-8 relu flatten", "conv3-8 batchnorm relu avgpool flatten dense16 tanh"]
    {
        let mut network = network(line, &data);
        let settings = Settings {
            reg: 0.0,
            batch: 10,
            length: Length::Epochs(120),
            optimizer: Optimizer::ADAM,
            learning_rate: 5e-3,
            ..Settings::default()
        };
        let training = unwatched(&mut network, &data, &settings);
        let last = *training.history.losses.last().unwrap();
        assert!(last < 0.01, "{line}: {last}");
        assert_eq!(network.scores(&data).unwrap().argmax(), data.labels(), "{line}");
    }
}

#[test]
fn one_seed_gives_the_same_bits_with_any_number_of_threads() {
    let data = patterns(150, 3, 1);
    for line in LINES {
        // Batches of several shards, the last of them short; with and without the dropout setting.
        for dropout in [0.0, 0.3] {
            let settings = Settings {
                batch: 64,
                length: Length::Epochs(2),
                reg: 1e-3,
                learning_rate: 0.02,
                dropout,
                ..Settings::default()
            };
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let mut network = network(line, &data);
                    let training = unwatched(&mut network, &data, &settings);
                    let scores = network.scores(&data).unwrap();
                    (network, training, scores)
                })
            };
            let once = run(1);
            for threads in 2..=4 {
                assert!(run(threads) == once, "{line}, {threads} threads, dropout {dropout}");
            }
        }
    }
}

/// The same ten steps, computed by the naive passes in f64 from the same weights and batches.
#[test]
fn ten_steps_follow_the_naive_passes() {
    let data = patterns(90, 3, 1);
    let shape = data.image_shape().unwrap();
    for line in [
        "conv3-6 relu pool conv2-8+1 pool relu flatten dense12 relu",
        "conv3-6/2 batchnorm relu avgpool flatten",
    ] {
        let settings =
            Settings { length: Length::Iterations(10), reg: 0.01, batch: 48, ..Settings::lecture() };
        let network = network(line, &data);
        let mut layers: Vec<_> =
            network.layers().iter().map(|layer| naive::Layer::of(layer).expect("no dropout")).collect();
        let training = unwatched(&mut network.clone(), &data, &settings);

        let mut batches = Batches::random(90, 48, 5).unwrap();
        let mut rows = Vec::new();
        for (step, &found) in training.history.losses.iter().enumerate() {
            batches.next(&mut rows);
            let x: Vec<f64> =
                rows.iter().flat_map(|&i| data.pixels(i).unwrap()).map(|&p| f64::from(p) / 255.0).collect();
            let labels: Vec<u32> = rows.iter().map(|&i| data.label(i)).collect();
            let reg = 0.01f32.into();
            let (loss, gradients) =
                naive::network_loss_and_gradients(&layers, shape.into(), &x, &labels, Loss::SVM, reg);
            assert!(
                (f64::from(found) - loss).abs() < 2e-4 * loss,
                "{line}, step {step}: {found}, not {loss}"
            );
            let learning = layers.iter_mut().filter(|layer| layer.learns());
            for (layer, (dw, db)) in learning.zip(&gradients) {
                let (w, b) = match layer {
                    naive::Layer::Dense(naive::Dense { w, b, .. })
                    | naive::Layer::Conv2d(naive::Conv2d { w, b, .. })
                    | naive::Layer::BatchNorm(naive::BatchNorm { gamma: w, beta: b }) => (w, b),
                    _ => unreachable!("only these learn"),
                };
                let rate = f64::from(0.1f32);
                w.iter_mut().zip(dw).for_each(|(w, dw)| *w -= rate * dw);
                b.iter_mut().zip(db).for_each(|(b, db)| *b -= rate * db);
            }
        }
    }
}

#[test]
fn layers_are_measured_and_statistics_are_kept_on_the_way() {
    let data = patterns(100, 3, 1);
    let mut network = network("conv3-8 batchnorm relu pool flatten dense12 relu", &data);
    let settings =
        Settings { batch: 20, length: Length::Epochs(2), learning_rate: 0.02, ..Settings::default() };
    let mut stats = Vec::new();
    train_with(&mut network, &Plan::new(&data, settings, 5), |trainer, step| {
        stats.extend(step.stats.clone());
        trainer.request_stats();
        ControlFlow::Continue(())
    })
    .unwrap();
    let last = stats.last().unwrap();
    let sizes: Vec<_> = last.layers.iter().map(|layer| (layer.inputs, layer.outputs)).collect();
    assert_eq!(sizes, [(27, 8), (160, 12), (12, 3)]);
    assert!(last.layers.iter().all(|layer| layer.update_ratio > 0.0 && layer.update_ratio < 0.5));
    assert!(last.layers[0].dead_units.is_some() && last.layers[2].dead_units.is_none());
    let right = network.scores(&data).unwrap().argmax();
    let right = right.iter().zip(data.labels()).filter(|(found, label)| found == label).count();
    assert_eq!(last.sample_accuracy, right as f64 / 100.0, "folded and unfolded, all hundred at once or not");
    let Layer::BatchNorm(norm) = &network.layers()[1] else { panic!("a batch norm") };
    assert!(norm.mean.iter().all(|&mean| mean != 0.0) && norm.variance.iter().all(|&v| v > 0.0 && v != 1.0));
}
