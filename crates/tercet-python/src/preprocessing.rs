//! The core's preprocessing, fitted on arrays.

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tercet::Result;
use tercet::data::Examples;
use tercet::preprocess::{self, Learner, Spec, Standardize, Step};

use crate::arrays::{Rows, Sides, View, image_shape, sides};
use crate::errors::exception;
use crate::work::short_work;

/// A fitted list of steps.
#[pyclass(frozen, module = "tercet._core")]
pub struct Preprocessing {
    pub fitted: preprocess::Preprocessing,
}

/// An array with one number per feature.
type Column<'py> = Bound<'py, PyArray1<f64>>;

#[pymethods]
impl Preprocessing {
    /// Fits the steps of a specification on training rows, for a model with weights. `image` is the
    /// shape of the images; rows of uint8 without one are features.
    #[staticmethod]
    #[pyo3(signature = (spec, x, *, weights = None, image = None, threads = None))]
    fn fit(
        py: Python<'_>,
        spec: &str,
        x: Rows<'_>,
        weights: Option<PyReadonlyArray1<'_, f32>>,
        image: Option<Sides>,
        threads: Option<usize>,
    ) -> PyResult<Self> {
        let spec: Spec = spec.parse().map_err(exception)?;
        let (view, weights) = (x.view()?, weights.map(|weights| weights.to_vec()).transpose()?);
        let fitted = short_work(py, threads, || {
            view.lend(image_shape(image), |examples| {
                let weights = weights.as_deref();
                preprocess::Preprocessing::fit_weighted(&spec, Learner::Weights, &examples, weights)
            })
        })?;
        Ok(Preprocessing { fitted: fitted.map_err(exception)? })
    }

    /// The steps of a specification that do not need training rows.
    #[staticmethod]
    #[pyo3(signature = (spec, x, *, image = None))]
    fn unfitted(spec: &str, x: Rows<'_>, image: Option<Sides>) -> PyResult<Self> {
        let of = |examples: Examples| {
            let input = preprocess::Input::of(&examples);
            preprocess::Preprocessing::unfitted(&spec.parse()?, Learner::Weights, input)
        };
        let fitted = x.view()?.lend(image_shape(image), of);
        Ok(Preprocessing { fitted: fitted.map_err(exception)? })
    }

    /// Merges the preprocessings fitted on several parts of the rows, weighted by their numbers of rows. Steps
    /// other than standardisation must be the same for all parts.
    #[staticmethod]
    fn pooled(parts: Vec<(PyRef<'_, Preprocessing>, usize)>) -> PyResult<Self> {
        let Some((first, _)) = parts.first() else {
            return Err(PyValueError::new_err("parts of the data: found none; expected at least 1"));
        };
        let statistics: Vec<(usize, &Standardize)> = parts
            .iter()
            .filter_map(|(part, rows)| part.fitted.standardize().map(|fitted| (*rows, fitted)))
            .collect();
        let fitted = &first.fitted;
        let steps = fitted.steps().iter().map(|step| match step {
            Step::Standardize(_) => Step::Standardize(Standardize::pooled(&statistics)),
            other => other.clone(),
        });
        let pooled = preprocess::Preprocessing::from_steps(fitted.input(), fitted.learner(), steps.collect());
        Ok(Preprocessing { fitted: pooled.map_err(exception)? })
    }

    /// From the JSON of [`to_json`](Preprocessing::to_json).
    #[staticmethod]
    fn from_json(json: &str) -> PyResult<Self> {
        let fitted: preprocess::Preprocessing =
            serde_json::from_str(json).map_err(|error| PyValueError::new_err(error.to_string()))?;
        fitted.check().map_err(exception)?;
        Ok(Preprocessing { fitted })
    }

    /// Everything about it, as JSON.
    fn to_json(&self) -> PyResult<String> {
        serde_json::to_string(&self.fitted).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        Ok((slf.get_type().getattr("from_json")?, (slf.get().to_json()?,)))
    }

    /// The steps on one line, or `none`.
    fn __str__(&self) -> String {
        self.fitted.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Preprocessing of {}: {}>", self.fitted.input(), self.fitted)
    }

    /// D.
    #[getter]
    fn features(&self) -> usize {
        self.fitted.input().features
    }

    /// Whether the model reads pixels from 0 to 255.
    #[getter]
    fn is_pixels(&self) -> bool {
        self.fitted.input().pixels
    }

    /// Height, width and channels of the images, if the model reads images.
    #[getter]
    fn image(&self) -> Option<Sides> {
        self.fitted.input().image.map(sides)
    }

    /// The mean of each feature (or channel), if the features are standardised.
    #[getter]
    fn mean<'py>(&self, py: Python<'py>) -> Option<Column<'py>> {
        self.fitted.standardize().map(|fitted| PyArray1::from_slice(py, &fitted.mean))
    }

    /// The standard deviation of each feature (or channel), if the features are standardised.
    #[getter]
    fn std<'py>(&self, py: Python<'py>) -> Option<Column<'py>> {
        self.fitted.standardize().map(|fitted| PyArray1::from_slice(py, &fitted.deviation))
    }

    /// Scale and shift of each feature: the model reads x · scale + shift, where x is the feature as given (or,
    /// if there are steps that mix pixels, such as a blur, after these steps).
    fn affine<'py>(&self, py: Python<'py>) -> (Column<'py>, Column<'py>) {
        let features = self.fitted.input().features;
        let (mut scale, mut shift) = (vec![1f64; features], vec![0f64; features]);
        for step in self.fitted.steps() {
            let each = scale.iter_mut().zip(&mut shift);
            match step {
                Step::Invert => each.for_each(|(scale, shift)| (*scale, *shift) = (-*scale, 255.0 - *shift)),
                Step::Scale { divisor } => {
                    let divisor = f64::from(*divisor);
                    each.for_each(|(scale, shift)| (*scale, *shift) = (*scale / divisor, *shift / divisor));
                }
                Step::Standardize(Standardize { mean, deviation }) => {
                    each.enumerate().for_each(|(i, (scale, shift))| {
                        let (mean, deviation) = (mean[i % mean.len()], deviation[i % mean.len()]);
                        (*scale, *shift) = match deviation > 0.0 {
                            true => (*scale / deviation, (*shift - mean) / deviation),
                            false => (0.0, 0.0),
                        };
                    })
                }
                Step::Deskew | Step::SizeNormalize | Step::Blur { .. } => {
                    each.for_each(|(scale, shift)| (*scale, *shift) = (1.0, 0.0));
                }
                _ => {}
            }
        }
        (PyArray1::from_vec(py, scale), PyArray1::from_vec(py, shift))
    }
}

/// Calls `with` with the preprocessed rows as examples. `image` is the shape of the images if the array has it.
pub fn lend<R>(
    view: View<'_>,
    preprocessing: &preprocess::Preprocessing,
    image: Option<Sides>,
    with: impl FnOnce(Examples) -> Result<R>,
) -> Result<R> {
    let known = preprocessing.input().image.filter(|shape| shape.features() == view.width);
    view.lend(image_shape(image).or(known), with)
}
