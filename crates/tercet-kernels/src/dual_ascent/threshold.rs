//! The number t for which `t = Σ_c clip(u_c − t, 0, 1)`.

use super::{Block, LANES};

/// The maximum number of iterations: after this many bisections of an interval of f32 nothing is left to bisect.
const MOST_STEPS: usize = 48;

/// The tolerance for the difference between t and its sum, relative to t: a few rounding errors of the sum.
const CLOSE: f32 = 5e-7;

/// Combines the lanes of two arrays. A loop over arrays that are values, not memory, compiles to registers.
#[inline(always)]
pub(super) fn zip<T: Copy, const N: usize>(a: [T; N], b: [T; N], combine: impl Fn(T, T) -> T) -> [T; N] {
    std::array::from_fn(
        #[inline(always)]
        |i| combine(a[i], b[i]),
    )
}

/// Reduces sixteen lanes to one, pairwise, in the same order on every instruction set.
#[inline(always)]
fn fold(lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|i| combine(lanes[i], lanes[i + 8]));
    let four: [f32; 4] = std::array::from_fn(|i| combine(eight[i], eight[i + 4]));
    combine(combine(four[0], four[2]), combine(four[1], four[3]))
}

/// The sum over lanes.
#[inline(always)]
pub(super) fn sum(lanes: [f32; LANES]) -> f32 {
    fold(lanes, |a, b| a + b)
}

/// The largest lane.
#[inline(always)]
pub(super) fn max(lanes: [f32; LANES]) -> f32 {
    fold(lanes, larger)
}

/// As in the corresponding instruction: the second if either is NaN.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// As in the corresponding instruction: the second if either is NaN.
#[inline(always)]
pub(super) fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

/// `u − t`, clipped to 0 … 1.
#[inline(always)]
pub(super) fn clip(over: f32) -> f32 {
    let above = if over > 0.0 { over } else { 0.0 };
    if above < 1.0 { above } else { 1.0 }
}

/// Finds t from an initial guess.
///
/// `φ(t) = Σ clip(u − t, 0, 1) − t` is piecewise linear and decreasing; its slope is −1 minus the number of u strictly
/// inside. A Newton step from the right piece lands on the root, so the search ends as soon as it is on that piece,
/// which with a guess from the last visit is the first or second iteration. φ is neither convex nor concave, so
/// Newton's method alone could cycle: it is kept within a shrinking interval, which is bisected if the step would leave
/// it.
#[inline(always)]
pub(super) fn threshold(u: &[Block<f32>], guess: f32) -> f32 {
    let mut largest = f32::NEG_INFINITY;
    for block in u {
        largest = larger(max(block.0), largest);
    }
    if largest.is_nan() || largest <= 0.0 {
        return 0.0;
    }
    // At 0 the sum is at least 0; at the largest u it is 0.
    let (mut low, mut high) = (0.0, largest);
    let mut t = if guess > low && guess < high { guess } else { high / 2.0 };
    for _ in 0..MOST_STEPS {
        let (mut total, mut inside) = ([0.0; LANES], [0.0; LANES]);
        for Block(u) in u {
            total = zip(total, *u, |total, u| total + clip(u - t));
            inside = zip(inside, *u, |inside, u| inside + if clip(u - t) == u - t { 1.0 } else { 0.0 });
        }
        let phi = sum(total) - t;
        if phi.abs() <= CLOSE * t {
            break;
        }
        if phi > 0.0 {
            low = t;
        } else {
            high = t;
        }
        let newton = t + phi / (1.0 + sum(inside));
        let next = if newton > low && newton < high { newton } else { low + (high - low) / 2.0 };
        if next == t {
            break;
        }
        t = next;
    }
    t
}
