//! [`NeighborsRegressor`]: the mean of the targets of the nearest examples.

use std::ops::ControlFlow;

use super::index::check_k;
use super::{Metric, NearestNeighbors, Neighbors, Vote};
use crate::data::Examples;
use crate::{Error, Result};

/// k-nearest-neighbours regression: a query gets the mean of the targets of its k nearest examples,
///
/// ```text
/// y = Σ v_i y_i / Σ v_i
/// ```
///
/// where v_i is the vote of neighbour i, as in classification: 1, or 1 / distance (see [`Vote`]).
///
/// ```
/// use tercet::data::Examples;
/// use tercet::neighbors::{Metric, NeighborsRegressor, Vote};
///
/// let examples = Examples::from_features(1, vec![0.0, 1.0, 4.0])?;
/// let regressor = NeighborsRegressor::fit(&examples, vec![10.0, 20.0, 90.0], Metric::L2, 2, Vote::Uniform)?;
/// assert_eq!(regressor.predict(&Examples::from_features(1, vec![0.25, 3.0])?)?, [15.0, 55.0]);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NeighborsRegressor {
    index: NearestNeighbors,
    /// (N, outputs).
    targets: Vec<f64>,
    k: usize,
    vote: Vote,
}

impl NeighborsRegressor {
    /// Stores examples with their targets.
    ///
    /// # Shapes
    /// `targets` are (N, outputs), row-major: one or more for each example.
    ///
    /// # Errors
    /// If there are no examples, if a target is missing or not finite, if k is not in 1 ‥ N, or for a vote by distance
    /// with [`Metric::Dot`], which is not a distance.
    pub fn fit(data: &Examples, targets: Vec<f64>, metric: Metric, k: usize, vote: Vote) -> Result<Self> {
        vote.check(metric)?;
        let index = NearestNeighbors::fit(data, metric)?;
        check_k(k, index.len())?;
        if targets.is_empty() || !targets.len().is_multiple_of(index.len()) {
            let expected = format!("a multiple of {}, the number of examples", index.len());
            return Err(Error::mismatch("number of targets", targets.len(), expected));
        }
        if let Some(bad) = targets.iter().find(|target| !target.is_finite()) {
            return Err(Error::mismatch("a target", bad, "a finite number"));
        }
        Ok(NeighborsRegressor { index, targets, k, vote })
    }

    /// The targets of every query, (B, outputs).
    ///
    /// # Errors
    /// If the queries have another width, or are pixels and the examples are not, or vice versa.
    pub fn predict(&self, queries: &Examples) -> Result<Vec<f64>> {
        let found = self.index.search_with(queries, self.k, &|_, _| ControlFlow::Continue(()))?;
        self.predict_from(&found.expect("an uninterrupted search completes"))
    }

    /// The targets predicted from neighbours that were found before.
    ///
    /// # Errors
    /// If a neighbour is not one of the stored examples.
    pub fn predict_from(&self, neighbors: &Neighbors) -> Result<Vec<f64>> {
        mean(neighbors, &self.targets, self.targets.len() / self.index.len(), self.vote)
    }

    /// The stored examples.
    pub fn index(&self) -> &NearestNeighbors {
        &self.index
    }
}

/// The mean of the targets of the neighbours of each query, weighted by their votes.
fn mean(neighbors: &Neighbors, targets: &[f64], outputs: usize, vote: Vote) -> Result<Vec<f64>> {
    let ones = vec![1.0; neighbors.k];
    let (mut votes, mut means) = (Vec::new(), vec![0.0; neighbors.len() * outputs]);
    for (i, mean) in means.chunks_exact_mut(outputs).enumerate() {
        let (indices, distances) = neighbors.of(i);
        vote.each(distances, &ones, &mut votes);
        for (&index, vote) in indices.iter().zip(&votes) {
            let Some(row) = targets.get(index as usize * outputs..(index as usize + 1) * outputs) else {
                let expected = format!("a row below {}", targets.len() / outputs);
                return Err(Error::mismatch("a neighbour", index, expected));
            };
            mean.iter_mut().zip(row).for_each(|(mean, target)| *mean += vote * target);
        }
        let total: f64 = votes.iter().sum();
        mean.iter_mut().for_each(|mean| *mean /= total);
    }
    Ok(means)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_targets_count_more_and_those_at_zero_decide_alone() {
        let data = Examples::from_features(1, vec![0.0, 1.0, 3.0]).unwrap();
        let targets = vec![1.0, -1.0, 2.0, -2.0, 4.0, -4.0];
        let regressor = NeighborsRegressor::fit(&data, targets, Metric::L1, 3, Vote::Distance).unwrap();
        let queries = Examples::from_features(1, vec![2.0, 1.0]).unwrap();
        // The distances of the first query are 2, 1 and 1.
        let first = (0.5 + 2.0 + 4.0) / 2.5;
        assert_eq!(regressor.predict(&queries).unwrap(), [first, -first, 2.0, -2.0]);
    }

    #[test]
    fn missing_targets_and_strange_neighbours_are_rejected() {
        let data = Examples::from_features(1, vec![0.0, 1.0]).unwrap();
        let fit =
            |targets: &[f64]| NeighborsRegressor::fit(&data, targets.to_vec(), Metric::L2, 1, Vote::Uniform);
        assert!(fit(&[1.0]).is_err() && fit(&[]).is_err() && fit(&[1.0, f64::NAN]).is_err());
        let strange = Neighbors { k: 1, indices: vec![2], distances: vec![0.0] };
        assert!(fit(&[1.0, 2.0]).unwrap().predict_from(&strange).is_err());
    }
}
