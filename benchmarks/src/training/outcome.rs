//! The results of one engine, as a line of a table and as a row of the record.

use std::path::Path;

use anyhow::Result;
use tercet_record::Record;

use super::session::Session;
use super::works::{Target, Work};
use crate::conditions::{TERCET, verdict};
use crate::peer::Peer;
use crate::show;
use crate::times::Times;

/// The results of one engine.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The name of the engine.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// The seconds of each run, or of each example for predictions one by one.
    pub seconds: Times,
    /// Tercet's time divided by this engine's.
    pub ratio: Option<Ratio>,
    /// The test accuracy of the trained network.
    pub accuracy: Option<f64>,
    /// The largest difference from Tercet in the losses of the first steps, or in scores.
    pub differs_by: Option<f64>,
    /// The objective of an exact solver.
    pub objective: Option<Objective>,
    /// The memory of a separate process.
    pub memory: Option<Memory>,
}

/// Tercet's time divided by another engine's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The ratio of the best times, which the targets refer to.
    pub least: f64,
    /// The ratio of the medians.
    pub median: f64,
}

/// An objective, in the form of the engine that minimises it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// The primal objective of the returned weights.
    pub primal: f64,
    /// The dual objective and the relative gap, if the engine computes them.
    pub bound: Option<(f64, f64)>,
}

/// Bytes of memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// The peak memory of the process.
    pub peak: u64,
    /// The size of the data set.
    pub data: u64,
}

impl Memory {
    fn megabytes_more(self) -> f64 {
        self.peak.saturating_sub(self.data) as f64 / 1e6
    }
}

impl Outcome {
    /// An empty outcome for Tercet.
    pub fn of_tercet() -> Self {
        Self::new(TERCET, env!("CARGO_PKG_VERSION"))
    }

    /// An empty outcome for a peer.
    pub fn of_peer(peer: &Peer) -> Self {
        Self::new(peer.name(), peer.version())
    }

    fn new(engine: &str, version: &str) -> Self {
        Outcome {
            engine: engine.to_owned(),
            version: version.to_owned(),
            seconds: Times::default(),
            ratio: None,
            accuracy: None,
            differs_by: None,
            objective: None,
            memory: None,
        }
    }

    /// The row for the record, as column names and values.
    fn row(&self, session: &Session, work: &Work) -> Vec<(String, String)> {
        let seconds = |seconds: f64| if seconds.is_nan() { String::new() } else { format!("{seconds:.4e}") };
        let maybe = |number: Option<f64>, digits: usize| {
            number.map(|number| format!("{number:.digits$}")).unwrap_or_default()
        };
        let small = |number: Option<f64>| number.map(|number| format!("{number:.1e}")).unwrap_or_default();
        let bound = self.objective.and_then(|objective| objective.bound);
        let runs = self.seconds.0.len();
        let mut row = session.conditions.columns(work.name, &self.engine, &self.version);
        let columns = [
            ("runs", if runs > 0 { runs.to_string() } else { String::new() }),
            ("seconds, least", seconds(self.seconds.min())),
            ("seconds, median", seconds(self.seconds.median())),
            ("tercet / engine, least", maybe(self.ratio.map(|ratio| ratio.least), 4)),
            ("tercet / engine, median", maybe(self.ratio.map(|ratio| ratio.median), 4)),
            ("test accuracy", maybe(self.accuracy, 4)),
            ("differs by", small(self.differs_by)),
            ("primal", maybe(self.objective.map(|objective| objective.primal), 6)),
            ("dual", maybe(bound.map(|(dual, _)| dual), 6)),
            ("gap", small(bound.map(|(_, gap)| gap))),
            ("peak bytes", self.memory.map(|memory| memory.peak.to_string()).unwrap_or_default()),
            ("bytes of the data", self.memory.map(|memory| memory.data.to_string()).unwrap_or_default()),
        ];
        row.extend(columns.map(|(name, value)| (name.to_owned(), value)));
        row
    }
}

/// Divides the times of the first outcome, which is Tercet's, by those of the others.
pub fn compare(outcomes: &mut [Outcome]) {
    let Some((ours, others)) = outcomes.split_first_mut() else { return };
    for other in others {
        let least = ours.seconds.min() / other.seconds.min();
        other.ratio = Some(Ratio { least, median: ours.seconds.median() / other.seconds.median() });
    }
}

/// Prints the outcomes of a work.
///
/// # Errors
/// A closed pipe.
pub fn print(outcomes: &[Outcome]) -> Result<()> {
    if outcomes.iter().any(|outcome| !outcome.seconds.0.is_empty()) {
        show::print(table(outcomes).trim_fmt())?;
    }
    for outcome in outcomes {
        if let Some(Objective { primal, bound }) = outcome.objective {
            let bound = match bound {
                Some((dual, gap)) => format!(", dual {dual:.6}, relative gap {gap:.1e}"),
                None => " of its own objective, which is another".to_owned(),
            };
            show::print(format_args!("{}: primal {primal:.6}{bound}", outcome.engine))?;
        }
        if let Some(memory) = outcome.memory {
            let megabytes = |bytes: u64| show::megabytes(bytes as usize);
            let Memory { peak, data } = memory;
            show::print(format_args!(
                "{} at most, {:.1} MB more than the data set's {}",
                megabytes(peak),
                memory.megabytes_more(),
                megabytes(data)
            ))?;
        }
    }
    Ok(())
}

fn table(outcomes: &[Outcome]) -> comfy_table::Table {
    let mut table = show::table([
        "engine",
        "runs",
        "time: least",
        "median",
        "tercet / engine: least",
        "median",
        "test accuracy",
        "differs by",
    ]);
    for outcome in outcomes {
        let ratio =
            |of: fn(Ratio) -> f64| outcome.ratio.map(|ratio| show::ratio(of(ratio))).unwrap_or_default();
        table.add_row([
            format!("{} {}", outcome.engine, outcome.version),
            show::count(outcome.seconds.0.len()),
            show::duration(outcome.seconds.min()),
            show::duration(outcome.seconds.median()),
            ratio(|ratio| ratio.least),
            ratio(|ratio| ratio.median),
            outcome.accuracy.map(|accuracy| format!("{:.2} %", 100.0 * accuracy)).unwrap_or_default(),
            outcome.differs_by.map(|most| format!("{most:.0e}")).unwrap_or_default(),
        ]);
    }
    table
}

/// Whether a target is met, as text; `None` if it was not measured.
pub fn judge(target: Target, outcomes: &[Outcome]) -> Option<String> {
    let ours = outcomes.iter().find(|outcome| outcome.engine == TERCET)?;
    Some(match target {
        Target::Of(peer, most) => {
            let found = outcomes.iter().find(|outcome| outcome.engine == peer)?.ratio?.least;
            let (most_shown, found_shown) = (show::ratio(most), show::ratio(found));
            format!("at most {most_shown} of {peer}: {}, {found_shown}", verdict(found <= most))
        }
        Target::Microseconds(most) => {
            let found = ours.seconds.median();
            format!(
                "a median of at most {most} µs: {}, {}",
                verdict(1e6 * found <= most),
                show::duration(found)
            )
        }
        Target::MegabytesMore(most) => {
            let found = ours.memory?.megabytes_more();
            format!("at most {most} MB more than the data set: {}, {found:.1} MB", verdict(found <= most))
        }
        Target::Reaches(least, most) => {
            let (found, seconds) = (ours.accuracy?, ours.seconds.mean());
            format!(
                "at least {:.1} % within {most} s, on average: {}, {:.3} % in {}",
                100.0 * least,
                verdict(found >= least && seconds <= most),
                100.0 * found,
                show::duration(seconds)
            )
        }
    })
}

/// Appends the outcomes to the record.
///
/// # Errors
/// A record that cannot be written, or has other columns.
pub fn append(path: &Path, session: &Session, work: &Work, outcomes: &[Outcome]) -> Result<()> {
    for outcome in outcomes {
        Record::open(path)?.append(&outcome.row(session, work))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::Conditions;
    use crate::training::works::TRAINING;

    fn outcome(engine: &str, seconds: &[f64]) -> Outcome {
        Outcome { seconds: Times(seconds.to_vec()), ..Outcome::new(engine, "1") }
    }

    #[test]
    fn ratios_are_least_by_least_and_median_by_median() {
        let mut all = [outcome(TERCET, &[1.0, 2.0, 9.0]), outcome("torch", &[8.0, 4.0, 16.0])];
        compare(&mut all);
        assert_eq!(all[0].ratio, None);
        assert_eq!(all[1].ratio, Some(Ratio { least: 0.25, median: 0.25 }));
        let judged = |target| judge(target, &all).unwrap();
        assert_eq!(judged(Target::Of("torch", 0.25)), "at most 1/4.0 of torch: met, 1/4.0");
        assert!(judged(Target::Of("torch", 0.2)).contains("MISSED"));
        assert_eq!(judge(Target::Of("jax", 1.0), &all), None);
    }

    #[test]
    fn microseconds_and_megabytes_are_judged() {
        let mut ours = [outcome(TERCET, &[1e-6, 15e-6, 99e-6])];
        let judged = |target, all: &[Outcome]| judge(target, all).unwrap();
        assert!(judged(Target::Microseconds(15.5), &ours).contains("met, 15.0 µs"));
        assert!(judged(Target::Microseconds(14.0), &ours).contains("MISSED"));
        assert_eq!(judge(Target::MegabytesMore(60.0), &ours), None);
        ours[0].memory = Some(Memory { peak: 115_000_000, data: 55_000_000 });
        assert!(judged(Target::MegabytesMore(60.0), &ours).contains("met, 60.0 MB"));
        assert!(judged(Target::MegabytesMore(59.0), &ours).contains("MISSED"));
    }

    #[test]
    fn a_row_of_the_record_has_every_column_once_and_nothing_where_nothing_was_measured() {
        let session = Session::new(Conditions::for_tests(), 1, true, Vec::new());
        let mut of_torch = outcome("torch", &[0.5]);
        of_torch.differs_by = Some(2.6e-7);
        let row = of_torch.row(&session, &TRAINING.works[0]);
        let mut names: Vec<&String> = row.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), row.len());
        let value = |column: &str| &row.iter().find(|(name, _)| name == column).unwrap().1;
        let columns = ["work", "seconds, least", "differs by", "gap", "peak bytes", "test accuracy"];
        assert_eq!(columns.map(value), ["lecture", "5.0000e-1", "2.6e-7", "", "", ""]);
    }
}
