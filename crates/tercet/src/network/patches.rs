//! Fixed filters, not learned: patches of the training images themselves.
//!
//! A filter that is a patch p of an image responds most strongly where an image resembles p. Neighbouring pixels are
//! correlated, so plain patches all respond to the same few coarse features. Similarity of patches is better measured
//! after whitening, in the metric of the inverse covariance Σ of all patches x, with mean μ:
//!
//! ```text
//! w = Σ⁻¹ (p − μ) / √((p − μ)ᵀ Σ⁻¹ (p − μ))        b = −wᵀ μ − θ
//! ```
//!
//! so that `wᵀ x + b` has variance 1 over patches, and a ReLU after it passes what is more than θ standard deviations
//! above the mean. Every second filter is the negative of the one before it. Followed by a linear classifier, this is a
//! linear classifier on fixed features: Coates and Ng 2011, "The importance of encoding versus training with sparse
//! coding and vector quantization", who found patches drawn at random hardly worse than learned ones.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{Conv2d, Layer, Network};
use crate::data::Examples;
use crate::random::{Stream, generator};
use crate::{Error, Result};

/// How patches are turned into filters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patches {
    /// λ: `λ · tr(Σ) / d` is added to the diagonal of Σ, so that directions dominated by noise are not amplified.
    #[serde(default = "Patches::ridge")]
    pub ridge: f32,
    /// θ, in standard deviations.
    #[serde(default = "Patches::threshold")]
    pub threshold: f32,
}

impl Default for Patches {
    fn default() -> Self {
        Patches { ridge: Patches::ridge(), threshold: Patches::threshold() }
    }
}

/// How many patches the mean and covariance are estimated from.
const SAMPLE: usize = 50_000;

/// How many draws per patch are allowed to hit the background before giving up.
const DRAWS: usize = 100;

impl Patches {
    fn ridge() -> f32 {
        0.01
    }

    fn threshold() -> f32 {
        0.5
    }

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first invalid setting.
    pub fn validate(self) -> Result<()> {
        if !(self.ridge.is_finite() && self.ridge > 0.0) {
            let expected = "a finite number above 0, such as 0.01";
            return Err(Error::setting("patches.ridge", self.ridge, expected));
        }
        if !self.threshold.is_finite() {
            return Err(Error::setting("patches.threshold", self.threshold, "a finite number, such as 0.5"));
        }
        Ok(())
    }
}

impl Network {
    /// Sets the filters of the first layer to patches of the images, drawn at random. Patches of a single value, such
    /// as an empty background, are skipped.
    ///
    /// # Errors
    /// Invalid settings, a first layer that is not a convolution, examples that the network does not accept, and images
    /// with only constant patches.
    ///
    /// ```
    /// use tercet::data::Dataset;
    /// use tercet::image::ImageShape;
    /// use tercet::network::{Architecture, Init, Patches};
    ///
    /// let shape = ImageShape::gray(5, 4);
    /// let pixels = (0..40).map(|i| (i * i % 256) as u8).collect();
    /// let images = Dataset::from_pixels("two", shape, pixels, vec![0, 1], vec!["a".into(), "b".into()])?;
    /// let layers: Architecture = "conv3-4 relu flatten".parse()?;
    /// let mut network = layers.network(shape, 2, Init::He, 0)?;
    /// network.init_from_patches(&images, Patches::default(), 0)?;
    /// let filters = network.weight_layers().next().expect("the convolution");
    /// // The weights of all filters are side by side: the second filter is the negative of the first.
    /// assert!(filters.w.chunks(4).all(|w| w[0] == -w[1] && w[2] == -w[3]));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn init_from_patches(&mut self, examples: &Examples, patches: Patches, seed: u64) -> Result<()> {
        patches.validate()?;
        let Some(Layer::Conv2d(conv)) = self.layers.first_mut() else {
            let expected = "a convolution as the first layer, whose filters are patches of the images";
            return Err(Error::setting("patches", "in front of another layer", expected));
        };
        let (size, filters) = (conv.kernel_height * conv.kernel_width * conv.channels, conv.filters);
        let drawn = draw(examples, conv, seed)?;
        if drawn.len() < filters.div_ceil(2) * size {
            return Err(Error::mismatch("the images for patches", "images of a single value", "pictures"));
        }

        let (mean, mut covariance) = moments(&drawn, size);
        let trace: f64 = (0..size).map(|i| covariance[i * size + i]).sum();
        for i in 0..size {
            covariance[i * size + i] += f64::from(patches.ridge) * trace / size as f64;
        }
        let root = cholesky(&covariance, size);
        for (pair, patch) in drawn.chunks_exact(size).take(filters.div_ceil(2)).enumerate() {
            let apart: Vec<f64> = patch.iter().zip(&mean).map(|(x, mean)| x - mean).collect();
            let whitened = solve(&root, &apart);
            let length = dot(&whitened, &apart).sqrt();
            let offset = -dot(&whitened, &mean) / length;
            for (filter, sign) in [(2 * pair, 1.0), (2 * pair + 1, -1.0)] {
                if filter < filters {
                    for (i, w) in whitened.iter().enumerate() {
                        conv.w[i * filters + filter] = (sign * w / length) as f32;
                    }
                    conv.b[filter] = (sign * offset) as f32 - patches.threshold;
                }
            }
        }
        Ok(())
    }
}

/// Up to [`SAMPLE`] patches of the size of a convolution's kernels, drawn at random, one after the other.
fn draw(examples: &Examples, conv: &Conv2d, seed: u64) -> Result<Vec<f64>> {
    let Some(image) = examples.image_shape().filter(|image| image.channels == conv.channels) else {
        return Err(Error::mismatch("the examples for patches", "others", "images that the network accepts"));
    };
    let (height, width, channels) = (conv.kernel_height, conv.kernel_width, conv.channels);
    if examples.is_empty() || height > image.height || width > image.width {
        return Err(Error::mismatch("the images for patches", image, "images that hold a whole patch"));
    }
    let mut generator = generator(seed, Stream::Patches);
    let (mut x, mut drawn) = (vec![0.0; examples.width()], Vec::new());
    for _ in 0..DRAWS * SAMPLE {
        if drawn.len() == SAMPLE * height * width * channels {
            break;
        }
        let example = generator.random_range(0..examples.len());
        let top = generator.random_range(0..=image.height - height);
        let left = generator.random_range(0..=image.width - width);
        examples.write_inputs(&[example], &mut x);
        let first = drawn.len();
        for row in top..top + height {
            let from = (row * image.width + left) * channels;
            drawn.extend(x[from..from + width * channels].iter().map(|&x| f64::from(x)));
        }
        if drawn[first..].iter().all(|&x| x == drawn[first]) {
            drawn.truncate(first);
        }
    }
    Ok(drawn)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The mean of rows of `size` numbers, and their covariance.
fn moments(rows: &[f64], size: usize) -> (Vec<f64>, Vec<f64>) {
    let count = (rows.len() / size) as f64;
    let mut mean = vec![0.0; size];
    for row in rows.chunks_exact(size) {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / count);
    }
    let mut covariance = vec![0.0; size * size];
    for row in rows.chunks_exact(size) {
        let apart: Vec<f64> = row.iter().zip(&mean).map(|(x, mean)| x - mean).collect();
        for (covariance, a) in covariance.chunks_exact_mut(size).zip(&apart) {
            covariance.iter_mut().zip(&apart).for_each(|(c, b)| *c += a * b / count);
        }
    }
    (mean, covariance)
}

/// The lower triangular L of `Σ = L Lᵀ`, for a positive definite Σ.
fn cholesky(matrix: &[f64], size: usize) -> Vec<Vec<f64>> {
    let mut root: Vec<Vec<f64>> = Vec::with_capacity(size);
    for i in 0..size {
        let mut row = Vec::with_capacity(i + 1);
        for (j, above) in root.iter().enumerate() {
            row.push((matrix[i * size + j] - dot(&row, &above[..j])) / above[j]);
        }
        row.push((matrix[i * size + i] - dot(&row, &row)).sqrt());
        root.push(row);
    }
    root
}

/// `Σ⁻¹ y`: solves with L, then with Lᵀ.
fn solve(root: &[Vec<f64>], y: &[f64]) -> Vec<f64> {
    let mut x: Vec<f64> = Vec::with_capacity(y.len());
    for (row, y) in root.iter().zip(y) {
        let (diagonal, row) = row.split_last().expect("a diagonal");
        x.push((y - dot(row, &x)) / diagonal);
    }
    for i in (0..x.len()).rev() {
        let below: f64 = (i + 1..x.len()).map(|j| root[j][i] * x[j]).sum();
        x[i] = (x[i] - below) / root[i][i];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::image::ImageShape;
    use crate::network::{Architecture, Init, Workspace};

    #[test]
    fn cholesky_solves_its_equation() {
        let matrix = [4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let x = solve(&cholesky(&matrix, 3), &[1.0, -2.0, 0.5]);
        let back: Vec<f64> = matrix.chunks_exact(3).map(|row| dot(row, &x)).collect();
        assert!(back.iter().zip([1.0, -2.0, 0.5]).all(|(a, b)| (a - b).abs() < 1e-12), "{back:?}");
    }

    /// Over all patches of noise images, the responses of a filter have mean −θ and variance 1.
    #[test]
    fn responses_are_in_standard_deviations() {
        let shape = ImageShape::gray(20, 20);
        let mut generator = generator(5, Stream::Weights);
        let pixels = (0..40 * 400).map(|_| generator.random_range(0..=255u8)).collect();
        let labels = (0..40).map(|i| i % 2).collect();
        let images =
            Dataset::from_pixels("noise", shape, pixels, labels, vec!["a".into(), "b".into()]).unwrap();
        let layers: Architecture = "conv3-5 flatten".parse().unwrap();
        let mut network = layers.network(shape, 2, Init::He, 0).unwrap();
        let patches = Patches { ridge: 1e-6, threshold: 0.7 };
        network.init_from_patches(&images, patches, 3).unwrap();
        let mut x = vec![0.0; 40 * 400];
        images.write_inputs(&(0..40).collect::<Vec<_>>(), &mut x);
        let mut workspace = Workspace::new();
        network.forward(&x, &mut workspace);
        let answers = workspace.output(0);
        for filter in 0..5 {
            let all: Vec<f64> = answers.iter().skip(filter).step_by(5).map(|&y| y.into()).collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let variance = all.iter().map(|y| (y - mean) * (y - mean)).sum::<f64>() / all.len() as f64;
            assert!(
                (mean + 0.7).abs() < 0.05 && (variance - 1.0).abs() < 0.05,
                "{filter}: {mean}, {variance}"
            );
        }
    }

    #[test]
    fn invalid_patches_are_rejected() {
        let shape = ImageShape::gray(4, 4);
        let blank =
            Dataset::from_pixels("blank", shape, vec![7; 32], vec![0, 1], vec!["a".into(), "b".into()]);
        let blank = blank.unwrap();
        let refusal = |line: &str, patches: Patches| {
            let layers: Architecture = line.parse().unwrap();
            let mut network = layers.network(shape, 2, Init::He, 0).unwrap();
            network.init_from_patches(&blank, patches, 0).unwrap_err().to_string()
        };
        let usual = Patches::default();
        assert!(refusal("conv3-2 flatten", usual).contains("images of a single value"));
        assert!(refusal("flatten dense4 relu", usual).contains("a convolution as the first layer"));
        assert!(
            refusal("conv3-2 flatten", Patches { ridge: 0.0, ..usual }).starts_with("patches.ridge is 0")
        );
        let infinite = Patches { threshold: f32::INFINITY, ..usual };
        assert!(
            refusal("conv3-2 flatten", infinite)
                .starts_with("patches.threshold is inf; expected a finite number")
        );
        let of = |shape: ImageShape, count: usize| {
            let pixels = vec![7; count * shape.features()];
            let set = Dataset::from_pixels("x", shape, pixels, vec![0; count], vec!["a".into()]).unwrap();
            let layers: Architecture = "conv3-2 flatten".parse().unwrap();
            let mut network = layers.network(ImageShape::gray(4, 4), 2, Init::He, 0).unwrap();
            network.init_from_patches(&set, usual, 0).unwrap_err().to_string()
        };
        let colour = ImageShape { width: 4, height: 4, channels: 3 };
        assert!(of(colour, 2).contains("expected images that the network accepts"));
        assert!(
            of(ImageShape::gray(4, 2), 2).contains("found 4 × 2; expected images that hold a whole patch")
        );
        assert!(of(shape, 0).contains("expected images that hold a whole patch"));
    }
}
