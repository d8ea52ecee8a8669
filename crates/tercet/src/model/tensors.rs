//! The tensors of a model file: conversion of numbers to bytes and back.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors};

use super::document::{Architecture, Document, Features, LayerShape, NeighborsShape};
use super::{AnyClassifier, Flaw, Model, header};
use crate::data::{Dataset, Examples};
use crate::image::ImageShape;
use crate::linear::LinearClassifier;
use crate::neighbors::{self, NeighborsClassifier, Priors};
use crate::network::{BatchNorm, Conv2d, Dense, Layer, Named, Network, Pool, Shape, norm_names};
use crate::tensors::{Tensor, Values};
use crate::{Error, Result};

/// The bytes of the file. The library sorts tensors by type and name, so that equal models give equal bytes.
pub(super) fn write(model: &Model, document: String) -> Result<Vec<u8>> {
    let mut tensors: Vec<(String, Tensor<'_>)> = Vec::new();
    let features;
    if let AnyClassifier::Neighbors(neighbors) = &model.classifier {
        features = neighbors.index().features();
        let values = match &features {
            neighbors::Features::U8(values) => Values::U8(values),
            neighbors::Features::F32(values) => Values::F32(values),
            neighbors::Features::F64(values) => Values::F64(values),
        };
        let (labels, width) = (neighbors.labels(), neighbors.index().width());
        tensors.push(("rows".into(), Tensor { shape: vec![labels.len(), width], values }));
        tensors.push(("labels".into(), Tensor { shape: vec![labels.len()], values: Values::U32(labels) }));
        if let Some(weights) = neighbors.weights() {
            let values = Values::F32(weights);
            tensors.push(("weights".into(), Tensor { shape: vec![weights.len()], values }));
        }
    }
    let arrays = model.classifier.network().map_or_else(Vec::new, Network::arrays);
    for Named { name, shape, values, .. } in arrays {
        tensors.push((name, Tensor { shape, values: Values::F32(values) }));
    }
    safetensors::serialize(tensors, Some(HashMap::from([(header::KEY.to_owned(), document)])))
        .map_err(|e| Error::mismatch("the model to be saved", e, "tensors that can be written"))
}

/// The model in the bytes of a file. Its shapes are checked, but not yet its numbers.
pub(super) fn read(bytes: &[u8]) -> Result<Model, Flaw> {
    if bytes.is_empty() {
        return Err(Flaw::new("an empty file", "a model file"));
    }
    if let Some(first) = bytes.first_chunk() {
        header::length(*first, Some(bytes.len() as u64))?;
    }
    let (length, metadata) = SafeTensors::read_metadata(bytes).map_err(header::broken)?;
    let document = header::check(&bytes[8..8 + length], &metadata)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(header::broken)?;
    let linear = document.is_linear();
    let classifier = match document.architecture.clone() {
        Architecture::Neighbors(shape) => {
            AnyClassifier::Neighbors(read_neighbors(&tensors, shape, &document)?)
        }
        Architecture::Layers(shapes) => {
            let mut layers = read_layers(&tensors, &shapes)?;
            match (linear, layers.pop()) {
                (true, Some(Layer::Dense(dense))) => {
                    AnyClassifier::Linear(LinearClassifier::from_dense(dense)?)
                }
                (_, last) => {
                    layers.extend(last);
                    let input = document.preprocessing.input();
                    let input = input.image.map_or(Shape::Features(input.features), Shape::Image);
                    AnyClassifier::Network(Network::from_input(input, layers)?)
                }
            }
        }
    };
    Ok(Model::new(document.preprocessing, classifier, document.card))
}

fn read_layers(tensors: &SafeTensors<'_>, shapes: &[LayerShape]) -> Result<Vec<Layer>, Flaw> {
    let (mut n, mut m) = (0, 0);
    let array = |name: &str, shape: &[usize]| numbers(tensors, name, Dtype::F32, shape, f32::from_le_bytes);
    let mut weights = |inputs: usize, outputs: usize| -> Result<(Vec<f32>, Vec<f32>), Flaw> {
        n += 1;
        Ok((array(&format!("w{n}"), &[inputs, outputs])?, array(&format!("b{n}"), &[outputs])?))
    };
    let mut read = |shape: &LayerShape| -> Result<Layer, Flaw> {
        Ok(match *shape {
            LayerShape::Dense { inputs, outputs } => {
                let (w, b) = weights(inputs, outputs)?;
                Layer::Dense(Dense { inputs, outputs, w, b })
            }
            LayerShape::Conv2d { channels, filters, kernel_height, kernel_width, stride, padding } => {
                let (w, b) = (Vec::new(), Vec::new());
                let conv = Conv2d { channels, filters, kernel_height, kernel_width, stride, padding, w, b };
                let (w, b) = weights(conv.patch(), filters)?;
                Layer::Conv2d(Conv2d { w, b, ..conv })
            }
            LayerShape::BatchNorm { channels } => {
                m += 1;
                let [gamma, beta, mean, variance] = norm_names(m).map(|(name, _)| array(&name, &[channels]));
                Layer::BatchNorm(BatchNorm { gamma: gamma?, beta: beta?, mean: mean?, variance: variance? })
            }
            LayerShape::MaxPool { size, stride } => Layer::MaxPool(Pool { size, stride }),
            LayerShape::AveragePool { size, stride } => Layer::AveragePool(Pool { size, stride }),
            LayerShape::Dropout { p } => Layer::Dropout { p },
            LayerShape::Activation(activation) => Layer::Activation(activation),
            LayerShape::Flatten => Layer::Flatten,
        })
    };
    shapes.iter().map(&mut read).collect()
}

fn read_neighbors(
    tensors: &SafeTensors<'_>,
    shape: NeighborsShape,
    document: &Document,
) -> Result<NeighborsClassifier, Flaw> {
    let NeighborsShape { features, width, examples, metric, k, vote, priors, weighted, deformation } = shape;
    let (name, classes) = ("the stored examples", document.card.classes.clone());
    let dimensions = [examples, width];
    let labels = || numbers(tensors, "labels", Dtype::U32, &[examples], u32::from_le_bytes);
    let data = match features {
        Features::U8 => {
            let image = document.preprocessing.input().image.unwrap_or(ImageShape::gray(width, 1));
            let pixels = bytes_of(tensors, "rows", Dtype::U8, &dimensions)?.to_vec();
            Dataset::from_pixels(name, image, pixels, labels()?, classes)?
        }
        Features::F32 => {
            let values = numbers(tensors, "rows", Dtype::F32, &dimensions, f32::from_le_bytes)?;
            Dataset::from_features(name, width, values, labels()?, classes)?
        }
        Features::F64 => {
            let values = numbers(tensors, "rows", Dtype::F64, &dimensions, f64::from_le_bytes)?;
            Dataset::new(name, Examples::from_f64(width, values)?, labels()?, classes)?
        }
    };
    let mut classifier = NeighborsClassifier::fit(&data, metric, k, vote)?;
    if weighted {
        let weights = numbers(tensors, "weights", Dtype::F32, &[examples], f32::from_le_bytes)?;
        classifier = classifier.with_weights(weights)?;
    }
    if priors != Priors::Data {
        classifier = classifier.with_priors(priors)?;
    }
    Ok(classifier.with_deformation(deformation)?)
}

/// The numbers of a tensor with four bytes per number.
fn numbers<const N: usize, T>(
    tensors: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    shape: &[usize],
    decode: fn([u8; N]) -> T,
) -> Result<Vec<T>, Flaw> {
    let (words, _) = bytes_of(tensors, name, dtype, shape)?.as_chunks::<N>();
    Ok(words.iter().map(|word| decode(*word)).collect())
}

/// The bytes of a tensor, which must have the type and shape of the architecture. That its bytes are in the file and
/// fill that shape was checked with the header.
fn bytes_of<'a>(
    tensors: &SafeTensors<'a>,
    name: &str,
    dtype: Dtype,
    shape: &[usize],
) -> Result<&'a [u8], Flaw> {
    let tensor = tensors
        .tensor(name)
        .map_err(|e| Flaw::new(format!("no tensor {name} ({e})"), format!("a tensor {name}")))?;
    if tensor.dtype() != dtype || tensor.shape() != shape {
        return Err(Flaw::new(
            format!("a tensor {name} of {} with dimensions {:?}", tensor.dtype(), tensor.shape()),
            format!("{dtype} with dimensions {shape:?}, as the architecture says"),
        ));
    }
    Ok(tensor.data())
}
