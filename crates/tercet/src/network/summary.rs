//! The output shape and the cost of each layer.

use super::{Network, Shape, Spec};

/// The figures of one layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The layer.
    pub layer: Spec,
    /// The shape of its output.
    pub output: Shape,
    /// The number of its trainable parameters.
    pub parameters: usize,
    /// The number of multiply-adds by its weights in the forward pass of one example.
    pub multiply_adds: usize,
}

impl Summary {
    /// For a layer that accepts its input.
    pub(super) fn of(layer: Spec, input: Shape, output: Shape) -> Self {
        // Overflows are rejected wherever parameters are allocated.
        let parameters = layer.parameters(input).unwrap_or(usize::MAX);
        Summary { layer, output, parameters, multiply_adds: layer.multiply_adds(input) }
    }
}

impl Network {
    /// A summary of every layer, first to last.
    ///
    /// ```
    /// use tercet::image::ImageShape;
    /// use tercet::network::{Architecture, Init};
    ///
    /// let layers: Architecture = "conv5-8 relu pool flatten".parse()?;
    /// let network = layers.network(ImageShape::gray(28, 28), 10, Init::He, 0)?;
    /// let summary = network.summary();
    /// assert_eq!((summary[0].output.to_string(), summary[0].parameters), ("24 × 24 × 8".to_owned(), 208));
    /// assert_eq!(summary[0].multiply_adds, 24 * 24 * 8 * 25);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn summary(&self) -> Vec<Summary> {
        let before = std::iter::once(&self.input).chain(&self.shapes);
        let layers = self.layers.iter().zip(before).zip(&self.shapes);
        layers.map(|((layer, input), output)| Summary::of(layer.spec(), *input, *output)).collect()
    }
}
