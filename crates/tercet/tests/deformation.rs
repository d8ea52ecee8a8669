//! Deformable distances compared with their definition: complete lists of neighbours, from all candidates and from a
//! few.

use std::ops::ControlFlow;

use tercet::data::Dataset;
use tercet::image::ImageShape;
use tercet::neighbors::{
    Deformable, Deformation, Edges, Metric, NearestNeighbors, Neighbors, NeighborsClassifier, Vote,
};
use tercet::preprocess::{Learner, Preprocessing};
use tercet_kernels::deformable::{Strength, Warp, edges, naive};

const SIDE: usize = 9;

/// Slanted strokes at various positions, so that deformation matters; many are alike.
fn strokes(count: usize, from: usize) -> Dataset {
    let pixel = |i: usize, p: usize| {
        let (y, x) = (p / SIDE, p % SIDE);
        let lean = [0, 1, 2][i % 3];
        let at = 1 + i % 5 + lean * y / 4;
        if y > i % 4 && (x == at || (i.is_multiple_of(7) && y == 5)) { 90 + 20 * (i % 4) as u8 } else { 0 }
    };
    let pixels = (from..from + count).flat_map(|i| (0..SIDE * SIDE).map(move |p| pixel(i, p))).collect();
    let labels = (from..from + count).map(|i| (i % 3) as u32).collect();
    let classes = ["upright", "leaning", "falling"].map(str::to_owned).to_vec();
    Dataset::from_pixels("strokes", ImageShape::gray(SIDE, SIDE), pixels, labels, classes).unwrap()
}

/// The number that rows are ordered by, from the definition, and the resulting distance.
fn naive_distance(deformation: Deformation, metric: Metric, q: &[u8], x: &[u8]) -> (u64, f64) {
    match deformation {
        Deformation::Shifts(by) => {
            let exponent =
                [Metric::L1, Metric::L2, Metric::L3].iter().position(|m| *m == metric).unwrap() + 1;
            let sum = naive::shifted(q, x, SIDE, by, exponent as u32);
            (sum, [sum as f64, (sum as f64).sqrt(), (sum as f64).cbrt()][exponent - 1])
        }
        Deformation::Warps { reach, context, edges: strength } => {
            let strength = if strength == Edges::Root { Strength::Root } else { Strength::Plain };
            let of = |pixels: &[u8]| {
                let mut out = vec![0; 2 * pixels.len()];
                edges(pixels, SIDE, strength, &mut out);
                out
            };
            let sum = naive::warped(&of(q), &of(x), SIDE, Warp { reach, context });
            (sum, (sum as f64).sqrt())
        }
    }
}

/// The k nearest of some rows, by (distance, index).
fn naive_list(
    deformable: Deformable,
    metric: Metric,
    data: &Dataset,
    query: &[u8],
    rows: impl Iterator<Item = usize>,
    k: usize,
) -> (Vec<u32>, Vec<f64>) {
    let key = |row: usize| {
        let (sum, distance) =
            naive_distance(deformable.deformation, metric, query, data.pixels(row).unwrap());
        (sum, row as u32, distance)
    };
    let mut all: Vec<(u64, u32, f64)> = rows.map(key).collect();
    all.sort_by_key(|&(sum, row, _)| (sum, row));
    all[..k].iter().map(|&(_, row, distance)| (row, distance)).unzip()
}

fn every_kind() -> Vec<(Metric, Deformation)> {
    let mut all: Vec<_> =
        [Metric::L1, Metric::L2, Metric::L3].map(|metric| (metric, Deformation::Shifts(2))).to_vec();
    for (reach, context, edges) in [(2, 1, Edges::Root), (1, 0, Edges::Plain), (3, 2, Edges::Root)] {
        all.push((Metric::L2, Deformation::Warps { reach, context, edges }));
        all.push((Metric::Cosine, Deformation::Warps { reach, context, edges }));
    }
    all
}

fn classifier(data: &Dataset, metric: Metric, deformable: Deformable, k: usize) -> NeighborsClassifier {
    let plain = NeighborsClassifier::fit(data, metric, k, Vote::Uniform).unwrap();
    plain.with_deformation(Some(deformable)).unwrap()
}

#[test]
fn with_all_rows_for_candidates_the_answer_is_that_of_an_exhaustive_search() {
    let (data, queries) = (strokes(60, 0), strokes(11, 200));
    for (metric, deformation) in every_kind() {
        let deformable = Deformable { candidates: 1000, deformation };
        let found = classifier(&data, metric, deformable, 5).search(&queries).unwrap();
        for q in 0..queries.len() {
            let (indices, distances) =
                naive_list(deformable, metric, &data, queries.pixels(q).unwrap(), 0..60, 5);
            assert_eq!(found.of(q), (&indices[..], &distances[..]), "{metric}, {deformation:?}, query {q}");
        }
    }
}

#[test]
fn few_candidates_are_those_of_the_metric_and_are_at_least_k() {
    let (data, queries) = (strokes(60, 0), strokes(7, 300));
    for (metric, deformation) in every_kind() {
        let near = NearestNeighbors::fit(&data, metric).unwrap();
        for (candidates, looked_at) in [(12, 12), (1, 5)] {
            let deformable = Deformable { candidates, deformation };
            let found = classifier(&data, metric, deformable, 5).search(&queries).unwrap();
            let near = near.search(&queries, looked_at).unwrap();
            for q in 0..queries.len() {
                let rows = near.of(q).0.iter().map(|&row| row as usize);
                let (indices, distances) =
                    naive_list(deformable, metric, &data, queries.pixels(q).unwrap(), rows, 5);
                assert_eq!(found.of(q), (&indices[..], &distances[..]), "{metric}, {deformation:?}");
            }
        }
    }
}

#[test]
fn leaving_one_out_judges_by_the_deformable_distance() {
    let data = strokes(40, 0);
    let deformation = Deformation::Warps { reach: 2, context: 1, edges: Edges::Root };
    let deformable = Deformable { candidates: 1000, deformation };
    let classifier = classifier(&data, Metric::L2, deformable, 1);
    let choice = classifier.choose_k(1, &|_, _| ControlFlow::Continue(())).unwrap().unwrap();
    let right = (0..40).filter(|&i| {
        let others = (0..40).filter(move |&row| row != i);
        let (nearest, _) = naive_list(deformable, Metric::L2, &data, data.pixels(i).unwrap(), others, 1);
        data.label(nearest[0] as usize) == data.label(i)
    });
    assert_eq!(choice.accuracies[0].accuracy, right.count() as f64 / 40.0);
    // If stopped, it returns nothing rather than a part.
    assert_eq!(classifier.choose_k(1, &|_, _| ControlFlow::Break(())).unwrap(), None);
}

#[test]
fn a_search_tells_how_far_it_is_and_can_be_ended() {
    let (data, queries) = (strokes(30, 0), strokes(600, 0));
    let deformable = Deformable { candidates: 10, deformation: Deformation::Shifts(1) };
    let classifier = classifier(&data, Metric::L2, deformable, 1);
    let most = std::sync::atomic::AtomicUsize::new(0);
    let progress = |done, total| {
        assert_eq!(total, 600);
        most.fetch_max(done, std::sync::atomic::Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let found: Neighbors = classifier.search_with(&queries, &progress).unwrap().unwrap();
    assert_eq!((found.len(), most.into_inner()), (600, 600));
    let ended = |done, _| if done > 550 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    assert_eq!(classifier.search_with(&queries, &ended).unwrap(), None);
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let (data, queries) = (strokes(60, 0), strokes(20, 100));
    let deformation = Deformation::Warps { reach: 2, context: 1, edges: Edges::Root };
    let classifier = classifier(&data, Metric::L2, Deformable { candidates: 20, deformation }, 4);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| classifier.search(&queries).unwrap())
    };
    assert_eq!(with(1), with(3));
}

/// Slanted strokes differ from upright ones until they are deskewed.
#[test]
fn cleaned_examples_and_queries_agree_where_plain_ones_do_not() {
    let (data, queries) = (strokes(30, 0), strokes(30, 30));
    let spec = "deskew, size-normalize, blur 0.5".parse().unwrap();
    let preprocessing = Preprocessing::fit(&spec, Learner::Neighbors, &data).unwrap();
    let total = |data: &Dataset, queries: &Dataset| -> f64 {
        NearestNeighbors::fit(data, Metric::L2).unwrap().search(queries, 9).unwrap().distances.iter().sum()
    };
    let (clean, clean_queries) =
        (preprocessing.apply_to(&data).unwrap(), preprocessing.apply_to(&queries).unwrap());
    assert_eq!(clean.labels(), data.labels());
    assert!(total(&clean, &clean_queries) < 0.8 * total(&data, &queries));
}
