//! Chebyshev, the largest difference: `max |q_i − x_i|`.

use super::Definition;

/// `max |q_i − x_i|`.
pub(in crate::neighbors) struct Chebyshev;

impl Definition for Chebyshev {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        q.iter().zip(x).map(|(q, x)| (q - x).abs()).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances;
    use super::*;

    /// Expected values: `scipy.spatial.distance.chebyshev`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances(&Chebyshev, [5.0, 2.0, 7.0]);
    }
}
