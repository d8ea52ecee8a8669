//! Gradient descent, plain and with momentum.

// ANCHOR: plain
/// `w ← w − lr · dw`.
pub(super) fn plain(learning_rate: f32, w: &mut [f32], dw: &[f32]) {
    for (w, dw) in w.iter_mut().zip(dw) {
        *w -= learning_rate * dw;
    }
}
// ANCHOR_END: plain

/// `v ← μ · v − lr · dw`, then `w ← w + v` (Polyak 1964).
///
/// # Shapes
/// All three arrays have the same length.
pub(super) fn momentum(mu: f32, learning_rate: f32, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) {
    for ((w, dw), v) in w.iter_mut().zip(dw).zip(velocity) {
        *v = mu * *v - learning_rate * dw;
        *w += *v;
    }
}

/// `v ← μ · v − lr · dw`, then `w ← w + μ · v − lr · dw` (Nesterov 1983; Sutskever et al. 2013).
///
/// Nesterov evaluates the gradient at the look-ahead point w + μ · v. Here w *is* that point, and the update goes from
/// one look-ahead point to the next: back by the old μ · v, forward by v, ahead by the new μ · v.
///
/// # Shapes
/// All three arrays have the same length.
pub(super) fn nesterov(mu: f32, learning_rate: f32, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) {
    for ((w, dw), v) in w.iter_mut().zip(dw).zip(velocity) {
        *v = mu * *v - learning_rate * dw;
        *w += mu * *v - learning_rate * dw;
    }
}
