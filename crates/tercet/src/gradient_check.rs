//! Is this gradient right? The derivative's definition, taken numerically, as an independent answer.
//!
//! ```text
//! ∂f/∂x_i ≈ (f(x + h·e_i) − f(x − h·e_i)) / 2h
//! ```
//!
//! In f64 with h around 1e-5 the central difference is good to about ten digits, far better than any real
//! mistake in a gradient.

/// What a gradient check found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Every component agrees.
    Agrees,
    /// The component that disagrees most.
    Differs {
        /// Which component.
        index: usize,
        /// The gradient that was to be checked.
        claimed: f64,
        /// The central difference.
        numerical: f64,
    },
}

/// How far a gradient may lie from the central difference: |a − b| ≤ 1e-6 · max(1, |a|, |b|).
const TOLERANCE: f64 = 1e-6;

/// Compares a gradient with the central differences of `f` at `x`.
///
/// Where f has a corner within h of x (a ReLU's input at 0, a score exactly on the margin), the difference sees
/// both sides and the check fails for no fault of the gradient: choose x away from corners.
///
/// # Shapes
/// `x` and `gradient` have the same length.
///
/// ```
/// use tercet::gradient_check::{Verdict, check};
/// let f = |x: &[f64]| (x[0] + x[1]) * x[2];
/// let at = [-2.0, 5.0, -4.0];
/// assert_eq!(check(f, &at, &[-4.0, -4.0, 3.0]), Verdict::Agrees);
/// assert!(matches!(check(f, &at, &[-4.0, 4.0, 3.0]), Verdict::Differs { index: 1, .. }));
/// ```
pub fn check(mut f: impl FnMut(&[f64]) -> f64, x: &[f64], gradient: &[f64]) -> Verdict {
    assert_eq!(x.len(), gradient.len(), "one component of the gradient for each of x");
    let mut x = x.to_vec();
    let mut worst = (TOLERANCE, Verdict::Agrees);
    for index in 0..x.len() {
        let (centre, h) = (x[index], 1e-5 * x[index].abs().max(1.0));
        x[index] = centre + h;
        let above = f(&x);
        x[index] = centre - h;
        let below = f(&x);
        x[index] = centre;
        let (claimed, numerical) = (gradient[index], (above - below) / (2.0 * h));
        let error = (claimed - numerical).abs() / claimed.abs().max(numerical.abs()).max(1.0);
        if error > worst.0 || error.is_nan() {
            worst = (error, Verdict::Differs { index, claimed, numerical });
        }
    }
    worst.1
}
