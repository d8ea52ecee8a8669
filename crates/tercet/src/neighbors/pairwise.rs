//! Search pair by pair: every query is compared with every row, in f64, by the definition of a [`Distance`].

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rayon::prelude::*;

use super::metric::{Definition, Distance, Float};
use super::radius::{RadiusNeighbors, check_radius};
use super::top_k::TopK;
use super::{Neighbors, Progress};
use crate::data::Examples;
use crate::{Error, Result};

/// Queries that a thread compares with a stripe of rows.
const BLOCK: usize = 16;

/// The size of a stripe of rows in f64, in bytes: it stays in the cache while a block of queries is compared with it.
const STRIPE: usize = 256 * 1024;

/// Rows that are compared pair by pair, by any [`Distance`].
///
/// [`NearestNeighbors`](super::NearestNeighbors) is much faster, for the metrics that it has kernels for. This search
/// takes every distance and, where the distance allows it, rows with missing values.
///
/// ```
/// use tercet::neighbors::{Distance, PairwiseNeighbors};
///
/// let rows = vec![0.0, 0.0, 3.0, 4.0, 6.0, 0.0];
/// let index = PairwiseNeighbors::fit(rows, 2, Distance::Minkowski { p: 1.5, weights: Some(vec![1.0, 0.0]) })?;
/// let found = index.search(&[2.0, 9.0], 2, &|_, _| std::ops::ControlFlow::Continue(()))?.unwrap();
/// assert_eq!((found.indices, found.distances), (vec![1, 0], vec![1.0, 2.0]));
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PairwiseNeighbors {
    /// (N, D).
    rows: Vec<f64>,
    width: usize,
    distance: Distance,
}

impl PairwiseNeighbors {
    /// Stores rows of `width` features.
    ///
    /// # Errors
    /// If there are no rows, a value is not finite (or infinite, where missing values are allowed), or the parameters of
    /// the distance do not fit the width.
    pub fn fit(rows: Vec<f64>, width: usize, distance: Distance) -> Result<Self> {
        distance.check(width)?;
        if rows.is_empty() {
            return Err(Error::mismatch("number of examples", 0, "at least 1"));
        }
        let index = PairwiseNeighbors { rows, width, distance };
        index.check_values(&index.rows)?;
        Ok(index)
    }

    /// N.
    pub fn len(&self) -> usize {
        self.rows.len() / self.width
    }

    /// Whether there are no rows; always false, because [`fit`](Self::fit) requires one.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// D.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows, (N, D).
    pub fn rows(&self) -> &[f64] {
        &self.rows
    }

    /// The k nearest rows of every query, ordered by (distance, index); `None` if `progress` stopped the search.
    ///
    /// # Shapes
    /// `queries` are (B, D).
    ///
    /// # Errors
    /// If k is not in 1 ‥ N, or if the queries have another width or values that are not finite.
    pub fn search(&self, queries: &[f64], k: usize, progress: Progress<'_>) -> Result<Option<Neighbors>> {
        super::index::check_k(k, self.len())?;
        self.check_values(queries)?;
        Ok(search(&*self.distance.definition(), self.source(&self.rows), self.source(queries), k, progress))
    }

    /// All rows within `radius` of every query; `None` if `progress` stopped the search.
    ///
    /// # Shapes
    /// `queries` are (B, D).
    ///
    /// # Errors
    /// If the radius is negative or NaN, or if the queries have another width or values that are not finite.
    pub fn search_radius(
        &self,
        queries: &[f64],
        radius: f64,
        progress: Progress<'_>,
    ) -> Result<Option<RadiusNeighbors>> {
        check_radius(radius)?;
        self.check_values(queries)?;
        let definition = self.distance.definition();
        Ok(within(&*definition, self.source(&self.rows), self.source(queries), radius, progress))
    }

    fn source<'a>(&self, values: &'a [f64]) -> Source<'a> {
        let width = self.width;
        let write = move |i: usize, row: &mut [f64]| row.copy_from_slice(&values[i * width..][..width]);
        Source { len: values.len() / width, width, write: Box::new(write) }
    }

    /// # Errors
    /// If values are not whole rows of numbers that the distance allows.
    fn check_values(&self, values: &[f64]) -> Result<()> {
        if self.width == 0 || !values.len().is_multiple_of(self.width) {
            let expected = format!("a multiple of {}, the features of a row", self.width);
            return Err(Error::mismatch("number of values", values.len(), expected));
        }
        let missing = self.distance.allows_missing();
        match values.iter().find(|x| !(x.is_finite() || missing && x.is_nan())) {
            None => Ok(()),
            Some(bad) if missing => {
                Err(Error::mismatch("a feature", bad, "a finite number, or NaN if missing"))
            }
            Some(bad) => Err(Error::mismatch("a feature", bad, "a finite number")),
        }
    }
}

/// Writes the row of an index in f64.
type WriteRow<'a> = Box<dyn Fn(usize, &mut [f64]) + Sync + 'a>;

/// Rows that can be written in f64.
pub(super) struct Source<'a> {
    pub len: usize,
    pub width: usize,
    pub write: WriteRow<'a>,
}

impl<'a> Source<'a> {
    pub fn of(examples: &'a Examples) -> Self {
        let write = |i: usize, row: &mut [f64]| examples.row(i).write_f64(row);
        Source { len: examples.len(), width: examples.width(), write: Box::new(write) }
    }

    fn write(&self, rows: std::ops::Range<usize>, values: &mut Vec<f64>) {
        values.resize(rows.len() * self.width, 0.0);
        for (i, row) in rows.zip(values.chunks_exact_mut(self.width)) {
            (self.write)(i, row);
        }
    }
}

/// The k nearest rows of every query.
pub(super) fn search(
    definition: &dyn Definition,
    rows: Source<'_>,
    queries: Source<'_>,
    k: usize,
    progress: Progress<'_>,
) -> Option<Neighbors> {
    let begin = || TopK::new(k);
    let lists = compare(definition, &rows, &queries, begin, progress, |best, distance, row| {
        best.offer(Float(distance), row);
    })?;
    let mut found = Neighbors { k, indices: vec![0; queries.len * k], distances: vec![0.0; queries.len * k] };
    let outputs = found.indices.chunks_exact_mut(k).zip(found.distances.chunks_exact_mut(k));
    for (best, (indices, distances)) in lists.into_iter().zip(outputs) {
        best.write(indices, distances);
    }
    Some(found)
}

/// The rows within a radius of every query, in the order of their indices.
pub(super) fn within(
    definition: &dyn Definition,
    rows: Source<'_>,
    queries: Source<'_>,
    radius: f64,
    progress: Progress<'_>,
) -> Option<RadiusNeighbors> {
    let lists = compare(definition, &rows, &queries, Vec::new, progress, |list, distance, row| {
        if distance <= radius {
            list.push((row, distance));
        }
    })?;
    Some(RadiusNeighbors::from_lists(lists))
}

/// Calls `take` with the list of a query and the distance and index of each row, in the order of the rows.
fn compare<L: Send>(
    definition: &dyn Definition,
    rows: &Source<'_>,
    queries: &Source<'_>,
    begin: impl Fn() -> L + Sync,
    progress: Progress<'_>,
    take: impl Fn(&mut L, f64, u32) + Sync,
) -> Option<Vec<L>> {
    let (n, width) = (queries.len, rows.width);
    let stripe = (STRIPE / size_of::<f64>() / width).max(1);
    let done = AtomicUsize::new(0);
    let compare_block = |block: usize| -> Option<Vec<L>> {
        let range = block * BLOCK..n.min((block + 1) * BLOCK);
        let mut lists: Vec<L> = range.clone().map(|_| begin()).collect();
        let (mut q, mut x) = (Vec::new(), Vec::new());
        queries.write(range.clone(), &mut q);
        for from in (0..rows.len).step_by(stripe) {
            let part = from..rows.len.min(from + stripe);
            rows.write(part.clone(), &mut x);
            for (q, list) in q.chunks_exact(width).zip(&mut lists) {
                for (i, x) in part.clone().zip(x.chunks_exact(width)) {
                    take(list, definition.distance(q, x), i as u32);
                }
            }
            // Long blocks can be stopped after every stripe.
            if progress(done.load(Relaxed), n).is_break() {
                return None;
            }
        }
        match progress(done.fetch_add(range.len(), Relaxed) + range.len(), n) {
            ControlFlow::Continue(()) => Some(lists),
            ControlFlow::Break(()) => None,
        }
    };
    let blocks: Option<Vec<Vec<L>>> = (0..n.div_ceil(BLOCK)).into_par_iter().map(compare_block).collect();
    Some(blocks?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCEED: Progress<'static> = &|_, _| ControlFlow::Continue(());

    /// Rows of three features with ties, more than a block.
    fn rows(count: usize) -> Vec<f64> {
        (0..count * 3).map(|i| ((i * i + i / 7) % 11) as f64).collect()
    }

    #[test]
    fn lists_are_those_of_every_distance_sorted() {
        let (rows, queries) = (rows(50), rows(37));
        let distance = Distance::Minkowski { p: 1.5, weights: Some(vec![1.0, 2.0, 0.5]) };
        let definition = distance.definition();
        let index = PairwiseNeighbors::fit(rows.clone(), 3, distance).unwrap();
        let found = index.search(&queries, 7, PROCEED).unwrap().unwrap();
        let near = index.search_radius(&queries, 4.0, PROCEED).unwrap().unwrap();
        assert_eq!((found.len(), near.len()), (37, 37));
        for (i, q) in queries.chunks(3).enumerate() {
            let distances = rows.chunks(3).map(|x| definition.distance(q, x));
            let mut all: Vec<(f64, u32)> = distances.zip(0..).collect();
            let inside: Vec<u32> = all.iter().filter(|(d, _)| *d <= 4.0).map(|(_, i)| *i).collect();
            assert_eq!(near.of(i).0, inside);
            all.sort_by(|a, b| a.partial_cmp(b).unwrap());
            assert_eq!(found.of(i).0, all[..7].iter().map(|(_, i)| *i).collect::<Vec<_>>());
            assert_eq!(found.of(i).1, all[..7].iter().map(|(d, _)| *d).collect::<Vec<_>>());
        }
    }

    #[test]
    fn rows_without_common_features_are_farthest() {
        let nan = f64::NAN;
        let index =
            PairwiseNeighbors::fit(vec![nan, 1.0, 5.0, nan, 9.0, 9.0], 2, Distance::NanEuclidean).unwrap();
        let found = index.search(&[4.0, nan], 3, PROCEED).unwrap().unwrap();
        assert_eq!(found.indices, [1, 2, 0]);
        assert!(found.distances[2].is_nan());
    }

    #[test]
    fn unsuitable_values_are_rejected_and_a_search_can_be_stopped() {
        let l2 = || Distance::Named(crate::neighbors::Metric::L2);
        let reason =
            |rows: Vec<f64>, distance| PairwiseNeighbors::fit(rows, 2, distance).unwrap_err().to_string();
        assert!(reason(vec![1.0, f64::NAN], l2()).contains("a finite number"));
        assert!(reason(vec![1.0, f64::INFINITY], Distance::NanEuclidean).contains("or NaN if missing"));
        assert!(reason(vec![1.0; 3], l2()).contains("a multiple of 2"));
        assert!(reason(vec![], l2()).contains("at least 1"));
        let index = PairwiseNeighbors::fit(vec![1.0, 2.0], 2, l2()).unwrap();
        assert!(index.search(&[1.0, 2.0], 2, PROCEED).is_err());
        assert!(index.search_radius(&[1.0, 2.0], -1.0, PROCEED).is_err());
        assert_eq!(index.search(&[1.0, 2.0], 1, &|_, _| ControlFlow::Break(())).unwrap(), None);
    }
}
