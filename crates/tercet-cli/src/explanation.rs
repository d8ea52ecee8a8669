//! The explanation of a prediction, as text, tables and pictures.

use std::io::IsTerminal;

use serde_json::{Map, Value, json};
use tercet::data::{Classes, Examples, side_by_side_text};
use tercet::image::Picture;
use tercet::neighbors::{Explanation, NeighborsClassifier};
use tercet::text::thousands;

use crate::output;
use crate::prediction::in_order;
use crate::table::{self, table};

/// How many neighbours are drawn in a terminal.
const DRAWN: usize = 11;

/// Prints the neighbours of a picture with their distances and votes, and draws them in a terminal.
pub fn print_neighbors(
    classifier: &NeighborsClassifier,
    classes: &Classes,
    picture: &Picture,
    explanation: &Explanation,
) -> anyhow::Result<()> {
    let class = |label: u32| classes[label as usize].clone();
    let mut neighbors = table(["rank", "row", "class", "distance", "vote"]);
    for (rank, voter) in (1..).zip(&explanation.neighbors) {
        neighbors.add_row([
            rank.to_string(),
            voter.index.to_string(),
            class(voter.label),
            number(voter.distance),
            number(voter.vote),
        ]);
    }
    table::print(&neighbors)?;
    output::print("")?;
    if !explanation.anyone_voted() {
        output::print("none of them has a vote, so the class priors decide:\n")?;
    }
    let mut votes = table(["class", "votes", "share"]);
    for label in in_order(&explanation.shares).filter(|&label| explanation.shares[label] > 0.0) {
        let share = explanation.shares[label];
        votes.add_row([class(label as u32), number(explanation.votes[label]), format!("{share:.3}")]);
    }
    table::print(&votes)?;
    if std::io::stdout().is_terminal() {
        draw(classifier, classes, picture, explanation)?;
    }
    Ok(())
}

/// Draws the picture and its nearest neighbours, side by side.
fn draw(
    classifier: &NeighborsClassifier,
    classes: &Classes,
    picture: &Picture,
    explanation: &Explanation,
) -> anyhow::Result<()> {
    let mut pixels = picture.pixels().to_vec();
    let mut captions = vec!["your picture".to_owned()];
    for (rank, voter) in (1..=DRAWN).zip(&explanation.neighbors) {
        let Some(neighbor) = classifier.index().pixels(voter.index as usize) else { return Ok(()) };
        pixels.extend(neighbor);
        captions.push(format!("{rank}: {}", classes[voter.label as usize]));
    }
    let pictures = Examples::from_pixels(picture.shape(), pixels)?;
    let text = side_by_side_text(&pictures, &captions, output::width(), output::colours())?;
    output::print(format_args!("\n{}", text.trim_end_matches('\n')))
}

/// Prints the score of every class, the highest first.
pub fn print_scores(classes: &[String], scores: &[f32], name: &str) -> anyhow::Result<()> {
    let mut all = table(["class", name]);
    for class in in_order(scores) {
        all.add_row([classes[class].clone(), format!("{:.3}", scores[class])]);
    }
    table::print(&all)
}

/// The neighbours of a picture, as JSON.
pub fn to_json(classifier: &NeighborsClassifier, classes: &Classes, explanation: &Explanation) -> Value {
    let neighbors = (1..).zip(&explanation.neighbors).map(|(rank, voter)| {
        json!({
            "rank": rank,
            "row": voter.index,
            "class": classes[voter.label as usize],
            "distance": voter.distance,
            "weight": classifier.weights().map_or(1.0, |weights| weights[voter.index as usize]),
            "vote": voter.vote,
        })
    });
    let votes: Map<String, Value> =
        classes.iter().cloned().zip(explanation.votes.iter().map(|&votes| json!(votes))).collect();
    json!({
        "metric": classifier.metric(),
        "deformation": classifier.deformation(),
        "k": classifier.k(),
        "vote": classifier.vote(),
        "priors": classifier.priors(),
        "neighbors": neighbors.collect::<Vec<_>>(),
        "votes": votes,
        "anyone_voted": explanation.anyone_voted(),
    })
}

/// Distances and votes of any size: 1,234.5, 0.0123 or 4.567e-5.
fn number(v: f64) -> String {
    match v {
        0.0 => "0".to_owned(),
        v if v.abs() >= 1e9 || v.abs() < 1e-3 => format!("{v:.3e}"),
        v if v.abs() >= 1000.0 => {
            let tenths = (10.0 * v).round();
            format!("{}.{}", thousands((tenths / 10.0).trunc() as usize), tenths as u64 % 10)
        }
        v => format!("{v:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_are_short() {
        assert_eq!(
            [0.0, 1.0, 0.0123456, 999.9, 1234.56, 9999.96, 2e-5, 1e12].map(number),
            ["0", "1.0000", "0.0123", "999.9000", "1,234.6", "10,000.0", "2.000e-5", "1.000e12"]
        );
    }

    #[test]
    fn the_highest_score_comes_first_and_ties_keep_their_order() {
        assert_eq!(in_order(&[0.1, 0.5, -1.0, 0.5]).collect::<Vec<_>>(), [1, 3, 0, 2]);
    }
}
