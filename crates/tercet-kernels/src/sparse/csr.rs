//! [`CsrMatrix`]: the non-zeros of a matrix, row by row.

use std::ops::Range;

use super::compress;
use crate::Isa;

/// Columns per block. The products process the rows of the right factor block by block, so that the rows of one block
/// stay in the first-level cache while all rows of the left factor are multiplied with them.
pub(super) const BLOCK: usize = 64;

/// The largest capacity that [`CsrMatrix::reserve`] allocates in advance: 8 MiB of columns and values.
const MOST_READY: usize = 1 << 20;

/// The non-zeros of an (M, K) matrix, row by row: their columns, ascending, and their values. It stores where each row
/// begins, and also where each block of 64 columns begins within the row.
///
/// It is meant to be refilled. Once it has grown to the size that is needed, filling it allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct CsrMatrix {
    rows: usize,
    columns: usize,
    /// The index of the first non-zero of each block of each row, and the end of the last: `rows · blocks + 1` numbers,
    /// ascending.
    starts: Vec<u32>,
    /// The columns of the non-zeros, each inside its block; only the first `starts.last()` of them are valid.
    at: Vec<u32>,
    /// Their values, in the same order.
    values: Vec<f32>,
    /// Scratch memory for the transposition: the number of non-zeros of each block, then the index of the next one.
    next: Vec<u32>,
}

impl CsrMatrix {
    /// A matrix of no rows and no columns.
    pub fn new() -> Self {
        CsrMatrix { starts: vec![0], ..CsrMatrix::default() }
    }

    /// Removes all rows; those added next have `columns` columns.
    pub fn clear(&mut self, columns: usize) {
        (self.rows, self.columns) = (0, columns);
        self.starts.clear();
        self.starts.push(0);
    }

    /// Reserves room for a dense matrix of the given size, so that refilling it with varying numbers of non-zeros
    /// allocates nothing. Does nothing for more than a million elements.
    pub fn reserve(&mut self, rows: usize, columns: usize) {
        let blocks = columns.div_ceil(BLOCK);
        let room = rows * blocks * BLOCK;
        if room > MOST_READY {
            return;
        }
        if self.at.len() < room {
            self.at.resize(room, 0);
            self.values.resize(room, 0.0);
        }
        self.starts.reserve((rows * blocks + 1).saturating_sub(self.starts.len()));
        self.next.reserve((rows * blocks).saturating_sub(self.next.len()));
    }

    /// Adds a row, storing its non-zeros.
    ///
    /// # Panics
    /// If the length of the row is not the number of columns.
    pub fn push(&mut self, isa: Isa, row: &[f32]) {
        self.push_row(row, |part, first, at, values| compress::floats(isa, part, first, at, values));
    }

    /// Adds a row of pixels, storing `pixel / 255`, rounded as a division, for each pixel that is not 0.
    ///
    /// # Panics
    /// If the length of the row is not the number of columns.
    pub fn push_pixels(&mut self, isa: Isa, row: &[u8]) {
        self.push_row(row, |part, first, at, values| compress::pixels(isa, part, first, at, values));
    }

    fn push_row<T>(&mut self, row: &[T], compress: impl Fn(&[T], u32, &mut [u32], &mut [f32]) -> usize) {
        assert_eq!(row.len(), self.columns, "a row has {} numbers", self.columns);
        let mut used = self.non_zeros();
        let room = used + self.columns.next_multiple_of(BLOCK);
        assert!(u32::try_from(room).is_ok(), "fewer than 2³² non-zeros");
        if self.at.len() < room {
            self.at.resize(room.max(2 * self.at.len()), 0);
            self.values.resize(self.at.len(), 0.0);
        }
        for (block, part) in row.chunks(BLOCK).enumerate() {
            let to = used..used + BLOCK;
            let first = (block * BLOCK) as u32;
            used += compress(part, first, &mut self.at[to.clone()], &mut self.values[to]);
            self.starts.push(used as u32);
        }
        self.rows += 1;
    }

    /// Becomes the transpose of another matrix.
    pub fn transpose(&mut self, other: &CsrMatrix) {
        (self.rows, self.columns) = (other.columns, other.rows);
        let (blocks, used) = (self.blocks(), other.non_zeros());
        self.reserve(self.rows, self.columns);
        if self.at.len() < used {
            self.at.resize(used, 0);
            self.values.resize(used, 0.0);
        }
        // A counting sort: first count the non-zeros of each block of each row, which gives the start of each block …
        self.next.clear();
        self.next.resize(self.rows * blocks, 0);
        for i in 0..other.rows {
            let block = i / BLOCK;
            for &row in &other.at[other.row(i)] {
                self.next[row as usize * blocks + block] += 1;
            }
        }
        self.starts.clear();
        self.starts.push(0);
        let mut sum = 0;
        for next in &mut self.next {
            let count = *next;
            *next = sum;
            sum += count;
            self.starts.push(sum);
        }
        // … and then append each non-zero to its block, row by row, so that the columns ascend.
        for i in 0..other.rows {
            let block = i / BLOCK;
            let row = other.row(i);
            for (&to, &value) in other.at[row.clone()].iter().zip(&other.values[row]) {
                let next = &mut self.next[to as usize * blocks + block];
                self.at[*next as usize] = i as u32;
                self.values[*next as usize] = value;
                *next += 1;
            }
        }
    }

    /// M, the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// K, the number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of non-zeros.
    pub fn non_zeros(&self) -> usize {
        self.starts.last().map_or(0, |&end| end as usize)
    }

    /// All elements, including zeros, (M, K).
    pub fn to_dense(&self) -> Vec<f32> {
        let mut dense = vec![0.0; self.rows * self.columns];
        for i in 0..self.rows {
            for n in self.row(i) {
                dense[i * self.columns + self.at[n] as usize] = self.values[n];
            }
        }
        dense
    }

    /// The columns and the values of the non-zeros of row `i`, with mutable values. A value that is set to 0 remains
    /// stored, at the same cost.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row_mut(&mut self, i: usize) -> impl Iterator<Item = (u32, &mut f32)> {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        let places = self.row(i);
        self.at[places.clone()].iter().copied().zip(&mut self.values[places])
    }

    /// Blocks per row.
    pub(super) fn blocks(&self) -> usize {
        self.columns.div_ceil(BLOCK)
    }

    /// The index range of the non-zeros of some adjacent blocks of row `i`.
    #[inline(always)]
    pub(super) fn part(&self, i: usize, blocks: &Range<usize>) -> Range<usize> {
        let row = i * self.blocks();
        self.starts[row + blocks.start] as usize..self.starts[row + blocks.end] as usize
    }

    /// The index range of the non-zeros of row `i`.
    #[inline(always)]
    pub(super) fn row(&self, i: usize) -> Range<usize> {
        self.part(i, &(0..self.blocks()))
    }

    /// The columns of all non-zeros; each is inside its block.
    #[inline(always)]
    pub(super) fn at(&self) -> &[u32] {
        &self.at[..self.non_zeros()]
    }

    /// The values of all non-zeros.
    #[inline(always)]
    pub(super) fn values(&self) -> &[f32] {
        &self.values[..self.non_zeros()]
    }
}
