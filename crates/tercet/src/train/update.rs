//! The parameter update: from the gradients of a batch to the next weights.

use super::state::State;
use super::{Settings, clip};
use crate::network::{Gradient, ParametersMut};
use crate::optimizer::{FusedStep, Moments};
use crate::parallel::optimizer_step;

/// The single-pass update, if these settings have one.
pub(super) fn fused_step(settings: &Settings, t: usize, learning_rate: f32) -> Option<FusedStep> {
    let &Settings { optimizer, reg, clip, .. } = settings;
    if clip.is_some() { None } else { optimizer.fused_step(t, learning_rate, reg) }
}

impl State {
    /// Updates the parameters with the gradients of a batch, which do not include those of the regularisation. Returns
    /// Σ W² of the weights before the update, which is meaningless if `reg` is 0.
    ///
    /// Most optimizers need a single pass over the weights, for regularisation, update and Σ W². Clipping needs the
    /// norm of all gradients before the first weight changes, and Nesterov's momentum has no fused update: these take a
    /// separate pass for each.
    ///
    /// The single-pass update first calls `fused` with the index of the layer. If `fused` computes the layer's weight
    /// gradient itself, it updates the weights and their moments and returns Σ W²; otherwise it returns `None`.
    pub(super) fn update(
        &mut self,
        gradients: &mut [Gradient],
        settings: &Settings,
        learning_rate: f32,
        mut fused: impl FnMut(usize, &FusedStep, &mut [f32], &mut Moments) -> Option<f64>,
    ) -> f64 {
        self.step += 1;
        let &Settings { optimizer, reg, clip, .. } = settings;
        let mut squares = 0.0;
        let (without_decay, t) = (optimizer.without_decay(), self.earlier_steps + self.step);
        let fused_step = fused_step(settings, t, learning_rate);
        if fused_step.is_none() {
            squares = self.network.regularize(reg, settings.frozen, gradients);
            if let Some(most) = clip {
                clip::clip(gradients, most);
            }
        }
        let layers = self.network.trainable_mut().zip(gradients).zip(&mut self.moments);
        for (i, ((learned, gradient), [of_w, of_b])) in layers.enumerate().skip(settings.frozen) {
            let ParametersMut { w, b, is_matrix } = learned;
            match &fused_step {
                Some(step) if is_matrix => {
                    squares += fused(i, step, w, of_w)
                        .unwrap_or_else(|| optimizer_step(step, w, &gradient.dw, of_w.slices()));
                }
                _ => {
                    let optimizer = if is_matrix { optimizer } else { without_decay };
                    optimizer.step(t, learning_rate, w, &gradient.dw, of_w);
                }
            }
            without_decay.step(t, learning_rate, b, &gradient.db, of_b);
        }
        squares
    }
}
