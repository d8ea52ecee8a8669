//! Calibration: a model's confidence compared with its accuracy.

use serde::{Deserialize, Serialize};

use super::Scores;
use crate::matrix::argmax;
use crate::{Error, Matrix, Result};

/// The number of bins used in the papers.
pub const BINS: usize = 15;

/// The range in which the temperature is searched.
const TEMPERATURES: (f64, f64) = (1e-2, 1e2);

/// Calibration of N predictions in M bins of equal width.
///
/// The confidence of a prediction is the probability that the model assigns to it. Bin m contains the predictions with
/// a confidence above (m − 1) / M and at most m / M:
///
/// ```text
/// ECE = Σ_m |B_m| / N · |acc(B_m) − conf(B_m)|
/// ```
///
/// acc is the fraction of correct predictions in a bin, conf their mean confidence. A calibrated model has an expected
/// calibration error of 0: of the predictions with a confidence of 80 %, 80 % are correct. The value depends on M, and
/// for few predictions it is above 0 by chance alone.
///
/// Source: C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017,
/// equation 5 (with M = 15, as [`BINS`]); the estimate is by M. P. Naeini, G. F. Cooper and M. Hauskrecht, AAAI 2015.
///
/// ```
/// use tercet::Matrix;
/// use tercet::evaluate::Calibration;
///
/// // Four predictions with confidence 0.75, three of which are correct, and one with 0.95 that is wrong.
/// let probabilities = Matrix::new(5, 2, vec![0.75, 0.25, 0.75, 0.25, 0.75, 0.25, 0.75, 0.25, 0.95, 0.05])?;
/// let calibration = Calibration::of(&probabilities, &[0, 0, 0, 1, 1], 10)?;
/// assert!((calibration.ece - 0.95 / 5.0).abs() < 1e-6);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The bins, from the least confident on, (M).
    pub bins: Vec<Bin>,
    /// The expected calibration error, 0 to 1.
    pub ece: f64,
    /// The mean confidence of all predictions. If it is above the accuracy, the model is overconfident.
    pub confidence: f64,
    /// The fraction of correct predictions.
    pub accuracy: f64,
}

/// The predictions of similar confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The number of predictions.
    pub count: usize,
    /// The number of correct ones.
    pub correct: usize,
    /// Their mean confidence; `None` if the bin is empty.
    pub confidence: Option<f64>,
}

impl Bin {
    /// The fraction of correct predictions; `None` if the bin is empty.
    pub fn accuracy(&self) -> Option<f64> {
        (self.count > 0).then(|| self.correct as f64 / self.count as f64)
    }
}

impl Calibration {
    /// The calibration of the predictions `argmax(probabilities)`.
    ///
    /// # Shapes
    /// `probabilities` is (N, C), `labels` is (N).
    ///
    /// # Errors
    /// No bins, no examples, mismatched counts, and a confidence that is not from 0 to 1.
    pub fn of(probabilities: &Matrix, labels: &[u32], bins: usize) -> Result<Self> {
        if !(1..=1000).contains(&bins) {
            return Err(Error::setting("bins", bins, "from 1 to 1,000"));
        }
        check_counts(probabilities, labels)?;
        let mut counted = vec![(Bin::default(), 0.0); bins];
        for (i, &label) in labels.iter().enumerate() {
            let row = probabilities.row(i);
            let answer = argmax(row);
            let confidence = row.get(answer as usize).map_or(f64::NAN, |&p| f64::from(p));
            // Rounding may raise a sum of probabilities slightly above 1.
            if !(0.0..=1.0 + 1e-4).contains(&confidence) {
                return Err(Error::mismatch(
                    format!("probability of the answer to example {i}"),
                    confidence,
                    "a number from 0 to 1: probabilities, not scores",
                ));
            }
            let place = ((confidence * bins as f64).ceil() as usize).clamp(1, bins) - 1;
            let (bin, sum) = &mut counted[place];
            bin.count += 1;
            bin.correct += usize::from(answer == label);
            *sum += confidence;
        }
        let n = labels.len() as f64;
        let (mut ece, mut confidence, mut correct) = (0.0, 0.0, 0);
        for (bin, sum) in &mut counted {
            ece += (bin.correct as f64 - *sum).abs() / n;
            confidence += *sum / n;
            correct += bin.correct;
            bin.confidence = (bin.count > 0).then(|| *sum / bin.count as f64);
        }
        let bins = counted.into_iter().map(|(bin, _)| bin).collect();
        Ok(Calibration { bins, ece, confidence, accuracy: correct as f64 / n })
    }
}

/// The probabilities for given scores, (N, C): softmax(z / T) of logits z; vote shares are left unchanged.
pub fn probabilities_at(scores: &Matrix, are: Scores, temperature: f64) -> Matrix {
    let mut probabilities = scores.clone();
    if are == Scores::Logits {
        let classes = probabilities.columns().max(1);
        for (i, row) in probabilities.values_mut().chunks_exact_mut(classes).enumerate() {
            let of = scores.row(i);
            let largest = of.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let power = |z: f32| (f64::from(z - largest) / temperature).exp();
            let sum: f64 = of.iter().map(|&z| power(z)).sum();
            row.iter_mut().zip(of).for_each(|(p, &z)| *p = (power(z) / sum) as f32);
        }
    }
    probabilities
}

/// The temperature T for which softmax(z / T) maximises the likelihood of the labels, that is, minimises
///
/// ```text
/// −1/N · Σ_i ln softmax(z_i / T)_{y_i}
/// ```
///
/// It changes no prediction, only its confidence: more confident for T below 1, less for T above 1. It must be fitted
/// on examples that the model was not trained on, the validation set, and never on the test set.
///
/// The loss is convex in β = 1/T. The root of its derivative, the mean of `E_p[z] − z_y`, is found by bisection between
/// T = 0.01 and 100. If every prediction is correct by a margin, the likelihood increases with β without bound, and T
/// is 0.01.
///
/// Source: Guo et al. 2017, section 4.2, after J. Platt 1999.
///
/// # Shapes
/// `logits` is (N, C), `labels` is (N).
///
/// # Errors
/// No examples, mismatched counts, a label outside the classes, and a non-finite score.
///
/// ```
/// use tercet::Matrix;
/// use tercet::evaluate::fit_temperature;
///
/// // Odds of e⁴ to 1, but correct three times out of four: the odds should be 3 to 1.
/// let logits = Matrix::new(4, 2, vec![4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0])?;
/// let temperature = fit_temperature(&logits, &[0, 0, 0, 1])?;
/// assert!((temperature - 4.0 / 3f64.ln()).abs() < 1e-6);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn fit_temperature(logits: &Matrix, labels: &[u32]) -> Result<f64> {
    check_counts(logits, labels)?;
    for (i, &label) in labels.iter().enumerate() {
        if label as usize >= logits.columns() {
            let expected = format!("a class from 0 to {}", logits.columns().saturating_sub(1));
            return Err(Error::mismatch(format!("label of example {i}"), label, expected));
        }
        if let Some(score) = logits.row(i).iter().find(|score| !score.is_finite()) {
            return Err(Error::mismatch(format!("score of example {i}"), score, "a finite number"));
        }
    }
    let slope = |beta: f64| -> f64 {
        let of_example = |(i, &label): (usize, &u32)| {
            let row = logits.row(i);
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let (mut sum, mut weighted) = (0.0, 0.0);
            // z_y is subtracted from each z, so that the loss of nearly perfect predictions is not lost in rounding.
            for &z in row {
                let power = (beta * f64::from(z - largest)).exp();
                sum += power;
                weighted += power * f64::from(z - row[label as usize]);
            }
            weighted / sum
        };
        labels.iter().enumerate().map(of_example).sum()
    };
    let (mut low, mut high) = (1.0 / TEMPERATURES.1, 1.0 / TEMPERATURES.0);
    // Geometric bisection, since the scale of the scores is unknown.
    for _ in 0..64 {
        let middle = (low * high).sqrt();
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
    Ok(1.0 / high)
}

fn check_counts(scores: &Matrix, labels: &[u32]) -> Result<()> {
    if labels.is_empty() {
        return Err(Error::mismatch("examples to evaluate confidence on", 0, "at least 1"));
    }
    if scores.rows() != labels.len() {
        return Err(Error::mismatch("rows of scores", scores.rows(), labels.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(columns: usize, values: Vec<f32>) -> Matrix {
        Matrix::new(values.len() / columns, columns, values).unwrap()
    }

    #[test]
    fn the_error_by_hand() {
        // Confidences 0.6, 0.7 (bin 2 of 4 is up to 0.75), 0.9, 1.0; correct: no, yes, yes, yes.
        let p = matrix(2, vec![0.6, 0.4, 0.3, 0.7, 0.9, 0.1, 1.0, 0.0]);
        let found = Calibration::of(&p, &[1, 1, 0, 0], 4).unwrap();
        let counts: Vec<_> = found.bins.iter().map(|bin| (bin.count, bin.correct)).collect();
        assert_eq!(counts, [(0, 0), (0, 0), (2, 1), (2, 2)]);
        // 2/4 · |0.5 − 0.65| + 2/4 · |1 − 0.95|
        assert!((found.ece - (0.075 + 0.025)).abs() < 1e-6, "{}", found.ece);
        assert!((found.confidence - 0.8).abs() < 1e-6 && found.accuracy == 0.75);
        assert_eq!((found.bins[0].accuracy(), found.bins[0].confidence), (None, None));
        assert_eq!(found.bins[2].accuracy(), Some(0.5));
        let mean = found.bins[2].confidence.unwrap();
        assert!((mean - 0.65).abs() < 1e-6, "{mean}");
    }

    #[test]
    fn a_confidence_on_the_edge_belongs_to_the_lower_bin() {
        let p = matrix(2, vec![0.5, 0.5, 0.75, 0.25, 1.0, 0.0]);
        let bins = Calibration::of(&p, &[0, 0, 0], 4).unwrap().bins;
        assert_eq!(bins.iter().map(|bin| bin.count).collect::<Vec<_>>(), [0, 1, 1, 1]);
    }

    #[test]
    fn values_that_are_not_probabilities_are_rejected() {
        let refused =
            |p: Matrix, labels: &[u32], bins| Calibration::of(&p, labels, bins).unwrap_err().to_string();
        assert!(refused(matrix(2, vec![3.0, 0.0]), &[0], 15).contains("probabilities, not scores"));
        assert!(refused(matrix(2, vec![f32::NAN; 2]), &[0], 15).contains("example 0: found NaN"));
        assert!(refused(matrix(2, vec![-1.0, -2.0]), &[0], 15).contains("found -1"));
        assert!(refused(matrix(2, vec![1.0, 0.0]), &[0, 1], 15).contains("rows of scores"));
        assert!(refused(Matrix::zeros(0, 2), &[], 15).contains("at least 1"));
        for bins in [0, 1001] {
            assert!(refused(matrix(2, vec![1.0, 0.0]), &[0], bins).contains("bins"));
        }
    }

    #[test]
    fn probabilities_follow_the_temperature_and_shares_do_not() {
        let logits = matrix(2, vec![2.0 * 3f32.ln(), 0.0]);
        let p = probabilities_at(&logits, Scores::Logits, 2.0);
        assert!((p.values()[0] - 0.75).abs() < 1e-6 && (p.values()[1] - 0.25).abs() < 1e-6);
        let plain = probabilities_at(&logits, Scores::Logits, 1.0);
        assert!((plain.values()[0] - 0.9).abs() < 1e-6);
        let shares = matrix(2, vec![0.25, 0.75]);
        assert_eq!(probabilities_at(&shares, Scores::Shares, 9.0), shares);
        assert!(probabilities_at(&matrix(2, vec![1e30, -1e30]), Scores::Logits, 0.01).values() == [1.0, 0.0]);
    }

    /// Central differences of the loss at the fitted temperature: it is a minimum.
    #[test]
    fn the_temperature_is_where_the_likelihood_is_largest() {
        let logits: Vec<f32> = (0..600).map(|i| ((i * 7919 + 13) % 101) as f32 / 9.0).collect();
        let logits = matrix(3, logits);
        let labels: Vec<u32> =
            (0..200).map(|i| if i % 3 == 0 { (i % 7 % 3) as u32 } else { argmax(logits.row(i)) }).collect();
        let loss = |t: f64| -> f64 {
            let p = probabilities_at(&logits, Scores::Logits, t);
            labels.iter().enumerate().map(|(i, &y)| -f64::from(p.row(i)[y as usize]).ln()).sum()
        };
        let t = fit_temperature(&logits, &labels).unwrap();
        assert!(loss(t) < loss(t * 1.02) && loss(t) < loss(t / 1.02), "{t}");
    }

    #[test]
    fn extreme_temperatures_and_invalid_input() {
        let sure = matrix(2, vec![1.0, 0.0, 0.0, 1.0]);
        assert!((fit_temperature(&sure, &[0, 1]).unwrap() - 0.01).abs() < 1e-9);
        assert!((fit_temperature(&sure, &[1, 0]).unwrap() - 100.0).abs() < 1e-6);
        assert!(fit_temperature(&sure, &[0, 2]).unwrap_err().to_string().contains("from 0 to 1"));
        assert!(fit_temperature(&sure, &[0]).is_err());
        let error = fit_temperature(&matrix(2, vec![f32::INFINITY, 0.0]), &[0]).unwrap_err().to_string();
        assert!(error.contains("score of example 0: found inf"), "{error}");
    }
}
