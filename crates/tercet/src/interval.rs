//! Confidence intervals of accuracies.

use serde::{Deserialize, Serialize};

/// The quantile of the normal distribution with 2.5 % in each tail.
pub const Z95: f64 = 1.959963984540054;

/// The range that contains a true proportion with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end, at least 0.
    pub low: f64,
    /// The upper end, at most 1.
    pub high: f64,
}

impl Interval {
    /// The Wilson score interval of `correct` successes in `count` trials:
    ///
    /// ```text
    ///  p + z²/2n  ±  z · √( p(1 − p)/n + z²/4n² )
    /// ────────────────────────────────────────────     p = correct / n,  z = 1.96
    ///                 1 + z²/n
    /// ```
    ///
    /// Unlike the textbook's p ± z·√(p(1 − p)/n), it stays within 0 and 1 and does not shrink to a point when every
    /// trial succeeds. For n = 0 it is the whole range, 0 to 1.
    ///
    /// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    /// the American Statistical Association 22 (1927); recommended by Brown, Cai and DasGupta, "Interval
    /// estimation for a binomial proportion", Statistical Science 16 (2001).
    ///
    /// ```
    /// use tercet::interval::Interval;
    /// let interval = Interval::wilson(9705, 10000);
    /// assert_eq!(format!("{:.4} {:.4}", interval.low, interval.high), "0.9670 0.9736");
    /// ```
    pub fn wilson(correct: usize, count: usize) -> Interval {
        if count == 0 {
            return Interval { low: 0.0, high: 1.0 };
        }
        Interval::of_share(correct.min(count) as f64 / count as f64, count as f64)
    }

    /// The [`wilson`](Self::wilson) interval of a proportion p of `n` trials. n need not be an integer: for trials with
    /// weights w, it is the effective sample size (Σ w)² / Σ w² (Kish, *Survey Sampling*, 1965). p is assumed to be
    /// between 0 and 1. If n is not above 0, the interval is 0 to 1.
    pub fn of_share(p: f64, n: f64) -> Interval {
        if n.is_nan() || n <= 0.0 {
            return Interval { low: 0.0, high: 1.0 };
        }
        // ANCHOR: wilson
        let z2 = Z95 * Z95;
        let centre = p + z2 / (2.0 * n);
        let half = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z2 / n;
        // The ends at p = 0 and p = 1 are exact in real arithmetic; rounding could miss them by a bit.
        let low = if p <= 0.0 { 0.0 } else { (centre - half) / scale };
        let high = if p >= 1.0 { 1.0 } else { (centre + half) / scale };
        Interval { low: low.max(0.0), high: high.min(1.0) }
        // ANCHOR_END: wilson
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four_digits(correct: usize, count: usize) -> (String, String) {
        let Interval { low, high } = Interval::wilson(correct, count);
        (format!("{low:.4}"), format!("{high:.4}"))
    }

    /// Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17 (1998),
    /// table I, method 3.
    #[test]
    fn the_published_values_come_out() {
        assert_eq!(four_digits(81, 263), ("0.2553".into(), "0.3662".into()));
        assert_eq!(four_digits(15, 148), ("0.0624".into(), "0.1605".into()));
        assert_eq!(four_digits(0, 20), ("0.0000".into(), "0.1611".into()));
        assert_eq!(four_digits(1, 29), ("0.0061".into(), "0.1718".into()));
    }

    #[test]
    fn the_ends_are_exact_and_the_interval_is_symmetric() {
        for n in [1, 2, 10, 10_000, 1_000_000] {
            let (none, all) = (Interval::wilson(0, n), Interval::wilson(n, n));
            assert_eq!((none.low, all.high), (0.0, 1.0));
            assert!((none.high + all.low - 1.0).abs() < 1e-12);
            assert!(all.low < 1.0, "{n} of {n} is no proof of perfection");
        }
        assert_eq!(Interval::wilson(0, 0), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn invalid_numbers_of_trials_give_the_whole_range_and_fractions_are_valid() {
        for n in [0.0, -1.0, f64::NAN] {
            assert_eq!(Interval::of_share(0.5, n), Interval { low: 0.0, high: 1.0 }, "{n}");
        }
        // By the formula: z² = 3.84146, centre 0.5 + 0.7683, half 1.96 √(0.1 + 0.1537), scale 2.5366.
        let interval = Interval::of_share(0.5, 2.5);
        assert_eq!(format!("{:.4} {:.4}", interval.low, interval.high), "0.1108 0.8892");
    }
}
