//! From initial weights to an accuracy: a recipe of the program, and its counterpart of the same name at a peer.
//!
//! The two are different networks, each trained with its fastest known settings, so accuracies are compared
//! instead of losses. Every run has its own seed.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tercet::data::Split;
use tercet::recipe::{GradientDescentRecipe, Recipe};
use tercet::train::train;

use super::network::accuracy;
use super::outcome::{Outcome, compare};
use super::session::{Session, number};
use super::works::Work;
use crate::conditions::TERCET;
use crate::turns::take_turns;

/// The number of seeds.
const SEEDS: usize = 5;

/// Times the training of all engines in turns, with one seed after the other.
///
/// # Errors
/// An unknown recipe, one without gradient descent, and an engine that fails.
pub fn measure(session: &mut Session, work: &Work, name: &str) -> Result<Vec<Outcome>> {
    let sets = session.open(work.data)?;
    let recipe = Recipe::named(name).with_context(|| format!("there is no recipe {name}"))?;
    let Recipe::GradientDescent(recipe) = recipe else { bail!("{name} is not trained by gradient descent") };
    // Preprocessing is fitted before the clock starts: peers get preprocessed pixels as well.
    let parts = Split { train: sets.train.clone(), validation: sets.train.first(0) };
    let setup = recipe.set_up(&parts, None)?;
    let peers = session.peers_of(work)?;
    let mut outcomes = vec![Outcome::of_tercet()];
    outcomes.extend(peers.iter().map(|&place| Outcome::of_peer(session.peer(place))));

    let mut seeds = vec![0; outcomes.len()];
    let mut accuracies = vec![0.0; outcomes.len()];
    // The first run is a warm-up and does not count.
    take_turns(&vec![SEEDS + 1; outcomes.len()], |place| {
        let seed = seeds[place];
        seeds[place] += 1;
        let (seconds, found) = match place.checked_sub(1) {
            None => {
                let start = Instant::now();
                let recipe = GradientDescentRecipe { seed, ..recipe.clone() };
                let mut network = recipe.untrained_on(&setup.data.train)?;
                train(&mut network, &recipe.plan(&setup))?;
                let seconds = start.elapsed().as_secs_f64();
                let test = setup.preprocessing.apply_to(&sets.test)?;
                (seconds, accuracy(&network, &test)?)
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
