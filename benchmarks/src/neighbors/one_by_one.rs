//! One query after the other, as in interactive use.

use std::time::Instant;

use anyhow::{Result, bail};
use tercet::data::Examples;

use super::check::{Lists, Problem};
use super::distance::Measure;
use super::engines::{self, check_by_definition, metric};
use super::outcome::Outcome;
use super::session::Session;
use crate::conditions::TERCET;
use crate::times::Times;

/// Times the search for each query alone.
///
/// # Errors
/// A wrong answer, and an engine that fails.
pub fn measure(session: &mut Session, problem: &Problem, queries: usize, k: usize) -> Result<Vec<Outcome>> {
    let measure = Measure::L2;
    let Some(metric) = metric(measure) else { bail!("Tercet has no {}", measure.name()) };
    let problem = &problem.first_queries(queries);
    let (index, fit) = engines::fit(problem, metric)?;
    let singles: Vec<Examples> = (0..problem.queries.len()).map(|q| problem.queries.subset(&[q])).collect();

    eprintln!("{TERCET}: checking");
    let (lists, _) = engines::search(&index, problem, problem.queries.len(), k)?;
    check_by_definition(problem, metric, measure, &lists)?;
    let mut ours = Outcome::of_tercet(problem, problem.queries.len(), measure, k);
    ours.fit.0.push(fit);
    // The first round is a warm-up and is checked; the second counts.
    for round in 0..2 {
        let mut each = Vec::with_capacity(singles.len());
        let mut indices = Vec::with_capacity(singles.len() * k);
        for query in &singles {
            let start = Instant::now();
            let found = index.search(query, k)?;
            each.push(start.elapsed().as_secs_f64());
            indices.extend(found.indices);
        }
        if (Lists { k, indices }) != lists {
            bail!("Tercet finds other neighbours for one query than for many");
        }
        if round == 1 {
            ours.search.0.push(each.iter().sum());
            ours.each = Some(Times(each));
        }
    }
    drop(index);

    let median = ours.each.as_ref().map(Times::median);
    let mut outcomes = vec![ours];
    let indices = session.indices();
    for peer in &mut session.peers {
        // A peer with a limit on queries has it here too, so that a turn takes seconds.
        let Some(queries) = peer.engine.queries(measure, singles.len().min(200)) else { continue };
        eprintln!("{}: checking", peer.engine.name);
        let mut outcome = Outcome::of_peer(peer.engine.name, peer.version(), problem, queries, measure, k);
        outcome.fit.0.push(peer.fit(problem.rows.len(), measure)?);
        peer.search_one_by_one(queries.min(10), k, &indices)?;
        let each = peer.search_one_by_one(queries, k, &indices)?;
        outcome.differing = Some(peer.check(problem, measure, &lists, queries, &indices)?);
        outcome.search.0.push(each.iter().sum());
        let each = Times(each);
        outcome.tercet_ratio = median.map(|ours| ours / each.median());
        outcome.each = Some(each);
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::data::Data;

    #[test]
    fn every_query_is_timed_alone() {
        let problem = Data::UniformBytes.small().unwrap();
        let outcomes = measure(&mut Session::for_tests(), &problem, 12, 3).unwrap();
        assert_eq!(outcomes.len(), 1);
        assert_eq!(outcomes[0].each.as_ref().unwrap().0.len(), 12);
    }
}
