//! Softmax cross-entropy.
//!
//! ```text
//! p_i = exp f_i / Σ_j exp f_j        L = −ln p_y        ∂L/∂f_i = p_i − [i = y]
//! ```
//!
//! The largest score is subtracted from all scores first, which leaves every p unchanged and prevents overflow.

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

/// The loss of one example with label smoothing (Szegedy et al. 2016), with the target
///
/// ```text
/// q_i = (1 − ε) · [i = y] + ε / C        L = −Σ_i q_i ln p_i        ∂L/∂f_i = p_i − q_i
/// ```
///
/// `dscores` becomes `scale · ∂L/∂f`. The minimum of this loss is not 0 but the entropy of q.
///
/// # Shapes
/// `scores` and `dscores` are (C).
pub(super) fn smoothed(scores: &[f32], y: usize, smoothing: f32, scale: f32, dscores: &mut [f32]) -> f32 {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let of_each = smoothing / scores.len() as f32;
    // −Σ q_i ln p_i = ln Σ exp f_j − Σ q_i f_i, with the maximum subtracted from all f.
    let (mut sum, mut sum_of_scores) = (0.0, 0.0);
    for (&score, dscore) in scores.iter().zip(dscores.iter_mut()) {
        *dscore = (score - largest).exp();
        sum += *dscore;
        sum_of_scores += score - largest;
    }
    for dscore in dscores.iter_mut() {
        *dscore = scale * (*dscore / sum - of_each);
    }
    dscores[y] -= scale * (1.0 - smoothing);
    sum.ln() - (1.0 - smoothing) * (scores[y] - largest) - of_each * sum_of_scores
}

/// Converts the scores of one example into the probabilities p above, in place.
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
