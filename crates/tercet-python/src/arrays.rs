//! Features and labels where NumPy keeps them, and arrays back.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::prelude::*;
use tercet::data::Source;
use tercet::image::ImageShape;
use tercet::{Dataset, Matrix, Result};

use crate::errors::exception;
use crate::work::short_work;

/// Rows of features, (N, D): a C-contiguous array of uint8 or float32, read where it lies.
#[derive(FromPyObject)]
pub enum Rows<'py> {
    /// Pixels.
    #[pyo3(transparent)]
    U8(PyReadonlyArray2<'py, u8>),
    /// Features.
    #[pyo3(transparent)]
    F32(PyReadonlyArray2<'py, f32>),
}

/// The same without the interpreter's lock.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    numbers: Numbers<'a>,
    /// N.
    pub rows: usize,
    /// D.
    pub width: usize,
}

#[derive(Clone, Copy, Debug)]
enum Numbers<'a> {
    U8(&'a [u8]),
    F32(&'a [f32]),
}

impl Rows<'_> {
    /// The numbers themselves.
    ///
    /// # Errors
    /// An array in another order than C's.
    pub fn view(&self) -> PyResult<View<'_>> {
        let (contiguous, shape) = match self {
            Rows::U8(array) => (array.is_c_contiguous(), array.shape()),
            Rows::F32(array) => (array.is_c_contiguous(), array.shape()),
        };
        if !contiguous {
            return Err(PyValueError::new_err("X: found an array that is not C-contiguous"));
        }
        let numbers = match self {
            Rows::U8(array) => Numbers::U8(array.as_slice()?),
            Rows::F32(array) => Numbers::F32(array.as_slice()?),
        };
        Ok(View { numbers, rows: shape[0], width: shape[1] })
    }
}

impl View<'_> {
    /// Whether they are pixels.
    pub fn is_pixels(&self) -> bool {
        matches!(self.numbers, Numbers::U8(_))
    }

    /// The rows as a data set for as long as `with` runs, not copied. Pixels of no known image are one row of them.
    pub fn lend<R>(
        self,
        image: Option<ImageShape>,
        labels: Vec<u32>,
        classes: Vec<String>,
        with: impl FnOnce(Dataset) -> Result<R>,
    ) -> Result<R> {
        match self.numbers {
            Numbers::U8(pixels) => {
                Dataset::lend_pixels("X", self.image(image), pixels, labels, classes, with)?
            }
            Numbers::F32(values) => Dataset::lend_features("X", self.width, values, labels, classes, with)?,
        }
    }

    /// [`lend`](View::lend) for rows that have no labels.
    pub fn lend_queries<R>(
        self,
        image: Option<ImageShape>,
        with: impl FnOnce(Dataset) -> Result<R>,
    ) -> Result<R> {
        self.lend(image, vec![0; self.rows], vec![String::new()], with)
    }

    /// A copy of the rows as a data set, for who remembers them.
    pub fn copied(
        self,
        image: Option<ImageShape>,
        labels: Vec<u32>,
        classes: Vec<String>,
    ) -> Result<Dataset> {
        match self.numbers {
            Numbers::U8(pixels) => {
                Dataset::from_pixels("X", self.image(image), pixels.to_vec(), labels, classes)
            }
            Numbers::F32(values) => Dataset::from_features("X", self.width, values.to_vec(), labels, classes),
        }
    }

    fn image(&self, image: Option<ImageShape>) -> ImageShape {
        image.unwrap_or(ImageShape::gray(self.width, 1))
    }
}

/// Height, width and channels, as Python says them.
pub type Sides = (usize, usize, usize);

/// The shape of an image.
pub fn image_shape(sides: Option<Sides>) -> Option<ImageShape> {
    sides.map(|(height, width, channels)| ImageShape { width, height, channels })
}

/// A matrix as an array.
pub fn matrix<'py>(py: Python<'py>, matrix: &Matrix) -> PyResult<Bound<'py, PyArray2<f32>>> {
    PyArray1::from_slice(py, matrix.values()).reshape([matrix.rows(), matrix.columns()])
}

/// The least, the largest and the mean of all numbers, or None where there are none.
#[pyfunction]
pub fn statistics(py: Python<'_>, x: Rows<'_>) -> PyResult<Option<(f64, f64, f64)>> {
    let view = x.view()?;
    let range = short_work(py, None, || match view.numbers {
        Numbers::U8(values) => added_up(values, of_bytes),
        Numbers::F32(values) => added_up(values, of_floats),
    })?;
    let count = view.rows * view.width;
    Ok((count > 0).then(|| (range.least, range.largest, range.sum / count as f64)))
}

struct Range {
    least: f64,
    largest: f64,
    sum: f64,
}

/// In pieces of a fixed size, added up in order.
fn added_up<T: Sync>(values: &[T], of_piece: fn(&[T]) -> Range) -> Range {
    const PIECE: usize = 1 << 16;
    let pieces: Vec<Range> = values.par_chunks(PIECE).map(of_piece).collect();
    let nothing = Range { least: f64::INFINITY, largest: f64::NEG_INFINITY, sum: 0.0 };
    pieces.into_iter().fold(nothing, |all, piece| Range {
        least: all.least.min(piece.least),
        largest: all.largest.max(piece.largest),
        sum: all.sum + piece.sum,
    })
}

fn of_bytes(piece: &[u8]) -> Range {
    let (mut least, mut largest, mut sum) = (u8::MAX, 0, 0);
    for &value in piece {
        least = least.min(value);
        largest = largest.max(value);
        sum += u32::from(value);
    }
    Range { least: least.into(), largest: largest.into(), sum: sum.into() }
}

/// In lanes, which the compiler keeps in vector registers. What is no number shows in the sum.
fn of_floats(piece: &[f32]) -> Range {
    const LANES: usize = 16;
    let (mut least, mut largest, mut sums) =
        ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES], [0.0; LANES]);
    let (whole, rest) = piece.as_chunks::<LANES>();
    let mut take = |lane: usize, value: f32| {
        least[lane] = if value < least[lane] { value } else { least[lane] };
        largest[lane] = if value > largest[lane] { value } else { largest[lane] };
        sums[lane] += f64::from(value);
    };
    for values in whole {
        for (lane, &value) in values.iter().enumerate() {
            take(lane, value);
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        take(lane, value);
    }
    Range {
        least: least.into_iter().fold(f32::INFINITY, f32::min).into(),
        largest: largest.into_iter().fold(f32::NEG_INFINITY, f32::max).into(),
        sum: sums.iter().sum(),
    }
}

/// A set as arrays: X of uint8 or float32, y, and what is known about it.
type Arrays = (Py<PyAny>, Py<PyArray1<u32>>);

fn arrays(py: Python<'_>, set: &Dataset) -> PyResult<Arrays> {
    let (n, d) = (set.len(), set.width());
    let x = if set.is_pixels() {
        let pixels = (0..n).filter_map(|i| set.pixels(i)).flatten().copied().collect();
        PyArray1::<u8>::from_vec(py, pixels).reshape([n, d])?.into_any().unbind()
    } else {
        let rows: Vec<usize> = (0..n).collect();
        let mut values = vec![0.0; n * d];
        set.write_inputs(&rows, &mut values);
        PyArray1::from_vec(py, values).reshape([n, d])?.into_any().unbind()
    };
    Ok((x, PyArray1::from_vec(py, set.labels()).unbind()))
}

/// A data source by its name, such as `mnist` or a folder: the training set, the test set where there is one, the names of
/// the classes, and the sides of the images.
#[pyfunction]
#[allow(clippy::type_complexity, reason = "a tuple, as Python takes it")]
pub fn load(py: Python<'_>, name: &str) -> PyResult<(Arrays, Option<Arrays>, Vec<String>, Option<Sides>)> {
    let collection = py.detach(|| -> Result<_> { name.parse::<Source>()?.open() }).map_err(exception)?;
    let train = collection.train;
    let sides = train.image_shape().map(|shape| (shape.height, shape.width, shape.channels));
    let test = match collection.test {
        // Whoever asks for both sets by name judges for himself when to look.
        Some(sealed) => Some(arrays(py, &sealed.open(&mut Vec::new(), "handed to Python as an array"))?),
        None => None,
    };
    Ok((arrays(py, &train)?, test, train.classes().to_vec(), sides))
}
