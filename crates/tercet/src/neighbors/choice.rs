//! [`ChoiceOfK`]: the best number of neighbours, found by leave-one-out cross-validation.

use serde::{Deserialize, Serialize};

use super::leave_one_out::check_others;
use super::vote::{shares, winner};
use super::weighting::Standing;
use super::{Metric, NeighborsClassifier, Priors, Progress, Vote};
use crate::Result;
use crate::interval::Interval;

/// The leave-one-out accuracy with every number of neighbours from 1 on, and the best of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChoiceOfK {
    /// The number of neighbours with the highest accuracy; the smallest one on ties.
    pub k: usize,
    /// N, the number of stored examples.
    pub examples: usize,
    /// The effective sample size (Σ u)² / Σ u², the number of examples of equal weight with the same information; N if
    /// all weights are equal.
    pub effective_examples: f64,
    /// The metric.
    pub metric: Metric,
    /// How neighbours' votes were weighted.
    pub vote: Vote,
    /// The expected frequency of each class.
    pub priors: Priors,
    /// Whether the examples had weights.
    pub weighted: bool,
    /// The accuracy with k = 1, 2, …
    pub accuracies: Vec<LeaveOneOutAccuracy>,
}

/// The accuracy with one number of neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeaveOneOutAccuracy {
    /// The number of neighbours.
    pub k: usize,
    /// The fraction of the examples that the others classify correctly, 0 to 1.
    pub accuracy: f64,
    /// √(p (1 − p) / n), with p the accuracy and n the effective number of examples.
    pub standard_error: f64,
    /// The 95 % Wilson interval.
    pub interval: Interval,
}

impl ChoiceOfK {
    /// The accuracy with the chosen k.
    pub fn best(&self) -> &LeaveOneOutAccuracy {
        &self.accuracies[self.k - 1]
    }
}

impl NeighborsClassifier {
    /// Finds the best number of neighbours, 1 to `k_max`, from one search: every example is classified by all others,
    /// as if it had never been stored. Only the stored examples are used. The classifier is not changed;
    /// [`with_k`](Self::with_k) applies the result.
    ///
    /// Each example is weighted in the accuracy as its vote is: u = its weight times `prior / share` of its class, so
    /// the accuracy is the one to be expected if classes are as frequent as their priors. The examples are not
    /// independent of one another, because each is a neighbour of others; standard error and interval assume that they
    /// are. And the best of several accuracies is slightly optimistically biased, as after any selection.
    ///
    /// `progress` is called with the number of finished examples. If it returns `Break`, the result is `None`.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tercet::data::Dataset;
    /// use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
    ///
    /// // Numbers below 7 are of one class, the others of the other, except for one label error at 11.
    /// let x = (0..14).map(|i| i as f32).collect();
    /// let y = (0..14).map(|i| u32::from(i >= 7 && i != 11)).collect();
    /// let data = Dataset::from_features("line", 1, x, y, vec!["low".into(), "high".into()])?;
    /// let classifier = NeighborsClassifier::fit(&data, Metric::L2, 1, Vote::Uniform)?;
    /// let choice = classifier.choose_k(5, &|_, _| ControlFlow::Continue(()))?.unwrap();
    /// // With one neighbour the label error also misleads its neighbour.
    /// assert_eq!(choice.accuracies[0].accuracy, 11.0 / 14.0);
    /// assert_eq!((choice.k, choice.best().accuracy), (3, 12.0 / 14.0));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is a single example, or if `k_max` is 0 or above N − 1.
    pub fn choose_k(&self, k_max: usize, progress: Progress<'_>) -> Result<Option<ChoiceOfK>> {
        check_others("k-max", k_max, self.labels().len())?;
        let classes = self.classes();
        let mut correct = vec![0.0; k_max * classes];
        let (mut poll, mut without, mut found) = (self.poll(), Standing::default(), vec![0.0; classes]);
        let mut outcome = Ok(());
        let end = self.leave_one_out_by_blocks(k_max, progress, |first, neighbors| {
            for i in 0..neighbors.len() {
                let (example, (indices, distances)) = (first + i, neighbors.of(i));
                let truth = self.labels()[example];
                self.weighting().stand_without(example, self.labels(), &mut without);
                // Every neighbour is a stored example, so this cannot fail.
                outcome = std::mem::replace(&mut outcome, Ok(())).and(poll.ask(indices, distances, &without));
                for (rank, correct) in correct.chunks_exact_mut(classes).enumerate() {
                    poll.count(rank);
                    shares(&poll.votes, &without.unasked, &mut found);
                    // If no other example has a vote, nothing is known, and the prediction counts as wrong.
                    let known = found.iter().any(|share| *share > 0.0);
                    if known && winner(&found) == truth {
                        correct[truth as usize] += self.weighting().weight(example);
                    }
                }
            }
        })?;
        outcome?;
        Ok(end.is_continue().then(|| self.choice(&correct)))
    }

    /// `correct` is (k, C): the weights of the correctly classified examples.
    fn choice(&self, correct: &[f64]) -> ChoiceOfK {
        let (mut all, mut squares) = (vec![0.0; self.classes()], vec![0.0; self.classes()]);
        for (i, &label) in self.labels().iter().enumerate() {
            let weight = self.weighting().weight(i);
            all[label as usize] += weight;
            squares[label as usize] += weight * weight;
        }
        let factors = &self.weighting().standing().factors;
        let sum = |masses: &[f64]| -> f64 { masses.iter().zip(factors).map(|(mass, f)| mass * f).sum() };
        let total = sum(&all);
        let effective =
            total * total / squares.iter().zip(factors).map(|(square, f)| square * f * f).sum::<f64>();
        let accuracies: Vec<LeaveOneOutAccuracy> = (1..)
            .zip(correct.chunks_exact(all.len()))
            .map(|(k, correct)| {
                let accuracy = (sum(correct) / total).min(1.0);
                LeaveOneOutAccuracy {
                    k,
                    accuracy,
                    standard_error: (accuracy * (1.0 - accuracy) / effective).sqrt(),
                    interval: Interval::of_share(accuracy, effective),
                }
            })
            .collect();
        let mut k = 1;
        for point in &accuracies {
            if point.accuracy > accuracies[k - 1].accuracy {
                k = point.k;
            }
        }
        ChoiceOfK {
            k,
            examples: self.labels().len(),
            effective_examples: effective,
            metric: self.metric(),
            vote: self.vote(),
            priors: self.priors().clone(),
            weighted: self.weights().is_some(),
            accuracies,
        }
    }
}
