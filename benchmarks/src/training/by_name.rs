//! From first weights to an accuracy: a recipe of the program's, and what a peer knows under the same name.
//!
//! The two are different networks, each trained as it was found to be quickest; so there are no losses to compare, and
//! what both must show is the accuracy. Every run has a seed of its own.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tercet::data::Split;
use tercet::recipe::{GradientDescentRecipe, Recipe};

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
    // A first run that does not count warms everything up.
    take_turns(&vec![SEEDS + 1; outcomes.len()], |place| {
        let seed = seeds[place];
        seeds[place] += 1;
        let (seconds, found) = match place.checked_sub(1) {
            None => {
                let start = Instant::now();
                let recipe = GradientDescentRecipe { seed, ..recipe.clone() };
                let mut network = recipe.untrained_on(&setup.data.train)?;
                recipe.plan(&setup).train(&mut network, &mut |_| ControlFlow::Continue(()))?;
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
