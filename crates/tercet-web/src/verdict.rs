//! Is it a digit at all?
//!
//! Every classifier here names a class, whatever it is shown. So what is shown must first look like what was learned, in two
//! ways: to the one that sees best, by the cosine between what the last hidden layer of the convolutional network makes of the
//! picture and of the nearest of the remembered images (Sun et al. 2022, "Out-of-distribution detection with deep nearest
//! neighbors"); and in its pixels, by the distance to the nearest of them. Neither may be larger than those of all but a small
//! share of digits that were held out. Both thresholds were taken from these digits by the example `models`, and stand with what
//! they reject in `models/verdict.json`.

use serde::{Deserialize, Serialize};
use tercet::Dataset;
use tercet::model::Classifier;
use tercet::neighbors::{Metric, NearestNeighbors};

use crate::models::Loaded;

/// The thresholds, and what they were found to do.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Thresholds {
    /// The largest distances of what is taken for a digit.
    pub most: Distances,
    /// The share of the held-out digits that pass.
    pub accepted: f64,
    /// How many held-out digits that is of.
    pub digits: usize,
    /// The share of each kind of drawing that is no digit which is turned away.
    pub rejected: Vec<(String, f64)>,
}

/// How far a picture is from the nearest of the remembered images.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Distances {
    /// As the convolutional network sees them: 1 less the cosine.
    pub seen: f64,
    /// In their pixels: L2.
    pub pixels: f64,
}

/// What is said of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// How far it is from the nearest of the remembered images.
    pub distances: Distances,
    /// Whether both are as those of digits.
    pub is_digit: bool,
}

/// Knows what digits look like to the convolutional network.
#[derive(Debug)]
pub struct Judge {
    seen: NearestNeighbors,
    pixels: NearestNeighbors,
}

impl Judge {
    /// Looks at what `sample` remembers through the last hidden layer of `convolution`.
    ///
    /// # Errors
    /// Models that are no neighbours and no network with a hidden layer.
    pub fn new(sample: &Loaded, convolution: &Loaded) -> Result<Judge, String> {
        let Classifier::Neighbors(neighbors) = &sample.file.classifier else {
            return Err(format!("a {} model; expected neighbors", sample.file.classifier.kind()));
        };
        let images = neighbors.to_dataset("remembered").map_err(|error| error.to_string())?;
        let seen = NearestNeighbors::fit(&features(convolution, &images)?, Metric::Cosine);
        let pixels = NearestNeighbors::fit(&images, Metric::L2).map_err(|error| error.to_string())?;
        Ok(Judge { seen: seen.map_err(|error| error.to_string())?, pixels })
    }

    /// How far each of some pictures is from the nearest that is remembered.
    ///
    /// # Errors
    /// Pictures of another size.
    pub fn distances(&self, convolution: &Loaded, pictures: &Dataset) -> Result<Vec<Distances>, String> {
        let seen =
            self.seen.search(&features(convolution, pictures)?, 1).map_err(|error| error.to_string())?;
        let pixels = self.pixels.search(pictures, 1).map_err(|error| error.to_string())?;
        let nearest = |i: usize| Distances { seen: seen.of(i).1[0], pixels: pixels.of(i).1[0] };
        Ok((0..pictures.len()).map(nearest).collect())
    }
}

impl Thresholds {
    /// What is said of a picture at these distances.
    pub fn judge(&self, distances: Distances) -> Verdict {
        let is_digit = distances.seen <= self.most.seen && distances.pixels <= self.most.pixels;
        Verdict { distances, is_digit }
    }
}

/// What is behind the last hidden layer.
fn features(convolution: &Loaded, pictures: &Dataset) -> Result<Dataset, String> {
    let last = convolution.inside.last().ok_or("the convolutional network has no hidden layer")?;
    let values = last.network.scores(pictures).map_err(|error| error.to_string())?;
    let (width, labels) = (values.columns(), pictures.labels());
    Dataset::from_features("features", width, values.values().to_vec(), labels, pictures.classes().to_vec())
        .map_err(|error| error.to_string())
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
        let judge = Judge::new(&sample, &convolution).unwrap();
        let text = std::fs::read_to_string(format!("{MODELS}verdict.json")).unwrap();
        let thresholds: Thresholds = serde_json::from_str(&text).unwrap();

        // Digits that the sample does not hold.
        let digits =
            tercet::data::Source::Mnist.open().unwrap().train.subset(&(50_000..50_500).collect::<Vec<_>>());
        let passed = |set: &Dataset| {
            let distances = judge.distances(&convolution, set).unwrap();
            distances.iter().filter(|distances| thresholds.judge(**distances).is_digit).count()
        };
        assert!(passed(&digits) > 480, "{} of 500 digits", passed(&digits));
        let shape = digits.image_shape().unwrap();
        let mixed = (0..100 * 784).map(|p: usize| (p.wrapping_mul(2_654_435_761) >> 7) as u8).collect();
        let noise =
            Dataset::from_pixels("noise", shape, mixed, vec![0; 100], digits.classes().to_vec()).unwrap();
        assert!(passed(&noise) < 5, "{} of 100 pictures of noise", passed(&noise));
        assert!(Judge::new(&convolution, &sample).is_err());
    }
}
