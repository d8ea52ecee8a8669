//! Yule: `2 TF FT / (TT FF + TF FT)`, for rows of booleans.

use super::boolean::{Agreement, OfBooleans, quotient};

/// `2 TF FT / (TT FF + TF FT)`, with the counts of [`Agreement`].
pub(in crate::neighbors) struct Yule;

impl OfBooleans for Yule {
    fn distance(&self, agreement: Agreement) -> f64 {
        let crossed = agreement.only_query * agreement.only_row;
        quotient(2.0 * crossed, agreement.both * agreement.neither + crossed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances_of_booleans;
    use super::*;

    /// Expected values: `scipy.spatial.distance.yule`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances_of_booleans(&Yule, [1.3333333333333333, 2.0, 0.0]);
    }
}
