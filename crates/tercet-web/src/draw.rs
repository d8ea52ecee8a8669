//! The Draw view: a picture, prepared once, and what every model makes of it.

use serde::Serialize;
use tercet::data::Dataset;
use tercet::image::{ImageShape, Picture, Prepared, Step, prepare};
use tercet::loss::probabilities;
use tercet::matrix::argmax;
use tercet::model::Classifier;
use tercet::network::Shape;

use crate::base64;
use crate::models::Loaded;

/// What a model makes of a picture.
#[derive(Debug, Serialize)]
pub struct Reading {
    /// The pixels that enter the model.
    pub prepared: Pixels,
    /// The scores, (C): shares of the votes, or what the last layer gives.
    pub scores: Vec<f32>,
    /// Which of them is the largest.
    pub class: usize,
    /// Softmax of the scores, where they come from a network.
    pub probabilities: Option<Vec<f32>>,
    /// Who voted.
    pub neighbors: Option<Vec<Neighbor>>,
    /// The votes of each class.
    pub votes: Option<Vec<f64>>,
    /// What is behind the hidden layers.
    pub hidden: Vec<Hidden>,
    /// Of a linear classifier, the products whose sum is a score.
    pub products: Option<Products>,
}

/// A step of the preparation.
#[derive(Debug, Serialize)]
pub struct Stage {
    /// What was done.
    pub step: &'static str,
    /// What it looks like now.
    pub picture: Pixels,
}

/// A grey picture.
#[derive(Debug, Serialize)]
pub struct Pixels {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The pixels, as base64.
    pub pixels: String,
}

/// A neighbour that voted.
#[derive(Debug, Serialize)]
pub struct Neighbor {
    /// Which of the remembered examples it is.
    pub index: u32,
    /// Its class.
    pub label: u32,
    /// How far it is.
    pub distance: f64,
    /// What its vote counts.
    pub vote: f64,
    /// What it looks like.
    pub picture: Pixels,
}

/// What is behind a hidden layer.
#[derive(Debug, Serialize)]
pub struct Hidden {
    /// The layers up to there.
    pub name: String,
    /// Rows and columns of its images, or none.
    pub image: Option<(usize, usize)>,
    /// Channels of its images, or units.
    pub channels: usize,
    /// The values, (height, width, channels).
    pub values: Vec<f32>,
}

/// `score = Σ template · ink + bias` of a class.
#[derive(Debug, Serialize)]
pub struct Products {
    /// The class.
    pub class: usize,
    /// W of the class, (D).
    pub template: Vec<f32>,
    /// W · x, number by number, (D).
    pub products: Vec<f32>,
    /// b of the class.
    pub bias: f32,
}

/// Prepares a picture for a model.
///
/// # Errors
/// A picture that cannot be prepared, such as one without ink.
pub fn prepared(model: &Loaded, picture: &Picture) -> Result<Prepared, String> {
    prepare(picture, &model.file.card.contract).map_err(|error| error.to_string())
}

/// What a model makes of a picture that was prepared for it. `class` is the one whose products are asked for; the winner's by
/// default.
///
/// # Errors
/// A picture that was prepared for a model of another size.
pub fn read(model: &Loaded, prepared: &Prepared, class: Option<usize>) -> Result<Reading, String> {
    let contract = &model.file.card.contract;
    let set = set_of(model, prepared)?;
    let say = |error: tercet::Error| error.to_string();

    let mut reading = Reading {
        prepared: Pixels::of(&prepared.picture),
        scores: Vec::new(),
        class: 0,
        probabilities: None,
        neighbors: None,
        votes: None,
        hidden: Vec::new(),
        products: None,
    };
    match &model.file.classifier {
        Classifier::Neighbors(classifier) => {
            let found = classifier.search(&set).map_err(say)?;
            let explained = classifier.explain(&found, 0).map_err(say)?;
            let shape = classifier.image_shape().unwrap_or(ImageShape::gray(0, 0));
            let neighbor = |voter: &tercet::neighbors::Voter| Neighbor {
                index: voter.index,
                label: voter.label,
                distance: voter.distance,
                vote: voter.vote,
                picture: Pixels {
                    width: shape.width,
                    height: shape.height,
                    pixels: base64(&classifier.index().pixels(voter.index as usize).unwrap_or_default()),
                },
            };
            reading.neighbors = Some(explained.neighbors.iter().map(neighbor).collect());
            (reading.votes, reading.scores) = (Some(explained.votes), explained.shares);
            reading.class = argmax(&reading.scores) as usize;
        }
        Classifier::Linear(linear) => {
            reading.scores = linear.scores(&set).map_err(say)?.row(0).to_vec();
            reading.class = argmax(&reading.scores) as usize;
            let (dense, classes) = (linear.dense(), reading.scores.len());
            let class = class.filter(|&class| class < classes).unwrap_or(reading.class);
            let template: Vec<f32> = dense.w.iter().skip(class).step_by(classes).copied().collect();
            let ink = prepared.inputs(contract);
            let products = template.iter().zip(&ink).map(|(w, x)| w * x).collect();
            reading.products = Some(Products { class, template, products, bias: dense.b[class] });
        }
        Classifier::Network(network) => {
            reading.scores = network.scores(&set).map_err(say)?.row(0).to_vec();
            reading.class = argmax(&reading.scores) as usize;
            for inside in &model.inside {
                let values = inside.network.scores(&set).map_err(say)?.row(0).to_vec();
                let (image, channels) = match inside.shape {
                    Shape::Image(image) => (Some((image.height, image.width)), image.channels),
                    Shape::Features(units) => (None, units),
                };
                reading.hidden.push(Hidden { name: inside.name.clone(), image, channels, values });
            }
        }
    }
    if !matches!(model.file.classifier, Classifier::Neighbors(_)) {
        let mut shares = reading.scores.clone();
        probabilities(&mut shares);
        reading.probabilities = Some(shares);
    }
    Ok(reading)
}

/// A picture as a model sees it, as a set of one example, as the program makes it.
///
/// # Errors
/// A picture that was prepared for a model of another size.
pub fn set_of(model: &Loaded, prepared: &Prepared) -> Result<Dataset, String> {
    let card = &model.file.card;
    let shape = card.contract.image.ok_or("the model does not take images")?;
    let pixels = prepared.picture.pixels().to_vec();
    Dataset::from_pixels("picture", shape, pixels, vec![0], card.classes.clone())
        .map_err(|error| error.to_string())
}

impl Pixels {
    /// Of a grey picture; a colour one is shown in grey.
    pub fn of(picture: &Picture) -> Pixels {
        let shape = picture.shape();
        let grey = if shape.channels == 1 { picture.clone() } else { picture.to_gray() };
        Pixels { width: shape.width, height: shape.height, pixels: base64(grey.pixels()) }
    }
}

impl Stage {
    /// Every step of a preparation; none where the picture was as the model wants it.
    pub fn all(prepared: &Prepared) -> Vec<Stage> {
        prepared.stages.iter().map(|stage| Stage::of(stage.step, &stage.picture)).collect()
    }

    fn of(step: Step, picture: &Picture) -> Stage {
        let step = match step {
            Step::Recoloured => "recoloured",
            Step::Inverted => "inverted",
            Step::Ink => "ink",
            Step::Cropped => "cropped",
            Step::Scaled => "scaled",
            Step::Centred => "centred",
            Step::Resized => "resized",
            Step::Deskewed => "deskewed",
            Step::Evened => "evened",
            Step::Blurred => "blurred",
        };
        Stage { step, picture: Pixels::of(picture) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(name: &str) -> Loaded {
        let path = format!("{}/models/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        Loaded::from_bytes(&std::fs::read(path).unwrap(), name).unwrap()
    }

    /// A bar on white paper: a one.
    fn bar() -> Picture {
        let ink = |p: usize| (180..204).contains(&(p % 280)) && (20..150).contains(&(p / 280));
        let pixels = (0..280 * 280).map(|p| if ink(p) { 0 } else { 255 }).collect();
        Picture::new(ImageShape::gray(280, 280), pixels).unwrap()
    }

    #[test]
    fn every_model_reads_a_bar_as_one_with_the_scores_of_its_file() {
        for name in ["sample", "linear", "network", "convolution"] {
            let model = shipped(name);
            let ready = prepared(&model, &bar()).unwrap();
            let reading = read(&model, &ready, None).unwrap();
            assert_eq!(reading.class, 1, "{name}");
            let scores = model.file.scores(&set_of(&model, &ready).unwrap()).unwrap();
            assert_eq!(scores.row(0), reading.scores, "{name}");
            assert_eq!(reading.hidden.len(), model.inside.len());
        }
    }

    #[test]
    fn the_products_of_any_class_and_its_bias_sum_to_its_score() {
        let model = shipped("linear");
        let ready = prepared(&model, &bar()).unwrap();
        for class in [None, Some(0), Some(7), Some(99)] {
            let reading = read(&model, &ready, class).unwrap();
            let products = reading.products.unwrap();
            assert_eq!(products.class, class.filter(|&class| class < 10).unwrap_or(reading.class));
            let sum = products.products.iter().sum::<f32>() + products.bias;
            assert!((sum - reading.scores[products.class]).abs() < 1e-4);
        }
    }

    #[test]
    fn the_stages_lead_from_the_drawing_to_what_the_models_see() {
        let model = shipped("network");
        let ready = prepared(&model, &bar()).unwrap();
        let steps: Vec<&str> = Stage::all(&ready).iter().map(|stage| stage.step).collect();
        assert_eq!(steps, ["inverted", "cropped", "scaled", "centred"]);
        let white = Picture::new(ImageShape::gray(280, 280), vec![255; 280 * 280]).unwrap();
        assert!(prepared(&model, &white).is_err());
    }
}
