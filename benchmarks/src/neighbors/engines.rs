//! The peers, and the measurements of Tercet.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tercet::neighbors::{Metric, NearestNeighbors, naive};

use super::check::{Arithmetic, Lists, Problem, compare};
use super::distance::Measure;
use crate::arrays::{Array, read_indices};
use crate::conditions::Conditions;
use crate::peer::Peer;

/// A peer that searches for neighbours.
#[derive(Debug)]
pub struct Engine {
    /// Its name on the command line and in the record.
    pub name: &'static str,
    /// Its rounding.
    pub arithmetic: Arithmetic,
    /// The largest number of queries for a measure, so that a turn takes seconds, not minutes; `None` if it
    /// does not have that measure. Tercet is then timed on the same queries as well.
    most_queries: fn(Measure) -> Option<usize>,
}

/// All peers; the one that the targets refer to comes first.
pub const ENGINES: [Engine; 4] = [
    Engine {
        name: "faiss",
        arithmetic: Arithmetic::Single,
        most_queries: |measure| match measure {
            Measure::L2 | Measure::Cosine | Measure::Dot => Some(usize::MAX),
            Measure::L1 => Some(2_000),
            Measure::L3 => Some(500),
        },
    },
    Engine {
        name: "scikit-learn",
        arithmetic: Arithmetic::Single,
        most_queries: |measure| match measure {
            Measure::L2 | Measure::Cosine | Measure::Dot => Some(2_000),
            Measure::L1 => Some(500),
            Measure::L3 => Some(200),
        },
    },
    Engine {
        name: "scikit-learn-intelex",
        arithmetic: Arithmetic::Single,
        most_queries: |measure| match measure {
            Measure::L2 | Measure::Cosine => Some(usize::MAX),
            Measure::L1 | Measure::L3 => Some(500),
            Measure::Dot => None,
        },
    },
    Engine {
        name: "usearch",
        arithmetic: Arithmetic::Single,
        most_queries: |measure| match measure {
            Measure::L2 | Measure::Cosine | Measure::Dot => Some(1_000),
            Measure::L1 | Measure::L3 => None,
        },
    },
];

impl Engine {
    /// How many of `queries` it gets; `None` if it does not have the measure.
    pub fn queries(&self, measure: Measure, queries: usize) -> Option<usize> {
        (self.most_queries)(measure).map(|most| most.min(queries))
    }
}

/// A running peer.
#[derive(Debug)]
pub struct Running {
    /// Its description.
    pub engine: &'static Engine,
    peer: Peer,
}

impl Running {
    /// Starts peers. Those whose package is not available on this machine are skipped with a message.
    ///
    /// # Errors
    /// A peer that cannot be started.
    pub fn start(names: &[String], conditions: &Conditions, python: &str) -> Result<Vec<Self>> {
        let peers = Peer::start_all("neighbors", names, conditions, python)?;
        let engine = |peer: &Peer| ENGINES.iter().find(|engine| engine.name == peer.name());
        Ok(peers.into_iter().filter_map(|peer| Some(Running { engine: engine(&peer)?, peer })).collect())
    }

    /// The version of its library.
    pub fn version(&self) -> &str {
        self.peer.version()
    }

    /// Loads rows and queries.
    ///
    /// # Errors
    /// Errors of the peer.
    pub fn load(&mut self, rows: &Array, queries: &Array) -> Result<()> {
        let (rows, queries) = (rows.description(), queries.description());
        self.peer.ask(&json!({"do": "load", "rows": rows, "queries": queries})).map(drop)
    }

    /// Fits the first rows. Returns the seconds.
    ///
    /// # Errors
    /// Errors of the peer.
    pub fn fit(&mut self, rows: usize, measure: Measure) -> Result<f64> {
        self.peer.time(&json!({"do": "fit", "rows": rows, "measure": measure.name()}))
    }

    /// Searches for the first queries and writes the rows that it found to `indices`. Returns the seconds.
    ///
    /// # Errors
    /// Errors of the peer.
    pub fn search(&mut self, queries: usize, k: usize, indices: &Path) -> Result<f64> {
        self.peer.time(&json!({"do": "search", "queries": queries, "k": k, "indices": indices}))
    }

    /// Searches for one query after the other. Returns the seconds of each.
    ///
    /// # Errors
    /// Errors of the peer.
    pub fn search_one_by_one(&mut self, queries: usize, k: usize, indices: &Path) -> Result<Vec<f64>> {
        let command = json!({"do": "search one by one", "queries": queries, "k": k, "indices": indices});
        self.peer.time_each(&command, queries)
    }

    /// Compares the rows in `indices` with our lists. Returns for how many queries they differ.
    ///
    /// # Errors
    /// A wrong answer, on either side.
    pub fn check(
        &self,
        problem: &Problem,
        measure: Measure,
        ours: &Lists,
        queries: usize,
        indices: &Path,
    ) -> Result<usize> {
        let indices = read_indices(indices, queries, ours.k, problem.rows.len())?;
        let theirs = Lists { k: ours.k, indices };
        compare(problem, measure, ours, &theirs, self.engine.arithmetic)
            .with_context(|| format!("{} and Tercet disagree", self.engine.name))
    }
}

/// The metric of Tercet for a measure, if it has it.
pub fn metric(measure: Measure) -> Option<Metric> {
    measure.name().parse().ok()
}

/// Fits Tercet, and returns the seconds.
///
/// # Errors
/// Those of the library.
pub fn fit(problem: &Problem, metric: Metric) -> Result<(NearestNeighbors, f64)> {
    let start = Instant::now();
    let index = NearestNeighbors::fit(&problem.rows, metric)?;
    Ok((index, start.elapsed().as_secs_f64()))
}

/// Searches with Tercet for the first queries, and returns the seconds.
///
/// # Errors
/// Those of the library.
pub fn search(index: &NearestNeighbors, problem: &Problem, queries: usize, k: usize) -> Result<(Lists, f64)> {
    let all = queries >= problem.queries.len();
    let queries = if all { problem.queries.clone() } else { problem.queries.first(queries) };
    let start = Instant::now();
    let found = index.search(&queries, k)?;
    let seconds = start.elapsed().as_secs_f64();
    Ok((Lists { k, indices: found.indices }, seconds))
}

/// Searches with Tercet for all queries, untimed, and returns the mean number of rows that were compared in
/// full for a query.
///
/// # Errors
/// Those of the library.
pub fn search_counted(index: &NearestNeighbors, problem: &Problem, k: usize) -> Result<(Lists, f64)> {
    let (found, counts) = index.search_counted(&problem.queries, k)?;
    Ok((Lists { k, indices: found.indices }, counts.rows as f64 / problem.queries.len() as f64))
}

/// Compares our lists with the definition, for a sample of the queries.
///
/// # Errors
/// A list that differs from the definition.
pub fn check_by_definition(problem: &Problem, metric: Metric, measure: Measure, ours: &Lists) -> Result<()> {
    /// The number of queries, evenly spaced.
    const SAMPLE: usize = 16;
    let n = problem.queries.len();
    let step = n.div_ceil(SAMPLE);
    let sample: Vec<usize> = (0..n).step_by(step).collect();
    let queries = problem.queries.subset(&sample);
    let defined = naive::search(&problem.rows, &queries, metric, ours.k)?;
    let list = |q: &usize| &ours.indices[q * ours.k..][..ours.k];
    let ours: Vec<u32> = sample.iter().flat_map(list).copied().collect();
    let (ours, defined) =
        (Lists { k: defined.k, indices: ours }, Lists { k: defined.k, indices: defined.indices });
    // Distances of bytes are exact, and equal ones are ordered by index.
    if problem.rows.is_pixels() && ours != defined {
        let at = ours.indices.iter().zip(&defined.indices).position(|(our, right)| our != right);
        let at = at.unwrap_or(0);
        bail!(
            "query {}, neighbour {}: Tercet found row {}, by definition it is row {}",
            sample[at / ours.k],
            at % ours.k + 1,
            ours.indices[at],
            defined.indices[at]
        );
    }
    let problem = Problem::new(problem.rows.clone(), queries);
    let by_definition = "Tercet differs from the definition (called the peer here)";
    compare(&problem, measure, &ours, &defined, Arithmetic::Exact).context(by_definition).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::data::Data;

    #[test]
    fn a_planted_wrong_row_is_caught_by_the_definition() {
        let problem = Data::UniformBytes.small().unwrap();
        let (index, _) = fit(&problem, Metric::L2).unwrap();
        let (ours, _) = search(&index, &problem, problem.queries.len(), 3).unwrap();
        check_by_definition(&problem, Metric::L2, Measure::L2, &ours).unwrap();
        // The first query is in every sample.
        let mut wrong = ours.clone();
        wrong.indices.swap(1, 2);
        let error = check_by_definition(&problem, Metric::L2, Measure::L2, &wrong).unwrap_err().to_string();
        assert!(error.starts_with("query 0, neighbour 2: Tercet found row"), "{error}");
    }

    #[test]
    fn on_floats_too() {
        let problem = Data::UniformFloats.small().unwrap();
        for measure in [Measure::L1, Measure::L2, Measure::Cosine] {
            let metric = metric(measure).unwrap();
            let (index, _) = fit(&problem, metric).unwrap();
            let (ours, _) = search(&index, &problem, problem.queries.len(), 3).unwrap();
            check_by_definition(&problem, metric, measure, &ours).unwrap();
            let mut wrong = ours.clone();
            wrong.indices[2] = (0..).find(|row| !ours.indices[..3].contains(row)).unwrap();
            assert!(check_by_definition(&problem, metric, measure, &wrong).is_err(), "{measure:?}");
        }
    }

    #[test]
    fn peers_get_the_queries_that_they_can_answer() {
        assert_eq!(ENGINES[0].queries(Measure::L2, 10_000), Some(10_000));
        assert_eq!(ENGINES[1].queries(Measure::L1, 10_000), Some(500));
        assert_eq!(ENGINES[3].queries(Measure::L3, 10_000), None);
    }
}
