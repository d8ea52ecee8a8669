//! Labels of MNIST that are wrong are among those that are found suspicious.

use std::ops::ControlFlow;

use tercet::data::{Openings, Source};
use tercet::evaluate::{SuspectSettings, suspects};

/// The test images whose labels most of five people refused, each with its label and what most of them saw, where they agreed
/// on it.
///
/// Source: C. G. Northcutt, A. Athalye and J. Mueller, "Pervasive label errors in test sets destabilize machine learning
/// benchmarks", NeurIPS 2021 Datasets and Benchmarks; the votes are in the file `mturk/mnist_mturk.json` of its repository
/// cleanlab/label-errors. These are the 15 whose label had fewer than three of the five votes.
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

/// With a fifth of the training images and two networks, so that it takes seconds.
#[test]
fn known_errors_of_the_test_set_are_found() {
    let mnist = "mnist".parse::<Source>().unwrap().open().unwrap();
    let test = mnist.test.unwrap().open(&mut Openings::new(), "a test");
    for (index, label, _) in KNOWN {
        assert_eq!(test.label(index), label, "the list counts images as this test set does");
    }
    let settings = SuspectSettings { folds: 2, ..SuspectSettings::default() };
    let found =
        suspects(&mnist.train.first(12_000), Some(&test), &settings, &mut |_| ControlFlow::Continue(()));
    let found = found.unwrap().unwrap();
    assert!(found.test.len() < 400, "{} of 10,000 labels are suspected", found.test.len());
    // Those of which at least four of five people said the same other class.
    for (index, seen) in [(947, 9), (2462, 0), (2597, 3), (3558, 0), (6651, 6)] {
        let suspect = found.test.iter().find(|suspect| suspect.index == index);
        let suspect = suspect.unwrap_or_else(|| panic!("test image {index} is not suspected"));
        assert!(suspect.network == seen || suspect.neighbors == seen, "{suspect:?}");
    }
    let known = found.test.iter().filter(|suspect| KNOWN.iter().any(|(index, _, _)| *index == suspect.index));
    assert!(known.count() >= 10);
}
