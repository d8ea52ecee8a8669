//! The linear classifier, trained exactly: as near to the minimum as one asks, with a proof.
//!
//! Gradient descent says what the loss is, not what it could be. Here a second problem is solved beside the first, the
//! *dual*, whose value is below the least loss wherever one stands. The *gap* between the two is the most that is left
//! to gain. Training ends when it is a small enough part of the loss.
//!
//! # The two problems
//!
//! What is minimised is the objective of [`train`](crate::train::train), b not regularised. With
//! [`Loss::Svm`](crate::loss::Loss), the sum of Weston and Watkins, it is
//!
//! ```text
//! P(W, b) = 1/N Σ_i Σ_{c ≠ y_i} max(0, f_c − f_{y_i} + Δ)  +  reg Σ W²         f = x_i · W + b
//! ```
//!
//! Each term of the sum is the largest `a (f_c − f_y + Δ)` for a from 0 to 1. With such a variable a_ic for each wrong
//! class of each example, and `β_ic = −a_ic`, `β_iy = Σ_c a_ic`, the least over W is where the derivative is 0:
//!
//! ```text
//! W(a) = 1/(2 reg N) Σ_i x_i ⊗ β_i
//! D(a) = Δ/N Σ a  −  reg Σ W(a)²          for 0 ≤ a ≤ 1 and Σ_i β_i = 0
//! ```
//!
//! `D(a) ≤ P(W, b)` for all of them, with equality at the best. The condition `Σ_i β_i = 0` is the bias's: as it costs
//! nothing, the least over b is −∞ unless every class gives as much as it takes.
//!
//! # Softmax
//!
//! The cross-entropy is a largest value, too, over the distributions α on the classes, with the entropy H:
//!
//! ```text
//! ln Σ_c exp f_c − f_y  =  max  Σ_c α_c (f_c − f_y) + H(α)                H(α) = −Σ_c α_c ln α_c
//! ```
//!
//! With `a_ic = α_ic` for c ≠ y_i and what is left to 1 for y_i, β and W(a) are those of the SVM loss, and
//!
//! ```text
//! D(a) = 1/N Σ_i H(α_i)  −  reg Σ W(a)²          for 0 ≤ a, Σ_c a_ic ≤ 1 and Σ_i β_i = 0
//! ```
//!
//! Everything below holds for both. Only the visits differ, which here solve for a whole distribution (see
//! [`softmax_step`](tercet_kernels::dual_ascent::softmax_step)), and no example is ever done: each probability stays above 0.
//!
//! # Weights
//!
//! Where example i has a weight w_i, the terms of P are multiplied by it. With the variables as they are, so are β_i and the
//! terms of D: a visit then sees a step of `w_i / (2 reg N)`.
//!
//! # The bias
//!
//! The usual way around that condition is to make the bias one more feature, and so to regularise it: another
//! objective. Here it is kept, by the method of multipliers (Hestenes 1969; Rockafellar 1976): for a while the bias is
//! held near a point b₀, `b = b₀ + κ Σ_i β_i`, which needs no condition; then b₀ moves to where b has got to.
//! What comes out at the end is b itself. On the way `Σ_i β_i` is not quite 0, so for the bound the a are lowered until
//! it is: their sums from class to class are made a circulation by taking away what does not come back. Each figure that
//! is reported is of P as it stands above: the loss of the very weights that are returned, and a true bound on it.
//!
//! # The algorithm
//!
//! Examples are visited in random order. A visit maximises over the C − 1 variables of one example while all others stay
//! (see [`svm_step`](tercet_kernels::dual_ascent::svm_step)), and updates W and b. Every few sweeps, the *gap check* goes over all
//! rows on all threads: it sums W again from the variables, in f64, and computes the loss of all examples and the
//! bound. With the SVM loss, examples beyond the margin without a variable above 0 are skipped until the next gap
//! check, and so are, from sweep to sweep, those whose variables no longer change.
//!
//! Visits are one after the other, and gap checks are divided into pieces that depend on nothing but the shapes: one seed
//! gives the same bits on one instruction set, whatever the number of threads.
//!
//! Sources: J. Weston and C. Watkins, "Support vector machines for multi-class pattern recognition", ESANN 1999;
//! C.-J. Hsieh, K.-W. Chang, C.-J. Lin, S. S. Keerthi and S. Sundararajan, "A dual coordinate descent method for
//! large-scale linear SVM", ICML 2008; S. Shalev-Shwartz and T. Zhang, "Stochastic dual coordinate ascent methods for
//! regularized loss minimization", JMLR 14 (2013). For softmax: M. Collins, A. Globerson, T. Koo, X. Carreras and
//! P. L. Bartlett, "Exponentiated gradient algorithms for conditional random fields and max-margin Markov networks", JMLR 9
//! (2008), which states the dual; H.-F. Yu, F.-L. Huang and C.-J. Lin, "Dual coordinate descent methods for logistic
//! regression and maximum entropy models", Machine Learning 85 (2011), who visit one example after another.

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

/// The loss below which the gap is no longer measured against it, as a part of the loss of equal scores: there the
/// rounding of weights to f32 begins to show.
const FLOOR: f64 = 1e-4;

/// Sweeps between two gap checks. With the SVM loss, each of them visits fewer examples than the one before.
fn sweeps(loss: Loss) -> usize {
    match loss {
        Loss::Svm { .. } => 20,
        Loss::Softmax => 4,
    }
}

/// What is solved, and how exactly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The coefficient of Σ W² in the objective. Above 0: without it there is no dual.
    pub reg: f32,
    /// What is minimised, beside the regularisation.
    pub loss: Loss,
    /// The relative gap at which it is enough.
    pub tolerance: f64,
    /// The most epochs: N visits each.
    pub max_epochs: usize,
    /// The seed of the order of visits.
    pub seed: u64,
}

impl Default for Settings {
    /// reg as that of [`Settings::linear`](crate::train::Settings::linear), Δ = 1, a gap of a thousandth.
    fn default() -> Self {
        Settings { reg: 1e-4, loss: Loss::SVM, tolerance: 1e-3, max_epochs: 1000, seed: 0 }
    }
}

impl Settings {
    /// Rejects what cannot work.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first setting that makes no sense.
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
    /// Visits so far, in N of them.
    pub epochs: f64,
    /// The least objective found so far: that of the weights that would be returned now.
    pub primal: f64,
    /// The best lower bound so far: no weights have a smaller objective.
    pub dual: f64,
    /// `(primal − dual) / primal`. Below a ten-thousandth of what equal scores would lose, (C − 1) Δ, the objective is
    /// taken as that.
    pub gap: f64,
    /// How many examples the next sweep visits.
    pub active: usize,
}

/// Called after each gap check; `ControlFlow::Break` stops the solver.
pub type Observer<'a> = &'a mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send);

/// How it came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The gap is within the tolerance.
    Converged,
    /// All epochs were used up before it was.
    OutOfEpochs,
    /// The observer ended it.
    Interrupted,
}

/// The dual variables of a solution: where the next one may begin.
#[derive(Clone, Debug)]
pub struct Variables {
    loss: Loss,
    labels: Vec<u32>,
    classes: usize,
    a: Vec<Block<f32>>,
    anchor: Vec<f64>,
}

/// A classifier, and how far its objective is from the least at most.
#[derive(Clone, Debug)]
pub struct Solution {
    /// The weights with the least objective of all gap checks.
    pub classifier: LinearClassifier,
    /// The last gap check: the objective of the classifier, and the bound.
    pub last: Progress,
    /// Number of gap checks.
    pub gap_checks: usize,
    /// How it came to its end.
    pub ending: Ending,
    /// Where another solution, of the same examples with another reg, may begin.
    pub variables: Variables,
}

/// Minimises the objective to within the tolerance.
///
/// `start` are the variables of a solution for the same examples, usually with another `reg`: a good start where the two
/// are near each other.
///
/// # Errors
/// Settings that make no sense, no examples, features whose squares are beyond f32, a `reg` so small that the weights
/// would be, and variables that belong to other examples.
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

/// [`solve`], the loss of each example multiplied by its weight: as [`Plan::weights`](crate::train::Plan).
///
/// # Shapes
/// `weights` is (N).
///
/// # Errors
/// Those of [`solve`], and weights that are not above 0 and finite: leave out what counts nothing.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::data::Dataset;
/// use tercet::linear::dual::{Settings, solve, solve_weighted};
///
/// // An example of weight 2 is one that comes twice, where the weights have the mean 1.
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
            let expected = "a finite number above 0; leave out what counts nothing";
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
        // Rounding may let the two pass each other by their last digits.
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
        // Where nothing is active, nothing can move but the place of the bias; that counts as a visit.
        visits += usize::from(progress.active == 0);
        if visits as f64 >= most {
            break (progress, Ending::OutOfEpochs);
        }
    };
    let best = best.expect("the loop checks the gap at least once");
    let classes = state.classes();
    let unpadded = |padded: &[Block<f32>]| -> Vec<f32> {
        let rows = padded.chunks_exact(blocks(classes));
        rows.flat_map(|row| row.iter().flat_map(|block| block.0).take(classes)).collect()
    };
    let dense = Dense {
        inputs: best.w.len() / blocks(classes),
        outputs: classes,
        w: unpadded(&best.w),
        b: unpadded(&best.b),
    };
    let classifier = LinearClassifier::from_dense(dense)?;
    Ok(Solution { classifier, last, gap_checks, ending, variables: state.into_variables() })
}
