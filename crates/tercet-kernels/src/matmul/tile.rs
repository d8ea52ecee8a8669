//! The fast product: tiles of C held in registers.
//!
//! A product does 2·M·K·N operations on M·K + K·N + M·N numbers, so speed is a matter of using each number that
//! is loaded many times. The plan, from the outside in:
//!
//! 1. B is cut into *panels* of two vector registers' width, the last one of one where that holds what is left.
//! 2. K is cut into *depths* of 256. A panel of that depth is copied into a buffer on the stack, in which row p
//!    of the panel is that many numbers side by side: it then streams out of the first-level cache whatever the
//!    strides of B are, and the columns that the last panel lacks are zeros there, so edges need no other code.
//!    A product of few rows would not earn the copy back, and reads B where it lies if it can.
//! 3. The rows of A go past the panel, `ROWS` at a time. Their sums stay in registers while p runs; each step
//!    loads one row of the panel and multiplies it by `ROWS` numbers of A, each spread over all lanes.
//!
//! Between two depths the sums rest in C. Storing and loading an f32 changes nothing, so each sum remains one
//! chain in the order of p, and an element's bits do not depend on the tile that it falls into.
//!
//! The body is written once, over the vector register [`Lanes`]; the functions at the end compile it for each
//! instruction set with the tile that fits its registers.

use std::ops::Range;

use super::{Start, View};
use crate::lanes::{Aligned, Lanes};

/// How many rows of a panel are copied at a time: 256 rows of 16 floats are half of a 32 KiB first-level cache.
const DEPTH: usize = 256;

/// Below this many rows of A the panel is not copied.
const ROWS_WORTH_A_COPY: usize = 4;

/// The largest tile of any instruction set.
const MOST_ROWS: usize = 8;
const MOST_WIDTH: usize = 32;

/// A stretch of B as the innermost loop reads it: row p begins at `values[p * stride]`.
#[derive(Clone, Copy)]
struct Panel<'a> {
    values: &'a [f32],
    stride: usize,
}

/// Carries the sums of `R` rows and `V` registers of columns over the depth of a panel:
/// `c(r, j) += Σ_p a(r, p) · panel(p, j)`.
///
/// `a` holds element (r, p) at `r * row_stride + p * column_stride`, `c` holds element (r, j) at `r * n + j`.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn accumulate<L: Lanes, const R: usize, const V: usize>(
    a: &[f32],
    (row_stride, column_stride): (usize, usize),
    depth: usize,
    panel: Panel<'_>,
    c: &mut [f32],
    n: usize,
) {
    assert!(depth > 0 && (R - 1) * row_stride + (depth - 1) * column_stride < a.len());
    assert!((depth - 1) * panel.stride + V * L::LANES <= panel.values.len());
    assert!((R - 1) * n + V * L::LANES <= c.len());
    let (a, b, c) = (a.as_ptr(), panel.values.as_ptr(), c.as_mut_ptr());
    // SAFETY: the caller promises the instructions; r < R, p < depth and v < V, so the three assertions above
    // bound every element that is read or written.
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

/// `R` rows of A past one panel. Columns of C that the panel has only as padding are computed beside C.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn one_tile<L: Lanes, const R: usize, const V: usize>(
    a: &[f32],
    strides: (usize, usize),
    depth: usize,
    panel: Panel<'_>,
    c: &mut [f32],
    n: usize,
    columns: &Range<usize>,
) {
    let width = columns.len();
    if width == V * L::LANES {
        // SAFETY: the caller promises the instructions.
        return unsafe { accumulate::<L, R, V>(a, strides, depth, panel, &mut c[columns.start..], n) };
    }
    let mut edge = [0.0; MOST_ROWS * MOST_WIDTH];
    for (edge, c) in edge.chunks_exact_mut(MOST_WIDTH).zip(c.chunks(n)).take(R) {
        edge[..width].copy_from_slice(&c[columns.clone()]);
    }
    // SAFETY: the caller promises the instructions.
    unsafe { accumulate::<L, R, V>(a, strides, depth, panel, &mut edge, MOST_WIDTH) };
    for (edge, c) in edge.chunks_exact(MOST_WIDTH).zip(c.chunks_mut(n)).take(R) {
        c[columns.clone()].copy_from_slice(&edge[..width]);
    }
}

/// All rows of A past one panel, which holds the columns `columns` of B.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn pass_rows<L: Lanes, const ROWS: usize, const V: usize>(
    a: View<'_>,
    depths: Range<usize>,
    panel: Panel<'_>,
    c: &mut [f32],
    n: usize,
    columns: &Range<usize>,
) {
    let strides = (a.row_stride(), a.column_stride());
    let depth = depths.len();
    let mut i = 0;
    while i < a.rows() {
        let from = &a.values()[i * strides.0 + depths.start * strides.1..];
        let c = &mut c[i * n..];
        // SAFETY: the caller promises the instructions. A tile of fewer rows does the same for each of them.
        unsafe {
            match a.rows() - i {
                left if left >= ROWS => {
                    one_tile::<L, ROWS, V>(from, strides, depth, panel, c, n, columns);
                    i += ROWS;
                }
                2.. => {
                    one_tile::<L, 2, V>(from, strides, depth, panel, c, n, columns);
                    i += 2;
                }
                _ => {
                    one_tile::<L, 1, V>(from, strides, depth, panel, c, n, columns);
                    i += 1;
                }
            }
        }
    }
}

/// The columns `columns` of C, for the whole of K, in panels of `V` registers' width. `buffer` holds one of them.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn one_panel<L: Lanes, const ROWS: usize, const V: usize>(
    a: View<'_>,
    b: View<'_>,
    c: &mut [f32],
    columns: Range<usize>,
    buffer: &mut [f32],
) {
    let (k, n, width) = (b.rows(), b.columns(), V * L::LANES);
    let in_place = a.rows() < ROWS_WORTH_A_COPY && b.column_stride() == 1 && columns.len() == width;
    for start in (0..k).step_by(DEPTH) {
        let depths = start..k.min(start + DEPTH);
        let panel = if in_place {
            Panel { values: &b.values()[start * b.row_stride() + columns.start..], stride: b.row_stride() }
        } else {
            copy_panel(b, &depths, &columns, width, buffer);
            Panel { values: buffer, stride: width }
        };
        // SAFETY: the caller promises the instructions.
        unsafe { pass_rows::<L, ROWS, V>(a, depths, panel, c, n, &columns) };
    }
}

/// Copies a stretch of B into the buffer, `width` numbers a row, zeros where B has no more columns.
#[inline(always)]
fn copy_panel(b: View<'_>, depths: &Range<usize>, columns: &Range<usize>, width: usize, buffer: &mut [f32]) {
    for (p, row) in depths.clone().zip(buffer.chunks_exact_mut(width)) {
        let (filled, padding) = row.split_at_mut(columns.len());
        if b.column_stride() == 1 {
            filled.copy_from_slice(&b.values()[p * b.row_stride() + columns.start..][..columns.len()]);
        } else {
            filled.iter_mut().zip(columns.clone()).for_each(|(to, j)| *to = b.at(p, j));
        }
        padding.fill(0.0);
    }
}

/// The whole product, with tiles of `ROWS` rows and two registers.
///
/// # Safety
/// The processor has the instructions of `L`.
#[inline(always)]
unsafe fn product<L: Lanes, const ROWS: usize>(a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    const { assert!(ROWS <= MOST_ROWS && 2 * L::LANES <= MOST_WIDTH) };
    let n = b.columns();
    if n == 0 {
        return;
    }
    match start {
        Start::Zero => c.fill(0.0),
        Start::Bias(bias) => c.chunks_exact_mut(n).for_each(|row| row.copy_from_slice(bias)),
        Start::Keep => {}
    }
    let mut buffer = Aligned([0.0; DEPTH * MOST_WIDTH]);
    let mut j = 0;
    while j < n {
        let wide = n - j > L::LANES;
        let columns = j..n.min(j + if wide { 2 * L::LANES } else { L::LANES });
        j = columns.end;
        // SAFETY: the caller promises the instructions.
        unsafe {
            if wide {
                one_panel::<L, ROWS, 2>(a, b, c, columns, &mut buffer.0);
            } else {
                one_panel::<L, ROWS, 1>(a, b, c, columns, &mut buffer.0);
            }
        }
    }
}

/// Sixteen registers of four lanes: 4 × 2 of them hold sums, as WebAssembly and older processors allow.
pub(super) fn portable(a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    // SAFETY: plain arrays need no instructions beyond the target's own.
    unsafe { product::<[f32; 4], 4>(a, b, start, c) }
}

/// Sixteen registers of eight lanes: 6 × 2 of them hold sums.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
pub(super) fn avx2(a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    // SAFETY: this function is compiled for, and so called on, processors with AVX2 and FMA.
    unsafe { product::<std::arch::x86_64::__m256, 6>(a, b, start, c) }
}

/// Thirty-two registers of sixteen lanes: 8 × 2 of them hold sums.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
pub(super) fn avx512(a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    // SAFETY: this function is compiled for, and so called on, processors with AVX-512 F.
    unsafe { product::<std::arch::x86_64::__m512, 8>(a, b, start, c) }
}
