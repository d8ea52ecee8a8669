//! Seconds of several runs of the same work.

/// The seconds of each run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times(pub Vec<f64>);

impl Times {
    /// The fastest run: the time without interference. NaN without runs.
    pub fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    /// The slowest run. NaN without runs.
    pub fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// The mean. NaN without runs.
    pub fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// The median; for an even number of runs, the mean of the middle two. NaN without runs.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => sorted[middle],
            _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
        }
    }

    /// The sum of both times, run by run.
    pub fn plus(&self, other: &Times) -> Times {
        Times(self.0.iter().zip(&other.0).map(|(a, b)| a + b).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_and_the_middle() {
        let odd = Times(vec![3.0, 1.0, 9.0]);
        assert_eq!([odd.min(), odd.median(), odd.max()], [1.0, 3.0, 9.0]);
        assert_eq!(Times(vec![4.0, 1.0, 9.0, 2.0]).median(), 3.0);
        assert!(Times::default().min().is_nan() && Times::default().median().is_nan());
    }

    #[test]
    fn a_sum_is_taken_run_by_run() {
        // The median of the sums, 11, is not the sum of the medians, 12.
        let sum = Times(vec![1.0, 2.0, 9.0]).plus(&Times(vec![10.0, 20.0, 2.0]));
        assert_eq!((sum.clone(), sum.median()), (Times(vec![11.0, 22.0, 11.0]), 11.0));
    }
}
