//! The cosine distance: `1 − q·x / (‖q‖ ‖x‖)`.

use std::cmp::Ordering;

use tercet_kernels::Isa;
use tercet_kernels::distance::{self, PanelKind, floats, naive};

use super::key::{Float, Key};
use super::{Measure, MeasureOf};
use crate::neighbors::pruned::Space;

/// `1 − q·x / (‖q‖ ‖x‖)`.
pub(in crate::neighbors) struct Cosine;

/// The cosine of bytes: a fraction, compared without a division or a root.
///
/// Bytes are not negative, so neither is a cosine, and a larger square means a larger cosine. For one query, ‖q‖² is
/// the same for all rows, so rows are compared by `(q·x)² / ‖x‖²`, by cross-multiplication: `a` is nearer than `b` if
/// `(q·a)² ‖b‖² > (q·b)² ‖a‖²`.
#[derive(Clone, Copy, Debug)]
pub(in crate::neighbors) struct ByteCosine {
    /// q·x.
    pub dot: u64,
    /// ‖x‖².
    pub row: u64,
    /// ‖q‖².
    pub query: u64,
}

/// The widest rows of bytes whose cosines are compared exactly. Up to it q·x and ‖x‖² are at most 2¹⁶ · 2²⁶ = 2⁴², so
/// that (q·x)² ‖x‖² is at most 2¹²⁶ and the cross products fit in 128 bits.
const MAX_COSINE_WIDTH: usize = 1 << 26;

impl Ord for ByteCosine {
    fn cmp(&self, other: &Self) -> Ordering {
        // A row of zeros has q·x = 0 and cosine 0, with any denominator except 0.
        let cross = |a: &Self, b: &Self| u128::from(a.dot).pow(2) * u128::from(b.row.max(1));
        cross(other, self).cmp(&cross(self, other))
    }
}

impl PartialOrd for ByteCosine {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByteCosine {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByteCosine {}

impl Key for ByteCosine {
    /// `1 − c = s / (1 + √(1 − s))`, where `s = 1 − c²` is a fraction of integers, so no digits cancel for nearly
    /// parallel vectors. `s` is rounded down to a multiple of 2⁻⁶⁰, which depends only on its value, and all further
    /// steps are monotone: equal cosines give equal distances, nearer ones never larger.
    fn distance(self) -> f64 {
        if self.row == 0 || self.query == 0 {
            return 1.0;
        }
        let norms = u128::from(self.row) * u128::from(self.query);
        // At most ‖q‖² ‖x‖², by the Cauchy–Schwarz inequality.
        let rest = norms - u128::from(self.dot).pow(2);
        let s = scaled_quotient(rest, norms);
        s / (1.0 + (1.0 - s).sqrt())
    }
}

/// `numerator / denominator`, at most 1, rounded down to a multiple of 2⁻⁶⁰ and then to an f64.
///
/// The two are below 2⁸⁴, so they cannot be shifted by 60 bits at once; this is long division, 20 bits at a time.
fn scaled_quotient(numerator: u128, denominator: u128) -> f64 {
    let mut quotient = numerator / denominator;
    let mut remainder = numerator % denominator;
    for _ in 0..3 {
        remainder <<= 20;
        quotient = (quotient << 20) | (remainder / denominator);
        remainder %= denominator;
    }
    quotient as f64 / (1u64 << 60) as f64
}

/// The cosine distance of f32 rows from q·x, ‖x‖² and ‖q‖². Rounding may carry a cosine slightly past 1, so the
/// distance is clipped at 0. The norms are multiplied before the root is taken, because `√(n · n) = n` holds in f64,
/// whereas `√n · √n = n` may not: a row has distance 0 from itself. The squares of f32 are far from the limits of f64.
fn float_cosine(dot: f64, row: f64, query: f64) -> Float {
    if row == 0.0 || query == 0.0 {
        return Float(1.0);
    }
    Float((1.0 - dot / (row * query).sqrt()).max(0.0))
}

impl MeasureOf<u8> for Cosine {
    type Key = ByteCosine;
    const IS_ROUNDED: bool = true;
    const SPACE: Option<Space> = Some(Space::Directions);

    fn naive(q: &[u8], x: &[u8]) -> ByteCosine {
        ByteCosine { dot: naive::dot(q, x), row: naive::dot(x, x), query: naive::dot(q, q) }
    }

    fn key(isa: Isa, q: &[u8], x: &[u8], squares: [f64; 2]) -> ByteCosine {
        // Squares of bytes are below 2⁵³, so f64 holds them exactly.
        let [query, row] = squares.map(|square| square as u64);
        ByteCosine { dot: distance::dot(isa, q, x), row, query }
    }

    /// ‖u − v‖² = 2 (1 − u·v) for directions u and v. The error of a key's distance is less than 2 · 10⁻⁸: near right
    /// angles it is 1 − √(1 − s) with an s that is rounded near 1, and the root of a rounding error of 2⁻⁵³ is that
    /// large.
    fn reach(_: f64, _: f64, key: ByteCosine) -> f64 {
        (2.0 * (key.distance() + 2e-8)).sqrt() * (1.0 + 1e-12)
    }
}

impl MeasureOf<f32> for Cosine {
    type Key = Float;
    const IS_ROUNDED: bool = true;
    const SPACE: Option<Space> = Some(Space::Directions);

    fn naive(q: &[f32], x: &[f32]) -> Float {
        let dot = naive::floats::dot;
        float_cosine(dot(q, x), dot(x, x), dot(q, q))
    }

    fn key(isa: Isa, q: &[f32], x: &[f32], [query, row]: [f64; 2]) -> Float {
        float_cosine(floats::dot(isa, q, x), row, query)
    }

    /// The error of the dot product is at most 10⁻¹² ‖q‖ ‖x‖, the relative error of the norms as much, and the error of
    /// the quotient three times 10⁻¹².
    fn reach(_: f64, _: f64, Float(distance): Float) -> f64 {
        (2.0 * (distance + 1e-11)).sqrt() * (1.0 + 1e-12)
    }
}

impl MeasureOf<f64> for Cosine {
    type Key = Float;
    const IS_ROUNDED: bool = true;

    fn naive(q: &[f64], x: &[f64]) -> Float {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        // The product of the squares could overflow.
        let norms = dot(q, q).sqrt() * dot(x, x).sqrt();
        Float(if norms == 0.0 { 1.0 } else { (1.0 - dot(q, x) / norms).max(0.0) })
    }
}

impl Measure for Cosine {
    const NAME: &'static str = "cosine";
    const NEEDS_SQUARES: bool = true;
    const MAX_PIXELS: usize = MAX_COSINE_WIDTH;
    const PANELS: Option<PanelKind> = Some(PanelKind::Dot);

    fn panel_key(dot: u32, [query, row]: [u64; 2]) -> ByteCosine {
        ByteCosine { dot: u64::from(dot), row, query }
    }

    /// Compares rounded numbers, and may return true too often.
    ///
    /// Row x is nearer if `(q·x)² > ‖x‖² · (q·b)² / ‖b‖²`. In f64 the left side is rounded once and the right side
    /// three times (square, quotient, product), each time by at most 2⁻⁵³ of itself, together less than 5 · 2⁻⁵³ <
    /// 10⁻¹⁵. The left side is increased by ten times that. A row of zeros is never nearer than another row.
    #[inline(always)]
    fn any_below(threshold: ByteCosine, dots: &[u32], square: impl Fn(usize) -> u64) -> bool {
        let dot = threshold.dot as f64;
        let ratio = dot * dot / threshold.row.max(1) as f64;
        dots.iter().enumerate().fold(false, |any, (i, &dot)| {
            let dot = f64::from(dot);
            any | (dot * dot * (1.0 + 1e-14) > ratio * square(i) as f64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::{check_order, check_reach, check_root_is_rounded_up};
    use super::*;

    fn cosine(q: [u64; 2], x: [u64; 2]) -> ByteCosine {
        let dot = |a: [u64; 2], b: [u64; 2]| a[0] * b[0] + a[1] * b[1];
        ByteCosine { dot: dot(q, x), row: dot(x, x), query: dot(q, q) }
    }

    #[test]
    fn cosines_of_parallel_rows_are_equal_and_their_distance_is_zero() {
        let q = [3, 5];
        for times in 1..50 {
            let x = [3 * times, 5 * times];
            assert_eq!(cosine(q, x), cosine(q, q));
            assert_eq!(cosine(q, x).distance(), 0.0);
        }
    }

    #[test]
    fn cosine_distances_are_correct_and_never_contradict_the_exact_order() {
        let q = [200, 57];
        let mut keys: Vec<ByteCosine> = (0..=255).map(|y| cosine(q, [255, y])).collect();
        keys.extend((0..=255).map(|x| cosine(q, [x, 254])));
        for key in &keys {
            let direct = 1.0 - key.dot as f64 / ((key.row as f64).sqrt() * (key.query as f64).sqrt());
            assert!((key.distance() - direct).abs() < 1e-15, "{key:?}: {} is not {direct}", key.distance());
        }
        keys.sort();
        assert!(keys.windows(2).all(|pair| pair[0].distance() <= pair[1].distance()));
    }

    #[test]
    fn a_row_of_zeros_is_at_a_right_angle_to_everything() {
        assert_eq!(cosine([1, 2], [0, 0]).distance(), 1.0);
        assert_eq!(cosine([0, 0], [1, 2]).distance(), 1.0);
        assert_eq!(cosine([255, 0], [0, 0]), cosine([255, 0], [0, 255]));
        assert!(cosine([255, 0], [1, 255]) < cosine([255, 0], [0, 0]));
    }

    #[test]
    fn the_widest_rows_do_not_overflow() {
        let largest = 65_025 * MAX_COSINE_WIDTH as u64;
        let key = ByteCosine { dot: largest, row: largest, query: largest };
        let other = ByteCosine { dot: largest - 1, ..key };
        assert!(key < other);
        assert_eq!(key.distance(), 0.0);
        assert!(other.distance() > 0.0);
    }

    #[test]
    fn keys_are_ordered_by_their_distances() {
        check_order(cosine([1, 0], [7, 0]), cosine([1, 0], [0, 7]), [0.0, 1.0]);
    }

    #[test]
    fn reaches_bound_the_distances_of_rows() {
        // (3, 4) and (4, 3): the cosine is 24 / 25, and the distance of the directions is √(2 / 25).
        let key = <Cosine as MeasureOf<u8>>::key(Isa::active(), &[3, 4], &[4, 3], [25.0; 2]);
        let reach = <Cosine as MeasureOf<u8>>::reach(25.0, 0.0, key);
        check_reach(reach, 0.08f64.sqrt(), 1e-7);
        check_root_is_rounded_up(reach, 2.0 * (key.distance() + 2e-8));
        let key = <Cosine as MeasureOf<f32>>::key(Isa::active(), &[3.0, 4.0], &[4.0, 3.0], [25.0; 2]);
        check_reach(<Cosine as MeasureOf<f32>>::reach(25.0, 0.0, key), 0.08f64.sqrt(), 1e-10);
        let reach = <Cosine as MeasureOf<f32>>::reach(25.0, 0.0, Float(0.04));
        check_root_is_rounded_up(reach, 2.0 * (0.04 + 1e-11));
    }

    /// At distance 0 the reach consists only of the error bound of the key.
    #[test]
    fn identical_rows_may_differ_by_a_rounding_error() {
        let off = <Cosine as MeasureOf<f32>>::reach(25.0, 0.0, Float(0.0));
        assert!((off / 2e-11f64.sqrt() - 1.0).abs() < 1e-6, "{off}");
    }

    /// The distance of bytes near a right angle is rounded to 1 − 2⁻²⁶·⁵ when it is 1 − 8.0 · 10⁻⁹; the added slack
    /// covers that.
    #[test]
    fn cosines_of_bytes_near_a_right_angle_need_their_slack() {
        let side = 1922;
        let half = |from: usize| -> Vec<u8> {
            let mut row = vec![0; 2 * side + 1];
            row[from..from + side].fill(255);
            row[2 * side] = 1;
            row
        };
        let square = side as f64 * 65_025.0 + 1.0;
        let key = <Cosine as MeasureOf<u8>>::key(Isa::active(), &half(0), &half(side), [square; 2]);
        let distance = 1.0 - 1.0 / square;
        assert!(key.distance() < distance - 2e-9, "{} is no less than {distance}", key.distance());
        assert!(<Cosine as MeasureOf<u8>>::reach(square, 0.0, key) >= (2.0 * distance).sqrt());
    }

    #[test]
    fn cosines_of_floats_by_hand() {
        // (3, 4) and (4, 3)
        assert!((float_cosine(24.0, 25.0, 25.0).0 - 0.04).abs() < 1e-15);
        assert_eq!(float_cosine(2.0, 2.0, 2.0), Float(0.0));
        // Rounding carried q·x past ‖q‖ ‖x‖.
        assert_eq!(float_cosine(2.0f64.next_up(), 2.0, 2.0), Float(0.0));
        for (row, query) in [(0.0, 25.0), (25.0, 0.0), (0.0, 0.0)] {
            assert_eq!(float_cosine(0.0, row, query), Float(1.0));
        }
    }

    #[test]
    fn quotients_are_rounded_down_to_sixty_bits() {
        assert_eq!(scaled_quotient(0, 7), 0.0);
        assert_eq!(scaled_quotient(7, 7), 1.0);
        assert_eq!(scaled_quotient(1, 1 << 60), 2f64.powi(-60));
        assert_eq!(scaled_quotient(1, (1 << 60) + 1), 0.0);
        assert_eq!(scaled_quotient(3 << 80, 1 << 82), 0.75);
        let third = ((1u64 << 60) / 3) as f64 / 2f64.powi(60);
        assert_eq!(scaled_quotient(1, 3), third);
    }
}
