//! The Euclidean distance of rows with missing values.

use super::Definition;

/// `√ (D / |P| · Σ_{i ∈ P} (q_i − x_i)²)`, where P are the features that neither row lacks; a missing value is NaN. NaN
/// if there are none.
pub(in crate::neighbors) struct NanEuclidean;

impl Definition for NanEuclidean {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        let (mut present, mut sum) = (0u32, 0.0);
        for difference in q.iter().zip(x).map(|(q, x)| q - x).filter(|difference| !difference.is_nan()) {
            present += 1;
            sum += difference * difference;
        }
        if present == 0 {
            // 0 / 0 would be a negative NaN, which is ordered before all numbers.
            return f64::NAN;
        }
        (sum / f64::from(present) * q.len() as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_pair;
    use super::*;

    #[test]
    fn differences_are_scaled_to_all_features() {
        let nan = f64::NAN;
        check_pair(&NanEuclidean, &[3.0, nan, nan, 6.0], &[1.0, nan, 4.0, 5.0], 10f64.sqrt());
        check_pair(&NanEuclidean, &[3.0, 4.0], &[0.0, 0.0], 5.0);
        let none = NanEuclidean.distance(&[nan, 1.0], &[2.0, nan]);
        assert!(none.is_nan() && none.is_sign_positive());
    }
}
