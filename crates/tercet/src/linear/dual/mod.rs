//! Exact training of the linear classifier: to within a given tolerance of the minimum, with a certificate.
//!
//! Gradient descent reports the loss, but not how low it could be. This solver also solves a second problem, the
//! *dual*, whose value is a lower bound on the minimum loss at every point. The *duality gap* between the two bounds
//! the possible improvement. Training ends when it is a small enough fraction of the loss.
//!
//! # The two problems
//!
//! The objective is that of [`train`](crate::train::train), with b not regularised. With
//! [`Loss::Svm`](crate::loss::Loss), the sum of Weston and Watkins, it is
//!
//! ```text
//! P(W, b) = 1/N Σ_i Σ_{c ≠ y_i} max(0, f_c − f_{y_i} + Δ)  +  reg Σ W²         f = x_i · W + b
//! ```
//!
//! Each term of the sum is the maximum of `a (f_c − f_y + Δ)` over a from 0 to 1. With such a variable a_ic for each
//! wrong class of each example, and `β_ic = −a_ic`, `β_iy = Σ_c a_ic`, the minimum over W is where the derivative is 0:
//!
//! ```text
//! W(a) = 1/(2 reg N) Σ_i x_i ⊗ β_i
//! D(a) = Δ/N Σ a  −  reg Σ W(a)²          for 0 ≤ a ≤ 1 and Σ_i β_i = 0
//! ```
//!
//! `D(a) ≤ P(W, b)` for all of them, with equality at the optimum. The condition `Σ_i β_i = 0` comes from the bias:
//! since it is not regularised, the minimum over b is −∞ unless outflow and inflow are equal for every class.
//!
//! # Softmax
//!
//! The cross-entropy is a maximum, too, over the distributions α on the classes, with the entropy H:
//!
//! ```text
//! ln Σ_c exp f_c − f_y  =  max  Σ_c α_c (f_c − f_y) + H(α)                H(α) = −Σ_c α_c ln α_c
//! ```
//!
//! With `a_ic = α_ic` for c ≠ y_i and the remainder to 1 for y_i, β and W(a) are those of the SVM loss, and
//!
//! ```text
//! D(a) = 1/N Σ_i H(α_i)  −  reg Σ W(a)²          for 0 ≤ a, Σ_c a_ic ≤ 1 and Σ_i β_i = 0
//! ```
//!
//! Everything below holds for both losses. They differ only in the visits: for softmax, a visit solves for a whole
//! distribution (see [`softmax_step`](tercet_kernels::dual_ascent::softmax_step)), and no example is ever finished,
//! since each probability stays above 0.
//!
//! # Weights
//!
//! If example i has a weight w_i, its terms in P are multiplied by w_i. The variables are unchanged, but β_i and the
//! terms of D are multiplied as well: a visit then uses a step of `w_i / (2 reg N)`.
//!
//! # The bias
//!
//! The usual way around that condition is to treat the bias as one more feature, and so to regularise it: a different
//! objective. Here the objective is kept, by the method of multipliers (Hestenes 1969; Rockafellar 1976): for a while
//! the bias is held near a point b₀, `b = b₀ + κ Σ_i β_i`, which needs no condition; then b₀ moves to the current b.
//! The result is b itself. In the meantime `Σ_i β_i` is not quite 0, so for the bound the a are lowered until it is:
//! their sums from class to class are reduced to a circulation. Every reported figure refers to P as defined above: the
//! loss of the weights that are returned, and a true bound on it.
//!
//! # The algorithm
//!
//! Examples are visited in random order. A visit maximises over the C − 1 variables of one example with all others
//! fixed (see [`svm_step`](tercet_kernels::dual_ascent::svm_step)), and updates W and b. Every few sweeps, the *gap
//! check* goes over all rows on all threads: it recomputes W from the variables, in f64, and computes the loss of all
//! examples and the bound. With the SVM loss, examples beyond the margin without a variable above 0 are skipped until
//! the next gap check. Examples whose variables no longer change are skipped as well, from sweep to sweep.
//!
//! Visits are sequential, and gap checks are divided into pieces that depend only on the shapes: the same seed gives
//! the same bits on the same instruction set, whatever the number of threads.
//!
//! Sources: J. Weston and C. Watkins, "Support vector machines for multi-class pattern recognition", ESANN 1999; C.-J.
//! Hsieh, K.-W. Chang, C.-J. Lin, S. S. Keerthi and S. Sundararajan, "A dual coordinate descent method for large-scale
//! linear SVM", ICML 2008; S. Shalev-Shwartz and T. Zhang, "Stochastic dual coordinate ascent methods for regularized
//! loss minimization", JMLR 14 (2013). For softmax: M. Collins, A. Globerson, T. Koo, X. Carreras and P. L. Bartlett,
//! "Exponentiated gradient algorithms for conditional random fields and max-margin Markov networks", JMLR 9 (2008),
//! which states the dual; H.-F. Yu, F.-L. Huang and C.-J. Lin, "Dual coordinate descent methods for logistic regression
//! and maximum entropy models", Machine Learning 85 (2011), who visit one example after another.

mod circulation;
mod features;
mod state;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use tercet_kernels::dual_ascent::{Block, blocks};

use self::features::Features;
use self::state::{GapCheck, State};
use super::LinearClassifier;
use crate::data::Dataset;
use crate::loss::Loss;
use crate::network::Dense;
use crate::random::{Stream, generator};
use crate::{Error, Result};

/// The objective below which the gap is no longer measured relative to it, as a fraction of the loss at equal scores:
/// below that, the rounding of weights to f32 begins to show.
const FLOOR: f64 = 1e-4;

/// Sweeps between two gap checks. With the SVM loss, each sweep visits fewer examples than the one before.
fn sweeps(loss: Loss) -> usize {
    match loss {
        Loss::Svm { .. } => 20,
        Loss::Softmax => 4,
    }
}

/// The problem to solve, and the tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The coefficient of Σ W² in the objective. Above 0: without it there is no dual.
    pub reg: f32,
    /// The loss that is minimised, apart from the regularisation.
    pub loss: Loss,
    /// The relative gap at which the solver stops.
    pub tolerance: f64,
    /// The maximum number of epochs, of N visits each.
    pub max_epochs: usize,
    /// The seed for the order of the visits.
    pub seed: u64,
}

impl Default for Settings {
    /// reg as in [`Settings::linear`](crate::train::Settings::linear), Δ = 1, a gap of a thousandth.
    fn default() -> Self {
        Settings { reg: 1e-4, loss: Loss::SVM, tolerance: 1e-3, max_epochs: 1000, seed: 0 }
    }
}

impl Settings {
    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first invalid setting.
    pub fn validate(&self) -> Result<()> {
        self.loss.validate()?;
        if !(self.reg.is_finite() && self.reg > 0.0) {
            let expected = "a finite number above 0, such as 1e-4: without regularisation there is no dual";
            return Err(Error::setting("reg", self.reg, expected));
        }
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return Err(Error::setting(
                "tolerance",
                self.tolerance,
                "a number above 0 and below 1, such as 1e-3",
            ));
        }
        if self.max_epochs == 0 {
            return Err(Error::setting("epochs", 0, "at least 1"));
        }
        Ok(())
    }
}

/// The state of the solver after a gap check.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Number of visits so far, divided by N.
    pub epochs: f64,
    /// The lowest objective found so far: that of the weights that would be returned now.
    pub primal: f64,
    /// The best lower bound so far: no weights have a lower objective.
    pub dual: f64,
    /// `(primal − dual) / primal`. If the objective is below a ten-thousandth of the loss at equal scores, (C − 1) Δ,
    /// that value is used as the denominator instead.
    pub gap: f64,
    /// The number of examples that the next sweep visits.
    pub active: usize,
}

/// Called after each gap check; `ControlFlow::Break` stops the solver.
pub type Observer<'a> = &'a mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send);

/// Why the solver stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The gap is within the tolerance.
    Converged,
    /// The maximum number of epochs was reached first.
    OutOfEpochs,
    /// The observer stopped it.
    Interrupted,
}

/// The dual variables of a solution, from which another one can be warm-started.
#[derive(Clone, Debug)]
pub struct Variables {
    loss: Loss,
    labels: Vec<u32>,
    classes: usize,
    a: Vec<Block<f32>>,
    anchor: Vec<f64>,
}

/// A classifier, and a bound on how far its objective is from the minimum.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The weights with the lowest objective of all gap checks.
    pub classifier: LinearClassifier,
    /// The last gap check: the objective of the classifier, and the bound.
    pub last: Progress,
    /// The number of gap checks.
    pub gap_checks: usize,
    /// Why the solver stopped.
    pub ending: Ending,
    /// The variables for warm-starting another solution with the same examples and another reg.
    pub variables: Variables,
}

/// Minimises the objective to within the tolerance.
///
/// `start` are the dual variables of a solution for the same examples, usually with another `reg`: a good warm start if
/// the two values of `reg` are close.
///
/// # Errors
/// Invalid settings, no examples, features whose squares exceed the range of f32, a `reg` so small that the weights
/// would exceed it, and variables that belong to other examples.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::data::Dataset;
/// use tercet::linear::dual::{Ending, Settings, solve};
///
/// // Two points on a line, −1 and 1. By symmetry W = (−w, w), and f differs by 2 w between the classes:
/// // P = max(0, Δ − 2 w) + 2 reg w², which for reg = 1/10 and Δ = 1 is least at w = 1/2.
/// let data = Dataset::from_features("two", 1, vec![-1.0, 1.0], vec![0, 1], vec!["−".into(), "+".into()])?;
/// let settings = Settings { reg: 0.1, tolerance: 1e-5, ..Settings::default() };
/// let solution = solve(&data, &settings, None, &mut |_| ControlFlow::Continue(()))?;
/// assert_eq!(solution.ending, Ending::Converged);
/// assert!((solution.last.primal - 0.05).abs() < 1e-5);
/// assert!(solution.last.dual <= 0.05 + 1e-9);
/// assert!((solution.classifier.dense().w[1] - 0.5).abs() < 1e-2);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn solve(
    data: &Dataset,
    settings: &Settings,
    start: Option<&Variables>,
    observe: Observer<'_>,
) -> Result<Solution> {
    solve_weighted(data, None, settings, start, observe)
}

/// [`solve`] with the loss of each example multiplied by its weight, as in [`Plan::weights`](crate::train::Plan).
///
/// # Shapes
/// `weights` is (N).
///
/// # Errors
/// Those of [`solve`], and weights that are not finite and above 0: leave out examples of weight 0.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::data::Dataset;
/// use tercet::linear::dual::{Settings, solve, solve_weighted};
///
/// // An example of weight 2 is equivalent to two copies of it, if the weights have mean 1.
/// let classes = vec!["a".to_owned(), "b".to_owned()];
/// let data = Dataset::from_features("points", 1, vec![-1.0, 0.5, 2.0], vec![0, 0, 1], classes)?;
/// let settings = Settings { reg: 0.1, tolerance: 1e-6, ..Settings::default() };
/// let watch = &mut |_: &_| ControlFlow::Continue(());
/// let weighted = solve_weighted(&data, Some(&[0.75, 1.5, 0.75]), &settings, None, watch)?;
/// let repeated = solve(&data.subset(&[0, 1, 1, 2]), &settings, None, watch)?;
/// assert!((weighted.last.primal - repeated.last.primal).abs() < 1e-5);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn solve_weighted(
    data: &Dataset,
    weights: Option<&[f32]>,
    settings: &Settings,
    start: Option<&Variables>,
    observe: Observer<'_>,
) -> Result<Solution> {
    settings.validate()?;
    if data.is_empty() {
        return Err(Error::mismatch(format!("examples of {}", data.name()), 0, "at least 1"));
    }
    let (n, labels, classes) = (data.len(), data.labels(), data.class_count());
    if let Some(start) = start
        && std::mem::discriminant(&start.loss) != std::mem::discriminant(&settings.loss)
    {
        return Err(Error::mismatch("loss of the variables to start from", start.loss, settings.loss));
    }
    if let Some(start) = start
        && (start.labels != labels || start.classes != classes)
    {
        let found = format!("{} of {} classes with other labels", start.labels.len(), start.classes);
        return Err(Error::mismatch(
            "examples of the variables to start from",
            found,
            format!("those of {}", data.name()),
        ));
    }
    if let Some(weights) = weights {
        if weights.len() != n {
            let expected = format!("{n}, one for each");
            return Err(Error::mismatch("weights of the examples", weights.len(), expected));
        }
        if let Some(i) = weights.iter().position(|weight| !(weight.is_finite() && *weight > 0.0)) {
            let expected = "a finite number above 0; leave out examples of weight 0";
            return Err(Error::mismatch(format!("weight of example {i}"), weights[i], expected));
        }
    }
    // Inside the pool, so that the parallel parts of a gap check start without delay.
    rayon::scope(|_| {
        let features = Features::new(data)?;
        let mut state = State::new(&features, labels.to_vec(), weights, (classes, data.width()), settings)?;
        if let Some(start) = start {
            state.begin_at(&start.a, &start.anchor);
        }
        run(state, n, settings, observe)
    })
}

fn run(mut state: State<'_>, n: usize, settings: &Settings, observe: Observer<'_>) -> Result<Solution> {
    let mut generator = generator(settings.seed, Stream::Visits);
    let floor = FLOOR * f64::from(settings.loss.at_equal_scores(state.classes()));
    let most = settings.max_epochs as f64 * n as f64;
    let (mut visits, mut gap_checks, mut dual) = (0, 0, f64::NEG_INFINITY);
    let mut best: Option<GapCheck> = None;
    let (last, ending) = loop {
        // The first gap check follows one sweep, since it finds the rows that need no more visits.
        for _ in 0..if gap_checks == 0 { 1 } else { sweeps(settings.loss) } {
            visits += state.sweep(&mut generator);
            if state.active() == 0 || visits as f64 >= most {
                break;
            }
        }
        let check = state.check_gap();
        gap_checks += 1;
        dual = dual.max(check.dual);
        let best = match best.take() {
            Some(old) if old.primal <= check.primal => best.insert(old),
            _ => best.insert(check),
        };
        // Due to rounding, the two may cross in their last digits.
        let gap = (best.primal - dual).max(0.0);
        let progress = Progress {
            epochs: visits as f64 / n as f64,
            primal: best.primal,
            dual: dual.min(best.primal),
            gap: if gap > 0.0 { gap / best.primal.max(floor) } else { 0.0 },
            active: state.active(),
        };
        if !best.primal.is_finite() {
            return Err(Error::setting(
                "reg",
                settings.reg,
                "a larger number: the weights leave the range of f32",
            ));
        }
        let flow = observe(&progress);
        if progress.gap <= settings.tolerance {
            break (progress, Ending::Converged);
        }
        if flow.is_break() {
            break (progress, Ending::Interrupted);
        }
        // If no example is active, only the anchor of the bias can move; that counts as a visit.
        visits += usize::from(progress.active == 0);
        if visits as f64 >= most {
            break (progress, Ending::OutOfEpochs);
        }
    };
    let classifier = classifier(&best.expect("the loop checks the gap at least once"), state.classes())?;
    Ok(Solution { classifier, last, gap_checks, ending, variables: state.into_variables() })
}

/// The classifier with the weights of a gap check.
fn classifier(check: &GapCheck, classes: usize) -> Result<LinearClassifier> {
    let unpadded = |padded: &[Block<f32>]| -> Vec<f32> {
        let rows = padded.chunks_exact(blocks(classes));
        rows.flat_map(|row| row.iter().flat_map(|block| block.0).take(classes)).collect()
    };
    let (w, b) = (unpadded(&check.w), unpadded(&check.b));
    LinearClassifier::from_dense(Dense { inputs: check.w.len() / blocks(classes), outputs: classes, w, b })
}
