//! The test set, behind a seal: whoever looks at it says why, and the look is written down.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Dataset;

/// One look at a test set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// When, in UTC (RFC 3339).
    pub at: String,
    /// What for.
    pub reason: String,
    /// How many examples were seen.
    pub examples: usize,
}

/// Every look at the test set during a run, part of the run's record.
pub type Openings = Vec<Opening>;

/// A test set that tuning and training cannot reach: they take a [`Dataset`], and this is none until it is opened.
///
/// ```compile_fail
/// # fn tune(validation: &tercet::Dataset) {}
/// # fn sealed() -> tercet::data::SealedTest { unimplemented!() }
/// tune(&sealed()); // expected `&Dataset`, found `&SealedTest`
/// ```
#[derive(Clone, Debug)]
pub struct SealedTest(Dataset);

impl SealedTest {
    /// Seals a test set.
    pub fn new(test: Dataset) -> Self {
        SealedTest(test)
    }

    /// Opens the seal and writes into the record that it was done, when and why.
    pub fn open(&self, record: &mut Openings, reason: impl Into<String>) -> Dataset {
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        record.push(Opening { at, reason: reason.into(), examples: self.0.len() });
        self.0.clone()
    }

    /// The number of examples, which can be told without looking at one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
