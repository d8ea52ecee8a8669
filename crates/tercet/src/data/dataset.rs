//! [`Dataset`]: labelled examples.

use std::ops::Deref;
use std::sync::Arc;

use super::examples::finish;
use super::{Classes, Examples};
use crate::image::ImageShape;
use crate::{Error, Result};

/// N labelled examples of D features each, with the names of the C classes.
///
/// A data set *is* its [`Examples`], with labels: it dereferences to them, so functions that need only rows (a search,
/// a prediction) take `&Examples` and accept `&dataset`. Like `Examples` it is a view: cloning it or taking a
/// [`subset`](Dataset::subset) copies row numbers and labels, never features.
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
    name: Arc<str>,
    examples: Examples,
    labels: Arc<[u32]>,
    classes: Arc<Classes>,
    /// How many of the last examples form the validation set that the data has.
    validation: usize,
    /// The names of the features; empty if they have none.
    feature_names: Arc<[String]>,
}

impl Deref for Dataset {
    type Target = Examples;

    fn deref(&self) -> &Examples {
        &self.examples
    }
}

impl Dataset {
    /// Examples with one label each.
    ///
    /// # Shapes
    /// `labels` is (N), indices into `classes`.
    ///
    /// # Errors
    /// A number of labels other than that of the examples, and a label that is not below the number of classes.
    pub fn new(
        name: impl Into<String>,
        examples: Examples,
        labels: Vec<u32>,
        classes: impl Into<Classes>,
    ) -> Result<Self> {
        let classes = classes.into();
        if labels.len() != examples.len() {
            let expected = format!("{}, one for each example", examples.len());
            return Err(Error::mismatch("labels", labels.len(), expected));
        }
        if let Some(i) = labels.iter().position(|&y| y as usize >= classes.len()) {
            return Err(Error::mismatch(
                format!("label of example {i}"),
                labels[i],
                format!("a class from 0 to {}", classes.len().saturating_sub(1)),
            ));
        }
        let name: String = name.into();
        let (name, labels, classes) = (name.into(), labels.into(), Arc::new(classes));
        Ok(Dataset { name, examples, labels, classes, validation: 0, feature_names: Arc::new([]) })
    }

    /// Labelled images.
    ///
    /// # Shapes
    /// `pixels` is (N, `shape.features()`), `labels` is (N).
    ///
    /// # Errors
    /// Those of [`Examples::from_pixels`] and [`new`](Dataset::new).
    pub fn from_pixels(
        name: impl Into<String>,
        shape: ImageShape,
        pixels: Vec<u8>,
        labels: Vec<u32>,
        classes: impl Into<Classes>,
    ) -> Result<Self> {
        Self::new(name, Examples::from_pixels(shape, pixels)?, labels, classes)
    }

    /// Labelled examples that are not images, such as embeddings.
    ///
    /// # Shapes
    /// `values` is (N, `width`), `labels` is (N).
    ///
    /// # Errors
    /// Those of [`Examples::from_features`] and [`new`](Dataset::new).
    pub fn from_features(
        name: impl Into<String>,
        width: usize,
        values: Vec<f32>,
        labels: Vec<u32>,
        classes: impl Into<Classes>,
    ) -> Result<Self> {
        Self::new(name, Examples::from_features(width, values)?, labels, classes)
    }

    /// The same data, of which the last `count` examples are its validation set.
    ///
    /// # Panics
    /// If there are fewer examples.
    pub fn with_validation(self, count: usize) -> Dataset {
        assert!(count <= self.len(), "{count} of {} examples", self.len());
        Dataset { validation: count, ..self }
    }

    /// The number of examples, the last ones, that the data itself reserves for validation, as in folders `train`, `val`
    /// and `test`; 0 if it does not.
    pub fn validation_len(&self) -> usize {
        self.validation
    }

    /// The same data with names for the features, such as those of the columns of a table.
    ///
    /// # Panics
    /// If the number of names is neither 0 nor D.
    pub fn with_feature_names(self, names: Vec<String>) -> Dataset {
        assert!(
            names.is_empty() || names.len() == self.width(),
            "one name for each of {} features",
            self.width()
        );
        Dataset { feature_names: names.into(), ..self }
    }

    /// The names of the D features; empty if they have none.
    pub fn feature_names(&self) -> &[String] {
        &self.feature_names
    }

    /// The name of the set.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rows without their labels.
    pub fn examples(&self) -> &Examples {
        &self.examples
    }

    /// The same labels with other examples, such as the same images after a preprocessing step.
    ///
    /// # Errors
    /// A different number of examples.
    pub fn with_examples(&self, examples: Examples) -> Result<Dataset> {
        if examples.len() != self.len() {
            return Err(Error::mismatch("examples", examples.len(), format!("{}, as before", self.len())));
        }
        // The names describe the features as they were read.
        let feature_names =
            if examples.width() == self.width() { self.feature_names.clone() } else { Arc::new([]) };
        Ok(Dataset { examples, feature_names, ..self.clone() })
    }

    /// The same examples with other labels.
    ///
    /// # Errors
    /// Those of [`new`](Dataset::new).
    pub fn with_labels(&self, labels: Vec<u32>) -> Result<Dataset> {
        let set = Self::new(self.name(), self.examples.clone(), labels, self.classes.as_ref().clone())?;
        let feature_names = self.feature_names.clone();
        Ok(Dataset { validation: self.validation, feature_names, ..set })
    }

    /// C, the number of classes.
    pub fn class_count(&self) -> usize {
        self.classes.len()
    }

    /// The names of the classes.
    pub fn classes(&self) -> &Classes {
        &self.classes
    }

    /// The class of example `i`.
    #[inline]
    pub fn label(&self, i: usize) -> u32 {
        self.labels[i]
    }

    /// The classes of all examples, in order.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The examples at `rows`, in that order.
    ///
    /// # Panics
    /// If a row is not below [`len`](Examples::len).
    pub fn subset(&self, rows: &[usize]) -> Dataset {
        let labels = rows.iter().map(|&i| self.labels[i]).collect();
        Dataset { examples: self.examples.subset(rows), labels, validation: 0, ..self.clone() }
    }

    /// The first `n` examples, or all if there are fewer.
    pub fn first(&self, n: usize) -> Dataset {
        self.subset(&(0..self.len().min(n)).collect::<Vec<_>>())
    }

    /// SHA-256 of everything a model can learn from: the type and width of the features, the features and the labels,
    /// in order. Hexadecimal.
    pub fn digest(&self) -> String {
        let mut sha = self.examples.hash_features();
        sha2::Digest::update(&mut sha, self.labels.iter().flat_map(|y| y.to_le_bytes()).collect::<Vec<u8>>());
        finish(sha)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(count: usize) -> Classes {
        Classes::numbered(count)
    }

    #[test]
    fn labels_beyond_the_classes_are_rejected() {
        let error = Dataset::from_pixels("x", ImageShape::gray(1, 1), vec![1, 2], vec![0, 7], classes(3));
        let words = "label of example 1: found 7; expected a class from 0 to 2";
        assert_eq!(error.unwrap_err().to_string(), words);
    }

    #[test]
    fn every_example_needs_a_label() {
        let error = Dataset::from_features("x", 2, vec![0.5; 6], vec![0, 1], classes(2)).unwrap_err();
        assert_eq!(error.to_string(), "labels: found 2; expected 3, one for each example");
    }

    #[test]
    fn a_subset_of_a_subset_keeps_track_of_its_origin() {
        let pixels = vec![5, 6, 7, 8];
        let set =
            Dataset::from_pixels("x", ImageShape::gray(1, 1), pixels, vec![0, 1, 2, 3], classes(4)).unwrap();
        let part = set.subset(&[3, 1, 0]).subset(&[1, 0]);
        assert_eq!((part.labels(), part.origin(0), part.pixels(0)), (&[1, 3][..], 1, Some(&[6u8][..])));
        assert_ne!(part.digest(), set.digest());
        assert_ne!(part.digest(), part.with_labels(vec![1, 2]).unwrap().digest());
    }

    #[test]
    fn other_examples_keep_the_labels() {
        let set = Dataset::from_features("x", 1, vec![1.0, 2.0], vec![1, 0], classes(2)).unwrap();
        let doubled = set.with_examples(Examples::from_features(1, vec![2.0, 4.0]).unwrap()).unwrap();
        assert_eq!((doubled.labels(), doubled.name()), (&[1, 0][..], "x"));
        assert!(set.with_examples(Examples::from_features(1, vec![2.0]).unwrap()).is_err());
    }
}
