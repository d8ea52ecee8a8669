//! The passes, over contiguous channels.

use super::Normalization;
use crate::Isa;
use crate::dispatch::for_isa;

/// A pass and its arguments.
pub(super) enum Pass<'a> {
    Moments {
        x: &'a [f32],
        moments: &'a mut [f64],
    },
    Forward {
        normal: &'a Normalization<'a>,
        x: &'a [f32],
        y: &'a mut [f32],
    },
    BackwardSums {
        normal: &'a Normalization<'a>,
        x: &'a [f32],
        dy: &'a [f32],
        sums: &'a mut [f64],
    },
    Backward {
        normal: &'a Normalization<'a>,
        shares: (&'a [f32], &'a [f32]),
        x: &'a [f32],
        upstream: &'a mut [f32],
    },
}

/// Calls a pass for all channels, several at a time: sixteen, then four, then one. Arrays of these lengths become
/// registers. The pass runs over all rows for the same channels, so that their parameters and sums stay in registers as
/// well.
macro_rules! over_channels {
    ($channels:expr, $pass:ident($($argument:expr),*)) => {{
        let (channels, mut c) = ($channels, 0);
        while c + 16 <= channels {
            $pass::<16>($($argument),*, c);
            c += 16;
        }
        while c + 4 <= channels {
            $pass::<4>($($argument),*, c);
            c += 4;
        }
        while c < channels {
            $pass::<1>($($argument),*, c);
            c += 1;
        }
    }};
}

/// `N` numbers starting at `place`.
#[inline(always)]
fn at<T: Copy, const N: usize>(values: &[T], place: usize) -> [T; N] {
    *values[place..].first_chunk().expect("N values starting at the index")
}

/// Writes `N` numbers starting at `place`.
#[inline(always)]
fn put<T: Copy, const N: usize>(values: &mut [T], place: usize, new: [T; N]) {
    *values[place..].first_chunk_mut().expect("N values starting at the index") = new;
}

/// An array whose elements are computed one by one.
#[inline(always)]
fn each<T, const N: usize>(compute: impl FnMut(usize) -> T) -> [T; N] {
    std::array::from_fn(compute)
}

#[inline(always)]
fn moments<const N: usize>(x: &[f32], moments: &mut [f64], c: usize) {
    let channels = moments.len() / 2;
    let places = || (c..x.len()).step_by(channels);
    let mut sums = [0.0; N];
    for place in places() {
        let x: [f32; N] = at(x, place);
        sums = each(|i| sums[i] + f64::from(x[i]));
    }
    let count = places().len().max(1) as f64;
    let mean = sums.map(|sum| sum / count);
    let mut squares = [0.0; N];
    for place in places() {
        let x: [f32; N] = at(x, place);
        squares = each(|i| {
            let deviation = f64::from(x[i]) - mean[i];
            squares[i] + deviation * deviation
        });
    }
    put(moments, c, mean);
    put(moments, channels + c, squares);
}

/// The parameters of `N` channels.
struct Channels<const N: usize> {
    mean: [f32; N],
    inverse: [f32; N],
    gamma: [f32; N],
    beta: [f32; N],
}

impl<const N: usize> Channels<N> {
    #[inline(always)]
    fn new(normal: &Normalization<'_>, c: usize) -> Self {
        let &Normalization { mean, inverse, gamma, beta, .. } = normal;
        Channels { mean: at(mean, c), inverse: at(inverse, c), gamma: at(gamma, c), beta: at(beta, c) }
    }

    /// x̂ and z.
    #[inline(always)]
    fn normalize(&self, x: [f32; N]) -> ([f32; N], [f32; N]) {
        let normalized: [f32; N] = each(|i| (x[i] - self.mean[i]) * self.inverse[i]);
        (normalized, each(|i| self.gamma[i] * normalized[i] + self.beta[i]))
    }

    /// dz.
    #[inline(always)]
    fn through_relu(relu: bool, z: [f32; N], dy: [f32; N]) -> [f32; N] {
        match relu {
            true => each(|i| if z[i] <= 0.0 { 0.0 } else { dy[i] }),
            false => dy,
        }
    }
}

#[inline(always)]
fn forward<const N: usize>(normal: &Normalization<'_>, x: &[f32], y: &mut [f32], c: usize) {
    let channels = Channels::<N>::new(normal, c);
    for place in (c..x.len()).step_by(normal.mean.len()) {
        let (_, z) = channels.normalize(at(x, place));
        put(y, place, Channels::through_relu(normal.relu, z, z));
    }
}

#[inline(always)]
fn backward_sums<const N: usize>(
    normal: &Normalization<'_>,
    x: &[f32],
    dy: &[f32],
    sums: &mut [f64],
    c: usize,
) {
    let channels = Channels::<N>::new(normal, c);
    let (mut betas, mut gammas) = ([0.0; N], [0.0; N]);
    for place in (c..x.len()).step_by(normal.mean.len()) {
        let (normalized, z) = channels.normalize(at(x, place));
        let dz = Channels::through_relu(normal.relu, z, at(dy, place));
        betas = each(|i| betas[i] + f64::from(dz[i]));
        gammas = each(|i| gammas[i] + f64::from(dz[i] * normalized[i]));
    }
    put(sums, c, betas);
    put(sums, normal.mean.len() + c, gammas);
}

#[inline(always)]
fn backward<const N: usize>(
    normal: &Normalization<'_>,
    (dbeta_share, dgamma_share): (&[f32], &[f32]),
    x: &[f32],
    upstream: &mut [f32],
    c: usize,
) {
    let channels = Channels::<N>::new(normal, c);
    let (dbeta, dgamma): ([f32; N], [f32; N]) = (at(dbeta_share, c), at(dgamma_share, c));
    let factor: [f32; N] = each(|i| channels.gamma[i] * channels.inverse[i]);
    for place in (c..x.len()).step_by(normal.mean.len()) {
        let (normalized, z) = channels.normalize(at(x, place));
        let dz = Channels::through_relu(normal.relu, z, at(upstream, place));
        put::<f32, N>(
            upstream,
            place,
            each(|i| factor[i] * (dz[i] - (dbeta[i] + normalized[i] * dgamma[i]))),
        );
    }
}

#[inline(always)]
fn body(pass: Pass<'_>) {
    match pass {
        Pass::Moments { x, moments: out } => over_channels!(out.len() / 2, moments(x, out)),
        Pass::Forward { normal, x, y } => over_channels!(normal.mean.len(), forward(normal, x, y)),
        Pass::BackwardSums { normal, x, dy, sums } => {
            over_channels!(normal.mean.len(), backward_sums(normal, x, dy, sums));
        }
        Pass::Backward { normal, shares, x, upstream } => {
            over_channels!(normal.mean.len(), backward(normal, shares, x, upstream));
        }
    }
}

/// Runs a pass on an instruction set.
pub(super) fn run(isa: Isa, pass: Pass<'_>) {
    for_isa!(isa, body(pass: Pass<'_>));
}
