//! [`NeighborsClassifier`]: remembered rows with their labels, and a vote.

use super::index::{Features, check_k};
use super::{Metric, NearestNeighbors, Neighbors, Progress, Vote};
use crate::data::{Dataset, ImageShape};
use crate::{Error, Matrix, Result};

/// The k-nearest-neighbours classifier: a query gets the class that its k nearest examples vote for.
///
/// ```
/// use tercet::data::{Dataset, ImageShape};
/// use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
///
/// let classes = vec!["dark".to_owned(), "light".to_owned()];
/// let pixels = vec![0, 10, 20, 235, 255];
/// let set = Dataset::from_pixels("toy", ImageShape::gray(1, 1), pixels, vec![0, 0, 0, 1, 1], classes)?;
/// let classifier = NeighborsClassifier::fit(&set, Metric::L2, 3, Vote::Uniform)?;
/// assert_eq!(classifier.predict(&set)?, [0, 0, 0, 1, 1]);
/// assert_eq!(classifier.scores(&set)?.row(4), [1.0 / 3.0, 2.0 / 3.0]);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NeighborsClassifier {
    index: NearestNeighbors,
    labels: Vec<u32>,
    classes: Vec<String>,
    k: usize,
    vote: Vote,
}

impl NeighborsClassifier {
    /// Remembers the examples of a data set.
    ///
    /// # Errors
    /// A data set without examples; k = 0 or k > N.
    pub fn fit(data: &Dataset, metric: Metric, k: usize, vote: Vote) -> Result<Self> {
        let index = NearestNeighbors::fit(data, metric)?;
        check_k(k, index.len())?;
        Ok(NeighborsClassifier { index, labels: data.labels(), classes: data.classes().to_vec(), k, vote })
    }

    /// The same examples, asked with another k.
    ///
    /// # Errors
    /// k = 0 or k > N.
    pub fn with_k(self, k: usize) -> Result<Self> {
        check_k(k, self.index.len())?;
        Ok(NeighborsClassifier { k, ..self })
    }

    /// The same examples, with another vote.
    pub fn with_vote(self, vote: Vote) -> Self {
        NeighborsClassifier { vote, ..self }
    }

    /// The k nearest examples of every query.
    ///
    /// # Errors
    /// Queries of another width, or pixels against features.
    pub fn search(&self, queries: &Dataset) -> Result<Neighbors> {
        self.index.search(queries, self.k)
    }

    /// [`search`](Self::search) with progress, which may be stopped: then there is `None`.
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn search_with(&self, queries: &Dataset, progress: Progress<'_>) -> Result<Option<Neighbors>> {
        self.index.search_with(queries, self.k, progress)
    }

    /// The class of every query, (N).
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn predict(&self, queries: &Dataset) -> Result<Vec<u32>> {
        self.predict_from(&self.search(queries)?)
    }

    /// The share of the votes that each class has, (N, C); every row adds up to 1 but for rounding.
    ///
    /// The class predicted is the argmax of the row, by the rule of [`Vote`].
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn scores(&self, queries: &Dataset) -> Result<Matrix> {
        self.scores_from(&self.search(queries)?)
    }

    /// The classes that neighbours found before vote for, for whoever wants neighbours, classes and scores from one
    /// search.
    ///
    /// # Errors
    /// A neighbour that is none of the remembered examples.
    pub fn predict_from(&self, neighbors: &Neighbors) -> Result<Vec<u32>> {
        Ok(self.scores_from(neighbors)?.argmax())
    }

    /// The [`scores`](Self::scores) of neighbours found before.
    ///
    /// # Errors
    /// A neighbour that is none of the remembered examples.
    pub fn scores_from(&self, neighbors: &Neighbors) -> Result<Matrix> {
        let classes = self.classes.len();
        let mut scores = Matrix::zeros(neighbors.len(), classes);
        let (mut votes, mut labels) = (vec![0.0; classes], Vec::with_capacity(neighbors.k));
        for (i, shares) in scores.values_mut().chunks_exact_mut(classes).enumerate() {
            let (indices, distances) = neighbors.of(i);
            labels.clear();
            for &index in indices {
                let label = self.labels.get(index as usize).ok_or_else(|| {
                    Error::mismatch("a neighbour", index, format!("a row below {}", self.labels.len()))
                })?;
                labels.push(*label);
            }
            self.vote.count(&labels, distances, &mut votes, shares);
        }
        Ok(scores)
    }

    /// The remembered rows without their labels.
    pub fn index(&self) -> &NearestNeighbors {
        &self.index
    }

    /// The class of every remembered example, (N).
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The names of the C classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What "near" means here.
    pub fn metric(&self) -> Metric {
        self.index.metric()
    }

    /// How many neighbours vote.
    pub fn k(&self) -> usize {
        self.k
    }

    /// What the vote of a neighbour counts.
    pub fn vote(&self) -> Vote {
        self.vote
    }

    /// The shape of the remembered images, where the examples are images.
    pub fn image_shape(&self) -> Option<ImageShape> {
        self.index.image_shape()
    }

    /// The remembered examples as a data set again: what [`fit`](Self::fit) needs to make an equal classifier, for a
    /// model file to write or a page to show. The features are copied.
    ///
    /// # Errors
    /// None that a classifier made by [`fit`](Self::fit) can cause.
    pub fn to_dataset(&self, name: impl Into<String>) -> Result<Dataset> {
        let (labels, classes) = (self.labels.clone(), self.classes.clone());
        match self.index.features() {
            Features::F32(values) => {
                Dataset::from_features(name, self.index.width(), values, labels, classes)
            }
            Features::U8(values) => {
                let shape = self.image_shape().unwrap_or(ImageShape::gray(self.index.width(), 1));
                Dataset::from_pixels(name, shape, values, labels, classes)
            }
        }
    }
}
