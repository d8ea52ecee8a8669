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

impl Network {
    /// A network of these layers.
    ///
    /// # Errors
    /// No dense layer, or one whose inputs are not the outputs of the one before.
    pub fn new(layers: Vec<Layer>) -> crate::Result<Self> {
        let mut outputs = None;
        for layer in &layers {
            let Layer::Dense(dense) = layer else { continue };
            if let Some(before) = outputs.filter(|&n| n != dense.inputs) {
                return Err(crate::Error::mismatch("inputs of a layer", dense.inputs, before));
            }
            outputs = Some(dense.outputs);
        }
        match outputs {
            Some(_) => Ok(Network { layers }),
            None => Err(crate::Error::mismatch("dense layers of a network", 0, "at least 1")),
        }
    }

    /// The layers, first to last.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }
}
