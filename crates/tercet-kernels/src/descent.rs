//! A step of gradient descent over the weights of a layer, in one pass: regularisation, momentum, the step, and Σ W².
//!
//! What an optimizer does to each weight is a handful of operations on numbers that come from memory, so it costs what
//! it costs to bring them: once is enough. The body is plain Rust in a shape that the compiler turns into vectors, and
//! the functions at the end compile it for each instruction set. Nothing is fused, so all of them give the naive bits.

use crate::Isa;
use crate::isa::Level;

/// A step: `g = dw + 2 · reg · w`, then `w ← w − lr · g`, or with a momentum μ that is not 0 `v ← μ · v − lr · g` and
/// `w ← w + v`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// lr.
    pub learning_rate: f32,
    /// μ.
    pub momentum: f32,
    /// The coefficient of Σ W² in the loss.
    pub reg: f32,
}

/// The step as the formula says it.
pub mod naive {
    use super::Step;

    /// One step; returns Σ W² of the weights before it.
    ///
    /// # Shapes
    /// `w` and `dw` have the same length, and with momentum `velocity` too.
    pub fn step(step: Step, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64 {
        let mut squares = 0.0;
        for i in 0..w.len() {
            squares += f64::from(w[i]) * f64::from(w[i]);
            let g = dw[i] + 2.0 * step.reg * w[i];
            if step.momentum == 0.0 {
                w[i] -= step.learning_rate * g;
            } else {
                velocity[i] = step.momentum * velocity[i] - step.learning_rate * g;
                w[i] += velocity[i];
            }
        }
        squares
    }
}

/// One step; returns Σ W² of the weights before it, summed in f64 in an order that depends on the length alone.
/// Without momentum the velocity is neither read nor written, and may be empty.
///
/// # Shapes
/// `w` and `dw` have the same length, and with momentum `velocity` too.
///
/// # Panics
/// Where the lengths differ.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::descent::{Step, step};
///
/// let half = Step { learning_rate: 0.5, momentum: 0.0, reg: 0.0 };
/// let mut w = [1.0, 2.0];
/// assert_eq!(step(Isa::active(), half, &mut w, &[0.25, 0.5], &mut []), 5.0);
/// assert_eq!(w, [0.875, 1.75]);
/// ```
pub fn step(isa: Isa, step: Step, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64 {
    assert_eq!(w.len(), dw.len(), "one gradient a weight");
    assert!(step.momentum == 0.0 || w.len() == velocity.len(), "one velocity a weight");
    match isa.0 {
        Level::Portable => body(step, w, dw, velocity),
        // SAFETY: an `Isa` of this level exists only where the processor has AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { avx2(step, w, dw, velocity) },
        // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { avx512(step, w, dw, velocity) },
    }
}

/// How many running sums of squares there are: as many as the widest register holds, so that none waits for another.
const SUMS: usize = 16;

#[inline(always)]
fn body(step: Step, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64 {
    let mut sums = [0.0f64; SUMS];
    let Step { learning_rate, momentum, reg } = step;
    let twice_reg = 2.0 * reg;
    let (whole, rest) = w.as_chunks_mut::<SUMS>();
    let (whole_dw, rest_dw) = dw.as_chunks::<SUMS>();
    let (whole, rest) = (whole.iter_mut().zip(whole_dw), rest.iter_mut().zip(rest_dw));
    if momentum == 0.0 {
        for (w, dw) in whole {
            for i in 0..SUMS {
                sums[i] += f64::from(w[i]) * f64::from(w[i]);
            }
            for i in 0..SUMS {
                w[i] -= learning_rate * (dw[i] + twice_reg * w[i]);
            }
        }
        for ((w, dw), sum) in rest.zip(&mut sums) {
            *sum += f64::from(*w) * f64::from(*w);
            *w -= learning_rate * (dw + twice_reg * *w);
        }
    } else {
        let (whole_v, rest_v) = velocity.as_chunks_mut::<SUMS>();
        for ((w, dw), v) in whole.zip(whole_v) {
            for i in 0..SUMS {
                sums[i] += f64::from(w[i]) * f64::from(w[i]);
            }
            for i in 0..SUMS {
                v[i] = momentum * v[i] - learning_rate * (dw[i] + twice_reg * w[i]);
                w[i] += v[i];
            }
        }
        for (((w, dw), v), sum) in rest.zip(rest_v).zip(&mut sums) {
            *sum += f64::from(*w) * f64::from(*w);
            *v = momentum * *v - learning_rate * (dw + twice_reg * *w);
            *w += *v;
        }
    }
    sums.iter().sum()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(step: Step, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64 {
    body(step, w, dw, velocity)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]
fn avx512(step: Step, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64 {
    body(step, w, dw, velocity)
}
