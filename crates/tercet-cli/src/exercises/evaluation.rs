//! The interval of an accuracy, and the comparison of two models.

use tercet::evaluate::McNemar;
use tercet::interval::{Interval, Z95};

use super::Exercise;

pub const EXERCISES: &[Exercise] = &[Exercise {
    name: "interval",
    chapter: "evaluation",
    question: "\
A model classifies 188 of 200 test images correctly. Give both ends of Wilson's
95 % interval, as fractions. Another model is evaluated on the same images: 4 of
them only the first classifies correctly, and 12 only the second. Give p of
McNemar's exact test.",
    entries: &["low", "high", "p"],
    tolerance: 0.0005,
    answer: || {
        let interval = Interval::wilson(188, 200);
        Ok(vec![interval.low, interval.high, McNemar::from_counts(4, 12).p])
    },
    mistakes: &[
        (
            || {
                let p: f64 = 188.0 / 200.0;
                let half = Z95 * (p * (1.0 - p) / 200.0).sqrt();
                Ok(vec![p - half, p + half, McNemar::from_counts(4, 12).p])
            },
            "that is p ± z √(p(1 − p)/n), which is too narrow and too high near 1; Wilson's interval also \
             has z²/2n and z²/4n²",
        ),
        (
            || {
                let interval = Interval::wilson(188, 200);
                Ok(vec![interval.low, interval.high, McNemar::from_counts(4, 12).p / 2.0])
            },
            "the test is two-sided, since either model might be the better one: p is twice the sum",
        ),
    ],
}];
