//! Losses against target values, for networks whose outputs are quantities or independent labels rather than classes.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A loss against target values, with its derivative and what it predicts.
///
/// ```text
/// squared     L = ½ Σ_j (f_j − t_j)²              ∂L/∂f_j = f_j − t_j         predicts f
/// logistic    L = Σ_j ln(1 + exp f_j) − t_j f_j   ∂L/∂f_j = σ(f_j) − t_j      predicts σ(f), a probability each
/// poisson     L = Σ_j exp f_j − t_j f_j           ∂L/∂f_j = exp f_j − t_j     predicts exp f, a mean count
/// ```
///
/// The Poisson loss leaves out `ln t!`, which does not depend on f.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TargetLoss {
    /// Half the squared error, for regression.
    Squared,
    /// Binary cross-entropy of each output, for labels of which several may apply.
    Logistic,
    /// The negative log-likelihood of counts.
    Poisson,
}

/// The targets of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Targets<'a> {
    /// The loss of a single example.
    pub loss: TargetLoss,
    /// The target values, (B, C).
    pub values: &'a [f32],
}

impl TargetLoss {
    /// The loss of one example; `dscores` becomes `scale · ∂L/∂f`.
    ///
    /// # Shapes
    /// `scores`, `targets` and `dscores` are (C).
    pub(super) fn one_example(self, scores: &[f32], targets: &[f32], scale: f32, dscores: &mut [f32]) -> f32 {
        let mut sum = 0.0;
        for ((&f, &t), dscore) in scores.iter().zip(targets).zip(dscores) {
            let (loss, slope) = match self {
                TargetLoss::Squared => (0.5 * (f - t) * (f - t), f - t),
                // ln(1 + exp f) = max(f, 0) + ln(1 + exp −|f|), which does not overflow.
                TargetLoss::Logistic => {
                    (f.max(0.0) + (-f.abs()).exp().ln_1p() - t * f, 1.0 / (1.0 + (-f).exp()) - t)
                }
                TargetLoss::Poisson => (f.exp() - t * f, f.exp() - t),
            };
            sum += loss;
            *dscore = scale * slope;
        }
        // `max` would hide NaN.
        if scores.iter().any(|f| f.is_nan()) { f32::NAN } else { sum }
    }

    /// Rejects target values for which the loss is not defined.
    ///
    /// # Errors
    /// Non-finite values, values outside 0 to 1 for the logistic loss, and negative ones for the Poisson loss.
    pub fn check(self, values: &[f32]) -> Result<()> {
        let (expected, highest) = match self {
            TargetLoss::Squared => ("a finite number", f32::MAX),
            TargetLoss::Logistic => ("a number from 0 to 1", 1.0),
            TargetLoss::Poisson => ("a finite number, 0 or more", f32::MAX),
        };
        let lowest = if self == TargetLoss::Squared { f32::MIN } else { 0.0 };
        match values.iter().find(|value| !(lowest..=highest).contains(*value)) {
            Some(value) => Err(Error::setting("a target value", value, expected)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::{Loss, Objective};

    const LOSSES: [TargetLoss; 3] = [TargetLoss::Squared, TargetLoss::Logistic, TargetLoss::Poisson];
    const SCORES: [f64; 6] = [0.3, -1.2, 2.5, 0.1, -0.4, 0.9];
    const TARGETS: [f32; 6] = [0.0, 1.0, 1.0, 0.25, 0.0, 1.0];

    fn by_formula(loss: TargetLoss, scores: &[f64]) -> f64 {
        let terms = scores.iter().zip(TARGETS).map(|(&f, t)| (f, f64::from(t)));
        let sum: f64 = match loss {
            TargetLoss::Squared => terms.map(|(f, t)| (f - t) * (f - t) / 2.0).sum(),
            TargetLoss::Logistic => terms.map(|(f, t)| (1.0 + f.exp()).ln() - t * f).sum(),
            TargetLoss::Poisson => terms.map(|(f, t)| f.exp() - t * f).sum(),
        };
        sum / 2.0
    }

    /// Two examples of three outputs.
    fn loss_and_gradient(loss: TargetLoss, scores: &[f32], targets: &[f32]) -> (f32, Vec<f32>) {
        let objective =
            Objective { targets: Some(Targets { loss, values: targets }), ..Loss::Softmax.into() };
        let mut dscores = vec![f32::NAN; scores.len()];
        (objective.loss_and_gradient(scores, &[0, 0], &mut dscores), dscores)
    }

    #[test]
    fn the_losses_follow_their_formulas_and_central_differences() {
        let scores = SCORES.map(|f| f as f32);
        for loss in LOSSES {
            let (found, dscores) = loss_and_gradient(loss, &scores, &TARGETS);
            assert!((f64::from(found) - by_formula(loss, &SCORES)).abs() < 1e-6, "{loss:?}: {found}");
            for (i, found) in dscores.into_iter().enumerate() {
                let mut moved = SCORES;
                moved[i] += 1e-5;
                let above = by_formula(loss, &moved);
                moved[i] -= 2e-5;
                let slope = (above - by_formula(loss, &moved)) / 2e-5;
                assert!((f64::from(found) - slope).abs() < 1e-6, "{loss:?}, {i}: {found}, not {slope}");
            }
        }
    }

    #[test]
    fn huge_scores_stay_finite_where_the_loss_is_and_nan_is_seen() {
        let targets = [1.0, 0.0];
        let (loss, dscores) = loss_and_gradient(TargetLoss::Logistic, &[1e30, -1e30], &targets);
        assert_eq!((loss, dscores), (0.0, vec![0.0; 2]));
        for loss in LOSSES {
            assert!(loss_and_gradient(loss, &[f32::NAN, 0.0], &targets).0.is_nan(), "{loss:?}");
        }
    }

    #[test]
    fn targets_without_a_loss_are_rejected() {
        for (loss, bad) in [(0, f32::NAN), (0, f32::INFINITY), (1, 1.5), (1, -0.5), (2, -1.0), (2, f32::NAN)]
        {
            assert!(LOSSES[loss].check(&[0.5, bad]).is_err(), "{:?} of {bad}", LOSSES[loss]);
        }
        assert!(LOSSES.iter().all(|loss| loss.check(&[0.0, 1.0]).is_ok()));
    }
}
