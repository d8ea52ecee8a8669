//! Input normalisation as part of the network: subtract each channel's mean, divide by its standard deviation.

use super::{BatchNorm, EPSILON, Layer, Network, Shape};
use crate::{Error, Result};

impl Network {
    /// The network with torchvision's `transforms.Normalize(mean, std)` applied to its input,
    ///
    /// ```text
    /// x′ = (x − mean) / std
    /// ```
    ///
    /// per channel, as a [`BatchNorm`] in front of it. `input` is the shape of an example: `mean` and `std` have one
    /// number per channel of the image even if the network flattens it.
    ///
    /// ```
    /// use tercet::image::ImageShape;
    /// use tercet::network::{Init, Network};
    ///
    /// let network = Network::fully_connected(784, &[16], 10, Init::He, 0)?;
    /// let network = network.with_input_normalization(ImageShape::gray(28, 28), &[0.1307], &[0.3081])?;
    /// assert_eq!(network.architecture().to_string(), "batchnorm dense16 relu dense10");
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// A number of means or deviations other than that of the channels, non-finite means, and deviations that are not
    /// positive.
    pub fn with_input_normalization(
        &self,
        input: impl Into<Shape>,
        mean: &[f32],
        std: &[f32],
    ) -> Result<Self> {
        let channels = input.into().channels();
        if mean.len() != channels || std.len() != channels {
            let found = format!("{} and {}", mean.len(), std.len());
            let expected = format!("{channels}, one for each channel");
            return Err(Error::mismatch("means and standard deviations of the input", found, expected));
        }
        if let Some(&mean) = mean.iter().find(|mean| !mean.is_finite()) {
            return Err(Error::setting("a mean of the input", mean, "a finite number"));
        }
        let is_sound = |std: &f32| std.is_finite() && *std > 0.0 && (1.0 / *std).is_finite();
        if let Some(&std) = std.iter().find(|std| !is_sound(std)) {
            return Err(Error::setting("a standard deviation of the input", std, "a number above 0"));
        }
        // In a flattened image, the channels of each pixel are adjacent.
        let count = self.input.channels();
        let along = |values: &[f32]| -> Vec<f32> { values.iter().copied().cycle().take(count).collect() };
        let norm = BatchNorm {
            gamma: along(&std.iter().map(|std| 1.0 / std).collect::<Vec<f32>>()),
            beta: vec![0.0; count],
            mean: along(mean),
            // Adding ε gives 1.
            variance: vec![1.0 - EPSILON; count],
        };
        let layers = std::iter::once(Layer::BatchNorm(norm)).chain(self.layers.iter().cloned());
        Network::with_input(self.input, layers.collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::data::Dataset;
    use crate::image::ImageShape;
    use crate::network::{Architecture, Init};

    #[test]
    fn an_image_and_its_flattened_pixels_are_normalised_alike() {
        let shape = ImageShape { width: 3, height: 2, channels: 2 };
        let pixels: Vec<u8> = (0..24).map(|i| (i * 37 % 251) as u8).collect();
        let (mean, std) = ([0.25, 0.5], [0.5, 2.0]);
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let normal: Vec<f32> = pixels
            .iter()
            .enumerate()
            .map(|(i, &pixel)| (f32::from(pixel) / 255.0 - mean[i % 2]) / std[i % 2])
            .collect();
        let data = Dataset::from_pixels("pixels", shape, pixels, vec![0, 1], classes.clone()).unwrap();
        let normal = Dataset::from_features("normal", 12, normal, vec![0, 1], classes).unwrap();
        for layers in ["dense4 relu", "flatten dense4 relu"] {
            let layers: Architecture = layers.parse().unwrap();
            let network = layers.network(shape, 2, Init::He, 1).unwrap();
            let behind = network.with_input_normalization(shape, &mean, &std).unwrap();
            let (found, expected) = (behind.scores(&data).unwrap(), network.scores(&normal).unwrap());
            for (found, expected) in found.values().iter().zip(expected.values()) {
                assert!((found - expected).abs() < 1e-5, "{layers}: {found}, not {expected}");
            }
            assert!(network.with_input_normalization(shape, &[0.5], &[0.5]).is_err());
            assert!(network.with_input_normalization(shape, &mean, &[0.5, 0.0]).is_err());
            assert!(network.with_input_normalization(shape, &[f32::NAN, 0.0], &std).is_err());
        }
    }
}
