//! The results of one engine, as a line of a table and as a row of the record.

use std::path::Path;

use anyhow::Result;
use tercet_record::Record;

use super::check::Problem;
use super::distance::Measure;
use super::session::Session;
use super::works::{Target, Work};
use crate::conditions::{TERCET, verdict};
use crate::show;
use crate::times::Times;

/// The results of one engine.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The name of the engine.
    pub engine: String,
    /// Its version.
    pub version: String,
    /// N, the rows that were searched.
    pub rows: usize,
    /// The number of queries.
    pub queries: usize,
    /// D, the number of values per row.
    pub width: usize,
    /// Whether the values are bytes.
    pub bytes: bool,
    /// The distance measure.
    pub measure: Measure,
    /// The number of neighbours.
    pub k: usize,
    /// The fit time of each run.
    pub fit: Times,
    /// The search time of each run, for all queries together.
    pub search: Times,
    /// The time of each query, if they were searched one by one.
    pub each: Option<Times>,
    /// The median total of Tercet for the same queries, divided by this engine's.
    pub tercet_ratio: Option<f64>,
    /// The number of queries whose neighbours have other distances than Tercet's.
    pub differing: Option<usize>,
    /// The size of the prepared index in bytes, for Tercet only.
    pub memory: Option<usize>,
    /// The mean number of rows compared in full per query, for Tercet only.
    pub compared: Option<f64>,
}

impl Outcome {
    /// An empty outcome for Tercet.
    pub fn of_tercet(problem: &Problem, queries: usize, measure: Measure, k: usize) -> Self {
        Self::of_peer(TERCET, env!("CARGO_PKG_VERSION"), problem, queries, measure, k)
    }

    /// An empty outcome for an engine.
    pub fn of_peer(
        engine: &str,
        version: &str,
        problem: &Problem,
        queries: usize,
        measure: Measure,
        k: usize,
    ) -> Self {
        Outcome {
            engine: engine.to_owned(),
            version: version.to_owned(),
            rows: problem.rows.len(),
            queries,
            width: problem.rows.width(),
            bytes: problem.rows.is_pixels(),
            measure,
            k,
            fit: Times::default(),
            search: Times::default(),
            each: None,
            tercet_ratio: None,
            differing: None,
            memory: None,
            compared: None,
        }
    }

    /// The sum of fit and search, run by run.
    pub fn total(&self) -> Times {
        self.fit.plus(&self.search)
    }

    /// The size of the rows in bytes.
    fn row_bytes(&self) -> usize {
        self.rows * self.width * if self.bytes { 1 } else { size_of::<f32>() }
    }

    /// The size of the index relative to that of the rows.
    pub fn memory_ratio(&self) -> Option<f64> {
        self.memory.map(|held| held as f64 / self.row_bytes() as f64)
    }

    fn name(&self) -> String {
        format!("{} {}", self.engine, self.version)
    }

    /// The row for the record, as column names and values.
    fn row(&self, session: &Session, work: &Work) -> Vec<(String, String)> {
        let seconds = |seconds: f64| if seconds.is_nan() { String::new() } else { format!("{seconds:.5}") };
        let maybe = |text: Option<String>| text.unwrap_or_default();
        let mut row = session.conditions.columns(work.name, &self.engine, &self.version);
        let columns: [(&str, String); 16] = [
            ("rows", self.rows.to_string()),
            ("queries", self.queries.to_string()),
            ("width", self.width.to_string()),
            ("type", if self.bytes { "u8" } else { "f32" }.to_owned()),
            ("measure", self.measure.name().to_owned()),
            ("k", self.k.to_string()),
            ("runs", self.search.0.len().to_string()),
            ("fit seconds", seconds(self.fit.median())),
            ("search seconds", seconds(self.search.median())),
            ("total seconds, least", seconds(self.total().min())),
            ("total seconds, median", seconds(self.total().median())),
            (
                "seconds of one query, median",
                maybe(self.each.as_ref().map(|each| format!("{:.4e}", each.median()))),
            ),
            ("tercet / engine", maybe(self.tercet_ratio.map(|ratio| format!("{ratio:.4}")))),
            ("lists that differ", maybe(self.differing.map(|count| count.to_string()))),
            ("index bytes", maybe(self.memory.map(|held| held.to_string()))),
            ("rows compared in full, a query", maybe(self.compared.map(|rows| format!("{rows:.1}")))),
        ];
        row.extend(columns.map(|(name, value)| (name.to_owned(), value)));
        row
    }
}

/// Prints the table of a question, the memory of Tercet's index, and how many rows it compared in full.
///
/// # Errors
/// A closed pipe.
pub fn print(outcomes: &[Outcome]) -> Result<()> {
    let one_by_one = outcomes.iter().any(|outcome| outcome.each.is_some());
    let table = if one_by_one { queries_table(outcomes) } else { totals_table(outcomes) };
    show::print(table.trim_fmt())?;
    if let Some((outcome, held)) = outcomes.iter().find_map(|outcome| Some((outcome, outcome.memory?))) {
        show::print(format_args!(
            "tercet's index holds {}, {:.2} times the rows' {}",
            show::megabytes(held),
            held as f64 / outcome.row_bytes() as f64,
            show::megabytes(outcome.row_bytes())
        ))?;
        if let Some(compared) = outcome.compared {
            show::print(format_args!("{compared:.1} rows were compared in full for a query, on average"))?;
        }
    }
    Ok(())
}

fn totals_table(outcomes: &[Outcome]) -> comfy_table::Table {
    let mut table = show::table([
        "engine",
        "queries",
        "runs",
        "fit, s",
        "search, s",
        "total, s: least",
        "median",
        "tercet / engine",
        "lists that differ",
    ]);
    for outcome in outcomes {
        table.add_row([
            outcome.name(),
            show::count(outcome.queries),
            outcome.search.0.len().to_string(),
            show::seconds(outcome.fit.median()),
            show::seconds(outcome.search.median()),
            show::seconds(outcome.total().min()),
            show::seconds(outcome.total().median()),
            outcome.tercet_ratio.map(show::ratio).unwrap_or_default(),
            outcome.differing.map(show::count).unwrap_or_default(),
        ]);
    }
    table
}

fn queries_table(outcomes: &[Outcome]) -> comfy_table::Table {
    let mut table = show::table([
        "engine",
        "queries",
        "one query, ms: least",
        "median",
        "most",
        "tercet / engine",
        "lists that differ",
    ]);
    for outcome in outcomes {
        let each = outcome.each.clone().unwrap_or_default();
        let milliseconds = |seconds: f64| show::seconds(1e3 * seconds);
        table.add_row([
            outcome.name(),
            show::count(outcome.queries),
            milliseconds(each.min()),
            milliseconds(each.median()),
            milliseconds(each.max()),
            outcome.tercet_ratio.map(show::ratio).unwrap_or_default(),
            outcome.differing.map(show::count).unwrap_or_default(),
        ]);
    }
    table
}

/// Whether a target is met, as text; `None` if it was not measured.
pub fn judge(target: Target, outcomes: &[Outcome]) -> Option<String> {
    let ours = outcomes.iter().find(|outcome| outcome.engine == TERCET)?;
    Some(match target {
        Target::Of(peer, most) => {
            let found = outcomes.iter().find(|outcome| outcome.engine == peer)?.tercet_ratio?;
            let (most_shown, found_shown) = (show::ratio(most), show::ratio(found));
            format!("at most {most_shown} of {peer}: {}, {found_shown}", verdict(found <= most))
        }
        Target::Seconds(most) => {
            let found = ours.total().median();
            format!("at most {most} s: {}, {} s", verdict(found <= most), show::seconds(found))
        }
        Target::Milliseconds(most) => {
            let found = 1e3 * ours.each.as_ref()?.median();
            format!("a median of at most {most} ms: {}, {} ms", verdict(found <= most), show::seconds(found))
        }
        Target::Memory(most) => {
            let found = ours.memory_ratio()?;
            format!("an index of at most {most} times the rows: {}, {found:.2}", verdict(found <= most))
        }
        Target::SlowerThanRows => {
            // For slow peers, Tercet is also timed on fewer queries; only times for all of them are comparable.
            let all = outcomes.iter().map(|outcome| outcome.queries).max()?;
            let of_tercet =
                || outcomes.iter().filter(|outcome| outcome.engine == TERCET && outcome.queries == all);
            let fewest = of_tercet().min_by_key(|outcome| outcome.rows)?;
            let most = of_tercet().max_by_key(|outcome| outcome.rows)?;
            let times = |number: f64| format!("{number:.1} times");
            let rows = most.rows as f64 / fewest.rows as f64;
            let seconds = most.search.median() / fewest.search.median();
            format!(
                "search grows slower than the rows: {}, {} the time for {} the rows",
                verdict(seconds < rows),
                times(seconds),
                times(rows)
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

    fn outcome(engine: &str, rows: usize, seconds: f64) -> Outcome {
        Outcome {
            engine: engine.to_owned(),
            version: "1".to_owned(),
            rows,
            queries: 10,
            width: 4,
            bytes: true,
            measure: Measure::L2,
            k: 3,
            fit: Times(vec![1.0]),
            search: Times(vec![seconds]),
            each: None,
            tercet_ratio: None,
            differing: None,
            memory: None,
            compared: None,
        }
    }

    #[test]
    fn a_target_is_met_or_missed_by_what_was_measured() {
        let mut all = [outcome(TERCET, 100, 3.0), outcome("faiss", 100, 39.0)];
        all[1].tercet_ratio = Some(0.1);
        let judged = |target, all: &[Outcome]| judge(target, all).unwrap();
        assert_eq!(judged(Target::Of("faiss", 1.0 / 8.0), &all), "at most 1/8.0 of faiss: met, 1/10.0");
        assert!(judged(Target::Of("faiss", 1.0 / 15.0), &all).contains("MISSED"));
        assert_eq!(judge(Target::Of("usearch", 1.0), &all), None);

        assert_eq!(judged(Target::Seconds(4.0), &all), "at most 4 s: met, 4.000 s");
        assert!(judged(Target::Seconds(3.9), &all).contains("MISSED"));

        assert_eq!(judge(Target::Memory(1.5), &all), None);
        all[0].memory = Some(640);
        assert!(judged(Target::Memory(1.6), &all).contains("met, 1.60"));
        assert!(judged(Target::Memory(1.5), &all).contains("MISSED"));

        assert_eq!(judge(Target::Milliseconds(1.0), &all), None);
        all[0].each = Some(Times(vec![0.001, 0.002, 0.009]));
        assert!(judged(Target::Milliseconds(2.0), &all).contains("met, 2.000 ms"));
    }

    #[test]
    fn growth_is_judged_from_the_fewest_rows_to_the_most() {
        let of_fewer_queries = |seconds| Outcome { queries: 1, ..outcome(TERCET, 3000, seconds) };
        let grown = |seconds| {
            [
                outcome(TERCET, 100, 1.0),
                outcome(TERCET, 3000, seconds),
                of_fewer_queries(0.5),
                outcome("faiss", 9000, 9.0),
            ]
        };
        let target = Target::SlowerThanRows;
        assert!(
            judge(target, &grown(12.0)).unwrap().contains("met, 12.0 times the time for 30.0 times the rows")
        );
        assert!(judge(target, &grown(31.0)).unwrap().contains("MISSED"));
    }

    #[test]
    fn a_row_of_the_record_has_every_column_once() {
        let session = Session::for_tests();
        let row = outcome("faiss", 100, 39.0).row(&session, &super::super::works::WORKS[0]);
        let mut names: Vec<&String> = row.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), row.len());
        let value = |column: &str| &row.iter().find(|(name, _)| name == column).unwrap().1;
        assert_eq!(
            [value("total seconds, median"), value("isa"), value("lists that differ")],
            ["40.00000", "", ""]
        );
    }
}
