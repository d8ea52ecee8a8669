//! The optimal distribution of one example under the softmax loss.

use super::exponential::{LEAST, exp, ln};
use super::threshold::{larger, max, sum, zip};
use super::{Block, LANES};

/// The maximum number of iterations. Except on the first visits, two or three are enough.
const MOST_STEPS: usize = 24;

/// The search ends after a step whose remaining error in a probability is less than about this: a visit need not be
/// more accurate than the next one, which starts from its result.
const CLOSE: f32 = 1e-4;

/// Finds the α with `ln α_c + q α_c = v_c − μ` for every class c, and the unique μ for which Σ α = 1.
///
/// With z = ln α both are convex equations in (z, μ), which Newton's method solves together: with `r = v − z − q α`,
/// the residual of the first without μ, and `d_c = 1 + q α_c`,
///
/// ```text
/// μ = (Σ α + Σ α r / d − 1) / Σ α / d        z ← z + (r − μ) / d
/// ```
///
/// A step in z, unlike one in α, handles an α that is almost 0 but should become large: it overshoots rather than
/// falling short, so the length of the last step shows whether the search has converged.
///
/// # Shapes
/// `v`, `z` and `alpha` are (C) in blocks. `alpha` holds an initial guess, which is 0 beyond the classes, where `v` is
/// so small that it stays 0 up to rounding.
#[inline(always)]
pub(super) fn solve(q: f32, v: &[Block<f32>], z: &mut [Block<f32>], alpha: &mut [Block<f32>]) {
    for (z, alpha) in z.iter_mut().zip(alpha.iter_mut()) {
        alpha.0 = alpha.0.map(|a| larger(a, 1e-37));
        z.0 = ln(alpha.0);
    }
    for _ in 0..MOST_STEPS {
        let (mut all, mut weights, mut errors) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        for ((v, z), alpha) in v.iter().zip(z.iter()).zip(alpha.iter()) {
            let pull = alpha.0.map(|a| q * a);
            let r = zip(zip(v.0, z.0, |v, z| v - z), pull, |r, pull| r - pull);
            let weight = zip(alpha.0, pull, |a, pull| a / (1.0 + pull));
            all = zip(all, alpha.0, |all, a| all + a);
            weights = zip(weights, weight, |weights, weight| weights + weight);
            errors = zip(errors, zip(weight, r, |weight, r| weight * r), |errors, e| errors + e);
        }
        let mu = (sum(all) + sum(errors) - 1.0) / sum(weights);
        let mut left = [0.0; LANES];
        for ((v, z), alpha) in v.iter().zip(z.iter_mut()).zip(alpha.iter_mut()) {
            let pull = alpha.0.map(|a| q * a);
            let r = zip(zip(v.0, z.0, |v, z| v - z), pull, |r, pull| r - pull);
            let change = zip(r, pull, |r, pull| (r - mu) / (1.0 + pull));
            z.0 = zip(z.0, change, |z, change| {
                let z = larger(z + change, LEAST);
                if z < 0.0 { z } else { 0.0 }
            });
            let new = exp(z.0);
            let most = zip(alpha.0, new, larger);
            left = zip(left, zip(most, change, |a, change| a * change * change), larger);
            alpha.0 = new;
        }
        if max(left) <= CLOSE {
            break;
        }
    }
}
