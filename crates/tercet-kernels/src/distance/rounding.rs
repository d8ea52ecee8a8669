//! Rounds coordinates to the bytes that [`Panels`](super::Panels) compare.

use crate::Isa;
use crate::dispatch::for_isa;

/// Sets `code_j` to the byte nearest to `(c_j − low_j) / step` and returns `Σ (low_j + step · code_j − c_j)²`, the
/// squared rounding error. NaN becomes 0, and makes the sum NaN.
///
/// # Panics
/// If `c`, `low` and `code` differ in length.
pub fn round_to_bytes(isa: Isa, c: &[f64], low: &[f64], step: f64, code: &mut [u8]) -> f64 {
    assert!(c.len() == low.len() && c.len() == code.len(), "one low and one byte for each coordinate");
    for_isa!(isa, body(c: &[f64], low: &[f64], step: f64, code: &mut [u8]) -> f64)
}

/// Eight accumulators, so that the additions are independent of one another.
#[inline(always)]
fn body(c: &[f64], low: &[f64], step: f64, code: &mut [u8]) -> f64 {
    let per_step = 1.0 / step;
    let one = |c: f64, low: f64, code: &mut u8| {
        // Clamped first, so that the conversion is a single instruction.
        let byte = ((c - low) * per_step + 0.5).clamp(0.0, 255.0) as i32;
        *code = byte as u8;
        let rest = low + step * f64::from(byte) - c;
        rest * rest
    };
    let ((c, c_rest), (low, low_rest)) = (c.as_chunks::<8>(), low.as_chunks::<8>());
    let (code, code_rest) = code.as_chunks_mut::<8>();
    let mut sums = [0.0; 8];
    for ((c, low), code) in c.iter().zip(low).zip(code) {
        for lane in 0..8 {
            sums[lane] += one(c[lane], low[lane], &mut code[lane]);
        }
    }
    for (((&c, &low), code), sum) in c_rest.iter().zip(low_rest).zip(code_rest).zip(&mut sums) {
        *sum += one(c, low, code);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_rounds_according_to_the_formula() {
        for isa in Isa::available() {
            for count in [0, 1, 7, 8, 9, 64, 131] {
                let c: Vec<f64> = (0..count).map(|i| (i as f64 * 37.7).sin() * 900.0).collect();
                let low: Vec<f64> = (0..count).map(|i| -700.0 - i as f64).collect();
                let mut code = vec![7; count];
                let error = round_to_bytes(isa, &c, &low, 5.5, &mut code);
                let mut expected = 0.0;
                for i in 0..count {
                    let byte = ((c[i] - low[i]) / 5.5).round().clamp(0.0, 255.0);
                    assert_eq!(f64::from(code[i]), byte, "{isa:?}, coordinate {i} of {count}");
                    expected += (low[i] + 5.5 * byte - c[i]).powi(2);
                }
                assert!((error - expected).abs() <= 1e-9 * expected, "{isa:?}: {error} is not {expected}");
            }
            let mut code = [1; 2];
            assert!(round_to_bytes(isa, &[f64::NAN, 3.0], &[0.0; 2], 1.0, &mut code).is_nan());
            assert_eq!(round_to_bytes(isa, &[f64::INFINITY, 3.0], &[0.0; 2], 1.0, &mut code), f64::INFINITY);
            assert_eq!(code, [255, 3]);
        }
    }
}
