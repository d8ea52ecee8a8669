//! Conversion from NumPy arrays, without copying, and back.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::prelude::*;
use tercet::data::{Classes, Examples, LabelType, Row, Source};
use tercet::image::ImageShape;
use tercet::{Dataset, Error, Matrix, Result};

use crate::errors::exception;
use crate::work::short_work;

/// Rows of features, (N, D): a C-contiguous array of uint8, float32 or float64, which is read in place.
#[derive(FromPyObject)]
pub enum Rows<'py> {
    /// Pixels, or small integers.
    #[pyo3(transparent)]
    U8(PyReadonlyArray2<'py, u8>),
    /// Single-precision features.
    #[pyo3(transparent)]
    F32(PyReadonlyArray2<'py, f32>),
    /// Double-precision features.
    #[pyo3(transparent)]
    F64(PyReadonlyArray2<'py, f64>),
}

/// What a network learns to predict: classes, (N), of uint32, or target values, (N, C), of float32.
#[derive(FromPyObject)]
pub enum Labels<'py> {
    /// Class indices.
    #[pyo3(transparent)]
    Classes(PyReadonlyArray1<'py, u32>),
    /// Target values.
    #[pyo3(transparent)]
    Values(PyReadonlyArray2<'py, f32>),
}

impl Labels<'_> {
    /// The class of every row, which is the first if there are target values, and these values.
    ///
    /// # Errors
    /// Target values that are not in C order.
    pub fn read(&self) -> PyResult<(Vec<u32>, Option<Matrix>)> {
        match self {
            Labels::Classes(labels) => Ok((labels.to_vec()?, None)),
            Labels::Values(values) => {
                let (rows, columns) = (values.shape()[0], values.shape()[1]);
                let matrix = Matrix::new(rows, columns, values.as_slice()?.to_vec()).map_err(exception)?;
                Ok((vec![0; rows], Some(matrix)))
            }
        }
    }
}

/// The same, usable without the GIL.
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
    F64(&'a [f64]),
}

impl Rows<'_> {
    /// The numbers as a slice.
    ///
    /// # Errors
    /// An array that is not in C order.
    pub fn view(&self) -> PyResult<View<'_>> {
        let (contiguous, shape) = match self {
            Rows::U8(array) => (array.is_c_contiguous(), array.shape()),
            Rows::F32(array) => (array.is_c_contiguous(), array.shape()),
            Rows::F64(array) => (array.is_c_contiguous(), array.shape()),
        };
        if !contiguous {
            return Err(PyValueError::new_err("X: found an array that is not C-contiguous"));
        }
        let numbers = match self {
            Rows::U8(array) => Numbers::U8(array.as_slice()?),
            Rows::F32(array) => Numbers::F32(array.as_slice()?),
            Rows::F64(array) => Numbers::F64(array.as_slice()?),
        };
        Ok(View { numbers, rows: shape[0], width: shape[1] })
    }
}

impl View<'_> {
    /// Calls `with` with the rows as examples. Rows of uint8 are pixels if `image` is their shape, or else
    /// features. Only the latter are copied.
    pub fn lend<R>(self, image: Option<ImageShape>, with: impl FnOnce(Examples) -> Result<R>) -> Result<R> {
        self.check(image)?;
        match (self.numbers, image) {
            (Numbers::U8(_), None) => with(self.to_examples(None)?),
            (Numbers::U8(pixels), Some(shape)) => Examples::lend_pixels(shape, pixels, with)?,
            (Numbers::F32(values), _) => {
                Examples::lend_features(self.width, values, |examples| with(shaped(examples, image)?))?
            }
            (Numbers::F64(values), _) => {
                Examples::lend_f64(self.width, values, |examples| with(shaped(examples, image)?))?
            }
        }
    }

    /// A copy of the rows as examples, for a model that stores them.
    pub fn to_examples(self, image: Option<ImageShape>) -> Result<Examples> {
        self.check(image)?;
        match (self.numbers, image) {
            (Numbers::U8(pixels), Some(shape)) => Examples::from_pixels(shape, pixels.to_vec()),
            (Numbers::U8(values), None) => {
                Examples::from_features(self.width, values.iter().map(|&value| value.into()).collect())
            }
            (Numbers::F32(values), _) => shaped(Examples::from_features(self.width, values.to_vec())?, image),
            (Numbers::F64(values), _) => shaped(Examples::from_f64(self.width, values.to_vec())?, image),
        }
    }

    /// Whether the rows are images of this shape.
    fn check(self, image: Option<ImageShape>) -> Result<()> {
        match image.filter(|shape| shape.features() != self.width) {
            None => Ok(()),
            Some(shape) => {
                let expected = format!("{}, those of an image of {shape}", shape.features());
                Err(Error::mismatch("features of an example", self.width, expected))
            }
        }
    }
}

fn shaped(examples: Examples, image: Option<ImageShape>) -> Result<Examples> {
    match image {
        Some(shape) => examples.with_image_shape(shape),
        None => Ok(examples),
    }
}

/// Height, width and channels, as in NumPy.
pub type Sides = (usize, usize, usize);

/// The shape of an image.
pub fn image_shape(sides: Option<Sides>) -> Option<ImageShape> {
    sides.map(|(height, width, channels)| ImageShape { width, height, channels })
}

/// Height, width and channels of an image.
pub fn sides(shape: ImageShape) -> Sides {
    (shape.height, shape.width, shape.channels)
}

/// The names of the classes and the type of their labels: `text`, `integer`, `boolean`, `float` or `date`.
pub type ClassList = (Vec<String>, String);

/// The classes of a list.
pub fn classes((names, label_type): ClassList) -> PyResult<Classes> {
    let label_type = match label_type.as_str() {
        "text" => LabelType::Text,
        "integer" => LabelType::Integer,
        "boolean" => LabelType::Boolean,
        "float" => LabelType::Float,
        "date" => LabelType::Date,
        other => {
            let message =
                format!("type of the labels: {other}; expected text, integer, boolean, float or date");
            return Err(PyValueError::new_err(message));
        }
    };
    Ok(Classes::new(names, label_type))
}

/// The list of classes.
pub fn class_list(classes: &Classes) -> ClassList {
    let label_type = match classes.label_type() {
        LabelType::Integer => "integer",
        LabelType::Boolean => "boolean",
        LabelType::Float => "float",
        LabelType::Date => "date",
        _ => "text",
    };
    (classes.names().to_vec(), label_type.to_owned())
}

/// A matrix as an array.
pub fn matrix<'py>(py: Python<'py>, matrix: &Matrix) -> PyResult<Bound<'py, PyArray2<f32>>> {
    PyArray1::from_slice(py, matrix.values()).reshape([matrix.rows(), matrix.columns()])
}

/// The minimum, the maximum and the mean of all numbers, or None if there are none.
#[pyfunction]
pub fn statistics(py: Python<'_>, x: Rows<'_>) -> PyResult<Option<(f64, f64, f64)>> {
    let view = x.view()?;
    let range = short_work(py, None, || match view.numbers {
        Numbers::U8(values) => range(values, range_of_bytes),
        Numbers::F32(values) => range(values, range_of_floats),
        Numbers::F64(values) => range(values, range_of_floats),
    })?;
    let count = view.rows * view.width;
    Ok((count > 0).then(|| (range.least, range.largest, range.sum / count as f64)))
}

struct Range {
    least: f64,
    largest: f64,
    sum: f64,
}

/// Computed in blocks of a fixed size, whose sums are added in order.
fn range<T: Sync>(values: &[T], of_block: fn(&[T]) -> Range) -> Range {
    const BLOCK: usize = 1 << 16;
    let blocks: Vec<Range> = values.par_chunks(BLOCK).map(of_block).collect();
    let nothing = Range { least: f64::INFINITY, largest: f64::NEG_INFINITY, sum: 0.0 };
    blocks.into_iter().fold(nothing, |all, block| Range {
        least: all.least.min(block.least),
        largest: all.largest.max(block.largest),
        sum: all.sum + block.sum,
    })
}

fn range_of_bytes(block: &[u8]) -> Range {
    let (mut least, mut largest, mut sum) = (u8::MAX, 0, 0);
    for &value in block {
        least = least.min(value);
        largest = largest.max(value);
        sum += u32::from(value);
    }
    Range { least: least.into(), largest: largest.into(), sum: sum.into() }
}

/// Computed in lanes, which the compiler keeps in vector registers. A non-finite value makes the sum non-finite.
fn range_of_floats<T: Copy + PartialOrd + Into<f64>>(block: &[T]) -> Range {
    const LANES: usize = 16;
    let (mut least, mut largest, mut sums) = ([block[0]; LANES], [block[0]; LANES], [0.0; LANES]);
    let (whole, rest) = block.as_chunks::<LANES>();
    let mut take = |lane: usize, value: T| {
        least[lane] = if value < least[lane] { value } else { least[lane] };
        largest[lane] = if value > largest[lane] { value } else { largest[lane] };
        sums[lane] += value.into();
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
        least: least.into_iter().map(T::into).fold(f64::INFINITY, f64::min),
        largest: largest.into_iter().map(T::into).fold(f64::NEG_INFINITY, f64::max),
        sum: sums.iter().sum(),
    }
}

/// More distinct values than this, and a maximum above [`DARKEST`], distinguish the pixels of images from
/// the columns of a table.
const FEW_VALUES: usize = 8;

/// The maximum of pixels is above this.
const DARKEST: u8 = 64;

/// Whether an array of uint8 looks like pixels rather than like counts, codes and indicators.
#[pyfunction]
pub fn looks_like_pixels(py: Python<'_>, x: Rows<'_>) -> PyResult<bool> {
    let Numbers::U8(values) = x.view()?.numbers else { return Ok(false) };
    py.detach(|| {
        let (mut seen, mut distinct, mut largest) = ([false; 256], 0, 0);
        Ok(values.iter().any(|&value| {
            let place = &mut seen[usize::from(value)];
            distinct += usize::from(!*place);
            (*place, largest) = (true, value.max(largest));
            distinct > FEW_VALUES && largest > DARKEST
        }))
    })
}

/// A set as arrays: X of uint8, float32 or float64, and y.
type Arrays = (Py<PyAny>, Py<PyArray1<u32>>);

fn arrays(py: Python<'_>, set: &Dataset) -> PyResult<Arrays> {
    let (n, d) = (set.len(), set.width());
    let x = match set.dtype() {
        "uint8" => {
            let pixels = set.iter().filter_map(|row| if let Row::U8(row) = row { Some(row) } else { None });
            let pixels = pixels.flatten().copied().collect();
            PyArray1::<u8>::from_vec(py, pixels).reshape([n, d])?.into_any().unbind()
        }
        "float64" => {
            let mut values = vec![0.0; n * d];
            set.iter().zip(values.chunks_exact_mut(d)).for_each(|(row, x)| row.write_f64(x));
            PyArray1::from_vec(py, values).reshape([n, d])?.into_any().unbind()
        }
        _ => {
            let rows: Vec<usize> = (0..n).collect();
            let mut values = vec![0.0; n * d];
            set.write_inputs(&rows, &mut values);
            PyArray1::from_vec(py, values).reshape([n, d])?.into_any().unbind()
        }
    };
    Ok((x, PyArray1::from_slice(py, set.labels()).unbind()))
}

/// A data source by its name, such as `mnist` or a folder: the training set, the test set if there is one,
/// the names of the classes, the sides of the images, and the notes of the reader.
#[pyfunction]
#[allow(clippy::type_complexity, reason = "a tuple, as Python takes it")]
pub fn load(
    py: Python<'_>,
    name: &str,
) -> PyResult<(Arrays, Option<Arrays>, Vec<String>, Option<Sides>, Vec<String>)> {
    let collection = py.detach(|| -> Result<_> { name.parse::<Source>()?.open() }).map_err(exception)?;
    let train = collection.train;
    let image = train.image_shape().map(sides);
    let test = match collection.test {
        // Users who load both sets as arrays decide themselves when to use the test set.
        Some(sealed) => Some(arrays(py, &sealed.open(&mut Vec::new(), "handed to Python as an array"))?),
        None => None,
    };
    Ok((arrays(py, &train)?, test, train.classes().to_vec(), image, collection.notes))
}
