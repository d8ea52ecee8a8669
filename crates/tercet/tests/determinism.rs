//! Determinism: the digest of the trained model is the same with 1 to 8 threads and from run to run, for every way of
//! training. All of MNIST, ten runs, other builds and instruction sets: `crates/tercet-cli/tests/cli/deterministic.rs`.

mod patterns;

use std::ops::ControlFlow;

use rayon::ThreadPoolBuilder;
use tercet::Dataset;
use tercet::augment::{Augment, Elastic};
use tercet::image::ImageShape;
use tercet::linear::{LinearClassifier, dual};
use tercet::loss::Loss;
use tercet::model::{AnyClassifier, Card, Model, ScoreKind};
use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
use tercet::network::{Init, Network, Shape};
use tercet::optimizer::Optimizer;
use tercet::preprocess::{Learner, Preprocessing, Spec};
use tercet::train::{Length, Plan, Settings, train};

/// The numbers of threads.
const THREADS: std::ops::RangeInclusive<usize> = 1..=8;

/// Images that are hard enough to tell apart that all weights change.
fn data() -> Dataset {
    patterns::patterns(ImageShape::gray(12, 12), 600, 5, 1)
}

/// A model trained on the data with this many threads, as the bytes of its file.
fn file(threads: usize, train: impl FnOnce(&Dataset) -> AnyClassifier + Send) -> Vec<u8> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let data = data();
        let card = Card::new(data.classes().clone(), ScoreKind::Margins);
        let preprocessing = Preprocessing::fit(&Spec::none(), Learner::Weights, &data).unwrap();
        Model::new(preprocessing, train(&data), card).to_bytes().unwrap()
    })
}

/// Asserts that any number of threads trains the same model, with the last number run twice.
#[track_caller]
fn always_the_same(what: &str, train: &(dyn Fn(&Dataset) -> AnyClassifier + Sync)) {
    let first = file(1, train);
    for threads in THREADS.skip(1).chain([8]) {
        assert!(file(threads, train) == first, "{what} by {threads} threads");
    }
}

fn trained(mut network: Network, data: &Dataset, settings: &Settings) -> Network {
    train(&mut network, &Plan::new(data, *settings, 7)).unwrap();
    network
}

#[test]
fn every_optimizer_and_layer_trains_the_same_network() {
    let base = Settings { batch: 100, length: Length::Epochs(2), learning_rate: 0.01, ..Settings::default() };
    let augment = Augment {
        shift: 1.0,
        rotate: 10.0,
        scale: 0.1,
        shear: 0.1,
        mirror: true,
        elastic: Some(Elastic { rms: 1.0, sigma: 2.0 }),
    };
    let adam = Settings { optimizer: Optimizer::ADAM, learning_rate: 1e-3, ..base };
    // Wide enough that products and steps are split among threads.
    let wide = "dense400 relu dense300 relu";
    let convolution =
        "conv3-8+same batchnorm relu pool conv3-8 leaky avgpool flatten dense64 gelu dropout0.2";
    for (what, line, settings) in [
        ("plain gradient descent", wide, Settings { optimizer: Optimizer::PLAIN, ..base }),
        ("momentum", wide, base),
        ("Nesterov", wide, Settings { optimizer: Optimizer::Nesterov { momentum: 0.9 }, ..base }),
        ("AdamW, the SVM loss", wide, Settings { optimizer: Optimizer::ADAMW, loss: Loss::SVM, ..adam }),
        (
            "Adam, dropout, clipping, an average",
            wide,
            Settings { dropout: 0.5, clip: Some(0.1), ema: Some(0.9), ..adam },
        ),
        ("augmentation", "dense100 tanh", Settings { augment, input_dropout: 0.2, ..base }),
        ("convolutions", convolution, adam),
    ] {
        always_the_same(what, &|data| {
            let layers: tercet::network::Architecture = line.parse().unwrap();
            let network = layers.network(Shape::of(data), 5, Init::He, 3).unwrap();
            AnyClassifier::Network(trained(network, data, &settings))
        });
    }
}

#[test]
fn every_solver_gives_the_same_linear_classifier() {
    for loss in [Loss::SVM, Loss::Softmax] {
        let settings = Settings { loss, length: Length::Epochs(2), ..Settings::linear() };
        always_the_same(&format!("gradient descent on {loss}"), &|data| {
            let linear = LinearClassifier::new(data.width(), 5).unwrap();
            let network = trained(linear.into_network(), data, &settings);
            AnyClassifier::Linear(network.try_into().unwrap())
        });
        let settings = dual::Settings { loss, max_epochs: 3, tolerance: 1e-9, ..dual::Settings::default() };
        always_the_same(&format!("the dual of {loss}"), &|data| {
            let watch = &mut |_: &dual::Progress| ControlFlow::Continue(());
            AnyClassifier::Linear(dual::solve(data, &settings, None, watch).unwrap().classifier)
        });
    }
}

/// There is no training, but the predictions must be the same.
#[test]
fn neighbours_give_the_same_answers() {
    let (data, queries) = (data(), patterns::patterns(ImageShape::gray(12, 12), 200, 5, 2));
    for metric in [Metric::L2, Metric::L1, Metric::Cosine] {
        let classifier = NeighborsClassifier::fit(&data, metric, 5, Vote::Distance).unwrap();
        let answers = |threads| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let scores = pool.install(|| classifier.scores(&queries).unwrap());
            (0..scores.rows())
                .flat_map(|row| scores.row(row))
                .map(|score| score.to_bits())
                .collect::<Vec<_>>()
        };
        let first = answers(1);
        for threads in THREADS.chain([8]) {
            assert!(answers(threads) == first, "{metric:?} by {threads} threads");
        }
    }
}
