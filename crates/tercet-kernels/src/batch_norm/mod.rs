//! Batch normalisation with an optional ReLU: the passes over a part of a batch.
//!
//! ```text
//! x̂ = (x − μ) · s        z = γ · x̂ + β        y = z, or max(0, z)
//! ```
//!
//! with the mean μ and `s = 1 / √(σ² + ε)` of each channel. A pass does a few operations on numbers from memory, so it
//! is limited by memory bandwidth, and the fewer passes there are, the better: the mean and the variance of a part are
//! computed together, while it is in the cache, and the ReLU needs no pass of its own in either direction. The backward
//! pass recomputes z from x, which it reads anyway, instead of reading y.
//!
//! The caller cuts a batch into parts of whole rows and combines their results. The loops are plain Rust over
//! contiguous channels, compiled for each instruction set, and no operations are fused: all of them give the bits of
//! the naive version.

mod body;
pub mod naive;

use crate::Isa;
use body::Pass;

/// The parameters of a layer, for each channel.
#[derive(Clone, Copy, Debug)]
pub struct Normalization<'a> {
    /// μ, (C).
    pub mean: &'a [f32],
    /// s, (C).
    pub inverse: &'a [f32],
    /// γ, (C).
    pub gamma: &'a [f32],
    /// β, (C).
    pub beta: &'a [f32],
    /// Whether a ReLU follows.
    pub relu: bool,
}

impl Normalization<'_> {
    /// Panics if the numbers of channels differ, or the numbers are not whole rows.
    fn check(&self, numbers: usize) {
        let channels = self.mean.len();
        let lengths = [self.inverse.len(), self.gamma.len(), self.beta.len()];
        assert_eq!(lengths, [channels; 3], "s, γ and β are of {channels} channels");
        check_rows(numbers, channels);
    }
}

fn check_rows(numbers: usize, channels: usize) {
    assert!(channels > 0 && numbers.is_multiple_of(channels), "{numbers} numbers of {channels} channels");
}

/// The mean of each channel, then the sum of squared deviations from it, in f64. Both are 0 if there are no rows.
///
/// # Shapes
/// `x` is (M, C), `moments` is (2, C).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::{Isa, batch_norm::moments};
///
/// let mut of_two_channels = [0.0; 4];
/// moments(Isa::active(), &[1.0, 5.0, 3.0, 5.0], &mut of_two_channels);
/// assert_eq!(of_two_channels, [2.0, 5.0, 2.0, 0.0]);
/// ```
pub fn moments(isa: Isa, x: &[f32], moments: &mut [f64]) {
    assert!(moments.len().is_multiple_of(2), "two moments per channel");
    check_rows(x.len(), moments.len() / 2);
    body::run(isa, Pass::Moments { x, moments });
}

/// `y` of the module's formula.
///
/// # Shapes
/// `x` and `y` are (M, C).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::batch_norm::{Normalization, forward};
///
/// let normal = Normalization { mean: &[2.0], inverse: &[0.5], gamma: &[4.0], beta: &[1.0], relu: true };
/// let mut y = [0.0; 2];
/// forward(Isa::active(), &normal, &[0.0, 3.0], &mut y);
/// assert_eq!(y, [0.0, 3.0]);
/// ```
pub fn forward(isa: Isa, normal: &Normalization<'_>, x: &[f32], y: &mut [f32]) {
    normal.check(x.len());
    assert_eq!(x.len(), y.len(), "y has the shape of x");
    body::run(isa, Pass::Forward { normal, x, y });
}

/// The sums over each channel that the backward pass needs, Σ dz and then Σ dz · x̂, in f64, with `dz = dy` or, with a
/// ReLU, `dy` where z > 0 and 0 elsewhere.
///
/// # Shapes
/// `x` and `dy` are (M, C), `sums` is (2, C).
///
/// # Panics
/// If the shapes do not match.
pub fn backward_sums(isa: Isa, normal: &Normalization<'_>, x: &[f32], dy: &[f32], sums: &mut [f64]) {
    normal.check(x.len());
    assert_eq!(x.len(), dy.len(), "dy has the shape of x");
    assert_eq!(sums.len(), 2 * normal.mean.len(), "two sums per channel");
    body::run(isa, Pass::BackwardSums { normal, x, dy, sums });
}

/// `dx = γ · s · (dz − dβ / M − x̂ · dγ / M)`, with `dβ = Σ dz` and `dγ = Σ dz · x̂` over the whole batch of M. In place:
/// `upstream` holds dy and becomes dx.
///
/// # Shapes
/// `x` and `upstream` are (rows, C), `dbeta_share` = dβ / M and `dgamma_share` = dγ / M are (C).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::batch_norm::{Normalization, backward, backward_sums};
///
/// // Shifting every x by the same amount changes no output, so the gradients with respect to x add up to 0.
/// let normal = Normalization { mean: &[2.0], inverse: &[1.0], gamma: &[3.0], beta: &[0.0], relu: false };
/// let (x, mut upstream, mut sums) = ([1.0, 3.0], [1.0, 0.0], [0.0; 2]);
/// backward_sums(Isa::active(), &normal, &x, &upstream, &mut sums);
/// assert_eq!(sums, [1.0, -1.0]);
/// backward(Isa::active(), &normal, (&[0.5], &[-0.5]), &x, &mut upstream);
/// assert_eq!(upstream, [0.0, 0.0]);
/// ```
pub fn backward(
    isa: Isa,
    normal: &Normalization<'_>,
    (dbeta_share, dgamma_share): (&[f32], &[f32]),
    x: &[f32],
    upstream: &mut [f32],
) {
    normal.check(x.len());
    assert_eq!(x.len(), upstream.len(), "dy has the shape of x");
    let channels = normal.mean.len();
    assert_eq!(
        [dbeta_share.len(), dgamma_share.len()],
        [channels; 2],
        "dβ and dγ are of {channels} channels"
    );
    body::run(isa, Pass::Backward { normal, shares: (dbeta_share, dgamma_share), x, upstream });
}
