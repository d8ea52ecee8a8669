//! The haversine distance: the angle between two points on a sphere.

use super::Definition;

/// `2 asin √(sin²((φ_q − φ_x) / 2) + cos φ_q cos φ_x sin²((λ_q − λ_x) / 2))` for rows (φ, λ), latitude and longitude in
/// radians. Multiplied by the radius of the sphere, it is the length of the shortest path.
pub(in crate::neighbors) struct Haversine;

impl Definition for Haversine {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        let sine_squared = |i: usize| ((q[i] - x[i]) / 2.0).sin().powi(2);
        let haversine = sine_squared(0) + q[0].cos() * x[0].cos() * sine_squared(1);
        2.0 * haversine.sqrt().min(1.0).asin()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_pair;
    use super::*;
    use std::f64::consts::{FRAC_PI_2, PI};

    #[test]
    fn a_quarter_and_a_half_of_a_great_circle() {
        check_pair(&Haversine, &[0.0, 0.0], &[FRAC_PI_2, 1.0], FRAC_PI_2);
        check_pair(&Haversine, &[0.0, 0.0], &[0.0, 0.25], 0.25);
        check_pair(&Haversine, &[0.0, -FRAC_PI_2], &[0.0, FRAC_PI_2], PI);
        // Buenos Aires and Paris: the example of scikit-learn's `haversine_distances`, divided by 6371 km.
        let [from, to] = [[-34.83333f64, -58.5166646], [49.0083899664, 2.53844117956]];
        check_pair(
            &Haversine,
            &from.map(f64::to_radians),
            &to.map(f64::to_radians),
            11_099.540_355_819_66 / 6_371.0,
        );
    }
}
