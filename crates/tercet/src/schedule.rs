//! How the learning rate changes on the way.

use serde::{Deserialize, Serialize};

/// The learning rate at step t of T, as a multiple of the one that was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// The same throughout, as in the lecture.
    #[default]
    Constant,
    /// From all to nothing in a straight line: `1 − t / T`.
    LinearToZero,
    /// From all to nothing along half a cosine: `(1 + cos(π · t / T)) / 2` (Loshchilov and Hutter 2017).
    Cosine,
}

impl Schedule {
    /// The factor for step `t`, counted from 0, of `total`.
    ///
    /// ```
    /// use tercet::schedule::Schedule;
    /// assert_eq!(Schedule::LinearToZero.factor(75, 100), 0.25);
    /// assert_eq!(Schedule::Cosine.factor(50, 100), 0.5);
    /// ```
    pub fn factor(self, t: usize, total: usize) -> f32 {
        let done = t as f64 / total.max(1) as f64;
        match self {
            Schedule::Constant => 1.0,
            Schedule::LinearToZero => (1.0 - done) as f32,
            Schedule::Cosine => ((1.0 + (std::f64::consts::PI * done).cos()) / 2.0) as f32,
        }
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Schedule::Constant => "constant",
            Schedule::LinearToZero => "linear to zero",
            Schedule::Cosine => "cosine",
        })
    }
}
