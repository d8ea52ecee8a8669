//! Russell–Rao: `(D − TT) / D`, for rows of booleans.

use super::boolean::{Agreement, OfBooleans};

/// `(D − TT) / D`, with the counts of [`Agreement`].
pub(in crate::neighbors) struct RussellRao;

impl OfBooleans for RussellRao {
    fn distance(&self, agreement: Agreement) -> f64 {
        (agreement.all() - agreement.both) / agreement.all()
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances_of_booleans;
    use super::*;

    /// Expected values: `scipy.spatial.distance.russellrao`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances_of_booleans(&RussellRao, [0.7142857142857143, 1.0, 0.42857142857142855]);
    }
}
