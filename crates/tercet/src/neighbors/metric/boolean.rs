//! [`Agreement`]: how often two rows of booleans agree, from which the metrics of booleans are computed.

use super::Definition;

/// In how many features two rows agree. A feature is true unless it is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::neighbors) struct Agreement {
    /// TT: both are true.
    pub both: f64,
    /// TF: only the query is true.
    pub only_query: f64,
    /// FT: only the row is true.
    pub only_row: f64,
    /// FF: neither is true.
    pub neither: f64,
}

impl Agreement {
    fn of(q: &[f64], x: &[f64]) -> Self {
        let mut found = Agreement::default();
        for (q, x) in q.iter().zip(x) {
            let count = match (*q != 0.0, *x != 0.0) {
                (true, true) => &mut found.both,
                (true, false) => &mut found.only_query,
                (false, true) => &mut found.only_row,
                (false, false) => &mut found.neither,
            };
            *count += 1.0;
        }
        found
    }

    /// R = TF + FT: the rows differ.
    pub fn different(self) -> f64 {
        self.only_query + self.only_row
    }

    /// D, all features.
    pub fn all(self) -> f64 {
        self.both + self.different() + self.neither
    }
}

/// A metric of booleans.
pub(in crate::neighbors) trait OfBooleans: Send + Sync {
    /// The distance between rows that agree so often.
    fn distance(&self, agreement: Agreement) -> f64;
}

impl<M: OfBooleans> Definition for M {
    fn distance(&self, q: &[f64], x: &[f64]) -> f64 {
        OfBooleans::distance(self, Agreement::of(q, x))
    }
}

/// A quotient, or 0 if the numerator is 0.
pub(in crate::neighbors) fn quotient(numerator: f64, denominator: f64) -> f64 {
    if numerator == 0.0 { 0.0 } else { numerator / denominator }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_counted() {
        let found = Agreement::of(&[1.0, 0.0, -2.0, 0.0, 3.0], &[4.0, 0.0, 0.0, 1.0, 0.5]);
        assert_eq!(found, Agreement { both: 2.0, only_query: 1.0, only_row: 1.0, neither: 1.0 });
        assert_eq!((found.different(), found.all()), (2.0, 5.0));
        assert_eq!((quotient(0.0, 0.0), quotient(1.0, 2.0)), (0.0, 0.5));
    }
}
