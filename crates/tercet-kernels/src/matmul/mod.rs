//! Matrix products: `C = start + A · B`, with either factor read as its transpose.
//!
//! All three products that a dense layer needs are this one:
//!
//! | pass | product | shapes |
//! |---|---|---|
//! | forward | `Z = b + X · W` | (B, D) · (D, H) → (B, H) |
//! | weight gradient | `dW = Xᵀ · dZ` | (D, B) · (B, H) → (D, H) |
//! | input gradient | `dX = dZ · Wᵀ` | (B, H) · (H, D) → (B, D) |

pub mod naive;
mod view;

pub use view::{Start, View};

use crate::Isa;

/// `C = start + A · B`.
///
/// # Shapes
/// A is (M, K), B is (K, N), `c` is (M, N), row-major.
///
/// # Panics
/// Where the shapes do not fit.
pub fn product(_isa: Isa, a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    naive::product(a, b, start, c);
}
