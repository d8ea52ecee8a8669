//! The test accuracy of the three classifiers on MNIST, through the public interface.
//!
//! All settings are defaults, which were chosen on the validation set before the test set was used.

#![cfg(feature = "mnist")]

use tercet::Dataset;
use tercet::data::{Collection, Openings, Source, default_validation, split};
use tercet::evaluate::Evaluation;
use tercet::linear::LinearClassifier;
use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
use tercet::network::{Init, Network};
use tercet::train::{Plan, Settings, train};

/// The training set, and the unsealed test set.
fn mnist() -> (Dataset, Dataset) {
    let Collection { train, test, .. } = Source::Mnist.open().unwrap();
    let mut record = Openings::new();
    let test = test.unwrap().open(&mut record, "the accuracies that the tests assert");
    assert_eq!((record.len(), record[0].examples), (1, 10_000));
    (train, test)
}

/// Trains from the network's current weights, on all examples except the validation split.
fn trained(mut network: Network, examples: &Dataset, settings: &Settings) -> Network {
    let parts = split(examples, default_validation(examples.len()), 0).unwrap();
    let plan = Plan::new(&parts.train, *settings, 0).with_validation(&parts.validation);
    train(&mut network, &plan).unwrap();
    network
}

fn accuracy(network: &Network, test: &Dataset) -> f64 {
    let scores = network.scores(test).unwrap();
    Evaluation::from_scores(&scores, test.labels(), test.classes()).unwrap().accuracy
}

#[test]
fn three_nearest_neighbors_of_all_sixty_thousand() {
    let (examples, test) = mnist();
    let classifier = NeighborsClassifier::fit(&examples, Metric::L2, 3, Vote::Uniform).unwrap();
    let predicted = classifier.predict(&test).unwrap();
    let found = Evaluation::from_predictions(&predicted, test.labels(), test.classes()).unwrap().accuracy;
    assert!((found - 0.9705).abs() <= 0.0005, "{found}");
}

#[test]
fn the_linear_classifier() {
    let (examples, test) = mnist();
    let start = LinearClassifier::new(784, 10).unwrap().network().clone();
    let found = accuracy(&trained(start, &examples, &Settings::linear()), &test);
    assert!((0.92..0.94).contains(&found), "{found}");
}

#[test]
fn the_network_at_its_defaults() {
    let (examples, test) = mnist();
    let start = Network::fully_connected(784, &[128], 10, Init::He, 0).unwrap();
    let found = accuracy(&trained(start, &examples, &Settings::default()), &test);
    assert!((0.975..0.99).contains(&found), "{found}");
}
