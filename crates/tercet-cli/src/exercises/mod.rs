//! The exercises of the book: a student's numbers, held against those that the library computes.
//!
//! No answer is written down here. Each is computed when it is asked for, and so are the numbers that the usual mistakes
//! lead to: whoever brings those is told which mistake it was.

mod answer;
mod data;
mod descent;
mod evaluation;
mod images;
mod linear;
mod neighbors;
mod networks;

use tercet::Result;
use tercet::graph::{Graph, parse_values};

pub use answer::read;

/// What computes numbers.
type Numbers = fn() -> Result<Vec<f64>>;

/// An exercise.
pub struct Exercise {
    /// What it is asked for by.
    pub name: &'static str,
    /// The chapter of the book that it belongs to.
    pub chapter: &'static str,
    /// What is asked, with all that is needed to answer.
    pub question: &'static str,
    /// What each of the numbers is, in the order in which they are wanted.
    pub entries: &'static [&'static str],
    /// How far a number may be off: this, or this share of one that is larger than 1.
    pub tolerance: f64,
    answer: Numbers,
    /// What is usually done wrong: the numbers that it leads to, and what to say.
    mistakes: &'static [(Numbers, &'static str)],
}

/// All of them, in the order of the book.
pub fn all() -> impl Iterator<Item = &'static Exercise> {
    let parts = [
        data::EXERCISES,
        neighbors::EXERCISES,
        linear::EXERCISES,
        descent::EXERCISES,
        networks::EXERCISES,
        images::EXERCISES,
        evaluation::EXERCISES,
    ];
    parts.into_iter().flatten()
}

/// The exercise of a name.
pub fn named(name: &str) -> Option<&'static Exercise> {
    all().find(|exercise| exercise.name == name)
}

/// What is said of an answer.
pub struct Verdict {
    /// Every number that is off.
    pub wrong: Vec<Wrong>,
    /// Which mistake they look like.
    pub hint: Option<&'static str>,
}

/// A number that is off.
pub struct Wrong {
    /// What it is.
    pub entry: &'static str,
    /// What the student found.
    pub found: f64,
    /// What it should be.
    pub expected: f64,
    /// How far it may be off.
    pub tolerance: f64,
}

impl Exercise {
    /// Judges as many numbers as there are entries.
    pub fn judge(&self, found: &[f64]) -> Result<Verdict> {
        let expected = (self.answer)()?;
        debug_assert_eq!(expected.len(), self.entries.len(), "{}", self.name);
        let wrong: Vec<Wrong> = self
            .entries
            .iter()
            .zip(found.iter().zip(&expected))
            .map(|(&entry, (&found, &expected))| Wrong {
                entry,
                found,
                expected,
                tolerance: self.tolerance_of(expected),
            })
            .filter(|entry| !is_near(entry.found, entry.expected, entry.tolerance))
            .collect();
        let mut hint = None;
        if !wrong.is_empty() {
            for &(numbers, words) in self.mistakes {
                let mistaken = numbers()?;
                let all = found.iter().zip(&mistaken);
                if all.into_iter().all(|(&found, &m)| is_near(found, m, self.tolerance_of(m))) {
                    hint = Some(words);
                    break;
                }
            }
        }
        Ok(Verdict { wrong, hint })
    }

    fn tolerance_of(&self, expected: f64) -> f64 {
        self.tolerance * expected.abs().max(1.0)
    }
}

/// Whether a number is near enough. NaN is near nothing.
fn is_near(found: f64, expected: f64, tolerance: f64) -> bool {
    // Half of a digit that was rounded away may itself have been rounded.
    (found - expected).abs() <= tolerance * (1.0 + 1e-9)
}

/// The values of nodes of an expression, and with a `d` before the name the gradients of its root by them, one after the
/// other.
fn graph(expression: &str, values: &str, wanted: &[&str]) -> Result<Vec<f64>> {
    let (graph, root) = Graph::parse(expression)?;
    let evaluation = graph.evaluate(&parse_values(values)?)?;
    let gradients = graph.gradients(&evaluation, root)?;
    let mut numbers = Vec::new();
    for &name in wanted {
        let (node, of_gradient) = match (graph.node(name), name.strip_prefix('d').and_then(|n| graph.node(n)))
        {
            (Some(node), _) => (node, false),
            (None, Some(node)) => (node, true),
            (None, None) => {
                unreachable!("{name} is a node of {expression}, as a test of every exercise shows")
            }
        };
        let value = if of_gradient { gradients.of(node) } else { Some(evaluation.value(node)) };
        numbers.extend_from_slice(value.map_or(&[][..], |value| value.numbers()));
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_exercise_accepts_its_answer_and_names_each_of_its_mistakes() {
        let mut names = BTreeSet::new();
        for exercise in all() {
            let name = exercise.name;
            assert!(names.insert(name), "{name} stands twice");
            let answer = (exercise.answer)().unwrap();
            assert_eq!(answer.len(), exercise.entries.len(), "{name}");
            assert!(answer.iter().all(|number| number.is_finite()), "{name}: {answer:?}");
            let verdict = exercise.judge(&answer).unwrap();
            assert!(verdict.wrong.is_empty() && verdict.hint.is_none(), "{name}");

            for (i, &(numbers, words)) in exercise.mistakes.iter().enumerate() {
                let mistaken = numbers().unwrap();
                assert_eq!(mistaken.len(), answer.len(), "mistake {i} of {name}");
                let verdict = exercise.judge(&mistaken).unwrap();
                assert!(!verdict.wrong.is_empty(), "mistake {i} of {name} is no mistake: {mistaken:?}");
                assert_eq!(verdict.hint, Some(words), "mistake {i} of {name} looks like another");
            }
            for (i, entry) in exercise.entries.iter().enumerate() {
                let mut off = answer.clone();
                off[i] += 2.0 * exercise.tolerance_of(off[i]);
                let wrong = exercise.judge(&off).unwrap().wrong;
                assert_eq!(wrong.len(), 1, "{name}, {entry}");
                assert_eq!(wrong[0].entry, *entry, "{name}");
                off[i] = f64::NAN;
                assert_eq!(exercise.judge(&off).unwrap().wrong.len(), 1, "{name}, {entry}");
            }
        }
    }

    /// The lecture prints these.
    #[test]
    fn the_scores_of_the_lecture_come_out() {
        let printed = [0.0, 8.3, 174.3, 152.5, 188.97, 211.97, -84.12];
        assert!(named("scores").unwrap().judge(&printed).unwrap().wrong.is_empty());
    }
}
