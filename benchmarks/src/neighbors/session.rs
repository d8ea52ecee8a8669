//! One call of the benchmark: the machine, the peers that run, and what they have loaded.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::check::{Lists, Problem};
use super::data::{Data, Supply};
use super::distance::Measure;
use super::engines::{self, Running, check_by_definition, metric};
use super::outcome::Outcome;
use crate::arrays::Array;
use crate::conditions::{Conditions, TERCET};
use crate::show;
use crate::turns::take_turns;

/// What stays the same from work to work.
#[derive(Debug)]
pub struct Session {
    /// What is measured, and on what.
    pub conditions: Conditions,
    /// How often Tercet is timed.
    pub runs: usize,
    /// How often each peer is timed.
    pub peer_runs: usize,
    /// The peers that are here.
    pub peers: Vec<Running>,
    /// How much data, and where it is.
    pub supply: Supply,
    /// What was opened last, as works that follow each other often share it.
    opened: Option<(Data, Problem)>,
}

/// What is asked of all engines.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// How many of the rows are searched, from the first.
    pub rows: usize,
    /// What "near" means.
    pub measure: Measure,
    /// How many neighbours.
    pub k: usize,
    /// The most queries that peers are asked.
    pub peer_queries: usize,
}

impl Session {
    /// A session without peers yet.
    pub fn new(conditions: Conditions, runs: usize, supply: Supply) -> Self {
        Session { conditions, runs, peer_runs: runs.min(3), peers: Vec::new(), supply, opened: None }
    }

    /// The file that peers write the rows into that they found.
    pub fn indices(&self) -> PathBuf {
        self.conditions.places.scratch.join("indices")
    }

    /// Opens what a work searches and has all peers load it; none where its files are not there.
    ///
    /// # Errors
    /// Data that is not what it should be, and a peer that fails.
    pub fn open(&mut self, data: Data) -> Result<Option<Problem>> {
        if let Some((opened, problem)) = &self.opened
            && *opened == data
        {
            return Ok(Some(problem.clone()));
        }
        // What was open goes first, so that two sets are never held at once.
        self.opened = None;
        eprintln!("opening the data");
        let Some(problem) = data.open(&self.supply)? else { return Ok(None) };
        self.load(&problem)?;
        self.opened = Some((data, problem.clone()));
        Ok(Some(problem))
    }

    /// Has all peers load rows and queries, in place of what they had.
    ///
    /// # Errors
    /// Files that cannot be written, and a peer that fails.
    pub fn load(&mut self, problem: &Problem) -> Result<()> {
        self.opened = None;
        if self.peers.is_empty() {
            return Ok(());
        }
        let rows = Array::write(self.conditions.places.scratch.join("rows"), &problem.rows)?;
        let queries = Array::write(self.conditions.places.scratch.join("queries"), &problem.queries)?;
        for peer in &mut self.peers {
            eprintln!("{}: loading", peer.engine.name);
            peer.load(&rows, &queries)?;
        }
        Ok(())
    }

    /// Asks all engines: checks the answers of one round, which warms everything up, then times further rounds in
    /// turns, so that whatever disturbs the machine disturbs all of them.
    ///
    /// Returns Tercet's outcome for all queries first, then the peers', each behind Tercet's for the same queries
    /// where those are fewer. Nothing where Tercet does not have the measure.
    ///
    /// # Errors
    /// A wrong answer, and an engine that fails.
    pub fn ask(&mut self, problem: &Problem, question: Question) -> Result<Vec<Outcome>> {
        let Question { rows, measure, k, peer_queries } = question;
        let Some(metric) = metric(measure) else {
            show::print(format_args!("{} is left out: Tercet does not have it", measure.name()))?;
            return Ok(Vec::new());
        };
        let part = (rows < problem.rows.len()).then(|| problem.first_rows(rows));
        let problem = part.as_ref().unwrap_or(problem);
        let all = problem.queries.len();
        eprintln!("{TERCET}: checking {} queries, {}, k = {k}", show::count(all), measure.name());
        let (index, _) = engines::fit(problem, metric)?;
        let (memory, (lists, compared)) = (index.bytes(), engines::search_counted(&index, problem, k)?);
        drop(index);
        check_by_definition(problem, metric, measure, &lists)?;
        let ours = |queries| Outcome::of_tercet(problem, queries, measure, k);
        let mut outcomes = vec![Outcome { memory: Some(memory), compared: Some(compared), ..ours(all) }];
        // Which peer stands at which place.
        let mut places = Vec::new();
        for (number, peer) in self.peers.iter_mut().enumerate() {
            let Some(queries) = peer.engine.queries(measure, all.min(peer_queries)) else {
                eprintln!("{} is left out: it does not have {}", peer.engine.name, measure.name());
                continue;
            };
            if !outcomes.iter().any(|outcome| outcome.engine == TERCET && outcome.queries == queries) {
                outcomes.push(ours(queries));
            }
            places.push((outcomes.len(), number));
            outcomes.push(Outcome::of_peer(peer.engine.name, peer.version(), problem, queries, measure, k));
        }
        let indices = self.indices();
        for &(place, number) in &places {
            let (peer, outcome) = (&mut self.peers[number], &mut outcomes[place]);
            eprintln!("{}: checking {} queries", peer.engine.name, show::count(outcome.queries));
            peer.fit(rows, measure)?;
            peer.search(outcome.queries, k, &indices)?;
            outcome.differing = Some(peer.check(problem, measure, &lists, outcome.queries, &indices)?);
        }
        self.take_turns(problem, question, &lists, &mut outcomes, &places)?;

        for place in 0..outcomes.len() {
            let queries = outcomes[place].queries;
            let of_tercet = |outcome: &&Outcome| outcome.engine == TERCET && outcome.queries == queries;
            let ours = outcomes.iter().find(of_tercet).map(|outcome| outcome.total().median());
            if outcomes[place].engine != TERCET {
                outcomes[place].tercet_ratio = ours.map(|ours| ours / outcomes[place].total().median());
            }
        }
        Ok(outcomes)
    }

    /// Times all engines, one after the other, again and again.
    fn take_turns(
        &mut self,
        problem: &Problem,
        Question { rows, measure, k, .. }: Question,
        lists: &Lists,
        outcomes: &mut [Outcome],
        peers: &[(usize, usize)],
    ) -> Result<()> {
        let metric = metric(measure).expect("asked before");
        let indices = self.indices();
        let peer_at = |place: usize| peers.iter().find(|&&(at, _)| at == place).map(|&(_, number)| number);
        let runs = |place| if peer_at(place).is_some() { self.peer_runs } else { self.runs };
        let runs: Vec<usize> = (0..outcomes.len()).map(runs).collect();
        take_turns(&runs, |place| {
            let outcome = &mut outcomes[place];
            let (fit, search) = match peer_at(place) {
                Some(number) => {
                    let peer = &mut self.peers[number];
                    let fit = peer.fit(rows, measure)?;
                    (fit, peer.search(outcome.queries, k, &indices)?)
                }
                None => {
                    let (index, fit) = engines::fit(problem, metric)?;
                    let (found, search) = engines::search(&index, problem, outcome.queries, k)?;
                    if found.indices[..] != lists.indices[..found.indices.len()] {
                        bail!("Tercet's neighbours differ from one run to the next");
                    }
                    (fit, search)
                }
            };
            outcome.fit.0.push(fit);
            outcome.search.0.push(search);
            Ok(())
        })
    }

    /// A session that measures nothing.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        let supply = Supply { quick: true, fashion_mnist: PathBuf::new() };
        Session::new(Conditions::for_tests(), 2, supply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tercet_alone_is_checked_and_timed_as_often_as_asked() {
        let problem = Data::UniformBytes.small().unwrap();
        let question = Question { rows: 200, measure: Measure::L2, k: 3, peer_queries: usize::MAX };
        let outcomes = Session::for_tests().ask(&problem, question).unwrap();
        let [outcome] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert_eq!((outcome.rows, outcome.queries, outcome.search.0.len()), (200, 20, 2));
        assert!(outcome.memory_ratio().unwrap() > 0.9, "{outcome:?}");
    }
}
