//! Gradient checking: compares a gradient with numerical derivatives.
//!
//! ```text
//! ∂f/∂x_i ≈ (f(x + h·e_i) − f(x − h·e_i)) / 2h
//! ```
//!
//! In f64 with h around 1e-5 the central difference is accurate to about ten digits, so that any real mistake in a
//! gradient shows.
//!
//! # Kinks
//!
//! If f has a kink within h of x (a ReLU with input 0, two scores that differ by exactly the margin), the difference
//! mixes the slopes of both sides and says nothing about the gradient. For functions that report on which side of each
//! kink they are ([`check_with_sides`]; a [graph](crate::graph) does), this case has a separate verdict.

/// The result of a gradient check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Every component agrees.
    Agrees,
    /// All comparable components agree, but a kink of f lies within h of x.
    Kink {
        /// The first component whose difference crosses a kink.
        index: usize,
        /// Which kink: its index among the sides that f reports.
        corner: usize,
    },
    /// The component that disagrees most.
    Differs {
        /// The index of the component.
        index: usize,
        /// The gradient that was checked.
        claimed: f64,
        /// The central difference.
        numerical: f64,
    },
}

/// A central difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The index of the component.
    pub index: usize,
    /// `(f(x + h) − f(x − h)) / 2h`
    pub slope: f64,
    /// The first kink of f between x − h and x + h, as its index among the sides that f reports. The slope is
    /// meaningless in that case.
    pub corner: Option<usize>,
    /// The possible error of the slope due to the rounding of f.
    rounding: f64,
}

/// The tolerance for the difference between gradient and central difference: |a − b| ≤ 1e-6 · max(1, |a|, |b|), plus
/// the rounding error.
const TOLERANCE: f64 = 1e-6;

/// Compares a gradient with the central differences of `f` at `x`.
///
/// If f has a kink within h of x, the check may fail even for a correct gradient: choose x away from kinks, or use
/// [`check_with_sides`].
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
    check_with_sides(|x| (f(x), Vec::new()), x, gradient)
}

/// The same for a function that also reports on which side of each of its kinks it is, in a fixed order.
///
/// # Shapes
/// `x` and `gradient` have the same length; f reports the same number of sides everywhere.
///
/// ```
/// use tercet::gradient_check::{Verdict, check_with_sides};
/// // |x₀| + x₁²
/// let f = |x: &[f64]| (x[0].abs() + x[1] * x[1], vec![u32::from(x[0] > 0.0)]);
/// assert_eq!(check_with_sides(f, &[2.0, 3.0], &[1.0, 6.0]), Verdict::Agrees);
/// assert_eq!(check_with_sides(f, &[1e-9, 3.0], &[1.0, 6.0]), Verdict::Kink { index: 0, corner: 0 });
/// // A kink in one component does not excuse another.
/// assert!(matches!(check_with_sides(f, &[1e-9, 3.0], &[1.0, 5.0]), Verdict::Differs { index: 1, .. }));
/// ```
pub fn check_with_sides(
    mut f: impl FnMut(&[f64]) -> (f64, Vec<u32>),
    x: &[f64],
    gradient: &[f64],
) -> Verdict {
    assert_eq!(x.len(), gradient.len(), "one component of the gradient for each of x");
    let (_, sides) = f(x);
    let mut x = x.to_vec();
    let differences: Vec<Difference> =
        (0..x.len()).map(|index| difference(&mut f, &mut x, index, &sides)).collect();
    verdict(gradient, &differences)
}

/// A function that returns its value, and the side of each of its kinks on which it is.
pub type Sided<'a> = dyn FnMut(&[f64]) -> (f64, Vec<u32>) + 'a;

/// The central difference of `f` at `x` with respect to one component. `sides` are those that f reports at x itself. x
/// is restored afterwards.
pub fn difference(f: &mut Sided<'_>, x: &mut [f64], index: usize, sides: &[u32]) -> Difference {
    let (centre, h) = (x[index], 1e-5 * x[index].abs().max(1.0));
    x[index] = centre + h;
    let (above, sides_above) = f(x);
    x[index] = centre - h;
    let (below, sides_below) = f(x);
    x[index] = centre;
    let corner = (0..sides.len()).find(|&i| sides_above[i] != sides[i] || sides_below[i] != sides[i]);
    let rounding = 8.0 * f64::EPSILON * above.abs().max(below.abs()) / h;
    Difference { index, slope: (above - below) / (2.0 * h), corner, rounding }
}

impl Difference {
    /// The error of a claimed derivative relative to the tolerance: above 1 the two differ. NaN if one of them is.
    fn error(&self, claimed: f64) -> f64 {
        let allowed = TOLERANCE * claimed.abs().max(self.slope.abs()).max(1.0) + self.rounding;
        (claimed - self.slope).abs() / allowed
    }

    /// Whether a claimed derivative agrees with the difference. Across a kink, none does.
    pub fn agrees_with(&self, claimed: f64) -> bool {
        self.corner.is_none() && self.error(claimed) <= 1.0
    }
}

/// The verdict on a gradient from some differences.
pub fn verdict(gradient: &[f64], differences: &[Difference]) -> Verdict {
    let mut worst = (1.0, Verdict::Agrees);
    for difference in differences.iter().filter(|difference| difference.corner.is_none()) {
        let (index, claimed, numerical) = (difference.index, gradient[difference.index], difference.slope);
        let error = difference.error(claimed);
        if error > worst.0 || error.is_nan() {
            worst = (error, Verdict::Differs { index, claimed, numerical });
        }
    }
    let kink = differences.iter().find_map(|difference| Some((difference.index, difference.corner?)));
    match (worst.1, kink) {
        (Verdict::Agrees, Some((index, corner))) => Verdict::Kink { index, corner },
        (verdict, _) => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_of_a_large_function_is_not_a_wrong_gradient() {
        // 1e9 has a precision of only 1e-7, and h is 1e-5.
        let f = |x: &[f64]| 1e9 + (3.0 * x[0]).sin();
        let x = [0.3];
        assert_eq!(check(f, &x, &[3.0 * 0.9f64.cos()]), Verdict::Agrees);
        assert!(matches!(check(|x| (3.0 * x[0]).sin(), &x, &[3.0]), Verdict::Differs { .. }));
    }

    #[test]
    fn nan_never_agrees() {
        assert!(matches!(check(|x| x[0].ln(), &[-1.0], &[-1.0]), Verdict::Differs { index: 0, .. }));
        assert!(matches!(check(|x| x[0], &[1.0], &[f64::NAN]), Verdict::Differs { index: 0, .. }));
    }
}
