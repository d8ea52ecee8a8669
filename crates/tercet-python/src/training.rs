//! Networks and linear classifiers, trained.

use std::ops::ControlFlow;

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Deserialize;
use tercet::Result;
use tercet::data::Dataset;
use tercet::linear::dual;
use tercet::network::{Architecture, Init, Network, Shape};
use tercet::optimizer::Moments;
use tercet::preprocess::Input;
use tercet::recipe::score_kind;
use tercet::train::{Length, Plan, Progress, Settings, Training};

use crate::arrays::{ClassList, Rows, View, classes};
use crate::errors::exception;
use crate::model::{Model, Parts, flow};
use crate::preprocessing::{Preprocessing, lend};
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

/// Trains a network from the model `start`, or from random weights. `on_epoch` is called after every epoch
/// with a dictionary, and with the model of then where `snapshots` are wanted; it returns True to end the
/// training, or a number to multiply the learning rate by.
///
/// Returns the model, what training saw, the state of the optimizer, and whether Ctrl-C ended it.
#[pyfunction]
#[pyo3(signature = (x, labels, classes, request, preprocessing, *, weights = None, validation = None, start = None,
                    optimizer_state = None, on_epoch = None, snapshots = false, threads = None))]
#[allow(clippy::too_many_arguments, reason = "keywords, as Python takes them")]
#[allow(clippy::type_complexity, reason = "a tuple, as Python takes it")]
pub fn train<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    labels: PyReadonlyArray1<'py, u32>,
    classes: ClassList,
    request: &str,
    preprocessing: &Preprocessing,
    weights: Option<PyReadonlyArray1<'py, f32>>,
    validation: Option<(Rows<'py>, PyReadonlyArray1<'py, u32>)>,
    start: Option<&Model>,
    optimizer_state: Option<&OptimizerState>,
    on_epoch: Option<Py<PyAny>>,
    snapshots: bool,
    threads: Option<usize>,
) -> PyResult<(Model, Bound<'py, PyDict>, OptimizerState, bool)> {
    let request: Request = serde_json::from_str(request).map_err(refuse)?;
    let (view, labels) = (x.view()?, labels.to_vec()?);
    let parts = request.parts(preprocessing, classes)?;
    let weights = weights.map(|weights| weights.to_vec()).transpose()?;
    let validation = match &validation {
        Some((x, y)) => Some((x.view()?, y.to_vec()?)),
        None => None,
    };
    let begun = match start {
        Some(start) => start.network()?.clone(),
        None => request.network(&parts).map_err(exception)?,
    };
    let mut optimizer_state = optimizer_state.map(|state| state.0.clone()).unwrap_or_default();
    let job = |desk: &Desk| -> Result<(Network, Training)> {
        let mut network = begun;
        let on_validation = |validation: Option<&Dataset>, network: &mut Network| {
            inputs(view, labels, &parts, |examples| {
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
                    let call = Python::attach(|py| call.clone_ref(py));
                    let parts = snapshots.then(|| parts.clone());
                    match desk.ask(move |py| epoch.tell(py, &call, parts)) {
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
            Some((x, y)) => inputs(x, y, &parts, |set| on_validation(Some(&set), &mut network))?,
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
    Ok((parts.model(network).map_err(exception)?, history, OptimizerState(optimizer_state), interrupted))
}

/// Labelled rows as the network reads them, for as long as `with` runs.
pub fn inputs<R>(
    view: View<'_>,
    labels: Vec<u32>,
    parts: &Parts,
    with: impl FnOnce(Dataset) -> Result<R>,
) -> Result<R> {
    lend(view, &parts.preprocessing, None, |examples| {
        let examples = parts.preprocessing.apply(&examples)?;
        with(Dataset::new("X", examples, labels, parts.classes.clone())?)
    })
}

/// The model that a training of this request starts from.
#[pyfunction]
pub fn untrained(request: &str, preprocessing: &Preprocessing, classes: ClassList) -> PyResult<Model> {
    let request: Request = serde_json::from_str(request).map_err(refuse)?;
    let parts = request.parts(preprocessing, classes)?;
    request.network(&parts).and_then(|network| parts.model(network)).map_err(exception)
}

pub fn refuse(error: impl std::fmt::Display) -> PyErr {
    PyValueError::new_err(format!("the settings of the training: {error}"))
}

impl Request {
    /// What the model is made of besides its layers.
    fn parts(&self, preprocessing: &Preprocessing, classes: ClassList) -> PyResult<Parts> {
        Ok(Parts {
            preprocessing: preprocessing.fitted.clone(),
            classes: self::classes(classes)?,
            scores: score_kind(self.settings.loss),
            is_linear: self.layers.is_none(),
        })
    }

    /// The network before training.
    fn network(&self, parts: &Parts) -> Result<Network> {
        let Input { features, image, .. } = parts.preprocessing.input();
        let (init, seed, classes) = (self.init, self.seed, parts.classes.len());
        match &self.layers {
            None => Network::fully_connected(features, &[], classes, init, seed),
            Some(layers) => {
                let shape = image.map_or(Shape::Features(features), Shape::Image);
                layers.network(shape, classes, init, seed)
            }
        }
    }
}

/// How many steps there are between two calls.
fn steps_per_epoch(settings: &Settings, examples: usize) -> usize {
    match settings.length {
        Length::Epochs(_) => examples.div_ceil(settings.batch.min(examples).max(1)),
        Length::Iterations(_) => settings.validate_every.unwrap_or(100),
    }
}

enum Answer {
    Stop,
    /// And multiply the learning rate by this.
    Go(f32),
}

impl Epoch {
    /// Calls `on_epoch`.
    fn tell(self, py: Python<'_>, call: &Py<PyAny>, parts: Option<Parts>) -> PyResult<Answer> {
        let told = PyDict::new(py);
        told.set_item("epoch", self.number)?;
        told.set_item("loss", self.loss)?;
        told.set_item("validation_loss", self.validation.map(|(loss, _)| loss))?;
        told.set_item("validation_accuracy", self.validation.map(|(_, accuracy)| accuracy))?;
        told.set_item("learning_rate", self.learning_rate)?;
        told.set_item("examples", self.seen)?;
        if let (Some(network), Some(parts)) = (self.network, parts) {
            told.set_item("model", parts.model(network).map_err(exception)?.into_pyobject(py)?)?;
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

/// Trains a linear classifier with the dual solver. `on_gap_check` is called after each gap check, and returns True to
/// stop. Returns the model, the last gap check, and whether Ctrl-C interrupted training.
#[pyfunction]
#[pyo3(signature = (x, labels, classes, settings, preprocessing, *, weights = None, on_gap_check = None, threads = None))]
#[allow(clippy::too_many_arguments, reason = "keywords, as Python takes them")]
pub fn solve<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    labels: PyReadonlyArray1<'py, u32>,
    classes: ClassList,
    settings: &str,
    preprocessing: &Preprocessing,
    weights: Option<PyReadonlyArray1<'py, f32>>,
    on_gap_check: Option<Py<PyAny>>,
    threads: Option<usize>,
) -> PyResult<(Model, Bound<'py, PyDict>, bool)> {
    let settings: dual::Settings = serde_json::from_str(settings).map_err(refuse)?;
    let (view, labels) = (x.view()?, labels.to_vec()?);
    let weights = weights.map(|weights| weights.to_vec()).transpose()?;
    let parts = Parts {
        preprocessing: preprocessing.fitted.clone(),
        classes: self::classes(classes)?,
        scores: score_kind(settings.loss),
        is_linear: true,
    };
    let job = |desk: &Desk| {
        inputs(view, labels, &parts, |examples| {
            dual::solve_weighted(&examples, weights.as_deref(), &settings, None, &mut |progress| {
                if desk.stopped() {
                    return ControlFlow::Break(());
                }
                let Some(call) = &on_gap_check else { return ControlFlow::Continue(()) };
                let (call, progress) = (Python::attach(|py| call.clone_ref(py)), *progress);
                let stop = desk.ask(move |py| {
                    let told = describe(py, &progress)?;
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
    let model = parts.model(solution.classifier.into_network()).map_err(exception)?;
    Ok((model, last, interrupted))
}

fn describe<'py>(py: Python<'py>, progress: &dual::Progress) -> PyResult<Bound<'py, PyDict>> {
    let told = PyDict::new(py);
    told.set_item("epochs", progress.epochs)?;
    told.set_item("objective", progress.primal)?;
    told.set_item("bound", progress.dual)?;
    told.set_item("gap", progress.gap)?;
    Ok(told)
}
