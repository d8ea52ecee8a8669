//! Nearest neighbours by any distance, with parameters, and the arrays in which neighbours are returned.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::{PyKeyboardInterrupt, PyValueError};
use pyo3::prelude::*;
use tercet::Result;
use tercet::neighbors::{Distance, Neighbors, Progress, RadiusNeighbors};

use crate::errors::exception;
use crate::model::flow;
use crate::work::{Desk, work};

/// Distances and indices, (N, k).
pub type Table<'py> = (Bound<'py, PyArray2<f64>>, Bound<'py, PyArray2<i64>>);

/// Where the list of each query starts, (N + 1), and the distances and the indices of all lists.
pub type Lists<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<i64>>);

/// The neighbours of `rows` queries as arrays.
pub fn table(py: Python<'_>, found: Neighbors, rows: usize) -> PyResult<Table<'_>> {
    let indices: Vec<i64> = found.indices.iter().map(|&index| index.into()).collect();
    let distances = PyArray1::from_vec(py, found.distances).reshape([rows, found.k])?;
    Ok((distances, PyArray1::from_vec(py, indices).reshape([rows, found.k])?))
}

/// The neighbours within a radius as arrays.
pub fn lists(py: Python<'_>, found: RadiusNeighbors) -> Lists<'_> {
    let starts: Vec<i64> = found.starts.iter().map(|&start| start as i64).collect();
    let indices: Vec<i64> = found.indices.iter().map(|&index| index.into()).collect();
    (PyArray1::from_vec(py, starts), PyArray1::from_vec(py, found.distances), PyArray1::from_vec(py, indices))
}

/// Rows that are compared pair by pair, in float64.
#[pyclass(frozen, module = "tercet._core")]
pub struct PairwiseNeighbors {
    index: tercet::neighbors::PairwiseNeighbors,
    /// The arguments of the constructor other than the rows.
    arguments: (String, Option<f64>, Option<Vec<f64>>),
}

#[pymethods]
impl PairwiseNeighbors {
    /// Stores rows. `power` is p of the metric minkowski; `numbers` are the weights of minkowski, the variances of
    /// seuclidean, or the inverse covariance matrix of mahalanobis.
    #[new]
    #[pyo3(signature = (x, metric, power = None, numbers = None))]
    fn new(
        x: PyReadonlyArray2<'_, f64>,
        metric: &str,
        power: Option<f64>,
        numbers: Option<PyReadonlyArray1<'_, f64>>,
    ) -> PyResult<Self> {
        let numbers = numbers.map(|numbers| numbers.to_vec()).transpose()?;
        let given = || {
            let expected = format!("metric is {metric}; expected its parameters");
            numbers.clone().ok_or_else(|| PyValueError::new_err(expected))
        };
        let distance = match metric {
            "minkowski" => Distance::Minkowski { p: power.unwrap_or(2.0), weights: numbers.clone() },
            "seuclidean" => Distance::Seuclidean(given()?),
            "mahalanobis" => Distance::Mahalanobis(given()?),
            "haversine" => Distance::Haversine,
            "nan_euclidean" => Distance::NanEuclidean,
            name => Distance::Named(name.parse().map_err(exception)?),
        };
        let (rows, width) = (x.as_slice()?.to_vec(), x.shape()[1]);
        let index = tercet::neighbors::PairwiseNeighbors::fit(rows, width, distance).map_err(exception)?;
        Ok(PairwiseNeighbors { index, arguments: (metric.to_owned(), power, numbers) })
    }

    #[allow(clippy::type_complexity, reason = "a tuple, as Python takes it")]
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(
        Bound<'py, PyAny>,
        (Bound<'py, PyArray2<f64>>, String, Option<f64>, Option<Bound<'py, PyArray1<f64>>>),
    )> {
        let (py, this) = (slf.py(), slf.get());
        let (metric, power, numbers) = this.arguments.clone();
        let numbers = numbers.map(|numbers| PyArray1::from_vec(py, numbers));
        Ok((slf.get_type().into_any(), (this.rows(py)?, metric, power, numbers)))
    }

    /// A copy of the stored rows, (N, D).
    #[getter]
    fn rows<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        PyArray1::from_slice(py, self.index.rows()).reshape([self.index.len(), self.index.width()])
    }

    /// The k nearest stored rows of every row: distances and indices, (N, k). Without x, the queries are the stored
    /// rows.
    #[pyo3(signature = (x, k, threads = None))]
    fn kneighbors<'py>(
        &self,
        py: Python<'py>,
        x: Option<PyReadonlyArray2<'py, f64>>,
        k: usize,
        threads: Option<usize>,
    ) -> PyResult<Table<'py>> {
        let queries = self.queries(x.as_ref())?;
        let found = run(py, threads, |progress| self.index.search(queries, k, progress))?;
        table(py, found, queries.len() / self.index.width())
    }

    /// The stored rows within a radius of every row: where the list of each row starts, (N + 1), the distances and the
    /// indices. Without x, the queries are the stored rows.
    #[pyo3(signature = (x, radius, threads = None))]
    fn radius_neighbors<'py>(
        &self,
        py: Python<'py>,
        x: Option<PyReadonlyArray2<'py, f64>>,
        radius: f64,
        threads: Option<usize>,
    ) -> PyResult<Lists<'py>> {
        let queries = self.queries(x.as_ref())?;
        let found = run(py, threads, |progress| self.index.search_radius(queries, radius, progress))?;
        Ok(lists(py, found))
    }
}

impl PairwiseNeighbors {
    fn queries<'a>(&'a self, x: Option<&'a PyReadonlyArray2<'_, f64>>) -> PyResult<&'a [f64]> {
        Ok(match x {
            Some(x) => x.as_slice()?,
            None => self.index.rows(),
        })
    }
}

/// Runs a search that Ctrl-C interrupts.
fn run<R: Send>(
    py: Python<'_>,
    threads: Option<usize>,
    search: impl FnOnce(Progress<'_>) -> Result<Option<R>> + Send,
) -> PyResult<R> {
    let (found, interrupted) = work(py, threads, |desk: &Desk| search(&|_, _| flow(desk.stopped())))?;
    let found = found.map_err(exception)?;
    found.filter(|_| !interrupted).ok_or_else(|| PyKeyboardInterrupt::new_err(()))
}
