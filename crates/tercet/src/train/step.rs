//! From the gradients of a batch to the next weights.

use tercet_kernels::descent::Step;

use super::state::State;
use super::{Settings, average, clip};
use crate::network::{Gradient, Network};
use crate::optimizer::Optimizer;
use crate::parallel::descend;

impl State {
    /// Takes a step along the gradients of a batch, which come without those of the regularisation. Returns Σ W² of the
    /// weights before the step, which means nothing where `reg` is 0.
    ///
    /// Gradient descent goes over the weights once, for regularisation, step and squares. Clipping needs the norm of all
    /// gradients before the first weight changes, and the other optimizers have steps of their own: these go over them
    /// once for each. Both ways give the same weights, bit for bit, where both are open.
    pub(super) fn descend(
        &mut self,
        network: &mut Network,
        gradients: &mut [Gradient],
        settings: &Settings,
        learning_rate: f32,
    ) -> f64 {
        self.step += 1;
        let &Settings { optimizer, reg, clip, .. } = settings;
        let mut squares = 0.0;
        let in_one_pass = match (optimizer, clip) {
            (Optimizer::Sgd { momentum }, None) => Some(Step { learning_rate, momentum, reg }),
            _ => None,
        };
        if in_one_pass.is_none() {
            squares = network.regularize(reg, gradients);
            if let Some(most) = clip {
                clip::clip(gradients, most);
            }
        }
        let of_biases = optimizer.without_decay();
        for ((dense, gradient), [of_w, of_b]) in
            network.dense_layers_mut().zip(gradients).zip(&mut self.moments)
        {
            match in_one_pass {
                Some(step) => squares += descend(step, &mut dense.w, &gradient.dw, &mut of_w.first),
                None => optimizer.step(self.step, learning_rate, &mut dense.w, &gradient.dw, of_w),
            }
            of_biases.step(self.step, learning_rate, &mut dense.b, &gradient.db, of_b);
        }
        if let (Some(average), Some(decay)) = (&mut self.average, settings.ema) {
            average::follow(average, network, decay, self.step);
        }
        squares
    }
}
