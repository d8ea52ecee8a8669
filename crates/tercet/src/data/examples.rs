//! [`Examples`]: rows of features without labels.

use std::ops::Range;
use std::sync::Arc;

use half::f16;
use half::slice::HalfBitsSliceExt;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tercet_kernels::lend::{Lent, lend};
use tercet_kernels::mmap::{Mapped, Plain};

use crate::image::ImageShape;
use crate::{Error, Result};

/// How many features are checked together for non-finite values.
const CHECKED_AT_ONCE: usize = 1 << 14;

/// The features of one example.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Row<'a> {
    /// Pixels from 0 to 255.
    U8(&'a [u8]),
    /// Half-precision features.
    F16(&'a [f16]),
    /// Single-precision features.
    F32(&'a [f32]),
    /// Double-precision features.
    F64(&'a [f64]),
}

impl<'a> Row<'a> {
    /// Some of the features.
    #[inline]
    pub(crate) fn columns(self, columns: Range<usize>) -> Row<'a> {
        match self {
            Row::U8(pixels) => Row::U8(&pixels[columns]),
            Row::F16(values) => Row::F16(&values[columns]),
            Row::F32(values) => Row::F32(&values[columns]),
            Row::F64(values) => Row::F64(&values[columns]),
        }
    }

    /// Writes the features as inputs of a model that computes in f32: pixels as value / 255, features rounded to f32.
    ///
    /// # Shapes
    /// `x` is (D).
    pub(crate) fn write_input(self, x: &mut [f32]) {
        match self {
            Row::U8(pixels) => {
                for (x, &pixel) in x.iter_mut().zip(pixels) {
                    *x = f32::from(pixel) / 255.0;
                }
            }
            Row::F16(values) => x.iter_mut().zip(values).for_each(|(x, v)| *x = v.to_f32()),
            Row::F32(values) => x.copy_from_slice(values),
            Row::F64(values) => x.iter_mut().zip(values).for_each(|(x, &v)| *x = v as f32),
        }
    }

    /// Writes the features unchanged: pixels as 0 to 255. No number is rounded.
    ///
    /// # Shapes
    /// `x` is (D).
    pub fn write_f64(self, x: &mut [f64]) {
        match self {
            Row::U8(pixels) => x.iter_mut().zip(pixels).for_each(|(x, &v)| *x = f64::from(v)),
            Row::F16(values) => x.iter_mut().zip(values).for_each(|(x, v)| *x = v.to_f64()),
            Row::F32(values) => x.iter_mut().zip(values).for_each(|(x, &v)| *x = f64::from(v)),
            Row::F64(values) => x.copy_from_slice(values),
        }
    }

    /// How many features are zero.
    pub(crate) fn zeros(self) -> usize {
        match self {
            Row::U8(pixels) => pixels.iter().filter(|&&v| v == 0).count(),
            Row::F16(values) => values.iter().filter(|v| v.to_f32() == 0.0).count(),
            Row::F32(values) => values.iter().filter(|&&v| v == 0.0).count(),
            Row::F64(values) => values.iter().filter(|&&v| v == 0.0).count(),
        }
    }
}

/// The features of all examples, (N, D).
#[derive(Debug)]
enum Features {
    U8(Held<u8>),
    /// The bits of f16.
    F16(Vec<u16>),
    F32(Held<f32>),
    F64(Owned<f64>),
}

/// Numbers that are owned, borrowed from the caller, or memory-mapped.
#[derive(Debug)]
enum Held<T: Plain> {
    Owned(Vec<T>),
    Lent(Lent<T>),
    Mapped(Mapped<T>),
}

impl<T: Plain> std::ops::Deref for Held<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Held::Owned(values) => values,
            Held::Lent(values) => values,
            Held::Mapped(values) => values,
        }
    }
}

/// Numbers of a type that is never mapped from a file.
#[derive(Debug)]
enum Owned<T: 'static> {
    Owned(Vec<T>),
    Lent(Lent<T>),
}

impl<T> std::ops::Deref for Owned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Owned::Owned(values) => values,
            Owned::Lent(values) => values,
        }
    }
}

impl Features {
    fn len(&self) -> usize {
        match self {
            Features::U8(values) => values.len(),
            Features::F16(values) => values.len(),
            Features::F32(values) => values.len(),
            Features::F64(values) => values.len(),
        }
    }

    /// The position of the first number that is NaN or infinite.
    fn first_non_finite(&self) -> Option<usize> {
        /// First checks whether there is any, block by block: locating one costs far more per value.
        fn find<T: Copy + Sync>(values: &[T], is_finite: impl Fn(T) -> bool + Sync) -> Option<usize> {
            let unsound = |block: &[T]| block.iter().fold(false, |found, &value| found | !is_finite(value));
            let any = values.par_chunks(CHECKED_AT_ONCE).any(unsound);
            any.then(|| values.iter().position(|&value| !is_finite(value))).flatten()
        }
        match self {
            Features::U8(_) => None,
            Features::F16(values) => find(values, |bits| f16::from_bits(bits).is_finite()),
            Features::F32(values) => find(values, f32::is_finite),
            Features::F64(values) => find(values, f64::is_finite),
        }
    }

    fn show(&self, at: usize) -> String {
        match self {
            Features::U8(values) => values[at].to_string(),
            Features::F16(values) => f16::from_bits(values[at]).to_string(),
            Features::F32(values) => values[at].to_string(),
            Features::F64(values) => values[at].to_string(),
        }
    }
}

/// The data shared by a set of examples and its subsets.
#[derive(Debug)]
struct Store {
    /// N of the whole store.
    count: usize,
    /// D.
    width: usize,
    features: Features,
    image: Option<ImageShape>,
}

/// N rows of D features each, without labels: all that prediction needs.
///
/// Rows are pixels of 0 to 255 with the shape of their images, or features of f16, f32 or f64. Examples are a view:
/// cloning them or taking a [`subset`](Examples::subset) copies row numbers, never features.
///
/// ```
/// use tercet::data::Examples;
/// use tercet::image::ImageShape;
///
/// // Two images of 1 × 2 pixels.
/// let pictures = Examples::from_pixels(ImageShape::gray(2, 1), vec![0, 9, 250, 255])?;
/// assert_eq!((pictures.len(), pictures.width()), (2, 2));
///
/// let readings = Examples::from_features(3, vec![0.5, 1.5, -2.0])?;
/// assert_eq!(readings.len(), 1);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Examples {
    store: Arc<Store>,
    /// The rows of the store in this view, in order; all of them if `None`.
    rows: Option<Arc<[u32]>>,
}

impl Examples {
    /// Images from their pixels.
    ///
    /// # Shapes
    /// `pixels` is (N, `shape.features()`), row by row, the channels of a pixel adjacent.
    ///
    /// # Errors
    /// A shape without pixels, and a number of pixels that is not a multiple of `shape.features()`.
    pub fn from_pixels(shape: ImageShape, pixels: Vec<u8>) -> Result<Self> {
        Self::checked(shape.features(), Features::U8(Held::Owned(pixels)), Some(shape))
    }

    /// Features that are not pixels, such as embeddings or the columns of a table.
    ///
    /// # Shapes
    /// `values` is (N, `width`).
    ///
    /// # Errors
    /// A width of 0, a number of values that is not a multiple of it, and a value that is NaN or infinite.
    pub fn from_features(width: usize, values: Vec<f32>) -> Result<Self> {
        Self::checked(width, Features::F32(Held::Owned(values)), None)
    }

    /// [`from_features`](Examples::from_features) of half-precision numbers.
    ///
    /// # Errors
    /// Those of [`from_features`](Examples::from_features).
    pub fn from_f16(width: usize, values: Vec<f16>) -> Result<Self> {
        let bits = values.into_iter().map(f16::to_bits).collect();
        Self::checked(width, Features::F16(bits), None)
    }

    /// [`from_features`](Examples::from_features) of double-precision numbers.
    ///
    /// # Errors
    /// Those of [`from_features`](Examples::from_features).
    pub fn from_f64(width: usize, values: Vec<f64>) -> Result<Self> {
        Self::checked(width, Features::F64(Owned::Owned(values)), None)
    }

    /// Images in memory that belongs to the caller, for the duration of `with`. Nothing is copied; all clones and
    /// subsets must be dropped before `with` returns, which is the caller's responsibility
    /// ([`lend`](tercet_kernels::lend)).
    ///
    /// ```
    /// use tercet::data::Examples;
    /// use tercet::image::ImageShape;
    ///
    /// let pixels = [0, 9, 250, 255];
    /// let address = Examples::lend_pixels(ImageShape::gray(2, 1), &pixels, |examples| {
    ///     examples.pixels(1).map(<[u8]>::as_ptr)
    /// })?;
    /// assert_eq!(address, Some(pixels[2..].as_ptr()));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`from_pixels`](Examples::from_pixels).
    pub fn lend_pixels<R>(shape: ImageShape, pixels: &[u8], with: impl FnOnce(Examples) -> R) -> Result<R> {
        lend(pixels, |lent| {
            Self::checked(shape.features(), Features::U8(Held::Lent(lent)), Some(shape)).map(with)
        })
    }

    /// [`lend_pixels`](Examples::lend_pixels) of features.
    ///
    /// # Errors
    /// Those of [`from_features`](Examples::from_features).
    pub fn lend_features<R>(width: usize, values: &[f32], with: impl FnOnce(Examples) -> R) -> Result<R> {
        lend(values, |lent| Self::checked(width, Features::F32(Held::Lent(lent)), None).map(with))
    }

    /// [`lend_features`](Examples::lend_features) of double-precision numbers.
    ///
    /// # Errors
    /// Those of [`from_features`](Examples::from_features).
    pub fn lend_f64<R>(width: usize, values: &[f64], with: impl FnOnce(Examples) -> R) -> Result<R> {
        lend(values, |lent| Self::checked(width, Features::F64(Owned::Lent(lent)), None).map(with))
    }

    /// [`from_pixels`](Examples::from_pixels) with memory-mapped pixels.
    pub(super) fn from_mapped_pixels(shape: ImageShape, pixels: Mapped<u8>) -> Result<Self> {
        Self::checked(shape.features(), Features::U8(Held::Mapped(pixels)), Some(shape))
    }

    /// [`from_features`](Examples::from_features) with memory-mapped features.
    pub(super) fn from_mapped_features(width: usize, values: Mapped<f32>) -> Result<Self> {
        Self::checked(width, Features::F32(Held::Mapped(values)), None)
    }

    fn checked(width: usize, features: Features, image: Option<ImageShape>) -> Result<Self> {
        if width == 0 {
            return Err(Error::mismatch("features of an example", 0, "at least 1"));
        }
        let values = features.len();
        if !values.is_multiple_of(width) {
            return Err(Error::mismatch("feature values", values, format!("a multiple of {width}")));
        }
        let count = values / width;
        if u32::try_from(count).is_err() {
            return Err(Error::mismatch("examples", count, "fewer than 2³²"));
        }
        if let Some(at) = features.first_non_finite() {
            let place = format!("row {}, column {}", at / width, at % width);
            return Err(Error::mismatch(place, features.show(at), "a finite number"));
        }
        Ok(Examples { store: Arc::new(Store { count, width, features, image }), rows: None })
    }

    /// Gives the features the shape of images, for models that read images. Pixels keep their shape.
    ///
    /// # Errors
    /// A shape with another number of features, and features that are shared with other views.
    pub fn with_image_shape(self, shape: ImageShape) -> Result<Self> {
        if shape.features() != self.width() {
            let expected = format!("{}, the features of an example", self.width());
            return Err(Error::mismatch(
                format!("values of an image of {shape}"),
                shape.features(),
                expected,
            ));
        }
        if self.feature_shape() == Some(shape) {
            return Ok(self);
        }
        match Arc::try_unwrap(self.store) {
            Ok(store) => {
                let store = Arc::new(Store { image: Some(shape), ..store });
                Ok(Examples { store, rows: self.rows })
            }
            Err(_) => Err(Error::mismatch(
                "views of the examples",
                "several",
                "one: give the shape of the images before the examples are shared",
            )),
        }
    }

    /// N, the number of examples.
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.store.count, |rows| rows.len())
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// D, the number of features of an example.
    pub fn width(&self) -> usize {
        self.store.width
    }

    /// The shape of the images, if the examples are images of pixels.
    pub fn image_shape(&self) -> Option<ImageShape> {
        self.store.image.filter(|_| self.is_pixels())
    }

    /// The shape of the images, of pixels or of [features](Examples::with_image_shape): the shape that convolutional
    /// networks use.
    pub fn feature_shape(&self) -> Option<ImageShape> {
        self.store.image
    }

    /// Whether the features are pixels from 0 to 255.
    pub fn is_pixels(&self) -> bool {
        matches!(self.store.features, Features::U8(_))
    }

    /// The number type of the features, by its NumPy name: `uint8`, `float16`, `float32` or `float64`.
    pub fn dtype(&self) -> &'static str {
        match self.store.features {
            Features::U8(_) => "uint8",
            Features::F16(_) => "float16",
            Features::F32(_) => "float32",
            Features::F64(_) => "float64",
        }
    }

    /// The row number of example `i` in the set that was read, of which this may be a subset.
    pub fn origin(&self, i: usize) -> usize {
        assert!(i < self.len(), "example {i} of {}", self.len());
        self.rows.as_ref().map_or(i, |rows| rows[i] as usize)
    }

    /// The features of example `i`.
    #[inline]
    pub fn row(&self, i: usize) -> Row<'_> {
        let (i, d) = (self.origin(i), self.store.width);
        match &self.store.features {
            Features::U8(values) => Row::U8(&values[i * d..][..d]),
            Features::F16(bits) => Row::F16(bits[i * d..][..d].reinterpret_cast()),
            Features::F32(values) => Row::F32(&values[i * d..][..d]),
            Features::F64(values) => Row::F64(&values[i * d..][..d]),
        }
    }

    /// The features of every example, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|i| self.row(i))
    }

    /// The pixels of example `i`, if the features are pixels.
    pub fn pixels(&self, i: usize) -> Option<&[u8]> {
        match self.row(i) {
            Row::U8(pixels) => Some(pixels),
            _ => None,
        }
    }

    /// The examples at `rows`, in that order.
    ///
    /// # Panics
    /// If a row is not below [`len`](Examples::len).
    pub fn subset(&self, rows: &[usize]) -> Examples {
        let rows = rows.iter().map(|&i| self.origin(i) as u32).collect();
        Examples { store: Arc::clone(&self.store), rows: Some(rows) }
    }

    /// The first `n` examples, or all if there are fewer.
    pub fn first(&self, n: usize) -> Examples {
        self.subset(&(0..self.len().min(n)).collect::<Vec<_>>())
    }

    /// Writes the examples at `rows` as inputs of a model that computes in f32: pixels as value / 255, features rounded
    /// to f32.
    ///
    /// # Shapes
    /// `x` is (`rows.len()`, D).
    pub fn write_inputs(&self, rows: &[usize], x: &mut [f32]) {
        assert_eq!(x.len(), rows.len() * self.width(), "the buffer holds one row for each example");
        for (&i, x) in rows.iter().zip(x.chunks_exact_mut(self.width())) {
            self.row(i).write_input(x);
        }
    }

    /// SHA-256 of the type and width of the features and the features, in order. Hexadecimal.
    pub fn digest(&self) -> String {
        finish(self.hash_features())
    }

    /// The digest of the features, to which more can be added.
    pub(super) fn hash_features(&self) -> Sha256 {
        let mut sha = Sha256::new();
        sha.update(match self.store.features {
            Features::U8(_) => b"u8 ",
            Features::F16(_) => b"f16",
            Features::F32(_) => b"f32",
            Features::F64(_) => b"f64",
        });
        sha.update((self.width() as u64).to_le_bytes());
        sha.update((self.len() as u64).to_le_bytes());
        for row in self.iter() {
            match row {
                Row::U8(pixels) => sha.update(pixels),
                Row::F16(values) => values.iter().for_each(|v| sha.update(v.to_le_bytes())),
                Row::F32(values) => values.iter().for_each(|v| sha.update(v.to_le_bytes())),
                Row::F64(values) => values.iter().for_each(|v| sha.update(v.to_le_bytes())),
            }
        }
        sha
    }
}

/// A digest in hexadecimal.
pub(super) fn finish(sha: Sha256) -> String {
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_type_keeps_its_values() {
        let (halves, doubles) = ([1.5, -2.0, 0.25, 3.0].map(f16::from_f64), [1e300, -2.0, 0.1, 3.0]);
        let f16 = Examples::from_f16(2, halves.to_vec()).unwrap();
        let f64 = Examples::from_f64(2, doubles.to_vec()).unwrap();
        assert_eq!((f16.row(1), f64.row(0)), (Row::F16(&halves[2..]), Row::F64(&doubles[..2])));
        assert_eq!((f16.dtype(), f64.dtype(), f16.len()), ("float16", "float64", 2));
        let mut row = [0.0; 2];
        f16.row(0).write_f64(&mut row);
        assert_eq!(row, [1.5, -2.0]);
        f64.row(1).write_f64(&mut row);
        assert_eq!(row, [0.1, 3.0]);
    }

    #[test]
    fn a_number_that_is_not_finite_is_rejected_with_its_place() {
        let errors = [
            Examples::from_features(2, vec![0.0, 1.0, 2.0, f32::NAN]),
            Examples::from_f16(2, [0.0, 1.0, 2.0, f64::NAN].map(f16::from_f64).to_vec()),
            Examples::from_f64(2, vec![0.0, 1.0, 2.0, f64::NAN]),
        ];
        for error in errors.map(Result::unwrap_err) {
            assert_eq!(error.to_string(), "row 1, column 1: found NaN; expected a finite number");
        }
    }

    #[test]
    fn values_that_do_not_fill_the_rows_are_rejected() {
        let error = Examples::from_pixels(ImageShape::gray(2, 2), vec![0; 7]).unwrap_err();
        assert_eq!(error.to_string(), "feature values: found 7; expected a multiple of 4");
        assert!(Examples::from_features(0, Vec::new()).is_err());
    }

    #[test]
    fn lent_examples_equal_owned_ones_and_are_not_copied() {
        let (pixels, values, shape) = ([0, 9, 250, 255], [0.5f32, -1.0, 3.0, 4.0], ImageShape::gray(2, 1));
        let owned = Examples::from_pixels(shape, pixels.to_vec()).unwrap();
        let lent =
            Examples::lend_pixels(shape, &pixels, |set| (set.digest(), set.pixels(0).map(<[u8]>::as_ptr)));
        assert_eq!(lent.unwrap(), (owned.digest(), Some(pixels.as_ptr())));
        let owned = Examples::from_features(2, values.to_vec()).unwrap();
        assert_eq!(Examples::lend_features(2, &values, |set| set.digest()).unwrap(), owned.digest());
        // The error is detected before the closure runs.
        assert!(Examples::lend_features(3, &values, |_| panic!("no set")).is_err());
    }

    #[test]
    fn features_become_images_of_a_shape_that_fits() {
        let features = Examples::from_features(4, vec![0.5; 8]).unwrap();
        assert!(features.clone().with_image_shape(ImageShape::gray(3, 1)).is_err());
        let images =
            Examples::from_features(4, vec![0.5; 8]).unwrap().with_image_shape(ImageShape::gray(2, 2));
        let images = images.unwrap();
        assert_eq!((images.feature_shape(), images.image_shape()), (Some(ImageShape::gray(2, 2)), None));
    }
}
