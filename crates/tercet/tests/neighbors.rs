//! Exact search compared with its definition: complete lists of neighbours, on every instruction set.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::collection::vec;
use proptest::prelude::*;
use tercet::data::Dataset;
use tercet::image::ImageShape;
use tercet::neighbors::{Metric, NearestNeighbors, Neighbors, NeighborsClassifier, Priors, Vote, naive};
use tercet_kernels::Isa;

fn images(width: usize, pixels: Vec<u8>) -> Dataset {
    let labels = vec![0; pixels.len() / width];
    Dataset::from_pixels("images", ImageShape::gray(width, 1), pixels, labels, vec!["any".to_owned()])
        .unwrap()
}

/// The metrics with kernels, and two that are computed by their definition: the others take the same path.
const METRICS: &[Metric] =
    &[Metric::L1, Metric::L2, Metric::L3, Metric::Cosine, Metric::Dot, Metric::Chebyshev, Metric::Jaccard];

fn features(width: usize, values: Vec<f32>) -> Dataset {
    let labels = vec![0; values.len() / width];
    Dataset::from_features("features", width, values, labels, vec!["any".to_owned()]).unwrap()
}

/// Asserts that every metric on every instruction set gives the list of the definition, including distances.
fn assert_exact(data: &Dataset, queries: &Dataset, k: usize) {
    for &metric in METRICS {
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

/// `count` rows of bytes that are difficult in various ways.
fn byte_rows(count: usize, width: usize) -> impl Strategy<Value = Vec<u8>> {
    let any_bytes = vec(any::<u8>(), count * width);
    let extremes = vec(prop_oneof![Just(0u8), Just(255)], count * width);
    let few_values = vec(0u8..3, count * width);
    // The same row repeated, with one pixel changed by one in some of the copies.
    let almost_duplicates =
        (vec(any::<u8>(), width), vec((0..width, any::<bool>()), count)).prop_map(|(row, changes)| {
            let copy = |(at, change): (usize, bool)| {
                let mut row = row.clone();
                row[at] ^= u8::from(change);
                row
            };
            changes.into_iter().flat_map(copy).collect()
        });
    // All columns are constant in all rows except one.
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

/// Rows and queries of the same kind (so that there are duplicates among them), and any k.
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

    /// The same bytes as floats keep duplicates and ties; the scale adds roots, fractions and signs.
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

/// Asserts that leave-one-out agrees with the definition for every metric on every instruction set.
fn assert_leaves_one_out(data: &Dataset, k: usize) {
    for &metric in METRICS {
        let expected = naive::leave_one_out(data, metric, k).unwrap();
        for isa in Isa::available() {
            let index = NearestNeighbors::fit_for(isa, data, metric).unwrap();
            let found = index.leave_one_out(k, &|_, _| ControlFlow::Continue(())).unwrap().unwrap();
            assert_eq!(found, expected, "{metric} on {}", isa.name());
        }
    }
}

/// At least two rows, and any k.
fn rows_with_others() -> impl Strategy<Value = (usize, Vec<u8>, usize)> {
    (2usize..60, prop_oneof![Just(1usize), 2usize..40])
        .prop_flat_map(|(n, width)| (Just(width), byte_rows(n, width), prop_oneof![1..n, Just(n - 1)]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn leave_one_out_finds_the_others_of_the_definition((width, rows, k) in rows_with_others()) {
        assert_leaves_one_out(&images(width, rows.clone()), k);
        assert_leaves_one_out(&features(width, rows.into_iter().map(|v| f32::from(v) - 100.0).collect()), k);
    }

    /// The leave-one-out accuracy equals that of N classifiers, each fitted without one example.
    #[test]
    fn k_is_chosen_by_classifiers_that_never_saw_the_example(
        examples in vec((0u8..12, 0u32..3, prop_oneof![Just(0.0f32), Just(1.0), Just(2.5)]), 4..20),
        priors in prop_oneof![
            Just(Priors::Data), Just(Priors::Uniform), Just(Priors::Given(vec![0.0, 3.0, 1.0])), Just(Priors::Given(vec![0.25, 0.25, 0.5])),
        ],
        weighted in any::<bool>(),
        vote in prop_oneof![Just(Vote::Uniform), Just(Vote::Distance)],
    ) {
        let n = examples.len();
        let set = |rows: &[usize]| {
            let (pixels, labels) = rows.iter().map(|&i| (examples[i].0, examples[i].1)).unzip();
            let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
            Dataset::from_pixels("set", ImageShape::gray(1, 1), pixels, labels, classes).unwrap()
        };
        let fit = |rows: &[usize], k| {
            let classifier = NeighborsClassifier::fit(&set(rows), Metric::L1, k, vote)?;
            let weights = rows.iter().map(|&i| examples[i].2).collect();
            let classifier = if weighted { classifier.with_weights(weights)? } else { classifier };
            classifier.with_priors(priors.clone())
        };
        let all: Vec<usize> = (0..n).collect();
        // Weights and priors that leave no voters are rejected, which other tests check.
        if let Ok(classifier) = fit(&all, 1) {
            let choice = classifier.choose_k(n - 1, &|_, _| ControlFlow::Continue(())).unwrap().unwrap();

            // The total weight of each example: its own weight times the prior of its class, divided by the weight of
            // the class.
            let weight = |i: usize| if weighted { f64::from(examples[i].2) } else { 1.0 };
            let of_class = |c: u32| all.iter().filter(|&&i| examples[i].1 == c).map(|&i| weight(i)).sum::<f64>();
            let prior = |c: u32| match &priors {
                Priors::Data => of_class(c),
                Priors::Uniform => 1.0,
                Priors::Given(priors) => priors[c as usize],
            };
            let counts = |i: usize| match (weight(i), examples[i].1) {
                (0.0, _) => 0.0,
                (weight, class) => weight * prior(class) / of_class(class),
            };
            for k in 1..n {
                let right = |&i: &usize| {
                    let others: Vec<usize> = all.iter().copied().filter(|&j| j != i).collect();
                    fit(&others, k).is_ok_and(|c| c.predict(&set(&[i])).unwrap() == [examples[i].1])
                };
                let total: f64 = all.iter().map(|&i| counts(i)).sum();
                let expected = all.iter().copied().filter(right).map(counts).sum::<f64>() / total;
                let found = choice.accuracies[k - 1];
                prop_assert_eq!(found.k, k);
                prop_assert!((found.accuracy - expected).abs() < 1e-12, "k = {}: {} not {}", k, found.accuracy, expected);
                prop_assert!((found.interval.low..=found.interval.high).contains(&found.accuracy));
            }
            let best = choice.accuracies.iter().map(|point| point.accuracy).fold(0.0, f64::max);
            let first = choice.accuracies.iter().find(|point| point.accuracy == best).unwrap();
            prop_assert_eq!((choice.k, choice.best()), (first.k, first));
        }
    }
}

#[test]
fn two_rows_have_each_other() {
    for rows in [vec![3, 9], vec![7, 7]] {
        assert_leaves_one_out(&images(1, rows), 1);
    }
}

#[test]
fn leaving_one_out_tells_how_far_it_is_and_can_be_stopped() {
    let data = images(4, mixed(300, 4));
    let classifier = NeighborsClassifier::fit(&data, Metric::L2, 1, Vote::Uniform).unwrap();
    let most = AtomicUsize::new(0);
    let watch = |done: usize, total: usize| {
        assert!(done <= total && total == 300);
        most.fetch_max(done, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    assert!(classifier.index().leave_one_out(2, &watch).unwrap().is_some());
    assert_eq!(most.into_inner(), 300);
    let stop = |_, _| ControlFlow::Break(());
    assert_eq!(classifier.index().leave_one_out(2, &stop).unwrap(), None);
    assert_eq!(classifier.choose_k(2, &stop).unwrap(), None);
}

#[test]
fn a_number_of_others_that_there_is_not_is_rejected() {
    let go_on = |_, _| ControlFlow::Continue(());
    let message = |rows: usize, k| {
        let data = images(1, mixed(rows, 1));
        let classifier = NeighborsClassifier::fit(&data, Metric::L2, 1, Vote::Uniform).unwrap();
        let fast = classifier.index().leave_one_out(k, &go_on).unwrap_err().to_string();
        assert_eq!(naive::leave_one_out(&data, Metric::L2, k).unwrap_err().to_string(), fast);
        let of_choice = classifier.choose_k(k, &go_on).unwrap_err().to_string();
        assert_eq!(
            of_choice.strip_prefix("k-max").unwrap_or(&of_choice),
            fast.strip_prefix("k").unwrap_or(&fast)
        );
        fast
    };
    assert_eq!(message(5, 0), "k is 0; expected 1 to 4, the number of other examples");
    assert_eq!(message(5, 5), "k is 5; expected 1 to 4, the number of other examples");
    assert_eq!(message(5, usize::MAX).split(';').count(), 2);
    assert!(message(1, 1).starts_with("examples for leave-one-out: found 1; expected at least 2"));
}

/// Pseudo-random pixels by a simple rule.
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
    // Beyond the width up to which sums fit in 32 bits, with the largest possible sums.
    let width = 70_000;
    let rows = [vec![255; width], vec![0; width], mixed(1, width), vec![254; width]].concat();
    assert_exact(&images(width, rows), &images(width, [vec![255; width], vec![0; width]].concat()), 4);
}

#[test]
fn the_worst_order_for_a_search_that_turns_rows_away() {
    // Each row is nearer than all before it, so every one becomes a neighbour.
    let rows: Vec<u8> = (0..=255).rev().flat_map(|v| [v, v, 1]).collect();
    for k in [1, 3, 256] {
        assert_exact(&images(3, rows.clone()), &images(3, vec![0, 0, 1]), k);
    }
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let (data, queries) = (images(30, mixed(500, 30)), images(30, mixed(100, 30)));
    for &metric in METRICS {
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
fn errors_state_what_was_expected() {
    let data = images(4, mixed(5, 4));
    let index = NearestNeighbors::fit(&data, Metric::L2).unwrap();
    let message = |queries: &Dataset, k| {
        let fast = index.search(queries, k).unwrap_err().to_string();
        assert_eq!(naive::search(&data, queries, Metric::L2, k).unwrap_err().to_string(), fast);
        fast
    };
    assert_eq!(message(&data, 0), "k is 0; expected 1 to 5, the number of stored examples");
    assert_eq!(message(&data, 6), "k is 6; expected 1 to 5, the number of stored examples");
    assert_eq!(
        message(&images(3, vec![0; 3]), 1),
        "features of a query: found 3; expected 4 (images of 4 × 1), like the stored examples"
    );
    assert_eq!(
        message(&features(4, vec![0.0; 4]), 1),
        "values of the queries: found features (float); expected pixels (uint8), like the stored examples"
    );
    let empty = data.subset(&[]);
    let error = NearestNeighbors::fit(&empty, Metric::L2).unwrap_err().to_string();
    assert_eq!(error, "number of examples: found 0; expected at least 1");
    assert!(NeighborsClassifier::fit(&data, Metric::L1, 6, Vote::Uniform).is_err());
    assert!(index.search(&empty, 5).unwrap().is_empty());
}

#[test]
fn a_classifier_can_be_rebuilt_from_its_parts() {
    let classes = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
    let labels: Vec<u32> = (0..50).map(|i| i % 3).collect();
    let pixels =
        Dataset::from_pixels("set", ImageShape::gray(3, 2), mixed(50, 6), labels.clone(), classes.clone())
            .unwrap();
    let values = mixed(50, 6).into_iter().map(|v| f32::from(v) - 100.5).collect();
    let floats = Dataset::from_features("set", 6, values, labels, classes).unwrap();
    for data in [&pixels, &floats] {
        for &metric in METRICS {
            for vote in Vote::ALL {
                if (metric, vote) == (Metric::Dot, Vote::Distance) {
                    let refused = NeighborsClassifier::fit(data, metric, 4, vote).unwrap_err().to_string();
                    assert!(refused.contains("which is not a distance"), "{refused}");
                    continue;
                }
                let first = NeighborsClassifier::fit(data, metric, 4, vote).unwrap();
                let copy = data.with_examples(first.to_examples().unwrap()).unwrap();
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
fn scores_are_vote_fractions_and_determine_the_prediction() {
    let labels: Vec<u32> = (0..200).map(|i| i % 7 % 4).collect();
    let classes = tercet::data::Classes::numbered(4);
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

/// Integer weights and priors are equivalent to copies of examples: with a prior of 2 / 3 instead of 1 / 3, a class
/// votes as if it had proportionally more examples.
#[test]
fn weights_and_priors_are_votes_that_copies_would_have() {
    let classes = vec!["few".to_owned(), "many".to_owned()];
    let shape = ImageShape::gray(1, 1);
    let set = Dataset::from_pixels("set", shape, vec![10, 12, 14, 16], vec![0, 1, 1, 1], classes).unwrap();
    let query = set.subset(&[0]);
    let classifier = NeighborsClassifier::fit(&set, Metric::L1, 4, Vote::Uniform).unwrap();
    assert_eq!(classifier.scores(&query).unwrap().row(0), [0.25, 0.75]);

    let weighted = classifier.clone().with_weights(vec![3.0, 1.0, 1.0, 0.0]).unwrap();
    assert_eq!(weighted.scores(&query).unwrap().row(0), [0.6, 0.4]);
    let balanced = classifier.clone().with_priors(Priors::Uniform).unwrap();
    assert_eq!(balanced.scores(&query).unwrap().row(0), [0.5, 0.5]);
    // These priors are those of the data itself, so nothing changes.
    let own = classifier.clone().with_priors(Priors::Given(vec![1.0, 3.0])).unwrap();
    assert_eq!(own.scores(&query).unwrap().row(0), [0.25, 0.75]);
    assert_eq!(own.predict(&query).unwrap(), [1]);

    // Equal weights change nothing; suitable priors compensate for the weights.
    let same = classifier.clone().with_weights(vec![0.1; 4]).unwrap();
    assert_eq!(same.scores(&query).unwrap().row(0), [0.25, 0.75]);
    let both = weighted.with_priors(Priors::Given(vec![1.0, 4.0])).unwrap();
    let row = both.scores(&query).unwrap();
    assert!((row.row(0)[0] - 0.2).abs() < 1e-6 && (row.row(0)[1] - 0.8).abs() < 1e-6, "{row:?}");
}

#[test]
fn an_explanation_adds_up_to_the_scores() {
    let labels: Vec<u32> = (0..90).map(|i| i % 7 % 3).collect();
    let classes: Vec<String> = (0..3).map(|c| c.to_string()).collect();
    let data =
        Dataset::from_pixels("set", ImageShape::gray(2, 1), mixed(90, 2), labels.clone(), classes).unwrap();
    let weights: Vec<f32> = (0..90).map(|i| (i % 4) as f32).collect();
    for vote in Vote::ALL {
        let classifier = NeighborsClassifier::fit(&data, Metric::L2, 5, vote).unwrap();
        let classifier =
            classifier.with_weights(weights.clone()).unwrap().with_priors(Priors::Uniform).unwrap();
        let (found, scores) = (classifier.search(&data).unwrap(), classifier.scores(&data).unwrap());
        for i in 0..data.len() {
            let explanation = classifier.explain(&found, i).unwrap();
            assert_eq!(explanation.shares, scores.row(i));
            let (indices, distances) = found.of(i);
            let mut votes = vec![0.0; 3];
            for ((voter, &index), &distance) in explanation.neighbors.iter().zip(indices).zip(distances) {
                assert_eq!((voter.index, voter.distance), (index, distance));
                assert_eq!(voter.label, labels[index as usize]);
                votes[voter.label as usize] += voter.vote;
            }
            assert_eq!(explanation.votes, votes);
        }
        assert!(classifier.explain(&found, 90).is_err());
    }
}

#[test]
fn without_voters_the_priors_decide() {
    let classes: Vec<String> = ["a", "b", "c"].map(str::to_owned).to_vec();
    let shape = ImageShape::gray(1, 1);
    let set =
        Dataset::from_pixels("set", shape, vec![0, 1, 100, 101, 102], vec![0, 0, 1, 1, 0], classes).unwrap();
    let classifier = NeighborsClassifier::fit(&set, Metric::L1, 2, Vote::Distance).unwrap();
    let silent = classifier.with_weights(vec![0.0, 0.0, 1.0, 2.0, 1.0]).unwrap();
    let query = set.subset(&[0]);
    // The fractions of the weights among all examples, and of the priors among the classes that have a voter.
    assert_eq!(silent.scores(&query).unwrap().row(0), [0.25, 0.75, 0.0]);
    assert!(!silent.explain(&silent.search(&query).unwrap(), 0).unwrap().anyone_voted());
    let priors = silent.with_priors(Priors::Given(vec![3.0, 1.0, 4.0])).unwrap();
    assert_eq!(priors.scores(&query).unwrap().row(0), [0.75, 0.25, 0.0]);
}

#[test]
fn weights_and_priors_that_make_no_sense_are_rejected() {
    let data = images(4, mixed(5, 4));
    let fit = || NeighborsClassifier::fit(&data, Metric::L2, 1, Vote::Uniform).unwrap();
    for weights in [vec![1.0; 4], vec![0.0; 5], vec![1.0, 1.0, -0.5, 1.0, 1.0], vec![f32::NAN; 5], vec![]] {
        assert!(fit().with_weights(weights).is_err());
    }
    for priors in [vec![], vec![0.5, 0.5], vec![0.0], vec![-1.0], vec![f64::NAN], vec![f64::INFINITY]] {
        assert!(fit().with_priors(Priors::Given(priors)).is_err());
    }
}

#[test]
fn parts_are_the_whole_in_order() {
    let (data, queries) = (images(12, mixed(900, 12)), images(12, mixed(700, 12)));
    let index = NearestNeighbors::fit(&data, Metric::L2).unwrap();
    let (mut indices, mut parts) = (Vec::new(), 0);
    let go_on = |done: usize, of: usize| {
        assert!(done <= of && of == 700);
        ControlFlow::Continue(())
    };
    // 700 lists of 900 neighbours are more than one batch.
    let end = index.search_batched(&queries, 900, &go_on, |first, part| {
        assert_eq!(first * 900, indices.len());
        parts += 1;
        indices.extend(part.indices);
    });
    assert_eq!(end.unwrap(), ControlFlow::Continue(()));
    assert_eq!(indices, index.search(&queries, 900).unwrap().indices);
    assert!(parts > 1);
    let stop = index.search_batched(&queries, 3, &|_, _| ControlFlow::Break(()), |_, _| {});
    assert_eq!(stop.unwrap(), ControlFlow::Break(()));
}
