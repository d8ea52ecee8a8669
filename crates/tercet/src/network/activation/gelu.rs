//! The Gaussian error linear unit: z times the probability that a standard normal variable is below z (Hendrycks and
//! Gimpel 2016), PyTorch's `nn.GELU()`.
//!
//! ```text
//! y = z · Φ(z)        Φ(z) = ½ · (1 + erf(z / √2)) = ½ · erfc(−z / √2)
//! ```
//!
//! The form with erfc is used, since `1 + erf` cancels for negative z.

use std::f32::consts::FRAC_1_SQRT_2;

/// 1 / √(2π), the standard normal density at 0.
const DENSITY: f32 = 0.398_942_3;

/// `y = z · Φ(z)`.
///
/// # Shapes
/// `z` and `y` have the same length.
pub(super) fn forward(z: &[f32], y: &mut [f32]) {
    for (y, &z) in y.iter_mut().zip(z) {
        *y = z * cdf(z);
    }
}

/// With φ the standard normal density: `dz = dy · (Φ(z) + z · φ(z))`. In place: `upstream` holds dy and becomes dz.
///
/// # Shapes
/// `z` and `upstream` have the same length.
pub(super) fn backward(z: &[f32], upstream: &mut [f32]) {
    for (upstream, &z) in upstream.iter_mut().zip(z) {
        *upstream *= cdf(z) + z * DENSITY * (-0.5 * z * z).exp();
    }
}

/// Φ, the standard normal distribution function.
fn cdf(z: f32) -> f32 {
    0.5 * libm::erfcf(-z * FRAC_1_SQRT_2)
}
