//! The multi-class SVM loss of the lecture (Weston and Watkins 1998).
//!
//! ```text
//! L = Σ_{i ≠ y} max(0, f_i − f_y + Δ)
//! ```
//!
//! "For each incorrect class, add its loss to the total, if it wasn't less than the correct class by the margin."
//! There is no division by C (PyTorch's and Burn's multi-margin losses have one).
//!
//! Each wrong class within the margin adds 1 to the gradient of its own score and −1 to that of the true class:
//! `∂L/∂f_i = 1` for those, `∂L/∂f_y = −(their number)`. Exactly on the margin the loss has a kink; there, as in the
//! lecture, the class counts as outside.

/// The loss of one example; `dscores` becomes `scale · ∂L/∂f`.
///
/// # Shapes
/// `scores` and `dscores` are (C).
pub(super) fn one_example(scores: &[f32], y: usize, margin: f32, scale: f32, dscores: &mut [f32]) -> f32 {
    let of_y = scores[y];
    let (below, above) = dscores.split_at_mut(y);
    let (loss_below, within_below) = wrong_classes(&scores[..y], of_y, margin, scale, below);
    let (loss_above, within_above) = wrong_classes(&scores[y + 1..], of_y, margin, scale, &mut above[1..]);
    dscores[y] = -(within_below + within_above) * scale;
    loss_below + loss_above
}

/// The loss from some of the wrong classes, and the number of them within the margin.
///
/// A NaN score counts as within the margin: the loss becomes NaN too, so that divergence is noticed.
#[allow(clippy::neg_cmp_op_on_partial_ord, reason = "`!(x <= 0)` is true of NaN, `x > 0` is not")]
fn wrong_classes(scores: &[f32], of_y: f32, margin: f32, scale: f32, dscores: &mut [f32]) -> (f32, f32) {
    let (mut loss, mut within) = (0.0, 0.0);
    for (&score, dscore) in scores.iter().zip(dscores) {
        let excess = score - of_y + margin;
        let inside = !(excess <= 0.0);
        loss += if inside { excess } else { 0.0 };
        within += if inside { 1.0 } else { 0.0 };
        *dscore = if inside { scale } else { 0.0 };
    }
    (loss, within)
}
