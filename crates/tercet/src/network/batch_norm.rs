//! Batch normalisation (Ioffe and Szegedy 2015): normalises every channel to mean 0 and variance 1 over the batch, then
//! applies a learned scale and shift.
//!
//! ```text
//! μ = mean of x        σ² = mean of (x − μ)²        over all M values of a channel in the batch
//! x̂ = (x − μ) / √(σ² + ε)                          y = γ · x̂ + β
//! ```
//!
//! A channel is one feature of a feature vector, or one channel of an image over all its positions. Prediction uses the
//! running mean and variance from training, so that the output for an example does not depend on the rest of its batch.
//! The layer is then a scale and a shift, which can be folded into the weights of the layer before it:
//! [`Network::for_prediction`](super::Network::for_prediction).

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::batch_norm::{self, Normalization};

use crate::{Error, Result};

/// ε, which avoids a division by 0 for constant channels. The same as PyTorch's.
pub const EPSILON: f32 = 1e-5;

/// The weight of a batch's statistics in the running statistics: `mean ← 0.9 · mean + 0.1 · μ`. The same as PyTorch's.
pub const MOMENTUM: f32 = 0.1;

/// Number of values per chunk of a sum: small enough to stay in the cache for a second pass. The chunk boundaries and
/// the order of summation depend on the number of channels only.
const CHUNK: usize = 1 << 14;

/// `y = γ · (x − μ) / √(σ² + ε) + β`, for each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// γ, (channels).
    pub gamma: Vec<f32>,
    /// β, (channels).
    pub beta: Vec<f32>,
    /// The running mean of each channel, used in prediction, (channels).
    pub mean: Vec<f32>,
    /// The running variance of each channel, used in prediction, (channels).
    pub variance: Vec<f32>,
}

/// The statistics of one batch.
#[derive(Clone, Debug, Default)]
pub(super) struct BatchStatistics {
    /// M, the number of values per channel in the batch.
    count: usize,
    /// μ.
    mean: Vec<f32>,
    /// σ².
    variance: Vec<f32>,
    /// 1 / √(σ² + ε).
    inverse: Vec<f32>,
    /// Two numbers per channel for each chunk, and their totals over all chunks.
    sums: Vec<f64>,
    total: Vec<f64>,
    /// dβ / M and then dγ / M.
    shares: Vec<f32>,
}

impl BatchNorm {
    /// A layer that is the identity until trained: γ = 1, β = 0, mean 0, variance 1.
    pub fn new(channels: usize) -> Self {
        let (zeros, ones) = (vec![0.0; channels], vec![1.0; channels]);
        BatchNorm { gamma: ones.clone(), beta: zeros.clone(), mean: zeros, variance: ones }
    }

    /// The number of channels.
    pub fn channels(&self) -> usize {
        self.gamma.len()
    }

    /// Rejects a layer whose arrays differ in length, or that has an invalid variance. `number` is its position in the
    /// network.
    pub(super) fn validate(&self, number: usize) -> Result<()> {
        let channels = self.channels();
        for (name, array) in [("shifts", &self.beta), ("means", &self.mean), ("variances", &self.variance)] {
            if array.len() != channels {
                return Err(Error::mismatch(format!("{name} of layer {number}"), array.len(), channels));
            }
        }
        match self.variance.iter().position(|&variance| variance < 0.0) {
            Some(at) => {
                let what = format!("variance of channel {at} of layer {number}");
                Err(Error::mismatch(what, self.variance[at], "0 or more"))
            }
            None => Ok(()),
        }
    }

    /// The scale and shift of a channel in prediction: `y = scale · x + shift`.
    pub(crate) fn scale_and_shift(&self, channel: usize) -> (f64, f64) {
        let scale =
            f64::from(self.gamma[channel]) / (f64::from(self.variance[channel]) + f64::from(EPSILON)).sqrt();
        (scale, f64::from(self.beta[channel]) - f64::from(self.mean[channel]) * scale)
    }

    /// Computes `y`, or `max(0, y)`, from the running statistics.
    ///
    /// # Shapes
    /// `x` and `y` are (…, channels).
    pub(super) fn forward(&self, x: &[f32], relu: bool, y: &mut [f32]) {
        let channels = self.channels();
        let each: Vec<(f32, f32)> = (0..channels)
            .map(|channel| self.scale_and_shift(channel))
            .map(|(scale, shift)| (scale as f32, shift as f32))
            .collect();
        for (y, x) in y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)) {
            for ((y, x), (scale, shift)) in y.iter_mut().zip(x).zip(&each) {
                *y = scale * x + shift;
            }
        }
        if relu {
            y.iter_mut().for_each(|y| *y = if *y <= 0.0 { 0.0 } else { *y });
        }
    }

    /// Computes `y`, or `max(0, y)`, from the statistics of the batch, and stores these in `statistics`.
    ///
    /// # Shapes
    /// `x` and `y` are (…, channels).
    pub(super) fn forward_in_training(
        &self,
        x: &[f32],
        relu: bool,
        statistics: &mut BatchStatistics,
        y: &mut [f32],
    ) {
        statistics.compute(x, self.channels());
        let (isa, normalization) =
            (Isa::active(), self.normalization(&statistics.mean, &statistics.inverse, relu));
        let chunk = chunk(self.channels());
        let chunks = y.par_chunks_mut(chunk).zip(x.par_chunks(chunk));
        chunks.for_each(|(y, x)| batch_norm::forward(isa, &normalization, x, y));
    }

    /// The normalisation for given batch statistics.
    fn normalization<'a>(&'a self, mean: &'a [f32], inverse: &'a [f32], relu: bool) -> Normalization<'a> {
        Normalization { mean, inverse, gamma: &self.gamma, beta: &self.beta, relu }
    }

    /// From `y = γ · x̂ + β`, with the statistics of the batch, which depend on x themselves:
    ///
    /// ```text
    /// dβ = Σ dy        dγ = Σ dy · x̂
    /// dx = γ / √(σ² + ε) · (dy − dβ / M − x̂ · dγ / M)
    /// ```
    ///
    /// If a ReLU was fused into the forward pass, dy counts only where y > 0. In place: `upstream` holds dy and becomes
    /// dx.
    ///
    /// # Shapes
    /// `x` and `upstream` are (…, channels); `dgamma` and `dbeta` are (channels).
    pub(super) fn backward(
        &self,
        x: &[f32],
        relu: bool,
        statistics: &mut BatchStatistics,
        upstream: &mut [f32],
        dgamma: &mut [f32],
        dbeta: &mut [f32],
    ) {
        let channels = self.channels();
        let BatchStatistics { count, mean, inverse, sums, total, shares, .. } = statistics;
        let (isa, normalization) = (Isa::active(), self.normalization(mean, inverse, relu));
        let chunk = chunk(channels);
        let chunks = x.par_chunks(chunk).zip(upstream.par_chunks(chunk));
        sums.par_chunks_mut(2 * channels)
            .zip(chunks)
            .for_each(|(sums, (x, dy))| batch_norm::backward_sums(isa, &normalization, x, dy, sums));
        total.fill(0.0);
        for sums in sums.chunks_exact(2 * channels) {
            total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        let (of_beta, of_gamma) = total.split_at(channels);
        dbeta.iter_mut().zip(of_beta).for_each(|(dbeta, total)| *dbeta = *total as f32);
        dgamma.iter_mut().zip(of_gamma).for_each(|(dgamma, total)| *dgamma = *total as f32);
        let each_share = total.iter().map(|total| (total / *count as f64) as f32);
        shares.iter_mut().zip(each_share).for_each(|(share, new)| *share = new);
        let shares = shares.split_at(channels);
        let chunks = upstream.par_chunks_mut(chunk).zip(x.par_chunks(chunk));
        chunks.for_each(|(upstream, x)| batch_norm::backward(isa, &normalization, shares, x, upstream));
    }

    /// Updates the running statistics with those of a batch. σ² is converted to the unbiased estimate of the variance:
    /// times M / (M − 1). A batch of a single value is skipped.
    pub(super) fn update_running_stats(&mut self, statistics: &BatchStatistics) {
        let &BatchStatistics { count, ref mean, ref variance, .. } = statistics;
        if count < 2 {
            return;
        }
        let unbiased = count as f32 / (count - 1) as f32;
        for (running, new) in self.mean.iter_mut().zip(mean) {
            *running += MOMENTUM * (new - *running);
        }
        for (running, new) in self.variance.iter_mut().zip(variance) {
            *running += MOMENTUM * (unbiased * new - *running);
        }
    }
}

impl BatchStatistics {
    /// Computes the statistics of a batch. Each chunk yields its own mean and the sum of squared deviations from it,
    /// which avoids cancellation. The chunks are combined as in Chan, Golub and LeVeque (1979, "Updating formulae and a
    /// pairwise algorithm for computing sample variances"):
    ///
    /// ```text
    /// M · μ = Σ m μ_p        M · σ² = Σ (squares_p + m (μ_p − μ)²)        over pieces of m values
    /// ```
    fn compute(&mut self, x: &[f32], channels: usize) {
        let BatchStatistics { count, mean, variance, inverse, sums, total, shares } = self;
        let chunk = chunk(channels);
        *count = x.len() / channels;
        for array in [&mut *mean, variance, inverse] {
            array.resize(channels, 0.0);
        }
        sums.resize(2 * channels * x.len().div_ceil(chunk), 0.0);
        total.resize(2 * channels, 0.0);
        shares.resize(2 * channels, 0.0);

        let isa = Isa::active();
        let chunks = sums.par_chunks_mut(2 * channels).zip(x.par_chunks(chunk));
        chunks.for_each(|(moments, x)| batch_norm::moments(isa, x, moments));
        total.fill(0.0);
        let (means, squares) = total.split_at_mut(channels);
        let each_chunk = || sums.chunks_exact(2 * channels).zip(x.chunks(chunk).map(|x| x.len() / channels));
        for (moments, count) in each_chunk() {
            means.iter_mut().zip(moments).for_each(|(sum, mean)| *sum += count as f64 * mean);
        }
        means.iter_mut().for_each(|mean| *mean /= *count as f64);
        for (moments, count) in each_chunk() {
            let (chunk_means, chunk_squares) = moments.split_at(channels);
            let of_chunk = chunk_means.iter().zip(chunk_squares);
            for ((sum, &mean), (&chunk_mean, &new)) in squares.iter_mut().zip(&*means).zip(of_chunk) {
                *sum += new + count as f64 * (chunk_mean - mean).powi(2);
            }
        }
        mean.iter_mut().zip(&*means).for_each(|(mean, &new)| *mean = new as f32);
        let each_variance = squares.iter().map(|squares| (squares / *count as f64) as f32);
        variance.iter_mut().zip(each_variance).for_each(|(variance, new)| *variance = new);
        let each_inverse = variance.iter().map(|variance| 1.0 / (variance + EPSILON).sqrt());
        inverse.iter_mut().zip(each_inverse).for_each(|(inverse, new)| *inverse = new);
    }

    /// Fills every buffer with the same value.
    pub(super) fn poison(&mut self, value: f32) {
        for array in [&mut self.mean, &mut self.variance, &mut self.inverse, &mut self.shares] {
            array.fill(value);
        }
        self.sums.fill(value.into());
        self.total.fill(value.into());
    }
}

/// Number of values per chunk: whole rows.
fn chunk(channels: usize) -> usize {
    (CHUNK / channels).max(1) * channels
}
