//! One run of the benchmark: the conditions, the open data, the peers and the data that they have loaded.

use anyhow::Result;
use serde_json::{Value, json};

use super::data::{Data, Sets};
use super::works::Work;
use crate::arrays::Array;
use crate::conditions::Conditions;
use crate::peer::Peer;

/// The state that all works share.
#[derive(Debug)]
pub struct Session {
    /// The conditions of the measurements.
    pub conditions: Conditions,
    /// The number of timed runs of each engine.
    pub runs: usize,
    /// Whether to use a tenth of everything.
    pub quick: bool,
    peers: Vec<Running>,
    /// The data that was opened last, which consecutive works often share.
    opened: Option<Opened>,
}

/// A peer, and the data that it has loaded.
#[derive(Debug)]
struct Running {
    peer: Peer,
    holds: Option<Data>,
}

#[derive(Debug)]
struct Opened {
    data: Data,
    sets: Sets,
    /// Training examples and labels, test examples and labels: written when the first peer needs them.
    arrays: Option<[Array; 4]>,
}

impl Session {
    /// A session with these peers.
    pub fn new(conditions: Conditions, runs: usize, quick: bool, peers: Vec<Peer>) -> Self {
        let peers = peers.into_iter().map(|peer| Running { peer, holds: None }).collect();
        Session { conditions, runs, quick, peers, opened: None }
    }

    /// The data of a work, which is opened unless it already is.
    ///
    /// # Errors
    /// Invalid data.
    pub fn open(&mut self, data: Data) -> Result<Sets> {
        if let Some(opened) = self.opened.as_ref().filter(|opened| opened.data == data) {
            return Ok(opened.sets.clone());
        }
        // The old data is dropped first, so that there are never two sets in memory.
        self.opened = None;
        eprintln!("opening the data");
        let sets = data.open(self.quick)?;
        self.opened = Some(Opened { data, sets: sets.clone(), arrays: None });
        Ok(sets)
    }

    /// The indices of the available peers of a work, each of which has loaded the data of the work.
    ///
    /// # Errors
    /// Files that cannot be written, and a peer that fails.
    pub fn peers_of(&mut self, work: &Work) -> Result<Vec<usize>> {
        let wanted = |running: &Running| work.peers.contains(&running.peer.name());
        let numbers: Vec<usize> = (0..self.peers.len()).filter(|&i| wanted(&self.peers[i])).collect();
        if numbers.is_empty() {
            return Ok(numbers);
        }
        self.open(work.data)?;
        let opened = self.opened.as_mut().expect("opened just now");
        for &number in &numbers {
            let running = &mut self.peers[number];
            if running.holds == Some(work.data) {
                continue;
            }
            if opened.arrays.is_none() {
                let Sets { train, test } = &opened.sets;
                let place = |name: &str| self.conditions.places.scratch.join(name);
                opened.arrays = Some([
                    Array::write(place("train"), train)?,
                    Array::write_whole_numbers(place("train-labels"), train.labels())?,
                    Array::write(place("test"), test)?,
                    Array::write_whole_numbers(place("test-labels"), test.labels())?,
                ]);
            }
            eprintln!("{}: loading", running.peer.name());
            let [train, train_labels, test, test_labels] =
                opened.arrays.as_ref().expect("written just now").each_ref().map(Array::description);
            running.peer.ask(&json!({
                "do": "load", "train": train, "train labels": train_labels, "test": test, "test labels": test_labels,
            }))?;
            running.holds = Some(work.data);
        }
        Ok(numbers)
    }

    /// A peer by its index.
    pub fn peer(&mut self, number: usize) -> &mut Peer {
        &mut self.peers[number].peer
    }
}

/// A number in the answer of a peer.
///
/// # Errors
/// An answer without this number.
pub fn number(peer: &Peer, answer: &Value, name: &str) -> Result<f64> {
    let found = answer[name].as_f64();
    found.ok_or_else(|| anyhow::anyhow!("{} answers {answer}; expected a number called {name}", peer.name()))
}
