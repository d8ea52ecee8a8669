//! Optimizers: how parameters are updated from their gradients.
//!
//! An optimizer is called once per array of parameters and step. The state it keeps for an array between steps, its
//! [`Moments`], belongs to the caller; a step does not allocate. Adam is implemented in `adam.rs`, the others in
//! `sgd.rs`, each with its formula and source.
//!
//! ```toml
//! optimizer = { sgd = {} }                       # plain gradient descent, the lecture's
//! optimizer = { sgd = { momentum = 0.9 } }
//! optimizer = { nesterov = { momentum = 0.9 } }
//! optimizer = { adam = {} }                      # beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8
//! optimizer = { adamw = { weight_decay = 0.01 } } # and the three of Adam
//! ```
//!
//! # Weight decay is not regularisation
//!
//! `reg` adds reg · Σ W² to the loss: its gradient 2 · reg · W goes through the optimizer like any other. For plain
//! gradient descent, each step shrinks every weight by the same fraction, 2 · lr · reg. Adam divides it by √v̂, so that
//! weights with large gradients are hardly regularised. The *decoupled* weight decay of AdamW subtracts lr · λ · W from
//! the weights separately from the step, the same fraction of each, and is not part of the loss. For plain gradient
//! descent the two are equivalent with λ = 2 · reg. Neither touches biases (PyTorch's `weight_decay` does by default).

mod adam;
mod sgd;

use serde::{Deserialize, Serialize};
use tercet_kernels::Isa;
use tercet_kernels::optimizer::{self as kernels, Adam, Sgd};

use crate::{Error, Result};

/// The rule that turns a gradient into an update.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Stochastic gradient descent: `v ← μ · v − lr · dw`, then `w ← w + v` (Polyak 1964, as CS231n writes it).
    /// With μ = 0 this is the lecture's `W ← W − lr · dW`.
    Sgd {
        /// μ, the fraction of the previous update that is added again: at least 0, below 1.
        #[serde(default)]
        momentum: f32,
    },
    /// Nesterov's momentum: `v ← μ · v − lr · dw`, then `w ← w + μ · v − lr · dw` (Sutskever et al. 2013, in the form
    /// of CS231n and PyTorch, whose w is the look-ahead point).
    Nesterov {
        /// μ, as for momentum.
        momentum: f32,
    },
    /// Adam: updates of about the learning rate in every coordinate, whatever the size of its gradient (Kingma and Ba
    /// 2015):
    ///
    /// ```text
    /// m ← β1 · m + (1 − β1) · dw       m̂ = m / (1 − β1^t)
    /// v ← β2 · v + (1 − β2) · dw²      v̂ = v / (1 − β2^t)
    /// w ← w − lr · m̂ / (√v̂ + ε)
    /// ```
    Adam {
        /// β1, the decay rate of the mean gradient: at least 0, below 1.
        #[serde(default = "beta1")]
        beta1: f32,
        /// β2, the decay rate of the mean squared gradient: at least 0, below 1.
        #[serde(default = "beta2")]
        beta2: f32,
        /// ε, which bounds the update where gradients are close to 0: above 0.
        #[serde(default = "epsilon")]
        epsilon: f32,
    },
    /// Adam with decoupled weight decay: first `w ← w − lr · λ · w`, then Adam's step (Loshchilov and Hutter 2019;
    /// λ is multiplied by the learning rate, as in PyTorch).
    AdamW {
        /// β1, as for Adam.
        #[serde(default = "beta1")]
        beta1: f32,
        /// β2, as for Adam.
        #[serde(default = "beta2")]
        beta2: f32,
        /// ε, as for Adam.
        #[serde(default = "epsilon")]
        epsilon: f32,
        /// λ: at least 0.
        #[serde(default = "weight_decay")]
        weight_decay: f32,
    },
}

fn beta1() -> f32 {
    0.9
}

fn beta2() -> f32 {
    0.999
}

fn epsilon() -> f32 {
    1e-8
}

fn weight_decay() -> f32 {
    0.01
}

/// The state of an optimizer for one array of parameters. Arrays that the optimizer does not use are empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moments {
    /// The velocity v of momentum, or the mean gradient m of Adam.
    pub first: Vec<f32>,
    /// The mean squared gradient v of Adam.
    pub second: Vec<f32>,
}

impl Moments {
    /// Zeros, for an array of `len` parameters before its first step.
    pub fn new(optimizer: Optimizer, len: usize) -> Self {
        let (first, second) = optimizer.keeps_moments();
        let zeros = |kept: bool| vec![0.0; if kept { len } else { 0 }];
        Moments { first: zeros(first), second: zeros(second) }
    }

    /// Both, mutable.
    pub(crate) fn slices(&mut self) -> [&mut [f32]; 2] {
        [&mut self.first, &mut self.second]
    }
}

/// An update in a single pass over the weights: regularisation, moments, step and Σ W².
#[derive(Clone, Copy, Debug)]
pub(crate) enum FusedStep {
    Sgd(Sgd),
    Adam(Adam),
}

impl FusedStep {
    /// Applies the update. Returns Σ W² of the weights before it, which is meaningless if `reg` is 0.
    ///
    /// # Shapes
    /// All arrays have the same length, except that the arrays of unused moments are empty.
    pub(crate) fn apply(&self, w: &mut [f32], dw: &[f32], [first, second]: [&mut [f32]; 2]) -> f64 {
        match self {
            FusedStep::Sgd(step) => kernels::sgd(Isa::active(), *step, w, dw, first),
            FusedStep::Adam(step) => kernels::adam(Isa::active(), step, w, dw, first, second),
        }
    }

    /// The coefficient of Σ W².
    pub(crate) fn reg(&self) -> f32 {
        match self {
            FusedStep::Sgd(step) => step.reg,
            FusedStep::Adam(step) => step.reg,
        }
    }
}

impl Optimizer {
    /// `W ← W − lr · dW`, as in the lecture.
    pub const PLAIN: Optimizer = Optimizer::Sgd { momentum: 0.0 };

    /// Adam with the constants of its paper.
    pub const ADAM: Optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    /// AdamW with the constants of Adam's paper and a weight decay of 0.01, as in PyTorch.
    pub const ADAMW: Optimizer =
        Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01 };

    /// Performs step number `t`, counted from 1, for the parameters `w` with gradient `dw`.
    ///
    /// # Shapes
    /// `w` and `dw` have the same length, for which `moments` was created.
    ///
    /// ```
    /// use tercet::optimizer::{Moments, Optimizer};
    /// let (mut w, mut moments) = ([1.0], Moments::new(Optimizer::PLAIN, 1));
    /// Optimizer::PLAIN.step(1, 0.5, &mut w, &[0.25], &mut moments);
    /// assert_eq!(w, [0.875]);
    /// ```
    pub fn step(self, t: usize, learning_rate: f32, w: &mut [f32], dw: &[f32], moments: &mut Moments) {
        match self {
            Optimizer::Nesterov { momentum } => {
                sgd::nesterov(momentum, learning_rate, w, dw, &mut moments.first);
            }
            Optimizer::Sgd { momentum: 0.0 } => sgd::plain(learning_rate, w, dw),
            Optimizer::Sgd { momentum } => {
                sgd::momentum(momentum, learning_rate, w, dw, &mut moments.first);
            }
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } => {
                let adam = self.fused_step(t, learning_rate, 0.0).expect("Adam has such a step");
                adam.apply(w, dw, moments.slices());
            }
        }
    }

    /// Step number `t`, counted from 1, including the gradient of the regularisation, `2 · reg · W`; `None` for
    /// Nesterov's momentum.
    pub(crate) fn fused_step(self, t: usize, learning_rate: f32, reg: f32) -> Option<FusedStep> {
        match self {
            Optimizer::Sgd { momentum } => Some(FusedStep::Sgd(Sgd { learning_rate, momentum, reg })),
            Optimizer::Nesterov { .. } => None,
            Optimizer::Adam { beta1, beta2, epsilon } => {
                Some(FusedStep::Adam(adam::step((beta1, beta2, epsilon), t, learning_rate, 0.0, reg)))
            }
            Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => Some(FusedStep::Adam(adam::step(
                (beta1, beta2, epsilon),
                t,
                learning_rate,
                weight_decay,
                reg,
            ))),
        }
    }

    /// The same without weight decay, as used for biases.
    pub fn without_decay(self) -> Self {
        match self {
            Optimizer::AdamW { beta1, beta2, epsilon, .. } => Optimizer::Adam { beta1, beta2, epsilon },
            others => others,
        }
    }

    /// Which of the two moments are used.
    pub(crate) fn keeps_moments(self) -> (bool, bool) {
        match self {
            Optimizer::Sgd { momentum } => (momentum != 0.0, false),
            Optimizer::Nesterov { .. } => (true, false),
            Optimizer::Adam { .. } | Optimizer::AdamW { .. } => (true, true),
        }
    }

    /// Rejects constants outside their ranges.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(self) -> Result<()> {
        let below_one = |name, value: f32| match (0.0..1.0).contains(&value) {
            true => Ok(()),
            false => Err(Error::setting(name, value, "at least 0 and below 1")),
        };
        match self {
            Optimizer::Sgd { momentum } | Optimizer::Nesterov { momentum } => below_one("momentum", momentum),
            Optimizer::Adam { beta1, beta2, epsilon } => {
                below_one("beta1", beta1)?;
                below_one("beta2", beta2)?;
                match epsilon.is_finite() && epsilon > 0.0 {
                    true => Ok(()),
                    false => Err(Error::setting("epsilon", epsilon, "a finite number above 0, such as 1e-8")),
                }
            }
            Optimizer::AdamW { weight_decay, .. } if !(weight_decay.is_finite() && weight_decay >= 0.0) => {
                Err(Error::setting("weight decay", weight_decay, "a finite number, 0 or more, such as 0.01"))
            }
            Optimizer::AdamW { .. } => self.without_decay().validate(),
        }
    }
}

impl std::fmt::Display for Optimizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Optimizer::Sgd { momentum: 0.0 } => write!(f, "plain gradient descent"),
            Optimizer::Sgd { momentum } => write!(f, "momentum {momentum}"),
            Optimizer::Nesterov { momentum } => write!(f, "Nesterov momentum {momentum}"),
            Optimizer::Adam { beta1, beta2, .. } => write!(f, "Adam, β {beta1} and {beta2}"),
            Optimizer::AdamW { beta1, beta2, weight_decay, .. } => {
                write!(f, "AdamW, β {beta1} and {beta2}, weight decay {weight_decay}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
