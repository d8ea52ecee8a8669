//! From first weights to an accuracy: a recipe of the program's, and what a peer knows under the same name.
//!
//! The two are different networks, each trained as it was found to be quickest; so there are no losses to compare, and
//! what both must show is the accuracy. Every run has a seed of its own.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::json;
use tercet::recipe::AnyRecipe;
use tercet::train::train;

use super::network::accuracy;
use super::outcome::{Outcome, compare};
use super::session::{Session, number};
use super::works::Work;
use crate::conditions::TERCET;
use crate::turns::take_turns;

/// From how many seeds each engine learns.
const SEEDS: usize = 5;

/// Times the trainings, one engine after the other, from one seed after the other.
///
/// # Errors
/// No such recipe, one that does not learn by gradient descent, and an engine that fails.
pub fn measure(session: &mut Session, work: &Work, name: &str) -> Result<Vec<Outcome>> {
    let sets = session.open(work.data)?;
    let recipe = AnyRecipe::named(name).with_context(|| format!("there is no recipe {name}"))?;
    let AnyRecipe::Descent(recipe) = recipe else { anyhow::bail!("{name} learns by no gradient descent") };
    let peers = session.peers_of(work)?;
    let mut outcomes = vec![Outcome::of_tercet()];
    outcomes.extend(peers.iter().map(|&place| Outcome::of_peer(session.peer(place))));

    let mut seeds = vec![0; outcomes.len()];
    let mut accuracies = vec![0.0; outcomes.len()];
    // A first run that does not count warms everything up.
    take_turns(&vec![SEEDS + 1; outcomes.len()], |place| {
        let seed = seeds[place];
        seeds[place] += 1;
        let (seconds, found) = match place.checked_sub(1) {
            None => {
                let start = Instant::now();
                let recipe = tercet::recipe::Recipe { seed, ..recipe.clone() };
                let mut network = recipe.untrained_on(&sets.train)?;
                let observe = &mut |_: tercet::train::Progress<'_>| ControlFlow::Continue(());
                train(&mut network, &sets.train, None, &recipe.train, seed, observe)?;
                (start.elapsed().as_secs_f64(), accuracy(&network, &sets.test)?)
            }
            Some(place) => {
                let peer = session.peer(peers[place]);
                let answer = peer.ask(&json!({"do": name, "seed": seed}))?;
                (number(peer, &answer, "seconds")?, number(peer, &answer, "accuracy")?)
            }
        };
        if seed > 0 {
            outcomes[place].seconds.0.push(seconds);
            accuracies[place] += found / SEEDS as f64;
        }
        Ok(())
    })?;
    for (outcome, mean) in outcomes.iter_mut().zip(accuracies) {
        outcome.accuracy = Some(mean);
    }
    compare(&mut outcomes);
    eprintln!("{TERCET}: accuracies are means over {SEEDS} seeds");
    Ok(outcomes)
}
