//! The correlation distance: 1 minus Pearson's correlation, the cosine of the rows less their means.

use super::Definition;

/// `1 − (q − q̄)·(x − x̄) / (‖q − q̄‖ ‖x − x̄‖)`. A constant row has no direction: its correlation with everything is defined
/// as 0, its distance as 1.
pub(in crate::neighbors) struct Correlation;

impl Definition for Correlation {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        let mean = |row: &[f64]| row.iter().sum::<f64>() / row.len() as f64;
        let (mean_q, mean_x) = (mean(q), mean(x));
        let (mut dot, mut squares_q, mut squares_x) = (0.0, 0.0, 0.0);
        for (q, x) in q.iter().zip(x) {
            let (q, x) = (q - mean_q, x - mean_x);
            dot += q * x;
            squares_q += q * q;
            squares_x += x * x;
        }
        // The product of the squares could overflow.
        let norms = f64::sqrt(squares_q) * f64::sqrt(squares_x);
        if norms == 0.0 { 1.0 } else { (1.0 - dot / norms).max(0.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances;
    use super::*;

    /// Expected values: `scipy.spatial.distance.correlation`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances(&Correlation, [1.8142791655266934, 1.6959780040057306, 1.2714483570153186]);
    }
}
