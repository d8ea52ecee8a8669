//! Canberra: `Σ |q_i − x_i| / (|q_i| + |x_i|)`, without the features in which both are 0.

use super::Definition;

/// `Σ |q_i − x_i| / (|q_i| + |x_i|)`. A term of 0 / 0 counts as 0.
pub(in crate::neighbors) struct Canberra;

impl Definition for Canberra {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        let term = |(q, x): (&f64, &f64)| {
            let size = q.abs() + x.abs();
            if size > 0.0 { (q - x).abs() / size } else { 0.0 }
        };
        q.iter().zip(x).map(term).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances;
    use super::*;

    /// Expected values: `scipy.spatial.distance.canberra`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances(&Canberra, [2.2, 3.0, 3.7777777777777777]);
    }
}
