//! Networks and linear classifiers, trained.

use std::ops::ControlFlow;

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Deserialize;
use tercet::Result;
use tercet::data::Dataset;
use tercet::image::ImageShape;
use tercet::linear::dual;
use tercet::model::Classifier;
use tercet::network::{Architecture, Init, Network};
use tercet::optimizer::Moments;
use tercet::train::{Length, Plan, Progress, Settings, Training};

use crate::arrays::{Rows, Sides, image_shape};
use crate::errors::exception;
use crate::model::{Model, flow, linear};
use crate::work::{Desk, work};

/// The state of an optimizer, carried from one training to the next.
#[pyclass(frozen, module = "tercet._core")]
pub struct OptimizerState(tercet::train::OptimizerState);

/// The two arrays of a moment.
type Arrays<'py> = (Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<f32>>);

/// What pickle stores of an optimizer state: its constructor and the arguments.
type Reduced<'py> = (Bound<'py, PyAny>, (usize, Vec<Arrays<'py>>));

#[pymethods]
impl OptimizerState {
    /// From so many steps, and the moments of every array that is learned.
    #[staticmethod]
    fn from_arrays(steps: usize, arrays: Vec<(Vec<f32>, Vec<f32>)>) -> Self {
        let moments: Vec<Moments> =
            arrays.into_iter().map(|(first, second)| Moments { first, second }).collect();
        let pairs = moments.chunks_exact(2).map(|pair| [pair[0].clone(), pair[1].clone()]);
        OptimizerState(tercet::train::OptimizerState::new(steps, pairs.collect()))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Reduced<'py>> {
        let (py, state) = (slf.py(), &slf.get().0);
        let arrays = |m: &Moments| (PyArray1::from_slice(py, &m.first), PyArray1::from_slice(py, &m.second));
        let arrays = state.moments().iter().flatten().map(arrays).collect();
        Ok((slf.get_type().getattr("from_arrays")?, (state.steps(), arrays)))
    }
}

/// How a network is made and trained, as the estimators say it in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// The layers, or none for the linear classifier.
    layers: Option<Architecture>,
    init: Init,
    settings: Settings,
    seed: u64,
}

/// What an epoch brought, for the callback.
struct Epoch {
    number: usize,
    loss: f64,
    validation: Option<(f64, f64)>,
    learning_rate: f64,
    seen: u64,
    network: Option<Network>,
}

/// Trains a network from the model `start`, or from random weights. `on_epoch` is called after every epoch with a
/// dictionary, and with the model of then where `snapshots` are wanted; it returns True to end the training, or a number to
/// multiply the learning rate by.
///
/// Returns the model, what training saw, the state of the optimizer, and whether Ctrl-C ended it.
#[pyfunction]
#[pyo3(signature = (x, labels, classes, request, *, weights = None, validation = None, start = None, optimizer_state = None,
                    image = None, on_epoch = None, snapshots = false, threads = None))]
#[allow(clippy::too_many_arguments, reason = "keywords, as Python takes them")]
#[allow(clippy::type_complexity, reason = "a tuple, as Python takes it")]
pub fn train<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    labels: PyReadonlyArray1<'py, u32>,
    classes: Vec<String>,
    request: &str,
    weights: Option<PyReadonlyArray1<'py, f32>>,
    validation: Option<(Rows<'py>, PyReadonlyArray1<'py, u32>)>,
    start: Option<&Model>,
    optimizer_state: Option<&OptimizerState>,
    image: Option<Sides>,
    on_epoch: Option<Py<PyAny>>,
    snapshots: bool,
    threads: Option<usize>,
) -> PyResult<(Model, Bound<'py, PyDict>, OptimizerState, bool)> {
    let request: Request = serde_json::from_str(request).map_err(refuse)?;
    let (view, labels, shape) = (x.view()?, labels.to_vec()?, image_shape(image));
    let weights = weights.map(|weights| weights.to_vec()).transpose()?;
    let validation = match &validation {
        Some((x, y)) => Some((x.view()?, y.to_vec()?)),
        None => None,
    };
    let begun = match start {
        Some(start) => start.network()?.clone(),
        None => network(&request, view.width, shape, classes.len()).map_err(exception)?,
    };
    let mut optimizer_state = optimizer_state.map(|state| state.0.clone()).unwrap_or_default();
    // What a callback is handed is a model like the one in the end.
    let model = |network: Network| -> Result<Model> {
        let classifier = match request.layers {
            Some(_) => Classifier::Network(network),
            None => Classifier::Linear(linear(&network)?),
        };
        Ok(Model::new(classifier, classes.clone(), (view.width, view.is_pixels()), image))
    };
    let (names, rows) = (classes.clone(), (view.width, view.is_pixels()));
    let linear_model = request.layers.is_none();
    let job = |desk: &Desk| -> Result<(Network, Training)> {
        let mut network = begun;
        let on_validation = |validation: Option<&Dataset>, network: &mut Network| {
            view.lend(shape, labels, names.clone(), |examples| {
                let plan = Plan {
                    validation,
                    weights: weights.as_deref(),
                    ..Plan::new(&examples, &request.settings, request.seed)
                };
                let each = steps_per_epoch(&request.settings, examples.len());
                let mut begun = 0;
                let mut observe = |progress: Progress<'_>| {
                    if desk.stopped() {
                        return ControlFlow::Break(());
                    }
                    let Some(call) = on_epoch.as_ref().filter(|_| progress.step.is_multiple_of(each)) else {
                        return ControlFlow::Continue(());
                    };
                    let losses = &progress.history.losses[begun..];
                    begun = progress.history.losses.len();
                    let epoch = Epoch {
                        number: progress.step / each,
                        loss: losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64,
                        validation: progress
                            .validation()
                            .map(|check| (f64::from(check.validation_loss), check.validation_accuracy)),
                        learning_rate: progress.learning_rate.into(),
                        seen: progress.examples,
                        network: snapshots.then(|| progress.network().clone()),
                    };
                    let (call, names) = (Python::attach(|py| call.clone_ref(py)), names.clone());
                    let kind = Kind { linear_model, names, rows, image };
                    match desk.ask(move |py| epoch.tell(py, &call, kind)) {
                        Some(Answer::Go(1.0)) => ControlFlow::Continue(()),
                        Some(Answer::Go(factor)) => match progress.scale_learning_rate(factor) {
                            Ok(()) => ControlFlow::Continue(()),
                            Err(_) => ControlFlow::Break(()),
                        },
                        Some(Answer::Stop) | None => ControlFlow::Break(()),
                    }
                };
                plan.train_on(network, &mut optimizer_state, &mut observe)
            })
        };
        let training = match validation {
            None => on_validation(None, &mut network)?,
            Some((x, y)) => x.lend(shape, y, names.clone(), |set| on_validation(Some(&set), &mut network))?,
        };
        Ok((network, training))
    };
    let (trained, interrupted) = work(py, threads, job)?;
    let (network, training) = trained.map_err(exception)?;
    let history = PyDict::new(py);
    history.set_item("losses", PyArray1::from_vec(py, training.history.losses))?;
    let checks = &training.history.validations;
    history.set_item("validation_losses", checks.iter().map(|c| c.validation_loss).collect::<Vec<_>>())?;
    let accuracies: Vec<_> = checks.iter().map(|c| c.validation_accuracy).collect();
    history.set_item("validation_accuracies", accuracies)?;
    Ok((model(network).map_err(exception)?, history, OptimizerState(optimizer_state), interrupted))
}

/// The model that a training of this request begins with, for rows of `width` features.
#[pyfunction]
#[pyo3(signature = (request, width, classes, *, pixels = false, image = None))]
pub fn untrained(
    request: &str,
    width: usize,
    classes: Vec<String>,
    pixels: bool,
    image: Option<Sides>,
) -> PyResult<Model> {
    let request: Request = serde_json::from_str(request).map_err(refuse)?;
    let network = network(&request, width, image_shape(image), classes.len()).map_err(exception)?;
    let classifier = match request.layers {
        Some(_) => Classifier::Network(network),
        None => Classifier::Linear(linear(&network).map_err(exception)?),
    };
    Ok(Model::new(classifier, classes, (width, pixels), image))
}

pub fn refuse(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("the settings of the training: {error}"))
}

/// A network as the request wants it, before training.
fn network(request: &Request, width: usize, image: Option<ImageShape>, classes: usize) -> Result<Network> {
    match (&request.layers, image) {
        (None, _) => Network::fully_connected(width, &[], classes, request.init, request.seed),
        (Some(layers), Some(image)) => layers.network(image, classes, request.init, request.seed),
        (Some(layers), None) => {
            layers.network(tercet::network::Shape::Features(width), classes, request.init, request.seed)
        }
    }
}

/// How many steps there are between two calls.
fn steps_per_epoch(settings: &Settings, examples: usize) -> usize {
    match settings.length {
        Length::Epochs(_) => examples.div_ceil(settings.batch.min(examples).max(1)),
        Length::Iterations(_) => settings.check_every.unwrap_or(100),
    }
}

/// What a model is made of beside its layers.
struct Kind {
    linear_model: bool,
    names: Vec<String>,
    rows: (usize, bool),
    image: Option<Sides>,
}

enum Answer {
    Stop,
    /// And multiply the learning rate by this.
    Go(f32),
}

impl Epoch {
    /// Calls `on_epoch`.
    fn tell(self, py: Python<'_>, call: &Py<PyAny>, kind: Kind) -> PyResult<Answer> {
        let told = PyDict::new(py);
        told.set_item("epoch", self.number)?;
        told.set_item("loss", self.loss)?;
        told.set_item("validation_loss", self.validation.map(|(loss, _)| loss))?;
        told.set_item("validation_accuracy", self.validation.map(|(_, accuracy)| accuracy))?;
        told.set_item("learning_rate", self.learning_rate)?;
        told.set_item("examples", self.seen)?;
        if let Some(network) = self.network {
            let classifier = match kind.linear_model {
                true => Classifier::Linear(linear(&network).map_err(exception)?),
                false => Classifier::Network(network),
            };
            told.set_item(
                "model",
                Model::new(classifier, kind.names, kind.rows, kind.image).into_pyobject(py)?,
            )?;
        }
        let answer = call.bind(py).call1((told,))?;
        if answer.is_none() {
            return Ok(Answer::Go(1.0));
        }
        match answer.extract::<bool>() {
            Ok(true) => Ok(Answer::Stop),
            Ok(false) => Ok(Answer::Go(1.0)),
            Err(_) => Ok(Answer::Go(answer.extract()?)),
        }
    }
}

/// Solves the linear classifier exactly. `on_look` is called after each look at all rows, and returns True to end the
/// work. Returns the model, what the last look said, and whether Ctrl-C ended it.
#[pyfunction]
#[pyo3(signature = (x, labels, classes, settings, *, weights = None, image = None, on_look = None, threads = None))]
#[allow(clippy::too_many_arguments, reason = "keywords, as Python takes them")]
pub fn solve<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    labels: PyReadonlyArray1<'py, u32>,
    classes: Vec<String>,
    settings: &str,
    weights: Option<PyReadonlyArray1<'py, f32>>,
    image: Option<Sides>,
    on_look: Option<Py<PyAny>>,
    threads: Option<usize>,
) -> PyResult<(Model, Bound<'py, PyDict>, bool)> {
    let settings: dual::Settings = serde_json::from_str(settings).map_err(refuse)?;
    let (view, labels, names) = (x.view()?, labels.to_vec()?, classes.clone());
    let weights = weights.map(|weights| weights.to_vec()).transpose()?;
    let job = |desk: &Desk| {
        view.lend(image_shape(image), labels, names, |examples| {
            dual::solve_weighted(&examples, weights.as_deref(), &settings, None, &mut |look| {
                if desk.stopped() {
                    return ControlFlow::Break(());
                }
                let Some(call) = &on_look else { return ControlFlow::Continue(()) };
                let (call, look) = (Python::attach(|py| call.clone_ref(py)), *look);
                let stop = desk.ask(move |py| {
                    let told = describe(py, &look)?;
                    call.bind(py).call1((told,))?.extract::<Option<bool>>()
                });
                flow(!matches!(stop, Some(None | Some(false))))
            })
        })
    };
    let (solution, interrupted) = work(py, threads, job)?;
    let solution = solution.map_err(exception)?;
    let last = describe(py, &solution.last)?;
    last.set_item("converged", solution.ending == dual::Ending::Converged)?;
    let classifier = Classifier::Linear(solution.classifier);
    let model = Model::new(classifier, classes, (view.width, view.is_pixels()), image);
    Ok((model, last, interrupted))
}

fn describe<'py>(py: Python<'py>, look: &dual::Progress) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    told.set_item("epochs", look.epochs)?;
    told.set_item("objective", look.primal)?;
    told.set_item("bound", look.dual)?;
    told.set_item("gap", look.gap)?;
    Ok(told)
}
