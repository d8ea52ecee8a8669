//! Rogers–Tanimoto: `2 R / (TT + FF + 2 R)`, for rows of booleans.

use super::boolean::{Agreement, OfBooleans};

/// `2 R / (TT + FF + 2 R)`, with the counts of [`Agreement`].
pub(in crate::neighbors) struct RogersTanimoto;

impl OfBooleans for RogersTanimoto {
    fn distance(&self, agreement: Agreement) -> f64 {
        let twice = 2.0 * agreement.different();
        twice / (agreement.both + agreement.neither + twice)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances_of_booleans;
    use super::*;

    /// Expected values: `scipy.spatial.distance.rogerstanimoto`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances_of_booleans(&RogersTanimoto, [0.7272727272727273, 0.6, 0.25]);
    }
}
