//! The exercises of the book: a student's numbers, compared with those that the library computes.
//!
//! No answer is written down here. The library computes each one, and also the numbers that common mistakes
//! lead to, so that the student learns which mistake it was.

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

/// Computes numbers.
type Numbers = fn() -> Result<Vec<f64>>;

/// An exercise.
pub struct Exercise {
    /// Its name on the command line.
    pub name: &'static str,
    /// The chapter of the book.
    pub chapter: &'static str,
    /// The question, with everything that the answer needs.
    pub question: &'static str,
    /// The name of each number, in order.
    pub entries: &'static [&'static str],
    /// The absolute tolerance, or the relative tolerance of numbers larger than 1.
    pub tolerance: f64,
    answer: Numbers,
    /// Common mistakes: the numbers that each leads to, and a hint.
    mistakes: &'static [(Numbers, &'static str)],
}

/// All exercises, in the order of the book.
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

/// The exercise of this name.
pub fn named(name: &str) -> Option<&'static Exercise> {
    all().find(|exercise| exercise.name == name)
}

/// The result of checking a solution.
pub struct Verdict {
    /// Every wrong number.
    pub wrong: Vec<Wrong>,
    /// A hint, if the numbers come from a common mistake.
    pub hint: Option<&'static str>,
}

/// A wrong number.
pub struct Wrong {
    /// Its name.
    pub entry: &'static str,
    /// The number of the student.
    pub found: f64,
    /// The right number.
    pub expected: f64,
    /// The absolute tolerance.
    pub tolerance: f64,
}

impl Exercise {
    /// Checks a solution, which must have a number for every entry.
    pub fn check(&self, found: &[f64]) -> Result<Verdict> {
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

/// Whether a number is within the tolerance. NaN never is.
fn is_near(found: f64, expected: f64, tolerance: f64) -> bool {
    // The tolerance itself may have been rounded.
    (found - expected).abs() <= tolerance * (1.0 + 1e-9)
}

/// The values of nodes of an expression; a name with a prefix `d` stands for the gradient with respect to the
/// node.
fn graph(expression: &str, values: &str, names: &[&str]) -> Result<Vec<f64>> {
    let (graph, root) = Graph::parse(expression)?;
    let evaluation = graph.evaluate(&parse_values(values)?)?;
    let gradients = graph.gradients(&evaluation, root)?;
    let mut numbers = Vec::new();
    for &name in names {
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
            assert!(names.insert(name), "{name} occurs twice");
            let answer = (exercise.answer)().unwrap();
            assert_eq!(answer.len(), exercise.entries.len(), "{name}");
            assert!(answer.iter().all(|number| number.is_finite()), "{name}: {answer:?}");
            let verdict = exercise.check(&answer).unwrap();
            assert!(verdict.wrong.is_empty() && verdict.hint.is_none(), "{name}");

            for (i, &(numbers, words)) in exercise.mistakes.iter().enumerate() {
                let mistaken = numbers().unwrap();
                assert_eq!(mistaken.len(), answer.len(), "mistake {i} of {name}");
                let verdict = exercise.check(&mistaken).unwrap();
                assert!(!verdict.wrong.is_empty(), "mistake {i} of {name} is not a mistake: {mistaken:?}");
                assert_eq!(verdict.hint, Some(words), "mistake {i} of {name} looks like another");
            }
            for (i, entry) in exercise.entries.iter().enumerate() {
                let mut off = answer.clone();
                off[i] += 2.0 * exercise.tolerance_of(off[i]);
                let wrong = exercise.check(&off).unwrap().wrong;
                assert_eq!(wrong.len(), 1, "{name}, {entry}");
                assert_eq!(wrong[0].entry, *entry, "{name}");
                off[i] = f64::NAN;
                assert_eq!(exercise.check(&off).unwrap().wrong.len(), 1, "{name}, {entry}");
            }
        }
    }

    /// The lecture prints these.
    #[test]
    fn the_scores_of_the_lecture_come_out() {
        let printed = [0.0, 8.3, 174.3, 152.5, 188.97, 211.97, -84.12];
        assert!(named("scores").unwrap().check(&printed).unwrap().wrong.is_empty());
    }
}
