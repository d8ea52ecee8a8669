//! The logistic function, `σ(z) = 1 / (1 + exp(−z))`, with values between 0 and 1: the activation of early networks.

/// `y = σ(z)`.
///
/// # Shapes
/// `z` and `y` have the same length.
pub(super) fn forward(z: &[f32], y: &mut [f32]) {
    for (y, &z) in y.iter_mut().zip(z) {
        *y = of(z);
    }
}

/// From `y = σ(z)`: `dz = dy · y · (1 − y)`. In place: `upstream` holds dy and becomes dz.
///
/// # Shapes
/// `z` and `upstream` have the same length.
pub(super) fn backward(z: &[f32], upstream: &mut [f32]) {
    for (upstream, &z) in upstream.iter_mut().zip(z) {
        let y = of(z);
        *upstream *= y * (1.0 - y);
    }
}

fn of(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}
