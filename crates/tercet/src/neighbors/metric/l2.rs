//! L2, the Euclidean distance: `√ Σ (q_i − x_i)²`. Squares are compared.

use tercet_kernels::Isa;
use tercet_kernels::distance::{self, PanelKind, floats, naive};

use super::key::{FloatSquared, Key};
use super::{Measure, MeasureOf, PixelSum, any_less};
use crate::neighbors::pruned::Space;

/// `√ Σ (q_i − x_i)²`.
pub(in crate::neighbors) struct L2;

/// Squared L2 of bytes: an integer, whose root is taken last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::neighbors) struct ByteL2(pub u64);

impl Key for ByteL2 {
    fn distance(self) -> f64 {
        (self.0 as f64).sqrt()
    }
}

impl MeasureOf<u8> for L2 {
    type Key = ByteL2;
    const IS_ROUNDED: bool = false;
    const SPACE: Option<Space> = Some(Space::Plain);

    fn naive(q: &[u8], x: &[u8]) -> ByteL2 {
        ByteL2(naive::l2_squared(q, x))
    }

    fn key(isa: Isa, q: &[u8], x: &[u8], _: [f64; 2]) -> ByteL2 {
        ByteL2(distance::l2_squared(isa, q, x))
    }

    /// The rounding error of the root is smaller than the factor.
    fn reach(_: f64, _: f64, ByteL2(square): ByteL2) -> f64 {
        (square as f64).sqrt() * (1.0 + 1e-12)
    }
}

impl MeasureOf<f32> for L2 {
    type Key = FloatSquared;
    const IS_ROUNDED: bool = true;
    const SPACE: Option<Space> = Some(Space::Plain);

    fn naive(q: &[f32], x: &[f32]) -> FloatSquared {
        FloatSquared(naive::floats::l2_squared(q, x))
    }

    fn key(isa: Isa, q: &[f32], x: &[f32], _: [f64; 2]) -> FloatSquared {
        FloatSquared(floats::l2_squared(isa, q, x))
    }

    /// The relative error of a sum of up to 65,536 squares in eight accumulators is at most 8,200 · 2⁻⁵³ < 10⁻¹².
    fn reach(_: f64, _: f64, FloatSquared(square): FloatSquared) -> f64 {
        square.sqrt() * (1.0 + 1e-11)
    }
}

impl MeasureOf<f64> for L2 {
    type Key = FloatSquared;
    const IS_ROUNDED: bool = true;

    fn naive(q: &[f64], x: &[f64]) -> FloatSquared {
        FloatSquared(q.iter().zip(x).map(|(q, x)| (q - x) * (q - x)).sum())
    }
}

impl Measure for L2 {
    const NAME: &'static str = "l2";
    const PANELS: Option<PanelKind> = Some(PanelKind::L2Squared);
    const SHIFTED: Option<PixelSum> = Some(distance::l2_squared);

    fn panel_key(value: u32, _: [u64; 2]) -> ByteL2 {
        ByteL2(u64::from(value))
    }

    #[inline(always)]
    fn any_below(threshold: ByteL2, values: &[u32], _: impl Fn(usize) -> u64) -> bool {
        any_less(threshold.0, values)
    }

    fn shifted_key(sum: u64) -> ByteL2 {
        ByteL2(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::{check_order, check_reach};
    use super::*;

    #[test]
    fn distances_are_roots_of_keys() {
        check_order(ByteL2(9), ByteL2(16), [3.0, 4.0]);
    }

    #[test]
    fn reaches_bound_the_distances_of_rows() {
        check_reach(<L2 as MeasureOf<u8>>::reach(25.0, 0.0, ByteL2(25)), 5.0, 1e-10);
        check_reach(<L2 as MeasureOf<u8>>::reach(25.0, 0.0, ByteL2(3)), 3f64.sqrt(), 1e-10);
        let key = <L2 as MeasureOf<f32>>::key(Isa::active(), &[3.0, 4.0], &[4.0, 2.0], [f64::NAN; 2]);
        assert_eq!(key, FloatSquared(5.0));
        check_reach(<L2 as MeasureOf<f32>>::reach(25.0, 0.0, key), 5f64.sqrt(), 1e-10);
    }
}
