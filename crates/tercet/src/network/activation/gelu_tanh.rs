//! The approximation of GELU by tanh, which its paper (Hendrycks and Gimpel 2016) gives and GPT-2 uses:
//!
//! ```text
//! y = ½ · z · (1 + tanh(√(2/π) · (z + 0.044715 · z³)))
//! ```
//!
//! It is within 5 · 10⁻⁴ of the exact form, [`gelu`](super::gelu). (PyTorch: `approximate="tanh"`.)

/// √(2/π).
const ROOT: f32 = 0.797_884_6;
/// The coefficient of z³.
const CUBIC: f32 = 0.044_715;

/// The formula above.
///
/// # Shapes
/// `z` and `y` have the same length.
pub(super) fn forward(z: &[f32], y: &mut [f32]) {
    for (y, &z) in y.iter_mut().zip(z) {
        *y = 0.5 * z * (1.0 + tanh(z));
    }
}

/// With t the tanh of the formula: `dz = dy · (½ (1 + t) + ½ z (1 − t²) √(2/π) (1 + 3 · 0.044715 · z²))`. In place:
/// `upstream` holds dy and becomes dz.
///
/// # Shapes
/// `z` and `upstream` have the same length.
pub(super) fn backward(z: &[f32], upstream: &mut [f32]) {
    for (upstream, &z) in upstream.iter_mut().zip(z) {
        let t = tanh(z);
        let inner = ROOT * (1.0 + 3.0 * CUBIC * z * z);
        *upstream *= 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * inner;
    }
}

fn tanh(z: f32) -> f32 {
    (ROOT * (z + CUBIC * z * z * z)).tanh()
}
