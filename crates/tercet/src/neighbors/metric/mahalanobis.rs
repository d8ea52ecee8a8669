//! The Mahalanobis distance: `√ ((q − x)ᵀ V⁻¹ (q − x))`.

use super::Definition;

/// `√ ((q − x)ᵀ V⁻¹ (q − x))`, where V is the covariance matrix of the features.
pub(in crate::neighbors) struct Mahalanobis {
    /// V⁻¹, (D, D).
    pub inverse: Vec<f64>,
}

impl Definition for Mahalanobis {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        let difference = |i: usize| q[i] - x[i];
        let row_times_difference =
            |row: &[f64]| -> f64 { row.iter().enumerate().map(|(j, v)| v * difference(j)).sum() };
        let rows = self.inverse.chunks_exact(q.len()).enumerate();
        let square: f64 = rows.map(|(i, row)| difference(i) * row_times_difference(row)).sum();
        // Rounding may carry the square of a tiny distance below 0.
        square.max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances;
    use super::*;

    /// Expected values: `scipy.spatial.distance.mahalanobis`.
    #[test]
    fn distances_are_those_of_the_definition() {
        let inverse = vec![2., 1., 0., 0., 1., 2., 0.5, 0., 0., 0.5, 1., 0.25, 0., 0., 0.25, 3.];
        check_distances(
            &Mahalanobis { inverse },
            [10.307764064044152, 2.4748737341529163, 12.98075498574717],
        );
    }
}
