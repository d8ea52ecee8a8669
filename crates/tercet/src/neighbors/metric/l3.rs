//! L3: `(Σ |q_i − x_i|³)^(1/3)`. Cubes are compared; they are too large for the blocked kernels.

use tercet_kernels::Isa;
use tercet_kernels::distance::{self, floats, naive};

use super::key::{FloatCubed, Key};
use super::{Measure, MeasureOf, PixelSum};

/// `(Σ |q_i − x_i|³)^(1/3)`.
pub(in crate::neighbors) struct L3;

/// Cubed L3 of bytes: an integer, whose cube root is taken last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::neighbors) struct ByteL3(pub u64);

impl Key for ByteL3 {
    fn distance(self) -> f64 {
        (self.0 as f64).cbrt()
    }
}

impl MeasureOf<u8> for L3 {
    type Key = ByteL3;
    const IS_ROUNDED: bool = false;

    fn naive(q: &[u8], x: &[u8]) -> ByteL3 {
        ByteL3(naive::l3_cubed(q, x))
    }

    fn key(isa: Isa, q: &[u8], x: &[u8], _: [f64; 2]) -> ByteL3 {
        ByteL3(distance::l3_cubed(isa, q, x))
    }
}

impl MeasureOf<f32> for L3 {
    type Key = FloatCubed;
    const IS_ROUNDED: bool = true;

    fn naive(q: &[f32], x: &[f32]) -> FloatCubed {
        FloatCubed(naive::floats::l3_cubed(q, x))
    }

    fn key(isa: Isa, q: &[f32], x: &[f32], _: [f64; 2]) -> FloatCubed {
        FloatCubed(floats::l3_cubed(isa, q, x))
    }
}

impl MeasureOf<f64> for L3 {
    type Key = FloatCubed;
    const IS_ROUNDED: bool = true;

    fn naive(q: &[f64], x: &[f64]) -> FloatCubed {
        FloatCubed(q.iter().zip(x).map(|(q, x)| (q - x).abs().powi(3)).sum())
    }
}

impl Measure for L3 {
    const NAME: &'static str = "l3";
    const SHIFTED: Option<PixelSum> = Some(distance::l3_cubed);

    fn shifted_key(sum: u64) -> ByteL3 {
        ByteL3(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::check_order;
    use super::*;

    #[test]
    fn distances_are_cube_roots_of_keys() {
        check_order(ByteL3(8), ByteL3(27), [2.0, 3.0]);
    }
}
