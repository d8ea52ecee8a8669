//! McNemar's test: whether one model is significantly better than another.

use serde::{Deserialize, Serialize};

use super::Evaluation;
use crate::{Error, Result};

/// McNemar's test between two models, A and B, on the same examples.
///
/// Examples that both classify correctly, or both incorrectly, say nothing about which is better. If the two were
/// equally good, each model would win any of the b + c other examples with probability ½. `p` is the probability of a
/// split at least as uneven as the observed one by that chance:
///
/// ```text
/// p = min(1, 2 · Σ C(n, i) / 2ⁿ  over i = 0 … min(b, c)),   n = b + c
/// ```
///
/// This is the exact binomial form for every n; the χ² form of the textbooks approximates it.
///
/// Source: Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
/// percentages", Psychometrika 12 (1947); T. G. Dietterich recommends it for classifiers in Neural Computation 10
/// (1998).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct McNemar {
    /// Examples that A classifies correctly and B incorrectly.
    pub b: usize,
    /// Examples that A classifies incorrectly and B correctly.
    pub c: usize,
    /// The probability of so uneven a split between equally good models.
    pub p: f64,
}

impl McNemar {
    /// Compares two models by their errors.
    ///
    /// # Errors
    /// If the two were not evaluated on the same examples: the total counts or those of a class differ.
    pub fn between(a: &Evaluation, b: &Evaluation) -> Result<Self> {
        if a.count != b.count {
            return Err(Error::mismatch("examples that model B was evaluated on", b.count, a.count));
        }
        let supports = |e: &Evaluation| e.classes.iter().map(|class| class.support).collect::<Vec<_>>();
        if supports(a) != supports(b) {
            return Err(Error::mismatch("examples of the two models", "other labels", "the same examples"));
        }
        let mut wrong = vec![(false, false); a.count];
        let outside =
            |i: usize| Error::mismatch("index of a mistake", i, format!("an index below {}", a.count));
        for mistake in &a.mistakes {
            wrong.get_mut(mistake.index).ok_or_else(|| outside(mistake.index))?.0 = true;
        }
        for mistake in &b.mistakes {
            wrong.get_mut(mistake.index).ok_or_else(|| outside(mistake.index))?.1 = true;
        }
        let only_b_wrong = wrong.iter().filter(|&&pair| pair == (false, true)).count();
        let only_a_wrong = wrong.iter().filter(|&&pair| pair == (true, false)).count();
        Ok(McNemar::from_counts(only_b_wrong, only_a_wrong))
    }

    /// The test for `b` examples that only A classifies correctly and `c` that only B classifies correctly.
    ///
    /// ```
    /// use tercet::evaluate::McNemar;
    /// let p = McNemar::from_counts(1, 8).p;
    /// assert!((p - 2.0 * (1.0 + 9.0) / 512.0).abs() < 1e-12);
    /// ```
    pub fn from_counts(b: usize, c: usize) -> Self {
        let (n, fewer) = (b + c, b.min(c));
        if b == c {
            return McNemar { b, c, p: 1.0 };
        }
        // The largest term, C(n, fewer) / 2ⁿ, in logarithms, because both factors exceed the range of f64 from n = 1030
        // on. The others follow from it: C(n, i − 1) = C(n, i) · i / (n − i + 1).
        let ln_choose: f64 = (1..=fewer).map(|i| ((n - fewer + i) as f64 / i as f64).ln()).sum();
        let largest = (ln_choose - n as f64 * std::f64::consts::LN_2).exp();
        let (mut term, mut sum) = (1.0, 1.0);
        for i in (1..=fewer).rev() {
            term *= i as f64 / (n - i + 1) as f64;
            sum += term;
        }
        McNemar { b, c, p: (2.0 * largest * sum).min(1.0) }
    }

    /// The result as a sentence, with the names of the two models.
    ///
    /// ```
    /// use tercet::evaluate::McNemar;
    /// assert_eq!(
    ///     McNemar::from_counts(120, 40).sentence("network", "linear"),
    ///     "network is right on 120 examples that linear gets wrong, and wrong on 40 that linear gets right: \
    ///      network is better (p < 0.0001)."
    /// );
    /// ```
    pub fn sentence(&self, a: &str, b: &str) -> String {
        if self.b + self.c == 0 {
            return format!("{a} and {b} are right on the same examples.");
        }
        let p = if self.p < 1e-4 { "p < 0.0001".to_owned() } else { format!("p = {:.4}", self.p) };
        let verdict = if self.p >= 0.05 {
            format!("the difference is not significant ({p})")
        } else if self.b > self.c {
            format!("{a} is better ({p})")
        } else {
            format!("{b} is better ({p})")
        };
        let examples = if self.b == 1 { "example" } else { "examples" };
        format!(
            "{a} is right on {} {examples} that {b} gets wrong, and wrong on {} that {b} gets right: {verdict}.",
            self.b, self.c
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Mistake;

    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-10, "found {found}, expected {expected}");
    }

    #[test]
    fn small_tables_by_hand() {
        near(McNemar::from_counts(10, 2).p, 2.0 * (1.0 + 12.0 + 66.0) / 4096.0);
        near(McNemar::from_counts(0, 6).p, 2.0 / 64.0);
        assert_eq!(McNemar::from_counts(0, 0).p, 1.0);
        assert_eq!(McNemar::from_counts(7, 7).p, 1.0);
        assert_eq!(McNemar::from_counts(1, 2).p, 1.0);
    }

    /// Expected values from rational arithmetic. The first table is Agresti's of approval ratings (Categorical
    /// Data Analysis, table 10.1).
    #[test]
    fn large_tables_agree_with_rational_arithmetic() {
        near(McNemar::from_counts(150, 86).p, 3.715936139571442e-05);
        near(McNemar::from_counts(900, 1100).p, 8.457089535503927e-06);
        assert_eq!(McNemar::from_counts(150, 86).p, McNemar::from_counts(86, 150).p);
    }

    #[test]
    fn a_hopeless_case_has_p_zero_and_no_nan() {
        assert_eq!(McNemar::from_counts(100_000, 0).p, 0.0);
        assert!(McNemar::from_counts(500_000, 499_000).p.is_finite());
    }

    #[test]
    fn two_evaluations_are_compared_example_by_example() {
        let classes = ["0".to_owned(), "1".to_owned()];
        let evaluate =
            |predicted: &[u32]| Evaluation::from_predictions(predicted, &[0, 0, 1, 1, 1], &classes).unwrap();
        let test = McNemar::between(&evaluate(&[0, 0, 1, 0, 0]), &evaluate(&[1, 1, 0, 1, 0])).unwrap();
        assert_eq!((test.b, test.c), (3, 1));
    }

    #[test]
    fn evaluations_of_other_examples_are_rejected() {
        let classes = ["0".to_owned(), "1".to_owned()];
        let a = Evaluation::from_predictions(&[0, 0], &[0, 0], &classes).unwrap();
        let b = Evaluation::from_predictions(&[0, 0], &[0, 1], &classes).unwrap();
        assert!(McNemar::between(&a, &b).is_err());
    }

    #[test]
    fn the_sentence_names_the_better_model_or_none() {
        let sentence = |b, c| McNemar::from_counts(b, c).sentence("A", "B");
        assert!(sentence(40, 120).contains("B is better"));
        assert!(sentence(9, 7).contains("is not significant (p = 0.80"));
        assert!(sentence(1, 0).starts_with("A is right on 1 example that"));
        assert_eq!(sentence(0, 0), "A and B are right on the same examples.");
    }

    #[test]
    fn evaluations_of_more_examples_and_mistakes_outside_them_are_rejected() {
        let classes = ["0".to_owned()];
        let of = |labels: &[u32]| Evaluation::from_predictions(labels, labels, &classes).unwrap();
        let error = |a, b| McNemar::between(a, b).unwrap_err().to_string();
        let (two, three) = (of(&[0, 0]), of(&[0, 0, 0]));
        assert_eq!(error(&two, &three), "examples that model B was evaluated on: found 3; expected 2");
        let mistake = Mistake { index: 2, truth: 0, predicted: 0, margin: None };
        let outside = Evaluation { mistakes: vec![mistake], ..two.clone() };
        for found in [error(&two, &outside), error(&outside, &two)] {
            assert_eq!(found, "index of a mistake: found 2; expected an index below 2");
        }
    }

    #[test]
    fn the_sentence_gives_p_up_to_its_limits() {
        let sentence = |p| McNemar { b: 9, c: 1, p }.sentence("A", "B");
        assert!(sentence(0.05).ends_with("the difference is not significant (p = 0.0500)."));
        assert!(sentence(0.0499).ends_with("A is better (p = 0.0499)."));
        assert!(sentence(1e-4).ends_with("A is better (p = 0.0001)."));
        assert!(sentence(0.9e-4).ends_with("A is better (p < 0.0001)."));
        let even = McNemar::from_counts(7, 7).sentence("A", "B");
        assert!(
            even.starts_with("A is right on 7 examples that B gets wrong, and wrong on 7 that"),
            "{even}"
        );
    }
}
