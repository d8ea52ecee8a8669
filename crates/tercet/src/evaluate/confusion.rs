//! The confusion matrix.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// More classes than this would require a table of gigabytes.
const MOST_CLASSES: usize = 8192;

/// The confusion matrix, (C, C). Rows are the true classes, columns the predicted ones, so correct predictions are on
/// the diagonal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<u64>>", into = "Vec<Vec<u64>>")]
pub struct Confusion {
    class_count: usize,
    counts: Vec<u64>,
}

/// The metrics of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// The name of the class.
    pub name: String,
    /// Correct predictions / predictions of this class; undefined if there are no such predictions.
    pub precision: Option<f64>,
    /// Correct predictions / examples of this class; undefined if there are no such examples.
    pub recall: Option<f64>,
    /// `2 · correct / (predictions + examples)`, the harmonic mean of precision and recall; undefined if the class
    /// neither occurs nor is predicted.
    pub f1: Option<f64>,
    /// The number of examples of this class.
    pub support: u64,
}

impl Confusion {
    /// Counts pairs of labels.
    ///
    /// # Shapes
    /// `predicted` and `labels` are (N).
    ///
    /// # Errors
    /// Mismatched counts, a label outside the classes, and more than 8,192 classes.
    pub fn count(predicted: &[u32], labels: &[u32], class_count: usize) -> Result<Self> {
        if class_count > MOST_CLASSES {
            let expected = format!("at most {MOST_CLASSES}");
            return Err(Error::mismatch("classes of a confusion matrix", class_count, expected));
        }
        if predicted.len() != labels.len() {
            return Err(Error::mismatch("predictions", predicted.len(), labels.len()));
        }
        let inside = |what: &str, i: usize, label: u32| {
            if (label as usize) < class_count {
                return Ok(label as usize);
            }
            let expected = format!("a class from 0 to {}", class_count.saturating_sub(1));
            Err(Error::mismatch(format!("{what} example {i}"), label, expected))
        };
        let mut counts = vec![0; class_count * class_count];
        for (i, (&predicted, &label)) in predicted.iter().zip(labels).enumerate() {
            let row = inside("label of", i, label)?;
            let column = inside("prediction for", i, predicted)?;
            counts[row * class_count + column] += 1;
        }
        Ok(Confusion { class_count, counts })
    }

    /// C, the number of classes.
    pub fn class_count(&self) -> usize {
        self.class_count
    }

    /// How many examples of class `truth` were predicted as `predicted`.
    pub fn get(&self, truth: usize, predicted: usize) -> u64 {
        assert!(predicted < self.class_count, "class {predicted} of {}", self.class_count);
        self.counts[truth * self.class_count + predicted]
    }

    /// The number of examples of class `truth`.
    pub fn support(&self, truth: usize) -> u64 {
        (0..self.class_count).map(|predicted| self.get(truth, predicted)).sum()
    }

    /// How many examples were predicted as `predicted`.
    pub fn answers(&self, predicted: usize) -> u64 {
        (0..self.class_count).map(|truth| self.get(truth, predicted)).sum()
    }

    /// Precision, recall and F1 of each class, with its name.
    pub(super) fn class_scores(&self, names: &[String]) -> Vec<ClassScores> {
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        (0..self.class_count)
            .map(|c| {
                let (right, support, answers) = (self.get(c, c), self.support(c), self.answers(c));
                ClassScores {
                    name: names[c].clone(),
                    precision: share(right, answers),
                    recall: share(right, support),
                    f1: share(2 * right, answers + support),
                    support,
                }
            })
            .collect()
    }
}

impl From<Confusion> for Vec<Vec<u64>> {
    fn from(confusion: Confusion) -> Self {
        // `chunks` requires a positive length, even of an empty list.
        confusion.counts.chunks(confusion.class_count.max(1)).map(<[u64]>::to_vec).collect()
    }
}

impl TryFrom<Vec<Vec<u64>>> for Confusion {
    type Error = Error;

    fn try_from(rows: Vec<Vec<u64>>) -> Result<Self> {
        let class_count = rows.len();
        if let Some(row) = rows.iter().find(|row| row.len() != class_count) {
            return Err(Error::mismatch("a row of a confusion matrix", row.len(), class_count));
        }
        Ok(Confusion { class_count, counts: rows.concat() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_recall_by_hand() {
        // cat: 3 examples, 2 correct, 1 predicted as dog. dog: 2 examples, both correct. bird: absent, never predicted.
        let confusion = Confusion::count(&[0, 0, 1, 1, 1], &[0, 0, 0, 1, 1], 3).unwrap();
        let scores = confusion.class_scores(&["cat".into(), "dog".into(), "bird".into()]);
        assert_eq!(
            (scores[0].precision, scores[0].recall, scores[0].f1),
            (Some(1.0), Some(2. / 3.), Some(0.8))
        );
        assert_eq!(
            (scores[1].precision, scores[1].recall, scores[1].f1),
            (Some(2. / 3.), Some(1.0), Some(0.8))
        );
        assert_eq!((scores[2].precision, scores[2].recall, scores[2].f1), (None, None, None));
        assert_eq!(scores.iter().map(|s| s.support).collect::<Vec<_>>(), [3, 2, 0]);
    }

    #[test]
    fn a_class_that_is_predicted_but_absent_has_a_precision_and_an_f1_of_zero() {
        let confusion = Confusion::count(&[1], &[0], 2).unwrap();
        let scores = confusion.class_scores(&["a".into(), "b".into()]);
        assert_eq!((scores[1].precision, scores[1].recall, scores[1].f1), (Some(0.0), None, Some(0.0)));
    }

    #[test]
    fn json_is_a_list_of_rows_and_a_ragged_one_is_rejected() {
        let confusion = Confusion::count(&[1, 0, 1], &[0, 0, 1], 2).unwrap();
        let json = serde_json::to_string(&confusion).unwrap();
        assert_eq!(json, "[[1,1],[0,1]]");
        assert_eq!(serde_json::from_str::<Confusion>(&json).unwrap(), confusion);
        let error = serde_json::from_str::<Confusion>("[[1,1],[0]]").unwrap_err();
        assert!(error.to_string().contains("found 1; expected 2"), "{error}");
    }

    #[test]
    fn more_classes_than_a_table_can_hold_are_rejected() {
        assert!(Confusion::count(&[], &[], usize::MAX).is_err());
    }

    #[test]
    fn as_many_classes_as_a_table_can_hold_are_not_rejected_for_it() {
        let error = |classes| Confusion::count(&[0], &[], classes).unwrap_err().to_string();
        assert!(error(MOST_CLASSES).starts_with("predictions: found 1"), "{}", error(MOST_CLASSES));
        let more = error(MOST_CLASSES + 1);
        assert!(more.contains("found 8193; expected at most 8192"), "{more}");
        assert_eq!(Confusion::count(&[], &[], 3).unwrap().class_count(), 3);
    }

    /// It would be counted in the next row.
    #[test]
    #[should_panic(expected = "class 2 of 2")]
    fn a_prediction_outside_the_classes_is_not_counted() {
        Confusion::count(&[1, 1], &[0, 1], 2).unwrap().get(0, 2);
    }
}
