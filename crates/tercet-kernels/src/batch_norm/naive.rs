//! The passes, computed directly from their formulas.

use super::Normalization;

/// [`moments`](super::moments).
pub fn moments(x: &[f32], moments: &mut [f64]) {
    let channels = moments.len() / 2;
    let count = x.len() / channels;
    for c in 0..channels {
        let values = || (0..count).map(|row| f64::from(x[row * channels + c]));
        let mean = if count == 0 { 0.0 } else { values().fold(0.0, |sum, x| sum + x) / count as f64 };
        moments[c] = mean;
        moments[channels + c] = values().fold(0.0, |sum, x| sum + (x - mean) * (x - mean));
    }
}

/// x̂ and z.
fn normalize(normal: &Normalization<'_>, x: f32, c: usize) -> (f32, f32) {
    let normalized = (x - normal.mean[c]) * normal.inverse[c];
    (normalized, normal.gamma[c] * normalized + normal.beta[c])
}

/// dz.
fn through_relu(normal: &Normalization<'_>, z: f32, dy: f32) -> f32 {
    if normal.relu && z <= 0.0 { 0.0 } else { dy }
}

/// [`forward`](super::forward).
pub fn forward(normal: &Normalization<'_>, x: &[f32], y: &mut [f32]) {
    for i in 0..x.len() {
        let (_, z) = normalize(normal, x[i], i % normal.mean.len());
        y[i] = if normal.relu && z <= 0.0 { 0.0 } else { z };
    }
}

/// [`backward_sums`](super::backward_sums).
pub fn backward_sums(normal: &Normalization<'_>, x: &[f32], dy: &[f32], sums: &mut [f64]) {
    sums.fill(0.0);
    let channels = normal.mean.len();
    for i in 0..x.len() {
        let c = i % channels;
        let (normalized, z) = normalize(normal, x[i], c);
        let dz = through_relu(normal, z, dy[i]);
        sums[c] += f64::from(dz);
        sums[channels + c] += f64::from(dz * normalized);
    }
}

/// [`backward`](super::backward).
pub fn backward(
    normal: &Normalization<'_>,
    (dbeta_share, dgamma_share): (&[f32], &[f32]),
    x: &[f32],
    upstream: &mut [f32],
) {
    for i in 0..x.len() {
        let c = i % normal.mean.len();
        let (normalized, z) = normalize(normal, x[i], c);
        let dz = through_relu(normal, z, upstream[i]);
        upstream[i] =
            normal.gamma[c] * normal.inverse[c] * (dz - (dbeta_share[c] + normalized * dgamma_share[c]));
    }
}
