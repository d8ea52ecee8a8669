//! How parameters follow their gradients downhill.
//!
//! An optimizer is called once for each array of parameters and each step. What it remembers of an array between
//! steps, its [`Moments`], belongs to the caller; a step allocates nothing. Adam's are in `adam.rs`, the others in
//! `sgd.rs`, each with its formula and its source.
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
//! gradient descent that shrinks every weight by the same share, 2 · lr · reg, a step. Adam divides it by √v̂, so that
//! weights with large gradients are hardly regularised. The *decoupled* weight decay of AdamW takes lr · λ · W off the
//! weights beside the step, the same share of each, and never shows in the loss. For plain gradient descent both are
//! the same with λ = 2 · reg. Neither touches biases (PyTorch's `weight_decay` does unless it is told otherwise).

mod adam;
mod sgd;

use serde::{Deserialize, Serialize};
use tercet_kernels::Isa;
use tercet_kernels::optimizer::{self as kernels, Adam, Sgd};

use crate::{Error, Result};

/// Which rule turns a gradient into a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Stochastic gradient descent: `v ← μ · v − lr · dw`, then `w ← w + v` (Polyak 1964, as CS231n writes it).
    /// With μ = 0 this is the lecture's `W ← W − lr · dW`.
    Sgd {
        /// μ, how much of the last step is taken again: at least 0, below 1.
        #[serde(default)]
        momentum: f32,
    },
    /// Nesterov's momentum: `v ← μ · v − lr · dw`, then `w ← w + μ · v − lr · dw` (Sutskever et al. 2013, in the form
    /// of CS231n and PyTorch, whose w is the point looked ahead to).
    Nesterov {
        /// μ, as for momentum.
        momentum: f32,
    },
    /// Steps of about the learning rate in every direction, whatever the size of its gradient (Kingma and Ba 2015):
    ///
    /// ```text
    /// m ← β1 · m + (1 − β1) · dw       m̂ = m / (1 − β1^t)
    /// v ← β2 · v + (1 − β2) · dw²      v̂ = v / (1 − β2^t)
    /// w ← w − lr · m̂ / (√v̂ + ε)
    /// ```
    Adam {
        /// β1, how much of the mean gradient stays: at least 0, below 1.
        #[serde(default = "beta1")]
        beta1: f32,
        /// β2, how much of the mean squared gradient stays: at least 0, below 1.
        #[serde(default = "beta2")]
        beta2: f32,
        /// ε, which bounds the step where gradients are all but 0: above 0.
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

/// What an optimizer remembers of one array of parameters. An array that the optimizer has no use for is empty.
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

    /// Both, to be changed.
    pub(crate) fn slices(&mut self) -> [&mut [f32]; 2] {
        [&mut self.first, &mut self.second]
    }
}

/// A step that goes over the weights once, for regularisation, moments, step and Σ W².
#[derive(Clone, Copy, Debug)]
pub(crate) enum FusedStep {
    Sgd(Sgd),
    Adam(Adam),
}

impl FusedStep {
    /// Takes it. Returns Σ W² of the weights before it, which means nothing where `reg` is 0.
    ///
    /// # Shapes
    /// All arrays have the same length, but those of moments that are not kept are empty.
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

    /// Step number `t`, counted from 1, of the parameters `w` along their gradient `dw`.
    ///
    /// # Shapes
    /// `w` and `dw` have the same length, which `moments` was made for.
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

    /// Step number `t`, counted from 1, with the gradient of the regularisation, `2 · reg · W`; none for Nesterov's momentum.
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

    /// The same without weight decay: what biases are trained with.
    pub fn without_decay(self) -> Self {
        match self {
            Optimizer::AdamW { beta1, beta2, epsilon, .. } => Optimizer::Adam { beta1, beta2, epsilon },
            others => others,
        }
    }

    /// Which of the two moments are kept.
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
