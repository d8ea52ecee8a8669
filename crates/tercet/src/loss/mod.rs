//! Loss functions and their gradients.
//!
//! A loss takes the scores of a batch, (B, C), and the B true classes y, and returns one number, the mean over the
//! batch. Its gradient `dscores`, (B, C), is the derivative with respect to each score: the upstream gradient of the
//! last layer. Regression and labels of which several may apply have target values instead of a true class: [`Targets`].

pub mod naive;
mod objective;
mod softmax;
mod svm;
mod targets;

pub use objective::Objective;
pub use softmax::probabilities;
pub use targets::{TargetLoss, Targets};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A loss function with its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// The multi-class SVM loss of the lecture: for an example, `Σ_{i ≠ y} max(0, f_i − f_y + Δ)`.
    Svm {
        /// Δ: the margin by which the true class must beat every other class for a loss of 0.
        margin: f32,
    },
    /// Softmax cross-entropy: for an example, `−ln(exp f_y / Σ_i exp f_i)`.
    Softmax,
}

impl Loss {
    /// The lecture's loss with Δ = 1.
    pub const SVM: Loss = Loss::Svm { margin: 1.0 };

    /// The mean loss of a batch; `dscores` becomes its gradient with respect to the scores.
    ///
    /// # Shapes
    /// `scores` and `dscores` are (B, C), `labels` is (B).
    ///
    /// # Panics
    /// If the shapes do not fit, the batch is empty, or a label is not below C.
    ///
    /// ```
    /// use tercet::loss::Loss;
    /// // f = (3, 1, 2), y = 0: class 2 is within the margin Δ = 2 of it by 1, class 1 just outside.
    /// let mut dscores = [0.0; 3];
    /// let loss = Loss::Svm { margin: 2.0 }.loss_and_gradient(&[3.0, 1.0, 2.0], &[0], &mut dscores);
    /// assert_eq!((loss, dscores), (1.0, [-1.0, 0.0, 1.0]));
    /// ```
    pub fn loss_and_gradient(self, scores: &[f32], labels: &[u32], dscores: &mut [f32]) -> f32 {
        Objective::from(self).loss_and_gradient(scores, labels, dscores)
    }

    /// The mean loss of a batch, without its gradient.
    ///
    /// # Shapes
    /// `scores` is (B, C), `labels` is (B).
    pub fn loss(self, scores: &[f32], labels: &[u32]) -> f32 {
        self.loss_and_gradient(scores, labels, &mut vec![0.0; scores.len()])
    }

    /// The loss of a model that gives every class the same score, as small initial weights do.
    /// (C − 1) · Δ for the SVM loss, ln C for softmax.
    pub fn at_equal_scores(self, classes: usize) -> f32 {
        match self {
            Loss::Svm { margin } => (classes - 1) as f32 * margin,
            Loss::Softmax => (classes as f32).ln(),
        }
    }

    /// Rejects a margin that is not a finite number above 0.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(self) -> Result<()> {
        match self {
            Loss::Svm { margin } if !(margin.is_finite() && margin > 0.0) => {
                Err(Error::setting("margin", margin, "a finite number above 0"))
            }
            _ => Ok(()),
        }
    }
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Loss::Svm { margin } => write!(f, "SVM loss, margin {margin}"),
            Loss::Softmax => write!(f, "softmax cross-entropy"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient_check::{Verdict, check};

    const LOSSES: [Loss; 3] = [Loss::SVM, Loss::Svm { margin: 0.25 }, Loss::Softmax];

    /// Scores of four examples and five classes, such that no two differ by exactly a margin.
    fn batch() -> (Vec<f64>, Vec<u32>) {
        ((0..20).map(|i| ((i * 7919 + 13) % 101) as f64 / 17.3 - 2.9).collect(), vec![0, 4, 2, 2])
    }

    #[test]
    fn equal_scores_give_the_loss_that_theory_gives() {
        let mut dscores = [0.0; 20];
        for loss in LOSSES {
            let found = loss.loss_and_gradient(&[0.0; 20], &[1, 0], &mut dscores);
            assert!((found - loss.at_equal_scores(10)).abs() < 1e-6, "{loss}: {found}");
        }
        assert_eq!(Loss::SVM.at_equal_scores(10), 9.0);
    }

    #[test]
    fn the_naive_gradient_is_the_central_difference() {
        let (scores, labels) = batch();
        for loss in LOSSES {
            let mut dscores = vec![0.0; 20];
            naive::loss_and_gradient(loss, &scores, &labels, &mut dscores);
            let f = |scores: &[f64]| naive::loss_and_gradient(loss, scores, &labels, &mut [0.0; 20]);
            assert_eq!(check(f, &scores, &dscores), Verdict::Agrees, "{loss}");
        }
    }

    #[test]
    fn the_fast_version_matches_the_naive_one() {
        let (scores, labels) = batch();
        let scores: Vec<f32> = scores.iter().map(|&s| s as f32).collect();
        for loss in LOSSES {
            let (mut fast, mut naive) = (vec![f32::NAN; 20], vec![0.0; 20]);
            let a = loss.loss_and_gradient(&scores, &labels, &mut fast);
            let b = naive::loss_and_gradient(loss, &scores, &labels, &mut naive);
            assert!((a - b).abs() < 1e-5 * b.abs(), "{loss}: {a}, not {b}");
            for (a, b) in fast.iter().zip(&naive) {
                assert!((a - b).abs() < 1e-6, "{loss}: {a}, not {b}");
            }
        }
    }

    #[test]
    fn softmax_of_huge_scores_stays_finite() {
        let mut dscores = [0.0; 3];
        let loss = Loss::Softmax.loss_and_gradient(&[1e30, -1e30, 0.0], &[0], &mut dscores);
        assert_eq!((loss, dscores), (0.0, [0.0; 3]));
        let mut scores = [1e30, 0.0];
        probabilities(&mut scores);
        assert_eq!(scores, [1.0, 0.0]);
    }

    #[test]
    fn an_impossible_class_adds_no_loss() {
        let mut dscores = [f32::NAN; 2];
        let loss = Loss::Softmax.loss_and_gradient(&[0.0, f32::NEG_INFINITY], &[0], &mut dscores);
        assert_eq!((loss, dscores), (0.0, [0.0; 2]));
    }

    #[test]
    fn a_score_that_is_nan_makes_the_loss_nan() {
        for loss in LOSSES {
            assert!(loss.loss(&[0.0, f32::NAN, 0.0], &[0]).is_nan(), "{loss}");
            assert!(loss.loss(&[0.0, f32::NAN, 0.0], &[1]).is_nan(), "{loss}");
        }
    }

    #[test]
    fn a_margin_must_be_positive() {
        for margin in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Loss::Svm { margin }.validate().is_err(), "{margin}");
        }
    }

    #[test]
    fn losses_print_their_names_and_common_ones_are_valid() {
        assert_eq!(Loss::Svm { margin: 0.5 }.to_string(), "SVM loss, margin 0.5");
        assert_eq!(Loss::Softmax.to_string(), "softmax cross-entropy");
        for loss in LOSSES {
            assert!(loss.validate().is_ok(), "{loss}");
        }
    }

    /// A class exactly on the margin counts as outside.
    #[test]
    fn a_class_on_the_margin_adds_nothing() {
        let (scores, labels) = ([3.0f32, 2.0, 1.0], [0]);
        let (mut fast, mut naive) = ([f32::NAN; 3], [f32::NAN; 3]);
        assert_eq!(Loss::SVM.loss_and_gradient(&scores, &labels, &mut fast), 0.0);
        assert_eq!(naive::loss_and_gradient(Loss::SVM, &scores, &labels, &mut naive), 0.0);
        assert_eq!((fast, naive), ([0.0; 3], [0.0; 3]));
    }
}
