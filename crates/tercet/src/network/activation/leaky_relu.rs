//! The leaky rectified linear unit: z where z > 0, else `slope · z` (Maas et al. 2013). A unit whose pre-activations
//! are all negative still gets a gradient.

/// `y = z` where z > 0, else `slope · z`.
///
/// # Shapes
/// `z` and `y` have the same length.
pub(super) fn forward(slope: f32, z: &[f32], y: &mut [f32]) {
    for (y, &z) in y.iter_mut().zip(z) {
        *y = if z <= 0.0 { slope * z } else { z };
    }
}

/// From `y = z` where z > 0, else `slope · z`: `dz = dy` where z > 0, else `slope · dy`. In place: `upstream` holds dy
/// and becomes dz.
///
/// # Shapes
/// `z` and `upstream` have the same length.
pub(super) fn backward(slope: f32, z: &[f32], upstream: &mut [f32]) {
    for (upstream, &z) in upstream.iter_mut().zip(z) {
        *upstream *= if z <= 0.0 { slope } else { 1.0 };
    }
}
