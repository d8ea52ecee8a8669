//! The parameter update: from the gradients of a batch to the next weights.

use super::state::State;
use super::{Settings, clip};
use crate::network::{Gradient, ParametersMut};
use crate::optimizer::{FusedStep, Moments};
use crate::parallel::optimizer_step;

/// The update that goes over the weights once, where there is one for these settings.
pub(super) fn fused_step(settings: &Settings, t: usize, learning_rate: f32) -> Option<FusedStep> {
    let &Settings { optimizer, reg, clip, .. } = settings;
    if clip.is_some() { None } else { optimizer.fused_step(t, learning_rate, reg) }
}

impl State {
    /// Updates the parameters along the gradients of a batch, which do not include those of the regularisation. Returns Σ W²
    /// of the weights before the update, which means nothing where `reg` is 0.
    ///
    /// Most optimizers go over the weights once, for regularisation, update and squares. Clipping needs the norm of all
    /// gradients before the first weight changes, and Nesterov's momentum has an update of its own: these go over them once
    /// for each.
    ///
    /// The one pass calls `fused` first, with the number of the layer. Where that computes the weight gradient of the layer
    /// itself, it updates the weights and their moments, and returns Σ W²; else nothing.
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
