//! Training by gradient descent: times the same steps of all engines.

use anyhow::{Result, ensure};
use serde_json::json;

use super::check::{STEPS, same_accuracy, same_losses};
use super::network::{Task, accuracy, first_losses, initial, trained};
use super::outcome::{Outcome, compare};
use super::session::{Session, number};
use super::works::{Recipe, Work};
use crate::conditions::TERCET;
use crate::turns::take_turns;

/// Checks that all engines minimise the same objective, then times them.
///
/// # Errors
/// Losses or accuracies that differ, and an engine that fails.
pub fn measure(session: &mut Session, work: &Work, recipe: &Recipe) -> Result<Vec<Outcome>> {
    let sets = session.open(work.data)?;
    let settings = recipe.settings(session.quick);
    let start = initial(recipe, &sets.train)?;
    let task = Task::write(&start, sets.train.len(), &settings, &session.conditions.places)?;

    eprintln!("{TERCET}: checking the first losses");
    let losses = first_losses(&start, &sets.train, &settings, STEPS)?;
    let mut outcomes = vec![Outcome::of_tercet()];
    let peers = session.peers_of(work)?;
    for &place in &peers {
        let peer = session.peer(place);
        eprintln!("{}: checking the first losses", peer.name());
        let mut command = task.command("first losses");
        command["steps"] = json!(losses.len());
        let answer = peer.ask(&command)?;
        let mut outcome = Outcome::of_peer(peer);
        outcome.differs_by = Some(same_losses(peer.name(), &losses, &answer)?);
        outcomes.push(outcome);
    }

    let mut first = None;
    take_turns(&vec![session.runs; outcomes.len()], |place| {
        let outcome = &mut outcomes[place];
        let (seconds, found) = match place.checked_sub(1) {
            None => {
                let (network, seconds) = trained(&start, &sets.train, &settings)?;
                let found = accuracy(&network, &sets.test)?;
                let first = first.get_or_insert_with(|| network.clone());
                ensure!(*first == network, "Tercet's weights differ from one run to the next");
                (seconds, found)
            }
            Some(place) => {
                let peer = session.peer(peers[place]);
                let answer = peer.ask(&task.command("train"))?;
                (number(peer, &answer, "seconds")?, number(peer, &answer, "accuracy")?)
            }
        };
        outcome.seconds.0.push(seconds);
        outcome.accuracy = Some(found);
        Ok(())
    })?;
    let accuracies: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.accuracy).collect();
    for (outcome, &theirs) in outcomes.iter().zip(&accuracies).skip(1) {
        same_accuracy(&outcome.engine, accuracies[0], theirs)?;
    }
    compare(&mut outcomes);
    Ok(outcomes)
}
