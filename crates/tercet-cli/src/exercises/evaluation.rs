//! How sure an accuracy is, and which of two models is better.

use tercet::evaluate::McNemar;
use tercet::interval::{Interval, Z95};

use super::Exercise;

pub const EXERCISES: &[Exercise] = &[Exercise {
    name: "interval",
    chapter: "evaluation",
    question: "\
A model gets 188 of 200 test images right. Give both ends of Wilson's 95 % interval, as shares. Another model is judged on
the same images: 4 of them only the first gets right, and 12 only the second. Give p of McNemar's exact test.",
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
            "that is p ± z √(p(1 − p)/n), which is too narrow and too high near 1; Wilson's has z²/2n and z²/4n², too",
        ),
        (
            || {
                let interval = Interval::wilson(188, 200);
                Ok(vec![interval.low, interval.high, McNemar::from_counts(4, 12).p / 2.0])
            },
            "p counts both sides, as the other model might have been the better one: twice the sum",
        ),
    ],
}];
