//! Choosing the regularisation strength along a path from strong to weak.
//!
//! Each step of the path is warm-started from the one before, which is close: a path costs little more than its last
//! step. Each classifier is evaluated on held-out examples: a validation set, or the folds of a cross-validation in
//! turn.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::dual::{self, Ending, solve};
use crate::data::Split;
use crate::interval::Interval;
use crate::{Error, Result};

/// The default regularisation strengths: 1e-2 to 1e-5, three per power of ten.
pub const USUAL: [f32; 10] = [1e-2, 5e-3, 2e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 2e-5, 1e-5];

/// The regularisation strength: a number, or the numbers to choose from.
///
/// ```
/// use tercet::linear::path::Reg;
/// assert_eq!("1e-4".parse::<Reg>()?, Reg::Given(1e-4));
/// assert_eq!("1e-2,1e-3".parse::<Reg>()?, Reg::List(vec![1e-2, 1e-3]));
/// assert_eq!("auto".parse::<Reg>()?.choices(), tercet::linear::path::USUAL);
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reg {
    /// Choose among [`USUAL`].
    Auto,
    /// This value.
    #[serde(untagged)]
    Given(f32),
    /// Choose among these, strongest first.
    #[serde(untagged)]
    List(Vec<f32>),
}

impl Reg {
    /// The strengths to choose from; a given value is its own only choice.
    pub fn choices(&self) -> &[f32] {
        match self {
            Reg::Auto => &USUAL,
            Reg::Given(reg) => std::slice::from_ref(reg),
            Reg::List(regs) => regs,
        }
    }

    /// Whether there is a choice to make.
    pub fn is_choice(&self) -> bool {
        !matches!(self, Reg::Given(_))
    }
}

impl std::str::FromStr for Reg {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "auto" {
            return Ok(Reg::Auto);
        }
        let numbers: Result<Vec<f32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        match numbers.as_deref() {
            Ok([reg]) => Ok(Reg::Given(*reg)),
            Ok(regs) => Ok(Reg::List(regs.to_vec())),
            Err(_) => {
                let expected = "a number such as 1e-4, or for the exact solver also a list of them or `auto`";
                Err(Error::setting("reg", format!("{text:?}"), expected))
            }
        }
    }
}

impl std::fmt::Display for Reg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reg::Auto => write!(f, "auto"),
            Reg::Given(reg) => write!(f, "{reg:e}"),
            Reg::List(regs) => {
                f.write_str(&regs.iter().map(|reg| format!("{reg:e}")).collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// The result for one regularisation strength.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The coefficient of Σ W².
    pub reg: f32,
    /// How many held-out examples were classified correctly.
    pub correct: usize,
    /// The number of held-out examples.
    pub count: usize,
    /// `correct / count`.
    pub accuracy: f64,
    /// The 95 % Wilson interval of the accuracy.
    pub interval: Interval,
    /// The mean of the objectives, over the splits.
    pub primal: f64,
    /// The largest relative gap, over the splits.
    pub gap: f64,
    /// The mean number of epochs, over the splits.
    pub epochs: f64,
}

/// The result of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// The regularisation strength with the highest accuracy; the strongest of several with the same.
    pub reg: f32,
    /// The number of splits: 1, or the folds of a cross-validation.
    pub splits: usize,
    /// All strengths that were tried, strongest first.
    pub points: Vec<Point>,
}

impl Choice {
    /// The result for the chosen strength.
    pub fn best(&self) -> &Point {
        self.points.iter().find(|point| point.reg == self.reg).expect("the choice is one of the points")
    }
}

/// Follows the path on each split and chooses the regularisation strength with the most correct held-out
/// classifications.
///
/// `settings` gives everything except `reg`. After each step of the path on each split, `watch` is called with the
/// index of the split, the `reg`, and the last progress of the solver. It stops the search with `ControlFlow::Break`;
/// the result is then `None`.
///
/// The accuracy of the chosen strength is slightly optimistic, as after any choice among several.
///
/// # Errors
/// No splits, no strengths, strengths that are not decreasing, a step that used up its epochs before its gap was within
/// the tolerance, and those of [`solve`].
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::data::{Dataset, folds};
/// use tercet::linear::{dual, path};
///
/// // Numbers below 0 belong to one class, the others to the other.
/// let x: Vec<f32> = (-20..20).map(|i| i as f32 + 0.5).collect();
/// let y = x.iter().map(|&x| u32::from(x > 0.0)).collect();
/// let data = Dataset::from_features("line", 1, x, y, vec!["below".into(), "above".into()])?;
/// let splits = folds(&data, 4, 0)?;
/// let settings = dual::Settings::default();
/// let choice = path::choose(&splits, &[1.0, 0.1], &settings, &mut |_, _, _| ControlFlow::Continue(()))?.unwrap();
/// assert_eq!((choice.splits, choice.points.len(), choice.best().count), (4, 2, 40));
/// assert!(choice.best().accuracy > 0.9);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn choose(
    splits: &[Split],
    regs: &[f32],
    settings: &dual::Settings,
    watch: &mut (dyn FnMut(usize, f32, &dual::Progress) -> ControlFlow<()> + Send),
) -> Result<Option<Choice>> {
    if splits.is_empty() {
        return Err(Error::mismatch("splits for choosing reg", 0, "at least 1"));
    }
    check(regs)?;
    let new = |&reg: &f32| Point {
        reg,
        correct: 0,
        count: 0,
        accuracy: 0.0,
        interval: Interval::wilson(0, 0),
        primal: 0.0,
        gap: 0.0,
        epochs: 0.0,
    };
    let mut points: Vec<Point> = regs.iter().map(new).collect();
    for (number, split) in splits.iter().enumerate() {
        let mut start = None;
        let labels = split.validation.labels();
        for point in &mut points {
            let settings = dual::Settings { reg: point.reg, ..*settings };
            let mut flow = ControlFlow::Continue(());
            let mut observe = |progress: &dual::Progress| {
                flow = watch(number, point.reg, progress);
                flow
            };
            let solution = solve(&split.train, &settings, start.as_ref(), &mut observe)?;
            match solution.ending {
                Ending::Converged if flow.is_continue() => {}
                Ending::OutOfEpochs => {
                    let expected =
                        format!("more for a gap of {:e} at reg {:e}", settings.tolerance, point.reg);
                    return Err(Error::setting("epochs", settings.max_epochs, expected));
                }
                _ => return Ok(None),
            }
            point.correct += solution.classifier.scores(&split.validation)?.correct(labels);
            point.count += labels.len();
            point.primal += solution.last.primal / splits.len() as f64;
            point.gap = point.gap.max(solution.last.gap);
            point.epochs += solution.last.epochs / splits.len() as f64;
            start = Some(solution.variables);
        }
    }
    for point in &mut points {
        point.accuracy = point.correct as f64 / point.count as f64;
        point.interval = Interval::wilson(point.correct, point.count);
    }
    let most = points.iter().map(|point| point.correct).max().unwrap_or(0);
    let reg = points.iter().find(|point| point.correct == most).map_or(regs[0], |point| point.reg);
    Ok(Some(Choice { reg, splits: splits.len(), points }))
}

/// Rejects invalid paths.
pub(crate) fn check(regs: &[f32]) -> Result<()> {
    if regs.is_empty() || regs.windows(2).any(|pair| pair[0] <= pair[1] || pair[1].is_nan()) {
        let expected = "at least one, each smaller than the one before";
        return Err(Error::setting("regs", format!("{regs:?}"), expected));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, split};

    fn data() -> Dataset {
        let x = (0..200).map(|i| ((i * 7919 + 13) % 101) as f32 / 50.0 - 1.0).collect();
        let labels = (0..50).map(|i| i % 3).collect();
        Dataset::from_features("x", 4, x, labels, vec!["a".into(), "b".into(), "c".into()]).unwrap()
    }

    #[test]
    fn each_step_matches_a_separate_solution() {
        let splits = [split(&data(), 10, 0).unwrap()];
        let settings = dual::Settings { tolerance: 1e-5, ..dual::Settings::default() };
        let choice = choose(&splits, &[0.1, 0.01], &settings, &mut |_, _, _| ControlFlow::Continue(()))
            .unwrap()
            .unwrap();
        for point in &choice.points {
            let settings = dual::Settings { reg: point.reg, ..settings };
            let alone = solve(&splits[0].train, &settings, None, &mut |_| ControlFlow::Continue(())).unwrap();
            assert!((alone.last.primal - point.primal).abs() <= 1e-5 * point.primal, "{point:?}");
            assert_eq!(point.count, 10);
        }
        assert!(choice.points.iter().all(|point| point.correct <= choice.best().correct));
        let json = serde_json::to_string(&choice).unwrap();
        assert_eq!(serde_json::from_str::<Choice>(&json).unwrap(), choice);
    }

    #[test]
    fn invalid_paths_are_rejected() {
        let splits = [split(&data(), 10, 0).unwrap()];
        let mut watch = |_: usize, _: f32, _: &dual::Progress| ControlFlow::Continue(());
        let settings = dual::Settings::default();
        for regs in [&[][..], &[0.1, 0.1], &[0.1, 0.2], &[0.1, f32::NAN]] {
            assert!(
                choose(&splits, regs, &settings, &mut watch).unwrap_err().to_string().starts_with("regs is")
            );
        }
        assert!(choose(&[], &[0.1], &settings, &mut watch).is_err());
        let short = dual::Settings { tolerance: 1e-12, max_epochs: 1, ..settings };
        assert!(
            choose(&splits, &[0.1], &short, &mut watch).unwrap_err().to_string().starts_with("epochs is 1")
        );
        let stopped = choose(&splits, &[0.1], &settings, &mut |_, _, _| ControlFlow::Break(())).unwrap();
        assert_eq!(stopped, None);
    }
}
