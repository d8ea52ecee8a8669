//! One run of the benchmark: the machine, the running peers, and the data that they have loaded.

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

/// The state that all works share.
#[derive(Debug)]
pub struct Session {
    /// The conditions of the measurements.
    pub conditions: Conditions,
    /// The number of runs of Tercet.
    pub runs: usize,
    /// The number of runs of each peer.
    pub peer_runs: usize,
    /// The running peers.
    pub peers: Vec<Running>,
    /// The amount of data, and the folder of its files.
    pub supply: Supply,
    /// The data that was opened last, which consecutive works often share.
    opened: Option<(Data, Problem)>,
}

/// The task of all engines.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// How many of the rows are searched.
    pub rows: usize,
    /// The measure.
    pub measure: Measure,
    /// The number of neighbours.
    pub k: usize,
    /// The largest number of queries of a peer.
    pub peer_queries: usize,
}

impl Session {
    /// A session without peers.
    pub fn new(conditions: Conditions, runs: usize, supply: Supply) -> Self {
        Session { conditions, runs, peer_runs: runs.min(3), peers: Vec::new(), supply, opened: None }
    }

    /// The file to which peers write the rows that they found.
    pub fn indices(&self) -> PathBuf {
        self.conditions.places.scratch.join("indices")
    }

    /// Opens the data of a work, and loads it into all peers; `None` if its folder does not exist.
    ///
    /// # Errors
    /// Invalid data, and a peer that fails.
    pub fn open(&mut self, data: Data) -> Result<Option<Problem>> {
        if let Some((opened, problem)) = &self.opened
            && *opened == data
        {
            return Ok(Some(problem.clone()));
        }
        // The old data is dropped first, so that there are never two sets in memory.
        self.opened = None;
        eprintln!("opening the data");
        let Some(problem) = data.open(&self.supply)? else { return Ok(None) };
        self.load(&problem)?;
        self.opened = Some((data, problem.clone()));
        Ok(Some(problem))
    }

    /// Loads rows and queries into all peers.
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

    /// Runs a task with all engines: checks the answers of one round, which is also a warm-up, then times
    /// further rounds in turns, so that other load on the machine affects all of them.
    ///
    /// Returns Tercet's outcome for all queries first, then those of the peers, each after Tercet's for the
    /// same queries if they are fewer. Returns nothing if Tercet does not have the measure.
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
        // The place of each peer among the outcomes.
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

    /// Times all engines in turns.
    fn take_turns(
        &mut self,
        problem: &Problem,
        Question { rows, measure, k, .. }: Question,
        lists: &Lists,
        outcomes: &mut [Outcome],
        peers: &[(usize, usize)],
    ) -> Result<()> {
        let metric = metric(measure).expect("checked by the caller");
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
    fn tercet_alone_is_checked_and_timed_in_every_run() {
        let problem = Data::UniformBytes.small().unwrap();
        let question = Question { rows: 200, measure: Measure::L2, k: 3, peer_queries: usize::MAX };
        let outcomes = Session::for_tests().ask(&problem, question).unwrap();
        let [outcome] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert_eq!((outcome.rows, outcome.queries, outcome.search.0.len()), (200, 20, 2));
        assert!(outcome.memory_ratio().unwrap() > 0.9, "{outcome:?}");
    }
}
