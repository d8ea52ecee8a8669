//! Reads and writes a training's history as CSV, one line per step.

use std::fmt::Write;
use std::path::Path;

use super::{History, Validation};
use crate::{Error, Result};

/// The header line.
const HEADER: &str = "step,loss,validation_loss,validation_accuracy";

/// A line of the file.
struct Row {
    step: usize,
    loss: f32,
    /// The validation loss and accuracy, if they were computed after this step.
    validation: Option<(f32, f64)>,
}

impl Row {
    /// Parses a line; the error is the invalid field.
    fn parse(line: &str) -> std::result::Result<Self, String> {
        fn number<T: std::str::FromStr>(field: &str) -> std::result::Result<T, String> {
            field.trim().parse().map_err(|_| format!("{field:?}"))
        }
        let fields: Vec<&str> = line.split(',').collect();
        let [step, loss, validation_loss, validation_accuracy] = fields[..] else {
            return Err(format!("{} fields", fields.len()));
        };
        let validation = match (validation_loss.trim(), validation_accuracy.trim()) {
            ("", "") => None,
            (loss, accuracy) => Some((number(loss)?, number(accuracy)?)),
        };
        Ok(Row { step: number(step)?, loss: number(loss)?, validation })
    }
}

impl History {
    /// All losses as CSV: one line per step, with the validation results in the steps that have them.
    ///
    /// ```
    /// use tercet::train::{Validation, History};
    /// let check = Validation { step: 2, train_loss: 1.5, validation_loss: 1.25, validation_accuracy: 0.5 };
    /// let history = History { losses: vec![2.0, 1.0], validations: vec![check], ..History::default() };
    /// assert_eq!(history.to_csv(), "step,loss,validation_loss,validation_accuracy\n1,2,,\n2,1,1.25,0.5\n");
    /// ```
    pub fn to_csv(&self) -> String {
        let mut csv = format!("{HEADER}\n");
        let mut checks = self.validations.iter().peekable();
        for (step, loss) in (1..).zip(&self.losses) {
            let _ = match checks.next_if(|check| check.step == step) {
                Some(check) => {
                    writeln!(csv, "{step},{loss},{},{}", check.validation_loss, check.validation_accuracy)
                }
                None => writeln!(csv, "{step},{loss},,"),
            };
        }
        csv
    }

    /// Reads a file written by [`to_csv`](History::to_csv). The file has the validation results of each check; the
    /// training losses are recomputed as the means since the previous check.
    ///
    /// # Errors
    /// A file that cannot be read or is not valid, with the line number.
    pub fn read_csv(path: &Path) -> Result<Self> {
        let remedy = "`tercet train … --losses FILE.csv` writes one";
        let refuse = |line: usize, found: String, expected: &str| {
            Error::format(path, format!("line {line}: {found}"), expected, remedy)
        };
        let text = std::fs::read_to_string(path).map_err(Error::file("read", path))?;
        let first = text.lines().next().unwrap_or_default();
        if first.trim() != HEADER {
            let first: String = first.chars().take(60).collect();
            return Err(refuse(1, format!("{first:?}"), &format!("{HEADER:?}")));
        }
        let mut history = History::default();
        let mut since = 0;
        for (line, row) in (1..).zip(text.lines()).skip(1) {
            let row = Row::parse(row).map_err(|found| refuse(line, found, HEADER))?;
            history.losses.push(row.loss);
            if row.step != history.losses.len() {
                let expected = format!("step {}: one line for each", history.losses.len());
                return Err(refuse(line, format!("step {}", row.step), &expected));
            }
            if let Some((validation_loss, validation_accuracy)) = row.validation {
                let train_loss = super::history::mean(&history.losses[since..]);
                since = row.step;
                history.validations.push(Validation {
                    step: row.step,
                    train_loss,
                    validation_loss,
                    validation_accuracy,
                });
            }
        }
        if history.losses.is_empty() {
            return Err(refuse(2, "nothing".to_owned(), "a line for each step"));
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<History> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("losses.csv");
        std::fs::write(&path, text).unwrap();
        History::read_csv(&path)
    }

    #[test]
    fn writing_and_reading_round_trip() {
        let check = |step, train_loss| Validation {
            step,
            train_loss,
            validation_loss: 0.7,
            validation_accuracy: 0.9,
        };
        let history = History {
            losses: vec![3.0, 1.0, f32::NAN, 0.25],
            validations: vec![check(2, 2.0), check(4, f32::NAN)],
            ..History::default()
        };
        let again = read(&history.to_csv()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{history:?}"));
    }

    #[test]
    fn invalid_files_are_rejected_with_the_line() {
        for (text, said) in [
            ("", "line 1"),
            ("a,b\n1,2\n", "line 1"),
            (HEADER, "line 2: nothing"),
            (&format!("{HEADER}\n1,x,,\n"), "line 2: \"x\""),
            (&format!("{HEADER}\n1,0.5,0.5,\n"), "line 2: \"\""),
            (&format!("{HEADER}\n1,0.5\n"), "line 2: 2 fields"),
            (&format!("{HEADER}\n1,0.5,,\n3,0.5,,\n"), "step 3"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
