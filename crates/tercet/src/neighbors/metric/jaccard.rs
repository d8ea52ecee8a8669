//! Jaccard: `R / (TT + R)`, for rows of booleans.

use super::boolean::{Agreement, OfBooleans, quotient};

/// `R / (TT + R)`, with the counts of [`Agreement`].
pub(in crate::neighbors) struct Jaccard;

impl OfBooleans for Jaccard {
    fn distance(&self, agreement: Agreement) -> f64 {
        quotient(agreement.different(), agreement.both + agreement.different())
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances_of_booleans;
    use super::*;

    /// Expected values: `scipy.spatial.distance.jaccard`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances_of_booleans(&Jaccard, [0.6666666666666666, 1.0, 0.2]);
    }
}
