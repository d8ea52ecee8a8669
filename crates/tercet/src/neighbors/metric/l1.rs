//! L1, the Manhattan distance: `Σ |q_i − x_i|`.

use tercet_kernels::Isa;
use tercet_kernels::distance::{self, PanelKind, floats, naive};

use super::key::{Float, Key};
use super::{Measure, MeasureOf, PixelSum, any_less};

/// `Σ |q_i − x_i|`.
pub(in crate::neighbors) struct L1;

/// L1 of bytes: an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::neighbors) struct ByteL1(pub u64);

impl Key for ByteL1 {
    fn distance(self) -> f64 {
        self.0 as f64
    }
}

impl MeasureOf<u8> for L1 {
    type Key = ByteL1;
    const IS_ROUNDED: bool = false;

    fn naive(q: &[u8], x: &[u8]) -> ByteL1 {
        ByteL1(naive::l1(q, x))
    }

    fn key(isa: Isa, q: &[u8], x: &[u8], _: [f64; 2]) -> ByteL1 {
        ByteL1(distance::l1(isa, q, x))
    }
}

impl MeasureOf<f32> for L1 {
    type Key = Float;
    const IS_ROUNDED: bool = false;

    fn naive(q: &[f32], x: &[f32]) -> Float {
        Float(naive::floats::l1(q, x))
    }

    fn key(isa: Isa, q: &[f32], x: &[f32], _: [f64; 2]) -> Float {
        Float(floats::l1(isa, q, x))
    }
}

impl MeasureOf<f64> for L1 {
    type Key = Float;
    const IS_ROUNDED: bool = false;

    fn naive(q: &[f64], x: &[f64]) -> Float {
        Float(q.iter().zip(x).map(|(q, x)| (q - x).abs()).sum())
    }
}

impl Measure for L1 {
    const NAME: &'static str = "l1";
    const PANELS: Option<PanelKind> = Some(PanelKind::L1);
    const SHIFTED: Option<PixelSum> = Some(distance::l1);

    fn panel_key(value: u32, _: [u64; 2]) -> ByteL1 {
        ByteL1(u64::from(value))
    }

    #[inline(always)]
    fn any_below(threshold: ByteL1, values: &[u32], _: impl Fn(usize) -> u64) -> bool {
        any_less(threshold.0, values)
    }

    fn shifted_key(sum: u64) -> ByteL1 {
        ByteL1(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::check_order;
    use super::*;

    #[test]
    fn keys_are_distances() {
        check_order(ByteL1(9), ByteL1(16), [9.0, 16.0]);
    }
}
