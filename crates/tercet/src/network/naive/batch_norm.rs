//! Batch normalisation, as in the paper.

use num_traits::Float;

use crate::network::EPSILON;

/// `y = γ · (x − μ) / √(σ² + ε) + β`, with μ and σ² of the batch.
#[derive(Clone, Debug)]
pub struct BatchNorm<T> {
    /// γ, (channels).
    pub gamma: Vec<T>,
    /// β, (channels).
    pub beta: Vec<T>,
}

impl<T: Float> BatchNorm<T> {
    /// # Shapes
    /// `x` is (M, channels); returns y, the same.
    pub fn forward(&self, x: &[T]) -> Vec<T> {
        let channels = self.gamma.len();
        let mut y = vec![T::zero(); x.len()];
        for c in 0..channels {
            let (mean, deviation) = statistics(x, channels, c);
            for i in (c..x.len()).step_by(channels) {
                y[i] = self.gamma[c] * (x[i] - mean) / deviation + self.beta[c];
            }
        }
        y
    }

    /// The chain rule in the order of the paper, through `x̂ = (x − μ) / √(σ² + ε)`, σ² and μ.
    ///
    /// # Shapes
    /// `x` and `dy` are (M, channels); returns dx (M, channels), dγ and dβ (channels).
    pub fn backward(&self, x: &[T], dy: &[T]) -> (Vec<T>, Vec<T>, Vec<T>) {
        let channels = self.gamma.len();
        let mut dx = vec![T::zero(); x.len()];
        let (mut dgamma, mut dbeta) = (vec![T::zero(); channels], vec![T::zero(); channels]);
        for c in 0..channels {
            let (mean, deviation) = statistics(x, channels, c);
            let of_channel = || (c..x.len()).step_by(channels);
            let two = T::one() + T::one();
            let count = T::from(of_channel().count()).expect("a count is a number");
            let (mut dvariance, mut dmean) = (T::zero(), T::zero());
            for i in of_channel() {
                dgamma[c] = dgamma[c] + dy[i] * (x[i] - mean) / deviation;
                dbeta[c] = dbeta[c] + dy[i];
                let dnormal = dy[i] * self.gamma[c];
                dvariance = dvariance - dnormal * (x[i] - mean) / (two * deviation.powi(3));
                dmean = dmean - dnormal / deviation;
            }
            for i in of_channel() {
                let dnormal = dy[i] * self.gamma[c];
                dx[i] = dnormal / deviation + dvariance * two * (x[i] - mean) / count + dmean / count;
            }
        }
        (dx, dgamma, dbeta)
    }
}

/// μ and √(σ² + ε) of a channel.
fn statistics<T: Float>(x: &[T], channels: usize, channel: usize) -> (T, T) {
    let of_channel = || x.iter().skip(channel).step_by(channels);
    let count = T::from(of_channel().count()).expect("a count is a number");
    let mean = of_channel().fold(T::zero(), |sum, &x| sum + x) / count;
    let variance = of_channel().fold(T::zero(), |sum, &x| sum + (x - mean) * (x - mean)) / count;
    (mean, (variance + T::from(EPSILON).expect("ε is a number")).sqrt())
}
