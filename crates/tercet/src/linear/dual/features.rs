//! The rows of a data set in the solver's format: sparse if enough features are zero.

use rayon::prelude::*;
use tercet_kernels::dual_ascent::Row;

use crate::data::{self, Dataset};
use crate::{Error, Result};

/// Rows per piece. Parallel work is divided into pieces, so that sums have a fixed order.
pub(super) const PIECE: usize = 2048;

/// The features of N examples, and the sum of squares of each example.
pub(super) struct Features<'a> {
    data: &'a Dataset,
    /// One piece per [`PIECE`] rows.
    pieces: Vec<Piece>,
    squared: Vec<f32>,
}

/// Consecutive rows: row i has the entries from `starts[i]` up to `starts[i + 1]`.
enum Piece {
    /// Read directly from the data set: f32.
    Dense,
    Pixels {
        starts: Vec<usize>,
        indices: Vec<u16>,
        values: Vec<u8>,
    },
    Sparse {
        starts: Vec<usize>,
        indices: Vec<u32>,
        values: Vec<f32>,
    },
}

impl<'a> Features<'a> {
    /// Reads the rows of a data set once.
    ///
    /// # Errors
    /// A row whose sum of squares exceeds the range of f32.
    pub(super) fn new(data: &'a Dataset) -> Result<Self> {
        let sparse = data.dtype() != "float32" || is_sparse(data);
        let starts: Vec<usize> = (0..data.len()).step_by(PIECE).collect();
        let piece = |&start: &usize| {
            let rows = start..data.len().min(start + PIECE);
            if !sparse {
                Piece::Dense
            } else if data.is_pixels() && data.width() <= 1 << 16 {
                pixels(data, rows)
            } else {
                values(data, rows)
            }
        };
        let pieces: Vec<Piece> = starts.par_iter().map(piece).collect();
        let mut features = Features { data, pieces, squared: Vec::new() };
        features.squared =
            (0..data.len()).into_par_iter().map(|i| features.row(i).squared() as f32).collect();
        match features.squared.iter().position(|squared| !squared.is_finite()) {
            Some(i) => Err(Error::mismatch(
                format!("sum of squares of the features of example {i}"),
                format!("{:e}", features.row(i).squared()),
                "less than 3e38; divide the features by their largest",
            )),
            None => Ok(features),
        }
    }

    /// N.
    pub(super) fn len(&self) -> usize {
        self.squared.len()
    }

    /// Row i.
    pub(super) fn row(&self, i: usize) -> Row<'_> {
        let entries = |starts: &[usize]| starts[i % PIECE]..starts[i % PIECE + 1];
        match &self.pieces[i / PIECE] {
            Piece::Dense => match self.data.row(i) {
                data::Row::F32(values) => Row::Dense(values),
                _ => unreachable!("other rows are kept in blocks of their own"),
            },
            Piece::Pixels { starts, indices, values } => {
                let entries = entries(starts);
                Row::Pixels { indices: &indices[entries.clone()], values: &values[entries] }
            }
            Piece::Sparse { starts, indices, values } => {
                let entries = entries(starts);
                Row::Sparse { indices: &indices[entries.clone()], values: &values[entries] }
            }
        }
    }

    /// Prefetches row i, which is to be visited soon.
    pub(super) fn prefetch(&self, i: usize) {
        match self.row(i) {
            Row::Dense(values) => tercet_kernels::prefetch(values),
            Row::Sparse { indices, values } => {
                tercet_kernels::prefetch(indices);
                tercet_kernels::prefetch(values);
            }
            Row::Pixels { indices, values } => {
                tercet_kernels::prefetch(indices);
                tercet_kernels::prefetch(values);
            }
        }
    }

    /// Σ x² of row i.
    pub(super) fn squared(&self, i: usize) -> f32 {
        self.squared[i]
    }

    /// The mean of Σ x².
    pub(super) fn mean_squared(&self) -> f64 {
        self.squared.iter().map(|&s| f64::from(s)).sum::<f64>() / self.len() as f64
    }
}

/// Whether at least half of the features are zero.
fn is_sparse(data: &Dataset) -> bool {
    let zeros: usize = (0..data.len()).into_par_iter().map(|i| data.row(i).zeros()).sum();
    2 * zeros >= data.len() * data.width()
}

fn pixels(data: &Dataset, rows: std::ops::Range<usize>) -> Piece {
    // Counted first: growing arrays would fragment the memory, which the next training along a path might not be able
    // to reuse.
    let count = |i| data.pixels(i).map_or(0, |row| row.iter().filter(|&&value| value != 0).count());
    let non_zeros: usize = rows.clone().map(count).sum();
    let mut starts = Vec::with_capacity(rows.len() + 1);
    let (mut indices, mut values) = (Vec::with_capacity(non_zeros), Vec::with_capacity(non_zeros));
    starts.push(0);
    let (mut row_places, mut row_values) = (vec![0u16; data.width()], vec![0u8; data.width()]);
    for i in rows {
        let row = data.pixels(i).expect("pixels");
        let mut count = 0;
        // Always written but only kept if non-zero, which is faster than an unpredictable branch.
        for (index, &value) in row.iter().enumerate() {
            row_places[count] = index as u16;
            row_values[count] = value;
            count += usize::from(value != 0);
        }
        indices.extend_from_slice(&row_places[..count]);
        values.extend_from_slice(&row_values[..count]);
        starts.push(indices.len());
    }
    Piece::Pixels { starts, indices, values }
}

fn values(data: &Dataset, rows: std::ops::Range<usize>) -> Piece {
    let (mut starts, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    let mut x = vec![0.0; data.width()];
    for i in rows {
        data.write_inputs(&[i], &mut x);
        for (index, &value) in x.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            indices.push(index as u32);
            values.push(value);
        }
        starts.push(indices.len());
    }
    Piece::Sparse { starts, indices, values }
}
