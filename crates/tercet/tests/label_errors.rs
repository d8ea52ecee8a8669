//! The search for label errors finds known wrong labels of MNIST.

#![cfg(all(feature = "mnist", feature = "toml"))]

use std::ops::ControlFlow;

use tercet::Dataset;
use tercet::data::{Openings, Source};
use tercet::evaluate::{LabelError, LabelErrorSettings, find_label_errors};
use tercet::recipe::Recipe;

/// The test images whose labels were rejected by most of five annotators, each with its label and the class given by
/// most of them, if there is one.
///
/// Source: C. G. Northcutt, A. Athalye and J. Mueller, "Pervasive label errors in test sets destabilize machine
/// learning benchmarks", NeurIPS 2021 Datasets and Benchmarks; the votes are in the file `mturk/mnist_mturk.json` of
/// its repository cleanlab/label-errors. These are the 15 whose label had fewer than three of the five votes.
const KNOWN: [(usize, u32, Option<u32>); 15] = [
    (947, 8, Some(9)),
    (1621, 0, Some(6)),
    (1901, 9, Some(4)),
    (2130, 4, None),
    (2462, 2, Some(0)),
    (2597, 5, Some(3)),
    (2654, 6, None),
    (3520, 6, None),
    (3558, 5, Some(0)),
    (5937, 5, Some(3)),
    (6651, 0, Some(6)),
    (6783, 1, Some(6)),
    (8527, 4, None),
    (9679, 6, None),
    (9729, 5, Some(6)),
];

fn mnist() -> (Dataset, Dataset) {
    let mnist = "mnist".parse::<Source>().unwrap().open().unwrap();
    (mnist.train, mnist.test.unwrap().open(&mut Openings::new(), "a test"))
}

/// The known errors among the label errors found in the test set, and the total number found.
fn known_ones(train: &Dataset, test: &Dataset, settings: &LabelErrorSettings) -> (Vec<LabelError>, usize) {
    let found =
        find_label_errors(train, Some(test), settings, &mut |_| ControlFlow::Continue(())).unwrap().unwrap();
    let all = found.test.len();
    let known = |label_error: &LabelError| KNOWN.iter().any(|(index, _, _)| *index == label_error.index);
    (found.test.into_iter().filter(known).collect(), all)
}

#[test]
fn the_list_counts_images_as_the_test_set_does() {
    let (_, test) = mnist();
    for (index, label, _) in KNOWN {
        assert_eq!(test.label(index), label, "test image {index}");
    }
}

/// With a fifth of the training images and two small networks, to take only seconds.
#[test]
fn known_errors_of_the_test_set_are_found() {
    let (train, test) = mnist();
    let settings = LabelErrorSettings { folds: 2, ..LabelErrorSettings::default() };
    let (known, all) = known_ones(&train.first(12_000), &test, &settings);
    assert!(all < 400, "{all} of 10,000 labels were found");
    for (index, seen) in [(9729, 6), (1901, 4), (3558, 0)] {
        let label_error = known.iter().find(|label_error| label_error.index == index);
        let label_error = label_error.unwrap_or_else(|| panic!("test image {index} was not found"));
        assert_eq!(
            (label_error.network, label_error.neighbors),
            (seen, seen),
            "what most people saw in {index}"
        );
    }
    assert!(known.len() >= 6, "{known:?}");
}

/// The default of `tercet data check`.
#[test]
#[ignore = "trains five networks: cargo test --release -p tercet --test label_errors -- --ignored"]
fn eleven_of_fifteen_are_found_with_all_training_images() {
    let (train, test) = mnist();
    let Some(Recipe::GradientDescent(recipe)) = Recipe::named("ninety-nine") else {
        panic!("a recipe of descent")
    };
    let settings = LabelErrorSettings { recipe, ..LabelErrorSettings::default() };
    let (known, all) = known_ones(&train, &test, &settings);
    assert!(all < 100 && known.len() >= 10, "{all} label errors, among them {known:?}");
    assert_eq!(known[0].index, 9729, "the most suspicious of all");
}
