//! Weight initialisation.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How initial weights are drawn. Biases start at zero.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// `eps · randn`: the lecture's, with eps = 1e-4. With such small weights, all classes get nearly the same score,
    /// and gradients shrink by a factor of eps with every further layer: training may plateau for long at the start.
    Normal(f32),
    /// `√(2 / inputs) · randn` (He et al. 2015): preserves the variance through ReLU layers.
    He,
}

impl Init {
    /// Draws the weights of a layer with the given number of inputs.
    pub fn draw(self, inputs: usize, w: &mut [f32], generator: &mut impl Rng) {
        let scale = match self {
            Init::Normal(eps) => eps,
            Init::He => (2.0 / inputs as f64).sqrt() as f32,
        };
        for w in w {
            *w = scale * generator.sample::<f32, _>(StandardNormal);
        }
    }

    /// Rejects a scale that is not a finite number of at least 0.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(self) -> Result<()> {
        match self {
            Init::Normal(eps) if !(eps.is_finite() && eps >= 0.0) => Err(Error::setting(
                "eps, the scale of the initial weights,",
                eps,
                "a finite number, 0 or more",
            )),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Display for Init {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Init::Normal(eps) => write!(f, "{eps:e} · randn"),
            Init::He => write!(f, "He"),
        }
    }
}
