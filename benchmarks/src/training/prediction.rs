//! Prediction: all test examples at once, and one by one.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tercet::data::Examples;
use tercet::network::Network;

use super::check::same_scores;
use super::data::Sets;
use super::network::{NetworkFile, accuracy, initial, trained};
use super::outcome::{Outcome, compare};
use super::session::Session;
use super::works::{Recipe, Work};
use crate::arrays::read_floats;
use crate::conditions::TERCET;
use crate::times::Times;
use crate::turns::take_turns;

/// The number of examples that are classified one by one.
const ONE_BY_ONE: usize = 1000;

/// Times the prediction of all test examples at once.
///
/// # Errors
/// Scores that differ, and an engine that fails.
pub fn measure(session: &mut Session, work: &Work, recipe: &Recipe) -> Result<Vec<Outcome>> {
    let sets = session.open(work.data)?;
    let network = made(session, recipe, &sets)?;
    let network_file = NetworkFile::write(&network, &session.conditions.places)?;
    let file = session.conditions.places.scratch.join("scores");
    let mut command = network_file.command("predict");
    command["scores"] = json!(file);

    let scores = network.scores(&sets.test)?;
    let mut outcomes = vec![Outcome::of_tercet()];
    outcomes[0].accuracy = Some(accuracy(&network, &sets.test)?);
    let peers = session.peers_of(work)?;
    for &place in &peers {
        let peer = session.peer(place);
        eprintln!("{}: checking", peer.name());
        peer.ask(&command)?;
        let theirs = read_floats(&file, scores.rows(), scores.columns())?;
        let mut outcome = Outcome::of_peer(peer);
        outcome.differs_by = Some(same_scores(peer.name(), scores.values(), &theirs)?);
        outcomes.push(outcome);
    }
    let classes = scores.argmax();
    // A run takes milliseconds, so there is time for more.
    take_turns(&vec![3 * session.runs; outcomes.len()], |place| {
        let seconds = match place.checked_sub(1) {
            None => {
                let start = Instant::now();
                let found = network.scores(&sets.test)?.argmax();
                let seconds = start.elapsed().as_secs_f64();
                ensure!(found == classes, "Tercet's classes differ from one run to the next");
                seconds
            }
            Some(place) => session.peer(peers[place]).time(&command)?,
        };
        outcomes[place].seconds.0.push(seconds);
        Ok(())
    })?;
    // A file that cannot be removed stays in target/.
    let _ = std::fs::remove_file(&file);
    compare(&mut outcomes);
    Ok(outcomes)
}

/// Times the prediction of the first test examples one by one.
///
/// # Errors
/// Predictions that differ from those of all examples at once, and an engine that fails.
pub fn measure_one_by_one(session: &mut Session, work: &Work, recipe: &Recipe) -> Result<Vec<Outcome>> {
    let sets = session.open(work.data)?;
    let network = made(session, recipe, &sets)?;
    let network_file = NetworkFile::write(&network, &session.conditions.places)?;
    let mut outcomes = vec![Outcome::of_tercet()];
    let examples = sets.test.len().min(ONE_BY_ONE);
    let test = sets.test.examples();
    let singles: Vec<Examples> = (0..examples).map(|i| test.subset(&[i])).collect();
    let classes = network.scores(&sets.test)?.argmax();
    // The first round is a warm-up and is checked; the second counts.
    for _ in 0..2 {
        let mut seconds = Vec::with_capacity(examples);
        for (single, &class) in singles.iter().zip(&classes) {
            let start = Instant::now();
            let found = network.scores(single)?.argmax();
            seconds.push(start.elapsed().as_secs_f64());
            ensure!(found == [class], "Tercet finds another class for one example than for many");
        }
        outcomes[0].seconds = Times(seconds);
    }
    let mut command = network_file.command("predict one by one");
    command["examples"] = json!(examples);
    for place in session.peers_of(work)? {
        let peer = session.peer(place);
        eprintln!("{}: one by one", peer.name());
        peer.time_each(&command, examples)?;
        let mut outcome = Outcome::of_peer(peer);
        outcome.seconds = Times(peer.time_each(&command, examples)?);
        outcomes.push(outcome);
    }
    compare(&mut outcomes);
    Ok(outcomes)
}

/// The trained network of a recipe, so that the share of zeros after ReLU is realistic.
fn made(session: &Session, recipe: &Recipe, sets: &Sets) -> Result<Network> {
    eprintln!("{TERCET}: training the network to predict with");
    let settings = recipe.settings(session.quick);
    let (network, _) = trained(&initial(recipe, &sets.train)?, &sets.train, &settings)
        .context("training the network to predict with")?;
    Ok(network)
}
