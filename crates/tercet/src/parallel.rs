//! Matrix products on all threads.

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::descent::{self, Step};
use tercet_kernels::matmul::{self, Start, View};
use tercet_kernels::sparse::{self, Rows};

/// Below this many multiply-adds, handing half of them to another thread takes longer than doing them.
const WORTH_A_THREAD: usize = 1 << 20;

/// `C = start + A · B`, the rows of C shared out among the threads of the current pool. How they are shared out
/// changes no bit of C: the kernel promises that.
///
/// # Shapes
/// A is (M, K), B is (K, N), `c` is (M, N).
pub(crate) fn product(a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    let (isa, n) = (Isa::active(), b.columns());
    let pieces = rayon::current_num_threads().min(a.rows() * a.columns() * n / WORTH_A_THREAD).max(1);
    if pieces == 1 {
        return matmul::product(isa, a, b, start, c);
    }
    let rows = a.rows().div_ceil(pieces);
    c.par_chunks_mut(rows * n).enumerate().for_each(|(i, c)| {
        let from = i * rows;
        matmul::product(isa, a.row_range(from..from + c.len() / n), b, start, c);
    });
}

/// `C = start + A · B` for an A that knows its zeros, the rows of C shared out among the threads of the current pool.
/// How they are shared out changes no bit of C: the kernel promises that.
///
/// # Shapes
/// A is (M, K), B is (K, N), `c` is (M, N).
pub(crate) fn sparse_product(a: &Rows, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    let (isa, n) = (Isa::active(), b.columns());
    let pieces = rayon::current_num_threads().min(a.non_zeros() * n / WORTH_A_THREAD).max(1);
    if pieces == 1 {
        return sparse::product(isa, a, 0..a.rows(), b, start, c);
    }
    let rows = a.rows().div_ceil(pieces);
    c.par_chunks_mut(rows * n).enumerate().for_each(|(i, c)| {
        let from = i * rows;
        sparse::product(isa, a, from..from + c.len() / n, b, start, c);
    });
}

/// `to` becomes the transpose of `from`.
///
/// # Shapes
/// `from` is (M, N), `to` is (N, M).
pub(crate) fn transpose(from: &[f32], n: usize, to: &mut [f32]) {
    /// Squares of so many rows and columns are turned at a time, in a buffer: each line of the cache that is read or
    /// written is used whole, however far the rows lie apart.
    const TOGETHER: usize = 16;
    let m = from.len() / n;
    let one_strip = |(strip, to): (usize, &mut [f32])| {
        let (first, height) = (strip * TOGETHER, to.len() / m);
        let mut square = [[0.0; TOGETHER]; TOGETHER];
        for (block, from) in from.chunks(TOGETHER * n).enumerate() {
            let width = from.len() / n;
            for (i, from) in from.chunks_exact(n).enumerate() {
                for (square, &value) in square.iter_mut().zip(&from[first..first + height]) {
                    square[i] = value;
                }
            }
            for (to, square) in to.chunks_exact_mut(m).zip(&square) {
                to[block * TOGETHER..][..width].copy_from_slice(&square[..width]);
            }
        }
    };
    let strips = TOGETHER * m;
    if from.len() < WORTH_A_THREAD / 4 {
        to.chunks_mut(strips).enumerate().for_each(one_strip);
    } else {
        to.par_chunks_mut(strips).enumerate().for_each(one_strip);
    }
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
