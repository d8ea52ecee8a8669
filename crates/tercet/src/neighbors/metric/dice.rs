//! Dice: `R / (2 TT + R)`, for rows of booleans.

use super::boolean::{Agreement, OfBooleans, quotient};

/// `R / (2 TT + R)`, with the counts of [`Agreement`].
pub(in crate::neighbors) struct Dice;

impl OfBooleans for Dice {
    fn distance(&self, agreement: Agreement) -> f64 {
        quotient(agreement.different(), 2.0 * agreement.both + agreement.different())
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_distances_of_booleans;
    use super::*;

    /// Expected values: `scipy.spatial.distance.dice`.
    #[test]
    fn distances_are_those_of_the_definition() {
        check_distances_of_booleans(&Dice, [0.5, 1.0, 0.1111111111111111]);
    }
}
