//! Tuning of networks, and of linear classifiers as networks without hidden layers.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::axis::distinct;
use super::record::{Divergence, Trial, TrialSettings, Tuning};
use super::{Axis, Observer, Plan, Search, Watch, check_trials};
use crate::data::{Dataset, Split};
use crate::loss::Loss;
use crate::network::{Init, Network};
use crate::preprocess::Spec;
use crate::random::{Stream, generator};
use crate::recipe::{FitProgress, GradientDescentRecipe, Kind};
use crate::train::Settings;
use crate::{Error, Result};

/// The settings of networks to choose from, in the order of a grid: the learning rate changes fastest.
///
/// ```
/// use tercet::train::Settings;
/// use tercet::tune::{Axis, NetworkSpace};
///
/// // All settings except two are those of the lecture.
/// let space = NetworkSpace {
///     hidden: Axis::List(vec![vec![36], vec![100], vec![100, 50]]),
///     learning_rate: Axis::Range { low: 1e-3, high: 1.0 },
///     ..NetworkSpace::fixed(Settings::lecture(), vec![36])
/// };
/// # let _ = space;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkSpace {
    /// The hidden sizes of each network. `[]` is the linear classifier.
    pub hidden: Axis<Vec<usize>>,
    /// B, the number of examples of a batch.
    pub batch: Axis<usize>,
    /// Δ of the SVM loss; `None` uses the loss of `base`.
    pub margin: Option<Axis<f32>>,
    /// The coefficient of Σ W² in the loss.
    pub reg: Axis<f32>,
    /// The learning rate.
    pub learning_rate: Axis<f32>,
    /// Initial weights, for networks with hidden layers; a linear classifier starts from zeros.
    pub init: Init,
    /// The preprocessing, fitted on the training examples of each split.
    #[serde(default)]
    pub preprocessing: Spec,
    /// All settings without an axis here. With patience, early stopping uses the same validation examples as the
    /// evaluation of the trial.
    pub base: Settings,
}

impl NetworkSpace {
    /// A space with a single point: `base`, with these hidden sizes and He initialisation.
    pub fn fixed(base: Settings, hidden: Vec<usize>) -> Self {
        NetworkSpace {
            hidden: Axis::only(hidden),
            batch: Axis::only(base.batch),
            margin: None,
            reg: Axis::only(base.reg),
            learning_rate: Axis::only(base.learning_rate),
            init: Init::He,
            preprocessing: Spec::default(),
            base,
        }
    }

    /// The combinations to try, in order, all validated.
    fn candidates(&self, plan: &Plan) -> Result<Vec<Candidate>> {
        self.hidden.validate("hidden")?;
        self.batch.validate("batch")?;
        self.reg.validate("reg")?;
        self.learning_rate.validate("learning rate")?;
        if let Some(margin) = &self.margin {
            margin.validate("margin")?;
            if !matches!(self.base.loss, Loss::Svm { .. }) {
                return Err(Error::setting(
                    "loss",
                    self.base.loss,
                    "the SVM loss, as its margin is to be tuned",
                ));
            }
        }
        let mut candidates = match plan.search {
            Search::Grid => self.grid()?,
            Search::Random { trials } => {
                let trials = check_trials(Some(trials))?;
                let mut generator = generator(plan.seed, Stream::Search);
                distinct(trials, Candidate::key, || {
                    let hidden = self.hidden.draw(&mut generator);
                    let batch = self.batch.draw(&mut generator);
                    let margin = self.margin.as_ref().map(|axis| axis.draw(&mut generator));
                    let reg = self.reg.draw(&mut generator);
                    let learning_rate = self.learning_rate.draw(&mut generator);
                    self.candidate(hidden, batch, margin, reg, learning_rate)
                })
            }
        };
        // A value that is listed twice is tried once.
        let mut seen = HashSet::new();
        candidates.retain(|candidate| seen.insert(candidate.key()));
        for Candidate { hidden, settings } in &candidates {
            settings.validate()?;
            if hidden.contains(&0) {
                return Err(Error::setting("hidden", 0, "at least 1 unit in every layer"));
            }
        }
        self.init.validate()?;
        Ok(candidates)
    }

    fn grid(&self) -> Result<Vec<Candidate>> {
        let hidden = self.hidden.list("hidden")?;
        let batches = self.batch.list("batch")?;
        let margins: Vec<Option<f32>> = match &self.margin {
            Some(axis) => axis.list("margin")?.iter().copied().map(Some).collect(),
            None => vec![None],
        };
        let regs = self.reg.list("reg")?;
        let rates = self.learning_rate.list("learning rate")?;
        let lengths = [hidden.len(), batches.len(), margins.len(), regs.len(), rates.len()];
        let count = lengths.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        let mut candidates = Vec::with_capacity(check_trials(count)?);
        for hidden in hidden {
            for &batch in batches {
                for &margin in &margins {
                    for &reg in regs {
                        for &rate in rates {
                            candidates.push(self.candidate(hidden.clone(), batch, margin, reg, rate));
                        }
                    }
                }
            }
        }
        Ok(candidates)
    }

    fn candidate(
        &self,
        hidden: Vec<usize>,
        batch: usize,
        margin: Option<f32>,
        reg: f32,
        learning_rate: f32,
    ) -> Candidate {
        let loss = margin.map_or(self.base.loss, |margin| Loss::Svm { margin });
        Candidate { hidden, settings: Settings { loss, reg, batch, learning_rate, ..self.base } }
    }
}

/// One combination.
struct Candidate {
    hidden: Vec<usize>,
    settings: Settings,
}

impl Candidate {
    /// The key that distinguishes it from the others of its space.
    fn key(&self) -> (Vec<usize>, usize, Option<u32>, u32, u32) {
        let margin = match self.settings.loss {
            Loss::Svm { margin } => Some(margin.to_bits()),
            Loss::Softmax => None,
        };
        let Settings { batch, reg, learning_rate, .. } = self.settings;
        (self.hidden.clone(), batch, margin, reg.to_bits(), learning_rate.to_bits())
    }

    /// The recipe of the trial: a linear classifier if there are no hidden layers.
    fn recipe(&self, space: &NetworkSpace, seed: u64) -> GradientDescentRecipe {
        let linear = self.hidden.is_empty();
        GradientDescentRecipe {
            kind: if linear { Kind::Linear } else { Kind::Network },
            hidden: self.hidden.clone(),
            init: (!linear).then_some(space.init),
            preprocessing: space.preprocessing.clone(),
            seed,
            train: self.settings,
            ..GradientDescentRecipe::network()
        }
    }
}

/// Evaluates settings of networks on examples held out from `data`.
///
/// Divergence is a result like any other: the trial records the step, and is ranked last.
///
/// # Errors
/// Empty axes or invalid values, ranges in a grid search, more than [`MOST_TRIALS`](super::MOST_TRIALS) trials, and a
/// held-out part that leaves nothing to train on. All of these are detected before the first trial.
///
/// ```
/// use std::ops::ControlFlow;
/// use tercet::data::Dataset;
/// use tercet::train::{Length, Settings};
/// use tercet::tune::{Axis, ValidationMethod, NetworkSpace, Plan, Search, networks};
///
/// let (x, y) = (0..40).map(|i| (i as f32 / 20.0 - 1.0, u32::from(i >= 20))).unzip();
/// let data = Dataset::from_features("line", 1, x, y, vec!["low".into(), "high".into()])?;
/// let base = Settings { length: Length::Epochs(5), ..Settings::lecture() };
/// let space = NetworkSpace {
///     learning_rate: Axis::List(vec![1e-3, 1e-1, 1e30]),
///     ..NetworkSpace::fixed(base, vec![])
/// };
/// let plan = Plan { search: Search::Grid, validation: ValidationMethod::HoldOut { size: 10 }, seed: 0 };
/// let tuning = networks(&data, &space, &plan, &mut |_| ControlFlow::Continue(()))?;
/// assert!(tuning.best().unwrap().accuracy.unwrap() >= 0.9);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn networks(data: &Dataset, space: &NetworkSpace, plan: &Plan, observe: Observer<'_>) -> Result<Tuning> {
    let candidates = space.candidates(plan)?;
    for candidate in &candidates {
        Network::check_sizes(data.width(), &candidate.hidden, data.class_count())?;
    }
    let splits = plan.validation.splits(data, plan.seed)?;
    let mut watch = Watch::new(candidates.len(), observe);
    for candidate in candidates {
        let recipe = candidate.recipe(space, plan.seed);
        let tried = TrialSettings::Network {
            hidden: candidate.hidden.clone(),
            init: space.init,
            training: candidate.settings,
        };
        let Some(trial) = attempt(&recipe, tried, &splits, &mut watch)? else { break };
        if watch.trial_done(trial).is_break() {
            break;
        }
    }
    Ok(watch.tuning(data, plan))
}

/// Fits a recipe on every split and evaluates it on the held-out part; `None` if the observer stopped it.
pub(super) fn attempt(
    recipe: &GradientDescentRecipe,
    tried: TrialSettings,
    splits: &[Split],
    watch: &mut Watch,
) -> Result<Option<Trial>> {
    let begun = Instant::now();
    let (mut accuracies, mut losses) = (Vec::new(), Vec::new());
    let (mut diverged, mut parameters) = (None, 0);
    for (fold, split) in splits.iter().enumerate() {
        // Validation checks during training take time, and only early stopping needs them.
        let split_to_fit = match recipe.train.patience {
            Some(_) => split.clone(),
            None => Split { validation: split.validation.first(0), ..split.clone() },
        };
        let mut observe = |progress: FitProgress<'_>| -> ControlFlow<()> {
            let FitProgress::Step { trainer, step } = progress else { return ControlFlow::Continue(()) };
            let part = step.number as f64 / trainer.plan().steps() as f64;
            watch.during((fold as f64 + part) / splits.len() as f64)
        };
        let model = match recipe.fit(&split_to_fit, None, &mut observe) {
            Ok(_) if watch.stopped => return Ok(None),
            Ok(fitted) => fitted.model,
            Err(Error::Diverged { step, .. }) => {
                diverged = Some(Divergence { step, fold: (splits.len() > 1).then_some(fold + 1) });
                break;
            }
            Err(error) => return Err(error),
        };
        parameters = model.classifier().network().map_or(0, Network::parameters);
        let (scores, labels) = (model.scores(&split.validation)?, split.validation.labels());
        accuracies.push(scores.accuracy(labels));
        losses.push(f64::from(recipe.train.loss.loss(scores.values(), labels)));
    }
    let mut trial = Trial::new(watch.trials.len() + 1, tried, accuracies, &losses);
    if diverged.is_some() {
        trial.accuracy = None;
        trial.standard_error = None;
        trial.loss = None;
    }
    Ok(Some(Trial {
        parameters: Some(parameters),
        seconds: begun.elapsed().as_secs_f64(),
        diverged,
        ..trial
    }))
}
