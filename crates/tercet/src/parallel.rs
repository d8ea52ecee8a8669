//! Matrix products on all threads.

use rayon::prelude::*;
use tercet_kernels::Isa;
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
    /// So many rows of `to` are written at a time: each line of `from` that is read holds as many numbers.
    const TOGETHER: usize = 16;
    let m = from.len() / n;
    let one_strip = |(strip, to): (usize, &mut [f32])| {
        let first = strip * TOGETHER;
        for (i, from) in from.chunks_exact(n).enumerate() {
            for (to, &value) in to.chunks_exact_mut(m).zip(&from[first..]) {
                to[i] = value;
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
