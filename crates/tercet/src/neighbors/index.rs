//! [`NearestNeighbors`]: the stored rows, and what a query must have in common with them.

use tercet_kernels::Isa;
use tercet_kernels::distance::{MAX_WIDTH, MAX_WIDTH_WITHIN, Panels};

use super::Metric;
use super::doubles::DoubleRows;
use super::metric::{Measure, MeasureOf, for_metric};
use super::pruned::{MORE_BYTES, PrunedRows, Value};
use crate::data::{Examples, Row};
use crate::image::ImageShape;
use crate::{Error, Result};

/// All rows of a data set, laid out for exact search.
///
/// Storing the rows is all there is to learn. [`fit`](Self::fit) stores them in the order in which the kernels read
/// them or, if short codes prune most of them, unchanged: then they are shared with the data set, and the codes of wide
/// rows need about a quarter of their memory. The data set may be dropped afterwards.
///
/// ```
/// use tercet::data::Dataset;
/// use tercet::image::ImageShape;
/// use tercet::neighbors::{Metric, NearestNeighbors};
///
/// let classes = vec!["dark".to_owned(), "light".to_owned()];
/// let shape = ImageShape::gray(2, 1);
/// let set = Dataset::from_pixels("toy", shape, vec![0, 0, 3, 4, 255, 255], vec![0, 0, 1], classes.clone())?;
/// let index = NearestNeighbors::fit(&set, Metric::L2)?;
///
/// let query = Dataset::from_pixels("query", shape, vec![0, 0], vec![0], classes)?;
/// let neighbors = index.search(&query, 2)?;
/// assert_eq!(neighbors.indices, [0, 1]);
/// assert_eq!(neighbors.distances, [0.0, 5.0]);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct NearestNeighbors {
    pub(super) metric: Metric,
    pub(super) isa: Isa,
    pub(super) rows: Rows,
    contract: Contract,
}

/// The rows, in the layout that the kernels read.
#[derive(Clone, Debug)]
pub(super) enum Rows {
    /// Bytes, interleaved for the blocked kernels.
    Panels(Panels),
    /// Rows with codes that prune most of them, for L2, cosine and, on floats, dot products.
    PrunedBytes(Box<PrunedRows<u8>>),
    PrunedFloats(Box<PrunedRows<f32>>),
    /// Bytes of rows too wide for 32 bits, or of a metric without panels, row by row, with `‖x‖²` of each if the metric
    /// needs it.
    Bytes {
        values: Vec<u8>,
        squares: Vec<f64>,
    },
    /// Floats, row by row, with `‖x‖²` of each if the metric needs it.
    Floats {
        values: Vec<f32>,
        squares: Vec<f64>,
    },
    /// Features that f32 does not represent exactly.
    Doubles(Box<DoubleRows>),
    /// Rows of a metric that has only a definition.
    Defined(Examples),
}

/// The properties of the stored rows that queries must match.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Contract {
    /// N, the number of rows.
    pub rows: usize,
    width: usize,
    pixels: bool,
    image: Option<ImageShape>,
}

/// The stored rows, row-major, as they were in the data set.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// Pixels, (N, D).
    U8(Vec<u8>),
    /// Features, (N, D).
    F32(Vec<f32>),
    /// Features that f32 does not represent exactly, (N, D).
    F64(Vec<f64>),
}

impl NearestNeighbors {
    /// Stores the rows of a data set.
    ///
    /// # Errors
    /// If the data set has no rows.
    pub fn fit(data: &Examples, metric: Metric) -> Result<Self> {
        Self::fit_for(Isa::active(), data, metric)
    }

    /// [`fit`](Self::fit) for a given instruction set. It affects the speed, never the result.
    pub fn fit_for(isa: Isa, data: &Examples, metric: Metric) -> Result<Self> {
        let contract = Contract::of(data, metric)?;
        let data = &searchable(data)?;
        if metric.definition().is_some() {
            return Ok(NearestNeighbors { metric, isa, rows: Rows::Defined(data.clone()), contract });
        }
        if data.dtype() == "float64" {
            let rows = Rows::Doubles(Box::new(DoubleRows::fit(isa, data, metric)?));
            return Ok(NearestNeighbors { metric, isa, rows, contract });
        }
        let width = data.width();
        let rows = for_metric!(metric, M => {
            if let Some(rows) = pruned::<M>(isa, data) {
                rows
            } else if !data.is_pixels() {
                let values: Vec<f32> = (0..data.len()).flat_map(|i| features(data, i)).copied().collect();
                Rows::Floats { squares: squares::<f32, M>(isa, &values, width), values }
            } else if let (Some(kind), true) = (M::PANELS, width <= MAX_WIDTH) {
                Rows::Panels(Panels::new(kind, width, (0..data.len()).map(|i| pixels(data, i))))
            } else {
                let values: Vec<u8> = (0..data.len()).flat_map(|i| pixels(data, i)).copied().collect();
                Rows::Bytes { squares: squares::<u8, M>(isa, &values, width), values }
            }
        });
        Ok(NearestNeighbors { metric, isa, rows, contract })
    }

    /// The rows of a data set in a given layout.
    #[cfg(test)]
    pub(super) fn of_rows(isa: Isa, data: &Examples, metric: Metric, rows: Rows) -> Result<Self> {
        Ok(NearestNeighbors { metric, isa, rows, contract: Contract::of(data, metric)? })
    }

    /// N, the number of stored rows.
    pub fn len(&self) -> usize {
        self.contract.rows
    }

    /// Whether there are no rows; always false, because [`fit`](Self::fit) requires one.
    pub fn is_empty(&self) -> bool {
        self.contract.rows == 0
    }

    /// D, the number of features of a row.
    pub fn width(&self) -> usize {
        self.contract.width
    }

    /// The metric.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Whether the rows are pixels from 0 to 255.
    pub fn is_pixels(&self) -> bool {
        self.contract.pixels
    }

    /// The type of the stored numbers, as NumPy calls it: `uint8`, `float32`, or `float64` if float32 does not represent
    /// all of them exactly.
    pub fn dtype(&self) -> &'static str {
        match &self.rows {
            Rows::Panels(_) | Rows::PrunedBytes(_) | Rows::Bytes { .. } => "uint8",
            Rows::PrunedFloats(_) | Rows::Floats { .. } => "float32",
            Rows::Doubles(_) => "float64",
            Rows::Defined(data) => data.dtype(),
        }
    }

    /// The shape of the stored images, if the rows are images.
    pub fn image_shape(&self) -> Option<ImageShape> {
        self.contract.image
    }

    /// The data set that the rows are shared with, if there is one.
    pub(super) fn examples(&self) -> Option<Examples> {
        match &self.rows {
            Rows::PrunedBytes(rows) => Some(rows.data().clone()),
            Rows::PrunedFloats(rows) => Some(rows.data().clone()),
            Rows::Doubles(rows) => Some(rows.data.clone()),
            Rows::Defined(data) => Some(data.clone()),
            Rows::Panels(_) | Rows::Bytes { .. } | Rows::Floats { .. } => None,
        }
    }

    /// A copy of all rows as they were in the data set.
    ///
    /// # Shapes
    /// (N, D), row-major.
    pub fn features(&self) -> Features {
        match &self.rows {
            Rows::Floats { values, .. } => Features::F32(values.clone()),
            Rows::Doubles(rows) => features_of(&rows.data),
            Rows::Defined(data) => features_of(data),
            Rows::Bytes { values, .. } => Features::U8(values.clone()),
            Rows::PrunedBytes(rows) => features_of(rows.data()),
            Rows::PrunedFloats(rows) => features_of(rows.data()),
            Rows::Panels(panels) => {
                let mut values = vec![0; self.len() * self.width()];
                for (i, row) in values.chunks_exact_mut(self.width()).enumerate() {
                    panels.copy_row(i, row);
                }
                Features::U8(values)
            }
        }
    }

    /// A copy of the pixels of row `i`, if the rows are pixels and there is such a row: a neighbour to be displayed.
    pub fn pixels(&self, i: usize) -> Option<Vec<u8>> {
        if i >= self.len() {
            return None;
        }
        match &self.rows {
            Rows::Floats { .. } | Rows::PrunedFloats(_) | Rows::Doubles(_) => None,
            Rows::Defined(data) => data.is_pixels().then(|| pixels(data, i).to_vec()),
            Rows::PrunedBytes(rows) => Some(pixels(rows.data(), i).to_vec()),
            Rows::Bytes { values, .. } => Some(values[i * self.width()..][..self.width()].to_vec()),
            Rows::Panels(panels) => {
                let mut row = vec![0; self.width()];
                panels.copy_row(i, &mut row);
                Some(row)
            }
        }
    }

    /// The memory used by the stored rows and everything computed from them for the search, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.rows {
            Rows::Panels(panels) => panels.bytes(),
            Rows::PrunedBytes(rows) => rows.bytes(),
            Rows::PrunedFloats(rows) => rows.bytes(),
            Rows::Doubles(rows) => rows.bytes() + self.len() * self.width() * size_of::<f64>(),
            Rows::Defined(data) => {
                let bytes = match data.dtype() {
                    "uint8" => 1,
                    "float32" => size_of::<f32>(),
                    _ => size_of::<f64>(),
                };
                self.len() * self.width() * bytes
            }
            Rows::Bytes { values, squares } => size_of_val(&**values) + size_of_val(&**squares),
            Rows::Floats { values, squares } => size_of_val(&**values) + size_of_val(&**squares),
        }
    }

    /// Writes row `i` of features.
    ///
    /// # Panics
    /// If the rows are pixels.
    pub(super) fn write_row(&self, i: usize, values: &mut [f64]) {
        match &self.rows {
            Rows::Floats { values: rows, .. } => {
                Row::F32(&rows[i * self.width()..][..self.width()]).write_f64(values)
            }
            Rows::PrunedFloats(rows) => rows.data().row(i).write_f64(values),
            Rows::Doubles(rows) => rows.data.row(i).write_f64(values),
            Rows::Defined(data) => data.row(i).write_f64(values),
            Rows::Panels(_) | Rows::PrunedBytes(_) | Rows::Bytes { .. } => unreachable!("rows of features"),
        }
    }

    /// Rejects queries that cannot be compared with these rows, and an invalid k.
    pub(super) fn check(&self, queries: &Examples, k: usize) -> Result<()> {
        self.contract.check(queries, k)
    }
}

/// Whether the same rows are stored, with the same metric.
impl PartialEq for NearestNeighbors {
    fn eq(&self, other: &Self) -> bool {
        self.metric == other.metric && self.contract == other.contract && self.features() == other.features()
    }
}

impl Contract {
    /// # Errors
    /// If the data set cannot be searched.
    pub fn of(data: &Examples, metric: Metric) -> Result<Self> {
        if data.is_empty() {
            return Err(Error::mismatch("number of examples", 0, "at least 1"));
        }
        let most = for_metric!(metric, M => M::MAX_PIXELS);
        if data.is_pixels() && data.width() > most {
            let what = format!("pixels per image for the metric {metric}");
            return Err(Error::mismatch(what, data.width(), format!("at most {most}")));
        }
        Ok(Contract {
            rows: data.len(),
            width: data.width(),
            pixels: data.is_pixels(),
            image: data.image_shape(),
        })
    }

    /// # Errors
    /// If the queries have another type or width, or if k is not in 1 ‥ N.
    pub fn check(&self, queries: &Examples, k: usize) -> Result<()> {
        check_k(k, self.rows)?;
        let kind = |pixels| if pixels { "pixels (uint8)" } else { "features (float)" };
        if queries.is_pixels() != self.pixels {
            return Err(Error::mismatch(
                "values of the queries",
                kind(queries.is_pixels()),
                format!("{}, like the stored examples", kind(self.pixels)),
            ));
        }
        if queries.width() != self.width {
            let shape = self.image.map(|image| format!(" (images of {image})")).unwrap_or_default();
            return Err(Error::mismatch(
                "features of a query",
                queries.width(),
                format!("{}{shape}, like the stored examples", self.width),
            ));
        }
        Ok(())
    }
}

/// The examples in the smallest type that a search supports and that represents all of their numbers exactly: bytes, f32
/// or f64.
///
/// # Errors
/// For numbers so large or small that their squares leave the range of f64.
pub(super) fn searchable(examples: &Examples) -> Result<Examples> {
    if matches!(examples.dtype(), "uint8" | "float32") {
        return Ok(examples.clone());
    }
    let width = examples.width();
    let (mut doubles, mut row) = (Vec::with_capacity(examples.len() * width), vec![0f64; width]);
    for example in examples.iter() {
        example.write_f64(&mut row);
        doubles.extend_from_slice(&row);
    }
    if doubles.iter().all(|&x| f64::from(x as f32) == x) {
        return Examples::from_features(width, doubles.into_iter().map(|x| x as f32).collect());
    }
    let largest = doubles.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    if !(1e-100..=1e100).contains(&largest) {
        let found = format!("{largest:e} as the largest absolute value");
        let expected = "1e-100 to 1e100, so that distances can be computed in float64: rescale the features";
        return Err(Error::mismatch("the features", found, expected));
    }
    Examples::from_f64(width, doubles)
}

/// ‖x‖² of each row, if the metric needs them.
fn squares<T: Value, M: Measure>(isa: Isa, values: &[T], width: usize) -> Vec<f64> {
    match M::NEEDS_SQUARES {
        true => values.chunks_exact(width).map(|x| T::square(isa, x)).collect(),
        false => Vec::new(),
    }
}

/// Rows with codes, if codes could save work: for metrics in whose space they prune rows, and with enough rows to
/// amortise computing them.
fn pruned<M: Measure>(isa: Isa, data: &Examples) -> Option<Rows> {
    if data.len() < 4096 || data.width() + MORE_BYTES > MAX_WIDTH_WITHIN {
        return None;
    }
    Some(match data.is_pixels() {
        true => {
            let space = <M as MeasureOf<u8>>::SPACE?;
            Rows::PrunedBytes(Box::new(PrunedRows::fit(isa, data, space)?))
        }
        false => {
            let space = <M as MeasureOf<f32>>::SPACE?;
            Rows::PrunedFloats(Box::new(PrunedRows::fit(isa, data, space)?))
        }
    })
}

/// # Errors
/// If k is not in 1 ‥ N.
pub(super) fn check_k(k: usize, rows: usize) -> Result<()> {
    if k == 0 || k > rows {
        return Err(Error::setting("k", k, format!("1 to {rows}, the number of stored examples")));
    }
    Ok(())
}

/// A copy of all rows of a data set that can be [searched](searchable).
fn features_of(data: &Examples) -> Features {
    match data.dtype() {
        "uint8" => Features::U8((0..data.len()).flat_map(|i| pixels(data, i)).copied().collect()),
        "float32" => Features::F32((0..data.len()).flat_map(|i| features(data, i)).copied().collect()),
        _ => {
            let mut values = vec![0.0; data.len() * data.width()];
            for (row, values) in data.iter().zip(values.chunks_exact_mut(data.width().max(1))) {
                row.write_f64(values);
            }
            Features::F64(values)
        }
    }
}

/// The pixels of an example of a data set that was checked to consist of pixels.
pub(super) fn pixels(data: &Examples, i: usize) -> &[u8] {
    match data.row(i) {
        Row::U8(pixels) => pixels,
        _ => unreachable!("a set of pixels"),
    }
}

/// The features of an example of a data set that was checked not to consist of pixels.
pub(super) fn features(data: &Examples, i: usize) -> &[f32] {
    match data.row(i) {
        Row::F32(features) => features,
        _ => unreachable!("a set of f32 features"),
    }
}
