//! Errors that state what was found, what was expected and what to do.

use std::path::{Path, PathBuf};

/// The result type of all fallible functions in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with its details.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An invalid value of a setting, such as a learning rate of −1 or k = 0.
    #[error("{setting} is {found}; expected {expected}")]
    Setting {
        /// The name of the setting as users write it.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What would be accepted.
        expected: String,
    },

    /// An invalid word or layer of an [`Architecture`](crate::network::Architecture).
    #[error("{place}: found {found}; expected {expected}")]
    Layers {
        /// Which word or layer, by its number.
        place: String,
        /// The word, or the input shape of the layer.
        found: String,
        /// What would be accepted.
        expected: String,
    },

    /// Two matrices that cannot be multiplied.
    #[error(
        "matrix A has dimensions {a:?}, matrix B has dimensions {b:?}: the inner dimensions must match, \
         but {} is not {}", a.1, b.0
    )]
    Dimensions {
        /// Rows and columns of the left factor.
        a: (usize, usize),
        /// Rows and columns of the right factor.
        b: (usize, usize),
    },

    /// Data that does not match: labels outside the classes, features of another width.
    #[error("{what}: found {found}; expected {expected}")]
    Mismatch {
        /// What was checked.
        what: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },

    /// An invalid expression, with the position of the error.
    #[error(
        "in {what}, at character {character}:\n  {line}\n  {}^\nfound {found}; expected {expected}",
        " ".repeat(*column)
    )]
    Expression {
        /// What kind of text it is: `the expression`, `the values`.
        what: &'static str,
        /// The line, or the part of it around the position.
        line: String,
        /// The number of characters of `line` before the position.
        column: usize,
        /// The position in the whole expression, in characters from 1.
        character: usize,
        /// What was found there.
        found: String,
        /// What was expected there.
        expected: String,
    },

    /// A file with invalid content.
    #[error("{}: found {found}; expected {expected}. {remedy}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found in it.
        found: String,
        /// What was expected.
        expected: String,
        /// What to do about it: a complete sentence, with its full stop.
        remedy: String,
    },

    /// A file that could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// "read", "write", "create", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },

    /// The loss became NaN or infinite. Training stopped; the model of the last good step is kept.
    #[error(
        "the loss became {loss} at step {step}: the steps are too large. Try a smaller learning rate than \
         {learning_rate:?} (a tenth of it, say), or smaller initial weights"
    )]
    Diverged {
        /// The step, counted from 1.
        step: usize,
        /// The loss there: NaN or infinite.
        loss: f32,
        /// The configured learning rate, before the schedule.
        learning_rate: f32,
    },
}

/// The kind of fault, for choosing an exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request itself: an invalid setting.
    Usage,
    /// The input: files, data, numbers.
    Data,
}

impl Error {
    /// Whether the request or the data is at fault.
    pub fn fault(&self) -> Fault {
        match self {
            Error::Setting { .. } | Error::Expression { .. } | Error::Layers { .. } => Fault::Usage,
            _ => Fault::Data,
        }
    }

    /// A rejected value of a setting.
    pub fn setting(setting: &'static str, found: impl ToString, expected: impl Into<String>) -> Self {
        Error::Setting { setting, found: found.to_string(), expected: expected.into() }
    }

    /// Data that does not match.
    pub fn mismatch(what: impl Into<String>, found: impl ToString, expected: impl ToString) -> Self {
        Error::Mismatch { what: what.into(), found: found.to_string(), expected: expected.to_string() }
    }

    /// A rejected expression, and the byte at which.
    pub fn expression(text: &str, at: usize, found: impl Into<String>, expected: impl Into<String>) -> Self {
        /// The maximum length of an excerpt: it fits on one line of a terminal.
        const SHOWN: usize = 72;
        let before = &text[..at];
        let start = before.rfind('\n').map_or(0, |feed| feed + 1);
        let line = text[start..].lines().next().unwrap_or_default();
        // Control characters would displace the caret, or worse.
        let mut line: Vec<char> = line
            .chars()
            .map(|c| {
                if c == '\t' {
                    ' '
                } else if c.is_control() {
                    '\u{fffd}'
                } else {
                    c
                }
            })
            .collect();
        let mut column = text[start..at].chars().count();
        if line.len() > SHOWN {
            let from = column.saturating_sub(SHOWN / 2).min(line.len() - SHOWN);
            let to = from + SHOWN;
            let (cut_before, cut_after) = (from > 0, to < line.len());
            line = line[from..to].to_vec();
            column -= from;
            if cut_before {
                line[0] = '…';
            }
            if cut_after {
                line[SHOWN - 1] = '…';
            }
        }
        Error::Expression {
            what: "the expression",
            line: line.into_iter().collect(),
            column,
            character: before.chars().count() + 1,
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// An invalid word or layer of an architecture.
    pub fn layers(place: impl Into<String>, found: impl ToString, expected: impl ToString) -> Self {
        Error::Layers { place: place.into(), found: found.to_string(), expected: expected.to_string() }
    }

    /// A file with rejected content.
    pub fn format(
        path: &Path,
        found: impl ToString,
        expected: impl ToString,
        remedy: impl Into<String>,
    ) -> Self {
        Error::Format {
            path: path.to_owned(),
            found: found.to_string(),
            expected: expected.to_string(),
            remedy: remedy.into(),
        }
    }

    /// A file in a format whose feature is disabled.
    pub fn feature(path: &Path, found: &str, feature: &str) -> Self {
        Error::Format {
            path: path.to_owned(),
            found: found.to_owned(),
            expected: format!("another format: this build lacks the feature `{feature}`"),
            remedy: format!("Turn on the feature `{feature}` of the crate `tercet`."),
        }
    }

    /// For `map_err`: an operating system's error, with the file it was about.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Error::File { action, path, source }
    }
}
