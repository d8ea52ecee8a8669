//! A model and its file.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use numpy::{
    PyArray1, PyArray2, PyArrayDyn, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArrayDyn,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tercet::Error;
use tercet::image::{Contract, Preparation, Range};
use tercet::linear::LinearClassifier;
use tercet::model::{Card, Classifier, ModelFile, StateDict, StateTensor};
use tercet::neighbors::{NeighborsClassifier, Priors};
use tercet::network::{Architecture, Layer, Network, Shape};

use crate::arrays::{Rows, Sides, View, image_shape, matrix};
use crate::errors::exception;
use crate::work::{short_work, work};

/// A trained model with what is known about it. It is never changed; training gives a new one.
#[pyclass(frozen, module = "tercet._core")]
pub struct Model {
    file: ModelFile,
}

/// W and b of a layer.
type Weights<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f32>>);

/// How many numbers a short piece of work reads.
const SHORT: usize = 1 << 16;

impl Model {
    /// A model that classifies so, for images of these sides or for features.
    pub fn new(
        classifier: Classifier,
        classes: Vec<String>,
        rows: (usize, bool),
        sides: Option<Sides>,
    ) -> Self {
        let (width, is_pixels) = rows;
        let contract = match image_shape(sides) {
            Some(shape) => Contract::images(shape, Preparation::Resize),
            // Pixels of no known image are one row of them.
            None if is_pixels => {
                Contract::images(tercet::image::ImageShape::gray(width, 1), Preparation::AsIs)
            }
            None => Contract::features(width),
        };
        let range = match &classifier {
            Classifier::Neighbors(neighbors) if neighbors.index().is_pixels() => Range::Bytes,
            _ => contract.range,
        };
        Model { file: ModelFile { card: Card::new(classes, Contract { range, ..contract }), classifier } }
    }

    /// The layers, where there are any.
    pub fn network(&self) -> PyResult<&Network> {
        match &self.file.classifier {
            Classifier::Network(network) => Ok(network),
            Classifier::Linear(linear) => Ok(linear.network()),
            Classifier::Neighbors(_) => Err(PyValueError::new_err("nearest neighbours have no layers")),
        }
    }

    /// The names of the classes.
    pub fn names(&self) -> Vec<String> {
        self.file.card.classes.clone()
    }

    /// How many features its rows have, and whether these are pixels.
    pub fn rows_are(&self) -> (usize, bool) {
        (self.features(), self.is_pixels())
    }

    /// The sides of its images, where it has any.
    pub fn sides(&self) -> Option<Sides> {
        self.image()
    }

    /// Whether it is a linear classifier.
    pub fn is_linear(&self) -> bool {
        matches!(self.file.classifier, Classifier::Linear(_))
    }

    fn neighbors(&self) -> PyResult<&NeighborsClassifier> {
        match &self.file.classifier {
            Classifier::Neighbors(neighbors) => Ok(neighbors),
            other => Err(PyValueError::new_err(format!("a {} model has no neighbours", other.kind()))),
        }
    }
}

/// The linear classifier that a network of one layer is.
///
/// # Errors
/// A network of another kind.
pub fn linear(network: &Network) -> tercet::Result<LinearClassifier> {
    match network.dense_layers().next() {
        Some(dense) => LinearClassifier::from_dense(dense.clone()),
        None => Err(Error::mismatch("layers of a linear classifier", network.to_string(), "one dense layer")),
    }
}

fn refuse_json(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("the card of the model: {error}"))
}

#[pymethods]
impl Model {
    /// The model in a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let file = py.detach(|| ModelFile::load(&path)).map_err(exception)?;
        Ok(Model { file })
    }

    /// The model in the bytes of a file.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        let read = || ModelFile::from_bytes(bytes, Path::new("the bytes of a model"));
        Ok(Model { file: py.detach(read).map_err(exception)? })
    }

    /// Writes the model to a file, all of it or none.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.file.save(&path)).map_err(exception)
    }

    /// The bytes of the file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.file.to_bytes()).map_err(exception)?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let bytes = slf.get().to_bytes(slf.py())?;
        Ok((slf.get_type().getattr("from_bytes")?, (bytes,)))
    }

    /// `neighbors`, `linear` or `network`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.file.classifier.kind()
    }

    /// The names of the classes.
    #[getter]
    fn classes(&self) -> Vec<String> {
        self.file.card.classes.clone()
    }

    /// D.
    #[getter]
    fn features(&self) -> usize {
        self.file.card.contract.features
    }

    /// Whether neighbours are compared as pixels of 0 to 255, or other models see pixels as value / 255.
    #[getter]
    fn is_pixels(&self) -> bool {
        match &self.file.classifier {
            Classifier::Neighbors(neighbors) => neighbors.index().is_pixels(),
            _ => self.file.card.contract.range != Range::Any,
        }
    }

    /// Height, width and channels of the images, where there are any.
    #[getter]
    fn image(&self) -> Option<Sides> {
        self.file.card.contract.image.map(|shape| (shape.height, shape.width, shape.channels))
    }

    /// What is known about the model, as JSON.
    #[getter]
    fn card(&self) -> PyResult<String> {
        serde_json::to_string(&self.file.card).map_err(refuse_json)
    }

    /// The same model with another card.
    fn with_card(&self, card: &str) -> PyResult<Self> {
        let card = serde_json::from_str(card).map_err(refuse_json)?;
        Ok(Model { file: ModelFile { card, classifier: self.file.classifier.clone() } })
    }

    /// The layers as a line of words.
    #[getter]
    fn layers(&self) -> PyResult<String> {
        Ok(self.network()?.architecture().to_string())
    }

    /// What the model is, in a line.
    fn describe(&self) -> String {
        match &self.file.classifier {
            Classifier::Neighbors(neighbors) => format!(
                "{} neighbours by {} among {} examples",
                neighbors.k(),
                neighbors.distance_in_words(),
                neighbors.index().len()
            ),
            Classifier::Linear(linear) => linear.network().to_string(),
            Classifier::Network(network) => network.to_string(),
        }
    }

    /// W and b of every layer that has them.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Vec<Weights<'py>>> {
        let arrays = self.network()?.weight_layers().map(|layer| {
            let w = PyArray1::from_slice(py, layer.w).reshape([layer.inputs, layer.outputs])?;
            Ok((w, PyArray1::from_slice(py, layer.b)))
        });
        arrays.collect()
    }

    /// The weights as PyTorch's `Sequential` names them, in the order of its modules.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyArrayDyn<f32>>)>> {
        let state = StateDict::of(self.network()?).map_err(exception)?;
        let tensors = state.tensors().iter().map(|tensor| {
            let array = PyArray1::from_slice(py, &tensor.values).reshape(tensor.shape.clone())?;
            Ok((tensor.name.clone(), array))
        });
        tensors.collect()
    }

    /// The scores of every row, (N, C).
    #[pyo3(signature = (x, threads = None))]
    fn scores<'py>(
        &self,
        py: Python<'py>,
        x: Rows<'py>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (view, image) = (x.view()?, self.file.card.contract.image);
        let scores = || view.lend_queries(image, |set| self.file.scores(&set));
        let scores = match (&self.file.classifier, view.rows * view.width <= SHORT) {
            (Classifier::Neighbors(neighbors), false) => {
                let found = search(py, neighbors, view, neighbors.k(), threads)?;
                py.detach(|| neighbors.scores_from(&found))
            }
            _ => short_work(py, threads, scores)?,
        };
        matrix(py, &scores.map_err(exception)?)
    }

    /// The k nearest of the remembered rows of every row: distances and indices, (N, k).
    #[pyo3(signature = (x, k, threads = None))]
    #[allow(clippy::type_complexity, reason = "a tuple, as Python takes it")]
    fn kneighbors<'py>(
        &self,
        py: Python<'py>,
        x: Rows<'py>,
        k: usize,
        threads: Option<usize>,
    ) -> PyResult<(Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<i64>>)> {
        let view = x.view()?;
        let found = search(py, self.neighbors()?, view, k, threads)?;
        let indices = found.indices.iter().map(|&index| i64::from(index)).collect();
        let distances = PyArray1::from_vec(py, found.distances).reshape([view.rows, k])?;
        Ok((distances, PyArray1::<i64>::from_vec(py, indices).reshape([view.rows, k])?))
    }

    /// A copy of all remembered rows, (N, D).
    #[getter]
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let index = self.neighbors()?.index();
        let shape = [index.len(), index.width()];
        Ok(match py.detach(|| index.features()) {
            tercet::neighbors::Features::U8(values) => {
                PyArray1::from_vec(py, values).reshape(shape)?.into_any()
            }
            tercet::neighbors::Features::F32(values) => {
                PyArray1::from_vec(py, values).reshape(shape)?.into_any()
            }
        })
    }

    /// The class of every remembered row, (N).
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<u32>>> {
        Ok(PyArray1::from_slice(py, self.neighbors()?.labels()))
    }

    /// The weight of every remembered row, (N), where they have any.
    #[getter]
    fn row_weights<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyArray1<f32>>>> {
        Ok(self.neighbors()?.weights().map(|weights| PyArray1::from_slice(py, weights)))
    }

    /// Metric, k and vote.
    #[getter]
    fn choices(&self) -> PyResult<(&'static str, usize, &'static str)> {
        let neighbors = self.neighbors()?;
        Ok((neighbors.metric().name(), neighbors.k(), neighbors.vote().name()))
    }

    /// The same neighbours, asked with another k and vote.
    fn asked(&self, k: usize, vote: &str) -> PyResult<Self> {
        let asked = || {
            let neighbors =
                self.neighbors().map_err(|_| Error::mismatch("model", "no neighbours", "some"))?;
            neighbors.clone().with_k(k)?.with_vote(vote.parse()?)
        };
        let classifier = Classifier::Neighbors(asked().map_err(exception)?);
        Ok(Model { file: ModelFile { card: self.file.card.clone(), classifier } })
    }
}

/// The answers `argmax(scores)`, (N, C), on labelled examples, counted: the core's evaluation as JSON.
#[pyfunction]
pub fn evaluate(
    py: Python<'_>,
    scores: PyReadonlyArray2<'_, f32>,
    labels: PyReadonlyArray1<'_, u32>,
    classes: Vec<String>,
) -> PyResult<String> {
    let (rows, columns) = (scores.shape()[0], scores.shape()[1]);
    let (scores, labels) = (scores.as_slice()?.to_vec(), labels.to_vec()?);
    let count = || {
        let scores = tercet::Matrix::new(rows, columns, scores)?;
        tercet::evaluate::Evaluation::from_scores(&scores, &labels, &classes)
    };
    let evaluation = py.detach(count).map_err(exception)?;
    serde_json::to_string(&evaluation).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// A search that Ctrl-C ends.
fn search(
    py: Python<'_>,
    neighbors: &NeighborsClassifier,
    view: View<'_>,
    k: usize,
    threads: Option<usize>,
) -> PyResult<tercet::neighbors::Neighbors> {
    let image = neighbors.image_shape();
    let found = if neighbors.deformation().is_some() && k == neighbors.k() {
        work(py, threads, |desk| {
            let progress = |_, _| flow(desk.stopped());
            view.lend_queries(image, |set| neighbors.search_with(&set, &progress))
        })?
    } else {
        work(py, threads, |desk| {
            let progress = |_, _| flow(desk.stopped());
            view.lend_queries(image, |set| neighbors.index().search_with(&set, k, &progress))
        })?
    };
    let (found, interrupted) = (found.0.map_err(exception)?, found.1);
    found.filter(|_| !interrupted).ok_or_else(|| PyKeyboardInterrupt::new_err(()))
}

/// Whether to go on.
pub fn flow(stop: bool) -> ControlFlow<()> {
    if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Remembers rows with their labels. They are copied: who changes the array later does not change the model.
#[pyfunction]
#[pyo3(signature = (x, labels, classes, *, metric, k, vote, weights = None, image = None, threads = None))]
#[allow(clippy::too_many_arguments, reason = "keywords, as Python takes them")]
pub fn remember(
    py: Python<'_>,
    x: Rows<'_>,
    labels: PyReadonlyArray1<'_, u32>,
    classes: Vec<String>,
    metric: &str,
    k: usize,
    vote: &str,
    weights: Option<Vec<f32>>,
    image: Option<Sides>,
    threads: Option<usize>,
) -> PyResult<Model> {
    let (view, labels) = (x.view()?, labels.to_vec()?);
    let names = classes.clone();
    let fit = |_: &crate::work::Desk| {
        let set = view.copied(image_shape(image), labels, names)?;
        let mut neighbors = NeighborsClassifier::fit(&set, metric.parse()?, k, vote.parse()?)?;
        if let Some(weights) = weights {
            neighbors = neighbors.with_weights(weights)?;
        }
        neighbors.with_priors(Priors::Data)
    };
    let (fitted, interrupted) = work(py, threads, fit)?;
    let classifier = Classifier::Neighbors(fitted.map_err(exception)?);
    if interrupted {
        return Err(PyKeyboardInterrupt::new_err(()));
    }
    Ok(Model::new(classifier, classes, (view.width, view.is_pixels()), image))
}

/// A model of weights that PyTorch's `Sequential` names. `normalization` is the mean and the standard deviation of each
/// channel.
#[pyfunction]
#[pyo3(signature = (tensors, layers, classes, features, *, pixels = false, image = None, normalization = None))]
pub fn from_state(
    tensors: Vec<(String, PyReadonlyArrayDyn<'_, f32>)>,
    layers: &str,
    classes: Vec<String>,
    features: usize,
    pixels: bool,
    image: Option<Sides>,
    normalization: Option<(Vec<f32>, Vec<f32>)>,
) -> PyResult<Model> {
    let tensors = tensors.into_iter().map(|(name, array)| {
        Ok(StateTensor { name, shape: array.shape().to_vec(), values: array.as_slice()?.to_vec() })
    });
    let tensors = tensors.collect::<PyResult<Vec<StateTensor>>>()?;
    let shape = image_shape(image).map_or(Shape::Features(features), Shape::Image);
    let build = || {
        let layers: Architecture = layers.parse()?;
        let network = StateDict::new(tensors)?.network(&layers, shape, classes.len())?;
        match normalization {
            Some((mean, std)) => network.behind_normalization(shape, &mean, &std),
            None => Ok(network),
        }
    };
    let network = build().map_err(exception)?;
    let classifier = match network.layers() {
        [Layer::Dense(_)] => Classifier::Linear(linear(&network).map_err(exception)?),
        _ => Classifier::Network(network),
    };
    Ok(Model::new(classifier, classes, (features, pixels), image))
}
