//! Learning-rate schedules.
//!
//! ```toml
//! schedule = "constant"            # or "linear-to-zero", or "cosine"
//! schedule = { step = { every = 1000, gamma = 0.1 } }
//! schedule = { exponential = { last = 0.01 } }
//! schedule = { one-cycle = {} }    # warmup = 0.3, start = 0.04, last = 4e-6
//! ```

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The learning rate at step t of T, relative to the configured learning rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Constant, as in the lecture.
    #[default]
    Constant,
    /// Linear decay to 0: `1 − t / T`.
    LinearToZero,
    /// Cosine decay to 0: `(1 + cos(π · t / T)) / 2` (Loshchilov and Hutter 2017).
    Cosine,
    /// Step decay: `γ^⌊t / every⌋` (CS231n; PyTorch's `StepLR`, which counts epochs where this counts steps).
    Step {
        /// Number of steps between two drops.
        every: usize,
        /// γ, the factor of each drop: above 0, at most 1.
        #[serde(default = "gamma")]
        gamma: f32,
    },
    /// Exponential decay: `last^(t / T)`, from 1 towards `last` (CS231n's `exp(−k t)` with k = −ln(last) / T; PyTorch's
    /// `ExponentialLR` with γ = last^(1 / T) per step).
    Exponential {
        /// The factor at the end: above 0, at most 1.
        #[serde(default = "last")]
        last: f32,
    },
    /// One cycle: a cosine warmup from `start` to 1, then cosine decay to `last` (Smith and Topin 2018, in the form of
    /// PyTorch's `OneCycleLR`). With the last step T − 1 and the peak at p = warmup · T − 1:
    ///
    /// ```text
    /// t ≤ p     1 + (start − 1) · (1 + cos(π · t / p)) / 2
    /// t > p     last + (1 − last) · (1 + cos(π · (t − p) / (T − 1 − p))) / 2
    /// ```
    ///
    /// The defaults are PyTorch's. Momentum stays constant: the paper (and PyTorch unless `cycle_momentum=False`)
    /// lowers it while the learning rate rises, which is not implemented here.
    OneCycle {
        /// The fraction of the steps spent on the warmup: above 0, below 1.
        #[serde(default = "warmup")]
        warmup: f32,
        /// The factor of the first step: above 0, at most 1. One over PyTorch's `div_factor`.
        #[serde(default = "start")]
        start: f32,
        /// The factor of the last step: at least 0, at most 1. One over PyTorch's `div_factor · final_div_factor`.
        #[serde(default = "one_cycle_last")]
        last: f32,
    },
}

fn gamma() -> f32 {
    0.1
}

fn last() -> f32 {
    0.01
}

fn warmup() -> f32 {
    0.3
}

fn start() -> f32 {
    0.04
}

fn one_cycle_last() -> f32 {
    4e-6
}

impl Schedule {
    /// One cycle with PyTorch's defaults.
    pub const ONE_CYCLE: Schedule = Schedule::OneCycle { warmup: 0.3, start: 0.04, last: 4e-6 };

    /// Exponential decay to a hundredth.
    pub const EXPONENTIAL: Schedule = Schedule::Exponential { last: 0.01 };

    /// The factor for step `t`, counted from 0, of `total`.
    ///
    /// ```
    /// use tercet::schedule::Schedule;
    /// assert_eq!(Schedule::LinearToZero.factor(75, 100), 0.25);
    /// assert_eq!(Schedule::Cosine.factor(50, 100), 0.5);
    /// assert_eq!(Schedule::Step { every: 10, gamma: 0.5 }.factor(25, 100), 0.25);
    /// ```
    pub fn factor(self, t: usize, total: usize) -> f32 {
        let done = t as f64 / total.max(1) as f64;
        // From 1 to 0 as the argument goes from 0 to 1; constant after that.
        let half_cosine = |way: f64| (1.0 + (PI * way.min(1.0)).cos()) / 2.0;
        let factor = match self {
            Schedule::Constant => 1.0,
            Schedule::LinearToZero => 1.0 - done,
            Schedule::Cosine => half_cosine(done),
            Schedule::Step { every, gamma } => f64::from(gamma).powf((t / every.max(1)) as f64),
            Schedule::Exponential { last } => f64::from(last).powf(done),
            Schedule::OneCycle { warmup, start, last } => {
                let (t, end) = (t as f64, total.saturating_sub(1) as f64);
                // A cycle of only a few steps has its peak at the first one.
                let peak = (f64::from(warmup) * total as f64 - 1.0).max(0.0);
                let (start, last) = (f64::from(start), f64::from(last));
                if t < peak {
                    1.0 + (start - 1.0) * half_cosine(t / peak)
                } else if end > peak {
                    last + (1.0 - last) * half_cosine((t - peak) / (end - peak))
                } else {
                    1.0
                }
            }
        };
        factor as f32
    }

    /// Rejects constants outside their ranges.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn validate(self) -> Result<()> {
        let share = |name, value: f32| match value > 0.0 && value <= 1.0 {
            true => Ok(()),
            false => Err(Error::setting(name, value, "above 0 and at most 1")),
        };
        match self {
            Schedule::Constant | Schedule::LinearToZero | Schedule::Cosine => Ok(()),
            Schedule::Step { every: 0, .. } => {
                Err(Error::setting("the schedule's every", 0, "at least 1 step"))
            }
            Schedule::Step { gamma, .. } => share("the schedule's gamma", gamma),
            Schedule::Exponential { last } => share("the schedule's last", last),
            Schedule::OneCycle { warmup, .. } if !(warmup > 0.0 && warmup < 1.0) => {
                Err(Error::setting("the schedule's warmup", warmup, "above 0 and below 1, such as 0.3"))
            }
            Schedule::OneCycle { last, .. } if !(0.0..=1.0).contains(&last) => {
                Err(Error::setting("the schedule's last", last, "at least 0 and at most 1"))
            }
            Schedule::OneCycle { start, .. } => share("the schedule's start", start),
        }
    }
}

impl std::fmt::Display for Schedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Schedule::Constant => write!(f, "constant"),
            Schedule::LinearToZero => write!(f, "linear to zero"),
            Schedule::Cosine => write!(f, "cosine"),
            Schedule::Step { every, gamma } => {
                write!(f, "times {gamma} every {} steps", crate::text::thousands(*every))
            }
            Schedule::Exponential { last } => write!(f, "exponential to {last} of it"),
            Schedule::OneCycle { warmup, .. } => write!(f, "one cycle, rising for {warmup} of the way"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten factors by each formula, computed recursively if the schedule is defined so.
    #[test]
    fn ten_steps_of_every_schedule_follow_its_formula() {
        let by_steps = |f: &dyn Fn(f64) -> f64| (0..10).map(|t| f(f64::from(t))).collect::<Vec<_>>();
        let mut stair = Vec::new();
        let mut height = 1.0;
        for t in 1..=10 {
            stair.push(height);
            if t % 3 == 0 {
                height *= 0.5;
            }
        }
        let mut decay = vec![1.0];
        for t in 1..10 {
            decay.push(decay[t - 1] * 0.02f64.powf(0.1));
        }
        // PyTorch interpolates between two rates: end + (start − end) / 2 · (1 + cos(π · way)). The peak is at
        // 0.4 · 10 − 1 = 3, the end at 9.
        let between = |start: f64, end: f64, way: f64| end + (start - end) / 2.0 * ((PI * way).cos() + 1.0);
        let cycle = by_steps(&|t| match t <= 3.0 {
            true => between(0.1, 1.0, t / 3.0),
            false => between(1.0, 0.001, (t - 3.0) / 6.0),
        });
        assert!((cycle[0] - 0.1).abs() < 1e-12 && cycle[3] == 1.0 && (cycle[9] - 0.001).abs() < 1e-12);
        for (schedule, expected) in [
            (Schedule::Constant, vec![1.0; 10]),
            (Schedule::LinearToZero, by_steps(&|t| (10.0 - t) / 10.0)),
            (Schedule::Cosine, by_steps(&|t| (PI * t / 20.0).cos().powi(2))),
            (Schedule::Step { every: 3, gamma: 0.5 }, stair),
            (Schedule::Exponential { last: 0.02 }, decay),
            (Schedule::OneCycle { warmup: 0.4, start: 0.1, last: 0.001 }, cycle),
        ] {
            for (t, expected) in expected.into_iter().enumerate() {
                let found = f64::from(schedule.factor(t, 10));
                assert!((found - expected).abs() < 1e-6, "{schedule}, step {t}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn rates_are_finite_for_runs_of_any_length() {
        let schedules = [
            Schedule::Cosine,
            Schedule::ONE_CYCLE,
            Schedule::EXPONENTIAL,
            Schedule::Step { every: 1, gamma: 0.1 },
        ];
        for schedule in schedules {
            schedule.validate().unwrap();
            for total in 1..20 {
                for t in 0..total {
                    let factor = schedule.factor(t, total);
                    assert!((0.0..=1.0).contains(&factor), "{schedule}: {factor} at {t} of {total}");
                }
            }
        }
    }

    #[test]
    fn constants_outside_their_ranges_are_rejected_by_name() {
        let one_cycle = |warmup, start, last| Schedule::OneCycle { warmup, start, last };
        for (schedule, name) in [
            (Schedule::Step { every: 0, gamma: 0.1 }, "every is 0"),
            (Schedule::Step { every: 1, gamma: 1.5 }, "gamma is 1.5"),
            (Schedule::Exponential { last: 0.0 }, "last is 0"),
            (Schedule::Exponential { last: f32::NAN }, "last is NaN"),
            (one_cycle(1.0, 0.1, 0.1), "warmup is 1"),
            (one_cycle(0.3, 0.0, 0.1), "start is 0"),
            (one_cycle(0.3, 0.1, -1.0), "last is -1"),
        ] {
            let error = schedule.validate().unwrap_err().to_string();
            assert!(error.starts_with(&format!("the schedule's {name}")), "{error}");
        }
    }
}
