//! Is this gradient right? The derivative's definition, taken numerically, as an independent answer.
//!
//! ```text
//! ∂f/∂x_i ≈ (f(x + h·e_i) − f(x − h·e_i)) / 2h
//! ```
//!
//! In f64 with h around 1e-5 the central difference is good to about ten digits, far better than any real
//! mistake in a gradient.
//!
//! # Corners
//!
//! Where f has a corner within h of x (a ReLU's input at 0, two scores that differ by just the margin), the difference
//! sees the slopes of both sides and says nothing about the gradient. A function that can tell on which side of each of
//! its corners it is ([`check_with_sides`]; a [graph](crate::graph) can) gets a verdict of its own for that.

/// What a gradient check found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Every component agrees.
    Agrees,
    /// All that could be compared agrees, but a corner of f lies within h of x.
    Kink {
        /// The first component whose difference crosses one.
        index: usize,
        /// Which corner: its place among the sides that f tells.
        corner: usize,
    },
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

/// A central difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// By which component.
    pub index: usize,
    /// `(f(x + h) − f(x − h)) / 2h`
    pub slope: f64,
    /// The first corner of f between x − h and x + h, as its place among the sides that f tells. The slope is of no use
    /// then.
    pub corner: Option<usize>,
    /// How far the slope may be off because f is rounded.
    rounding: f64,
}

/// How far a gradient may lie from the central difference: |a − b| ≤ 1e-6 · max(1, |a|, |b|), and what rounding adds.
const TOLERANCE: f64 = 1e-6;

/// Compares a gradient with the central differences of `f` at `x`.
///
/// Where f has a corner within h of x, the check fails for no fault of the gradient: choose x away from corners, or use
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

/// The same for a function that also tells on which side of each of its corners it is, in a fixed order.
///
/// # Shapes
/// `x` and `gradient` have the same length; f tells as many sides everywhere.
///
/// ```
/// use tercet::gradient_check::{Verdict, check_with_sides};
/// // |x₀| + x₁²
/// let f = |x: &[f64]| (x[0].abs() + x[1] * x[1], vec![u32::from(x[0] > 0.0)]);
/// assert_eq!(check_with_sides(f, &[2.0, 3.0], &[1.0, 6.0]), Verdict::Agrees);
/// assert_eq!(check_with_sides(f, &[1e-9, 3.0], &[1.0, 6.0]), Verdict::Kink { index: 0, corner: 0 });
/// // A corner in one component excuses no other.
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

/// A function that tells its value, and on which side of each of its corners it is.
pub type Sided<'a> = dyn FnMut(&[f64]) -> (f64, Vec<u32>) + 'a;

/// The central difference of `f` at `x` by one component. `sides` are those that f tells at x itself; x is the same
/// afterwards.
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
    /// How far a claimed derivative is off, as a share of what it may be: above 1 the two differ. NaN where one of them is.
    fn error(&self, claimed: f64) -> f64 {
        let allowed = TOLERANCE * claimed.abs().max(self.slope.abs()).max(1.0) + self.rounding;
        (claimed - self.slope).abs() / allowed
    }

    /// Whether a claimed derivative agrees with the difference. Across a corner, none does.
    pub fn agrees_with(&self, claimed: f64) -> bool {
        self.corner.is_none() && self.error(claimed) <= 1.0
    }
}

/// What some differences say of a gradient.
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
    fn the_rounding_of_a_large_function_is_no_mistake_of_its_gradient() {
        // 1e9 is known to 1e-7 only, and h is 1e-5.
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
