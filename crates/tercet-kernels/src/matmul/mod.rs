//! Matrix products: `C = start + A · B`, with either factor read as its transpose.
//!
//! All three products of a dense layer have this form:
//!
//! | pass | product | shapes |
//! |---|---|---|
//! | forward | `Z = b + X · W` | (B, D) · (D, H) → (B, H) |
//! | weight gradient | `dW = Xᵀ · dZ` | (D, B) · (B, H) → (D, H) |
//! | input gradient | `dX = dZ · Wᵀ` | (B, H) · (H, D) → (B, D) |
//!
//! The fast version guarantees a property that training relies on: **an element of C has the same bits however the rows
//! and columns of C are divided into calls.** Each element is one chain of multiply-adds over p = 0, 1, …, K − 1,
//! whichever tile it belongs to, so threads may divide C in any way.

pub mod naive;
mod tile;
pub(crate) mod transpose;
mod view;

pub use view::{Start, View, ViewMut};

use crate::Isa;
use crate::dispatch::for_isa;
use crate::isa::Level;
use tile::product as tile_product;

/// `C = start + A · B`, each sum taken in order of p, with fused multiply-adds if [`is_fused`] returns true.
///
/// # Shapes
/// A is (M, K), B is (K, N), `c` is (M, N), row-major.
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::matmul::{Start, View, product};
///
/// let (x, w, b) = ([1.0, 2.0], [3.0, 4.0, 5.0, 6.0], [10.0, 20.0]);
/// let mut scores = [0.0; 2];
/// product(Isa::active(), View::new(&x, 1, 2), View::new(&w, 2, 2), Start::Bias(&b), &mut scores);
/// assert_eq!(scores, [10.0 + 3.0 + 10.0, 20.0 + 4.0 + 12.0]);
/// ```
pub fn product(isa: Isa, a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    product_into(isa, a, b, start, ViewMut::new(c, a.rows(), b.columns()));
}

/// Like [`product`], but for a range of the columns of a wider C, so that threads can also divide the columns.
///
/// # Shapes
/// A is (M, K), B is (K, N), `c` is (M, N).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::matmul::{Start, View, ViewMut, product_into};
///
/// let (x, w) = ([1.0, 2.0], [3.0, 4.0, 5.0, 6.0]);
/// let mut scores = [0.0; 2];
/// let (_, right) = ViewMut::new(&mut scores, 1, 2).split_columns(1);
/// let of_right = View::new(&w, 2, 2).column_range(1..2);
/// product_into(Isa::active(), View::new(&x, 1, 2), of_right, Start::Zero, right);
/// assert_eq!(scores, [0.0, 4.0 + 12.0]);
/// ```
pub fn product_into(isa: Isa, a: View<'_>, b: View<'_>, start: Start<'_>, c: ViewMut<'_>) {
    start.check(a, b, &c);
    // Registers for the accumulators: 4 × 2 of sixteen, 6 × 2 of sixteen, 8 × 2 of thirty-two.
    for_isa!(
        isa,
        tile_product::<Lanes, 4 | 6 | 8>(a: View<'_>, b: View<'_>, start: Start<'_>, c: ViewMut<'_>)
    );
}

/// Whether products on this instruction set round once per multiply-add (fused) instead of twice.
pub fn is_fused(isa: Isa) -> bool {
    match isa.0 {
        Level::Portable => false,
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Level::Wasm => false,
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 => true,
    }
}
