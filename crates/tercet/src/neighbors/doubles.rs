//! Exact search for numbers that f32 does not represent exactly: timestamps, coordinates, large integers.
//!
//! The rows are copied to f32, after an offset is subtracted, so that a copy differs from its row only by a small
//! rounding error. A search among the copies returns candidates, and their distances are computed in f64 from the
//! original numbers.
//!
//! Let e be the rounding error of the query plus the largest one of a row, as distances. By the triangle inequality, a
//! row that is not among the candidates is farther from the query than the last candidate's copy minus e. If that
//! exceeds the distance of the k-th best candidate, the result is complete; otherwise more candidates are needed.
//!
//! For L1, L2 and L3 this holds for the rows themselves. Cosines are ordered like the L2 distances between rows of
//! length 1: the cosine distance is half their square. For dot products, `|q·x − q̃·x̃| ≤ ‖q‖ ‖x − x̃‖ + ‖q − q̃‖ ‖x̃‖`.

use rayon::prelude::*;
use tercet_kernels::Isa;

use super::metric::{MeasureOf, for_metric};
use super::search::{Neighbors, Progress};
use super::top_k::TopK;
use super::{Metric, NearestNeighbors};
use crate::Result;
use crate::data::Examples;

/// Candidates beyond k in the first search.
const SPARE: usize = 16;

/// How many times more candidates each further search has.
const GROWTH: usize = 8;

/// Maximum number of candidates in memory.
const LISTED: usize = 1 << 20;

/// Rows in f64, and their copies in f32.
#[derive(Clone, Debug)]
pub(super) struct DoubleRows {
    pub data: Examples,
    copies: Copies,
    index: Box<NearestNeighbors>,
}

/// How rows and queries are copied to f32.
#[derive(Clone, Debug)]
struct Copies {
    metric: Metric,
    /// Subtracted from every row, (D).
    offset: Vec<f64>,
    /// What the difference is multiplied by, a power of two.
    scale: f64,
    /// Whether rows are divided by their lengths.
    directions: bool,
    /// The largest rounding error of a row, as a distance.
    error: f64,
    /// The length of the longest copy, for dot products.
    longest: f64,
}

impl DoubleRows {
    /// # Errors
    /// Cannot fail for examples with at least one row.
    pub fn fit(isa: Isa, data: &Examples, metric: Metric) -> Result<Self> {
        let mut copies = Copies::of(data, metric);
        let mut values = Vec::with_capacity(data.len() * data.width());
        let mut row = vec![0.0; data.width()];
        for example in data.iter() {
            example.write_f64(&mut row);
            let (error, length) = copies.copy(&row, &mut values);
            copies.error = copies.error.max(error);
            copies.longest = copies.longest.max(length);
        }
        let rows = Examples::from_features(data.width(), values)?;
        let metric = if copies.directions { Metric::L2 } else { metric };
        let index = Box::new(NearestNeighbors::fit_for(isa, &rows, metric)?);
        Ok(DoubleRows { data: data.clone(), copies, index })
    }

    /// The memory that is needed in addition to the data set, in bytes.
    pub fn bytes(&self) -> usize {
        self.index.bytes() + size_of_val(&*self.copies.offset)
    }

    /// The k nearest rows of every query.
    pub fn search(&self, queries: &Examples, k: usize, progress: Progress<'_>) -> Result<Option<Neighbors>> {
        let row = |i: usize, values: &mut [f64]| self.data.row(i).write_f64(values);
        search(&self.index, &self.copies, row, (queries, k, progress))
    }
}

/// The k nearest rows of an index of f32 rows, for queries that f32 does not represent exactly.
pub(super) fn search_floats(
    index: &NearestNeighbors,
    queries: &Examples,
    k: usize,
    progress: Progress<'_>,
) -> Result<Option<Neighbors>> {
    let mut copies = Copies::exact(index.metric(), index.width());
    let mut values = vec![0.0; index.width()];
    if index.metric() == Metric::Dot {
        for i in 0..index.len() {
            index.write_row(i, &mut values);
            copies.longest = copies.longest.max(length(&values));
        }
    }
    search(index, &copies, |i, values| index.write_row(i, values), (queries, k, progress))
}

impl Copies {
    /// Copies of rows that are f32 already.
    fn exact(metric: Metric, width: usize) -> Self {
        Copies { metric, offset: vec![0.0; width], scale: 1.0, directions: false, error: 0.0, longest: 0.0 }
    }

    fn of(data: &Examples, metric: Metric) -> Self {
        let mut copies = Copies::exact(metric, data.width());
        let mut row = vec![0.0; data.width()];
        match metric {
            Metric::Cosine => copies.directions = true,
            Metric::Dot => {}
            // A mean of rounded terms is as good an offset as the exact one.
            _ => {
                let share = 1.0 / data.len() as f64;
                for example in data.iter() {
                    example.write_f64(&mut row);
                    copies.offset.iter_mut().zip(&row).for_each(|(mean, x)| *mean += x * share);
                }
            }
        }
        let mut largest = 0.0f64;
        for example in data.iter() {
            example.write_f64(&mut row);
            let differences = row.iter().zip(&copies.offset).map(|(x, offset)| (x - offset).abs());
            largest = differences.fold(largest, f64::max);
        }
        if largest > 0.0 && !copies.directions {
            copies.scale = 2f64.powi(-(largest.log2().floor() as i32).clamp(-1000, 1000));
        }
        copies
    }

    /// Appends the copy of a row, and returns a bound on its rounding error and its length.
    fn copy(&self, row: &[f64], values: &mut Vec<f32>) -> (f64, f64) {
        let norm = if self.directions { length(row) } else { 1.0 };
        let norm = if norm > 0.0 { norm } else { 1.0 };
        let (mut sum, mut squares, mut size, mut length) = (0.0, 0.0, 0.0, 0.0);
        for (x, offset) in row.iter().zip(&self.offset) {
            let exact = (x - offset) * self.scale / norm;
            let copy = (exact as f32).clamp(f32::MIN, f32::MAX);
            let error = (exact - f64::from(copy)).abs();
            sum += error;
            squares += error * error;
            size += if self.metric == Metric::L1 { exact.abs() } else { exact * exact };
            length += f64::from(copy) * f64::from(copy);
            values.push(copy);
        }
        // The difference and the quotient are rounded, too, each by at most 2⁻⁵³ of their size. L3 is at most L2.
        let (error, size) = match self.metric {
            Metric::L1 => (sum, size),
            _ => (squares.sqrt(), size.sqrt()),
        };
        (error * (1.0 + SLACK) + 4.0 * f64::EPSILON * size, length.sqrt())
    }

    /// Whether a row that is not among the candidates of a query is certainly farther away than `kth`, the distance of
    /// the k-th best candidate. `last` is the distance of the last candidate's copy; `error` and `length` are those of
    /// the query's copy, `norm` the length of the query.
    fn is_complete(&self, kth: f64, last: f64, (error, length, norm): (f64, f64, f64)) -> bool {
        let slack = SLACK.max(4.0 * f64::EPSILON * self.offset.len() as f64);
        let error = error + self.error;
        match self.metric {
            Metric::Cosine => {
                // Of f32 rows, the query's direction is off by its error divided by its length.
                let (chord, error) = match self.directions {
                    true => (last, error),
                    false => {
                        ((2.0 * last.max(0.0)).sqrt(), if norm > 0.0 { 2.0 * error / norm } else { 2.0 })
                    }
                };
                let nearest = (chord * (1.0 - slack) - error).max(0.0);
                // The error of a computed cosine is a few roundings of each term.
                nearest * nearest / 2.0
                    > kth * (1.0 + slack) + 8.0 * f64::EPSILON * (self.offset.len() + 4) as f64
            }
            Metric::Dot => {
                let error = error * self.longest + slack * (length + error) * self.longest;
                last - error > kth * self.scale * self.scale
            }
            _ => (last * (1.0 - slack) - error) > kth * self.scale * (1.0 + slack),
        }
    }
}

/// A relative error that all sums in f64 stay below, for rows of up to a million features.
const SLACK: f64 = 1e-9;

fn length(row: &[f64]) -> f64 {
    row.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// The search itself. `row` writes a stored row in f64.
fn search(
    index: &NearestNeighbors,
    copies: &Copies,
    row: impl Fn(usize, &mut [f64]) + Sync,
    (queries, k, progress): (&Examples, usize, Progress<'_>),
) -> Result<Option<Neighbors>> {
    let (n, rows, width) = (queries.len(), index.len(), index.width());
    let mut found = Neighbors { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
    let (mut left, mut count): (Vec<usize>, usize) = ((0..n).collect(), k + SPARE);
    while !left.is_empty() {
        let mut incomplete = Vec::new();
        // With most rows among the candidates, comparing all rows is faster.
        let all = 2 * count >= rows;
        for part in left.chunks(if all { 64 } else { (LISTED / count).max(1) }) {
            let lists: Vec<Option<Neighbors>> = if all {
                let row = &row;
                part.par_iter()
                    .map(|&q| Some(compare(copies.metric, queries, q, 0..rows as u32, k, row).0))
                    .collect()
            } else {
                let (mut values, mut errors) = (Vec::with_capacity(part.len() * width), Vec::new());
                let mut query = vec![0.0; width];
                for &q in part {
                    queries.row(q).write_f64(&mut query);
                    let (error, copy_length) = copies.copy(&query, &mut values);
                    errors.push((error, copy_length, length(&query)));
                }
                let candidates = index.search(&Examples::from_features(width, values)?, count)?;
                let verify = |(i, &q): (usize, &usize)| {
                    let (indices, distances) = candidates.of(i);
                    let (list, kth) = compare(copies.metric, queries, q, indices.iter().copied(), k, &row);
                    let last = distances[count - 1];
                    copies.is_complete(kth, last, errors[i]).then_some(list)
                };
                part.par_iter().enumerate().map(verify).collect()
            };
            for (&q, list) in part.iter().zip(lists) {
                match list {
                    Some(list) => {
                        found.indices[q * k..][..k].copy_from_slice(&list.indices);
                        found.distances[q * k..][..k].copy_from_slice(&list.distances);
                    }
                    None => incomplete.push(q),
                }
            }
            if progress(n - left.len() + part.len() - incomplete.len(), n).is_break() {
                return Ok(None);
            }
        }
        left = incomplete;
        count *= GROWTH;
    }
    Ok(Some(found))
}

/// The k nearest of some rows, compared in f64, and the distance of the last of them.
fn compare(
    metric: Metric,
    queries: &Examples,
    query: usize,
    rows: impl Iterator<Item = u32>,
    k: usize,
    row: &impl Fn(usize, &mut [f64]),
) -> (Neighbors, f64) {
    let (mut q, mut x) = (vec![0.0; queries.width()], vec![0.0; queries.width()]);
    queries.row(query).write_f64(&mut q);
    let mut list = Neighbors { k, indices: vec![0; k], distances: vec![0.0; k] };
    for_metric!(metric, M => {
        let mut best = TopK::<<M as MeasureOf<f64>>::Key>::new(k);
        for i in rows {
            row(i as usize, &mut x);
            best.offer(<M as MeasureOf<f64>>::naive(&q, &x), i);
        }
        best.write(&mut list.indices, &mut list.distances);
    });
    let kth = list.distances[k - 1];
    (list, kth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::naive;
    use crate::random::{Stream, generator};
    use rand::RngExt;

    /// Rows around an offset, `step` apart in each feature, with ties.
    fn rows(count: usize, width: usize, offset: f64, step: f64, seed: u64) -> Examples {
        let mut rng = generator(seed, Stream::Weights);
        let value = |j: usize, multiple: u32| offset * (1.0 + j as f64) + step * f64::from(multiple);
        let values = (0..count * width).map(|i| value(i % width, rng.random_range(0..5000)));
        Examples::from_f64(width, values.collect()).unwrap()
    }

    #[test]
    fn neighbours_are_those_of_every_distance_in_f64() {
        for (offset, step) in
            [(1.7e9, 1.0), (1.7e12, 0.001), (0.1, 1e-9), (-3e15, 0.5), (0.0, 1e-30), (0.1, 1e90)]
        {
            for width in [1, 2, 17] {
                let data = rows(700, width, offset, step, 1);
                let queries = rows(40, width, offset, step, 2);
                for &metric in Metric::MEASURES {
                    let index = NearestNeighbors::fit(&data, metric).unwrap();
                    for k in [1, 7, 700] {
                        let found = index.search(&queries, k).unwrap();
                        let expected = naive::search(&data, &queries, metric, k).unwrap();
                        assert_eq!(
                            found, expected,
                            "{metric}, k = {k}, offset {offset}, step {step}, D = {width}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_are_equal_in_f32_are_told_apart() {
        let data = Examples::from_f64(1, (0..1000).map(|i| 1.7e9 + f64::from(i)).collect()).unwrap();
        let index = NearestNeighbors::fit(&data, Metric::L2).unwrap();
        let query = Examples::from_f64(1, vec![1.7e9 + 412.3]).unwrap();
        assert_eq!(index.search(&query, 3).unwrap().indices, [412, 413, 411]);
        let others = index.leave_one_out(2, &|_, _| std::ops::ControlFlow::Continue(())).unwrap().unwrap();
        assert_eq!(others.of(500).0, [499, 501]);
    }

    #[test]
    fn rows_of_f32_are_compared_with_queries_of_f64() {
        let mut rng = generator(3, Stream::Weights);
        let values: Vec<f32> = (0..5000 * 8).map(|_| rng.random_range(-3.0..3.0)).collect();
        let data = Examples::from_features(8, values).unwrap();
        let queries =
            Examples::from_f64(8, (0..30 * 8).map(|_| rng.random_range(-3.0..3.0)).collect()).unwrap();
        for &metric in Metric::MEASURES {
            let found = NearestNeighbors::fit(&data, metric).unwrap().search(&queries, 5).unwrap();
            assert_eq!(found, naive::search(&data, &queries, metric, 5).unwrap(), "{metric}");
        }
    }
}
