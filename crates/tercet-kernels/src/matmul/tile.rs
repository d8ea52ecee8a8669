//! The fast product: tiles of C held in registers.
//!
//! A product does 2·M·K·N operations on M·K + K·N + M·N numbers, so speed depends on using each loaded number many
//! times. The loops, from the outside in:
//!
//! 1. B is cut into *panels* two vector registers wide; the last panel is one register wide if the remaining columns
//!    fit in it.
//! 2. K is cut into *depths* of 256. A panel of that depth is copied into a buffer on the stack, in which the numbers
//!    of row p of the panel are contiguous. It then streams out of the first-level cache whatever the strides of B are,
//!    and the missing columns of the last panel are zeros there, so edges need no special code. A product with few rows
//!    would not amortise the copy, so it reads B in place if possible.
//! 3. The rows of A are multiplied with the panel, `ROWS` at a time. Their accumulators stay in registers while p runs;
//!    each step loads one row of the panel and multiplies it by `ROWS` numbers of A, each broadcast to all lanes.
//! 4. If B has many panels, a block of A is copied as well before they are processed: tile after tile, in the order in
//!    which the numbers are multiplied. In a wide A the rows of a tile (or its columns, if A is a transpose) are a page
//!    or more apart, often a power of two, and so evict one another from the first-level cache and from the TLB.
//!
//! Between two depths the sums are stored in C. Storing and loading an f32 does not change it, so each sum remains one
//! chain in the order of p, and an element's bits do not depend on the tile it belongs to.
//!
//! The body is written once, generic over the vector register [`Lanes`]; the functions at the end compile it for each
//! instruction set with the tile that fits its registers.

use std::ops::Range;

use super::transpose::transpose;
use super::{Start, View, ViewMut};
use crate::lanes::{Aligned, Lanes};
use crate::prefetch::prefetch_for_later;

/// How many rows of a panel are copied at a time: 256 rows of 16 floats are half of a 32 KiB first-level cache.
const DEPTH: usize = 256;

/// With fewer rows of A than this, the panel is not copied.
const ROWS_WORTH_A_COPY: usize = 4;

/// From this many elements on, B is assumed to lie outside the second-level cache.
const FAR: usize = 1 << 18;

/// From this many columns of B on, a block of A is copied.
const COLUMNS_WORTH_A_COPY: usize = 768;

/// Maximum number of rows of such a block: with a depth of 256 it fills an eighth of a 1 MiB second-level cache.
const MOST_ROWS_COPIED: usize = 128;

/// The largest tile of any instruction set.
const MOST_ROWS: usize = 8;
const MOST_WIDTH: usize = 32;

/// A slice of B as the innermost loop reads it: row p begins at `values[p * stride]`.
#[derive(Clone, Copy)]
struct Panel<'a> {
    values: &'a [f32],
    stride: usize,
}

/// Updates the accumulators of `R` rows and `V` registers of columns over the depth of a panel:
/// `c(r, j) += Σ_p a(r, p) · panel(p, j)`.
///
/// `a` holds element (r, p) at `r * row_stride + p * column_stride`; the sums are those of C starting at row i and
/// column j.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn accumulate<L: Lanes, const R: usize, const V: usize>(
    a: &[f32],
    (row_stride, column_stride): (usize, usize),
    depth: usize,
    panel: Panel<'_>,
    c: &mut ViewMut<'_>,
    (i, j): (usize, usize),
) {
    assert!(depth > 0 && (R - 1) * row_stride + (depth - 1) * column_stride < a.len());
    assert!((depth - 1) * panel.stride + V * L::LANES <= panel.values.len());
    let (c, n) = (c.part((i, R), (j, V * L::LANES)), c.row_stride());
    let (a, b) = (a.as_ptr(), panel.values.as_ptr());
    // SAFETY: the caller promises the instructions; r < R, p < depth and v < V, so the two assertions above and that in
    // `part` bound every element that is read or written.
    unsafe {
        let mut sums = [[L::splat(0.0); V]; R];
        for (r, sums) in sums.iter_mut().enumerate() {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = L::load(c.add(r * n + v * L::LANES));
            }
        }
        for p in 0..depth {
            let mut row = [L::splat(0.0); V];
            for (v, row) in row.iter_mut().enumerate() {
                *row = L::load(b.add(p * panel.stride + v * L::LANES));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let a = L::splat(*a.add(r * row_stride + p * column_stride));
                for (sum, &b) in sums.iter_mut().zip(&row) {
                    *sum = sum.add_product(a, b);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                sum.store(c.add(r * n + v * L::LANES));
            }
        }
    }
}

/// `R` rows of A times one panel. The columns of C that are only padding in the panel are computed in a separate
/// buffer.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn one_tile<L: Lanes, const R: usize, const V: usize>(
    a: &[f32],
    strides: (usize, usize),
    depth: usize,
    panel: Panel<'_>,
    c: &mut ViewMut<'_>,
    i: usize,
    columns: &Range<usize>,
) {
    let width = columns.len();
    if width == V * L::LANES {
        // SAFETY: the caller promises the instructions.
        return unsafe { accumulate::<L, R, V>(a, strides, depth, panel, c, (i, columns.start)) };
    }
    let mut values = [0.0; MOST_ROWS * MOST_WIDTH];
    let mut edge = ViewMut::new(&mut values, MOST_ROWS, MOST_WIDTH);
    for r in 0..R {
        edge.row(r)[..width].copy_from_slice(&c.row(i + r)[columns.clone()]);
    }
    // SAFETY: the caller promises the instructions.
    unsafe { accumulate::<L, R, V>(a, strides, depth, panel, &mut edge, (0, 0)) };
    for r in 0..R {
        c.row(i + r)[columns.clone()].copy_from_slice(&edge.row(r)[..width]);
    }
}

/// Some rows of A over a range of depths, as the tiles read them.
#[derive(Clone, Copy)]
enum Block<'a> {
    /// Read in place.
    InPlace(View<'a>, usize),
    /// Copied by [`copy_rows`]: the rows starting at i begin at i · depth.
    Copied(&'a [f32]),
}

impl<'a> Block<'a> {
    /// The `R` rows starting at i, with the strides between rows and between the numbers of a row.
    #[inline(always)]
    fn tile<const R: usize>(self, i: usize, depth: usize) -> (&'a [f32], (usize, usize)) {
        match self {
            Block::InPlace(a, start) => {
                let strides = (a.row_stride(), a.column_stride());
                (&a.values()[i * strides.0 + start * strides.1..], strides)
            }
            Block::Copied(values) => (&values[i * depth..], (1, R)),
        }
    }
}

/// The number of rows of the next tile, given the number of rows left.
#[inline(always)]
const fn tile_rows<const ROWS: usize>(left: usize) -> usize {
    match left {
        left if left >= ROWS => ROWS,
        2.. => 2,
        left => left,
    }
}

/// Copies rows of A, tile by tile: first the numbers at p = 0 of all rows of the tile, then those at p = 1, and so on.
#[inline(always)]
fn copy_rows<const ROWS: usize>(a: View<'_>, rows: Range<usize>, depths: &Range<usize>, to: &mut [f32]) {
    let (row_stride, column_stride) = (a.row_stride(), a.column_stride());
    let mut i = rows.start;
    while i < rows.end {
        let height = tile_rows::<ROWS>(rows.end - i);
        let tile = &mut to[(i - rows.start) * depths.len()..][..height * depths.len()];
        let from = &a.values()[i * row_stride + depths.start * column_stride..];
        if row_stride == 1 {
            for (p, tile) in tile.chunks_exact_mut(height).enumerate() {
                tile.copy_from_slice(&from[p * column_stride..][..height]);
            }
        } else {
            for r in 0..height {
                let from = from[r * row_stride..].iter().step_by(column_stride);
                tile[r..].iter_mut().step_by(height).zip(from).for_each(|(to, from)| *to = *from);
            }
        }
        i += height;
    }
}

/// All rows of a block of A times one panel, which holds the columns `columns` of B.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn pass_rows<L: Lanes, const ROWS: usize, const V: usize>(
    a: Block<'_>,
    depth: usize,
    panel: Panel<'_>,
    c: &mut ViewMut<'_>,
    columns: &Range<usize>,
    mut next: NextPanel<'_>,
) {
    let rows = c.rows();
    next.share_out_among(rows.div_ceil(ROWS));
    let mut i = 0;
    while i < rows {
        let height = tile_rows::<ROWS>(rows - i);
        macro_rules! tile {
            ($rows:expr) => {{
                let (from, strides) = a.tile::<{ $rows }>(i, depth);
                one_tile::<L, { $rows }, V>(from, strides, depth, panel, c, i, columns)
            }};
        }
        // SAFETY: the caller promises the instructions. A tile of fewer rows does the same for each of its rows.
        unsafe {
            match height {
                1 => tile!(1),
                2 => tile!(2),
                _ => tile!(ROWS),
            }
        }
        i += height;
        next.prefetch_some();
    }
}

/// The rows of the next panel. In a wide B they are far apart, where no hardware prefetcher predicts the accesses, so a
/// few of them are prefetched with every tile.
struct NextPanel<'a> {
    values: &'a [f32],
    stride: usize,
    width: usize,
    /// How many rows are prefetched per tile.
    share: usize,
}

impl<'a> NextPanel<'a> {
    /// The panel after `columns`, if B is too large for the caches.
    #[inline(always)]
    fn after(b: View<'a>, depths: &Range<usize>, columns: &Range<usize>) -> Self {
        let (stride, width) = (b.row_stride(), columns.len().min(b.columns() - columns.end));
        let far = b.column_stride() == 1 && b.rows() * b.columns() >= FAR && width > 0;
        let range = depths.start * stride + columns.end..(depths.end - 1) * stride + columns.end + width;
        NextPanel { values: if far { &b.values()[range] } else { &[] }, stride, width, share: 0 }
    }

    #[inline(always)]
    fn share_out_among(&mut self, tiles: usize) {
        self.share = self.values.len().div_ceil(self.stride).div_ceil(tiles.max(1));
    }

    #[inline(always)]
    fn prefetch_some(&mut self) {
        let (now, later) = self.values.split_at(self.values.len().min(self.share * self.stride));
        now.chunks(self.stride).for_each(|row| prefetch_for_later(&row[..self.width]));
        self.values = later;
    }
}

/// A block of A times the columns `columns` of B, one panel `V` registers wide. `buffer` holds the copy of the panel.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn one_panel<L: Lanes, const ROWS: usize, const V: usize>(
    a: Block<'_>,
    b: View<'_>,
    c: &mut ViewMut<'_>,
    depths: &Range<usize>,
    columns: Range<usize>,
    buffer: &mut [f32],
) {
    let width = V * L::LANES;
    let few = c.rows() < ROWS_WORTH_A_COPY;
    let panel = if few && b.column_stride() == 1 && columns.len() == width {
        Panel { values: &b.values()[depths.start * b.row_stride() + columns.start..], stride: b.row_stride() }
    } else {
        // SAFETY: the caller promises the instructions.
        unsafe { copy_panel::<L>(b, depths, &columns, width, buffer) };
        Panel { values: buffer, stride: width }
    };
    // SAFETY: the caller promises the instructions.
    unsafe {
        let next = NextPanel::after(b, depths, &columns);
        pass_rows::<L, ROWS, V>(a, depths.len(), panel, c, &columns, next);
    }
}

/// Copies a slice of B into the buffer, `width` numbers per row, padded with zeros where B has no more columns.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn copy_panel<L: Lanes>(
    b: View<'_>,
    depths: &Range<usize>,
    columns: &Range<usize>,
    width: usize,
    buffer: &mut [f32],
) {
    let filled = columns.len();
    if b.column_stride() == 1 {
        for (p, row) in depths.clone().zip(buffer.chunks_exact_mut(width)) {
            row[..filled].copy_from_slice(&b.values()[p * b.row_stride() + columns.start..][..filled]);
            row[filled..].fill(0.0);
        }
    } else {
        // SAFETY: the caller promises the instructions.
        unsafe { transpose::<L>(b, depths, columns, width, buffer) };
        buffer.chunks_exact_mut(width).take(depths.len()).for_each(|row| row[filled..].fill(0.0));
    }
}

/// The whole product, with tiles of `ROWS` rows and two registers.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn product<L: Lanes, const ROWS: usize>(
    a: View<'_>,
    b: View<'_>,
    start: Start<'_>,
    mut c: ViewMut<'_>,
) {
    const { assert!(ROWS <= MOST_ROWS && 2 * L::LANES <= MOST_WIDTH) };
    let n = b.columns();
    if n == 0 {
        return;
    }
    match start {
        Start::Zero => (0..c.rows()).for_each(|i| c.row(i).fill(0.0)),
        Start::Bias(bias) => (0..c.rows()).for_each(|i| c.row(i).copy_from_slice(bias)),
        Start::Keep => {}
    }
    // SAFETY: the caller promises the instructions.
    unsafe {
        if n >= COLUMNS_WORTH_A_COPY && a.rows() >= ROWS {
            let mut block = Aligned([0.0; DEPTH * MOST_ROWS_COPIED]);
            pass_blocks::<L, ROWS>(a, b, c, Some(&mut block.0));
        } else {
            pass_blocks::<L, ROWS>(a, b, c, None);
        }
    }
}

/// Multiplies all panels of B, depth by depth and, if A is copied, block by block. Adds to the contents of C.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn pass_blocks<L: Lanes, const ROWS: usize>(
    a: View<'_>,
    b: View<'_>,
    mut c: ViewMut<'_>,
    mut block: Option<&mut [f32]>,
) {
    let (k, n) = (b.rows(), b.columns());
    let mut buffer = Aligned([0.0; DEPTH * MOST_WIDTH]);
    let together = if block.is_some() { MOST_ROWS_COPIED } else { a.rows().max(1) };
    for start in (0..k).step_by(DEPTH) {
        let depths = start..k.min(start + DEPTH);
        for first in (0..c.rows()).step_by(together) {
            let rows = first..c.rows().min(first + together);
            let c = &mut c.row_range(rows.clone());
            let a = match &mut block {
                Some(block) => {
                    copy_rows::<ROWS>(a, rows, &depths, block);
                    Block::Copied(block)
                }
                None => Block::InPlace(a, depths.start),
            };
            let mut j = 0;
            while j < n {
                let wide = n - j > L::LANES;
                let columns = j..n.min(j + if wide { 2 * L::LANES } else { L::LANES });
                j = columns.end;
                // SAFETY: the caller promises the instructions.
                unsafe {
                    if wide {
                        one_panel::<L, ROWS, 2>(a, b, c, &depths, columns, &mut buffer.0);
                    } else {
                        one_panel::<L, ROWS, 1>(a, b, c, &depths, columns, &mut buffer.0);
                    }
                }
            }
        }
    }
}
