//! Softmax cross-entropy.
//!
//! ```text
//! p_i = exp f_i / Σ_j exp f_j        L = −ln p_y        ∂L/∂f_i = p_i − [i = y]
//! ```
//!
//! The largest score is subtracted from all before exponentiating, which changes no p and lets nothing overflow.

/// The loss of one example; `dscores` becomes `scale · ∂L/∂f`.
///
/// # Shapes
/// `scores` and `dscores` are (C).
pub(super) fn one_example(scores: &[f32], y: usize, scale: f32, dscores: &mut [f32]) -> f32 {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (&score, dscore) in scores.iter().zip(dscores.iter_mut()) {
        *dscore = (score - largest).exp();
        sum += *dscore;
    }
    for dscore in dscores.iter_mut() {
        *dscore *= scale / sum;
    }
    dscores[y] -= scale;
    sum.ln() - (scores[y] - largest)
}

/// Turns the scores of one example into the probabilities p above, in place.
///
/// ```
/// let mut scores = [0.0, 0.0, f32::NEG_INFINITY];
/// tercet::loss::probabilities(&mut scores);
/// assert_eq!(scores, [0.5, 0.5, 0.0]);
/// ```
pub fn probabilities(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += *score;
    }
    scores.iter_mut().for_each(|p| *p /= sum);
}
