//! The scores of a whole data set.

use std::borrow::Cow;

use rayon::prelude::*;

use super::{BatchLoader, BatchNorm, Layer, Mode, Network, Workspace};
use crate::data::Examples;
use crate::{Error, Matrix, Result};

/// How many examples are scored at a time outside training.
const SCORING_BATCH: usize = 128;

/// About how many values of a layer are computed together then, if examples are large: they should fit into a cache.
const SCORED_TOGETHER: usize = 1 << 17;

impl Network {
    /// The scores of a whole data set.
    ///
    /// # Shapes
    /// (N, C).
    ///
    /// # Errors
    /// Examples whose width is not the number of the network's inputs.
    pub fn scores(&self, data: &Examples) -> Result<Matrix> {
        if data.width() != self.inputs() {
            let expected = format!("{}, the network's inputs", self.inputs());
            return Err(Error::mismatch("features of an example", data.width(), expected));
        }
        let network = &*self.for_prediction();
        let (batch, classes) = (network.scoring_batch(), network.classes());
        let mut scores = Matrix::zeros(data.len(), classes);
        scores.values_mut().par_chunks_mut(batch * classes).enumerate().for_each_init(
            || (Workspace::new(), BatchLoader::new(network), Vec::new()),
            |(workspace, loader, rows), (block, scores)| {
                let from = block * batch;
                rows.clear();
                rows.extend(from..from + scores.len() / classes);
                let x = loader.load(data, rows);
                scores.copy_from_slice(network.forward_from(x, Mode::Eval, workspace));
            },
        );
        Ok(scores)
    }

    /// The batch size outside training.
    pub(crate) fn scoring_batch(&self) -> usize {
        let widest = self.shapes.iter().map(|shape| shape.values()).max().unwrap_or(1);
        match self.is_of_images() {
            false => SCORING_BATCH,
            true => (SCORED_TOGETHER / widest.max(1)).clamp(1, SCORING_BATCH),
        }
    }

    /// An equivalent network with fewer layers, for prediction: dropout is left out, and every batch norm directly
    /// after a dense or convolutional layer is folded into the weights of that layer,
    ///
    /// ```text
    /// W′ = W · γ / √(σ² + ε)        b′ = (b − μ) · γ / √(σ² + ε) + β
    /// ```
    ///
    /// which changes the scores only by rounding. [`scores`](Network::scores) does this on its own.
    pub fn for_prediction(&self) -> Cow<'_, Network> {
        let is_for_training = |layer: &Layer| matches!(layer, Layer::BatchNorm(_) | Layer::Dropout { .. });
        if !self.layers.iter().any(is_for_training) {
            return Cow::Borrowed(self);
        }
        let mut layers: Vec<Layer> = Vec::new();
        for layer in &self.layers {
            match (layers.last_mut(), layer) {
                (_, Layer::Dropout { .. }) => {}
                (Some(Layer::Dense(dense)), Layer::BatchNorm(norm)) => {
                    fold(norm, &mut dense.w, &mut dense.b);
                }
                (Some(Layer::Conv2d(conv)), Layer::BatchNorm(norm)) => fold(norm, &mut conv.w, &mut conv.b),
                _ => layers.push(layer.clone()),
            }
        }
        let folded = Network::with_input(self.input, layers);
        folded.map_or(Cow::Borrowed(self), Cow::Owned)
    }
}

/// Folds a batch norm into the layer before it.
///
/// # Shapes
/// `w` is (inputs, channels), `b` is (channels).
fn fold(norm: &BatchNorm, w: &mut [f32], b: &mut [f32]) {
    for (channel, b) in b.iter_mut().enumerate() {
        let (scale, shift) = norm.scale_and_shift(channel);
        *b = (f64::from(*b) * scale + shift) as f32;
        for w in w.iter_mut().skip(channel).step_by(norm.channels()) {
            *w = (f64::from(*w) * scale) as f32;
        }
    }
}
