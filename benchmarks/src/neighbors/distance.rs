//! The distances of the benchmarks, computed by their definitions: the reference for every engine.

use tercet::data::{Examples, Row};

/// A distance, or a power of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// `Σ |q_i − x_i|`.
    L1,
    /// `Σ (q_i − x_i)²`.
    L2,
    /// `Σ |q_i − x_i|³`.
    L3,
    /// `1 − q·x / (‖q‖ ‖x‖)`.
    Cosine,
    /// `−q·x`: the largest product is the nearest.
    Dot,
}

impl Measure {
    /// The name in the library, in the scripts of the peers and in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Measure::L1 => "l1",
            Measure::L2 => "l2",
            Measure::L3 => "l3",
            Measure::Cosine => "cosine",
            Measure::Dot => "dot",
        }
    }

    /// The distance of a query and a row, without the root.
    ///
    /// It is computed in f64, in which sums over bytes are integers far below 2⁵³: for bytes, all but cosines
    /// are exact.
    pub fn between(self, queries: &Examples, q: usize, rows: &Examples, x: usize) -> f64 {
        match self {
            Measure::L1 => sum(queries, q, rows, x, |q, x| (q - x).abs()),
            Measure::L2 => sum(queries, q, rows, x, |q, x| (q - x) * (q - x)),
            Measure::L3 => sum(queries, q, rows, x, |q, x| (q - x).abs() * (q - x) * (q - x)),
            Measure::Dot => -sum(queries, q, rows, x, |q, x| q * x),
            Measure::Cosine => {
                let dot = sum(queries, q, rows, x, |q, x| q * x);
                let lengths = (square(queries, q) * square(rows, x)).sqrt();
                // A row of zeros has no direction; its cosine is taken to be 0.
                if lengths == 0.0 { 1.0 } else { 1.0 - dot / lengths }
            }
        }
    }

    /// A bound on the error of [`between`](Self::between) when it is summed in any order with unit roundoff
    /// u.
    ///
    /// A sum of D terms, each rounded a few times, has an error of at most (D + 8) u times the sum of the
    /// absolute values of the terms. Which terms these are depends on the engine: FAISS computes the squared
    /// L2 distance as ‖q‖² + ‖x‖² − 2 q·x, whose terms are much larger than the result, at most 2 (‖q‖² +
    /// ‖x‖²) together.
    pub fn error(self, unit: f64, queries: &Examples, q: usize, rows: &Examples, x: usize) -> f64 {
        let size = match self {
            Measure::L1 | Measure::L3 => self.between(queries, q, rows, x),
            Measure::L2 => 2.0 * (square(queries, q) + square(rows, x)),
            Measure::Dot => (square(queries, q) * square(rows, x)).sqrt(),
            // Twice, because the lengths are rounded too.
            Measure::Cosine => 2.0,
        };
        (rows.width() + 8) as f64 * unit * size
    }
}

/// ‖x‖².
fn square(set: &Examples, x: usize) -> f64 {
    sum(set, x, set, x, |a, b| a * b)
}

fn sum(queries: &Examples, q: usize, rows: &Examples, x: usize, term: impl Fn(f64, f64) -> f64) -> f64 {
    match (queries.row(q), rows.row(x)) {
        (Row::U8(q), Row::U8(x)) => q.iter().zip(x).map(|(&q, &x)| term(f64::from(q), f64::from(x))).sum(),
        (Row::F32(q), Row::F32(x)) => q.iter().zip(x).map(|(&q, &x)| term(f64::from(q), f64::from(x))).sum(),
        _ => unreachable!("queries and rows have one number type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::data::{bytes, floats};

    #[test]
    fn every_measure_is_its_formula() {
        let (q, x) = (bytes(2, vec![1, 5]), bytes(2, vec![0, 0, 3, 4]));
        let all = [Measure::L1, Measure::L2, Measure::L3, Measure::Dot];
        assert_eq!(all.map(|measure| measure.between(&q, 0, &x, 1)), [3.0, 5.0, 9.0, -23.0]);
        let cosine = Measure::Cosine.between(&q, 0, &x, 1);
        assert!((cosine - (1.0 - 23.0 / (26.0f64.sqrt() * 5.0))).abs() < 1e-15, "{cosine}");
        assert_eq!(Measure::Cosine.between(&q, 0, &x, 0), 1.0);
    }

    #[test]
    fn rounding_in_f32_stays_within_the_bound() {
        let values =
            |seed: u32| (0..300).map(move |i| ((i * seed) % 101) as f32 / 7.0 - 7.0).collect::<Vec<_>>();
        let (q, x) = (floats(300, values(37)), floats(300, values(41)));
        let (a, b) = (values(37), values(41));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let found = dot(&a, &a) + dot(&b, &b) - 2.0 * dot(&a, &b);
        let exact = Measure::L2.between(&q, 0, &x, 0);
        let error = Measure::L2.error(f64::from(f32::EPSILON) / 2.0, &q, 0, &x, 0);
        assert!(f64::from(found) != exact, "an example without rounding tests nothing");
        assert!((f64::from(found) - exact).abs() <= error, "{found}, {exact}, {error}");
        assert!(error < 0.001 * exact, "{error} of {exact} would accept anything");
    }
}
