//! Matrix products whose left factor has many zeros: only its non-zeros are multiplied.
//!
//! Four fifths of the pixels of a handwritten digit are zero, half of the units after a ReLU are, and so is most of the
//! gradient of the SVM loss once a model has learned something. A term 0 · b adds nothing, so it is skipped:
//!
//! | pass | product | what is sparse |
//! |---|---|---|
//! | forward | `Z = b + X · W` | the pixels, or the output of a ReLU |
//! | weight gradient | `dW = Xᵀ · dZ` | the same, transposed |
//! | input gradient | `dX = dZ · Wᵀ` | the gradient of a ReLU's input |
//!
//! The left factor is stored as a [`CsrMatrix`]: for each row the columns of its non-zeros and their values. Each
//! element of C remains the chain of multiply-adds over p = 0, 1, …, K − 1 that [`matmul`](crate::matmul) guarantees,
//! without its zero terms, which change no bit of a sum of finite numbers. So the two kinds of product give equal
//! results on one instruction set (only a sum of zeros may have the other sign), and the choice between them affects
//! only the speed. If B contains NaN or infinity, skipped terms cannot propagate it.

mod compress;
mod csr;
mod panel;
mod scatter;

pub(crate) use compress::floats;
pub use csr::CsrMatrix;
pub use scatter::Accumulators;

use std::ops::Range;

use panel::product as panel_product;
use scatter::{product as scatter_product, sgd as scatter_sgd};

use crate::Isa;
use crate::dispatch::for_isa;
use crate::isa::Level;
use crate::matmul::{Start, View, ViewMut};
use crate::optimizer::Sgd;

/// The products computed directly from their formulas, as products of dense matrices.
pub mod naive {
    use super::CsrMatrix;
    use crate::matmul::{self, Start, View};

    /// `C = start + A · B` for some rows of A, computed with a dense A.
    ///
    /// # Panics
    /// If the shapes do not match.
    pub fn product(
        a: &CsrMatrix,
        rows: std::ops::Range<usize>,
        b: View<'_>,
        start: Start<'_>,
        c: &mut [f32],
    ) {
        let dense = a.to_dense();
        let a = View::new(&dense, a.rows(), a.columns()).row_range(rows);
        matmul::naive::product(a, b, start, c);
    }

    /// `C = Aᵀ · B`, computed with a dense A.
    ///
    /// # Panics
    /// If the shapes do not match.
    pub fn transposed_product(a: &CsrMatrix, b: &[f32], c: &mut [f32]) {
        if a.rows() == 0 {
            return c.fill(0.0);
        }
        let dense = a.to_dense();
        let n = b.len() / a.rows();
        let (a, b) = (View::new(&dense, a.rows(), a.columns()), View::new(b, a.rows(), n));
        matmul::naive::product(a.t(), b, Start::Zero, c);
    }
}

/// `C = start + A · B` for some rows of A, each sum in order of p.
///
/// # Shapes
/// A is (M, K) of which `rows` are computed, B is (K, N), `c` is (`rows.len()`, N).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::matmul::{Start, View};
/// use tercet_kernels::sparse::{CsrMatrix, product};
///
/// let mut a = CsrMatrix::new();
/// a.clear(3);
/// a.push(Isa::active(), &[0.0, 2.0, 0.0]);
/// let (b, mut c) = ([1.0, 1.0, 3.0, 4.0, 1.0, 1.0], [0.0; 2]);
/// product(Isa::active(), &a, 0..1, View::new(&b, 3, 2), Start::Bias(&[10.0, 20.0]), &mut c);
/// assert_eq!((a.non_zeros(), c), (1, [16.0, 28.0]));
/// ```
pub fn product(isa: Isa, a: &CsrMatrix, rows: Range<usize>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    let c = ViewMut::new(c, rows.len(), b.columns());
    product_into(isa, a, rows, b, start, c);
}

/// Like [`product`], but for a range of the columns of a wider C, so that threads can also divide the columns.
///
/// # Shapes
/// A is (M, K) of which `rows` are computed, B is (K, N), `c` is (`rows.len()`, N).
///
/// # Panics
/// If the shapes do not match.
pub fn product_into(
    isa: Isa,
    a: &CsrMatrix,
    rows: Range<usize>,
    b: View<'_>,
    start: Start<'_>,
    c: ViewMut<'_>,
) {
    check(a, &rows, b, start);
    assert_eq!((c.rows(), c.columns()), (rows.len(), b.columns()), "the shape of C");
    into(isa, a, rows, b, start, c, None);
}

/// The [step](crate::optimizer::sgd) of gradient descent for some rows of a weight matrix, with `dW = start + A · B`
/// for these rows, which is never materialised: the same weights and velocities to the bit.
///
/// # Shapes
/// A is (M, K) of which `rows` are computed, B is (K, N), `w` is (`rows.len()`, N), and with momentum so is `velocity`.
/// `sums` holds the initial sums if `start` is [`Start::Keep`], and is scratch memory for the sums. It is
/// (`rows.len()`, N) in that case and if K is above [`MAX_COLUMNS_IN_REGISTERS`], and may be empty otherwise.
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::optimizer::Sgd;
/// use tercet_kernels::matmul::{Start, View, ViewMut};
/// use tercet_kernels::sparse::{CsrMatrix, product_sgd};
///
/// let mut a = CsrMatrix::new();
/// a.clear(1);
/// [[0.0], [2.0]].iter().for_each(|row| a.push(Isa::active(), row));
/// let half = Sgd { learning_rate: 0.5, momentum: 0.0, reg: 0.0 };
/// let (b, mut w) = ([3.0, 4.0], [1.0, 1.0, 2.0, 2.0]);
/// let (sums, weights) = (ViewMut::new(&mut [], 0, 0), (ViewMut::new(&mut w, 2, 2), None));
/// product_sgd(Isa::active(), &a, 0..2, View::new(&b, 1, 2), Start::Zero, sums, half, weights);
/// assert_eq!(w, [1.0, 1.0, -1.0, -2.0]);
/// ```
#[expect(clippy::too_many_arguments, reason = "a product, and a step")]
pub fn product_sgd(
    isa: Isa,
    a: &CsrMatrix,
    rows: Range<usize>,
    b: View<'_>,
    start: Start<'_>,
    sums: ViewMut<'_>,
    step: Sgd,
    (w, velocity): (ViewMut<'_>, Option<ViewMut<'_>>),
) {
    check(a, &rows, b, start);
    let shape = (rows.len(), b.columns());
    assert_eq!((w.rows(), w.columns()), shape, "the shape of the weights");
    assert_eq!(velocity.is_some(), step.momentum != 0.0, "velocities where there is momentum");
    if let Some(velocity) = &velocity {
        assert_eq!((velocity.rows(), velocity.columns()), shape, "the shape of the velocities");
    }
    if matches!(start, Start::Keep) || a.columns() > MAX_COLUMNS_IN_REGISTERS {
        assert_eq!((sums.rows(), sums.columns()), shape, "the shape of the sums");
    }
    into(isa, a, rows, b, start, sums, Some(panel::Weights { step, w, velocity }));
}

/// The largest K for which [`product_sgd`] keeps all sums in registers, and needs no memory for them.
pub const MAX_COLUMNS_IN_REGISTERS: usize = csr::BLOCK;

/// Panics if the shapes of a product do not match.
fn check(a: &CsrMatrix, rows: &Range<usize>, b: View<'_>, start: Start<'_>) {
    assert!(rows.start <= rows.end && rows.end <= a.rows(), "rows {rows:?} of {}", a.rows());
    assert_eq!(
        a.columns(),
        b.rows(),
        "matrix A has dimensions {:?}, matrix B has dimensions {:?}: the inner dimensions must match",
        (a.rows(), a.columns()),
        (b.rows(), b.columns())
    );
    if let Start::Bias(bias) = start {
        assert_eq!(bias.len(), b.columns(), "one bias for each column of C");
    }
}

/// The product for matching shapes, either written to C or used to update weights.
fn into(
    isa: Isa,
    a: &CsrMatrix,
    rows: Range<usize>,
    b: View<'_>,
    start: Start<'_>,
    c: ViewMut<'_>,
    weights: Option<panel::Weights<'_>>,
) {
    for_isa!(
        isa,
        panel_product::<Lanes>(
            a: &CsrMatrix,
            rows: Range<usize>,
            b: View<'_>,
            start: Start<'_>,
            c: ViewMut<'_>,
            weights: Option<panel::Weights<'_>>,
        )
    );
}

/// The largest number of columns that [`transposed_product`] supports: as many as fit in a few registers.
pub fn scatter_width(isa: Isa) -> usize {
    scatter::MOST_REGISTERS
        * match isa.0 {
            Level::Portable => 4,
            // The plain loops, compiled for the features of the whole build.
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Wasm => 4,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => 8,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => 16,
        }
}

/// `C = Aᵀ · B` for a B of few columns: row i of B, times each non-zero of row i of A, is added to the row of C given
/// by the column of the non-zero. This avoids transposing A, at the cost of a load and a store of a sum per non-zero.
///
/// # Shapes
/// A is (M, K), `b` is (M, N), `c` is (K, N).
///
/// # Panics
/// If the shapes do not match, or N is above [`scatter_width`].
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::sparse::{CsrMatrix, Accumulators, transposed_product};
///
/// let mut a = CsrMatrix::new();
/// a.clear(2);
/// a.push(Isa::active(), &[0.0, 2.0]);
/// let mut c = [1.0; 4];
/// transposed_product(Isa::active(), &a, &[3.0, 4.0], &mut c, &mut Accumulators::default());
/// assert_eq!(c, [0.0, 0.0, 6.0, 8.0]);
/// ```
pub fn transposed_product(isa: Isa, a: &CsrMatrix, b: &[f32], c: &mut [f32], sums: &mut Accumulators) {
    let Some(n) = columns_of(isa, a, b, c) else { return c.fill(0.0) };
    for_isa!(
        isa,
        scatter_product::<Lanes>(a: &CsrMatrix, b: &[f32], n: usize, c: &mut [f32], sums: &mut Accumulators)
    );
}

/// The [step](crate::optimizer::sgd) of gradient descent with `dW = Aᵀ · B`, a [transposed
/// product](transposed_product), without materialising dW: the same weights and velocities to the bit. Returns Σ W² of
/// the weights before the step, summed in an order that depends only on the shapes and the instruction set, or 0 if
/// `reg` is 0.
///
/// # Shapes
/// A is (M, K), `b` is (M, N), `w` is (K, N), and with momentum so is `velocity`.
///
/// # Panics
/// If the shapes do not match, A has no rows, or N is above [`scatter_width`].
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::optimizer::Sgd;
/// use tercet_kernels::sparse::{CsrMatrix, Accumulators, transposed_product_sgd};
///
/// let mut a = CsrMatrix::new();
/// a.clear(2);
/// a.push(Isa::active(), &[0.0, 2.0]);
/// let half = Sgd { learning_rate: 0.5, momentum: 0.0, reg: 0.25 };
/// let mut w = [1.0, 1.0, 2.0, 2.0];
/// let squares = transposed_product_sgd(Isa::active(), &a, &[3.0, 4.0], half, &mut w, &mut [], &mut Accumulators::default());
/// assert_eq!((squares, w), (10.0, [0.75, 0.75, -1.5, -2.5]));
/// ```
pub fn transposed_product_sgd(
    isa: Isa,
    a: &CsrMatrix,
    b: &[f32],
    step: Sgd,
    w: &mut [f32],
    velocity: &mut [f32],
    sums: &mut Accumulators,
) -> f64 {
    let n = columns_of(isa, a, b, w).expect("a batch of at least one example and output");
    assert!(step.momentum == 0.0 || w.len() == velocity.len(), "one velocity per weight");
    let weights = (w, velocity);
    for_isa!(
        isa,
        scatter_sgd::<Lanes>(
            a: &CsrMatrix,
            b: &[f32],
            n: usize,
            step: Sgd,
            weights: (&mut [f32], &mut [f32]),
            sums: &mut Accumulators,
        ) -> f64
    )
}

/// N, the number of columns of B and of the (K, N) result; `None` if B is empty.
fn columns_of(isa: Isa, a: &CsrMatrix, b: &[f32], result: &[f32]) -> Option<usize> {
    let n = b.len().checked_div(a.rows()).unwrap_or(0);
    assert_eq!(b.len(), a.rows() * n, "B has {} rows, as A has", a.rows());
    assert!(a.rows() == 0 || result.len() == a.columns() * n, "the result is ({}, {n})", a.columns());
    assert!(n <= scatter_width(isa), "at most {} columns, not {n}", scatter_width(isa));
    (n > 0).then_some(n)
}
