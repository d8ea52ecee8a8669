//! The numbers of a network, layer by layer: what a step changes, what a file keeps.

use super::{BatchNorm, Conv2d, Dense, Layer, Network};
use crate::{Error, Result};

/// A layer's weight matrix and biases: those of a dense or a convolutional layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights<'a> {
    /// The numbers that each output is computed from: those of a patch for a convolution.
    pub inputs: usize,
    /// The units, or filters.
    pub outputs: usize,
    /// W, (inputs, outputs).
    pub w: &'a [f32],
    /// b, (outputs).
    pub b: &'a [f32],
}

/// What a layer learns: a matrix and biases, or γ and β. Its [`Gradient`](super::Gradient) has them in this order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    pub(crate) w: &'a [f32],
    pub(crate) b: &'a [f32],
    /// Whether `w` is a weight matrix, which is regularised and decays.
    pub(crate) is_matrix: bool,
}

/// The same, to be changed. The lengths must stay.
#[derive(Debug)]
pub(crate) struct ParametersMut<'a> {
    pub(crate) w: &'a mut Vec<f32>,
    pub(crate) b: &'a mut Vec<f32>,
    pub(crate) is_matrix: bool,
}

/// An array of a network as files name it.
#[derive(Debug)]
pub(crate) struct Named<A> {
    /// `w1`, `b1`, `gamma1`, …: counted for layers with a matrix and for batch norms, each by themselves.
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    /// Whether training follows a gradient of it. The mean and the variance of a batch norm have none.
    pub(crate) learned: bool,
    pub(crate) values: A,
}

impl Layer {
    /// W and b of a layer that has them.
    fn weights(&self) -> Option<Weights<'_>> {
        match self {
            Layer::Dense(Dense { inputs, outputs, w, b }) => {
                Some(Weights { inputs: *inputs, outputs: *outputs, w, b })
            }
            Layer::Conv2d(conv) => {
                let Conv2d { filters, w, b, .. } = conv;
                Some(Weights { inputs: conv.patch(), outputs: *filters, w, b })
            }
            _ => None,
        }
    }

    /// What the layer learns, if it does.
    pub(super) fn parameters(&self) -> Option<Parameters<'_>> {
        match self {
            Layer::BatchNorm(BatchNorm { gamma, beta, .. }) => {
                Some(Parameters { w: gamma, b: beta, is_matrix: false })
            }
            _ => self.weights().map(|Weights { w, b, .. }| Parameters { w, b, is_matrix: true }),
        }
    }

    fn parameters_mut(&mut self) -> Option<ParametersMut<'_>> {
        match self {
            Layer::Dense(Dense { w, b, .. }) | Layer::Conv2d(Conv2d { w, b, .. }) => {
                Some(ParametersMut { w, b, is_matrix: true })
            }
            Layer::BatchNorm(BatchNorm { gamma, beta, .. }) => {
                Some(ParametersMut { w: gamma, b: beta, is_matrix: false })
            }
            _ => None,
        }
    }
}

impl Network {
    /// The dense layers, first to last.
    pub fn dense_layers(&self) -> impl Iterator<Item = &Dense> {
        self.layers.iter().filter_map(|layer| match layer {
            Layer::Dense(dense) => Some(dense),
            _ => None,
        })
    }

    /// The layers with a weight matrix, dense and convolutional, first to last.
    ///
    /// ```
    /// use tercet::image::ImageShape;
    /// use tercet::network::{Architecture, Init};
    ///
    /// let layers: Architecture = "conv5-8 relu pool flatten".parse()?;
    /// let network = layers.network(ImageShape::gray(28, 28), 10, Init::He, 0)?;
    /// let sizes: Vec<_> = network.weight_layers().map(|layer| (layer.inputs, layer.outputs)).collect();
    /// assert_eq!(sizes, [(25, 8), (12 * 12 * 8, 10)]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn weight_layers(&self) -> impl Iterator<Item = Weights<'_>> {
        self.layers.iter().filter_map(Layer::weights)
    }

    /// How many numbers there are to learn.
    pub fn parameters(&self) -> usize {
        self.trainable().map(|parameters| parameters.w.len() + parameters.b.len()).sum()
    }

    /// All that is learned as one list: of each layer first W, or γ of a batch norm, then b, or β.
    pub fn parameter_values(&self) -> Vec<f32> {
        self.trainable().flat_map(|parameters| [parameters.w, parameters.b]).flatten().copied().collect()
    }

    /// Puts such a list in the place of all that is learned.
    ///
    /// ```
    /// use tercet::network::{Init, Network};
    ///
    /// let mut network = Network::fully_connected(3, &[2], 2, Init::He, 0)?;
    /// let doubled: Vec<f32> = network.parameter_values().iter().map(|value| 2.0 * value).collect();
    /// network.set_parameter_values(&doubled)?;
    /// assert_eq!(network.parameter_values(), doubled);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Another number of values than [`parameters`](Network::parameters) says.
    pub fn set_parameter_values(&mut self, values: &[f32]) -> Result<()> {
        if values.len() != self.parameters() {
            let expected = format!("{}, the parameters of the network", self.parameters());
            return Err(Error::mismatch("values to be learned", values.len(), expected));
        }
        let mut rest = values;
        for ParametersMut { w, b, .. } in self.trainable_mut() {
            for array in [w, b] {
                let (own, others) = rest.split_at(array.len());
                array.copy_from_slice(own);
                rest = others;
            }
        }
        Ok(())
    }

    /// What is learned, layer by layer.
    pub(crate) fn trainable(&self) -> impl Iterator<Item = Parameters<'_>> {
        self.layers.iter().filter_map(Layer::parameters)
    }

    /// The same, to be changed.
    pub(crate) fn trainable_mut(&mut self) -> impl Iterator<Item = ParametersMut<'_>> {
        self.layers.iter_mut().filter_map(Layer::parameters_mut)
    }

    /// Σ W² over all weight matrices.
    pub fn squared_weights(&self) -> f64 {
        self.trainable()
            .filter(|parameters| parameters.is_matrix)
            .map(|parameters| squares(parameters.w))
            .sum()
    }

    /// A number anywhere in the network that is NaN or infinite.
    pub(crate) fn first_non_finite(&self) -> Option<f32> {
        self.arrays().iter().flat_map(|array| array.values).copied().find(|value| !value.is_finite())
    }

    /// All arrays, layer by layer, as files name them.
    pub(crate) fn arrays(&self) -> Vec<Named<&[f32]>> {
        let (mut arrays, mut n, mut m) = (Vec::new(), 0, 0);
        for layer in &self.layers {
            match layer {
                Layer::BatchNorm(BatchNorm { gamma, beta, mean, variance }) => {
                    m += 1;
                    let all = [gamma, beta, mean, variance];
                    for ((name, learned), values) in norm_names(m).into_iter().zip(all) {
                        arrays.push(Named { name, shape: vec![values.len()], learned, values: &values[..] });
                    }
                }
                layer => {
                    let Some(Weights { inputs, outputs, w, b }) = layer.weights() else { continue };
                    n += 1;
                    let (of_w, of_b) = (vec![inputs, outputs], vec![outputs]);
                    arrays.push(Named { name: format!("w{n}"), shape: of_w, learned: true, values: w });
                    arrays.push(Named { name: format!("b{n}"), shape: of_b, learned: true, values: b });
                }
            }
        }
        arrays
    }

    /// The same in the same order, to be replaced by arrays of the same lengths.
    pub(crate) fn arrays_mut(&mut self) -> Vec<&mut Vec<f32>> {
        let mut arrays = Vec::new();
        for layer in &mut self.layers {
            match layer {
                Layer::BatchNorm(BatchNorm { gamma, beta, mean, variance }) => {
                    arrays.extend([gamma, beta, mean, variance]);
                }
                layer => arrays.extend(layer.parameters_mut().into_iter().flat_map(|p| [p.w, p.b])),
            }
        }
        arrays
    }
}

/// What files call the arrays of the m-th batch norm, and which of them are learned.
pub(crate) fn norm_names(m: usize) -> [(String, bool); 4] {
    [("gamma", true), ("beta", true), ("mean", false), ("variance", false)]
        .map(|(name, learned)| (format!("{name}{m}"), learned))
}

/// Σ w², summed in f64 in a fixed order: eight running sums, so that the processor need not wait for each.
pub(super) fn squares(w: &[f32]) -> f64 {
    let mut sums = [0.0; 8];
    for chunk in w.chunks(8) {
        sums.iter_mut().zip(chunk).for_each(|(sum, &w)| *sum += f64::from(w) * f64::from(w));
    }
    sums.iter().sum()
}
