//! Minkowski, with any power and a weight for each feature: `(Σ w_i |q_i − x_i|^p)^(1/p)`.

use super::Definition;

/// `(Σ w_i |q_i − x_i|^p)^(1/p)`; for p = ∞, the largest |q_i − x_i| of a weight above 0. Below p = 1 the triangle
/// inequality does not hold.
pub(in crate::neighbors) struct Minkowski {
    /// p, above 0.
    pub p: f64,
    /// w, (D), none negative; all 1 if there are none.
    pub weights: Option<Vec<f64>>,
}

impl Definition for Minkowski {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        let differences = q.iter().zip(x).map(|(q, x)| (q - x).abs());
        let weight = |i: usize| self.weights.as_ref().map_or(1.0, |weights| weights[i]);
        if self.p == f64::INFINITY {
            let weighted = differences.enumerate().filter(|&(i, _)| weight(i) > 0.0);
            return weighted.map(|(_, difference)| difference).fold(0.0, f64::max);
        }
        let sum = |power: &dyn Fn(f64) -> f64| -> f64 {
            differences.enumerate().map(|(i, difference)| weight(i) * power(difference)).sum()
        };
        match self.p {
            1.0 => sum(&|difference| difference),
            2.0 => sum(&|difference| difference * difference).sqrt(),
            p => sum(&|difference| difference.powf(p)).powf(1.0 / p),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances;
    use super::*;

    /// Expected values: `scipy.spatial.distance.minkowski`.
    #[test]
    fn distances_are_those_of_the_definition() {
        let minkowski = |p, weights| Minkowski { p, weights };
        check_distances(&minkowski(1.5, None), [7.6309417019916825, 2.500244564377402, 11.798970426030499]);
        check_distances(
            &minkowski(4.0, Some(vec![1.0, 0.5, 2.0, 0.0])),
            [4.204692284607417, 2.37848681012515, 6.237800326772847],
        );
        check_distances(
            &minkowski(2.0, Some(vec![1.0, 0.5, 2.0, 0.0])),
            [3.570714214271425, 2.839454172900137, 8.246211251235321],
        );
        check_distances(&minkowski(1.0, Some(vec![1.0, 0.5, 2.0, 0.0])), [3.0, 4.25, 15.0]);
        check_distances(&minkowski(f64::INFINITY, None), [5.0, 2.0, 7.0]);
        check_distances(&minkowski(0.5, None), [25.649110640673516, 8.492640687119284, 68.82416106383377]);
    }
}
