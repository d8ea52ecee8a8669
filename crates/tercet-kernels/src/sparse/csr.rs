//! The non-zeros of a matrix, row by row.

use std::ops::Range;

use super::compress;
use crate::Isa;

/// How many columns a block has. The products go through the rows of the right factor block by block, so that the
/// rows of one stay in the first-level cache while all rows of the left factor go past.
pub(super) const BLOCK: usize = 64;

/// The most numbers that [`CsrMatrix::reserve`] keeps room for: 8 MiB of columns and values.
const MOST_READY: usize = 1 << 20;

/// The non-zeros of an (M, K) matrix, row by row: their columns, ascending, and their values. Beside the beginning of
/// each row it knows that of each block of 64 columns in it.
///
/// It is filled again and again, and once it has grown to what is needed, filling it allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct CsrMatrix {
    rows: usize,
    columns: usize,
    /// The first non-zero of each block of each row, and the end of the last: `rows · blocks + 1` numbers, ascending.
    starts: Vec<u32>,
    /// The columns of the non-zeros, each inside its block; the first `starts.last()` of them mean something.
    at: Vec<u32>,
    /// Their values, in the same order.
    values: Vec<f32>,
    /// Room for the transposition: how many non-zeros each block has, then where the next of them goes.
    next: Vec<u32>,
}

impl CsrMatrix {
    /// A matrix of no rows and no columns.
    pub fn new() -> Self {
        CsrMatrix { starts: vec![0], ..CsrMatrix::default() }
    }

    /// Forgets all rows; those to come have so many columns.
    pub fn clear(&mut self, columns: usize) {
        (self.rows, self.columns) = (0, columns);
        self.starts.clear();
        self.starts.push(0);
    }

    /// Makes room at once for a matrix of so many rows and columns without any zeros, so that filling it with fewer
    /// non-zeros one time and more another allocates nothing; where that is more than a million, nothing is done.
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

    /// Adds a row: the numbers that are not zero.
    ///
    /// # Panics
    /// Where the row does not have as many numbers as there are columns.
    pub fn push(&mut self, isa: Isa, row: &[f32]) {
        self.push_row(row, |part, first, at, values| compress::floats(isa, part, first, at, values));
    }

    /// Adds a row of pixels: `pixel / 255`, rounded as the division rounds it, where the pixel is not 0.
    ///
    /// # Panics
    /// Where the row does not have as many pixels as there are columns.
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
        // A counting sort: how many non-zeros go to each block of each row, so where each block begins …
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
        // … and then each goes to the next place of its block, row by row, so that the columns ascend.
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

    /// How many numbers are not zero.
    pub fn non_zeros(&self) -> usize {
        self.starts.last().map_or(0, |&end| end as usize)
    }

    /// All numbers, zeros too, (M, K).
    pub fn to_dense(&self) -> Vec<f32> {
        let mut dense = vec![0.0; self.rows * self.columns];
        for i in 0..self.rows {
            for n in self.row(i) {
                dense[i * self.columns + self.at[n] as usize] = self.values[n];
            }
        }
        dense
    }

    /// The columns and the values of the non-zeros of row `i`, the values to be changed. One that becomes 0 stays where it
    /// is, and costs what it did.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn row_mut(&mut self, i: usize) -> impl Iterator<Item = (u32, &mut f32)> {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        let places = self.row(i);
        self.at[places.clone()].iter().copied().zip(&mut self.values[places])
    }

    /// How many blocks a row has.
    pub(super) fn blocks(&self) -> usize {
        self.columns.div_ceil(BLOCK)
    }

    /// The places of the non-zeros of some neighbouring blocks of row `i`.
    #[inline(always)]
    pub(super) fn part(&self, i: usize, blocks: &Range<usize>) -> Range<usize> {
        let row = i * self.blocks();
        self.starts[row + blocks.start] as usize..self.starts[row + blocks.end] as usize
    }

    /// The places of the non-zeros of row `i`.
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
