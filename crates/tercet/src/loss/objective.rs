//! The objective minimised over a batch: a loss with optional label smoothing and weights.

use super::{Loss, Targets, softmax, svm};

/// A loss with the options of training.
///
/// ```text
/// L = 1/B · Σ_b w_b · L_b
/// ```
///
/// The weight w_b of an example is the product of its own weight and that of its class; 1 by default. The sum is
/// divided by B, not by Σ w_b as in PyTorch's weighted losses. So the mean over all batches is the weighted mean over
/// all examples, however they are grouped into batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective<'a> {
    /// The loss of a single example.
    pub loss: Loss,
    /// ε of label smoothing, for softmax only: the target is 1 − ε + ε / C for the true class and ε / C for every other
    /// class, instead of 1 and 0.
    pub label_smoothing: f32,
    /// Target values with their own loss, which replace the labels and `loss`.
    pub targets: Option<Targets<'a>>,
    /// The weight of each example, (B); all 1 if `None`.
    pub weights: Option<&'a [f32]>,
    /// B, if the given examples are only a shard of the batch; `None` if they are the whole batch.
    pub batch: Option<usize>,
}

impl From<Loss> for Objective<'_> {
    fn from(loss: Loss) -> Self {
        Objective { loss, label_smoothing: 0.0, targets: None, weights: None, batch: None }
    }
}

impl Objective<'_> {
    /// The mean loss of a batch, or the contribution of a shard to it; `dscores` becomes its gradient with respect to
    /// the scores.
    ///
    /// # Shapes
    /// `scores` and `dscores` are (B, C), `labels` is (B).
    ///
    /// # Panics
    /// If the shapes do not fit, the batch is empty, or a label is not below C.
    ///
    /// ```
    /// use tercet::loss::{Loss, Objective};
    /// // Two examples with losses 1 and 2; the second has weight 3.
    /// let objective = Objective { weights: Some(&[1.0, 3.0]), ..Loss::SVM.into() };
    /// let mut dscores = [0.0; 4];
    /// let loss = objective.loss_and_gradient(&[0.0, 0.0, 0.0, 1.0], &[0, 0], &mut dscores);
    /// assert_eq!((loss, dscores), (3.5, [-0.5, 0.5, -1.5, 1.5]));
    /// ```
    pub fn loss_and_gradient(self, scores: &[f32], labels: &[u32], dscores: &mut [f32]) -> f32 {
        assert!(
            !labels.is_empty() && scores.len().is_multiple_of(labels.len()),
            "one row of scores per label"
        );
        assert_eq!(scores.len(), dscores.len(), "dscores has the shape of scores");
        assert!(self.weights.is_none_or(|weights| weights.len() == labels.len()), "one weight a label");
        assert!(
            self.targets.is_none_or(|targets| targets.values.len() == scores.len()),
            "the targets have the shape of scores"
        );
        let (classes, batch) = (scores.len() / labels.len(), self.batch.unwrap_or(labels.len()));
        let share = 1.0 / batch as f32;
        let rows = scores.chunks_exact(classes).zip(dscores.chunks_exact_mut(classes));
        let mut sum = 0.0;
        for (b, ((scores, dscores), &y)) in rows.zip(labels).enumerate() {
            let weight = self.weights.map_or(1.0, |weights| weights[b]);
            let (y, scale) = (y as usize, share * weight);
            let loss = match (self.targets, self.loss) {
                (Some(targets), _) => {
                    let values = &targets.values[b * classes..][..classes];
                    targets.loss.one_example(scores, values, scale, dscores)
                }
                (None, Loss::Svm { margin }) => svm::one_example(scores, y, margin, scale, dscores),
                (None, Loss::Softmax) if self.label_smoothing == 0.0 => {
                    softmax::one_example(scores, y, scale, dscores)
                }
                (None, Loss::Softmax) => softmax::smoothed(scores, y, self.label_smoothing, scale, dscores),
            };
            sum += f64::from(loss) * f64::from(weight);
        }
        (sum / batch as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::probabilities;

    const SCORES: [f64; 8] = [0.3, -1.2, 2.5, 0.1, -0.4, 0.9, 0.8, -2.0];
    const LABELS: [u32; 2] = [2, 0];
    const WEIGHTS: [f32; 2] = [0.5, 3.0];

    /// `Σ_b w_b / B · (−Σ_i q_i ln p_i)` with the q of label smoothing, directly from the formula.
    fn smoothed_by_formula(scores: &[f64], smoothing: f64) -> f64 {
        let mut total = 0.0;
        for b in 0..2 {
            let f = &scores[4 * b..][..4];
            let sum: f64 = f.iter().map(|f| f.exp()).sum();
            for (i, f) in f.iter().enumerate() {
                let own = if i == LABELS[b] as usize { 1.0 - smoothing } else { 0.0 };
                total -= f64::from(WEIGHTS[b]) / 2.0 * (own + smoothing / 4.0) * (f.exp() / sum).ln();
            }
        }
        total
    }

    #[test]
    fn smoothing_and_weights_follow_their_formula_and_its_central_differences() {
        let scores = SCORES.map(|s| s as f32);
        for smoothing in [0.0, 0.1, 0.75] {
            let objective =
                Objective { label_smoothing: smoothing, weights: Some(&WEIGHTS), ..Loss::Softmax.into() };
            let mut dscores = [f32::NAN; 8];
            let loss = objective.loss_and_gradient(&scores, &LABELS, &mut dscores);
            let f = |scores: &[f64]| smoothed_by_formula(scores, smoothing.into());
            assert!((f64::from(loss) - f(&SCORES)).abs() < 1e-6, "{smoothing}: {loss}");
            for (i, found) in dscores.into_iter().enumerate() {
                let mut moved = SCORES;
                moved[i] += 1e-5;
                let above = f(&moved);
                moved[i] -= 2e-5;
                let slope = (above - f(&moved)) / 2e-5;
                assert!((f64::from(found) - slope).abs() < 1e-6, "{smoothing}, {i}: {found}, not {slope}");
            }
        }
    }

    #[test]
    fn the_optimum_of_a_smoothed_label_is_not_certainty() {
        // The gradient vanishes where the probabilities equal the smoothed label.
        let objective = Objective { label_smoothing: 0.3, ..Loss::Softmax.into() };
        let mut scores = [0.8f32.ln(), 0.1f32.ln(), 0.1f32.ln()];
        let mut dscores = [0.0; 3];
        objective.loss_and_gradient(&scores, &[0], &mut dscores);
        assert!(dscores.iter().all(|d| d.abs() < 1e-7), "{dscores:?}");
        probabilities(&mut scores);
        assert!((scores[0] - 0.8).abs() < 1e-6);
    }

    #[test]
    fn weights_multiply_the_gradient_of_each_example() {
        let scores = SCORES.map(|s| s as f32);
        for loss in [Loss::SVM, Loss::Softmax] {
            let (mut plain, mut weighted) = ([0.0; 8], [0.0; 8]);
            let each: Vec<f32> =
                (0..2).map(|b| loss.loss(&scores[4 * b..][..4], &LABELS[b..][..1])).collect();
            loss.loss_and_gradient(&scores, &LABELS, &mut plain);
            let found = Objective { weights: Some(&WEIGHTS), ..loss.into() }.loss_and_gradient(
                &scores,
                &LABELS,
                &mut weighted,
            );
            let expected = (each[0] * WEIGHTS[0] + each[1] * WEIGHTS[1]) / 2.0;
            assert!((found - expected).abs() < 1e-6, "{loss}: {found}, not {expected}");
            for (i, (weighted, plain)) in weighted.iter().zip(plain).enumerate() {
                assert!((weighted - plain * WEIGHTS[i / 4]).abs() < 1e-6, "{loss}");
            }
            // An example of weight 0 is as good as absent.
            let mut without = [f32::NAN; 8];
            Objective { weights: Some(&[1.0, 0.0]), ..loss.into() }.loss_and_gradient(
                &scores,
                &LABELS,
                &mut without,
            );
            assert!(without[4..].iter().all(|&d| d == 0.0), "{loss}");
        }
    }

    #[test]
    fn the_shards_of_a_batch_add_up_to_it() {
        let scores = SCORES.map(|s| s as f32);
        for loss in [Loss::SVM, Loss::Softmax] {
            let (mut whole, mut shares) = ([0.0; 8], [0.0; 8]);
            let mean = loss.loss_and_gradient(&scores, &LABELS, &mut whole);
            let share = Objective { batch: Some(2), ..loss.into() };
            let of_example = |b: usize, d: &mut [f32]| {
                share.loss_and_gradient(&scores[4 * b..][..4], &LABELS[b..][..1], d)
            };
            let (one, other) = shares.split_at_mut(4);
            let sum = of_example(0, one) + of_example(1, other);
            assert!((sum - mean).abs() < 1e-6, "{loss}: {sum}, not {mean}");
            assert_eq!(shares, whole, "{loss}");
        }
    }

    #[test]
    fn a_score_that_is_nan_or_huge_is_noticed() {
        let objective = Objective { label_smoothing: 0.1, ..Loss::Softmax.into() };
        assert!(objective.loss_and_gradient(&[0.0, f32::NAN], &[0], &mut [0.0; 2]).is_nan());
        let huge = objective.loss_and_gradient(&[1e4, 0.0], &[0], &mut [0.0; 2]);
        assert!((huge - 500.0).abs() < 0.1, "half of ε on a class 10,000 below: {huge}");
    }

    #[test]
    #[should_panic(expected = "one row of scores per label")]
    fn an_empty_batch_has_no_loss() {
        Objective::from(Loss::SVM).loss_and_gradient(&[], &[], &mut []);
    }

    #[test]
    #[should_panic(expected = "one row of scores per label")]
    fn there_is_a_row_of_scores_per_label() {
        Objective::from(Loss::SVM).loss_and_gradient(&[0.0; 3], &[0, 0], &mut [0.0; 3]);
    }

    #[test]
    #[should_panic(expected = "one weight a label")]
    fn there_is_a_weight_per_label() {
        let objective = Objective { weights: Some(&[1.0, 2.0, 3.0]), ..Loss::SVM.into() };
        objective.loss_and_gradient(&[0.0; 4], &[0, 0], &mut [0.0; 4]);
    }
}
