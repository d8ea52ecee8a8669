//! [`Metric`]: what "near" means, and the exact order that it puts rows in.

use std::cmp::{Ordering, Reverse};

use serde::{Deserialize, Serialize};

use crate::Error;

/// How far apart two examples are.
///
/// ```
/// use tercet::neighbors::Metric;
/// assert_eq!("l2".parse::<Metric>()?, Metric::L2);
/// assert_eq!(Metric::Cosine.to_string(), "cosine");
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// `Σ |q_i − x_i|`, the Manhattan distance.
    L1,
    /// `√ Σ (q_i − x_i)²`, the Euclidean distance.
    #[default]
    L2,
    /// `(Σ |q_i − x_i|³)^(1/3)`, which weighs large differences more than L2 does.
    L3,
    /// `1 − q·x / (‖q‖ ‖x‖)`, which looks at the direction alone. A vector of zeros has no direction: its cosine
    /// with everything is taken to be 0, its distance 1.
    Cosine,
    /// `−q·x`: the row with the largest dot product is nearest. No distance, as a row need not be nearest to itself, but
    /// what embeddings are often trained for.
    Dot,
}

impl Metric {
    /// All of them.
    pub const ALL: [Metric; 5] = [Metric::L1, Metric::L2, Metric::L3, Metric::Cosine, Metric::Dot];

    /// The name that [`str::parse`] understands.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::L1 => "l1",
            Metric::L2 => "l2",
            Metric::L3 => "l3",
            Metric::Cosine => "cosine",
            Metric::Dot => "dot",
        }
    }
}

impl std::fmt::Display for Metric {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Metric {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Metric::ALL
            .into_iter()
            .find(|metric| metric.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| Error::setting("metric", format!("{name:?}"), "l1, l2, l3, cosine or dot"))
    }
}

/// What rows are ordered by: exact, total, smallest first. The distance that a person reads comes from it.
pub(super) trait Key: Copy + Ord + Send {
    /// The distance, in f64. A larger key never has a smaller distance.
    fn distance(self) -> f64;
}

/// Squared L2 of bytes: an integer, whose root is taken last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByteL2(pub u64);

impl Key for ByteL2 {
    fn distance(self) -> f64 {
        (self.0 as f64).sqrt()
    }
}

/// L1 of bytes: an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByteL1(pub u64);

impl Key for ByteL1 {
    fn distance(self) -> f64 {
        self.0 as f64
    }
}

/// Cubed L3 of bytes: an integer, whose cube root is taken last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByteL3(pub u64);

impl Key for ByteL3 {
    fn distance(self) -> f64 {
        (self.0 as f64).cbrt()
    }
}

/// The dot product of bytes, the largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ByteDot(pub Reverse<u64>);

impl ByteDot {
    pub fn new(dot: u64) -> Self {
        ByteDot(Reverse(dot))
    }
}

impl Key for ByteDot {
    fn distance(self) -> f64 {
        0.0 - self.0.0 as f64
    }
}

/// Cosine of bytes: a fraction, compared without a division or a root.
///
/// Bytes are not negative, so neither is a cosine, and a larger square is a larger cosine. For one query, ‖q‖² is
/// the same in all of them, so rows are compared by `(q·x)² / ‖x‖²`, crosswise:
/// `a` is nearer than `b` where `(q·a)² ‖b‖² > (q·b)² ‖a‖²`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteCosine {
    /// q·x.
    pub dot: u64,
    /// ‖x‖².
    pub row: u64,
    /// ‖q‖².
    pub query: u64,
}

/// The widest rows of bytes whose cosines are compared exactly. Below it q·x and ‖x‖² are under 2¹⁶ · 2²⁶ = 2⁴², so
/// that (q·x)² ‖x‖² is under 2¹²⁶ and the crosswise products fit in 128 bits.
pub(super) const MAX_COSINE_WIDTH: usize = 1 << 26;

impl Ord for ByteCosine {
    fn cmp(&self, other: &Self) -> Ordering {
        // A row of zeros has q·x = 0, cosine 0; any denominator will do, except 0.
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
    /// `1 − c = s / (1 + √(1 − s))`, where `s = 1 − c²` is a fraction of integers: no digits cancel for vectors
    /// that almost point the same way. `s` is rounded down to a multiple of 2⁻⁶⁰, which depends on its value
    /// alone, and all that follows is monotone: equal cosines give equal distances, nearer ones never larger.
    fn distance(self) -> f64 {
        if self.row == 0 || self.query == 0 {
            return 1.0;
        }
        let norms = u128::from(self.row) * u128::from(self.query);
        // At most ‖q‖² ‖x‖², by Cauchy and Schwarz.
        let rest = norms - u128::from(self.dot).pow(2);
        let s = scaled_quotient(rest, norms);
        s / (1.0 + (1.0 - s).sqrt())
    }
}

/// `numerator / denominator`, at most 1, rounded down to a multiple of 2⁻⁶⁰ and then to an f64.
///
/// The two are below 2⁸⁴ and so cannot be shifted by 60 bits at once; long division by 20 bits at a time can.
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

/// A distance computed in f64 that is not squared: L1 and cosine of f32 rows, and dot products with their sign
/// changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Float(pub f64);

/// A squared distance in f64: L2 of f32 rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct FloatSquared(pub f64);

/// A cubed distance in f64: L3 of f32 rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct FloatCubed(pub f64);

/// The key of a dot product: 0 − q·x, so that no zero has a sign.
pub(super) fn float_dot(dot: f64) -> Float {
    Float(0.0 - dot)
}

macro_rules! order_by_total_cmp {
    ($name:ident, $distance:expr) => {
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.total_cmp(&other.0)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $name {}

        impl Key for $name {
            fn distance(self) -> f64 {
                $distance(self.0)
            }
        }
    };
}

order_by_total_cmp!(Float, |distance: f64| distance);
order_by_total_cmp!(FloatSquared, f64::sqrt);
order_by_total_cmp!(FloatCubed, f64::cbrt);

/// The cosine distance of f32 rows from q·x, ‖x‖² and ‖q‖². Rounding may carry a cosine past 1 by a hair, and the
/// distance stops at 0. The norms are multiplied before the root is taken, as `√(n · n) = n` holds in f64 where
/// `√n · √n = n` may not: a row is at distance 0 from itself. The squares of f32 are far from the limits of f64.
pub(super) fn float_cosine(dot: f64, row: f64, query: f64) -> Float {
    if row == 0.0 || query == 0.0 {
        return Float(1.0);
    }
    Float((1.0 - dot / (row * query).sqrt()).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for metric in Metric::ALL {
            assert_eq!(metric.to_string().parse::<Metric>().unwrap(), metric);
            assert_eq!(serde_json::to_string(&metric).unwrap(), format!("\"{metric}\""));
        }
        let message = "euclid".parse::<Metric>().unwrap_err().to_string();
        assert_eq!(message, "metric is \"euclid\"; expected l1, l2, l3, cosine or dot");
    }

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
    fn cosine_distances_are_right_and_never_disagree_with_the_exact_order() {
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
    fn names_are_padded_like_any_text() {
        assert_eq!(format!("{:>5}{:<3}|", Metric::Dot, Metric::L1), "  dotl1 |");
    }

    /// Smaller keys come first, and the distance is the root of what they hold.
    #[test]
    fn keys_are_ordered_by_their_distances() {
        fn check<K: Key + std::fmt::Debug>(nearer: K, farther: K, distances: [f64; 2]) {
            assert!(
                nearer < farther && nearer != farther && nearer.cmp(&nearer).is_eq(),
                "{nearer:?}, {farther:?}"
            );
            assert_eq!([nearer.distance(), farther.distance()], distances);
        }
        check(ByteL2(9), ByteL2(16), [3.0, 4.0]);
        check(ByteL1(9), ByteL1(16), [9.0, 16.0]);
        check(ByteL3(8), ByteL3(27), [2.0, 3.0]);
        check(ByteDot::new(9), ByteDot::new(0), [-9.0, 0.0]);
        check(cosine([1, 0], [7, 0]), cosine([1, 0], [0, 7]), [0.0, 1.0]);
        check(Float(-9.0), Float(16.0), [-9.0, 16.0]);
        check(FloatSquared(9.0), FloatSquared(16.0), [3.0, 4.0]);
        check(FloatCubed(8.0), FloatCubed(27.0), [2.0, 3.0]);
        // No zero has a sign.
        assert_eq!(ByteDot::new(0).distance().to_bits(), 0);
        assert_eq!(float_dot(0.0).0.to_bits(), 0);
        assert_eq!(float_dot(2.5), Float(-2.5));
    }

    #[test]
    fn cosines_of_floats_by_hand() {
        // (3, 4) and (4, 3)
        assert!((float_cosine(24.0, 25.0, 25.0).0 - 0.04).abs() < 1e-15);
        assert_eq!(float_cosine(2.0, 2.0, 2.0), Float(0.0));
        // Rounding has carried q·x past ‖q‖ ‖x‖.
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
