//! The dot product: `−q·x`, so that the row with the largest product is nearest.

use std::cmp::Reverse;

use tercet_kernels::Isa;
use tercet_kernels::distance::{self, PanelKind, floats, naive};

use super::key::{Float, Key};
use super::{Measure, MeasureOf};
use crate::neighbors::pruned::Space;

/// `−q·x`.
pub(in crate::neighbors) struct Dot;

/// The dot product of bytes, largest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::neighbors) struct ByteDot(pub Reverse<u64>);

impl ByteDot {
    fn new(dot: u64) -> Self {
        ByteDot(Reverse(dot))
    }
}

impl Key for ByteDot {
    fn distance(self) -> f64 {
        0.0 - self.0.0 as f64
    }
}

/// The key of a dot product: 0 − q·x, so that there is no negative zero.
fn float_dot(dot: f64) -> Float {
    Float(0.0 - dot)
}

/// The norms of images differ so much that bounds from codes would be too coarse for their products, so they have no
/// space.
impl MeasureOf<u8> for Dot {
    type Key = ByteDot;
    const IS_ROUNDED: bool = false;

    fn naive(q: &[u8], x: &[u8]) -> ByteDot {
        ByteDot::new(naive::dot(q, x))
    }

    fn key(isa: Isa, q: &[u8], x: &[u8], _: [f64; 2]) -> ByteDot {
        ByteDot::new(distance::dot(isa, q, x))
    }
}

impl MeasureOf<f32> for Dot {
    type Key = Float;
    const IS_ROUNDED: bool = false;
    const SPACE: Option<Space> = Some(Space::Products);

    fn naive(q: &[f32], x: &[f32]) -> Float {
        float_dot(naive::floats::dot(q, x))
    }

    fn key(isa: Isa, q: &[f32], x: &[f32], _: [f64; 2]) -> Float {
        float_dot(floats::dot(isa, q, x))
    }

    fn reach(square: f64, longest: f64, Float(product): Float) -> f64 {
        // The error of the product is at most 10⁻¹² ‖q‖ ‖x‖, so times M / ‖q‖ it is 10⁻¹² M², and that of the squares
        // as much.
        let (scale, square) = match square > 0.0 {
            true => ((longest / square).sqrt(), longest),
            false => (0.0, 0.0),
        };
        let distance = square + longest + 2.0 * scale * product;
        (distance.max(0.0) + 2e-11 * longest).sqrt() * (1.0 + 1e-12)
    }
}

impl MeasureOf<f64> for Dot {
    type Key = Float;
    const IS_ROUNDED: bool = false;

    fn naive(q: &[f64], x: &[f64]) -> Float {
        float_dot(q.iter().zip(x).map(|(q, x)| q * x).sum())
    }
}

impl Measure for Dot {
    const NAME: &'static str = "dot";
    const IS_DISTANCE: bool = false;
    const PANELS: Option<PanelKind> = Some(PanelKind::Dot);

    fn panel_key(value: u32, _: [u64; 2]) -> ByteDot {
        ByteDot::new(u64::from(value))
    }

    /// Branch-free, so that it is vectorised.
    #[inline(always)]
    fn any_below(threshold: ByteDot, values: &[u32], _: impl Fn(usize) -> u64) -> bool {
        // A threshold is a value from a tile, so it fits.
        let threshold = threshold.0.0 as u32;
        values.iter().fold(false, |any, &value| any | (value > threshold))
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::{check_order, check_reach, check_root_is_rounded_up};
    use super::*;

    fn reach(square: f64, longest: f64, key: f64) -> f64 {
        <Dot as MeasureOf<f32>>::reach(square, longest, Float(key))
    }

    #[test]
    fn the_largest_product_comes_first_and_there_is_no_negative_zero() {
        check_order(ByteDot::new(9), ByteDot::new(0), [-9.0, 0.0]);
        assert_eq!(ByteDot::new(0).distance().to_bits(), 0);
        assert_eq!(float_dot(0.0).0.to_bits(), 0);
        assert_eq!(float_dot(2.5), Float(-2.5));
    }

    #[test]
    fn reaches_bound_the_distances_of_rows() {
        // Scaled to the norm of the longest row, 10, q is (6, 8); x gets one more column of √(100 − 25).
        let key = <Dot as MeasureOf<f32>>::key(Isa::active(), &[3.0, 4.0], &[4.0, 3.0], [f64::NAN; 2]);
        assert_eq!(key, Float(-24.0));
        check_reach(reach(25.0, 100.0, key.0), f64::sqrt(4.0 + 25.0 + 75.0), 1e-9);
        // The distance between a query of zeros and every row is the norm of the longest row.
        check_reach(reach(0.0, 100.0, 0.0), 10.0, 1e-9);
        check_root_is_rounded_up(reach(25.0, 100.0, -24.0), 104.0 + 2e-11 * 100.0);
    }

    /// At distance 0 the reach consists only of the error bound of the key.
    #[test]
    fn identical_rows_may_differ_by_a_rounding_error() {
        for product in [-250.0, -250.0 - 1e-13] {
            // q and the longest row have the same direction: 5 · 50.
            let off = reach(25.0, 2500.0, product);
            assert!((off / (2e-11 * 2500f64).sqrt() - 1.0).abs() < 1e-2, "{off}");
        }
    }
}
