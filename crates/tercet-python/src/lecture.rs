//! Loss and gradients of the lecture's network, and of deeper ones.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tercet::data::Classes;
use tercet::loss::Loss;
use tercet::model::ScoreKind;
use tercet::network::{Activation, Dense, Layer, Network, Workspace};
use tercet::preprocess::{Input, Learner, Preprocessing};

use crate::errors::exception;
use crate::model::{Model, Parts};
use crate::work::short_work;

/// W and b of a layer.
type Arrays<'py> = (PyReadonlyArray2<'py, f32>, PyReadonlyArray1<'py, f32>);

/// Dense layers with ReLU between them.
fn of_arrays(layers: &[Arrays<'_>]) -> PyResult<Network> {
    let mut all = Vec::new();
    for (i, (w, b)) in layers.iter().enumerate() {
        if i > 0 {
            all.push(Layer::Activation(Activation::Relu));
        }
        let (inputs, outputs) = (w.shape()[0], w.shape()[1]);
        let w = w.as_array().iter().copied().collect();
        all.push(Layer::Dense(Dense { inputs, outputs, w, b: b.to_vec()? }));
    }
    Network::new(all).map_err(exception)
}

/// X as the input of the network.
fn examples(network: &Network, x: &PyReadonlyArray2<'_, f32>) -> PyResult<Vec<f32>> {
    let (n, d) = (x.shape()[0], x.shape()[1]);
    if n == 0 || d != network.inputs() {
        return Err(PyValueError::new_err(format!(
            "X has dimensions ({n}, {d}); expected (N, {}) with N at least 1: W1 has {0} rows",
            network.inputs()
        )));
    }
    Ok(x.as_array().iter().copied().collect())
}

/// The outputs of all layers: the hidden units after their ReLU, and finally the scores.
#[pyfunction]
pub fn scores<'py>(
    py: Python<'py>,
    layers: Vec<Arrays<'py>>,
    x: PyReadonlyArray2<'py, f32>,
) -> PyResult<Vec<Bound<'py, PyArray2<f32>>>> {
    let network = of_arrays(&layers)?;
    let examples = examples(&network, &x)?;
    let outputs = short_work(py, None, || {
        let mut workspace = Workspace::new();
        network.forward(&examples, &mut workspace);
        let last = network.layers().len() - 1;
        let places = (0..last)
            .filter(|&i| matches!(network.layers()[i], Layer::Activation(Activation::Relu)))
            .chain([last]);
        places.map(|i| workspace.output(i).to_vec()).collect::<Vec<_>>()
    })?;
    let n = x.shape()[0];
    outputs
        .into_iter()
        .map(|values| {
            let width = values.len() / n;
            PyArray1::from_vec(py, values).reshape([n, width])
        })
        .collect()
}

/// The lecture's SVM loss, including regularisation, and its gradients with respect to W and b of every layer.
#[pyfunction]
#[allow(clippy::type_complexity, reason = "a tuple, as Python takes it")]
pub fn loss_and_gradients<'py>(
    py: Python<'py>,
    layers: Vec<Arrays<'py>>,
    x: PyReadonlyArray2<'py, f32>,
    labels: PyReadonlyArray1<'py, u32>,
    reg: f32,
) -> PyResult<(f32, Vec<(Bound<'py, PyArray2<f32>>, Bound<'py, PyArray1<f32>>)>)> {
    let network = of_arrays(&layers)?;
    let (examples, labels) = (examples(&network, &x)?, labels.to_vec()?);
    if labels.len() != x.shape()[0] {
        let message =
            format!("y has {} labels; expected {}, one for each row of X", labels.len(), x.shape()[0]);
        return Err(PyValueError::new_err(message));
    }
    if let Some(y) = labels.iter().find(|&&y| y as usize >= network.classes()) {
        let message = format!("y has a {y}; expected classes from 0 to {}", network.classes() - 1);
        return Err(PyValueError::new_err(message));
    }
    let (loss, gradients) = short_work(py, None, || {
        let mut workspace = Workspace::new();
        let loss = network.loss_and_gradients(&examples, &labels, Loss::SVM, reg, &mut workspace);
        (loss, workspace.gradients().iter().map(|g| (g.dw.clone(), g.db.clone())).collect::<Vec<_>>())
    })?;
    let arrays = network.dense_layers().zip(gradients).map(|(layer, (dw, db))| {
        let dw = PyArray1::from_vec(py, dw).reshape([layer.inputs, layer.outputs])?;
        Ok((dw, PyArray1::from_vec(py, db)))
    });
    Ok((loss, arrays.collect::<PyResult<_>>()?))
}

/// The network with these layers as a model, as the start of training.
#[pyfunction]
pub fn network(layers: Vec<Arrays<'_>>) -> PyResult<Model> {
    let network = of_arrays(&layers)?;
    let input = Input::features(network.inputs());
    let parts = Parts {
        preprocessing: Preprocessing::from_steps(input, Learner::Weights, Vec::new()).map_err(exception)?,
        classes: Classes::numbered(network.classes()),
        scores: ScoreKind::Margins,
        is_linear: network.layers().len() == 1,
    };
    parts.model(network).map_err(exception)
}
