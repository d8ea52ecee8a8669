//! [`NeighborsClassifier`]: stored rows with their labels, and a vote.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::deformable::Reranker;
use super::index::{Features, check_k};
use super::vote::shares;
use super::weighting::{Standing, Weighting};
use super::{Deformable, Metric, NearestNeighbors, Neighbors, Priors, Progress, Vote};
use crate::data::{Dataset, Examples};
use crate::image::ImageShape;
use crate::{Error, Matrix, Result};

/// The k-nearest-neighbours classifier: a query gets the class that its k nearest examples vote for.
///
/// ```
/// use tercet::data::Dataset;
/// use tercet::image::ImageShape;
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
    classes: usize,
    k: usize,
    vote: Vote,
    weighting: Weighting,
    reranker: Option<Reranker>,
}

/// Why a query got its class: its neighbours and their votes.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The k neighbours, nearest first.
    pub neighbors: Vec<Voter>,
    /// The votes for each class, (C): the sums over its neighbours.
    pub votes: Vec<f64>,
    /// The scores, (C): the share of each class in all votes, or its prior if there are no votes.
    pub shares: Vec<f32>,
}

/// A neighbour and its vote.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Voter {
    /// Its index among the stored examples.
    pub index: u32,
    /// Its class.
    pub label: u32,
    /// Its distance from the query.
    pub distance: f64,
    /// The weight of its vote: 1 or 1 / distance, times its weight, times `prior / share` of its class.
    pub vote: f64,
}

impl Explanation {
    /// Whether any neighbour had a vote; otherwise the priors decided.
    pub fn anyone_voted(&self) -> bool {
        self.votes.iter().any(|votes| *votes > 0.0)
    }
}

impl NeighborsClassifier {
    /// Stores the examples of a data set.
    ///
    /// # Errors
    /// If the data set has no examples; if k = 0 or k > N; or for a vote by distance with [`Metric::Dot`], which is not
    /// a distance.
    pub fn fit(data: &Dataset, metric: Metric, k: usize, vote: Vote) -> Result<Self> {
        vote.check(metric)?;
        let index = NearestNeighbors::fit(data, metric)?;
        check_k(k, index.len())?;
        let (labels, classes) = (data.labels().to_vec(), data.class_count());
        let weighting = Weighting::new(&labels, classes, None, Priors::Data)?;
        Ok(NeighborsClassifier { index, labels, classes, k, vote, weighting, reranker: None })
    }

    /// The same examples, with another k.
    ///
    /// # Errors
    /// If k = 0 or k > N.
    pub fn with_k(self, k: usize) -> Result<Self> {
        check_k(k, self.index.len())?;
        Ok(NeighborsClassifier { k, ..self })
    }

    /// The same examples, with another vote.
    ///
    /// # Errors
    /// For a vote by distance with [`Metric::Dot`], which is not a distance.
    pub fn with_vote(self, vote: Vote) -> Result<Self> {
        vote.check(self.metric())?;
        Ok(NeighborsClassifier { vote, ..self })
    }

    /// The same examples, each with a weight by which its vote is multiplied; scikit-learn calls it `sample_weight`. An
    /// example of weight 0 can be found as a neighbour but has no vote.
    ///
    /// ```
    /// # use tercet::data::Dataset;
    /// # use tercet::image::ImageShape;
    /// # use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
    /// let classes = vec!["dark".to_owned(), "light".to_owned()];
    /// let set = Dataset::from_pixels("toy", ImageShape::gray(1, 1), vec![90, 95, 110], vec![0, 0, 1], classes)?;
    /// let classifier = NeighborsClassifier::fit(&set, Metric::L2, 3, Vote::Uniform)?;
    /// assert_eq!(classifier.predict(&set)?, [0, 0, 0]);
    /// let weighted = classifier.with_weights(vec![1.0, 0.5, 4.5])?;
    /// assert_eq!(weighted.predict(&set)?, [1, 1, 1]);
    /// assert_eq!(weighted.scores(&set)?.row(0), [0.25, 0.75]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Shapes
    /// `weights` is (N).
    ///
    /// # Errors
    /// If the number of weights is wrong, a weight is negative or not finite, or no example is left with a vote.
    pub fn with_weights(self, weights: Vec<f32>) -> Result<Self> {
        let priors = self.weighting.priors().clone();
        let weighting = Weighting::new(&self.labels, self.classes, Some(weights), priors)?;
        Ok(NeighborsClassifier { weighting, ..self })
    }

    /// The same examples, with other class priors. [`Priors::Uniform`] balances classes of unequal size.
    ///
    /// ```
    /// # use tercet::data::Dataset;
    /// # use tercet::image::ImageShape;
    /// # use tercet::neighbors::{Metric, NeighborsClassifier, Priors, Vote};
    /// // Three examples of one class and one of the other; each of the three has a third of the other's vote.
    /// let classes = vec!["common".to_owned(), "rare".to_owned()];
    /// let set = Dataset::from_pixels("toy", ImageShape::gray(1, 1), vec![90, 95, 99, 91], vec![0, 0, 0, 1], classes)?;
    /// let classifier = NeighborsClassifier::fit(&set, Metric::L2, 3, Vote::Uniform)?.with_priors(Priors::Uniform)?;
    /// assert_eq!(classifier.scores(&set.subset(&[0]))?.row(0), [0.4, 0.6]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the number of priors is not that of the classes, a prior is negative or not finite, or no example is left
    /// with a vote.
    pub fn with_priors(self, priors: Priors) -> Result<Self> {
        let weights = self.weighting.weights().map(<[f32]>::to_vec);
        let weighting = Weighting::new(&self.labels, self.classes, weights, priors)?;
        Ok(NeighborsClassifier { weighting, ..self })
    }

    /// The same examples, reranked by a distance that tolerates deformations: it is computed for the candidates that
    /// are nearest by the metric, and determines their order. `None` restores the plain metric.
    ///
    /// ```
    /// # use tercet::data::Dataset;
    /// # use tercet::image::ImageShape;
    /// use tercet::neighbors::{Deformable, Deformation, Metric, NeighborsClassifier, Vote};
    ///
    /// // A stroke on the left, and half a stroke on the right. Which class does a stroke in the middle belong to?
    /// let classes = vec!["whole".to_owned(), "half".to_owned()];
    /// let pixels = vec![9, 0, 0, 9, 0, 0, 0, 0, 9, 0, 0, 0];
    /// let set = Dataset::from_pixels("strokes", ImageShape::gray(3, 2), pixels, vec![0, 1], classes.clone())?;
    /// let query = Dataset::from_pixels("query", ImageShape::gray(3, 2), vec![0, 9, 0, 0, 9, 0], vec![0], classes)?;
    /// let classifier = NeighborsClassifier::fit(&set, Metric::L2, 1, Vote::Uniform)?;
    /// assert_eq!(classifier.predict(&query)?, [1]);
    /// let deformable = Deformable { candidates: 2, deformation: Deformation::Shifts(1) };
    /// let classifier = classifier.with_deformation(Some(deformable))?;
    /// assert_eq!(classifier.predict(&query)?, [0]);
    /// assert_eq!(classifier.search(&query)?.distances, [0.0]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Deformable::check`].
    pub fn with_deformation(self, deformable: Option<Deformable>) -> Result<Self> {
        let reranker = match deformable {
            Some(settings) => {
                let images = self.index.examples().map_or_else(|| self.to_examples(), Ok)?;
                Some(Reranker::new(settings, images, self.metric())?)
            }
            None => None,
        };
        Ok(NeighborsClassifier { reranker, ..self })
    }

    /// The k nearest examples of every query.
    ///
    /// # Errors
    /// If the queries have another width, or are pixels and the examples are not, or vice versa.
    pub fn search(&self, queries: &Examples) -> Result<Neighbors> {
        let found = self.search_with(queries, &|_, _| ControlFlow::Continue(()))?;
        Ok(found.expect("an uninterrupted search completes"))
    }

    /// [`search`](Self::search) with a progress callback, which may stop it: then the result is `None`.
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn search_with(&self, queries: &Examples, progress: Progress<'_>) -> Result<Option<Neighbors>> {
        match &self.reranker {
            None => self.index.search_with(queries, self.k, progress),
            Some(reranker) => reranker.search(&self.index, queries, self.k, progress),
        }
    }

    /// [`leave_one_out_by_blocks`](NearestNeighbors::leave_one_out_by_blocks) of the index, with the distance of the
    /// classifier.
    pub(super) fn leave_one_out_by_blocks(
        &self,
        k: usize,
        progress: Progress<'_>,
        mut take: impl FnMut(usize, Neighbors),
    ) -> Result<ControlFlow<()>> {
        let Some(reranker) = &self.reranker else {
            return self.index.leave_one_out_by_blocks(k, progress, take);
        };
        let n = self.index.len();
        let candidates = reranker.candidates(k, n.saturating_sub(1));
        let mut end = ControlFlow::Continue(());
        // The search for candidates is the smaller part of the work, so its progress is not counted.
        let reranked = AtomicUsize::new(0);
        let candidate_progress = |_, _| progress(reranked.load(Relaxed), n);
        let searched =
            self.index.leave_one_out_by_blocks(candidates, &candidate_progress, |first, near| {
                let so_far = |done, _| progress(first + done, n);
                match reranker.rerank(&self.index, &near, |i| reranker.image(first + i), k, &so_far) {
                    Some(found) if end.is_continue() => take(first, found),
                    _ => end = ControlFlow::Break(()),
                }
                reranked.store(first + near.len(), Relaxed);
            })?;
        Ok(if searched.is_break() { searched } else { end })
    }

    /// The class of every query, (N).
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn predict(&self, queries: &Examples) -> Result<Vec<u32>> {
        self.predict_from(&self.search(queries)?)
    }

    /// The share of each class in the votes, (N, C); every row adds up to 1 up to rounding. It estimates the
    /// probability of each class, like scikit-learn's `predict_proba`.
    ///
    /// The predicted class is the argmax of the row, by the rule of [`Vote`].
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn scores(&self, queries: &Examples) -> Result<Matrix> {
        self.scores_from(&self.search(queries)?)
    }

    /// The classes predicted from neighbours that were found before, so that neighbours, classes and scores can share
    /// one search.
    ///
    /// # Errors
    /// If a neighbour is not one of the stored examples.
    pub fn predict_from(&self, neighbors: &Neighbors) -> Result<Vec<u32>> {
        Ok(self.scores_from(neighbors)?.argmax())
    }

    /// The [`scores`](Self::scores) for neighbours that were found before.
    ///
    /// # Errors
    /// If a neighbour is not one of the stored examples.
    pub fn scores_from(&self, neighbors: &Neighbors) -> Result<Matrix> {
        let shares = self.shares_from(neighbors)?.into_iter().map(|share| share as f32).collect();
        Matrix::new(neighbors.len(), self.classes, shares)
    }

    /// The [`scores`](Self::scores) for neighbours that were found before, in f64, row-major (N, C).
    ///
    /// # Errors
    /// If a neighbour is not one of the stored examples.
    pub fn shares_from(&self, neighbors: &Neighbors) -> Result<Vec<f64>> {
        let mut all = vec![0.0; neighbors.len() * self.classes];
        let mut poll = self.poll();
        for (i, row) in all.chunks_exact_mut(self.classes).enumerate() {
            let (indices, distances) = neighbors.of(i);
            let standing = self.weighting.standing();
            poll.ask(indices, distances, standing)?;
            poll.all();
            shares(&poll.votes, &standing.unasked, row);
        }
        Ok(all)
    }

    /// Explains the class of query `i`, given the neighbours that were found.
    ///
    /// # Errors
    /// If there is no such query, or if a neighbour is not one of the stored examples.
    pub fn explain(&self, neighbors: &Neighbors, i: usize) -> Result<Explanation> {
        if i >= neighbors.len() {
            let expected = format!("one of the {} whose neighbours were found", neighbors.len());
            return Err(Error::mismatch("query to explain", i, expected));
        }
        let (indices, distances) = neighbors.of(i);
        let standing = self.weighting.standing();
        let mut poll = self.poll();
        poll.ask(indices, distances, standing)?;
        poll.all();
        let mut found = vec![0.0; self.classes];
        shares(&poll.votes, &standing.unasked, &mut found);
        let found_neighbors = indices.iter().zip(distances).zip(poll.labels.iter().zip(&poll.each));
        let voter = |((&index, &distance), (&label, &vote))| Voter { index, label, distance, vote };
        let shares = found.into_iter().map(|share| share as f32).collect();
        Ok(Explanation { neighbors: found_neighbors.map(voter).collect(), votes: poll.votes, shares })
    }

    /// An empty poll.
    pub(super) fn poll(&self) -> Poll<'_> {
        Poll {
            classifier: self,
            labels: Vec::new(),
            multipliers: Vec::new(),
            each: Vec::new(),
            votes: vec![0.0; self.classes],
        }
    }

    /// The stored rows without their labels.
    pub fn index(&self) -> &NearestNeighbors {
        &self.index
    }

    /// The class of every stored example, (N).
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// C, the number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The metric.
    pub fn metric(&self) -> Metric {
        self.index.metric()
    }

    /// The distance that tolerates deformations, if there is one.
    pub fn deformation(&self) -> Option<Deformable> {
        self.reranker.as_ref().map(Reranker::settings)
    }

    /// A description of the distance: the name of the metric, or the deformations that are tolerated.
    pub fn distance_in_words(&self) -> String {
        match self.deformation() {
            None => self.metric().to_string(),
            Some(deformable) => deformable.describe(self.metric()),
        }
    }

    /// The number of neighbours that vote.
    pub fn k(&self) -> usize {
        self.k
    }

    /// How neighbours' votes are weighted.
    pub fn vote(&self) -> Vote {
        self.vote
    }

    /// The weight of every stored example, (N), if they have weights.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weighting.weights()
    }

    /// The expected frequency of each class.
    pub fn priors(&self) -> &Priors {
        self.weighting.priors()
    }

    pub(super) fn weighting(&self) -> &Weighting {
        &self.weighting
    }

    /// The shape of the stored images, if the examples are images.
    pub fn image_shape(&self) -> Option<ImageShape> {
        self.index.image_shape()
    }

    /// A copy of the stored examples.
    ///
    /// # Errors
    /// Cannot fail for a classifier made by [`fit`](Self::fit).
    pub fn to_examples(&self) -> Result<Examples> {
        let width = self.index.width();
        match self.index.features() {
            Features::F32(values) => Examples::from_features(width, values),
            Features::F64(values) => Examples::from_f64(width, values),
            Features::U8(values) => {
                Examples::from_pixels(self.image_shape().unwrap_or(ImageShape::gray(width, 1)), values)
            }
        }
    }
}

/// The votes on one query after another, in reused buffers.
pub(super) struct Poll<'a> {
    classifier: &'a NeighborsClassifier,
    /// The class of each neighbour, (k).
    labels: Vec<u32>,
    /// The multiplier of each vote, (k).
    multipliers: Vec<f64>,
    /// The vote of each neighbour, (k).
    each: Vec<f64>,
    /// The votes of each class, (C).
    pub votes: Vec<f64>,
}

impl Poll<'_> {
    /// Computes the votes of the neighbours of a query. No vote is counted yet.
    ///
    /// # Errors
    /// If a neighbour is not one of the stored examples.
    pub fn ask(&mut self, indices: &[u32], distances: &[f64], standing: &Standing) -> Result<()> {
        let NeighborsClassifier { labels, weighting, vote, .. } = self.classifier;
        self.labels.clear();
        self.multipliers.clear();
        for &index in indices {
            let label = *labels.get(index as usize).ok_or_else(|| {
                Error::mismatch("a neighbour", index, format!("a row below {}", labels.len()))
            })?;
            self.labels.push(label);
            self.multipliers.push(weighting.weight(index as usize) * standing.factors[label as usize]);
        }
        vote.each(distances, &self.multipliers, &mut self.each);
        self.votes.fill(0.0);
        Ok(())
    }

    /// Counts the vote of the neighbour with this rank.
    pub fn count(&mut self, rank: usize) {
        self.votes[self.labels[rank] as usize] += self.each[rank];
    }

    /// Counts all votes.
    fn all(&mut self) {
        (0..self.labels.len()).for_each(|rank| self.count(rank));
    }
}
