//! The hyperbolic tangent, `tanh z = (exp z − exp −z) / (exp z + exp −z)`, with values between −1 and 1; tanh 0 = 0.

/// `y = tanh z`.
///
/// # Shapes
/// `z` and `y` have the same length.
pub(super) fn forward(z: &[f32], y: &mut [f32]) {
    for (y, &z) in y.iter_mut().zip(z) {
        *y = z.tanh();
    }
}

/// From `y = tanh z`: `dz = dy · (1 − y²)`. In place: `upstream` holds dy and becomes dz.
///
/// # Shapes
/// `z` and `upstream` have the same length.
pub(super) fn backward(z: &[f32], upstream: &mut [f32]) {
    for (upstream, &z) in upstream.iter_mut().zip(z) {
        let y = z.tanh();
        *upstream *= 1.0 - y * y;
    }
}
