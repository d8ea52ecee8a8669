//! Evaluation: how well a model performs, and how certain that is.
//!
//! [`Evaluation`] has all metrics of one model's predictions on a set of examples; [`McNemar`] compares two models on
//! the same examples. [`mean_over_shifts`] and [`mean_probabilities`] improve the predictions of trained models.
//!
//! The rest qualifies an accuracy: [`Calibration`] compares confidence with accuracy, [`RiskCoverage`] has the accuracy
//! of a model's most confident predictions, [`corrupt`] tests robustness, [`find_leakage`] finds duplicates across
//! training and test set, and [`find_label_errors`] finds labels that may be wrong.

mod calibration;
mod confusion;
mod ensemble;
mod label_errors;
mod leakage;
mod mcnemar;
mod robustness;
mod selective;

use serde::{Deserialize, Serialize};

pub use calibration::{BINS, Bin, Calibration, fit_temperature, probabilities_at};
pub use confusion::{ClassScores, Confusion};
pub use ensemble::{Scores, mean_over_shifts, mean_probabilities};
pub use label_errors::{LabelError, LabelErrorSettings, LabelErrors, find_label_errors};
pub use leakage::{DuplicatePair, ExampleId, Leakage, Partition, find_leakage};
pub use mcnemar::McNemar;
pub use robustness::{CORRUPTION_SEED, CorruptedEvaluation, Corruption, corrupt};
pub use selective::{CoveragePoint, Goal, RiskCoverage, confidences};

use crate::data::Dataset;
use crate::interval::Interval;
use crate::matrix::argmax;
use crate::model::Model;
use crate::{Error, Matrix, Result};

/// The evaluation of a model's predictions on N labelled examples.
///
/// ```
/// use tercet::Matrix;
/// use tercet::evaluate::Evaluation;
///
/// // Three examples, two classes. The last one is scored 0.9 for class 0 but is of class 1.
/// let scores = Matrix::new(3, 2, vec![2.0, 1.0, 0.0, 1.0, 0.9, 0.4])?;
/// let classes = ["cat".to_owned(), "dog".to_owned()];
/// let evaluation = Evaluation::from_scores(&scores, &[0, 1, 1], &classes)?;
/// assert_eq!((evaluation.correct, evaluation.count), (2, 3));
/// assert_eq!(evaluation.confusion.get(1, 0), 1);
/// assert_eq!(evaluation.mistakes[0].index, 2);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// N, the number of examples.
    pub count: usize,
    /// How many of them are classified correctly.
    pub correct: usize,
    /// `correct / count`.
    pub accuracy: f64,
    /// The 95 % confidence interval of the accuracy on all examples of this kind.
    pub interval: Interval,
    /// Precision, recall and F1 of each class, in the order of the classes.
    pub classes: Vec<ClassScores>,
    /// The confusion matrix.
    pub confusion: Confusion,
    /// Every wrong prediction, worst first: by descending margin, those without a margin last, ties by index.
    pub mistakes: Vec<Mistake>,
}

/// One wrong prediction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mistake {
    /// The index of the example, from 0.
    pub index: usize,
    /// Its class.
    pub truth: u32,
    /// The predicted class.
    pub predicted: u32,
    /// The score of the predicted class minus that of the true class: how confident the model was of its mistake, in
    /// the units of its scores. `None` if only labels are known or a score is not finite.
    pub margin: Option<f64>,
}

impl Evaluation {
    /// Evaluates the predictions `argmax(scores)`.
    ///
    /// # Shapes
    /// `scores` is (N, C), `labels` is (N), `classes` is (C).
    ///
    /// # Errors
    /// No examples, mismatched counts, and a label outside the classes.
    pub fn from_scores(scores: &Matrix, labels: &[u32], classes: &[String]) -> Result<Self> {
        if scores.columns() != classes.len() {
            return Err(Error::mismatch("scores of an example", scores.columns(), classes.len()));
        }
        if scores.rows() != labels.len() {
            return Err(Error::mismatch("rows of scores", scores.rows(), labels.len()));
        }
        let predicted: Vec<u32> = (0..scores.rows()).map(|i| argmax(scores.row(i))).collect();
        Self::count(&predicted, labels, classes, |i| {
            let row = scores.row(i);
            // In f64, where the difference of two finite f32 cannot overflow.
            let margin = f64::from(row[predicted[i] as usize]) - f64::from(row[labels[i] as usize]);
            margin.is_finite().then_some(margin)
        })
    }

    /// Evaluates predictions given only as labels; the mistakes have no margin and are ordered by index.
    ///
    /// # Shapes
    /// `predicted` and `labels` are (N), `classes` is (C).
    ///
    /// # Errors
    /// No examples, mismatched counts, and a label outside the classes.
    pub fn from_predictions(predicted: &[u32], labels: &[u32], classes: &[String]) -> Result<Self> {
        Self::count(predicted, labels, classes, |_| None)
    }

    fn count(
        predicted: &[u32],
        labels: &[u32],
        classes: &[String],
        margin: impl Fn(usize) -> Option<f64>,
    ) -> Result<Self> {
        if labels.is_empty() {
            return Err(Error::mismatch("examples to evaluate on", 0, "at least 1"));
        }
        let confusion = Confusion::count(predicted, labels, classes.len())?;
        let mut mistakes: Vec<Mistake> = (0..labels.len())
            .filter(|&i| predicted[i] != labels[i])
            .map(|i| Mistake { index: i, truth: labels[i], predicted: predicted[i], margin: margin(i) })
            .collect();
        // A margin is never negative, because the predicted class has the largest score: −1 sorts last.
        let size = |mistake: &Mistake| mistake.margin.unwrap_or(-1.0);
        mistakes.sort_by(|a, b| size(b).total_cmp(&size(a)).then(a.index.cmp(&b.index)));

        let (count, correct) = (labels.len(), labels.len() - mistakes.len());
        Ok(Evaluation {
            count,
            correct,
            accuracy: correct as f64 / count as f64,
            interval: Interval::wilson(correct, count),
            classes: confusion.class_scores(classes),
            confusion,
            mistakes,
        })
    }

    /// The number of wrong predictions.
    pub fn errors(&self) -> usize {
        self.count - self.correct
    }
}

impl Model {
    /// Evaluates the model on labelled examples, before preprocessing.
    ///
    /// ```
    /// use tercet::data::{Dataset, split};
    /// use tercet::recipe::Recipe;
    ///
    /// let (x, y) = (0..60).map(|i| (i as f32, u32::from(i >= 30))).unzip();
    /// let data = Dataset::from_features("line", 1, x, y, vec!["low".into(), "high".into()])?;
    /// let model = Recipe::neighbors(1).fit(&split(&data, 10, 0)?)?.model;
    /// assert!(model.evaluate(&data)?.accuracy > 0.9);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Classes that differ from the model's, no examples, and those of [`scores`](Model::scores).
    pub fn evaluate(&self, data: &Dataset) -> Result<Evaluation> {
        if data.classes().names() != self.classes().names() {
            let expected = format!("{}, the classes of the model", self.classes().join(", "));
            return Err(Error::mismatch("classes of the data", data.classes().join(", "), expected));
        }
        Evaluation::from_scores(&self.scores(data)?, data.labels(), data.classes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(n: usize) -> Vec<String> {
        (0..n).map(|c| c.to_string()).collect()
    }

    #[test]
    fn the_worst_mistake_is_the_one_with_the_largest_margin_and_ties_go_by_index() {
        let scores = Matrix::new(5, 2, vec![1., 0., 3., 0., 1., 0., 0., 9., 9., f32::NEG_INFINITY]).unwrap();
        let evaluation = Evaluation::from_scores(&scores, &[1, 1, 1, 1, 1], &classes(2)).unwrap();
        let order: Vec<_> = evaluation.mistakes.iter().map(|m| (m.index, m.margin)).collect();
        assert_eq!(order, [(1, Some(3.0)), (0, Some(1.0)), (2, Some(1.0)), (4, None)]);
        assert_eq!((evaluation.correct, evaluation.errors()), (1, 4));
    }

    #[test]
    fn a_margin_between_the_extremes_of_f32_is_finite() {
        let scores = Matrix::new(1, 2, vec![f32::MAX, f32::MIN]).unwrap();
        let evaluation = Evaluation::from_scores(&scores, &[1], &classes(2)).unwrap();
        assert_eq!(evaluation.mistakes[0].margin, Some(2.0 * f64::from(f32::MAX)));
    }

    #[test]
    fn all_nan_scores_are_counted_and_survive_json() {
        let scores = Matrix::new(2, 2, vec![f32::NAN; 4]).unwrap();
        let evaluation = Evaluation::from_scores(&scores, &[1, 0], &classes(2)).unwrap();
        let json = serde_json::to_string(&evaluation).unwrap();
        assert_eq!(serde_json::from_str::<Evaluation>(&json).unwrap(), evaluation);
        assert_eq!(evaluation.mistakes.len(), 1);
    }

    #[test]
    fn labels_outside_the_classes_are_rejected_on_either_side() {
        let error = |predicted: &[u32], labels: &[u32]| {
            Evaluation::from_predictions(predicted, labels, &classes(2)).unwrap_err().to_string()
        };
        assert_eq!(error(&[0, 1], &[0, 2]), "label of example 1: found 2; expected a class from 0 to 1");
        assert_eq!(
            error(&[5, 1], &[0, 1]),
            "prediction for example 0: found 5; expected a class from 0 to 1"
        );
        assert_eq!(error(&[], &[]), "examples to evaluate on: found 0; expected at least 1");
        assert_eq!(error(&[0], &[0, 1]), "predictions: found 1; expected 2");
    }

    #[test]
    fn scores_of_another_shape_are_rejected() {
        let scores = Matrix::zeros(2, 3);
        assert!(Evaluation::from_scores(&scores, &[0, 1], &classes(2)).is_err());
        assert!(Evaluation::from_scores(&scores, &[0, 1, 2], &classes(3)).is_err());
    }

    #[test]
    fn the_interval_is_that_of_the_correct_predictions() {
        let evaluation = Evaluation::from_predictions(&[0, 1, 1, 0], &[0, 1, 1, 1], &classes(2)).unwrap();
        assert_eq!((evaluation.count, evaluation.correct, evaluation.accuracy), (4, 3, 0.75));
        assert_eq!(evaluation.interval, Interval::wilson(3, 4));
    }

    /// A margin of 0 is a tie that went to the wrong class: it ranks before a non-finite one.
    #[test]
    fn mistakes_without_a_margin_follow_those_with_margin_zero() {
        let scores = Matrix::new(3, 2, vec![f32::INFINITY, 0.0, 2.0, 2.0, 1.5, 1.0]).unwrap();
        let evaluation = Evaluation::from_scores(&scores, &[1, 1, 1], &classes(2)).unwrap();
        let order: Vec<_> = evaluation.mistakes.iter().map(|m| (m.index, m.margin)).collect();
        assert_eq!(order, [(2, Some(0.5)), (1, Some(0.0)), (0, None)]);
    }
}
