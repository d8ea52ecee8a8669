//! The stored rows in every layout, their memory use, and a classifier's description of itself.

use std::ops::ControlFlow;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tercet::data::Dataset;
use tercet::image::ImageShape;
use tercet::neighbors::{
    Deformable, Deformation, Features, Metric, NearestNeighbors, Neighbors, NeighborsClassifier, Vote, naive,
};

const PATTERNS: usize = 400;

/// Rows close to one of a few patterns, which their codes distinguish.
fn rows(count: usize, width: usize) -> Vec<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let patterns: Vec<u8> = (0..PATTERNS * width).map(|_| rng.random()).collect();
    let row = |i: usize| &patterns[i % PATTERNS * width..][..width];
    (0..count).flat_map(row).map(|pixel| pixel / 2 + rng.random_range(0..32u8)).collect()
}

fn images(count: usize, side: usize) -> Dataset {
    let labels = (0..count).map(|i| (i % 2) as u32).collect();
    let classes = vec!["a".to_owned(), "b".to_owned()];
    Dataset::from_pixels("images", ImageShape::gray(side, side), rows(count, side * side), labels, classes)
        .unwrap()
}

fn features(count: usize, width: usize) -> Dataset {
    let values = rows(count, width).into_iter().map(|value| f32::from(value) / 7.0 - 9.0).collect();
    Dataset::from_features("features", width, values, vec![0; count], vec!["any".to_owned()]).unwrap()
}

/// Asserts that the rows can be read back, and that their memory use is within the given range.
fn assert_remembered(
    data: &Dataset,
    metric: Metric,
    bytes: std::ops::RangeInclusive<usize>,
) -> NearestNeighbors {
    let index = NearestNeighbors::fit(data, metric).unwrap();
    let (n, d) = (data.len(), data.width());
    assert!(!index.is_empty());
    assert!(bytes.contains(&index.bytes()), "{metric} of {n} × {d}: {} is not in {bytes:?}", index.bytes());
    let mut x = vec![0.0; n * d];
    data.write_inputs(&(0..n).collect::<Vec<_>>(), &mut x);
    match index.features() {
        Features::U8(values) => {
            assert_eq!(values.iter().map(|&v| f32::from(v) / 255.0).collect::<Vec<_>>(), x);
            assert_eq!(index.pixels(n - 1).as_deref(), data.pixels(n - 1));
        }
        Features::F32(values) => {
            assert_eq!(values, x);
            assert_eq!(index.pixels(n - 1), None);
        }
        Features::F64(_) => panic!("f32 represents these features"),
    }
    assert_eq!(index.pixels(n), None, "there is no row {n}");
    index
}

#[test]
fn rows_come_back_and_their_memory_is_counted_in_every_layout() {
    let (n, d) = (100, 36);
    // Rows one after another, with eight bytes for the length of each if the metric needs it.
    assert_remembered(&images(n, 6), Metric::L3, n * d..=n * d);
    assert_remembered(&features(n, d), Metric::L1, n * 4 * d..=n * 4 * d);
    assert_remembered(&features(n, d), Metric::Cosine, n * (4 * d + 8)..=n * (4 * d + 8));
    // Panels, which are padded to a whole number of rows.
    assert_remembered(&images(n, 6), Metric::L2, n * d..=2 * n * d);
    // Codes in addition to the rows, which are shared with the set.
    let (n, d) = (4200, 256);
    let codes = assert_remembered(&images(n, 16), Metric::L2, n * d + n..=2 * n * d);
    assert_remembered(&features(n, d), Metric::L2, 4 * n * d + n..=6 * n * d);
    assert_eq!(codes.width(), d);
}

#[test]
fn products_of_many_features_are_those_of_the_definition() {
    let data = features(4200, 64);
    let queries = data.first(12);
    let found = NearestNeighbors::fit(&data, Metric::Dot).unwrap().search(&queries, 5).unwrap();
    assert_eq!(found, naive::search(&data, &queries, Metric::Dot, 5).unwrap());
}

#[test]
fn a_search_by_codes_can_be_ended_at_once() {
    let data = images(4200, 16);
    let index = NearestNeighbors::fit(&data, Metric::L2).unwrap();
    let found = index.search_with(&data.first(50), 3, &|_, _| ControlFlow::Break(())).unwrap();
    assert_eq!(found, None);
}

#[test]
fn pixels_too_many_for_exact_cosines_are_rejected() {
    let most = 1 << 26;
    let shape = ImageShape::gray(most + 1, 1);
    let set =
        Dataset::from_pixels("wide", shape, vec![1; most + 1], vec![0], vec!["any".to_owned()]).unwrap();
    let Err(error) = NearestNeighbors::fit(&set, Metric::Cosine) else {
        panic!("{most} pixels and one more")
    };
    let expected = "pixels per image for the metric cosine: found 67108865; expected at most 67108864";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_classifier_can_be_queried_with_other_settings_and_describes_them() {
    let data = images(60, 4);
    let classifier = NeighborsClassifier::fit(&data, Metric::L2, 1, Vote::Uniform).unwrap();
    let other = classifier.clone().with_k(60).unwrap().with_vote(Vote::Distance).unwrap();
    assert_eq!((other.k(), other.vote(), classifier.k()), (60, Vote::Distance, 1));
    assert_eq!(other.search(&data).unwrap().k, 60);
    let refused = |found: tercet::Result<NeighborsClassifier>| found.unwrap_err().to_string();
    assert!(refused(classifier.clone().with_k(61)).starts_with("k is 61; expected 1 to 60"));
    assert!(refused(classifier.clone().with_k(0)).starts_with("k is 0; expected 1 to 60"));
    let numbers = NeighborsClassifier::fit(&features(4200, 64), Metric::L2, 1, Vote::Uniform).unwrap();
    let deformable = Deformable { candidates: 60, deformation: Deformation::Shifts(2) };
    let error = refused(numbers.with_deformation(Some(deformable)));
    assert!(error.contains("grey images"), "numbers have no neighbours to be shifted to: {error}");
    let products = NeighborsClassifier::fit(&data, Metric::Dot, 1, Vote::Uniform).unwrap();
    assert!(products.with_vote(Vote::Distance).is_err(), "a product is no distance");

    assert_eq!(classifier.distance_in_words(), classifier.metric().to_string());
    let shifted = classifier.clone().with_deformation(Some(deformable)).unwrap();
    assert_eq!(shifted.distance_in_words(), deformable.describe(Metric::L2));

    let foreign = Neighbors { k: 1, indices: vec![60], distances: vec![0.0] };
    let error = classifier.scores_from(&foreign).unwrap_err().to_string();
    assert_eq!(error, "a neighbour: found 60; expected a row below 60");
}

/// A set that is searched by codes shares its rows with those for deformation.
#[test]
fn shared_rows_are_deformed_like_copied_rows() {
    let data = images(4200, 16);
    let deformable = Deformable { candidates: 10, deformation: Deformation::Shifts(1) };
    let queries = data.first(20);
    let search = |data: &Dataset| {
        let classifier = NeighborsClassifier::fit(data, Metric::L2, 3, Vote::Uniform).unwrap();
        classifier.with_deformation(Some(deformable)).unwrap().search(&queries).unwrap()
    };
    // The rows of the first patterns are close only to one another: fewer rows, in another layout, have the same
    // neighbours.
    let rows: Vec<usize> = (0..4200).filter(|i| i % PATTERNS < 20).collect();
    let (all, few) = (search(&data), search(&data.subset(&rows)));
    assert_eq!(all.distances, few.distances);
    assert_eq!(all.indices, few.indices.iter().map(|&i| rows[i as usize] as u32).collect::<Vec<_>>());
}

#[test]
fn a_deformable_search_can_be_ended_before_its_first_query_and_among_the_candidates() {
    let data = images(60, 4);
    let deformable = Deformable { candidates: 10, deformation: Deformation::Shifts(1) };
    let classifier = NeighborsClassifier::fit(&data, Metric::L2, 1, Vote::Uniform).unwrap();
    let classifier = classifier.with_deformation(Some(deformable)).unwrap();
    let ended_at = |at: usize| {
        move |done: usize, _: usize| {
            if done == at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    };
    assert_eq!(classifier.search_with(&data, &ended_at(0)).unwrap(), None);
    assert_eq!(classifier.choose_k(1, &ended_at(1)).unwrap(), None);
}
