//! Networks of layers: `scores = W2 · max(0, W1 · X + b1) + b2`, and deeper ones.

mod dense;

pub use dense::Dense;

/// One layer of a [`Network`].
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// `Z = X · W + b`.
    Dense(Dense),
    /// `max(0, Z)`, element by element.
    Relu,
}

/// Layers, one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    layers: Vec<Layer>,
}
