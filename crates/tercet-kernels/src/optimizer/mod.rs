//! An optimizer step over the weights of a layer in one pass: regularisation, momentum, the update, and Σ W².
//!
//! An optimizer does a handful of operations on each weight, so it is limited by memory bandwidth, and one pass over
//! memory should be enough. The bodies are plain Rust, which the compiler vectorises for each instruction set. No
//! operations are fused, so all of them give the bits of the naive version.

mod adam;

pub use adam::{Adam, adam};

use crate::Isa;
use crate::dispatch::for_isa;

/// A step: `g = dw + 2 · reg · w`, then `w ← w − lr · g`, or with a non-zero momentum μ `v ← μ · v − lr · g` and
/// `w ← w + v`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// lr.
    pub learning_rate: f32,
    /// μ.
    pub momentum: f32,
    /// The coefficient of Σ W² in the loss.
    pub reg: f32,
}

/// The steps, computed directly from their formulas.
pub mod naive {
    use super::{Adam, Sgd};

    /// One step; returns Σ W² of the weights before it, or 0 if `reg` is 0.
    ///
    /// # Shapes
    /// `w` and `dw` have the same length, and with momentum so has `velocity`.
    pub fn sgd(step: Sgd, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64 {
        let mut squares = 0.0;
        for i in 0..w.len() {
            if step.reg != 0.0 {
                squares += f64::from(w[i]) * f64::from(w[i]);
            }
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

    /// One step of Adam; returns Σ W² of the weights before it, or 0 if `reg` is 0.
    ///
    /// # Shapes
    /// All four arrays have the same length.
    pub fn adam(step: &Adam, w: &mut [f32], dw: &[f32], m: &mut [f32], v: &mut [f32]) -> f64 {
        let &Adam { beta1, beta2, epsilon, rate, root_correction, decay, reg } = step;
        let mut squares = 0.0;
        for i in 0..w.len() {
            if reg != 0.0 {
                squares += f64::from(w[i]) * f64::from(w[i]);
            }
            let g = dw[i] + 2.0 * reg * w[i];
            m[i] = beta1 * m[i] + (1.0 - beta1) * g;
            v[i] = beta2 * v[i] + (1.0 - beta2) * g * g;
            w[i] -= decay * w[i] + rate * m[i] / (v[i].sqrt() * root_correction + epsilon);
        }
        squares
    }
}

/// One step; returns Σ W² of the weights before it, summed in f64 in an order that depends only on the length, or 0 if
/// `reg` is 0 and the sum is not needed. Without momentum the velocity is neither read nor written, and may be empty.
///
/// # Shapes
/// `w` and `dw` have the same length, and with momentum so has `velocity`.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::optimizer::{Sgd, sgd};
///
/// let half = Sgd { learning_rate: 0.5, momentum: 0.0, reg: 0.25 };
/// let mut w = [1.0, 2.0];
/// assert_eq!(sgd(Isa::active(), half, &mut w, &[0.5, 1.0], &mut []), 5.0);
/// assert_eq!(w, [0.5, 1.0]);
/// ```
pub fn sgd(isa: Isa, step: Sgd, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64 {
    assert_eq!(w.len(), dw.len(), "one gradient per weight");
    assert!(step.momentum == 0.0 || w.len() == velocity.len(), "one velocity per weight");
    for_isa!(isa, body(step: Sgd, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64)
}

/// Σ W², summed in the same order as in [`sgd`].
///
/// ```
/// use tercet_kernels::{Isa, optimizer::sum_of_squares};
/// assert_eq!(sum_of_squares(Isa::active(), &[3.0, 4.0]), 25.0);
/// ```
pub fn sum_of_squares(isa: Isa, w: &[f32]) -> f64 {
    #[inline(always)]
    fn body(w: &[f32]) -> f64 {
        let mut sums = [0.0; SUMS];
        add_squares(w, &mut sums);
        sums.iter().sum()
    }
    for_isa!(isa, body(w: &[f32]) -> f64)
}

/// Adds the numbers of `other` to those of `sum`, element by element.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// use tercet_kernels::{Isa, optimizer::add};
///
/// let mut sum = [1.0, 2.0];
/// add(Isa::active(), &mut sum, &[0.5, 0.25]);
/// assert_eq!(sum, [1.5, 2.25]);
/// ```
pub fn add(isa: Isa, sum: &mut [f32], other: &[f32]) {
    #[inline(always)]
    fn body(sum: &mut [f32], other: &[f32]) {
        sum.iter_mut().zip(other).for_each(|(sum, other)| *sum += other);
    }
    assert_eq!(sum.len(), other.len(), "slices of equal length");
    for_isa!(isa, body(sum: &mut [f32], other: &[f32]));
}

/// The number of accumulators for the squares: as many as the widest register holds, so that they are independent.
const SUMS: usize = 16;

/// How many weights are squared before they are updated: they are still in the first-level cache then, and each of the
/// two loops is simple enough for compilers to vectorise.
const TOGETHER: usize = 1024;

#[inline(always)]
fn body(step: Sgd, w: &mut [f32], dw: &[f32], velocity: &mut [f32]) -> f64 {
    let mut sums = [0.0f64; SUMS];
    let Sgd { learning_rate, momentum, reg } = step;
    let twice_reg = 2.0 * reg;
    let mut velocity = velocity.chunks_mut(TOGETHER);
    for (w, dw) in w.chunks_mut(TOGETHER).zip(dw.chunks(TOGETHER)) {
        if reg != 0.0 {
            add_squares(w, &mut sums);
        }
        let weights = w.iter_mut().zip(dw);
        match velocity.next() {
            Some(velocity) if momentum != 0.0 => {
                for ((w, &dw), v) in weights.zip(velocity) {
                    *v = momentum * *v - learning_rate * (dw + twice_reg * *w);
                    *w += *v;
                }
            }
            _ => weights.for_each(|(w, &dw)| *w -= learning_rate * (dw + twice_reg * *w)),
        }
    }
    sums.iter().sum()
}

#[inline(always)]
fn add_squares(w: &[f32], sums: &mut [f64; SUMS]) {
    let (whole, rest) = w.as_chunks::<SUMS>();
    for w in whole {
        for i in 0..SUMS {
            sums[i] += f64::from(w[i]) * f64::from(w[i]);
        }
    }
    sums.iter_mut().zip(rest).for_each(|(sum, &w)| *sum += f64::from(w) * f64::from(w));
}
