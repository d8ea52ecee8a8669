//! [`Dataset`]: a set of labelled examples.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tercet_kernels::lend::{Lent, lend};
use tercet_kernels::map::{Mapped, Plain};

use crate::image::ImageShape;
use crate::{Error, Result};

/// How many features are looked at together for one that is no finite number.
const CHECKED_AT_ONCE: usize = 1 << 14;

/// The features of one example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Row<'a> {
    /// Pixels, 0 to 255. They enter a model that computes in f32 as value / 255.
    U8(&'a [u8]),
    /// Features that enter a model as they are.
    F32(&'a [f32]),
}

impl<'a> Row<'a> {
    /// Some of the features.
    #[inline]
    pub(crate) fn part(self, columns: Range<usize>) -> Row<'a> {
        match self {
            Row::U8(pixels) => Row::U8(&pixels[columns]),
            Row::F32(values) => Row::F32(&values[columns]),
        }
    }

    /// Writes the features as a model that computes in f32 sees them: pixels as value / 255, others as they are.
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
            Row::F32(values) => x.copy_from_slice(values),
        }
    }
}

/// The features of all examples, (N, D).
#[derive(Debug)]
enum Features {
    U8(Held<u8>),
    F32(Held<f32>),
}

/// Numbers that the set owns, that were lent to it, or that lie in a file.
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

/// What a data set and its subsets share.
#[derive(Debug)]
struct Store {
    name: String,
    width: usize,
    features: Features,
    labels: Vec<u32>,
    classes: Vec<String>,
    image: Option<ImageShape>,
}

/// N labelled examples of D features each, with the names of the C classes.
///
/// A data set is a view: cloning it or taking a [`subset`](Dataset::subset) copies row numbers, never features.
///
/// ```
/// use tercet::data::Dataset;
/// use tercet::image::ImageShape;
///
/// // Two images of 1 × 2 pixels: a dark one labelled 0 and a light one labelled 1.
/// let classes = vec!["dark".to_owned(), "light".to_owned()];
/// let set = Dataset::from_pixels("toy", ImageShape::gray(2, 1), vec![0, 9, 250, 255], vec![0, 1], classes)?;
/// assert_eq!((set.len(), set.width(), set.class_count()), (2, 2, 2));
/// assert_eq!(set.subset(&[1]).label(0), 1);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dataset {
    store: Arc<Store>,
    /// Which rows of the store are in this view, in order; all of them where there is no list.
    rows: Option<Arc<[u32]>>,
}

impl Dataset {
    /// A set of images.
    ///
    /// # Shapes
    /// `pixels` is (N, `shape.features()`), `labels` is (N).
    ///
    /// # Errors
    /// Counts that differ, and a label that is not below the number of classes.
    pub fn from_pixels(
        name: impl Into<String>,
        shape: ImageShape,
        pixels: Vec<u8>,
        labels: Vec<u32>,
        classes: Vec<String>,
    ) -> Result<Self> {
        Self::of_pixels(name.into(), shape, Held::Owned(pixels), labels, classes)
    }

    /// A set of images that lie in memory of somebody else's, for as long as `with` runs. Nothing is copied; all clones and
    /// subsets of the set must be gone when `with` returns, which is for the caller to see to
    /// ([`lend`](tercet_kernels::lend)).
    ///
    /// ```
    /// use tercet::data::Dataset;
    /// use tercet::image::ImageShape;
    ///
    /// let (pixels, classes) = ([0, 9, 250, 255], vec!["dark".to_owned(), "light".to_owned()]);
    /// let place = Dataset::lend_pixels("toy", ImageShape::gray(2, 1), &pixels, vec![0, 1], classes, |set| {
    ///     set.pixels(1).map(<[u8]>::as_ptr)
    /// })?;
    /// assert_eq!(place, Some(pixels[2..].as_ptr()));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`from_pixels`](Dataset::from_pixels).
    pub fn lend_pixels<R>(
        name: impl Into<String>,
        shape: ImageShape,
        pixels: &[u8],
        labels: Vec<u32>,
        classes: Vec<String>,
        with: impl FnOnce(Dataset) -> R,
    ) -> Result<R> {
        lend(pixels, |lent| Self::of_pixels(name.into(), shape, Held::Lent(lent), labels, classes).map(with))
    }

    /// [`from_pixels`](Dataset::from_pixels), of pixels in a file.
    pub(super) fn from_mapped_pixels(
        name: String,
        shape: ImageShape,
        pixels: Mapped<u8>,
        labels: Vec<u32>,
        classes: Vec<String>,
    ) -> Result<Self> {
        Self::of_pixels(name, shape, Held::Mapped(pixels), labels, classes)
    }

    /// [`from_features`](Dataset::from_features), of features in a file.
    pub(super) fn from_mapped_features(
        name: String,
        width: usize,
        values: Mapped<f32>,
        labels: Vec<u32>,
        classes: Vec<String>,
    ) -> Result<Self> {
        Self::of_features(name, width, Held::Mapped(values), labels, classes)
    }

    fn of_pixels(
        name: String,
        shape: ImageShape,
        pixels: Held<u8>,
        labels: Vec<u32>,
        classes: Vec<String>,
    ) -> Result<Self> {
        let (count, width) = (pixels.len(), shape.features());
        let features = Features::U8(pixels);
        Self::checked(Store { name, width, features, labels, classes, image: Some(shape) }, count)
    }

    /// A set of examples that are no images, such as embeddings.
    ///
    /// # Shapes
    /// `values` is (N, `width`), `labels` is (N).
    ///
    /// # Errors
    /// Counts that differ, a label that is not below the number of classes, and a value that is NaN or infinite.
    pub fn from_features(
        name: impl Into<String>,
        width: usize,
        values: Vec<f32>,
        labels: Vec<u32>,
        classes: Vec<String>,
    ) -> Result<Self> {
        Self::of_features(name.into(), width, Held::Owned(values), labels, classes)
    }

    /// A set of examples that are no images and lie in memory of somebody else's, for as long as `with` runs: as
    /// [`lend_pixels`](Dataset::lend_pixels).
    ///
    /// # Errors
    /// Those of [`from_features`](Dataset::from_features).
    pub fn lend_features<R>(
        name: impl Into<String>,
        width: usize,
        values: &[f32],
        labels: Vec<u32>,
        classes: Vec<String>,
        with: impl FnOnce(Dataset) -> R,
    ) -> Result<R> {
        lend(values, |lent| {
            Self::of_features(name.into(), width, Held::Lent(lent), labels, classes).map(with)
        })
    }

    fn of_features(
        name: String,
        width: usize,
        values: Held<f32>,
        labels: Vec<u32>,
        classes: Vec<String>,
    ) -> Result<Self> {
        // First whether there is any, block by block: which one it is costs far more for each value.
        let unsound = |block: &[f32]| block.iter().fold(false, |found, value| found | !value.is_finite());
        if width > 0
            && values.par_chunks(CHECKED_AT_ONCE).any(unsound)
            && let Some(at) = values.iter().position(|value| !value.is_finite())
        {
            return Err(Error::mismatch(
                format!("row {}, column {}", at / width, at % width),
                values[at],
                "a finite number",
            ));
        }
        let count = values.len();
        let features = Features::F32(values);
        Self::checked(Store { name, width, features, labels, classes, image: None }, count)
    }

    fn checked(store: Store, values: usize) -> Result<Self> {
        let n = store.labels.len();
        if store.width == 0 {
            return Err(Error::mismatch("features of an example", 0, "at least 1"));
        }
        if n.checked_mul(store.width) != Some(values) {
            return Err(Error::mismatch(
                format!("feature values for {n} labels"),
                values,
                format!("{n} × {}", store.width),
            ));
        }
        if u32::try_from(n).is_err() {
            return Err(Error::mismatch("examples", n, "fewer than 2³²"));
        }
        if let Some(i) = store.labels.iter().position(|&y| y as usize >= store.classes.len()) {
            return Err(Error::mismatch(
                format!("label of example {i}"),
                store.labels[i],
                format!("a class from 0 to {}", store.classes.len().saturating_sub(1)),
            ));
        }
        Ok(Dataset { store: Arc::new(store), rows: None })
    }

    /// What the set is called.
    pub fn name(&self) -> &str {
        &self.store.name
    }

    /// N, the number of examples.
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.store.labels.len(), |rows| rows.len())
    }

    /// Whether there is no example.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// D, the number of features of an example.
    pub fn width(&self) -> usize {
        self.store.width
    }

    /// C, the number of classes.
    pub fn class_count(&self) -> usize {
        self.store.classes.len()
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.store.classes
    }

    /// The shape of the images, where the examples are images.
    pub fn image_shape(&self) -> Option<ImageShape> {
        self.store.image
    }

    /// Whether the features are pixels of 0 to 255.
    pub fn is_pixels(&self) -> bool {
        matches!(self.store.features, Features::U8(_))
    }

    /// Where example `i` stands in the set that was read, of which this one may be a part.
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
            Features::F32(values) => Row::F32(&values[i * d..][..d]),
        }
    }

    /// The pixels of example `i`, where the features are pixels.
    pub fn pixels(&self, i: usize) -> Option<&[u8]> {
        match self.row(i) {
            Row::U8(pixels) => Some(pixels),
            Row::F32(_) => None,
        }
    }

    /// The class of example `i`.
    #[inline]
    pub fn label(&self, i: usize) -> u32 {
        self.store.labels[self.origin(i)]
    }

    /// The classes of all examples, in order.
    pub fn labels(&self) -> Vec<u32> {
        (0..self.len()).map(|i| self.label(i)).collect()
    }

    /// The examples at `rows`, in that order.
    ///
    /// # Panics
    /// Where a row is not below [`len`](Dataset::len).
    pub fn subset(&self, rows: &[usize]) -> Dataset {
        let rows = rows.iter().map(|&i| self.origin(i) as u32).collect();
        Dataset { store: Arc::clone(&self.store), rows: Some(rows) }
    }

    /// The first `n` examples, or all where there are fewer.
    pub fn first(&self, n: usize) -> Dataset {
        self.subset(&(0..self.len().min(n)).collect::<Vec<_>>())
    }

    /// Writes the examples at `rows` as a model that computes in f32 sees them: pixels as value / 255, other
    /// features as they are.
    ///
    /// # Shapes
    /// `x` is (`rows.len()`, D).
    pub fn write_inputs(&self, rows: &[usize], x: &mut [f32]) {
        assert_eq!(x.len(), rows.len() * self.width(), "the buffer holds one row for each example");
        for (&i, x) in rows.iter().zip(x.chunks_exact_mut(self.width())) {
            self.row(i).write_input(x);
        }
    }

    /// SHA-256 over everything a model can learn from: the kind and width of the features, the features and the
    /// labels, in order. Hexadecimal.
    pub fn digest(&self) -> String {
        let mut sha = Sha256::new();
        sha.update(if self.is_pixels() { b"u8 " } else { b"f32" });
        sha.update((self.width() as u64).to_le_bytes());
        sha.update((self.len() as u64).to_le_bytes());
        for i in 0..self.len() {
            match self.row(i) {
                Row::U8(pixels) => sha.update(pixels),
                Row::F32(values) => values.iter().for_each(|v| sha.update(v.to_le_bytes())),
            }
        }
        for i in 0..self.len() {
            sha.update(self.label(i).to_le_bytes());
        }
        sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(n: usize) -> Vec<String> {
        (0..n).map(|c| c.to_string()).collect()
    }

    #[test]
    fn a_label_outside_the_classes_is_refused_by_name() {
        let error = Dataset::from_pixels("x", ImageShape::gray(1, 1), vec![1, 2], vec![0, 7], classes(3))
            .unwrap_err();
        assert_eq!(error.to_string(), "label of example 1: found 7; expected a class from 0 to 2");
    }

    #[test]
    fn values_that_do_not_fill_the_rows_are_refused() {
        let error = Dataset::from_pixels("x", ImageShape::gray(2, 2), vec![0; 7], vec![0, 1], classes(2));
        assert!(error.unwrap_err().to_string().contains("found 7; expected 2 × 4"));
    }

    #[test]
    fn nan_is_refused_with_its_row_and_column() {
        let values = vec![0.0, 1.0, 2.0, f32::NAN];
        let error = Dataset::from_features("x", 2, values, vec![0, 1], classes(2)).unwrap_err();
        assert!(error.to_string().starts_with("row 1, column 1: found NaN"), "{error}");
    }

    #[test]
    fn what_is_lent_is_what_is_owned_and_not_copied() {
        let (pixels, values, shape) = ([0, 9, 250, 255], [0.5f32, -1.0, 3.0, 4.0], ImageShape::gray(2, 1));
        let owned = Dataset::from_pixels("x", shape, pixels.to_vec(), vec![0, 1], classes(2)).unwrap();
        let lent = Dataset::lend_pixels("x", shape, &pixels, vec![0, 1], classes(2), |set| {
            (set.digest(), set.pixels(0).map(<[u8]>::as_ptr))
        });
        assert_eq!(lent.unwrap(), (owned.digest(), Some(pixels.as_ptr())));
        let owned = Dataset::from_features("x", 2, values.to_vec(), vec![0, 1], classes(2)).unwrap();
        let lent = Dataset::lend_features("x", 2, &values, vec![0, 1], classes(2), |set| set.digest());
        assert_eq!(lent.unwrap(), owned.digest());
        // What is refused of a set is refused before anybody sees it.
        let refused = Dataset::lend_features("x", 3, &values, vec![0, 1], classes(2), |_| panic!("no set"));
        assert!(refused.is_err());
    }

    #[test]
    fn a_subset_of_a_subset_keeps_track_of_its_origin() {
        let set =
            Dataset::from_pixels("x", ImageShape::gray(1, 1), vec![5, 6, 7, 8], vec![0, 1, 2, 3], classes(4))
                .unwrap();
        let part = set.subset(&[3, 1, 0]).subset(&[1, 0]);
        assert_eq!((part.labels(), part.origin(0), part.pixels(0)), (vec![1, 3], 1, Some(&[6u8][..])));
        assert_ne!(part.digest(), set.digest());
    }
}
