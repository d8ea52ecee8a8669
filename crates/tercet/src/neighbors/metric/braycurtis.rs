//! Bray–Curtis: `Σ |q_i − x_i| / Σ (|q_i| + |x_i|)`.

use super::Definition;

/// `Σ |q_i − x_i| / Σ (|q_i| + |x_i|)`; 0 if both sums are 0. SciPy has |q_i + x_i| in the denominator, which
/// differs for features of opposite signs; this is scikit-learn's definition.
pub(in crate::neighbors) struct BrayCurtis;

impl Definition for BrayCurtis {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        let (mut differences, mut sums) = (0.0, 0.0);
        for (q, x) in q.iter().zip(x) {
            differences += (q - x).abs();
            sums += q.abs() + x.abs();
        }
        if differences > 0.0 { differences / sums } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances;
    use super::*;

    /// Expected values: `sklearn.metrics.DistanceMetric`; the second is also SciPy's.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances(&BrayCurtis, [10.0 / 12.0, 3.25 / 4.25, 0.9]);
    }
}
