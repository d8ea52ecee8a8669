//! Search by radius: all stored rows within a distance of every query.

use rayon::prelude::*;

use super::index::{Rows, searchable};
use super::metric::{Distance, Key, Measure, MeasureOf, for_metric};
use super::pairwise::{self, Source};
use super::pruned::Value;
use super::{NearestNeighbors, Progress};
use crate::data::Examples;
use crate::{Error, Result};

/// The size of a stripe of rows, in bytes: it stays in the cache while all queries are compared with it.
const STRIPE: usize = 1 << 20;

/// The neighbours of N queries, a different number for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RadiusNeighbors {
    /// Where the neighbours of each query start, and the number of all, (N + 1).
    pub starts: Vec<usize>,
    /// The indices of rows of the fitted data set, ascending for each query.
    pub indices: Vec<u32>,
    /// The distances.
    pub distances: Vec<f64>,
}

impl RadiusNeighbors {
    pub(super) fn from_lists(lists: Vec<Vec<(u32, f64)>>) -> Self {
        let total = lists.iter().map(Vec::len).sum();
        let mut found = RadiusNeighbors {
            starts: vec![0],
            indices: Vec::with_capacity(total),
            distances: Vec::with_capacity(total),
        };
        for list in lists {
            found.indices.extend(list.iter().map(|(index, _)| index));
            found.distances.extend(list.iter().map(|(_, distance)| distance));
            found.starts.push(found.indices.len());
        }
        found
    }

    /// N, the number of queries.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there were no queries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The indices and distances of the neighbours of query `i`.
    pub fn of(&self, i: usize) -> (&[u32], &[f64]) {
        let range = self.starts[i]..self.starts[i + 1];
        (&self.indices[range.clone()], &self.distances[range])
    }

    /// Sorts the neighbours of every query by (distance, index).
    pub fn sort(&mut self) {
        for i in 0..self.len() {
            let (indices, distances) = self.of(i);
            let mut list: Vec<(f64, u32)> = distances.iter().copied().zip(indices.iter().copied()).collect();
            list.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for (at, (distance, index)) in (self.starts[i]..).zip(list) {
                (self.distances[at], self.indices[at]) = (distance, index);
            }
        }
    }
}

impl NearestNeighbors {
    /// All rows within `radius` of every query, those at exactly this distance included. `progress` is called with the
    /// number of finished queries, and may stop the search: then the result is `None`.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tercet::data::Examples;
    /// use tercet::neighbors::{Metric, NearestNeighbors};
    ///
    /// let index = NearestNeighbors::fit(&Examples::from_features(1, vec![0.0, 2.0, 7.0])?, Metric::L2)?;
    /// let queries = Examples::from_features(1, vec![1.5, 40.0])?;
    /// let mut found = index.search_radius(&queries, 1.5, &|_, _| ControlFlow::Continue(()))?.unwrap();
    /// assert_eq!((found.of(0), found.of(1)), ((&[0, 1][..], &[1.5, 0.5][..]), (&[][..], &[][..])));
    /// found.sort();
    /// assert_eq!(found.of(0).0, [1, 0]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the radius is NaN; or if the queries have another width, or are pixels and the rows are not, or vice versa.
    pub fn search_radius(
        &self,
        queries: &Examples,
        radius: f64,
        progress: Progress<'_>,
    ) -> Result<Option<RadiusNeighbors>> {
        if radius.is_nan() {
            return Err(Error::setting("radius", radius, "a number"));
        }
        self.check(queries, 1)?;
        let queries = &searchable(queries)?;
        let definition = || Distance::Named(self.metric()).definition();
        if let (Rows::Defined(_) | Rows::Doubles(_), Some(data)) = (&self.rows, self.examples()) {
            let (rows, queries) = (Source::of(&data), Source::of(queries));
            return Ok(pairwise::within(&*definition(), rows, queries, radius, progress));
        }
        if queries.dtype() == "float64" {
            let write = |i: usize, row: &mut [f64]| self.write_row(i, row);
            let rows = Source { len: self.len(), width: self.width(), write: Box::new(write) };
            return Ok(pairwise::within(&*definition(), rows, Source::of(queries), radius, progress));
        }
        for_metric!(self.metric(), M => match queries.is_pixels() {
            true => self.within::<u8, M>(queries, radius, progress),
            false => self.within::<f32, M>(queries, radius, progress),
        })
    }

    fn within<T: Value, M: Measure + MeasureOf<T>>(
        &self,
        queries: &Examples,
        radius: f64,
        progress: Progress<'_>,
    ) -> Result<Option<RadiusNeighbors>> {
        let (isa, n) = (self.isa, queries.len());
        let squares = |examples: &Examples| -> Vec<f64> {
            let all = if M::NEEDS_SQUARES { examples.len() } else { 0 };
            (0..all).map(|i| T::square(isa, T::row(examples, i))).collect()
        };
        let square_of = |squares: &[f64], i: usize| squares.get(i).copied().unwrap_or(f64::NAN);
        let squares_of_queries = squares(queries);
        let mut lists = vec![Vec::new(); n];
        let stripe = (STRIPE / size_of::<T>() / self.width()).max(1);
        for from in (0..self.len()).step_by(stripe) {
            let rows = self.rows_as_queries(from..self.len().min(from + stripe))?;
            let squares = squares(&rows);
            lists.par_iter_mut().enumerate().for_each(|(q, list)| {
                let (square, query) = (square_of(&squares_of_queries, q), T::row(queries, q));
                for i in 0..rows.len() {
                    let squares = [square, square_of(&squares, i)];
                    let distance = <M as MeasureOf<T>>::key(isa, query, T::row(&rows, i), squares).distance();
                    if distance <= radius {
                        list.push(((from + i) as u32, distance));
                    }
                }
            });
            let done = n * (from + rows.len()) / self.len();
            if progress(done, n).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(RadiusNeighbors::from_lists(lists)))
    }
}

/// # Errors
/// If the radius is negative or NaN.
pub(super) fn check_radius(radius: f64) -> Result<()> {
    if radius >= 0.0 { Ok(()) } else { Err(Error::setting("radius", radius, "a number, 0 or more")) }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::image::ImageShape;
    use crate::neighbors::{Metric, naive};

    /// The rows within the distance of the middle of all rows are the first half of the sorted ones.
    #[test]
    fn every_metric_and_layout_finds_the_rows_that_a_sorted_list_begins_with() {
        let bytes = |count: usize| (0..count * 90).map(|i| ((i * i) % 251) as u8).collect::<Vec<u8>>();
        let pixels = |count| Examples::from_pixels(ImageShape::gray(90, 1), bytes(count)).unwrap();
        let floats = |count| bytes(count).iter().map(|&x| f32::from(x) - 99.5).collect::<Vec<f32>>();
        let doubles = |count| bytes(count).iter().map(|&x| 0.1 + f64::from(x)).collect::<Vec<f64>>();
        let features = |count| Examples::from_features(90, floats(count)).unwrap();
        let exact = |count| Examples::from_f64(90, doubles(count)).unwrap();
        for (data, queries) in [
            (pixels(60), pixels(7)),
            (features(60), features(7)),
            (exact(60), exact(7)),
            (features(60), exact(7)),
        ] {
            for &metric in Metric::ALL {
                let all = naive::search(&data, &queries, metric, 60).unwrap();
                let index = NearestNeighbors::fit(&data, metric).unwrap();
                let radius = all.of(3).1[30];
                let found = index.search_radius(&queries, radius, &|_, _| ControlFlow::Continue(()));
                let mut found = found.unwrap().unwrap();
                assert!((0..7).all(|i| found.of(i).0.is_sorted()));
                found.sort();
                for i in 0..7 {
                    let (indices, distances) = all.of(i);
                    let count = distances.iter().filter(|&&distance| distance <= radius).count();
                    assert_eq!(found.of(i), (&indices[..count], &distances[..count]), "{metric}");
                }
            }
        }
    }

    #[test]
    fn a_radius_must_be_a_number_and_a_search_can_be_stopped() {
        let data = Examples::from_features(1, vec![1.0, 2.0]).unwrap();
        let index = NearestNeighbors::fit(&data, Metric::L1).unwrap();
        let search = |radius, flow| index.search_radius(&data, radius, &|_, _| flow);
        assert!(search(f64::NAN, ControlFlow::Continue(())).is_err());
        assert_eq!(search(1.0, ControlFlow::Break(())).unwrap(), None);
        // No distance is negative; a dot product may be.
        assert!(search(-1.0, ControlFlow::Continue(())).unwrap().unwrap().indices.is_empty());
    }
}
