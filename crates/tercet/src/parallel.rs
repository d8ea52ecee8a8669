//! Matrix products on all threads.

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::matmul::{self, Start, View};

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
