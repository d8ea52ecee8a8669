//! The standardised Euclidean distance: `√ Σ (q_i − x_i)² / V_i`.

use super::Definition;

/// `√ Σ (q_i − x_i)² / V_i`, where V_i is the variance of a feature.
pub(in crate::neighbors) struct Seuclidean {
    /// V, (D).
    pub variances: Vec<f64>,
}

impl Definition for Seuclidean {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        let terms = q.iter().zip(x).zip(&self.variances).map(|((q, x), v)| (q - x) * (q - x) / v);
        terms.sum::<f64>().sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances;
    use super::*;

    /// Expected values: `scipy.spatial.distance.seuclidean`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances(
            &Seuclidean { variances: vec![1.0, 0.5, 2.0, 4.0] },
            [7.437237390321759, 1.520690632574555, 6.98212002188447],
        );
    }
}
