//! Matrix products on all threads.

use std::ops::Range;

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::descent::{self, Step};
use tercet_kernels::matmul::{self, Start, View, ViewMut};
use tercet_kernels::sparse::{self, Rows};

/// Below this many multiply-adds, handing half of them to another thread takes longer than doing them.
const WORTH_A_THREAD: usize = 1 << 20;

/// Where the columns of C are shared out, each share but the last has a multiple of so many: those of one panel of B, as the
/// kernels cut it.
const COLUMNS_TOGETHER: usize = 128;

/// How many rows of weights take their step together, at least.
pub(crate) const ROWS_TOGETHER: usize = 64;

/// `C = start + A · B`, C shared out among the threads of the current pool: its columns where B is the larger factor, its
/// rows elsewhere, so that no two threads read the same part of that one. How it is shared out changes no bit of C: the
/// kernel promises that.
///
/// # Shapes
/// A is (M, K), B is (K, N), `c` is (M, N).
pub(crate) fn product(a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    let (isa, n) = (Isa::active(), b.columns());
    let pieces = rayon::current_num_threads().min(a.rows() * a.columns() * n / WORTH_A_THREAD).max(1);
    if pieces == 1 {
        return matmul::product(isa, a, b, start, c);
    }
    if a.rows() < n && n >= pieces * COLUMNS_TOGETHER {
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

/// `C = start + A · B` for an A that knows its zeros, C shared out as [`product`] does it.
///
/// # Shapes
/// A is (M, K), B is (K, N), `c` is (M, N).
pub(crate) fn sparse_product(a: &Rows, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    let (isa, n) = (Isa::active(), b.columns());
    let pieces = rayon::current_num_threads().min(a.non_zeros() * n / WORTH_A_THREAD).max(1);
    if pieces == 1 {
        return sparse::product(isa, a, 0..a.rows(), b, start, c);
    }
    if a.rows() < n && n >= pieces * COLUMNS_TOGETHER {
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

/// Hands the columns of C to `work` in so many pieces, side by side. The first of them is column number `first`.
fn by_columns(
    pieces: usize,
    first: usize,
    c: ViewMut<'_>,
    work: &(impl Fn(Range<usize>, ViewMut<'_>) + Sync),
) {
    if pieces <= 1 {
        return work(first..first + c.columns(), c);
    }
    let (some, panels) = (pieces / 2, c.columns().div_ceil(COLUMNS_TOGETHER));
    let at = panels * some / pieces * COLUMNS_TOGETHER;
    let (left, right) = c.split_columns(at);
    rayon::join(
        || by_columns(some, first, left, work),
        || by_columns(pieces - some, first + at, right, work),
    );
}

/// One step of gradient descent on the weights of a layer; returns Σ W² of the weights before it. The pieces are cut,
/// and their sums added, in a way that depends on the number of weights alone.
///
/// # Shapes
/// `w` and `dw` have the same length, and with momentum `velocity` too.
pub(crate) fn descend(step: Step, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64 {
    const MOST_PIECES: usize = 32;
    const SMALLEST_PIECE: usize = 1 << 16;
    let isa = Isa::active();
    if w.len() <= SMALLEST_PIECE {
        return descent::step(isa, step, w, dw, velocity);
    }
    let piece = w.len().div_ceil(MOST_PIECES).max(SMALLEST_PIECE);
    let mut sums = [0.0; MOST_PIECES];
    let pieces = w.par_chunks_mut(piece).zip(dw.par_chunks(piece)).zip(&mut sums[..]);
    if step.momentum == 0.0 {
        pieces.for_each(|((w, dw), sum)| *sum = descent::step(isa, step, w, dw, &mut []));
    } else {
        let pieces = pieces.zip(velocity.par_chunks_mut(piece));
        pieces.for_each(|(((w, dw), sum), v)| *sum = descent::step(isa, step, w, dw, v));
    }
    sums.iter().sum()
}

/// One step of gradient descent on the weights of a layer, `step` taking that of some of its rows: the first of them, their
/// weights, and with momentum their velocities. Returns the sum of what it returns, Σ W². The pieces are cut, and their sums
/// added, in a way that depends on the shape alone.
///
/// # Shapes
/// `w` is (D, H), and with momentum `velocity` too.
pub(crate) fn descend_by_rows(
    outputs: usize,
    w: &mut [f32],
    velocity: &mut [f32],
    step: impl Fn(usize, &mut [f32], &mut [f32]) -> f64 + Sync,
) -> f64 {
    const MOST_PIECES: usize = 64;
    let rows = (w.len() / outputs).div_ceil(MOST_PIECES).next_multiple_of(ROWS_TOGETHER);
    let (piece, mut sums) = (rows * outputs, [0.0; MOST_PIECES]);
    let pieces = w.par_chunks_mut(piece).zip(&mut sums[..]).enumerate();
    if velocity.is_empty() {
        pieces.for_each(|(i, (w, sum))| *sum = step(i * rows, w, &mut []));
    } else {
        let pieces = pieces.zip(velocity.par_chunks_mut(piece));
        pieces.for_each(|((i, (w, sum)), v)| *sum = step(i * rows, w, v));
    }
    sums.iter().sum()
}

/// Adds the numbers of `other` to those of `sum`.
pub(crate) fn add(sum: &mut [f32], other: &[f32]) {
    const PIECE: usize = 1 << 16;
    let isa = Isa::active();
    if sum.len() <= PIECE {
        return descent::add(isa, sum, other);
    }
    sum.par_chunks_mut(PIECE)
        .zip(other.par_chunks(PIECE))
        .for_each(|(sum, other)| descent::add(isa, sum, other));
}

/// Moves each number of `average` that part of the way to its number of `other`: `average += share · (other − average)`.
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
