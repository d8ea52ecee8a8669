//! Searches with codes against the naive search, comparing complete lists with their distances, and the bound itself.

use proptest::prelude::*;
use tercet_kernels::distance::{MAX_WIDTH_WITHIN, naive};

use super::plan::Length;
use super::*;
use crate::data::Dataset;
use crate::image::ImageShape;
use crate::neighbors::index::Rows;
use crate::neighbors::{Metric, NearestNeighbors, naive as search_naive};

fn pixels_of(width: usize, rows: &[Vec<u8>]) -> Dataset {
    let labels = vec![0; rows.len()];
    Dataset::from_pixels("x", ImageShape::gray(width, 1), rows.concat(), labels, vec!["0".into()]).unwrap()
}

fn features_of(width: usize, rows: &[Vec<f32>]) -> Dataset {
    Dataset::from_features("x", width, rows.concat(), vec![0; rows.len()], vec!["0".into()]).unwrap()
}

/// A stream of pseudo-random bytes.
fn random(seed: u64) -> impl FnMut() -> u8 {
    let mut state = seed | 1;
    move || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 56) as u8
    }
}

/// Rows that produce ties and near-ties: copies, one-pixel changes, extremes, and noise around a few patterns.
fn byte_rows(width: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec((0..6usize, any::<u64>()), 1..700).prop_map(move |kinds| {
        let mut rows: Vec<Vec<u8>> = Vec::new();
        for (kind, seed) in kinds {
            let mut next = random(seed);
            let earlier = rows.get(seed as usize % rows.len().max(1)).cloned();
            rows.push(match (kind, earlier) {
                (0, Some(row)) => row,
                (1, Some(mut row)) => {
                    let at = seed as usize % width;
                    row[at] = row[at].wrapping_add(1);
                    row
                }
                (2, _) => vec![if seed & 1 == 0 { 0 } else { 255 }; width],
                (3, _) => (0..width).map(|_| if next() & 1 == 0 { 0 } else { 255 }).collect(),
                (4, _) => (0..width).map(|i| (i as u64 * (seed % 5) % 97) as u8 + next() % 16).collect(),
                _ => (0..width).map(|_| next()).collect(),
            });
        }
        rows
    })
}

/// The same for floats, with rows of zeros, and of numbers whose squares overflow or underflow f32.
fn float_rows(width: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
    prop::collection::vec((0..8usize, any::<u64>()), 1..700).prop_map(move |kinds| {
        let mut rows: Vec<Vec<f32>> = Vec::new();
        for (kind, seed) in kinds {
            let mut next = random(seed);
            let mut value = move || f32::from(next()) / 64.0 - 2.0 + f32::from(next()) / 16_384.0;
            let earlier = rows.get(seed as usize % rows.len().max(1)).cloned();
            rows.push(match (kind, earlier) {
                (0, Some(row)) => row,
                (1, Some(mut row)) => {
                    let at = seed as usize % width;
                    row[at] = row[at].next_up();
                    row
                }
                (2, Some(row)) => row.iter().map(|v| v * 2.0).collect(),
                (3, _) if seed % 8 == 0 => vec![0.0; width],
                (4, _) if seed % 8 == 0 => (0..width).map(|_| value() * 1e30).collect(),
                (5, _) if seed % 8 == 0 => (0..width).map(|_| value() * 1e-38).collect(),
                (6, _) => (0..width).map(|i| (i as u64 * (seed % 5) % 97) as f32 + value()).collect(),
                _ => (0..width).map(|_| value()).collect(),
            });
        }
        rows
    })
}

/// Plans for rows of a given width, short and long.
fn plans<T: Value>(width: usize) -> Vec<Plan> {
    let axes = |coarse: usize, fine: usize| Plan {
        coarse: Length::Axes(coarse.min(width)),
        fine: Length::Axes(fine.min(width)),
    };
    let mut plans = vec![axes(1, 2), axes(15, 47), axes(47, 127)];
    if size_of::<T>() > 1 {
        plans.push(Plan { coarse: Length::Whole, fine: Length::Axes(0) });
        plans.push(Plan { coarse: Length::Axes(7.min(width)), fine: Length::Whole });
    }
    plans
}

/// An index with codes, whatever the data set.
fn planned<T: Value>(
    isa: Isa,
    data: &Dataset,
    metric: Metric,
    plan: Plan,
    wrap: impl Fn(Box<PrunedRows<T>>) -> Rows,
) -> NearestNeighbors {
    let space = match metric {
        Metric::Cosine => Space::Directions,
        Metric::Dot => Space::Products,
        _ => Space::Plain,
    };
    let sample = Sample::new(isa, data, space, 127);
    let rows = PrunedRows::as_planned(isa, data, &sample, plan);
    NearestNeighbors::of_rows(isa, data, metric, wrap(Box::new(rows))).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Complete lists, indices and distances, on every instruction set.
    #[test]
    fn no_neighbour_of_bytes_is_lost(
        (width, rows, queries) in prop::sample::select(vec![1, 3, 47, 48, 100, 130, 300])
            .prop_flat_map(|width| (Just(width), byte_rows(width), byte_rows(width))),
        k in 1..20usize,
        metric in prop::sample::select(vec![Metric::L2, Metric::Cosine]),
    ) {
        let (data, queries) = (pixels_of(width, &rows), pixels_of(width, &queries[..queries.len().min(40)]));
        let k = k.min(data.len());
        let expected = search_naive::search(&data, &queries, metric, k).unwrap();
        for isa in Isa::available() {
            for plan in plans::<u8>(width) {
                let index = planned(isa, &data, metric, plan, Rows::PrunedBytes);
                prop_assert_eq!(&index.search(&queries, k).unwrap(), &expected, "{:?} {:?}", isa, plan);
            }
        }
    }

    /// The same for floats, to the last bit of the distances.
    #[test]
    fn no_neighbour_of_floats_is_lost(
        (width, rows, queries) in prop::sample::select(vec![1, 2, 5, 33, 64, 150])
            .prop_flat_map(|width| (Just(width), float_rows(width), float_rows(width))),
        k in 1..20usize,
        metric in prop::sample::select(vec![Metric::L2, Metric::Cosine, Metric::Dot]),
    ) {
        let queries = features_of(width, &queries[..queries.len().min(40)]);
        let data = features_of(width, &rows);
        let k = k.min(data.len());
        let expected = search_naive::search(&data, &queries, metric, k).unwrap();
        for isa in Isa::available() {
            for plan in plans::<f32>(width) {
                let index = planned(isa, &data, metric, plan, Rows::PrunedFloats);
                prop_assert_eq!(&index.search(&queries, k).unwrap(), &expected, "{:?} {:?}", isa, plan);
            }
        }
    }

    /// (2) of `sketch`, for every pair.
    #[test]
    fn codes_bound_distances_from_below(
        (width, rows) in prop::sample::select(vec![3, 48, 200])
            .prop_flat_map(|width| (Just(width), byte_rows(width))),
    ) {
        let data = pixels_of(width, &rows);
        for plan in plans::<u8>(width) {
            let sample = Sample::<u8>::new(Isa::active(), &data, Space::Plain, 127);
            let sketch = Sketch::fit(Isa::active(), &sample, plan);
            let codes = sketch.codes(Isa::active(), Side::Rows, data.len(), |i| u8::row(&data, i));
            let bytes = sketch.coarse.bytes();
            let code = |i: usize| &codes.coarse[i * bytes..][..bytes];
            for (q, x) in (0..rows.len()).zip((0..rows.len()).rev()) {
                let distance = (naive::l2_squared(&rows[q], &rows[x]) as f64).sqrt();
                let t = naive::l2_squared(code(q), code(x)) as f64;
                let errors = codes.errors[q][0] + codes.errors[x][0];
                prop_assert!(t <= sketch.coarse.threshold(distance + errors), "rows {} and {}", q, x);
            }
        }
    }
}

/// The bound needs the rounding error: without it, the code distance of some pair exceeds the true distance.
#[test]
fn the_bound_is_violated_without_its_slack() {
    let mut next = random(5);
    // Pairs that differ by one in a single pixel.
    let mut rows: Vec<Vec<u8>> = (0..300).map(|_| (0..64).map(|_| next() / 2).collect()).collect();
    for i in 0..300 {
        let mut row = rows[i].clone();
        row[i % 64] += 1;
        rows.push(row);
    }
    let data = pixels_of(64, &rows);
    let sample = Sample::<u8>::new(Isa::active(), &data, Space::Plain, 64);
    let plan = Plan { coarse: Length::Axes(64), fine: Length::Axes(64) };
    let sketch = Sketch::fit(Isa::active(), &sample, plan);
    let codes = sketch.codes(Isa::active(), Side::Rows, data.len(), |i| u8::row(&data, i));
    let bytes = sketch.coarse.bytes();
    let code = |i: usize| &codes.coarse[i * bytes..][..bytes];
    let broken =
        (0..300).any(|i| naive::l2_squared(code(i), code(300 + i)) as f64 > sketch.coarse.threshold(1.0));
    assert!(broken);
}

/// Wide rows, constant columns, rows of zeros, and many rows at exactly the same distance.
#[test]
fn awkward_sets_are_searched_exactly() {
    let mut next = random(9);
    let wide: Vec<Vec<u8>> = (0..300)
        .map(|i| (0..4096).map(|j| if j % 3 == 0 { 200 } else { next() % (1 + i as u8 % 7) }).collect())
        .collect();
    let zeros = vec![vec![0; 784]; 300];
    let at_one_distance: Vec<Vec<u8>> =
        (0..600).map(|i| (0..300).map(|j| if j == i % 300 { 10 } else { 0 }).collect()).collect();
    for (width, rows) in [(4096, wide), (784, zeros), (300, at_one_distance)] {
        let data = pixels_of(width, &rows);
        let queries = data.first(30);
        for metric in [Metric::L2, Metric::Cosine] {
            let expected = search_naive::search(&data, &queries, metric, 7).unwrap();
            for isa in Isa::available() {
                let index = planned(isa, &data, metric, plans::<u8>(width)[1], Rows::PrunedBytes);
                assert_eq!(index.search(&queries, 7).unwrap(), expected, "{isa:?}, {metric}, D = {width}");
            }
        }
    }
}

/// The widest rows that get codes, rows far from the origin, a column that dominates all others, and queries with other
/// norms than the rows.
#[test]
fn awkward_floats_are_searched_exactly() {
    let mut next = random(2);
    let mut value = move || f32::from(next()) / 128.0 - 1.0;
    let widest = MAX_WIDTH_WITHIN - MORE_BYTES;
    let mut rows = |count: usize, width: usize| -> Vec<Vec<f32>> {
        (0..count).map(|_| (0..width).map(|_| value()).collect()).collect()
    };
    let wide = (rows(40, widest), rows(3, widest));
    let mut far = (rows(500, 60), rows(20, 60));
    far.0.iter_mut().chain(&mut far.1).flatten().for_each(|v| *v += 1000.0);
    let mut lopsided = (rows(500, 60), rows(20, 60));
    lopsided.0.iter_mut().chain(&mut lopsided.1).for_each(|row| row[7] *= 1e4);
    let mut long_queries = (rows(500, 60), rows(20, 60));
    long_queries
        .1
        .iter_mut()
        .zip(0..)
        .for_each(|(row, i)| row.iter_mut().for_each(|v| *v *= 10f32.powi(i - 10)));
    for (rows, queries) in [wide, far, lopsided, long_queries] {
        let width = rows[0].len();
        let (data, queries) = (features_of(width, &rows), features_of(width, &queries));
        for metric in [Metric::L2, Metric::Cosine, Metric::Dot] {
            let expected = search_naive::search(&data, &queries, metric, 5).unwrap();
            for plan in plans::<f32>(width) {
                let index = planned(Isa::active(), &data, metric, plan, Rows::PrunedFloats);
                assert_eq!(index.search(&queries, 5).unwrap(), expected, "{metric}, D = {width}, {plan:?}");
            }
        }
    }
}

/// Plans take rounding into account for rows far from the origin, where products of floats have large rounding errors.
#[test]
fn plans_account_for_rounding() {
    let mut next = random(6);
    let rows: Vec<Vec<f32>> = (0..4500)
        .map(|i| (0..64).map(|j| 1e4 + (i % 50 * j) as f32 + f32::from(next()) / 256.0).collect())
        .collect();
    let data = features_of(64, &rows);
    let index = NearestNeighbors::fit(&data, Metric::L2).unwrap();
    let (found, counts) = index.search_counted(&data.first(20), 5).unwrap();
    assert_eq!(found, search_naive::search(&data, &data.first(20), Metric::L2, 5).unwrap());
    assert!(counts.rows < 20 * 4500 / 4, "{} pairs were compared in full", counts.rows);
}

#[test]
fn leave_one_out_works_with_codes() {
    let mut next = random(8);
    let rows: Vec<Vec<u8>> =
        (0..400u32).map(|i| (0..64).map(|j| next() % 2 * (i % 3 + j % 5) as u8).collect()).collect();
    let floats: Vec<Vec<f32>> = rows.iter().map(|row| row.iter().map(|&v| f32::from(v)).collect()).collect();
    let (bytes, floats) = (pixels_of(64, &rows), features_of(64, &floats));
    for metric in [Metric::L2, Metric::Cosine] {
        let of_bytes = planned(Isa::active(), &bytes, metric, plans::<u8>(64)[1], Rows::PrunedBytes);
        let of_floats = planned(Isa::active(), &floats, metric, plans::<f32>(64)[1], Rows::PrunedFloats);
        for (data, index) in [(&bytes, of_bytes), (&floats, of_floats)] {
            let found = index.leave_one_out(6, &|_, _| std::ops::ControlFlow::Continue(())).unwrap();
            assert_eq!(found, Some(search_naive::leave_one_out(data, metric, 6).unwrap()));
        }
    }
}

#[test]
fn rows_are_returned_unchanged() {
    let rows: Vec<Vec<u8>> = (0..600u32).map(|i| (0..300).map(|j| (i * j % 251) as u8).collect()).collect();
    let data = pixels_of(300, &rows);
    let index = planned(Isa::active(), &data, Metric::L2, plans::<u8>(300)[2], Rows::PrunedBytes);
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(index.pixels(i).as_ref(), Some(row));
    }
    assert_eq!(index.features(), crate::neighbors::Features::U8(rows.concat()));
}

/// Codes of images prune nothing for queries of noise: a block detects that, continues without codes, and finds the
/// same neighbours.
#[test]
fn queries_unlike_all_rows_are_searched_without_codes() {
    let mut next = random(3);
    let rows: Vec<Vec<u8>> = (0..STRIPE * 11 + 5).map(|_| (0..256).map(|_| next() % 4).collect()).collect();
    let queries: Vec<Vec<u8>> = (0..30).map(|_| (0..256).map(|_| next()).collect()).collect();
    let (data, queries) = (pixels_of(256, &rows), pixels_of(256, &queries));
    for metric in [Metric::L2, Metric::Cosine] {
        let index = planned(Isa::active(), &data, metric, plans::<u8>(256)[1], Rows::PrunedBytes);
        let expected = search_naive::search(&data, &queries, metric, 4).unwrap();
        let (found, counts) = index.search_counted(&queries, 4).unwrap();
        assert_eq!(found, expected);
        let pairs = 30 * rows.len() as u64;
        assert!((pairs / 2..=pairs).contains(&counts.rows), "{counts:?}");
    }
}

/// Data sets that are large enough get their codes from `fit`, whose plan depends on the data.
#[test]
fn fitting_plans_codes_for_the_data() {
    let mut next = random(4);
    let patterns: Vec<Vec<u8>> = (0..500).map(|_| (0..300).map(|_| next()).collect()).collect();
    let near = |pattern: &[u8], next: &mut dyn FnMut() -> u8| -> Vec<u8> {
        pattern.iter().map(|p| p / 2 + next() % 32).collect()
    };
    let rows: Vec<Vec<u8>> = (0..5000).map(|i| near(&patterns[i % 500], &mut next)).collect();
    let data = pixels_of(300, &rows);
    let floats: Vec<Vec<f32>> =
        rows.iter().map(|row| row.iter().map(|&v| f32::from(v) / 7.0).collect()).collect();
    let float_data = features_of(300, &floats);
    for metric in [Metric::L2, Metric::Cosine] {
        for (data, queries) in [(&data, data.first(20)), (&float_data, float_data.first(20))] {
            let index = NearestNeighbors::fit(data, metric).unwrap();
            let (found, counts) = index.search_counted(&queries, 5).unwrap();
            assert_eq!(found, search_naive::search(data, &queries, metric, 5).unwrap());
            assert!(counts.rows < 20 * 5000 / 4, "{metric}: {} pairs were compared in full", counts.rows);
        }
    }
    // Noise cannot be pruned, and rows that are all equal are compared once.
    let noise: Vec<Vec<u8>> = (0..4100).map(|_| (0..256).map(|_| next()).collect()).collect();
    let noise = pixels_of(256, &noise);
    let queries = noise.first(10);
    let index = NearestNeighbors::fit(&noise, Metric::L2).unwrap();
    assert_eq!(
        index.search(&queries, 3).unwrap(),
        search_naive::search(&noise, &queries, Metric::L2, 3).unwrap()
    );
    let equal = features_of(40, &vec![vec![0.5; 40]; 5000]);
    let index = NearestNeighbors::fit(&equal, Metric::L2).unwrap();
    let (found, counts) = index.search_counted(&equal.first(3), 4).unwrap();
    assert_eq!(found.indices, [0, 1, 2, 3].repeat(3));
    assert!(counts.rows < 1000, "{}", counts.rows);
}

/// Checks the memory of an index of 600 rows of 130 numbers, part by part: a hundred of them are duplicates, in two
/// stripes.
fn check_memory<T: Value>(data: &Dataset, space: Space, squares: usize) {
    let sample = Sample::<T>::new(Isa::active(), data, space, 127);
    let index = PrunedRows::as_planned(Isa::active(), data, &sample, plans::<T>(130)[2]);
    assert_eq!((index.len(), index.longest()), (500, 0.0));
    // A fine code of 128 bytes is two cache lines.
    let lists = 600 * 130 * size_of::<T>() + 4 * 600 + 4 * 501 + 500 * (2 * 64 + 4) + 2 * 8 + 8 * squares;
    let places = index.places.len() * size_of::<Range<usize>>();
    let shared = index.coarse.bytes() + index.groups.bytes() + T::basis_bytes(&index.sketch.basis);
    assert_eq!(index.bytes(), lists + places + shared);
    // Every row is at exactly one place, equal rows at the same one, and groups do not overlap.
    let mut all: Vec<u32> = (0..index.len()).flat_map(|place| index.rows_at(place).to_vec()).collect();
    all.sort();
    assert!(all.into_iter().eq(0..600));
    assert_eq!((0..index.len()).filter(|&place| index.rows_at(place).len() == 2).count(), 100);
    assert!(index.places.windows(2).all(|pair| pair[0].end == pair[1].start));
}

#[test]
fn bytes_of_memory_are_counted() {
    let rows: Vec<Vec<u8>> =
        (0..600usize).map(|i| (0..130).map(|j| (i % 500 * (j + 1) / 3) as u8).collect()).collect();
    let floats: Vec<Vec<f32>> = rows.iter().map(|x| x.iter().map(|&v| f32::from(v)).collect()).collect();
    for (space, squares) in [(Space::Plain, 0), (Space::Directions, 500)] {
        check_memory::<u8>(&pixels_of(130, &rows), space, squares);
        check_memory::<f32>(&features_of(130, &floats), space, squares);
    }
}

/// The error bounds that a search uses are at least those of the codes.
#[test]
fn errors_of_stripes_and_rows_are_upper_bounds() {
    let mut next = random(12);
    let rows: Vec<Vec<u8>> = (0..700).map(|i| (0..60).map(|_| next() >> (i % 5)).collect()).collect();
    let data = pixels_of(60, &rows);
    let sample = Sample::<u8>::new(Isa::active(), &data, Space::Plain, 60);
    let index = PrunedRows::as_planned(Isa::active(), &data, &sample, plans::<u8>(60)[1]);
    let codes = index.sketch.codes(Isa::active(), Side::Rows, rows.len(), |i| u8::row(&data, i));
    assert_eq!(index.errors.len(), index.len().div_ceil(STRIPE));
    for place in 0..index.len() {
        for &row in index.rows_at(place) {
            let [coarse, fine] = codes.errors[row as usize];
            assert!(coarse <= index.errors[place / STRIPE], "{row}");
            let kept = f64::from(index.fine_errors[place]);
            assert!(fine <= kept && kept <= fine * (1.0 + 1e-6), "{row}");
        }
    }
}

/// The distances of codes that capture nearly all of a row equal those of the rows up to rounding: of the many rows at
/// the distance of the k-th, those with the smallest indices are found, by coarse and by fine codes, of one cache line
/// or two. And hardly any other rows of floats are compared in full; short rows of bytes are compared faster without
/// codes.
#[test]
fn rows_that_tie_with_the_last_neighbour_are_not_lost() {
    let mut next = random(7);
    for (width, coarse, fine) in [(16, 16, 1), (16, 1, 16), (80, 1, 80)] {
        let mut rows = |count: usize| -> Vec<Vec<u8>> {
            (0..count).map(|_| (0..width).map(|_| next() % 4).collect()).collect()
        };
        let (rows, queries) = (rows(2000), rows(30));
        let floats = |rows: &[Vec<u8>]| {
            let rows: Vec<Vec<f32>> =
                rows.iter().map(|x| x.iter().map(|&v| f32::from(v)).collect()).collect();
            features_of(width, &rows)
        };
        let bytes = [pixels_of(width, &rows), pixels_of(width, &queries)];
        let floats = [floats(&rows), floats(&queries)];
        let plan = Plan { coarse: Length::Axes(coarse), fine: Length::Axes(fine) };
        let check = |index: NearestNeighbors, [rows, queries]: &[Dataset; 2], metric, most| {
            let expected = search_naive::search(rows, queries, metric, 10).unwrap();
            let (found, counts) = index.search_counted(queries, 10).unwrap();
            assert_eq!(found, expected, "{metric}");
            let pairs = 30 * 2000;
            assert!((1..=pairs).contains(&counts.fine), "{metric}: {counts:?}");
            assert!((30 * 10..=pairs / most).contains(&counts.rows), "{metric}: {counts:?}");
        };
        for metric in [Metric::L2, Metric::Cosine] {
            check(planned(Isa::active(), &bytes[0], metric, plan, Rows::PrunedBytes), &bytes, metric, 1);
        }
        // Products are bounded by means of the longest row, which is a loose bound here.
        for (metric, most) in [(Metric::L2, 4), (Metric::Cosine, 4), (Metric::Dot, 1)] {
            check(
                planned(Isa::active(), &floats[0], metric, plan, Rows::PrunedFloats),
                &floats,
                metric,
                most,
            );
        }
    }
}
