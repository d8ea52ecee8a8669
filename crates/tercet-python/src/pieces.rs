//! Training whose batches are worked at in several processes: what each of them computes, and the steps.

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use tercet::model::Classifier;
use tercet::network::Network;
use tercet::train::Settings;
use tercet::train::pieces::{self, Share, share};

use crate::arrays::{Rows, Sides, image_shape};
use crate::errors::exception;
use crate::model::{Model, linear};
use crate::training::refuse;
use crate::work::short_work;

/// The loss and the gradient that some examples add to those of a batch.
type Added<'py> = (f32, Bound<'py, PyArray1<f32>>);

/// The network of a training, in a process that holds some of the examples.
#[pyclass(module = "tercet._core")]
pub struct Replica {
    network: Network,
    settings: Settings,
    classes: Vec<String>,
    image: Option<Sides>,
}

#[pymethods]
impl Replica {
    #[new]
    fn new(model: &Model, settings: &str) -> PyResult<Self> {
        let settings = serde_json::from_str(settings).map_err(refuse)?;
        Ok(Replica {
            network: model.network()?.clone(),
            settings,
            classes: model.names(),
            image: model.sides(),
        })
    }

    /// What all rows of x add to a batch of so many examples, with these numbers in the place of all that is learned.
    #[pyo3(signature = (learned, x, labels, batch, threads = None))]
    fn share<'py>(
        &mut self,
        py: Python<'py>,
        learned: PyReadonlyArray1<'py, f32>,
        x: Rows<'py>,
        labels: PyReadonlyArray1<'py, u32>,
        batch: usize,
        threads: Option<usize>,
    ) -> PyResult<Added<'py>> {
        self.network.set_learned(learned.as_slice()?).map_err(exception)?;
        let (view, labels, image) = (x.view()?, labels.to_vec()?, image_shape(self.image));
        let (network, settings, classes) = (&self.network, &self.settings, self.classes.clone());
        let added = short_work(py, threads, || {
            view.lend(image, labels, classes, |examples| {
                let rows: Vec<usize> = (0..examples.len()).collect();
                share(network, &examples, &rows, settings, batch)
            })
        })?;
        let Share { loss, gradient } = added.map_err(exception)?;
        Ok((loss, PyArray1::from_vec(py, gradient)))
    }
}

/// The one place where the shares of each batch become a step.
#[pyclass(module = "tercet._core")]
pub struct Steps {
    steps: pieces::Steps,
    classes: Vec<String>,
    rows: (usize, bool),
    image: Option<Sides>,
    is_linear: bool,
}

#[pymethods]
impl Steps {
    #[new]
    fn new(model: &Model, settings: &str, total: usize) -> PyResult<Self> {
        let settings = serde_json::from_str(settings).map_err(refuse)?;
        let steps = pieces::Steps::new(model.network()?.clone(), settings, total).map_err(exception)?;
        Ok(Steps {
            steps,
            classes: model.names(),
            rows: model.rows_are(),
            image: model.sides(),
            is_linear: model.is_linear(),
        })
    }

    /// All that is learned, as the next shares are computed with it.
    fn learned<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f32>> {
        PyArray1::from_vec(py, self.steps.network().learned())
    }

    /// Takes a step along the sum of the shares, in their order. Returns the loss of the batch.
    fn take(&mut self, py: Python<'_>, shares: Vec<(f32, PyReadonlyArray1<'_, f32>)>) -> PyResult<f32> {
        let mut all = Vec::with_capacity(shares.len());
        for (loss, gradient) in shares {
            all.push(Share { loss, gradient: gradient.to_vec()? });
        }
        let steps = &mut self.steps;
        short_work(py, Some(1), || steps.take(&all))?.map_err(exception)
    }

    /// The model as it is now.
    fn model(&self) -> PyResult<Model> {
        let network = self.steps.trained().clone();
        let classifier = match self.is_linear {
            true => Classifier::Linear(linear(&network).map_err(exception)?),
            false => Classifier::Network(network),
        };
        Ok(Model::new(classifier, self.classes.clone(), self.rows, self.image))
    }
}
