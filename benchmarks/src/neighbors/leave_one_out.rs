//! Leave one out: every row is classified by the others, with 1, 2, … k neighbours, from one search.

use std::time::Instant;

use anyhow::Result;
use tercet::data::Dataset;
use tercet::neighbors::{Metric, NearestNeighbors, Neighbors, Vote, accuracy_by_k};

use super::check::{Lists, Problem};
use super::distance::Measure;
use super::engines::check_by_definition;
use super::outcome::Outcome;
use super::session::{Question, Session};
use crate::show;

/// How many of the rows the peers are asked about; all of them would take FAISS half a minute a turn.
const PEER_QUERIES: usize = 10_000;

/// Times the search of some rows in turns with the peers, then the whole of it with Tercet: fit, the search of all
/// rows, and the votes. The outcome of the whole stands first; its votes count as search.
///
/// # Errors
/// A wrong answer, and an engine that fails.
pub fn measure(session: &mut Session, rows: &Dataset, k: usize) -> Result<Vec<Outcome>> {
    let some = Problem { rows: rows.clone(), queries: rows.first(PEER_QUERIES.min(rows.len())) };
    session.load(&some)?;
    // A row is its own nearest neighbour, so one more is asked for.
    let question = Question { rows: rows.len(), measure: Measure::L2, k: k + 1, peer_queries: usize::MAX };
    let mut outcomes = session.ask(&some, question)?;

    let all = Problem { rows: rows.clone(), queries: rows.clone() };
    let labels = rows.labels();
    let mut whole = Outcome::of_tercet(&all, rows.len(), Measure::L2, k + 1);
    let mut accuracies = Vec::new();
    for turn in 0..session.runs {
        eprintln!("all rows, turn {} of {}", turn + 1, session.runs);
        let start = Instant::now();
        let index = NearestNeighbors::fit(rows, Metric::L2)?;
        whole.fit.0.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let found = index.search(rows, k + 1)?;
        accuracies = accuracy_by_k(&without_oneself(&found), &labels, &labels, Vote::Uniform)?;
        whole.search.0.push(start.elapsed().as_secs_f64());
        if turn == 0 {
            let lists = Lists { k: found.k, indices: found.indices };
            check_by_definition(&all, Metric::L2, Measure::L2, &lists)?;
        }
    }
    let accuracies: Vec<String> = accuracies.iter().map(|share| format!("{:.2}", 100.0 * share)).collect();
    show::print(format_args!("accuracy in % with 1 to {k} neighbours: {}", accuracies.join(", ")))?;
    outcomes.insert(0, whole);
    Ok(outcomes)
}

/// The neighbours of rows that were searched for among themselves, each without itself. Where a row is not in its own
/// list, as many equal ones stand before it and the last of the list goes.
fn without_oneself(found: &Neighbors) -> Neighbors {
    let mut others = Neighbors { k: found.k - 1, indices: Vec::new(), distances: Vec::new() };
    for i in 0..found.len() {
        let (indices, distances) = found.of(i);
        let own = indices.iter().position(|&index| index as usize == i).unwrap_or(found.k - 1);
        for place in (0..found.k).filter(|&place| place != own) {
            others.indices.push(indices[place]);
            others.distances.push(distances[place]);
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_left_out_of_its_own_list_wherever_it_stands() {
        let found = Neighbors {
            k: 3,
            indices: vec![0, 1, 2, 0, 1, 2, 0, 1, 3, 3, 1, 0],
            distances: vec![0.0, 1.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 4.0, 5.0],
        };
        let others = without_oneself(&found);
        assert_eq!(others.indices, [1, 2, 0, 2, 0, 1, 1, 0]);
        assert_eq!(others.distances, [1.0, 2.0, 0.0, 1.0, 0.0, 0.0, 4.0, 5.0]);
    }
}
