//! The exact solver of linear classifiers.
//!
//! The comparison is not quite like for like. Tercet minimises the lecture's loss, that of Weston and Watkins: the sum of
//! the margin violations over all wrong classes, without regularising the bias. LIBLINEAR's multi-class solver minimises
//! that of Crammer and Singer: only the largest violation, with the bias regularised as one more weight. Tercet stops when
//! the duality gap, a bound on the remaining improvement, is a thousandth of the objective. LIBLINEAR computes no gap: it
//! stops by its own criterion, with the default tolerance. Both objectives have the form `1/N Σ loss + reg Σ W²`, for
//! LIBLINEAR with `reg = 1 / (2 C N)`.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;
use tercet::Dataset;
use tercet::linear::dual::{Ending, Settings, Solution, solve};
use tercet::loss::Loss;

use super::network::accuracy;
use super::outcome::{Objective, Outcome, compare};
use super::session::{Session, number};
use super::works::Work;
use crate::turns::take_turns;

/// Times Tercet's solver, with its default gap, and LIBLINEAR's.
///
/// # Errors
/// A solution that is inconsistent, and an engine that fails.
pub fn measure(session: &mut Session, work: &Work, reg: f32, cost: f64) -> Result<Vec<Outcome>> {
    let sets = session.open(work.data)?;
    let settings = Settings { reg, ..Settings::default() };
    let mut outcomes = vec![Outcome::of_tercet()];
    let peers = session.peers_of(work)?;
    for &place in &peers {
        outcomes.push(Outcome::of_peer(session.peer(place)));
    }
    take_turns(&vec![session.runs; outcomes.len()], |place| {
        let outcome = &mut outcomes[place];
        match place.checked_sub(1) {
            None => {
                let start = Instant::now();
                let solution = solve(&sets.train, &settings, None, &mut |_| ControlFlow::Continue(()))?;
                outcome.seconds.0.push(start.elapsed().as_secs_f64());
                // The same in every run: one seed gives the same bits.
                if outcome.objective.is_none() {
                    check(&solution, &sets.train, &settings)?;
                    let last = solution.last;
                    outcome.objective =
                        Some(Objective { primal: last.primal, bound: Some((last.dual, last.gap)) });
                    outcome.accuracy = Some(accuracy(solution.classifier.network(), &sets.test)?);
                }
            }
            Some(place) => {
                let peer = session.peer(peers[place]);
                let answer = peer.ask(&json!({"do": "crammer-singer", "cost": cost}))?;
                outcome.seconds.0.push(number(peer, &answer, "seconds")?);
                outcome.accuracy = Some(number(peer, &answer, "accuracy")?);
                outcome.objective = Some(Objective { primal: number(peer, &answer, "primal")?, bound: None });
            }
        }
        Ok(())
    })?;
    compare(&mut outcomes);
    Ok(outcomes)
}

/// Rejects a solution that did not reach its gap, or whose classifier has another objective than reported.
fn check(solution: &Solution, train: &Dataset, settings: &Settings) -> Result<()> {
    ensure!(
        solution.ending == Ending::Converged && solution.last.gap <= settings.tolerance,
        "Tercet's solver ended at a gap of {:.1e} ({:?}); expected at most {:e}",
        solution.last.gap,
        solution.ending,
        settings.tolerance
    );
    let found = objective(solution, train, settings)?;
    // Scores are summed in f32 here.
    ensure!(
        (found - solution.last.primal).abs() <= 1e-5 * found,
        "Tercet's solver says that the objective is {}, by its definition it is {found}",
        solution.last.primal
    );
    Ok(())
}

/// The objective of a classifier by its definition.
fn objective(solution: &Solution, train: &Dataset, settings: &Settings) -> Result<f64> {
    let scores = solution.classifier.scores(train)?;
    let Loss::Svm { margin } = settings.loss else { unreachable!("the benchmark asks for the SVM loss") };
    let margin = f64::from(margin);
    let mut losses = 0.0;
    for i in 0..train.len() {
        let (scores, y) = (scores.row(i), train.label(i) as usize);
        let of = |class: usize| f64::from(scores[class]);
        let wrong = (0..scores.len()).filter(|&class| class != y);
        losses += wrong.map(|class| (of(class) - of(y) + margin).max(0.0)).sum::<f64>();
    }
    let squares = solution.classifier.dense().squared_weights();
    Ok(losses / train.len() as f64 + f64::from(settings.reg) * squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_is_held_to_its_objective_and_its_gap() {
        let classes = vec!["−".to_owned(), "+".to_owned()];
        let set = Dataset::from_features("two", 1, vec![-1.0, 1.0], vec![0, 1], classes).unwrap();
        let settings = Settings { reg: 0.1, ..Settings::default() };
        let mut solution = solve(&set, &settings, None, &mut |_| ControlFlow::Continue(())).unwrap();
        check(&solution, &set, &settings).unwrap();
        let right = solution.last.primal;
        solution.last.primal *= 1.01;
        let error = check(&solution, &set, &settings).unwrap_err().to_string();
        assert!(error.contains("by its definition"), "{error}");
        solution.last.primal = right;
        solution.last.gap = 0.5;
        assert!(check(&solution, &set, &settings).unwrap_err().to_string().contains("a gap of 5.0e-1"));
    }
}
