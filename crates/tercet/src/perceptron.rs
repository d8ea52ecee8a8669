//! The lecture's first neuron: a weighted sum, a threshold, and a learning rule driven only by mistakes.
//!
//! ```text
//! z = x · w + b        a linear score
//! y = step(z)          1 if z ≥ 0, else 0
//! ```
//!
//! [`Perceptron`] is a binary classifier. It learns everything that is linearly separable (OR, AND) and never converges
//! otherwise (XOR). [`MultiPerceptron`] has one perceptron per class, without the step: the class with the highest
//! score wins. That is already a linear classifier, with its own learning rule.
//!
//! # Why networks need a differentiable activation
//!
//! A network of perceptrons could represent XOR, but could not be trained by gradient descent. The gradient with
//! respect to each weight is, by the chain rule, a product that includes the derivative of every activation along the
//! way. The derivative of the step is zero everywhere and undefined at z = 0, so the product is zero: no weight before
//! a step gets a gradient. [`Network`](crate::network::Network) therefore uses activations with a non-zero slope, such
//! as ReLU.
//!
//! Source: lecture 13, "The perceptron" and "Building a Neural Network"; F. Rosenblatt, *The perceptron: a
//! probabilistic model for information storage and organization in the brain*, Psychological Review 65 (1958).

use rand::seq::SliceRandom;
use tercet_kernels::Isa;
use tercet_kernels::matmul::{self, Start, View};

use crate::matrix::argmax;
use crate::random::{Stream, generator};
use crate::{Dataset, Error, Matrix, Result};

/// `step(z) = 1 if z ≥ 0 else 0`: the activation of a perceptron. NaN gives 0.
pub fn step(z: f32) -> f32 {
    if z >= 0.0 { 1.0 } else { 0.0 }
}

/// `y = step(x · w + b)`: a binary classifier.
///
/// ```
/// use tercet::Matrix;
/// use tercet::perceptron::Perceptron;
///
/// // OR: one row per pair of inputs.
/// let x = Matrix::new(4, 2, vec![0., 0., 0., 1., 1., 0., 1., 1.])?;
/// let mut perceptron = Perceptron::new(2);
/// assert!(perceptron.fit(&x, &[false, true, true, true], 100)?.is_some());
/// assert_eq!(perceptron.activate(&[0.0, 1.0]), 1.0);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Perceptron {
    /// One weight for each of the D inputs.
    pub w: Vec<f32>,
    /// The bias.
    pub b: f32,
}

impl Perceptron {
    /// An untrained perceptron with `inputs` inputs: all weights and the bias are zero.
    pub fn new(inputs: usize) -> Self {
        Perceptron { w: vec![0.0; inputs], b: 0.0 }
    }

    /// `step(x · w + b)`.
    ///
    /// # Panics
    /// If x does not have one value for each weight.
    pub fn activate(&self, x: &[f32]) -> f32 {
        assert_eq!(x.len(), self.w.len(), "a perceptron reads one value for each weight");
        let z: f32 = x.iter().zip(&self.w).map(|(x, w)| x * w).sum();
        step(z + self.b)
    }

    /// Updates the perceptron with one example. If its output y differs from the target t, the weights change:
    ///
    /// ```text
    /// w += η (t − y) x
    /// b += η (t − y)
    /// ```
    ///
    /// Returns whether the prediction was wrong.
    ///
    /// # Panics
    /// If x does not have one value for each weight.
    pub fn learn(&mut self, x: &[f32], target: bool, learning_rate: f32) -> bool {
        let error = f32::from(target) - self.activate(x);
        for (w, x) in self.w.iter_mut().zip(x) {
            *w += learning_rate * error * x;
        }
        self.b += learning_rate * error;
        error != 0.0
    }

    /// Trains on the examples in order, in passes over all of them, until a pass has no mistake. Returns the number of
    /// passes, including the one without mistakes, or `None` if `epochs` passes did not suffice.
    ///
    /// If the examples are linearly separable, Novikoff's theorem (1962) states that training converges after at most
    /// (R / γ)² mistakes, with R the length of the longest example and γ the width of the margin, where the bias counts
    /// as one more input that is always 1. Otherwise it never converges.
    ///
    /// The learning rate is 1. With zero initial weights, another rate scales w and b together and changes no
    /// prediction.
    ///
    /// # Shapes
    /// x is (N, D), `targets` is (N).
    ///
    /// # Errors
    /// If x does not have one column for each weight, or one row for each target.
    pub fn fit(&mut self, x: &Matrix, targets: &[bool], epochs: usize) -> Result<Option<usize>> {
        expect_width(x.columns(), self.w.len())?;
        if x.rows() != targets.len() {
            return Err(Error::mismatch("targets of a perceptron", targets.len(), x.rows()));
        }
        for epoch in 1..=epochs {
            let mut mistakes = 0;
            for (i, &target) in targets.iter().enumerate() {
                mistakes += usize::from(self.learn(x.row(i), target, 1.0));
            }
            if mistakes == 0 {
                return Ok(Some(epoch));
            }
        }
        Ok(None)
    }
}

/// `scores = X · W + b`: one perceptron per class, without the step.
///
/// ```
/// use tercet::Dataset;
/// use tercet::perceptron::MultiPerceptron;
///
/// let classes = ["left", "middle", "right"].map(str::to_owned).to_vec();
/// let set = Dataset::from_features("line", 2, vec![-2., 0., 0., 2., 2., 0.], vec![0, 1, 2], classes)?;
/// let mut perceptrons = MultiPerceptron::new(2, 3);
/// assert!(perceptrons.fit(&set, 100, 7)?.is_some());
/// assert_eq!(perceptrons.predict(&set)?, [0, 1, 2]);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct MultiPerceptron {
    inputs: usize,
    /// W, (D, C), row-major: column c holds the weights of class c. The same layout as a linear classifier.
    pub w: Vec<f32>,
    /// b, (C).
    pub b: Vec<f32>,
}

/// How many examples are scored in one matrix product.
const SCORED_AT_ONCE: usize = 256;

impl MultiPerceptron {
    /// Untrained perceptrons for `classes` classes: all weights and biases are zero.
    pub fn new(inputs: usize, classes: usize) -> Self {
        MultiPerceptron { inputs, w: vec![0.0; inputs * classes], b: vec![0.0; classes] }
    }

    /// D, the number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// C, the number of classes.
    pub fn classes(&self) -> usize {
        self.b.len()
    }

    /// The class scores of every example.
    ///
    /// # Shapes
    /// (N, D) → (N, C).
    ///
    /// # Errors
    /// If the examples do not have D features.
    pub fn scores(&self, set: &Dataset) -> Result<Matrix> {
        expect_width(set.width(), self.inputs)?;
        let mut scores = Matrix::zeros(set.len(), self.classes());
        let rows: Vec<usize> = (0..set.len()).collect();
        let mut x = vec![0.0; SCORED_AT_ONCE.min(set.len()) * self.inputs];
        // Without classes there are no scores, but the piece length must be positive.
        let piece = SCORED_AT_ONCE * self.classes().max(1);
        for (rows, scores) in rows.chunks(SCORED_AT_ONCE).zip(scores.values_mut().chunks_mut(piece)) {
            let x = &mut x[..rows.len() * self.inputs];
            set.write_inputs(rows, x);
            self.write_scores(x, scores);
        }
        Ok(scores)
    }

    /// `argmax(scores)`: the class of every example.
    ///
    /// # Errors
    /// If the examples do not have D features.
    pub fn predict(&self, set: &Dataset) -> Result<Vec<u32>> {
        Ok(self.scores(set)?.argmax())
    }

    /// Trains on the examples in order, in passes that are reshuffled each time, until a pass has no mistake. A mistake
    /// adds x to the weights of the true class and subtracts it from those of the predicted class:
    ///
    /// ```text
    /// w[true] += x,  b[true] += 1,  w[predicted] −= x,  b[predicted] −= 1
    /// ```
    ///
    /// Returns the number of passes, including the one without mistakes, or `None` if `epochs` passes did not suffice.
    /// The order of the examples is drawn from the stream [`Stream::Batches`] of `seed`.
    ///
    /// # Errors
    /// If the examples do not have D features and C classes.
    pub fn fit(&mut self, set: &Dataset, epochs: usize, seed: u64) -> Result<Option<usize>> {
        expect_width(set.width(), self.inputs)?;
        if set.class_count() != self.classes() {
            return Err(Error::mismatch("classes of the examples", set.class_count(), self.classes()));
        }
        let mut random = generator(seed, Stream::Batches);
        let mut order: Vec<usize> = (0..set.len()).collect();
        let (mut x, mut scores) = (vec![0.0; self.inputs], vec![0.0; self.classes()]);
        for epoch in 1..=epochs {
            order.shuffle(&mut random);
            let mut mistakes = 0;
            for &i in &order {
                set.write_inputs(&[i], &mut x);
                mistakes += usize::from(self.learn(&x, set.label(i), &mut scores));
            }
            if mistakes == 0 {
                return Ok(Some(epoch));
            }
        }
        Ok(None)
    }

    /// The multi-class rule for one example; `scores` is scratch space. Returns whether the prediction was wrong.
    fn learn(&mut self, x: &[f32], label: u32, scores: &mut [f32]) -> bool {
        self.write_scores(x, scores);
        let predicted = argmax(scores);
        if predicted == label {
            return false;
        }
        let (label, predicted) = (label as usize, predicted as usize);
        for (w, x) in self.w.chunks_exact_mut(self.b.len()).zip(x) {
            w[label] += x;
            w[predicted] -= x;
        }
        self.b[label] += 1.0;
        self.b[predicted] -= 1.0;
        true
    }

    /// `scores = X · W + b` for the rows of `x`.
    fn write_scores(&self, x: &[f32], scores: &mut [f32]) {
        let x = View::new(x, x.len() / self.inputs, self.inputs);
        let w = View::new(&self.w, self.inputs, self.b.len());
        matmul::product(Isa::active(), x, w, Start::Bias(&self.b), scores);
    }
}

/// Rejects examples whose width differs from that of the weights.
fn expect_width(found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::mismatch("features of an example", found, expected)) }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    /// The four pairs of truth values.
    fn pairs() -> Matrix {
        Matrix::new(4, 2, vec![0., 0., 0., 1., 1., 0., 1., 1.]).unwrap()
    }

    /// The predictions of a new perceptron for the four pairs after training on them, if it converges.
    fn learned(targets: [bool; 4]) -> Option<[bool; 4]> {
        let (x, mut perceptron) = (pairs(), Perceptron::new(2));
        perceptron.fit(&x, &targets, 1000).unwrap()?;
        Some([0, 1, 2, 3].map(|i| perceptron.activate(x.row(i)) == 1.0))
    }

    /// Points around three corners, far enough apart to be linearly separable.
    fn three_clouds(n: usize, seed: u64) -> Dataset {
        let corners = [(0.0, 4.0), (-4.0, -3.0), (4.0, -3.0)];
        let mut random = generator(seed, Stream::Search);
        let labels: Vec<u32> = (0..n as u32).map(|i| i % 3).collect();
        let mut values = Vec::with_capacity(2 * n);
        for &label in &labels {
            let (x, y) = corners[label as usize];
            values.push(x + random.random_range(-1.5..1.5));
            values.push(y + random.random_range(-1.5..1.5));
        }
        let classes = ["top", "left", "right"].map(str::to_owned).to_vec();
        Dataset::from_features("clouds", 2, values, labels, classes).unwrap()
    }

    #[test]
    fn the_step_is_one_from_zero_on() {
        assert_eq!([-1e-30, -0.0, 0.0, 2.0, f32::NAN].map(step), [0.0, 1.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn it_learns_or_and_and() {
        for targets in [[false, true, true, true], [false, false, false, true]] {
            assert_eq!(learned(targets), Some(targets));
        }
    }

    #[test]
    fn it_never_converges_on_xor() {
        assert_eq!(learned([false, true, true, false]), None);
    }

    #[test]
    fn it_stays_within_novikoffs_bound() {
        // A known line with unit normal (0.6, −0.8, offset 0) separates the points with a margin of at least 0.2.
        let mut random = generator(3, Stream::Search);
        let mut points: Vec<([f32; 2], bool)> = Vec::new();
        while points.len() < 200 {
            let point: [f32; 2] = [random.random_range(-1.0..1.0), random.random_range(-1.0..1.0)];
            let side = 0.6 * point[0] - 0.8 * point[1];
            if side.abs() >= 0.2 {
                points.push((point, side > 0.0));
            }
        }
        // The bias is one more input that is always 1, so no example is longer than √(1 + 1 + 1).
        let bound = (3.0_f64 / (0.2 * 0.2)).floor() as usize;

        let (mut perceptron, mut mistakes) = (Perceptron::new(2), 0);
        loop {
            let in_this_pass = points.iter().filter(|(x, t)| perceptron.learn(x, *t, 1.0)).count();
            mistakes += in_this_pass;
            assert!(mistakes <= bound, "{mistakes} mistakes, at most {bound} were allowed");
            if in_this_pass == 0 {
                break;
            }
        }
        assert!(mistakes > 0, "zero weights cannot know the answers");
    }

    #[test]
    fn the_learning_rate_scales_the_weights_and_changes_no_prediction() {
        let (x, targets) = (pairs(), [false, false, false, true]);
        let (mut one, mut quarter) = (Perceptron::new(2), Perceptron::new(2));
        for i in [0, 1, 2, 3].repeat(10) {
            assert_eq!(one.learn(x.row(i), targets[i], 1.0), quarter.learn(x.row(i), targets[i], 0.25));
        }
        assert_eq!(one.w, quarter.w.iter().map(|w| 4.0 * w).collect::<Vec<_>>());
    }

    #[test]
    fn several_perceptrons_generalise_to_new_points_of_three_clouds() {
        let (train, test) = (three_clouds(300, 1), three_clouds(600, 2));
        let mut perceptrons = MultiPerceptron::new(2, 3);
        assert!(perceptrons.fit(&train, 200, 5).unwrap().is_some());
        assert_eq!(perceptrons.predict(&train).unwrap(), train.labels());

        let predicted = perceptrons.predict(&test).unwrap();
        let right = predicted.iter().zip(test.labels()).filter(|(p, y)| p == y).count();
        assert!(right as f64 > 0.95 * test.len() as f64, "{right} of {}", test.len());
    }

    #[test]
    fn one_seed_gives_the_same_bits_and_another_does_not() {
        let set = three_clouds(300, 1);
        let fitted = |seed| {
            let mut perceptrons = MultiPerceptron::new(2, 3);
            perceptrons.fit(&set, 200, seed).unwrap();
            perceptrons
        };
        assert_eq!(fitted(5), fitted(5));
        assert_ne!(fitted(5), fitted(6));
    }

    #[test]
    fn mismatched_sizes_are_rejected_with_both_numbers() {
        let error = Perceptron::new(3).fit(&pairs(), &[true; 4], 1).unwrap_err();
        assert_eq!(error.to_string(), "features of an example: found 2; expected 3");
        let error = Perceptron::new(2).fit(&pairs(), &[true; 3], 1).unwrap_err();
        assert_eq!(error.to_string(), "targets of a perceptron: found 3; expected 4");
        let set = three_clouds(3, 1);
        assert!(MultiPerceptron::new(3, 3).predict(&set).is_err());
        let error = MultiPerceptron::new(2, 4).fit(&set, 1, 0).unwrap_err();
        assert_eq!(error.to_string(), "classes of the examples: found 3; expected 4");
    }
}
