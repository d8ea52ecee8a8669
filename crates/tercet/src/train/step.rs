//! From the gradients of a batch to the next weights.

use super::state::State;
use super::{Settings, clip, ema};
use crate::network::{Gradient, Network, ParametersMut};
use crate::optimizer::{FusedStep, Moments};
use crate::parallel::optimizer_step;

/// The step that goes over the weights once, where there is one for these settings.
pub(super) fn fused_step(settings: &Settings, t: usize, learning_rate: f32) -> Option<FusedStep> {
    let &Settings { optimizer, reg, clip, .. } = settings;
    if clip.is_some() { None } else { optimizer.fused_step(t, learning_rate, reg) }
}

impl State {
    /// Takes a step along the gradients of a batch, which come without those of the regularisation. Returns Σ W² of the
    /// weights before the step, which means nothing where `reg` is 0.
    ///
    /// Most optimizers go over the weights once, for regularisation, step and squares. Clipping needs the norm of all
    /// gradients before the first weight changes, and Nesterov's momentum has a step of its own: these go over them once for
    /// each.
    ///
    /// The one pass asks `straight` first: where that knows the gradient of the weights of a layer, given by its number, it
    /// takes their step, with their moments, and returns Σ W²; else nothing.
    pub(super) fn optimizer_step(
        &mut self,
        network: &mut Network,
        gradients: &mut [Gradient],
        settings: &Settings,
        learning_rate: f32,
        mut straight: impl FnMut(usize, &FusedStep, &mut [f32], &mut Moments) -> Option<f64>,
    ) -> f64 {
        self.step += 1;
        let &Settings { optimizer, reg, clip, .. } = settings;
        let mut squares = 0.0;
        let (without_decay, t) = (optimizer.without_decay(), self.earlier_steps + self.step);
        let fused_step = fused_step(settings, t, learning_rate);
        if fused_step.is_none() {
            squares = network.regularize(reg, settings.frozen, gradients);
            if let Some(most) = clip {
                clip::clip(gradients, most);
            }
        }
        for (i, ((learned, gradient), [of_w, of_b])) in
            network.trainable_mut().zip(gradients).zip(&mut self.moments).enumerate().skip(settings.frozen)
        {
            let ParametersMut { w, b, is_matrix } = learned;
            match &fused_step {
                Some(step) if is_matrix => {
                    squares += straight(i, step, w, of_w)
                        .unwrap_or_else(|| optimizer_step(step, w, &gradient.dw, of_w.slices()));
                }
                _ => {
                    let optimizer = if is_matrix { optimizer } else { without_decay };
                    optimizer.step(t, learning_rate, w, &gradient.dw, of_w);
                }
            }
            without_decay.step(t, learning_rate, b, &gradient.db, of_b);
        }
        if let (Some(ema), Some(decay)) = (&mut self.ema, settings.ema) {
            ema::update(ema, network, decay, self.step);
        }
        squares
    }
}
