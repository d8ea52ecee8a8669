//! Parallel matrix products and optimizer steps.

use std::ops::Range;

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::matmul::{self, Start, View, ViewMut};
use tercet_kernels::optimizer;
use tercet_kernels::sparse::{self, CsrMatrix};

use crate::optimizer::FusedStep;

/// Below this many multiply-adds, splitting the work between two threads takes longer than doing it in one.
const WORTH_A_THREAD: usize = 1 << 20;

/// If the columns of C are divided, each part except the last is a multiple of this many columns: one panel of B in the
/// kernels.
const PANEL: usize = 128;

/// The length of equal pieces into which `count` numbers are divided: halves if one thread would need more than about
/// five microseconds for them, and more pieces for much larger counts.
fn piece(count: usize) -> usize {
    const WORTH_HALVES: usize = 1 << 15;
    const WORTH_MORE: usize = 1 << 16;
    let pieces = count.div_ceil(WORTH_MORE).max(if count < WORTH_HALVES { 1 } else { 2 });
    count.div_ceil(pieces.min(MOST_PIECES)).max(1)
}

/// The minimum number of rows of weights that are updated together.
pub(crate) const ROWS_TOGETHER: usize = 64;

/// `C = start + A · B`, with C divided among the threads of the current pool: by columns if B is the larger factor,
/// otherwise by rows, so that no two threads read the same part of the larger factor. The division does not change a
/// bit of C: the kernel guarantees that.
///
/// # Shapes
/// A is (M, K), B is (K, N), `c` is (M, N).
pub(crate) fn product(a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    let (isa, n) = (Isa::active(), b.columns());
    let pieces = rayon::current_num_threads().min(a.rows() * a.columns() * n / WORTH_A_THREAD).max(1);
    if pieces == 1 {
        return matmul::product(isa, a, b, start, c);
    }
    if a.rows() < n && n >= pieces * PANEL {
        let c = ViewMut::new(c, a.rows(), n);
        return by_columns(pieces, 0, c, &|columns, c| {
            matmul::product_into(isa, a, b.column_range(columns.clone()), start.columns(columns), c);
        });
    }
    let rows = a.rows().div_ceil(pieces);
    c.par_chunks_mut(rows * n).enumerate().for_each(|(i, c)| {
        let from = i * rows;
        matmul::product(isa, a.row_range(from..from + c.len() / n), b, start, c);
    });
}

/// `C = start + A · B` for a sparse A, with C divided as in [`product`].
///
/// # Shapes
/// A is (M, K), B is (K, N), `c` is (M, N).
pub(crate) fn sparse_product(a: &CsrMatrix, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    let (isa, n) = (Isa::active(), b.columns());
    let pieces = rayon::current_num_threads().min(a.non_zeros() * n / WORTH_A_THREAD).max(1);
    if pieces == 1 {
        return sparse::product(isa, a, 0..a.rows(), b, start, c);
    }
    if a.rows() < n && n >= pieces * PANEL {
        let c = ViewMut::new(c, a.rows(), n);
        return by_columns(pieces, 0, c, &|columns, c| {
            let (b, start) = (b.column_range(columns.clone()), start.columns(columns));
            sparse::product_into(isa, a, 0..a.rows(), b, start, c);
        });
    }
    let rows = a.rows().div_ceil(pieces);
    c.par_chunks_mut(rows * n).enumerate().for_each(|(i, c)| {
        let from = i * rows;
        sparse::product(isa, a, from..from + c.len() / n, b, start, c);
    });
}

/// Calls `work` in parallel for the columns of C in `pieces` pieces. The first of them is column `first`.
fn by_columns(
    pieces: usize,
    first: usize,
    c: ViewMut<'_>,
    work: &(impl Fn(Range<usize>, ViewMut<'_>) + Sync),
) {
    if pieces <= 1 {
        return work(first..first + c.columns(), c);
    }
    let (some, panels) = (pieces / 2, c.columns().div_ceil(PANEL));
    let at = panels * some / pieces * PANEL;
    let (left, right) = c.split_columns(at);
    rayon::join(
        || by_columns(some, first, left, work),
        || by_columns(pieces - some, first + at, right, work),
    );
}

/// One optimizer step for the weights of a layer; returns Σ W² of the weights before it. The division into pieces and
/// the order of summation depend only on the number of weights.
///
/// # Shapes
/// All arrays have the same length, except that the arrays of unused moments are empty.
pub(crate) fn optimizer_step(step: &FusedStep, w: &mut [f32], dw: &[f32], moments: [&mut [f32]; 2]) -> f64 {
    in_pieces(piece(w.len()), w, moments, |from, w, moments| step.apply(w, &dw[from..][..w.len()], moments))
}

/// One optimizer step for the weights of a layer. `step` updates some of the rows, given the first of them, their
/// weights, and their moments. Returns the sum of its results, Σ W². The division into pieces and the order of
/// summation depend only on the shape.
///
/// # Shapes
/// `w` is (D, H), and so are the optimizer's moments, if any.
pub(crate) fn optimizer_step_by_rows(
    outputs: usize,
    w: &mut [f32],
    moments: [&mut [f32]; 2],
    step: impl Fn(usize, &mut [f32], [&mut [f32]; 2]) -> f64 + Sync,
) -> f64 {
    let rows = (w.len() / outputs).div_ceil(MOST_PIECES).next_multiple_of(ROWS_TOGETHER);
    in_pieces(rows * outputs, w, moments, |from, w, moments| step(from / outputs, w, moments))
}

/// The maximum number of pieces.
const MOST_PIECES: usize = 64;

/// Runs `step` on pieces of the weights on all threads, with the index at which each piece begins. Returns the sum of
/// its results, in order.
fn in_pieces(
    piece: usize,
    w: &mut [f32],
    moments: [&mut [f32]; 2],
    step: impl Fn(usize, &mut [f32], [&mut [f32]; 2]) -> f64 + Sync,
) -> f64 {
    fn cut(array: &mut [f32], at: usize) -> (&mut [f32], &mut [f32]) {
        // Unused moments are empty.
        array.split_at_mut(at.min(array.len()))
    }
    fn walk(
        (piece, from): (usize, usize),
        w: &mut [f32],
        [first, second]: [&mut [f32]; 2],
        sums: &mut [f64],
        step: &(impl Fn(usize, &mut [f32], [&mut [f32]; 2]) -> f64 + Sync),
    ) {
        if let [sum] = sums {
            *sum = step(from, w, [first, second]);
            return;
        }
        let (some, others) = sums.split_at_mut(sums.len() / 2);
        let at = some.len() * piece;
        let ((w0, w1), (first0, first1), (second0, second1)) = (cut(w, at), cut(first, at), cut(second, at));
        rayon::join(
            || walk((piece, from), w0, [first0, second0], some, step),
            || walk((piece, from + at), w1, [first1, second1], others, step),
        );
    }
    let mut sums = [0.0; MOST_PIECES];
    let sums = &mut sums[..w.len().div_ceil(piece).max(1)];
    walk((piece, 0), w, moments, sums, &step);
    sums.iter().sum()
}

/// Adds `other` to `sum`, element-wise.
pub(crate) fn add(sum: &mut [f32], other: &[f32]) {
    let (isa, piece) = (Isa::active(), piece(sum.len()));
    if sum.len() <= piece {
        return optimizer::add(isa, sum, other);
    }
    sum.par_chunks_mut(piece)
        .zip(other.par_chunks(piece))
        .for_each(|(sum, other)| optimizer::add(isa, sum, other));
}

/// Moves each number of `average` towards that of `other` by the given fraction: `average += share · (other −
/// average)`.
pub(crate) fn approach(share: f32, average: &mut [f32], other: &[f32]) {
    const PIECE: usize = 1 << 16;
    let one_piece = |average: &mut [f32], other: &[f32]| {
        average.iter_mut().zip(other).for_each(|(average, other)| *average += share * (other - *average));
    };
    if average.len() <= PIECE {
        return one_piece(average, other);
    }
    average
        .par_chunks_mut(PIECE)
        .zip(other.par_chunks(PIECE))
        .for_each(|(average, other)| one_piece(average, other));
}
