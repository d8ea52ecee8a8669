//! What each layer makes of an example, and what that takes.

use super::{Network, Shape, Spec};

/// One layer in figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Which layer.
    pub layer: Spec,
    /// What an example is behind it.
    pub output: Shape,
    /// How many numbers it learns.
    pub parameters: usize,
    /// How many multiply-adds an example takes in its weights on its way forward.
    pub multiply_adds: usize,
}

impl Summary {
    /// A layer that takes what reaches it.
    pub(super) fn of(layer: Spec, input: Shape, output: Shape) -> Self {
        // More than fit are rejected wherever parameters are made.
        let parameters = layer.parameters(input).unwrap_or(usize::MAX);
        Summary { layer, output, parameters, multiply_adds: layer.multiply_adds(input) }
    }
}

impl Network {
    /// Every layer in figures, first to last.
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
