//! The rectified linear unit, `ReLU(z) = max(0, z)`: the lecture's activation function.

/// `y = max(0, z)`. NaN stays NaN, so that divergence is noticed.
///
/// # Shapes
/// `z` and `y` have the same length.
pub(super) fn forward(z: &[f32], y: &mut [f32]) {
    for (y, &z) in y.iter_mut().zip(z) {
        *y = if z <= 0.0 { 0.0 } else { z };
    }
}

/// From `y = max(0, z)`: `dz = dy` where z > 0, else 0. In place: `upstream` holds dy and becomes dz.
///
/// # Shapes
/// `z` and `upstream` have the same length.
pub(super) fn backward(z: &[f32], upstream: &mut [f32]) {
    for (upstream, &z) in upstream.iter_mut().zip(z) {
        *upstream = if z <= 0.0 { 0.0 } else { *upstream };
    }
}
