//! The loss and the gradient of a whole training set, for optimizers in Python such as L-BFGS.

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use tercet::data::Examples;
use tercet::network::Network;
use tercet::train::{Plan, full_batch};
use tercet::{Dataset, Result};

use crate::arrays::{ClassList, Labels, Rows};
use crate::errors::exception;
use crate::model::{Model, Parts};
use crate::preprocessing::{Preprocessing, lend};
use crate::training::{Request, refuse};
use crate::work::short_work;

/// A network and its preprocessed training set.
#[pyclass(module = "tercet._core")]
pub struct FullBatch {
    network: Network,
    plan: Plan,
    parts: Parts,
}

#[pymethods]
impl FullBatch {
    #[new]
    #[pyo3(signature = (x, labels, classes, request, preprocessing, *, weights = None, start = None))]
    #[allow(clippy::too_many_arguments, reason = "keywords, as Python takes them")]
    fn new(
        py: Python<'_>,
        x: Rows<'_>,
        labels: Labels<'_>,
        classes: ClassList,
        request: &str,
        preprocessing: &Preprocessing,
        weights: Option<PyReadonlyArray1<'_, f32>>,
        start: Option<&Model>,
    ) -> PyResult<Self> {
        let request: Request = serde_json::from_str(request).map_err(refuse)?;
        let parts = request.parts(preprocessing, classes)?;
        let (view, (labels, values)) = (x.view()?, labels.read()?);
        let weights = weights.map(|weights| weights.to_vec()).transpose()?;
        let targets = request.plan_targets(values)?;
        let network = match start {
            Some(start) => start.network()?.clone(),
            None => request.network(&parts).map_err(exception)?,
        };
        let plan = short_work(py, None, || {
            let inputs =
                lend(view, &parts.preprocessing, None, |rows| copy(&parts.preprocessing.apply(&rows)?))?;
            let set = Dataset::new("X", inputs, labels, parts.classes.clone())?;
            Ok(Plan::new(&set, request.settings, 0).with_weights(weights).with_targets(targets))
        })?;
        Ok(FullBatch { network, plan: plan.map_err(exception)?, parts })
    }

    /// The parameters of the network.
    fn parameters<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        let values = self.network.parameter_values().into_iter().map(f64::from);
        PyArray1::from_vec(py, values.collect())
    }

    /// The regularised loss at these parameters, and its gradient.
    #[pyo3(signature = (parameters, threads = None))]
    fn loss_and_gradient<'py>(
        &mut self,
        py: Python<'py>,
        parameters: PyReadonlyArray1<'py, f64>,
        threads: Option<usize>,
    ) -> PyResult<(f64, Bound<'py, PyArray1<f64>>)> {
        self.set(&parameters)?;
        let FullBatch { network, plan, .. } = &*self;
        let found = short_work(py, threads, || full_batch::loss_and_gradient(network, plan))?;
        let (loss, gradient) = found.map_err(exception)?;
        Ok((loss, PyArray1::from_vec(py, gradient)))
    }

    /// The model with these parameters.
    fn model(&mut self, parameters: PyReadonlyArray1<'_, f64>) -> PyResult<Model> {
        self.set(&parameters)?;
        self.parts.model(self.network.clone()).map_err(exception)
    }
}

/// A copy of the inputs of a network, which outlives the array that they are from.
fn copy(examples: &Examples) -> Result<Examples> {
    let rows: Vec<usize> = (0..examples.len()).collect();
    let mut x = vec![0.0; examples.len() * examples.width()];
    examples.write_inputs(&rows, &mut x);
    Examples::from_features(examples.width(), x)
}

impl FullBatch {
    fn set(&mut self, parameters: &PyReadonlyArray1<'_, f64>) -> PyResult<()> {
        let values: Vec<f32> = parameters.as_slice()?.iter().map(|&value| value as f32).collect();
        self.network.set_parameter_values(&values).map_err(exception)
    }
}
