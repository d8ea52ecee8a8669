//! Distributed training: workers compute partial gradients, and a parameter server updates the parameters.

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use tercet::network::Network;
use tercet::train::Settings;
use tercet::train::distributed::{self, PartialGradient, partial_gradient};

use crate::arrays::Rows;
use crate::errors::exception;
use crate::model::{Model, Parts};
use crate::training::{inputs, refuse};
use crate::work::short_work;

/// The loss and the gradient of some examples of a batch.
type LossAndGradient<'py> = (f32, Bound<'py, PyArray1<f32>>);

/// The copy of the network in a worker process, which has some of the examples.
#[pyclass(module = "tercet._core")]
pub struct Replica {
    network: Network,
    settings: Settings,
    parts: Parts,
}

#[pymethods]
impl Replica {
    #[new]
    fn new(model: &Model, settings: &str) -> PyResult<Self> {
        let settings = serde_json::from_str(settings).map_err(refuse)?;
        Ok(Replica { network: model.network()?.clone(), settings, parts: Parts::of(model) })
    }

    /// The partial gradient of all rows of x, for a batch of `batch` examples and these parameters.
    #[pyo3(signature = (learned, x, labels, batch, threads = None))]
    fn partial_gradient<'py>(
        &mut self,
        py: Python<'py>,
        learned: PyReadonlyArray1<'py, f32>,
        x: Rows<'py>,
        labels: PyReadonlyArray1<'py, u32>,
        batch: usize,
        threads: Option<usize>,
    ) -> PyResult<LossAndGradient<'py>> {
        self.network.set_parameter_values(learned.as_slice()?).map_err(exception)?;
        let (view, labels) = (x.view()?, labels.to_vec()?);
        let Replica { network, settings, parts } = &*self;
        let added = short_work(py, threads, || {
            inputs(view, labels, parts, |examples| {
                let rows: Vec<usize> = (0..examples.len()).collect();
                partial_gradient(network, &examples, &rows, settings, batch)
            })
        })?;
        let PartialGradient { loss, gradient } = added.map_err(exception)?;
        Ok((loss, PyArray1::from_vec(py, gradient)))
    }
}

/// Sums the partial gradients of each batch and updates the parameters.
#[pyclass(module = "tercet._core")]
pub struct ParameterServer {
    server: distributed::ParameterServer,
    parts: Parts,
}

#[pymethods]
impl ParameterServer {
    #[new]
    fn new(model: &Model, settings: &str, total: usize) -> PyResult<Self> {
        let settings = serde_json::from_str(settings).map_err(refuse)?;
        let network = model.network()?.clone();
        let server = distributed::ParameterServer::new(network, settings, total).map_err(exception)?;
        Ok(ParameterServer { server, parts: Parts::of(model) })
    }

    /// The parameters that the next partial gradients are computed with.
    fn learned<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        PyArray1::from_vec(py, self.server.network().parameter_values())
    }

    /// Updates the parameters with the sum of the partial gradients, added in their order. Returns the loss of
    /// the batch.
    fn step(&mut self, py: Python<'_>, gradients: Vec<(f32, PyReadonlyArray1<'_, f32>)>) -> PyResult<f32> {
        let mut all = Vec::with_capacity(gradients.len());
        for (loss, gradient) in gradients {
            all.push(PartialGradient { loss, gradient: gradient.to_vec()? });
        }
        let server = &mut self.server;
        short_work(py, Some(1), || server.step(&all))?.map_err(exception)
    }

    /// The current model.
    fn model(&self) -> PyResult<Model> {
        self.parts.model(self.server.trained().clone()).map_err(exception)
    }
}
