//! Evaluation of a classifier on a test set: its predictions, their time, and the figures for a report.

use std::time::Instant;

use tercet::data::validation_split;
use tercet::evaluate::{Evaluation, Scores};
use tercet::image::ImageShape;
use tercet::model::AnyClassifier;
use tercet::neighbors::{Neighbors, NeighborsClassifier};
use tercet::network::{Activation, Layer, Network};
use tercet::recipe::Recipe;
use tercet::{Dataset, Matrix, Model, text};
use tercet_report::{Confidence, ModelCard, NeighborCard, NeighborStory, Templates};

use crate::ensemble::Ensemble;
use crate::progress::Stage;
use crate::{interrupt, robustness};

/// Evaluates a model or an ensemble on the test set, and its robustness if requested. If there are
/// `validation` examples that it was not trained on, the temperature of its probabilities is fitted on them.
/// `None` if Ctrl-C interrupted it.
pub fn evaluate(
    name: &str,
    ensemble: &Ensemble,
    test: &Dataset,
    validation: Option<&Dataset>,
    robustness: bool,
) -> anyhow::Result<Option<ModelCard>> {
    let Some(mut card) = evaluate_on_test_set(name, ensemble, test, validation)? else { return Ok(None) };
    if robustness {
        let Some(found) = robustness::evaluate(name, ensemble, test)? else { return Ok(None) };
        card.robustness = found;
    }
    Ok(Some(card))
}

fn evaluate_on_test_set(
    name: &str,
    ensemble: &Ensemble,
    test: &Dataset,
    validation: Option<&Dataset>,
) -> anyhow::Result<Option<ModelCard>> {
    let model = ensemble.first();
    let stage =
        Stage::new(format!("{name}, {} predictions", tercet::text::thousands(test.len())), test.len());
    let start = Instant::now();
    let neighbors = model.classifier().neighbors().filter(|_| ensemble.is_plain());
    let (scores, found) = match neighbors {
        Some(neighbors) => {
            let progress = |done, _| {
                stage.at(done);
                interrupt::flow()
            };
            let inputs = model.preprocessing().apply(test)?;
            let Some(found) = neighbors.search_with(&inputs, &progress)? else { return Ok(None) };
            (neighbors.scores_from(&found)?, Some(found))
        }
        None => (ensemble.scores(test)?, None),
    };
    let seconds = start.elapsed().as_secs_f64();
    stage.done("");

    let evaluation = Evaluation::from_scores(&scores, test.labels(), test.classes())?;
    let confidence = confidence(ensemble, &scores, test, validation)?;
    let story =
        neighbors.zip(found).and_then(|(neighbors, found)| story(neighbors, &found, &scores, &evaluation));
    let sizes = ensemble.models.iter().map(|model| Ok(model.to_bytes()?.len() as u64));
    let mut settings = settings(model);
    settings.extend(ensemble.in_words());
    let kind = match ensemble.models.len() {
        1 => kind(model.classifier()),
        n => format!("ensemble of {n}, the first a {}", kind(model.classifier())),
    };
    Ok(Some(ModelCard {
        predict_seconds_per_example: seconds / test.len() as f64,
        model_bytes: sizes.sum::<tercet::Result<u64>>()?,
        templates: templates(model.classifier(), test),
        neighbor_story: story,
        confidence,
        settings,
        ..ModelCard::new(name, kind, evaluation)
    }))
}

/// The confidence of the predictions; `None` if scores are not finite.
fn confidence(
    ensemble: &Ensemble,
    scores: &Matrix,
    test: &Dataset,
    validation: Option<&Dataset>,
) -> anyhow::Result<Option<Confidence>> {
    let finite = |scores: &Matrix| scores.values().iter().all(|score| score.is_finite());
    if !finite(scores) {
        return Ok(None);
    }
    let are = ensemble.what_scores_are();
    let held_out =
        validation.filter(|set| !set.is_empty() && ensemble.is_plain() && are == Some(Scores::Logits));
    let fitted_on =
        held_out.map(|set| Ok::<_, tercet::Error>((ensemble.scores(set)?, set.labels()))).transpose()?;
    let fitted_on = fitted_on.as_ref().filter(|(logits, _)| finite(logits)).map(|(logits, labels)| {
        (logits, *labels, format!("the validation set, {} examples", text::thousands(labels.len())))
    });
    Ok(Some(Confidence::of(scores, are, test.labels(), fitted_on)?))
}

/// The validation set of a model's training. `None` if its file does not record it, or if it was trained on
/// other data.
pub fn held_out(model: &Model, train: &Dataset) -> Option<Dataset> {
    let Some(Recipe::GradientDescent(recipe)) = recipe_of(model) else { return None };
    let parts = validation_split(train, recipe.validation, recipe.seed).ok()?;
    (model.card.data.as_ref()?.digest == parts.train.digest()).then_some(parts.validation)
}

/// The kind of a classifier, in a few words.
pub fn kind(classifier: &AnyClassifier) -> String {
    match classifier {
        AnyClassifier::Neighbors(_) => "k nearest neighbours".to_owned(),
        AnyClassifier::Linear(linear) => {
            format!("linear classifier, {}-{}", linear.dense().inputs, linear.dense().outputs)
        }
        AnyClassifier::Network(network) => {
            let layers = layers_in_short(network);
            match network.layers().iter().any(|layer| matches!(layer, Layer::Conv2d(_))) {
                true => format!("convolutional network, {layers}"),
                false if !is_plain(network) => format!("network, {layers}"),
                false => match network.dense_layers().count() {
                    2 => format!("two-layer network, {layers}"),
                    3 => format!("three-layer network, {layers}"),
                    n => format!("{n}-layer network, {layers}"),
                },
            }
        }
    }
}

/// Whether a network consists of dense layers with ReLU between them, which their sizes describe.
fn is_plain(network: &Network) -> bool {
    let mut layers = network.layers().iter().enumerate();
    layers.all(|(i, layer)| {
        matches!((i % 2, layer), (0, Layer::Dense(_)) | (1, Layer::Activation(Activation::Relu)))
    })
}

/// The sizes of a plain network, `784-128-10`, or the architecture string of another.
pub fn layers_in_short(network: &Network) -> String {
    if !is_plain(network) {
        return network.architecture().to_string();
    }
    let outputs = network.dense_layers().map(|dense| dense.outputs);
    let sizes: Vec<String> =
        std::iter::once(network.inputs()).chain(outputs).map(|size| size.to_string()).collect();
    sizes.join("-")
}

/// The settings on a model's card that are not part of the recipe.
const BESIDE_RECIPE: [&str; 5] = ["choice of reg", "ending", "k chosen by", "rate_changes", "weights"];

/// The settings on a model's card, as names and values, and the steps of its preprocessing.
pub fn settings(model: &Model) -> Vec<(String, String)> {
    let value = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut words = match recipe_of(model) {
        Some(recipe) => {
            let mut words = recipe.describe();
            let chosen = model.card.settings["choice of reg"]["reg"].as_f64();
            words.extend(chosen.map(|reg| ("chosen reg".to_owned(), format!("{reg:e}"))));
            words
        }
        None => {
            let of_card = model.card.settings.as_object();
            of_card.into_iter().flatten().map(|(name, setting)| (name.clone(), value(setting))).collect()
        }
    };
    words.retain(|(name, _)| name != "preprocessing");
    words.push(("preprocessing".to_owned(), model.preprocessing().to_string()));
    words.extend(model.card.warnings.iter().map(|warning| ("warning".to_owned(), warning.clone())));
    words
}

/// The recipe on a model's card, if it has one.
fn recipe_of(model: &Model) -> Option<Recipe> {
    let mut recipe = model.card.settings.clone();
    if let Some(recipe) = recipe.as_object_mut() {
        BESIDE_RECIPE.iter().for_each(|name| drop(recipe.remove(*name)));
    }
    Recipe::from_settings(&recipe)
}

/// The weights of the first layer, to be shown as images.
fn templates(classifier: &AnyClassifier, test: &Dataset) -> Vec<Templates> {
    let shape = test.image_shape();
    match classifier {
        AnyClassifier::Neighbors(_) => Vec::new(),
        AnyClassifier::Linear(linear) => vec![Templates {
            title: "One template per class".to_owned(),
            names: test.classes().to_vec(),
            shape,
            weights: linear.dense().w.clone(),
        }],
        AnyClassifier::Network(network) => {
            // Only the first layer has weights per pixel.
            let first = network.layers().first().map(|layer| match layer {
                Layer::Dense(dense) => Some(Templates {
                    title: "Weights of the hidden units".to_owned(),
                    names: (1..=dense.outputs).map(|unit| format!("unit {unit}")).collect(),
                    shape,
                    weights: dense.w.clone(),
                }),
                Layer::Conv2d(conv) => Some(Templates {
                    title: "Filters of the first layer".to_owned(),
                    names: (1..=conv.filters).map(|filter| format!("filter {filter}")).collect(),
                    shape: Some(ImageShape {
                        width: conv.kernel_width,
                        height: conv.kernel_height,
                        channels: conv.channels,
                    }),
                    weights: conv.w.clone(),
                }),
                _ => None,
            });
            first.flatten().into_iter().collect()
        }
    }
}

/// The worst mistake, and its neighbours.
fn story(
    neighbors: &NeighborsClassifier,
    found: &Neighbors,
    scores: &Matrix,
    evaluation: &Evaluation,
) -> Option<NeighborStory> {
    let mistake = evaluation.mistakes.first()?;
    let (indices, distances) = found.of(mistake.index);
    let cards = indices.iter().zip(distances).map(|(&index, &distance)| {
        let label = neighbors.labels()[index as usize];
        NeighborCard {
            index: index as usize,
            label,
            distance,
            pixels: neighbors.index().pixels(index as usize),
        }
    });
    Some(NeighborStory {
        query: mistake.index,
        truth: mistake.truth,
        predicted: mistake.predicted,
        metric: neighbors.distance_in_words(),
        neighbors: cards.collect(),
        votes: scores.row(mistake.index).iter().map(|&share| share.into()).collect(),
    })
}
