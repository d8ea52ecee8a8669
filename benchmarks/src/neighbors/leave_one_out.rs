//! Leave-one-out classification of every row by the others, with 1, 2, … k neighbours from one search.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tercet::data::Examples;
use tercet::neighbors::{Metric, NearestNeighbors, Neighbors, Vote, accuracy_by_k, naive};

use super::check::Problem;
use super::distance::Measure;
use super::outcome::Outcome;
use super::session::{Question, Session};
use crate::show;

/// The number of queries of the peers; all rows would take FAISS half a minute per turn.
const PEER_QUERIES: usize = 10_000;

/// Times the search for some rows in turns with the peers, then all of it with Tercet: fit, the search for
/// all rows, and the votes, which count as search. The outcome of the latter comes first.
///
/// # Errors
/// Rows without classes, a wrong answer, and an engine that fails.
pub fn measure(session: &mut Session, problem: &Problem, k: usize) -> Result<Vec<Outcome>> {
    let rows = &problem.rows;
    let labels = problem.labels.as_ref().context("the rows have no classes to vote for")?;
    let some = Problem::new(rows.clone(), rows.first(PEER_QUERIES));
    session.load(&some)?;
    // A row is its own nearest neighbour, so k is one larger.
    let question = Question { rows: rows.len(), measure: Measure::L2, k: k + 1, peer_queries: usize::MAX };
    let mut outcomes = session.ask(&some, question)?;

    let all = Problem::new(rows.clone(), rows.clone());
    let mut whole = Outcome::of_tercet(&all, rows.len(), Measure::L2, k + 1);
    let mut accuracies = Vec::new();
    for turn in 0..session.runs {
        eprintln!("all rows, turn {} of {}", turn + 1, session.runs);
        let start = Instant::now();
        let index = NearestNeighbors::fit(rows, Metric::L2)?;
        whole.fit.0.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let found = index.leave_one_out(k, &|_, _| ControlFlow::Continue(()))?;
        let found = found.context("the search was interrupted")?;
        accuracies = accuracy_by_k(&found, labels, labels, Vote::Uniform)?;
        whole.search.0.push(start.elapsed().as_secs_f64());
        if turn == 0 {
            check(rows, &found)?;
        }
    }
    let accuracies: Vec<String> = accuracies.iter().map(|share| format!("{:.2}", 100.0 * share)).collect();
    show::print(format_args!("accuracy in % with 1 to {k} neighbours: {}", accuracies.join(", ")))?;
    outcomes.insert(0, whole);
    Ok(outcomes)
}

/// Compares the neighbours of some evenly spaced rows with the definition.
fn check(rows: &Examples, found: &Neighbors) -> Result<()> {
    /// The number of these rows.
    const SAMPLE: usize = 16;
    for row in (0..rows.len()).step_by(rows.len().div_ceil(SAMPLE)) {
        let mut defined = naive::search(rows, &rows.subset(&[row]), Metric::L2, found.k + 1)?.indices;
        let own = defined.iter().position(|&index| index as usize == row).unwrap_or(found.k);
        defined.remove(own);
        let (ours, _) = found.of(row);
        ensure!(ours == defined, "row {row}: Tercet found {ours:?}, by definition it is {defined:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::data::Data;

    #[test]
    fn a_planted_wrong_neighbour_is_caught() {
        let rows = Data::UniformBytes.small().unwrap().rows;
        let index = NearestNeighbors::fit(&rows, Metric::L2).unwrap();
        let mut found = index.leave_one_out(3, &|_, _| ControlFlow::Continue(())).unwrap().unwrap();
        check(&rows, &found).unwrap();
        // The first row is in every sample.
        found.indices.swap(0, 1);
        let error = check(&rows, &found).unwrap_err().to_string();
        assert!(error.starts_with("row 0: Tercet found"), "{error}");
    }
}
