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
use tercet::data::{Classes, Examples};
use tercet::linear::LinearClassifier;
use tercet::model::{self, AnyClassifier, Card, ScoreKind, StateDict, StateTensor};
use tercet::neighbors::{Neighbors, NeighborsClassifier, Progress};
use tercet::network::{Architecture, Layer, Network, Shape};
use tercet::preprocess::{self, Input, Learner, Spec, Standardize, Step};
use tercet::{Error, Result};

use crate::arrays::{ClassList, Rows, Sides, View, class_list, classes, image_shape, matrix, sides};
use crate::errors::exception;
use crate::pairwise::{Lists, Table, lists, table};
use crate::preprocessing::{Preprocessing, lend};
use crate::work::{Desk, short_work, work};

/// A trained model with its card. It is immutable; training returns a new one.
#[pyclass(frozen, module = "tercet._core")]
pub struct Model {
    model: model::Model,
}

/// W and b of a layer.
type Weights<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f32>>);

/// Work on at most this many numbers is short.
const SHORT: usize = 1 << 16;

/// The parts of a model other than its layers.
#[derive(Clone, Debug)]
pub struct Parts {
    pub preprocessing: preprocess::Preprocessing,
    pub classes: Classes,
    pub scores: ScoreKind,
    /// Whether it is a linear classifier rather than a network.
    pub is_linear: bool,
}

impl Parts {
    /// The parts of a model with layers.
    pub fn of(model: &Model) -> Self {
        let model = &model.model;
        Parts {
            preprocessing: model.preprocessing().clone(),
            classes: model.classes().clone(),
            scores: model.card.scores,
            is_linear: matches!(model.classifier(), AnyClassifier::Linear(_)),
        }
    }

    /// The model with these layers.
    ///
    /// # Errors
    /// Several layers for a linear classifier.
    pub fn model(&self, network: Network) -> Result<Model> {
        let classifier = match self.is_linear {
            true => AnyClassifier::Linear(LinearClassifier::try_from(network)?),
            false => AnyClassifier::Network(network),
        };
        let card = Card::new(self.classes.clone(), self.scores);
        Ok(Model { model: model::Model::new(self.preprocessing.clone(), classifier, card) })
    }
}

impl Model {
    /// The layers, if there are any.
    pub fn network(&self) -> PyResult<&Network> {
        let none = || PyValueError::new_err("nearest neighbours have no layers");
        self.model.classifier().network().ok_or_else(none)
    }

    fn neighbors(&self) -> PyResult<&NeighborsClassifier> {
        let classifier = self.model.classifier();
        let none = || PyValueError::new_err(format!("a {} model has no neighbours", classifier.kind()));
        classifier.neighbors().ok_or_else(none)
    }

    /// Finds the neighbours of queries, or of the stored rows if there are no queries. Ctrl-C interrupts it.
    fn search(
        &self,
        py: Python<'_>,
        queries: Option<(View<'_>, Option<Sides>)>,
        k: usize,
        threads: Option<usize>,
    ) -> PyResult<Neighbors> {
        let neighbors = self.neighbors()?;
        self.search_by(py, queries, threads, |inputs, progress| match neighbors.deformation() {
            Some(_) if k == neighbors.k() => neighbors.search_with(inputs, progress),
            _ => neighbors.index().search_with(inputs, k, progress),
        })
    }

    /// Calls a search with the preprocessed queries, or the stored rows if there are no queries.
    fn search_by<R: Send>(
        &self,
        py: Python<'_>,
        queries: Option<(View<'_>, Option<Sides>)>,
        threads: Option<usize>,
        search: impl Fn(&Examples, Progress<'_>) -> Result<Option<R>> + Send + Sync,
    ) -> PyResult<R> {
        let (neighbors, preprocessing) = (self.neighbors()?, self.model.preprocessing());
        let (found, interrupted) = work(py, threads, |desk: &Desk| {
            let progress = |_, _| flow(desk.stopped());
            let find = |inputs: Examples| search(&inputs, &progress);
            match queries {
                Some((view, image)) => {
                    lend(view, preprocessing, image, |examples| find(preprocessing.apply(&examples)?))
                }
                None => find(neighbors.to_examples()?),
            }
        })?;
        let found = found.map_err(exception)?;
        found.filter(|_| !interrupted).ok_or_else(|| PyKeyboardInterrupt::new_err(()))
    }
}

fn reject_json(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("the card of the model: {error}"))
}

#[pymethods]
impl Model {
    /// The model in a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let model = py.detach(|| model::Model::load(&path)).map_err(exception)?;
        Ok(Model { model })
    }

    /// The model in the bytes of a file.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        let read = || model::Model::from_bytes(bytes, Path::new("the bytes of a model"));
        Ok(Model { model: py.detach(read).map_err(exception)? })
    }

    /// Writes the model to a file atomically.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.model.save(&path)).map_err(exception)
    }

    /// The bytes of the file.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = py.detach(|| self.model.to_bytes()).map_err(exception)?;
        Ok(PyBytes::new(py, &bytes))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let bytes = slf.get().to_bytes(slf.py())?;
        Ok((slf.get_type().getattr("from_bytes")?, (bytes,)))
    }

    /// `neighbors`, `linear` or `network`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.model.classifier().kind()
    }

    /// The names of the classes and the type of their labels.
    #[getter]
    fn classes(&self) -> ClassList {
        class_list(self.model.classes())
    }

    /// What the scores mean: `probabilities`, `logits`, `values` or `margins`.
    #[getter]
    fn score_kind(&self) -> &'static str {
        match self.model.card.scores {
            ScoreKind::Probabilities => "probabilities",
            ScoreKind::Logits => "logits",
            ScoreKind::Values => "values",
            _ => "margins",
        }
    }

    /// The preprocessing of every row.
    #[getter]
    fn preprocessing(&self) -> Preprocessing {
        Preprocessing { fitted: self.model.preprocessing().clone() }
    }

    /// D.
    #[getter]
    fn features(&self) -> usize {
        self.model.preprocessing().input().features
    }

    /// Whether the model reads pixels from 0 to 255.
    #[getter]
    fn is_pixels(&self) -> bool {
        self.model.preprocessing().input().pixels
    }

    /// Height, width and channels of the images, if the model reads images.
    #[getter]
    fn image(&self) -> Option<Sides> {
        self.model.preprocessing().input().image.map(sides)
    }

    /// The model's card, as JSON.
    #[getter]
    fn card(&self) -> PyResult<String> {
        serde_json::to_string(&self.model.card).map_err(reject_json)
    }

    /// The same model with another card.
    fn with_card(&self, card: &str) -> PyResult<Self> {
        let (preprocessing, classifier, _) = self.model.clone().into_parts();
        let card = serde_json::from_str(card).map_err(reject_json)?;
        Ok(Model { model: model::Model::new(preprocessing, classifier, card) })
    }

    /// The architecture string.
    #[getter]
    fn layers(&self) -> PyResult<String> {
        Ok(self.network()?.architecture().to_string())
    }

    /// A description of the model on one line.
    fn describe(&self) -> String {
        match self.model.classifier() {
            AnyClassifier::Neighbors(neighbors) => format!(
                "{} neighbours by {} among {} examples",
                neighbors.k(),
                neighbors.distance_in_words(),
                neighbors.index().len()
            ),
            AnyClassifier::Linear(linear) => linear.network().to_string(),
            AnyClassifier::Network(network) => network.to_string(),
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

    /// The weights with the names of PyTorch's `Sequential`, in the order of its modules.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Vec<(String, Bound<'py, PyArrayDyn<f32>>)>> {
        let state = StateDict::of(self.network()?).map_err(exception)?;
        let tensors = state.tensors().iter().map(|tensor| {
            let array = PyArray1::from_slice(py, &tensor.values).reshape(tensor.shape.clone())?;
            Ok((tensor.name.clone(), array))
        });
        tensors.collect()
    }

    /// The scores of every row, (N, C). `image` is the shape of the images if the array has it.
    #[pyo3(signature = (x, image = None, threads = None))]
    fn scores<'py>(
        &self,
        py: Python<'py>,
        x: Rows<'py>,
        image: Option<Sides>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let (view, preprocessing) = (x.view()?, self.model.preprocessing());
        let scores = match (self.model.classifier().neighbors(), view.rows * view.width <= SHORT) {
            (Some(neighbors), false) => {
                let found = self.search(py, Some((view, image)), neighbors.k(), threads)?;
                py.detach(|| neighbors.scores_from(&found))
            }
            (Some(neighbors), true) => short_work(py, threads, || {
                lend(view, preprocessing, image, |examples| {
                    neighbors.scores(&preprocessing.apply(&examples)?)
                })
            })?,
            (None, _) => short_work(py, threads, || {
                lend(view, preprocessing, image, |examples| self.model.scores(&examples))
            })?,
        };
        matrix(py, &scores.map_err(exception)?)
    }

    /// The share of each class in the votes of the neighbours of every row, (N, C).
    #[pyo3(signature = (x, image = None, threads = None))]
    fn shares<'py>(
        &self,
        py: Python<'py>,
        x: Rows<'py>,
        image: Option<Sides>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (view, neighbors, preprocessing) = (x.view()?, self.neighbors()?, self.model.preprocessing());
        let shape = [view.rows, neighbors.classes()];
        let shares = if view.rows * view.width <= SHORT {
            short_work(py, threads, || {
                lend(view, preprocessing, image, |examples| {
                    neighbors.shares_from(&neighbors.search(&preprocessing.apply(&examples)?)?)
                })
            })?
        } else {
            let found = self.search(py, Some((view, image)), neighbors.k(), threads)?;
            py.detach(|| neighbors.shares_from(&found))
        };
        PyArray1::from_vec(py, shares.map_err(exception)?).reshape(shape)
    }

    /// The stored rows within a radius of every row: where the list of each row starts, (N + 1), the distances and the
    /// indices. Without x, the queries are the stored rows.
    #[pyo3(signature = (x, radius, image = None, threads = None))]
    fn radius_neighbors<'py>(
        &self,
        py: Python<'py>,
        x: Option<Rows<'py>>,
        radius: f64,
        image: Option<Sides>,
        threads: Option<usize>,
    ) -> PyResult<Lists<'py>> {
        let view = x.as_ref().map(Rows::view).transpose()?;
        let index = self.neighbors()?.index();
        let queries = view.map(|view| (view, image));
        let found = self.search_by(py, queries, threads, |inputs, progress| {
            index.search_radius(inputs, radius, progress)
        })?;
        Ok(lists(py, found))
    }

    /// The k nearest stored rows of every row: distances and indices, (N, k). Without x, the queries are the
    /// stored rows.
    #[pyo3(signature = (x, k, image = None, threads = None))]
    fn kneighbors<'py>(
        &self,
        py: Python<'py>,
        x: Option<Rows<'py>>,
        k: usize,
        image: Option<Sides>,
        threads: Option<usize>,
    ) -> PyResult<Table<'py>> {
        let view = x.as_ref().map(Rows::view).transpose()?;
        let rows = match view {
            Some(view) => view.rows,
            None => self.neighbors()?.labels().len(),
        };
        let found = self.search(py, view.map(|view| (view, image)), k, threads)?;
        table(py, found, rows)
    }

    /// A copy of the stored rows after preprocessing, (N, D).
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
            tercet::neighbors::Features::F64(values) => {
                PyArray1::from_vec(py, values).reshape(shape)?.into_any()
            }
        })
    }

    /// The class of every stored row, (N).
    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray1<u32>>> {
        Ok(PyArray1::from_slice(py, self.neighbors()?.labels()))
    }

    /// Metric, k and vote.
    #[getter]
    fn choices(&self) -> PyResult<(&'static str, usize, &'static str)> {
        let neighbors = self.neighbors()?;
        Ok((neighbors.metric().name(), neighbors.k(), neighbors.vote().name()))
    }

    /// The same neighbours with another k and vote.
    fn with_vote(&self, k: usize, vote: &str) -> PyResult<Self> {
        let neighbors = self.neighbors()?.clone();
        let changed = || neighbors.with_k(k)?.with_vote(vote.parse()?);
        let (preprocessing, card) = (self.model.preprocessing().clone(), self.model.card.clone());
        let model = model::Model::new(preprocessing, changed().map_err(exception)?, card);
        Ok(Model { model })
    }
}

/// The core's evaluation of scores, (N, C), against labels, as JSON.
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

/// Whether to continue.
pub fn flow(stop: bool) -> ControlFlow<()> {
    if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Stores rows with their labels. They are copied: a later change of the array does not change the model.
/// Rows of uint8 are pixels if `image` is their shape.
#[pyfunction]
#[pyo3(signature = (x, labels, classes, *, spec, metric, k, vote, image = None, threads = None))]
#[allow(clippy::too_many_arguments, reason = "keywords, as Python takes them")]
pub fn fit_neighbors(
    py: Python<'_>,
    x: Rows<'_>,
    labels: PyReadonlyArray1<'_, u32>,
    classes: ClassList,
    spec: &str,
    metric: &str,
    k: usize,
    vote: &str,
    image: Option<Sides>,
    threads: Option<usize>,
) -> PyResult<Model> {
    let (view, labels, classes) = (x.view()?, labels.to_vec()?, self::classes(classes)?);
    let fit = |_: &Desk| {
        let examples = view.to_examples(image_shape(image))?;
        let preprocessing =
            preprocess::Preprocessing::fit(&spec.parse::<Spec>()?, Learner::Neighbors, &examples)?;
        let inputs = preprocessing.apply(&examples)?;
        let data = tercet::Dataset::new("X", inputs, labels, classes.clone())?;
        let neighbors = NeighborsClassifier::fit(&data, metric.parse()?, k, vote.parse()?)?;
        Ok((preprocessing, neighbors))
    };
    let (fitted, interrupted) = work(py, threads, fit)?;
    let (preprocessing, neighbors) = fitted.map_err(exception)?;
    if interrupted {
        return Err(PyKeyboardInterrupt::new_err(()));
    }
    let card = Card::new(classes, ScoreKind::Probabilities);
    Ok(Model { model: model::Model::new(preprocessing, neighbors, card) })
}

/// A model from weights with the names of PyTorch's `Sequential`. `normalization` holds the mean and the standard
/// deviation of each channel, with which the inputs are standardised.
#[pyfunction]
#[pyo3(signature = (tensors, layers, classes, features, *, pixels = false, image = None, normalization = None))]
pub fn from_state(
    tensors: Vec<(String, PyReadonlyArrayDyn<'_, f32>)>,
    layers: &str,
    classes: ClassList,
    features: usize,
    pixels: bool,
    image: Option<Sides>,
    normalization: Option<(Vec<f64>, Vec<f64>)>,
) -> PyResult<Model> {
    let classes = self::classes(classes)?;
    let tensors = tensors.into_iter().map(|(name, array)| {
        Ok(StateTensor { name, shape: array.shape().to_vec(), values: array.as_slice()?.to_vec() })
    });
    let tensors = tensors.collect::<PyResult<Vec<StateTensor>>>()?;
    let image = image_shape(image);
    let shape = image.map_or(Shape::Features(features), Shape::Image);
    let build = || {
        let layers: Architecture = layers.parse()?;
        let network = StateDict::new(tensors)?.network(&layers, shape, classes.len())?;
        // Pixels of images of unknown shape are one row.
        let strip = pixels.then_some(tercet::image::ImageShape::gray(features, 1));
        let input = Input { features, image: image.or(strip), pixels };
        let preprocessing = normalized(input, normalization)?;
        let is_linear = matches!(network.layers(), [Layer::Dense(_)]);
        Parts { preprocessing, classes, scores: ScoreKind::Logits, is_linear }.model(network)
    };
    build().map_err(exception)
}

/// The preprocessing of a model that was trained on pixels as value / 255 or on features, standardised by
/// torchvision's `Normalize(mean, std)`.
fn normalized(
    input: Input,
    normalization: Option<(Vec<f64>, Vec<f64>)>,
) -> Result<preprocess::Preprocessing> {
    let plain = Spec::default();
    let fitted = preprocess::Preprocessing::unfitted(&plain, Learner::Weights, input)?;
    let Some((mean, deviation)) = normalization else { return Ok(fitted) };
    let channels = input.image.map_or(input.features, |shape| shape.channels);
    if mean.len() != channels || deviation.len() != channels {
        let found = format!("{} and {}", mean.len(), deviation.len());
        let expected = format!("{channels}, one for each channel");
        return Err(Error::mismatch("means and standard deviations of the input", found, expected));
    }
    if let Some(std) = deviation.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
        return Err(Error::setting("a standard deviation of the input", std, "a number above 0"));
    }
    let mut steps = fitted.steps().to_vec();
    steps.push(Step::Standardize(Standardize { mean, deviation }));
    preprocess::Preprocessing::from_steps(input, Learner::Weights, steps)
}
