//! Whether a picture shows a digit at all.
//!
//! A classifier predicts one of its classes whatever it is given. So a picture must first be similar to the
//! training data, in two ways: in the last hidden layer of the convolutional network, by the cosine distance
//! to the nearest of the stored images (Sun et al. 2022, "Out-of-distribution detection with deep nearest
//! neighbors"); and in its pixels, by the L2 distance to the nearest of them. Neither may be larger than for
//! all but a small share of held-out digits. The example `models` estimates both thresholds on these digits,
//! and writes them with their rejection rates to `models/verdict.json`.

use serde::{Deserialize, Serialize};
use tercet::data::Examples;
use tercet::model::AnyClassifier;
use tercet::neighbors::{Metric, NearestNeighbors};

use crate::models::Loaded;

/// The thresholds, and their measured acceptance and rejection rates.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Thresholds {
    /// The largest distances of a picture that is accepted as a digit.
    pub most: Distances,
    /// The share of the held-out digits that is accepted.
    pub accepted: f64,
    /// The number of held-out digits.
    pub digits: usize,
    /// The share of each kind of other drawings that is rejected.
    pub rejected: Vec<(String, f64)>,
}

/// The distances of a picture to the nearest of the stored images.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Distances {
    /// In the last hidden layer of the convolutional network: 1 − cosine.
    pub seen: f64,
    /// In the pixels: L2.
    pub pixels: f64,
}

/// Whether a picture is accepted as a digit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Its distances to the nearest of the stored images.
    pub distances: Distances,
    /// Whether both are at most the thresholds.
    pub is_digit: bool,
}

/// Detects pictures that are unlike the training data.
#[derive(Debug)]
pub struct Detector {
    hidden: NearestNeighbors,
    pixels: NearestNeighbors,
}

impl Detector {
    /// Indexes the images that `sample` stores, and their outputs of the last hidden layer of `convolution`.
    ///
    /// # Errors
    /// A `sample` that is not nearest neighbours, and a `convolution` without hidden layers.
    pub fn new(sample: &Loaded, convolution: &Loaded) -> Result<Detector, String> {
        let AnyClassifier::Neighbors(neighbors) = sample.model.classifier() else {
            return Err(format!("a {} model; expected neighbors", sample.model.classifier().kind()));
        };
        let images = neighbors.to_examples().map_err(|error| error.to_string())?;
        let hidden = NearestNeighbors::fit(&last_hidden(convolution, &images)?, Metric::Cosine);
        let pixels = NearestNeighbors::fit(&images, Metric::L2).map_err(|error| error.to_string())?;
        Ok(Detector { hidden: hidden.map_err(|error| error.to_string())?, pixels })
    }

    /// The distances of each picture to the nearest of the stored images.
    ///
    /// # Errors
    /// Pictures of another size.
    pub fn distances(&self, convolution: &Loaded, pictures: &Examples) -> Result<Vec<Distances>, String> {
        let hidden = self.hidden.search(&last_hidden(convolution, pictures)?, 1);
        let hidden = hidden.map_err(|error| error.to_string())?;
        let pixels = self.pixels.search(pictures, 1).map_err(|error| error.to_string())?;
        let nearest = |i: usize| Distances { seen: hidden.of(i).1[0], pixels: pixels.of(i).1[0] };
        Ok((0..pictures.len()).map(nearest).collect())
    }
}

impl Thresholds {
    /// The verdict on a picture at these distances.
    pub fn verdict(&self, distances: Distances) -> Verdict {
        let is_digit = distances.seen <= self.most.seen && distances.pixels <= self.most.pixels;
        Verdict { distances, is_digit }
    }
}

/// The outputs of the last hidden layer.
fn last_hidden(convolution: &Loaded, pictures: &Examples) -> Result<Examples, String> {
    let last = convolution.hidden.last().ok_or("the convolutional network has no hidden layer")?;
    let outputs = || {
        let inputs = convolution.model.preprocessing().apply(pictures)?;
        let outputs = last.network.scores(&inputs)?;
        Examples::from_features(outputs.columns(), outputs.values().to_vec())
    };
    outputs().map_err(|error: tercet::Error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models/");

    fn model(name: &str) -> Loaded {
        let name = format!("{name}.safetensors");
        Loaded::from_bytes(&std::fs::read(format!("{MODELS}{name}")).unwrap(), &name).unwrap()
    }

    #[test]
    fn digits_are_near_and_noise_is_far() {
        let (sample, convolution) = (model("sample"), model("convolution"));
        let detector = Detector::new(&sample, &convolution).unwrap();
        let text = std::fs::read_to_string(format!("{MODELS}verdict.json")).unwrap();
        let thresholds: Thresholds = serde_json::from_str(&text).unwrap();

        // Digits that the sample does not contain.
        let digits =
            tercet::data::Source::Mnist.open().unwrap().train.subset(&(50_000..50_500).collect::<Vec<_>>());
        let accepted = |pictures: &Examples| {
            let distances = detector.distances(&convolution, pictures).unwrap();
            distances.iter().filter(|distances| thresholds.verdict(**distances).is_digit).count()
        };
        assert!(accepted(&digits) > 480, "{} of 500 digits", accepted(&digits));
        let shape = digits.image_shape().unwrap();
        let mixed = (0..100 * 784).map(|p: usize| (p.wrapping_mul(2_654_435_761) >> 7) as u8).collect();
        let noise = Examples::from_pixels(shape, mixed).unwrap();
        assert!(accepted(&noise) < 5, "{} of 100 pictures of noise", accepted(&noise));
        assert!(Detector::new(&convolution, &sample).is_err());
    }
}
