//! Hamming, the share of features that differ: `|{i : q_i ≠ x_i}| / D`.

use super::Definition;

/// `|{i : q_i ≠ x_i}| / D`.
pub(in crate::neighbors) struct Hamming;

impl Definition for Hamming {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        let different = q.iter().zip(x).filter(|(q, x)| q != x).count();
        different as f64 / q.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances;
    use super::*;

    /// Expected values: `scipy.spatial.distance.hamming`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances(&Hamming, [0.75, 0.75, 1.0]);
    }
}
