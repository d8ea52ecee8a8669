//! Training of networks and linear classifiers.

use std::ops::ControlFlow;

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Deserialize;
use tercet::data::Dataset;
use tercet::linear::dual;
use tercet::loss::TargetLoss;
use tercet::model::ScoreKind;
use tercet::network::{Architecture, Init, Network, Shape};
use tercet::optimizer::Moments;
use tercet::preprocess::Input;
use tercet::recipe::score_kind;
use tercet::train::{Plan, PlanTargets, Settings, Step, Trainer, Training, Validation, diagnose};
use tercet::{Matrix, Result};

use crate::arrays::{ClassList, Labels, Rows, View, classes};
use crate::errors::exception;
use crate::model::{Model, Parts, flow};
use crate::preprocessing::{Preprocessing, lend};
use crate::work::{Desk, work};

/// The state of an optimizer, carried from one training run to the next.
#[pyclass(frozen, module = "tercet._core")]
pub struct OptimizerState(tercet::train::OptimizerState);

/// The two arrays of a moment.
type Arrays<'py> = (Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<f32>>);

/// What pickle stores of an optimizer state: the constructor and its arguments.
type Reduced<'py> = (Bound<'py, PyAny>, (usize, Vec<Arrays<'py>>));

#[pymethods]
impl OptimizerState {
    /// From the number of steps, and the moments of every trainable array.
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

/// The architecture and training settings of a network, as JSON from the estimators.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The layers; `None` for the linear classifier.
    layers: Option<Architecture>,
    init: Init,
    pub settings: Settings,
    /// The loss of target values; `None` for classes.
    #[serde(default)]
    targets: Option<TargetLoss>,
    seed: u64,
}

/// The result of an epoch, for the callback.
struct Epoch {
    number: usize,
    loss: f64,
    validation: Option<Validation>,
    learning_rate: f64,
    seen: u64,
    network: Option<Network>,
}

/// Trains a network from the model `start`, or from random weights. `on_epoch` is called after every epoch
/// with a dictionary, and with the current model if `snapshots` is set. It returns True to stop training, or a
/// factor for the learning rate.
///
/// Returns the model, the history, the state of the optimizer, and whether Ctrl-C ended the training.
#[pyfunction]
#[pyo3(signature = (x, labels, classes, request, preprocessing, *, weights = None, validation = None, start = None,
                    optimizer_state = None, on_epoch = None, snapshots = false, threads = None))]
#[allow(clippy::too_many_arguments, reason = "keywords, as Python takes them")]
#[allow(clippy::type_complexity, reason = "a tuple, as Python takes it")]
pub fn train<'py>(
    py: Python<'py>,
    x: Rows<'py>,
    labels: Labels<'py>,
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
    let (view, (labels, values)) = (x.view()?, labels.read()?);
    let parts = request.parts(preprocessing, classes)?;
    let targets = request.plan_targets(values)?;
    let weights = weights.map(|weights| weights.to_vec()).transpose()?;
    let validation = match &validation {
        Some((x, y)) => Some((x.view()?, y.to_vec()?)),
        None => None,
    };
    let untrained = match start {
        Some(start) => start.network()?.clone(),
        None => request.network(&parts).map_err(exception)?,
    };
    let optimizer_state = optimizer_state.map(|state| state.0.clone()).unwrap_or_default();
    let callback = on_epoch.map(|call| Callback { call, parts: snapshots.then(|| parts.clone()) });
    let job = |desk: &Desk| {
        let train = |validation: Option<&Dataset>| {
            inputs(view, labels, &parts, |examples| {
                let plan = Plan::new(&examples, request.settings, request.seed)
                    .with_weights(weights)
                    .with_targets(targets);
                let mut trainer = Trainer::new(untrained, plan.with_validation(validation))?;
                trainer.set_optimizer_state(optimizer_state)?;
                run(&mut trainer, desk, callback.as_ref())?;
                let warnings = diagnose(trainer.network(), trainer.plan(), trainer.history());
                Ok((trainer.finish_with_optimizer_state(), warnings))
            })
        };
        match validation {
            None => train(None),
            Some((x, y)) => inputs(x, y, &parts, |set| train(Some(&set))),
        }
    };
    let (trained, interrupted) = work(py, threads, job)?;
    let ((network, Training { history: told, .. }, optimizer_state), warnings) =
        trained.map_err(exception)?;
    let history = PyDict::new(py);
    history.set_item("warnings", warnings)?;
    history.set_item("losses", PyArray1::from_vec(py, told.losses))?;
    let losses: Vec<_> = told.validations.iter().map(|check| check.validation_loss).collect();
    history.set_item("validation_losses", losses)?;
    let accuracies: Vec<_> = told.validations.iter().map(|check| check.validation_accuracy).collect();
    history.set_item("validation_accuracies", accuracies)?;
    Ok((parts.model(network).map_err(exception)?, history, OptimizerState(optimizer_state), interrupted))
}

/// The Python callback, and the other parts of the model if it receives one.
struct Callback {
    call: Py<PyAny>,
    parts: Option<Parts>,
}

/// Trains to the end, or until Python stops it.
fn run(trainer: &mut Trainer, desk: &Desk, callback: Option<&Callback>) -> Result<()> {
    let each = trainer.plan().validate_every();
    let mut failed = Ok(());
    trainer.run(|trainer, step| {
        if desk.stopped() {
            return ControlFlow::Break(());
        }
        let Some(callback) = callback.filter(|_| step.number.is_multiple_of(each)) else {
            return ControlFlow::Continue(());
        };
        match callback.tell(desk, trainer, step, each) {
            Some(Answer::Go(1.0)) => ControlFlow::Continue(()),
            Some(Answer::Go(factor)) => {
                failed = trainer.scale_learning_rate(factor);
                flow(failed.is_err())
            }
            Some(Answer::Stop) | None => ControlFlow::Break(()),
        }
    })?;
    failed
}

impl Callback {
    /// Calls it after an epoch of `each` steps; `None` if it raised an exception, or if training is stopped.
    fn tell(&self, desk: &Desk, trainer: &Trainer, step: &Step, each: usize) -> Option<Answer> {
        let losses = &trainer.history().losses[step.number - each..];
        let epoch = Epoch {
            number: step.number / each,
            loss: losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64,
            validation: step.validation,
            learning_rate: step.learning_rate.into(),
            seen: trainer.examples_seen(),
            network: self.parts.is_some().then(|| trainer.network().clone()),
        };
        let (call, parts) = (Python::attach(|py| self.call.clone_ref(py)), self.parts.clone());
        desk.ask(move |py| epoch.tell(py, &call, parts))
    }
}

/// Calls `with` with labelled rows as the inputs of the network.
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

/// The initial model of this request.
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
    /// The parts of the model other than its layers.
    pub fn parts(&self, preprocessing: &Preprocessing, classes: ClassList) -> PyResult<Parts> {
        Ok(Parts {
            preprocessing: preprocessing.fitted.clone(),
            classes: self::classes(classes)?,
            scores: self.targets.map_or(score_kind(self.settings.loss), |_| ScoreKind::Values),
            is_linear: self.layers.is_none(),
        })
    }

    /// The target values with their loss.
    ///
    /// # Errors
    /// Values without a loss, or a loss without values.
    pub fn plan_targets(&self, values: Option<Matrix>) -> PyResult<Option<PlanTargets>> {
        match (self.targets, values) {
            (Some(loss), Some(values)) => Ok(Some(PlanTargets::new(loss, values))),
            (None, None) => Ok(None),
            (loss, _) => Err(refuse(format!("found targets of {loss:?}; expected them with target values"))),
        }
    }

    /// The network before training.
    pub fn network(&self, parts: &Parts) -> Result<Network> {
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

/// What a callback returns.
enum Answer {
    Stop,
    /// Continue, and multiply the learning rate by this.
    Go(f32),
}

impl Epoch {
    /// Calls `on_epoch`.
    fn tell(self, py: Python<'_>, call: &Py<PyAny>, parts: Option<Parts>) -> PyResult<Answer> {
        let told = PyDict::new(py);
        told.set_item("epoch", self.number)?;
        told.set_item("loss", self.loss)?;
        told.set_item("validation_loss", self.validation.map(|check| f64::from(check.validation_loss)))?;
        told.set_item("validation_accuracy", self.validation.map(|check| check.validation_accuracy))?;
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

/// Trains a linear classifier with the dual solver. `on_gap_check` is called after each gap check and returns True to
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
