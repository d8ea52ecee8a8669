//! The test set, sealed: every use of it needs a reason, which is recorded.

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
/// Tuning takes examples so:
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
/// and in their place the sealed ones are rejected by the compiler, as they are by training, by splits and by scores:
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
/// Nor is there a way around [`open`](SealedTest::open), which writes the opening down: the examples inside are private, and the
/// seal itself tells of them no more than their number, not even to whoever prints it.
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
    fn every_opening_is_written_down() {
        let mut record = Openings::new();
        for reason in ["once", "again"] {
            assert_eq!(sealed().open(&mut record, reason).pixels(1), Some(&[78u8][..]));
        }
        let written: Vec<_> = record.iter().map(|o| (o.reason.as_str(), o.examples)).collect();
        assert_eq!(written, [("once", 2), ("again", 2)]);
        assert!(record[0].at.ends_with('Z') && record[0].at.starts_with("20"), "{}", record[0].at);
    }

    #[test]
    fn the_seal_tells_how_many_examples_there_are_and_nothing_else() {
        assert_eq!((sealed().len(), sealed().is_empty()), (2, false));
        assert_eq!(format!("{:?}", Some(sealed())), "Some(SealedTest(2 examples))");
    }
}
