//! Leave-one-out: for every stored row, the nearest among all others.
//!
//! A row is its own nearest neighbour, which says nothing about how well the others would classify it. So the data set
//! is searched for k + 1 neighbours of each of its rows, and each row is removed from its own list. The result is
//! exact:
//!
//! - if row i is in its own list, the other k rows of the list are the k nearest others;
//! - if it is not, k + 1 others come before it (duplicates of it with smaller indices), and the first k of them are the
//!   k nearest others.

use std::ops::{ControlFlow, Range};

use super::index::Rows;
use super::{NearestNeighbors, Neighbors, Progress};
use crate::data::Examples;
use crate::image::ImageShape;
use crate::{Error, Result};

/// The maximum number of rows that are copied as queries at a time.
const BLOCK: usize = 1 << 14;

/// The maximum number of neighbours that are held in memory at a time.
const FOUND: usize = 1 << 23;

impl NearestNeighbors {
    /// The k nearest *other* rows of every stored row, ordered by (distance, index): row i of the result holds the
    /// neighbours of row i of the data set that was fitted. Duplicates of a row count as others.
    ///
    /// `progress` is called with the number of finished rows, and may stop the search, as in
    /// [`search_with`](Self::search_with): then the result is `None`.
    /// [`naive::leave_one_out`](super::naive::leave_one_out) computes the same in a few lines.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tercet::data::Dataset;
    /// use tercet::image::ImageShape;
    /// use tercet::neighbors::{Metric, NearestNeighbors};
    ///
    /// let pixels = vec![10, 10, 13, 90];
    /// let set = Dataset::from_pixels("toy", ImageShape::gray(1, 1), pixels, vec![0; 4], vec!["any".into()])?;
    /// let index = NearestNeighbors::fit(&set, Metric::L1)?;
    /// let found = index.leave_one_out(1, &|_, _| ControlFlow::Continue(()))?.unwrap();
    /// assert_eq!(found.indices, [1, 0, 0, 2]);
    /// assert_eq!(found.distances, [0.0, 0.0, 3.0, 77.0]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is a single row, which has no others, or if k = 0 or k > N − 1.
    pub fn leave_one_out(&self, k: usize, progress: Progress<'_>) -> Result<Option<Neighbors>> {
        let mut all = Neighbors { k, indices: Vec::new(), distances: Vec::new() };
        let end = self.leave_one_out_by_blocks(k, progress, |_, found| {
            all.indices.extend(found.indices);
            all.distances.extend(found.distances);
        })?;
        Ok(end.is_continue().then_some(all))
    }

    /// [`leave_one_out`](Self::leave_one_out), passing on the neighbours of a block of rows at a time, in order, with
    /// the index of the block's first row. It needs memory for one block, however many rows there are.
    pub(crate) fn leave_one_out_by_blocks(
        &self,
        k: usize,
        progress: Progress<'_>,
        take: impl FnMut(usize, Neighbors),
    ) -> Result<ControlFlow<()>> {
        check_others("k", k, self.len())?;
        self.leave_one_out_by((FOUND / (k + 1)).clamp(1, BLOCK), k, progress, take)
    }

    fn leave_one_out_by(
        &self,
        block: usize,
        k: usize,
        progress: Progress<'_>,
        mut take: impl FnMut(usize, Neighbors),
    ) -> Result<ControlFlow<()>> {
        let n = self.len();
        for first in (0..n).step_by(block) {
            let range = first..n.min(first + block);
            let queries = self.rows_as_queries(range)?;
            let so_far = |done, _| progress(first + done, n);
            let Some(found) = self.search_with(&queries, k + 1, &so_far)? else {
                return Ok(ControlFlow::Break(()));
            };
            take(first, exclude_self(&found, first));
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Some of the stored rows, as queries.
    pub(super) fn rows_as_queries(&self, range: Range<usize>) -> Result<Examples> {
        let width = self.width();
        match &self.rows {
            Rows::PrunedBytes(rows) => Ok(rows.data().subset(&range.collect::<Vec<_>>())),
            Rows::PrunedFloats(rows) => Ok(rows.data().subset(&range.collect::<Vec<_>>())),
            Rows::Doubles(rows) => Ok(rows.data.subset(&range.collect::<Vec<_>>())),
            Rows::Defined(data) => Ok(data.subset(&range.collect::<Vec<_>>())),
            Rows::Floats { values, .. } => {
                let values = values[range.start * width..range.end * width].to_vec();
                Examples::from_features(width, values)
            }
            Rows::Panels(_) | Rows::Bytes { .. } => {
                let pixels = range.flat_map(|i| self.pixels(i).unwrap_or_default()).collect();
                let shape = self.image_shape().unwrap_or(ImageShape::gray(width, 1));
                Examples::from_pixels(shape, pixels)
            }
        }
    }
}

/// The lists of k + 1 neighbours of the rows starting at `first`, each without its own row: k neighbours.
fn exclude_self(found: &Neighbors, first: usize) -> Neighbors {
    let k = found.k - 1;
    let mut others = Neighbors {
        k,
        indices: Vec::with_capacity(found.len() * k),
        distances: Vec::with_capacity(found.len() * k),
    };
    for i in 0..found.len() {
        let (indices, distances) = found.of(i);
        let itself = indices.iter().position(|&index| index as usize == first + i).unwrap_or(k);
        for rank in (0..=k).filter(|&rank| rank != itself) {
            others.indices.push(indices[rank]);
            others.distances.push(distances[rank]);
        }
    }
    others
}

/// # Errors
/// If the number of others is not in 1 ‥ N − 1.
pub(crate) fn check_others(setting: &'static str, k: usize, rows: usize) -> Result<()> {
    let Some(others) = rows.checked_sub(1).filter(|&others| others > 0) else {
        return Err(Error::mismatch("examples for leave-one-out", rows, "at least 2"));
    };
    if k == 0 || k > others {
        let expected = format!("1 to {others}, the number of other examples");
        return Err(Error::setting(setting, k, expected));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::neighbors::{Metric, naive};

    /// Sixty rows with few distinct values, so that there are many duplicates; wide enough for codes.
    fn rows(width: usize) -> Vec<u8> {
        (0..60usize).flat_map(|i| (0..width).map(move |x| [0, 9, 9, 200, 0][(i * i + x / 90) % 5])).collect()
    }

    #[test]
    fn blocks_of_any_size_find_the_same_in_every_layout() {
        let (labels, classes) = (vec![0; 60], vec!["any".to_owned()]);
        let image = ImageShape::gray(300, 1);
        let pixels = Dataset::from_pixels("p", image, rows(300), labels.clone(), classes.clone()).unwrap();
        let values = rows(300).into_iter().map(|v| f32::from(v) - 99.5).collect();
        let floats = Dataset::from_features("f", 300, values, labels, classes).unwrap();
        let mut indexes = Vec::new();
        for data in [&pixels, &floats] {
            // All metrics without kernels take the same path.
            for &metric in Metric::MEASURES.iter().chain(&[Metric::Chebyshev]) {
                indexes.push((data, NearestNeighbors::fit(data, metric).unwrap()));
            }
        }
        for (data, index) in indexes {
            for k in [1, 4, 59] {
                let expected = naive::leave_one_out(data, index.metric(), k).unwrap();
                for block in [1, 7, 60, 100] {
                    let mut found = Neighbors { k, indices: Vec::new(), distances: Vec::new() };
                    let end =
                        index.leave_one_out_by(block, k, &|_, _| ControlFlow::Continue(()), |first, part| {
                            assert_eq!(first, found.len());
                            found.indices.extend(part.indices);
                            found.distances.extend(part.distances);
                        });
                    assert_eq!(end.unwrap(), ControlFlow::Continue(()));
                    assert_eq!(found, expected, "{} k = {k}, blocks of {block}", index.metric());
                }
            }
        }
    }

    #[test]
    fn a_row_preceded_by_duplicates_loses_the_last_of_them() {
        // The lists of rows 4 and 5: row 4 is not in its own list, row 5 is in the middle of its own.
        let found = Neighbors {
            k: 3,
            indices: vec![0, 1, 2, 3, 5, 0],
            distances: vec![0.0, 0.0, 0.0, 0.0, 0.0, 7.0],
        };
        let others = exclude_self(&found, 4);
        assert_eq!((others.k, others.indices, others.distances), (2, vec![0, 1, 3, 0], vec![0., 0., 0., 7.]));
    }
}
