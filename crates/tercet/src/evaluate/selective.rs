//! Selective prediction: what a model gains by rejecting the examples that it is least confident of.

use serde::{Deserialize, Serialize};

use super::Scores;
use crate::{Error, Matrix, Result};

/// The number of points that the curve keeps; more could not be distinguished in a chart.
const POINTS: usize = 200;

/// The accuracies whose coverage is reported.
const GOALS: [f64; 4] = [0.99, 0.995, 0.999, 1.0];

/// The risk-coverage curve: accuracy against coverage, for a model that may reject examples.
///
/// With a threshold θ it predicts where its confidence is at least θ:
///
/// ```text
/// coverage(θ) = predicted / N        accuracy(θ) = correct / predicted
/// ```
///
/// The area under the curve of risk against coverage (AURC) is the mean, over n = 1 … N, of the error rate among the n
/// most confident predictions; predictions of equal confidence count with their mean error rate. It is 0 for a model
/// without errors, and smaller is better.
///
/// Do not choose a threshold from the curve of the examples that it is evaluated on: choose it on the validation set.
///
/// Source: R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", JMLR 11 (2010); the
/// area is by Y. Geifman, G. Uziel and R. El-Yaniv, ICLR 2019.
///
/// ```
/// use tercet::evaluate::RiskCoverage;
///
/// // The two most confident predictions are correct, the next is wrong, the last is correct again.
/// let curve = RiskCoverage::of(&[0.9, 0.99, 0.7, 0.6], &[true, true, false, true])?;
/// let points: Vec<_> = curve.points.iter().map(|point| (point.coverage, point.accuracy)).collect();
/// assert_eq!(points, [(0.25, 1.0), (0.5, 1.0), (0.75, 2.0 / 3.0), (1.0, 0.75)]);
/// assert!((curve.area - (1.0 / 3.0 + 0.25) / 4.0).abs() < 1e-12);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RiskCoverage {
    /// The curve from the most confident predictions to a coverage of 1, at most about 200 points.
    pub points: Vec<CoveragePoint>,
    /// The area under the curve of risk against coverage.
    pub area: f64,
    /// The coverage at some target accuracies.
    pub goals: Vec<Goal>,
}

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoveragePoint {
    /// θ, the smallest confidence with a prediction.
    pub threshold: f64,
    /// The fraction of the examples with a prediction.
    pub coverage: f64,
    /// The fraction of these predictions that are correct.
    pub accuracy: f64,
}

/// The largest coverage that reaches a target accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// The target accuracy.
    pub accuracy: f64,
    /// The largest coverage with at least that accuracy; `None` if no threshold reaches it.
    pub coverage: Option<f64>,
}

impl RiskCoverage {
    /// The curve of predictions with these confidences.
    ///
    /// # Shapes
    /// Both are (N).
    ///
    /// # Errors
    /// No examples, mismatched counts, and a confidence that is NaN.
    pub fn of(confidence: &[f64], right: &[bool]) -> Result<Self> {
        if right.is_empty() {
            return Err(Error::mismatch("examples to evaluate confidence on", 0, "at least 1"));
        }
        if confidence.len() != right.len() {
            return Err(Error::mismatch("confidences", confidence.len(), right.len()));
        }
        if let Some(i) = confidence.iter().position(|c| c.is_nan()) {
            return Err(Error::mismatch(format!("confidence of example {i}"), "NaN", "a number"));
        }
        let mut order: Vec<usize> = (0..right.len()).collect();
        order.sort_by(|&a, &b| confidence[b].total_cmp(&confidence[a]));
        let n = right.len() as f64;
        let (mut answered, mut correct, mut area) = (0usize, 0usize, 0.0);
        let mut points = Vec::new();
        // No threshold separates predictions of equal confidence.
        for alike in order.chunk_by(|&a, &b| confidence[a] == confidence[b]) {
            let right_ones = alike.iter().filter(|&&i| right[i]).count();
            let wrong = (alike.len() - right_ones) as f64;
            for more in 1..=alike.len() {
                let errors = (answered - correct) as f64 + wrong * more as f64 / alike.len() as f64;
                area += errors / (answered + more) as f64 / n;
            }
            answered += alike.len();
            correct += right_ones;
            points.push(CoveragePoint {
                threshold: confidence[alike[0]],
                coverage: answered as f64 / n,
                accuracy: correct as f64 / answered as f64,
            });
        }
        let goal = |accuracy| {
            let reached = points.iter().rev().find(|point| point.accuracy >= accuracy);
            Goal { accuracy, coverage: reached.map(|point| point.coverage) }
        };
        let goals = GOALS.map(goal).to_vec();
        Ok(RiskCoverage { points: thinned(&points), area, goals })
    }
}

impl RiskCoverage {
    /// The goals to report: those that are reached, and the lowest that is not.
    pub fn relevant_goals(&self) -> &[Goal] {
        let reached = self.goals.iter().take_while(|goal| goal.coverage.is_some()).count();
        &self.goals[..self.goals.len().min(reached + 1)]
    }
}

/// At most about [`POINTS`] of the points: the first in each step of coverage, of equal size. The last point, with a
/// coverage of 1, begins its own step.
fn thinned(points: &[CoveragePoint]) -> Vec<CoveragePoint> {
    let step = |point: &CoveragePoint| (point.coverage * POINTS as f64).floor();
    let mut kept: Vec<CoveragePoint> = Vec::new();
    for point in points {
        if kept.last().is_none_or(|last| step(last) < step(point)) {
            kept.push(*point);
        }
    }
    kept
}

/// The confidence of a model in each of its predictions, (N): the largest probability, in f64, or the margin between
/// the best and the second-best score if the scores are not probabilities.
///
/// # Shapes
/// `scores` is (N, C).
pub fn confidences(scores: &Matrix, are: Option<Scores>) -> Vec<f64> {
    let of_row = |row: &[f32]| {
        let (mut best, mut second) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
        for score in row.iter().map(|&score| f64::from(score)) {
            if score > best {
                (best, second) = (score, best);
            } else if score > second {
                second = score;
            }
        }
        match are {
            Some(Scores::Shares) => best,
            Some(Scores::Logits) => 1.0 / row.iter().map(|&z| (f64::from(z) - best).exp()).sum::<f64>(),
            // Finite, so that it can be stored in a record; the only score of a single class does not express
            // confidence.
            None if row.len() < 2 => 0.0,
            None => (best - second).min(f64::MAX),
        }
    };
    (0..scores.rows()).map(|i| of_row(scores.row(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_of_equal_confidence_are_accepted_or_rejected_together() {
        let curve = RiskCoverage::of(&[1.0, 0.5, 1.0, 0.5, 0.5], &[true, false, true, true, true]).unwrap();
        let points: Vec<_> = curve.points.iter().map(|p| (p.threshold, p.coverage, p.accuracy)).collect();
        assert_eq!(points, [(1.0, 0.4, 1.0), (0.5, 1.0, 0.8)]);
        // The three at 0.5 share one error, a third each.
        let area = ((1.0 / 3.0) / 3.0 + (2.0 / 3.0) / 4.0 + 1.0 / 5.0) / 5.0;
        assert!((curve.area - area).abs() < 1e-12, "{}", curve.area);
        let other = RiskCoverage::of(&[0.5, 0.5, 1.0, 1.0, 0.5], &[true, true, true, true, false]).unwrap();
        assert_eq!(curve, other, "the order of the examples says nothing");
    }

    #[test]
    fn the_goals_are_the_largest_coverage_that_reaches_them() {
        // 100 predictions by descending confidence; the 50th and the last are wrong.
        let confidence: Vec<f64> = (0..100).map(|i| 1.0 - f64::from(i) / 100.0).collect();
        let right: Vec<bool> = (0..100).map(|i| i != 49 && i != 99).collect();
        let selective = RiskCoverage::of(&confidence, &right).unwrap();
        let coverages: Vec<_> = selective.goals.iter().map(|goal| goal.coverage).collect();
        // With a coverage of 99, 98 are correct: 98.99 %. So the result is 49, all correct.
        assert_eq!(coverages, [Some(0.49); 4]);
        assert_eq!(selective.relevant_goals().len(), 4);
        let never = RiskCoverage::of(&[0.9, 0.8], &[false, true]).unwrap();
        assert_eq!(never.relevant_goals(), [Goal { accuracy: 0.99, coverage: None }]);
        assert!(never.goals.iter().all(|goal| goal.coverage.is_none()));
        let all = RiskCoverage::of(&[0.9, 0.8], &[true, true]).unwrap();
        assert!(all.goals.iter().all(|goal| goal.coverage == Some(1.0)) && all.area == 0.0);
    }

    #[test]
    fn many_points_are_thinned_and_the_last_is_kept() {
        let confidence: Vec<f64> = (0..10_000).map(f64::from).collect();
        let right: Vec<bool> = (0..10_000).map(|i| i % 10 != 3).collect();
        let selective = RiskCoverage::of(&confidence, &right).unwrap();
        assert!((150..=POINTS + 2).contains(&selective.points.len()), "{}", selective.points.len());
        let last = selective.points.last().unwrap();
        assert_eq!((last.coverage, last.accuracy, last.threshold), (1.0, 0.9, 0.0));
        assert!(selective.points.is_sorted_by(|a, b| a.coverage < b.coverage));
    }

    #[test]
    fn confidence_is_probability_or_margin() {
        let scores = Matrix::new(2, 3, vec![2.0, 0.0, 1.5, -1.0, -1.0, -9.0]).unwrap();
        assert_eq!(confidences(&scores, None), [0.5, 0.0]);
        let p = confidences(&scores, Some(Scores::Logits));
        assert!((p[0] - 1.0 / (1.0 + (-2f64).exp() + (-0.5f64).exp())).abs() < 1e-12);
        let shares = Matrix::new(1, 2, vec![0.25, 0.75]).unwrap();
        assert_eq!(confidences(&shares, Some(Scores::Shares)), [0.75]);
        assert_eq!(confidences(&Matrix::new(1, 1, vec![3.0]).unwrap(), None), [0.0]);
        let infinite = Matrix::new(1, 2, vec![f32::INFINITY, 0.0]).unwrap();
        assert_eq!(confidences(&infinite, None), [f64::MAX]);
    }

    #[test]
    fn nan_and_mismatched_counts_are_rejected() {
        assert!(RiskCoverage::of(&[], &[]).is_err());
        assert!(RiskCoverage::of(&[0.5], &[true, false]).is_err());
        let error = RiskCoverage::of(&[0.5, f64::NAN], &[true, false]).unwrap_err().to_string();
        assert!(error.contains("confidence of example 1: found NaN"), "{error}");
    }
}
