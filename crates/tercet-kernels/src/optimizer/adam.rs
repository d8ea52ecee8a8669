//! The step of Adam (Kingma and Ba 2015) and of its decoupled weight decay (Loshchilov and Hutter 2019).

use super::{SUMS, TOGETHER, add_squares};
use crate::Isa;
use crate::dispatch::for_isa;

/// A step of Adam. With `g = dw + 2 · reg · w`:
///
/// ```text
/// m ← β1 · m + (1 − β1) · g
/// v ← β2 · v + (1 − β2) · g²
/// w ← w − decay · w − rate · m / (√v · root_correction + ε)
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// β1.
    pub beta1: f32,
    /// β2.
    pub beta2: f32,
    /// ε.
    pub epsilon: f32,
    /// `lr / (1 − β1^t)`.
    pub rate: f32,
    /// `1 / √(1 − β2^t)`.
    pub root_correction: f32,
    /// `lr · λ`.
    pub decay: f32,
    /// The coefficient of Σ W² in the loss.
    pub reg: f32,
}

/// One step; returns Σ W² of the weights before it, summed in f64 in an order that depends only on the length, or 0 if
/// `reg` is 0 and the sum is not needed.
///
/// # Shapes
/// All four arrays have the same length.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::optimizer::{Adam, adam};
///
/// let first = Adam {
///     beta1: 0.5, beta2: 0.75, epsilon: 0.0, rate: 2.0, root_correction: 2.0, decay: 0.0, reg: 0.0,
/// };
/// let (mut w, mut m, mut v) = ([1.0], [0.0], [0.0]);
/// adam(Isa::active(), &first, &mut w, &[4.0], &mut m, &mut v);
/// assert_eq!((w, m, v), ([0.0], [2.0], [4.0]));
/// ```
pub fn adam(isa: Isa, step: &Adam, w: &mut [f32], dw: &[f32], m: &mut [f32], v: &mut [f32]) -> f64 {
    assert!([dw.len(), m.len(), v.len()] == [w.len(); 3], "a gradient and two moments per weight");
    for_isa!(isa, body(step: &Adam, w: &mut [f32], dw: &[f32], m: &mut [f32], v: &mut [f32]) -> f64)
}

#[inline(always)]
fn body(step: &Adam, w: &mut [f32], dw: &[f32], m: &mut [f32], v: &mut [f32]) -> f64 {
    let &Adam { beta1, beta2, epsilon, rate, root_correction, decay, reg } = step;
    let (mut sums, twice_reg) = ([0.0; SUMS], 2.0 * reg);
    let moments = m.chunks_mut(TOGETHER).zip(v.chunks_mut(TOGETHER));
    for ((w, dw), (m, v)) in w.chunks_mut(TOGETHER).zip(dw.chunks(TOGETHER)).zip(moments) {
        if reg != 0.0 {
            add_squares(w, &mut sums);
        }
        for (((w, &dw), m), v) in w.iter_mut().zip(dw).zip(m).zip(v) {
            let g = dw + twice_reg * *w;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *w -= decay * *w + rate * *m / (v.sqrt() * root_correction + epsilon);
        }
    }
    sums.iter().sum()
}
