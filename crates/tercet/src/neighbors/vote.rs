//! [`Vote`]: how the neighbours of a query determine its class.

use serde::{Deserialize, Serialize};

use super::{Metric, Neighbors};
use crate::{Error, Result};

/// How neighbours' votes are weighted.
///
/// The class with the largest share of the votes wins; on ties, the one that comes first in the list of classes. So the
/// prediction is the argmax of the shares, by the same rule as for every other classifier (and for scikit-learn), and
/// it is always unique. Shares are compared as f32.
///
/// If examples have weights or classes have [`Priors`](super::Priors), each vote is multiplied by the weight of the
/// neighbour and by `prior / share` of its class. A neighbour for which that is 0 has no vote, and is ignored by both
/// rules. If no neighbour has a vote, the class priors are used as shares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vote {
    /// Every neighbour has one vote.
    #[default]
    Uniform,
    /// A neighbour at distance d has 1 / d votes. If there are neighbours at distance 0, only they vote, with one vote
    /// each. Votes are added up in f64, nearest first.
    Distance,
}

impl Vote {
    /// Both variants.
    pub const ALL: [Vote; 2] = [Vote::Uniform, Vote::Distance];

    /// The name that [`str::parse`] accepts.
    pub const fn name(self) -> &'static str {
        match self {
            Vote::Uniform => "uniform",
            Vote::Distance => "distance",
        }
    }

    /// Computes the vote of each neighbour of a query.
    ///
    /// With neighbours ordered by distance, the first k have the same votes with or without the neighbours after them:
    /// a neighbour at distance 0 only removes the votes of farther ones.
    ///
    /// # Shapes
    /// `distances` and `multipliers` are (k); `votes` becomes (k).
    pub(super) fn each(self, distances: &[f64], multipliers: &[f64], votes: &mut Vec<f64>) {
        let neighbors = || distances.iter().zip(multipliers);
        let any_at_zero = neighbors().any(|(&distance, &m)| distance == 0.0 && m > 0.0);
        votes.clear();
        votes.extend(neighbors().map(|(&distance, &multiplier)| match self {
            _ if multiplier == 0.0 => 0.0,
            Vote::Uniform => multiplier,
            Vote::Distance if any_at_zero => multiplier * f64::from(distance == 0.0),
            Vote::Distance => multiplier / distance,
        }));
    }
}

/// The share of each class in all votes, or `unasked` if there are none.
///
/// # Shapes
/// All are (C).
pub(super) fn shares(votes: &[f64], unasked: &[f64], shares: &mut [f64]) {
    let total: f64 = votes.iter().sum();
    for ((share, &vote), &unasked) in shares.iter_mut().zip(votes).zip(unasked) {
        *share = if total > 0.0 { vote / total } else { unasked };
    }
}

/// The class with the largest share; of several, the first. Shares are compared as f32.
pub(super) fn winner(shares: &[f64]) -> u32 {
    let mut best = 0;
    for (i, &share) in shares.iter().enumerate() {
        if share as f32 > shares[best] as f32 {
            best = i;
        }
    }
    best as u32
}

impl Vote {
    /// # Errors
    /// For a vote by distance with a metric that is not a distance.
    pub(crate) fn check(self, metric: Metric) -> Result<()> {
        match self {
            Vote::Distance if !metric.is_distance() => {
                let expected = format!("uniform with metric {metric}, which is not a distance");
                Err(Error::setting("vote", self, expected))
            }
            Vote::Uniform | Vote::Distance => Ok(()),
        }
    }
}

impl std::fmt::Display for Vote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Vote {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Vote::ALL
            .into_iter()
            .find(|vote| vote.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| Error::setting("vote", format!("{name:?}"), "uniform or distance"))
    }
}

/// The accuracy with 1, 2, … up to all of the neighbours that were found: one search, every k.
///
/// # Shapes
/// `labels` are the classes of the fitted rows, `truth` those of the N queries. Element k − 1 of the result is the
/// accuracy with k neighbours, from 0 to 1.
///
/// # Errors
/// If there are no queries, if `truth` and the queries differ in length, or if a neighbour has no label.
pub fn accuracy_by_k(neighbors: &Neighbors, labels: &[u32], truth: &[u32], vote: Vote) -> Result<Vec<f64>> {
    if truth.is_empty() || truth.len() != neighbors.len() {
        let expected = format!("{} (and at least 1), one for each query", neighbors.len());
        return Err(Error::mismatch("true classes", truth.len(), expected));
    }
    if let Some(&index) = neighbors.indices.iter().find(|&&index| index as usize >= labels.len()) {
        let expected = format!("at least {}, as row {index} is a neighbour", u64::from(index) + 1);
        return Err(Error::mismatch("labels of the fitted rows", labels.len(), expected));
    }
    let classes = labels.iter().max().map_or(0, |&label| label as usize + 1);
    let (ones, unasked) = (vec![1.0; neighbors.k], vec![0.0; classes]);
    let (mut each, mut votes, mut shares) = (Vec::new(), vec![0.0; classes], vec![0.0; classes]);
    let mut correct = vec![0u64; neighbors.k];
    for (i, &truth) in truth.iter().enumerate() {
        let (indices, distances) = neighbors.of(i);
        vote.each(distances, &ones, &mut each);
        votes.fill(0.0);
        for ((&index, vote), correct) in indices.iter().zip(&each).zip(&mut correct) {
            votes[labels[index as usize] as usize] += vote;
            self::shares(&votes, &unasked, &mut shares);
            *correct += u64::from(winner(&shares) == truth);
        }
    }
    Ok(correct.into_iter().map(|correct| correct as f64 / truth.len() as f64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The predicted class for neighbours with the given labels, distances and multipliers, and the shares.
    fn winner_of(vote: Vote, neighbors: &[(u32, f64, f64)]) -> (u32, Vec<f32>) {
        let distances: Vec<f64> = neighbors.iter().map(|neighbor| neighbor.1).collect();
        let multipliers: Vec<f64> = neighbors.iter().map(|neighbor| neighbor.2).collect();
        let mut each = vec![f64::NAN; 9];
        vote.each(&distances, &multipliers, &mut each);
        let (mut votes, mut shares) = (vec![0.0; 4], vec![f64::NAN; 4]);
        for (neighbor, vote) in neighbors.iter().zip(each) {
            votes[neighbor.0 as usize] += vote;
        }
        super::shares(&votes, &[0.0, 0.0, 0.75, 0.25], &mut shares);
        (super::winner(&shares), shares.into_iter().map(|share| share as f32).collect())
    }

    fn winner(vote: Vote, neighbors: &[(u32, f64)]) -> (u32, Vec<f32>) {
        winner_of(
            vote,
            &neighbors.iter().map(|&(label, distance)| (label, distance, 1.0)).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn names_are_parsed_back() {
        for vote in Vote::ALL {
            assert_eq!(vote.to_string().parse::<Vote>().unwrap(), vote);
            assert_eq!(serde_json::to_string(&vote).unwrap(), format!("\"{vote}\""));
        }
        assert!("loud".parse::<Vote>().unwrap_err().to_string().contains("expected uniform or distance"));
    }

    #[test]
    fn a_vote_by_distance_requires_a_distance() {
        let error = Vote::Distance.check(Metric::Dot).unwrap_err().to_string();
        assert!(error.contains("uniform with metric dot"), "{error}");
        assert!(Vote::Uniform.check(Metric::Dot).is_ok() && Vote::Distance.check(Metric::L2).is_ok());
    }

    #[test]
    fn most_votes_win_and_ties_go_to_the_first_class() {
        assert_eq!(winner(Vote::Uniform, &[(3, 1.0), (1, 2.0), (1, 3.0)]).0, 1);
        assert_eq!(winner(Vote::Uniform, &[(3, 1.0), (1, 2.0), (1, 3.0), (3, 4.0), (2, 5.0)]).0, 1);
        assert_eq!(winner(Vote::Uniform, &[(2, 1.0), (1, 1.0), (3, 1.0)]).0, 1);
    }

    #[test]
    fn near_neighbours_count_more_and_those_at_zero_decide_alone() {
        assert_eq!(
            winner(Vote::Distance, &[(3, 0.5), (1, 2.0), (1, 4.0)]),
            (3, vec![0.0, 3.0 / 11.0, 0.0, 8.0 / 11.0])
        );
        assert_eq!(
            winner(Vote::Distance, &[(2, 0.0), (0, 0.0), (0, 0.0), (2, 1e-300)]),
            (0, vec![2.0 / 3.0, 0.0, 1.0 / 3.0, 0.0])
        );
        assert_eq!(winner(Vote::Distance, &[(1, 2.0), (3, 4.0), (3, 4.0)]).0, 1);
    }

    #[test]
    fn multipliers_multiply_and_neighbours_without_a_vote_are_ignored() {
        let heavy = [(3, 1.0, 2.5), (1, 2.0, 1.0), (1, 3.0, 1.0)];
        assert_eq!(winner_of(Vote::Uniform, &heavy), (3, vec![0.0, 2.0 / 4.5, 0.0, 2.5 / 4.5]));
        assert_eq!(winner_of(Vote::Distance, &[(3, 2.0, 1.0), (1, 4.0, 3.0)]).1, [0.0, 0.6, 0.0, 0.4]);
        // The neighbour at distance 0 has no vote, so it does not remove the votes of others.
        assert_eq!(winner_of(Vote::Distance, &[(0, 0.0, 0.0), (1, 4.0, 1.0)]).1, [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(
            winner_of(Vote::Distance, &[(0, 0.0, 0.0), (3, 0.0, 1.0), (1, 0.0, 3.0), (0, 1e-9, 9.0)]).1,
            [0.0, 0.75, 0.0, 0.25]
        );
    }

    #[test]
    fn without_any_votes_the_priors_decide() {
        for vote in Vote::ALL {
            let silent = [(0, 0.0, 0.0), (1, 4.0, 0.0)];
            assert_eq!(winner_of(vote, &silent), (2, vec![0.0, 0.0, 0.75, 0.25]));
        }
    }

    #[test]
    fn accuracy_for_every_k_from_one_search() {
        let neighbors =
            Neighbors { k: 3, indices: vec![0, 1, 2, 2, 0, 1], distances: vec![1., 2., 3., 1., 2., 3.] };
        let accuracy = accuracy_by_k(&neighbors, &[0, 1, 1], &[0, 0], Vote::Uniform).unwrap();
        assert_eq!(accuracy, [0.5, 1.0, 0.0]);
        for (labels, truth) in [(&[0, 1, 1][..], &[0][..]), (&[0, 1], &[0, 0])] {
            assert!(accuracy_by_k(&neighbors, labels, truth, Vote::Uniform).is_err());
        }
    }
}
