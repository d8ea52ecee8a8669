//! The squared Euclidean distance: `Σ (q_i − x_i)²`.

use super::Definition;

/// `Σ (q_i − x_i)²`.
pub(in crate::neighbors) struct SqEuclidean;

impl Definition for SqEuclidean {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        q.iter().zip(x).map(|(q, x)| (q - x) * (q - x)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances;
    use super::*;

    /// Expected values: `scipy.spatial.distance.sqeuclidean`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances(&SqEuclidean, [45.5, 5.0625, 94.0]);
    }
}
