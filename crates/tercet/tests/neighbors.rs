//! Exact search against the definition of it: complete lists of neighbours, on every instruction set.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;
use tercet::data::{Dataset, ImageShape};
use tercet::neighbors::{Metric, NearestNeighbors, Neighbors, NeighborsClassifier, Vote, naive};
use tercet_kernels::Isa;

fn images(width: usize, pixels: Vec<u8>) -> Dataset {
    let labels = vec![0; pixels.len() / width];
    Dataset::from_pixels("images", ImageShape::gray(width, 1), pixels, labels, vec!["any".to_owned()])
        .unwrap()
}

fn features(width: usize, values: Vec<f32>) -> Dataset {
    let labels = vec![0; values.len() / width];
    Dataset::from_features("features", width, values, labels, vec!["any".to_owned()]).unwrap()
}

/// Every metric on every instruction set gives the list that the definition gives, distances included.
fn assert_exact(data: &Dataset, queries: &Dataset, k: usize) {
    for metric in Metric::ALL {
        let expected = naive::search(data, queries, metric, k).unwrap();
        for isa in Isa::available() {
            let index = NearestNeighbors::fit_for(isa, data, metric).unwrap();
            assert_eq!(index.search(queries, k).unwrap(), expected, "{metric} on {}", isa.name());
        }
    }
}

/// N, D and the number of queries: around and between the sizes of panels and blocks.
fn sizes() -> impl Strategy<Value = (usize, usize, usize)> {
    (1usize..70, prop_oneof![Just(1usize), 2usize..40, 60usize..70], 1usize..30)
}

/// `count` rows of bytes of a kind that is hard in its own way.
fn byte_rows(count: usize, width: usize) -> impl Strategy<Value = Vec<u8>> {
    let any_bytes = vec(any::<u8>(), count * width);
    let extremes = vec(prop_oneof![Just(0u8), Just(255)], count * width);
    let few_values = vec(0u8..3, count * width);
    // One row, over and over, with one pixel changed by one in some of the copies.
    let almost_duplicates =
        (vec(any::<u8>(), width), vec((0..width, any::<bool>()), count)).prop_map(|(row, changes)| {
            let copy = |(at, change): (usize, bool)| {
                let mut row = row.clone();
                row[at] ^= u8::from(change);
                row
            };
            changes.into_iter().flat_map(copy).collect()
        });
    // Every column the same in all rows but one.
    let constant_columns =
        (vec(any::<u8>(), width), 0..width, vec(any::<u8>(), count)).prop_map(|(row, at, varying)| {
            let vary = |value| {
                let mut row = row.clone();
                row[at] = value;
                row
            };
            varying.into_iter().flat_map(vary).collect()
        });
    let zeros = Just(vec![0; count * width]);
    prop_oneof![any_bytes, extremes, few_values, almost_duplicates, constant_columns, zeros]
}

/// Rows and queries of the same kind (so that duplicates meet duplicates), and any k.
fn problem() -> impl Strategy<Value = (usize, Vec<u8>, Vec<u8>, usize)> {
    sizes().prop_flat_map(|(n, width, queries)| {
        (Just(width), byte_rows(n + queries, width), 1..=n).prop_map(move |(width, mut rows, k)| {
            let queries = rows.split_off(n * width);
            (width, rows, queries, k)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn pixels_find_the_neighbours_of_the_definition((width, rows, queries, k) in problem()) {
        assert_exact(&images(width, rows), &images(width, queries), k);
    }

    /// Bytes as floats bring the same duplicates and ties; the scale brings roots, fractions and signs.
    #[test]
    fn features_find_the_neighbours_of_the_definition(
        (width, rows, queries, k) in problem(),
        scale in prop_oneof![Just(1.0f32), Just(0.1), Just(-3e-20), Just(1e30)],
        shift in prop_oneof![Just(0.0f32), Just(-128.0)],
    ) {
        let float = |values: Vec<u8>| values.into_iter().map(|v| (f32::from(v) + shift) * scale).collect();
        assert_exact(&features(width, float(rows)), &features(width, float(queries)), k);
    }
}

/// Pixels by a rule that is good for nothing but variety.
fn mixed(count: usize, width: usize) -> Vec<u8> {
    (0..(count * width) as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as u8 * 17).collect()
}

#[test]
fn many_stripes_and_blocks() {
    let (data, queries) = (images(9, mixed(1_111, 9)), images(9, mixed(113, 9)));
    assert_exact(&data, &queries, 7);
    assert_exact(&data, &queries, 1_111);
}

#[test]
fn wide_rows() {
    for width in [784, 4_096] {
        assert_exact(&images(width, mixed(40, width)), &images(width, mixed(5, width)), 40);
    }
    // Past the width at which sums fit in 32 bits, with the largest sums there are.
    let width = 70_000;
    let rows = [vec![255; width], vec![0; width], mixed(1, width), vec![254; width]].concat();
    assert_exact(&images(width, rows), &images(width, [vec![255; width], vec![0; width]].concat()), 4);
}

#[test]
fn the_worst_order_for_a_search_that_turns_rows_away() {
    // Each row is nearer than all before it, so every one gets in.
    let rows: Vec<u8> = (0..=255).rev().flat_map(|v| [v, v, 1]).collect();
    for k in [1, 3, 256] {
        assert_exact(&images(3, rows.clone()), &images(3, vec![0, 0, 1]), k);
    }
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let (data, queries) = (images(30, mixed(500, 30)), images(30, mixed(100, 30)));
    for metric in Metric::ALL {
        let index = NearestNeighbors::fit(&data, metric).unwrap();
        let search = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| index.search(&queries, 5).unwrap())
        };
        let one = search(1);
        assert_eq!(search(2), one);
        assert_eq!(search(3), one);
    }
}

#[test]
fn a_subset_is_numbered_by_its_own_rows() {
    let data = images(1, vec![0, 50, 100, 150]);
    let index = NearestNeighbors::fit(&data.subset(&[3, 1]), Metric::L1).unwrap();
    let found = index.search(&data.subset(&[2, 0]), 2).unwrap();
    assert_eq!(found.indices, [0, 1, 1, 0]);
    assert_eq!(found.distances, [50.0, 50.0, 50.0, 150.0]);
}

#[test]
fn progress_ends_at_the_total_and_can_stop_the_search() {
    let data = images(4, mixed(300, 4));
    let index = NearestNeighbors::fit(&data, Metric::L2).unwrap();
    let most = AtomicUsize::new(0);
    let found = index.search_with(&data, 2, &|done, total| {
        assert!(done <= total && total == 300);
        most.fetch_max(done, Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    assert_eq!(found.unwrap().as_ref().map(Neighbors::len), Some(300));
    assert_eq!(most.into_inner(), 300);

    let calls = AtomicUsize::new(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let stopped = pool.install(|| {
        index.search_with(&data, 2, &|_, _| {
            calls.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Break(())
        })
    });
    assert_eq!(stopped.unwrap(), None);
    assert_eq!(calls.into_inner(), 1, "nothing is searched after the stop");
}

#[test]
fn bad_requests_say_what_was_expected() {
    let data = images(4, mixed(5, 4));
    let index = NearestNeighbors::fit(&data, Metric::L2).unwrap();
    let message = |queries: &Dataset, k| {
        let fast = index.search(queries, k).unwrap_err().to_string();
        assert_eq!(naive::search(&data, queries, Metric::L2, k).unwrap_err().to_string(), fast);
        fast
    };
    assert_eq!(message(&data, 0), "k is 0; expected 1 to 5, as 5 examples are remembered");
    assert_eq!(message(&data, 6), "k is 6; expected 1 to 5, as 5 examples are remembered");
    assert_eq!(
        message(&images(3, vec![0; 3]), 1),
        "features of a query: found 3; expected 4 (images of 4 × 1), like the remembered examples"
    );
    assert_eq!(
        message(&features(4, vec![0.0; 4]), 1),
        "values of the queries: found features (f32); expected pixels (u8), like the remembered examples"
    );
    let empty = data.subset(&[]);
    let error = NearestNeighbors::fit(&empty, Metric::L2).unwrap_err().to_string();
    assert_eq!(error, "examples to remember: found 0; expected at least 1");
    assert!(NeighborsClassifier::fit(&data, Metric::L1, 6, Vote::Uniform).is_err());
    assert!(index.search(&empty, 5).unwrap().is_empty());
}

#[test]
fn a_classifier_can_be_made_again_from_what_it_remembers() {
    let classes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let labels: Vec<u32> = (0..50).map(|i| i % 3).collect();
    let pixels =
        Dataset::from_pixels("set", ImageShape::gray(3, 2), mixed(50, 6), labels.clone(), classes.clone())
            .unwrap();
    let values = mixed(50, 6).into_iter().map(|v| f32::from(v) - 100.5).collect();
    let floats = Dataset::from_features("set", 6, values, labels, classes).unwrap();
    for data in [&pixels, &floats] {
        for metric in Metric::ALL {
            for vote in Vote::ALL {
                let first = NeighborsClassifier::fit(data, metric, 4, vote).unwrap();
                let copy = first.to_dataset("set").unwrap();
                assert_eq!(copy.digest(), data.digest());
                assert_eq!(copy.image_shape(), data.image_shape());
                let second = NeighborsClassifier::fit(&copy, metric, first.k(), first.vote()).unwrap();
                assert_eq!(second.scores(data).unwrap(), first.scores(data).unwrap());
                assert_eq!(first.index().pixels(49).as_deref(), data.pixels(49));
            }
        }
    }
}

#[test]
fn scores_are_shares_and_lead_to_the_class_predicted() {
    let labels: Vec<u32> = (0..200).map(|i| i % 7 % 4).collect();
    let classes = (0..4).map(|c| c.to_string()).collect();
    let data = Dataset::from_pixels("set", ImageShape::gray(2, 1), mixed(200, 2), labels, classes).unwrap();
    for vote in Vote::ALL {
        let classifier = NeighborsClassifier::fit(&data, Metric::L2, 6, vote).unwrap();
        let (scores, predicted) = (classifier.scores(&data).unwrap(), classifier.predict(&data).unwrap());
        for (i, &class) in predicted.iter().enumerate() {
            let row = scores.row(i);
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(row.iter().all(|&score| score <= row[class as usize]));
        }
    }
}
