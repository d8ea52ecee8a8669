//! Sokal–Sneath: `2 R / (TT + 2 R)`, for rows of booleans.

use super::boolean::{Agreement, OfBooleans, quotient};

/// `2 R / (TT + 2 R)`, with the counts of [`Agreement`].
pub(in crate::neighbors) struct SokalSneath;

impl OfBooleans for SokalSneath {
    fn distance(&self, agreement: Agreement) -> f64 {
        let twice = 2.0 * agreement.different();
        quotient(twice, agreement.both + twice)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances_of_booleans;
    use super::*;

    /// Expected values: `scipy.spatial.distance.sokalsneath`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances_of_booleans(&SokalSneath, [0.8, 1.0, 0.3333333333333333]);
    }
}
