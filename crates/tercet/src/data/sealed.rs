//! The sealed test set: every use of it needs a reason, which is recorded.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Dataset;

/// One opening of a test set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The time, in UTC (RFC 3339).
    pub at: String,
    /// The reason.
    pub reason: String,
    /// The number of examples in the set.
    pub examples: usize,
}

/// All openings of the test set during a run, part of the run's record.
pub type Openings = Vec<Opening>;

/// A test set that tuning and training cannot access: they take a [`Dataset`], which it becomes only when opened.
///
/// Tuning takes a data set:
///
/// ```
/// # use std::ops::ControlFlow;
/// # use tercet::data::{Dataset, SealedTest};
/// # use tercet::tune::{ValidationMethod, NeighborSpace, Plan, Search, neighbors};
/// # fn tune(data: &Dataset, sealed: &SealedTest, space: &NeighborSpace, plan: &Plan) {
/// let _ = neighbors(data, space, plan, &mut |_| ControlFlow::Continue(()));
/// # }
/// ```
///
/// Passing the sealed set instead is rejected by the compiler, and likewise in training, splits and scoring:
///
/// ```compile_fail,E0308
/// # use std::ops::ControlFlow;
/// # use tercet::data::{Dataset, SealedTest};
/// # use tercet::tune::{ValidationMethod, NeighborSpace, Plan, Search, neighbors};
/// # fn tune(data: &Dataset, sealed: &SealedTest, space: &NeighborSpace, plan: &Plan) {
/// let _ = neighbors(sealed, space, plan, &mut |_| ControlFlow::Continue(())); // expected `&Dataset`, found `&SealedTest`
/// # }
/// ```
///
/// ```compile_fail,E0308
/// # use tercet::data::SealedTest;
/// # use tercet::train::{Plan, Settings};
/// # fn train(sealed: &SealedTest, settings: &Settings) {
/// let _ = Plan::new(sealed, settings, 0);
/// # }
/// ```
///
/// ```compile_fail,E0308
/// # use tercet::data::{SealedTest, split};
/// # fn hold_out(sealed: &SealedTest) {
/// let _ = split(sealed, 100, 0);
/// # }
/// ```
///
/// ```compile_fail,E0308
/// # use tercet::data::SealedTest;
/// # use tercet::network::Network;
/// # fn score(sealed: &SealedTest, network: &Network) {
/// let _ = network.scores(sealed);
/// # }
/// ```
///
/// Nor is there a way around [`open`](SealedTest::open), which records the opening: the examples inside are private,
/// and the sealed set reveals only their number, even in its `Debug` output.
///
/// ```compile_fail,E0616
/// # use tercet::data::{Dataset, SealedTest};
/// # fn look(sealed: &SealedTest) -> &Dataset {
/// &sealed.0
/// # }
/// ```
#[derive(Clone)]
pub struct SealedTest(Dataset);

impl std::fmt::Debug for SealedTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SealedTest({} examples)", self.0.len())
    }
}

impl SealedTest {
    /// Seals a test set.
    pub fn new(test: Dataset) -> Self {
        SealedTest(test)
    }

    /// Opens the sealed test set and records when and why.
    pub fn open(&self, record: &mut Openings, reason: impl Into<String>) -> Dataset {
        let at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        record.push(Opening { at, reason: reason.into(), examples: self.0.len() });
        self.0.clone()
    }

    /// The number of examples, which does not require opening.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    fn sealed() -> SealedTest {
        let classes = vec!["a".to_owned()];
        let set = Dataset::from_pixels("x", ImageShape::gray(1, 1), vec![77, 78], vec![0, 0], classes);
        SealedTest::new(set.unwrap())
    }

    #[test]
    fn every_opening_is_recorded() {
        let mut record = Openings::new();
        for reason in ["once", "again"] {
            assert_eq!(sealed().open(&mut record, reason).pixels(1), Some(&[78u8][..]));
        }
        let written: Vec<_> = record.iter().map(|o| (o.reason.as_str(), o.examples)).collect();
        assert_eq!(written, [("once", 2), ("again", 2)]);
        assert!(record[0].at.ends_with('Z') && record[0].at.starts_with("20"), "{}", record[0].at);
    }

    #[test]
    fn only_the_number_of_examples_is_visible() {
        assert_eq!((sealed().len(), sealed().is_empty()), (2, false));
        assert_eq!(format!("{:?}", Some(sealed())), "Some(SealedTest(2 examples))");
    }
}
