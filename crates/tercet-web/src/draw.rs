//! The Draw view: a picture becomes an example, and every model classifies it.

use serde::Serialize;
use tercet::data::Examples;
use tercet::image::{ImageShape, Picture};
use tercet::linear::LinearClassifier;
use tercet::matrix::argmax;
use tercet::model::{AnyClassifier, ScoreKind};
use tercet::neighbors::{NeighborsClassifier, Voter};
use tercet::network::Shape;
use tercet::preprocess::Prepared;

use crate::base64;
use crate::models::{HiddenLayer, Loaded};

/// The prediction of a model for a picture, and its explanation.
#[derive(Debug, Serialize)]
pub struct Prediction {
    /// The pixels that enter the model.
    pub prepared: Pixels,
    /// The scores, (C): shares of the votes, or the output of the last layer.
    pub scores: Vec<f32>,
    /// The class with the largest score.
    pub class: usize,
    /// The softmax of the scores of a model that was trained with cross-entropy.
    pub probabilities: Option<Vec<f32>>,
    /// The nearest neighbours.
    pub neighbors: Option<Vec<Neighbor>>,
    /// The votes of each class, (C).
    pub votes: Option<Vec<f64>>,
    /// The outputs of the hidden layers.
    pub hidden: Vec<Hidden>,
    /// The products whose sum is a score of a linear classifier.
    pub products: Option<Products>,
}

/// A stage of preprocessing.
#[derive(Debug, Serialize)]
pub struct Stage {
    /// What was done: [`StageName::name`](tercet::preprocess::StageName::name).
    pub step: &'static str,
    /// The picture after it.
    pub picture: Pixels,
}

/// A greyscale picture.
#[derive(Debug, Serialize)]
pub struct Pixels {
    /// Its width.
    pub width: usize,
    /// Its height.
    pub height: usize,
    /// The pixels, as base64.
    pub pixels: String,
}

/// A neighbour that voted.
#[derive(Debug, Serialize)]
pub struct Neighbor {
    /// The index of the stored example.
    pub index: u32,
    /// Its class.
    pub label: u32,
    /// Its distance.
    pub distance: f64,
    /// The weight of its vote.
    pub vote: f64,
    /// Its picture.
    pub picture: Pixels,
}

/// The output of a hidden layer.
#[derive(Debug, Serialize)]
pub struct Hidden {
    /// The architecture up to this layer.
    pub name: String,
    /// Rows and columns of its images, or none.
    pub image: Option<(usize, usize)>,
    /// Channels of its images, or units.
    pub channels: usize,
    /// The values, (height, width, channels).
    pub values: Vec<f32>,
}

/// The score of a class by a linear classifier: `Σ template · input + bias`.
#[derive(Debug, Serialize)]
pub struct Products {
    /// The class.
    pub class: usize,
    /// W of the class, (D).
    pub template: Vec<f32>,
    /// The terms of the sum, (D).
    pub products: Vec<f32>,
    /// b of the class.
    pub bias: f32,
}

/// Applies the preprocessing of a model to a picture.
///
/// # Errors
/// Those of [`Model::prepare`](tercet::model::Model::prepare), such as a picture without ink.
pub fn prepare(model: &Loaded, picture: &Picture) -> Result<Prepared, String> {
    model.model.prepare(picture).map_err(|error| error.to_string())
}

/// Classifies a prepared picture. `class` is the class whose products are computed; by default that of the
/// prediction.
///
/// # Errors
/// A picture that was prepared for a model of another size.
pub fn predict(model: &Loaded, prepared: &Prepared, class: Option<usize>) -> Result<Prediction, String> {
    predict_example(model, prepared, class).map_err(|error| error.to_string())
}

fn predict_example(model: &Loaded, prepared: &Prepared, class: Option<usize>) -> tercet::Result<Prediction> {
    let example = prepared.examples();
    // The input of the classifier itself, to compute the outputs of its layers.
    let inputs = model.model.preprocessing().apply(&example)?;
    let mut prediction = Prediction {
        prepared: Pixels::of(prepared.seen()),
        scores: Vec::new(),
        class: 0,
        probabilities: None,
        neighbors: None,
        votes: None,
        hidden: Vec::new(),
        products: None,
    };
    if let AnyClassifier::Neighbors(classifier) = model.model.classifier() {
        // The search that gives the scores also finds the neighbours.
        let explained = classifier.explain(&classifier.search(&inputs)?, 0)?;
        let neighbors = explained.neighbors.iter().map(|voter| Neighbor::of(voter, classifier));
        prediction.neighbors = Some(neighbors.collect());
        (prediction.votes, prediction.scores) = (Some(explained.votes), explained.shares);
    } else {
        let mut scores = model.model.scores(&example)?;
        prediction.scores = scores.row(0).to_vec();
        if model.model.card.scores == ScoreKind::Logits {
            model.model.to_probabilities(&mut scores)?;
            prediction.probabilities = Some(scores.row(0).to_vec());
        }
    }
    prediction.class = argmax(&prediction.scores) as usize;
    if let AnyClassifier::Linear(linear) = model.model.classifier() {
        let class = class.filter(|&class| class < prediction.scores.len()).unwrap_or(prediction.class);
        prediction.products = Some(Products::of(linear, &inputs, class));
    }
    for layer in &model.hidden {
        prediction.hidden.push(Hidden::of(layer, &inputs)?);
    }
    Ok(prediction)
}

impl Neighbor {
    fn of(voter: &Voter, classifier: &NeighborsClassifier) -> Neighbor {
        let ImageShape { width, height, .. } = classifier.image_shape().unwrap_or(ImageShape::gray(0, 0));
        let pixels = base64(&classifier.index().pixels(voter.index as usize).unwrap_or_default());
        Neighbor {
            index: voter.index,
            label: voter.label,
            distance: voter.distance,
            vote: voter.vote,
            picture: Pixels { width, height, pixels },
        }
    }
}

impl Products {
    /// The terms of the score of a class, for the first of some examples.
    fn of(linear: &LinearClassifier, inputs: &Examples, class: usize) -> Products {
        let dense = linear.dense();
        let template: Vec<f32> = dense.w.iter().skip(class).step_by(dense.outputs).copied().collect();
        let mut x = vec![0.0; inputs.width()];
        inputs.write_inputs(&[0], &mut x);
        let products = template.iter().zip(&x).map(|(w, x)| w * x).collect();
        Products { class, template, products, bias: dense.b[class] }
    }
}

impl Hidden {
    /// The output of a layer for the first of some examples.
    fn of(layer: &HiddenLayer, inputs: &Examples) -> tercet::Result<Hidden> {
        let values = layer.network.scores(inputs)?.row(0).to_vec();
        let (image, channels) = match layer.shape {
            Shape::Image(image) => (Some((image.height, image.width)), image.channels),
            Shape::Features(units) => (None, units),
        };
        Ok(Hidden { name: layer.name.clone(), image, channels, values })
    }
}

impl Pixels {
    /// Of a greyscale picture; a picture in colour is converted.
    pub fn of(picture: &Picture) -> Pixels {
        let shape = picture.shape();
        let gray = if shape.channels == 1 { picture.clone() } else { picture.to_gray() };
        Pixels { width: shape.width, height: shape.height, pixels: base64(gray.pixels()) }
    }
}

impl Stage {
    /// Every stage of preprocessing; none if the picture was an example already.
    pub fn all(prepared: &Prepared) -> Vec<Stage> {
        let stages = prepared.stages.iter();
        stages.map(|stage| Stage { step: stage.name.name(), picture: Pixels::of(&stage.picture) }).collect()
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
    fn every_model_classifies_a_bar_as_one_with_the_scores_of_its_file() {
        for name in ["sample", "linear", "network", "convolution"] {
            let model = shipped(name);
            let prepared = prepare(&model, &bar()).unwrap();
            let prediction = predict(&model, &prepared, None).unwrap();
            assert_eq!(prediction.class, 1, "{name}");
            let scores = model.model.scores(&prepared.examples()).unwrap();
            assert_eq!(scores.row(0), prediction.scores, "{name}");
            assert_eq!(prediction.hidden.len(), model.hidden.len());
            // Votes are probabilities themselves, and margins have none.
            let has_probabilities = matches!(name, "network" | "convolution");
            assert_eq!(prediction.probabilities.is_some(), has_probabilities, "{name}");
        }
    }

    #[test]
    fn the_products_of_any_class_and_its_bias_sum_to_its_score() {
        let model = shipped("linear");
        let prepared = prepare(&model, &bar()).unwrap();
        for class in [None, Some(0), Some(7), Some(99)] {
            let prediction = predict(&model, &prepared, class).unwrap();
            let products = prediction.products.unwrap();
            assert_eq!(products.class, class.filter(|&class| class < 10).unwrap_or(prediction.class));
            let sum = products.products.iter().sum::<f32>() + products.bias;
            assert!((sum - prediction.scores[products.class]).abs() < 1e-4);
        }
    }

    #[test]
    fn the_stages_lead_from_the_drawing_to_the_input_of_the_model() {
        let model = shipped("network");
        let prepared = prepare(&model, &bar()).unwrap();
        let steps: Vec<&str> = Stage::all(&prepared).iter().map(|stage| stage.step).collect();
        assert_eq!(steps, ["inverted", "cropped", "scaled", "centered"]);
        let white = Picture::new(ImageShape::gray(280, 280), vec![255; 280 * 280]).unwrap();
        assert!(prepare(&model, &white).is_err());
    }
}
