//! Fits a model by a recipe.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::data::{Dataset, Split, folds};
use crate::linear::path::{self, Choice};
use crate::linear::{LinearClassifier, dual};
use crate::loss::Loss;
use crate::model::{AnyClassifier, Card, DataRecord, Model, ScoreKind};
use crate::neighbors::NeighborsClassifier;
use crate::network::Network;
use crate::preprocess::{Learner, Preprocessing};
use crate::train::{Plan, Settings, Step, Trainer, Training, Validation, diagnose};
use crate::{Error, Result};

use super::{ByData, DualRecipe, GradientDescentRecipe, Kind, NeighborsRecipe, Recipe};

/// A fitted model, and the history of fitting it.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The model, ready to predict and to be saved.
    pub model: Model,
    /// Losses and validation checks, or the certificate of an exact solution.
    pub history: History,
}

/// The history of fitting a model.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it for a model")]
#[non_exhaustive]
pub enum History {
    /// Nearest neighbours only store the examples, so there is no history.
    Neighbors,
    /// Every loss and validation check of gradient descent.
    GradientDescent(Training),
    /// The final objective and its bound, and the choice of reg if there was one.
    Dual(DualHistory),
}

/// The result of the exact solver.
#[derive(Clone, Debug)]
pub struct DualHistory {
    /// The final objective, its lower bound and their gap.
    pub last: dual::Progress,
    /// Why the solver stopped.
    pub ending: dual::Ending,
    /// The settings of the solution, with the reg that was used.
    pub settings: dual::Settings,
    /// How reg was chosen, if it was.
    pub choice: Option<Choice>,
    /// The fraction of the validation set that is classified correctly; `None` without a validation set.
    pub validation_accuracy: Option<f64>,
    /// The mean loss on the validation set, regularisation included.
    pub validation_loss: Option<f64>,
}

/// The progress passed to an observer while a model is fitted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum FitProgress<'a> {
    /// After the preprocessing was fitted, before training.
    Preprocessing(&'a Preprocessing),
    /// After a step of gradient descent.
    Step {
        /// The training.
        trainer: &'a Trainer,
        /// The result of the step.
        step: &'a Step,
    },
    /// While the exact solver follows a path to choose reg.
    Path {
        /// The split, counted from 0.
        split: usize,
        /// The coefficient of Σ W².
        reg: f32,
        /// The objective and its bound.
        progress: dual::Progress,
    },
    /// After the exact solver has chosen reg.
    Choice(&'a Choice),
    /// While the exact solver trains the final model.
    Solve(dual::Progress),
}

/// Called while a model is fitted; `ControlFlow::Break` stops it.
pub type Observer<'a> = &'a mut (dyn FnMut(FitProgress<'_>) -> ControlFlow<()> + Send);

impl Recipe {
    /// Fits the preprocessing and the classifier on the training part of a split, and validates on the other part.
    ///
    /// ```
    /// use tercet::data::{Dataset, split};
    /// use tercet::recipe::Recipe;
    ///
    /// // Two clouds of points, on a scale of thousands.
    /// let point = |i: usize| [(i % 7) as f32 * 1e3, (i % 5) as f32 + if i % 2 == 0 { 0.0 } else { 9.0 }];
    /// let values = (0..120).flat_map(point).collect();
    /// let labels = (0..120).map(|i| i % 2).collect();
    /// let data = Dataset::from_features("clouds", 2, values, labels, vec!["low".into(), "high".into()])?;
    ///
    /// let fitted = Recipe::network().fit(&split(&data, 20, 0)?)?;
    /// assert_eq!(fitted.model.predict(&data)?, data.labels());
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Settings that are invalid or do not suit the data, and [`Error::Diverged`].
    pub fn fit(&self, split: &Split) -> Result<Fitted> {
        let fitted = self.fit_with(split, None, &mut |_| ControlFlow::Continue(()))?;
        fitted.ok_or_else(|| Error::mismatch("the fit", "interrupted", "a model"))
    }

    /// [`fit`](Recipe::fit) with a weight for each training example, and an observer that may stop it. `None` if it was
    /// stopped before there was a model.
    ///
    /// # Shapes
    /// `weights` is (N) of the training part.
    ///
    /// # Errors
    /// Those of [`fit`](Recipe::fit), and invalid weights.
    pub fn fit_with(
        &self,
        split: &Split,
        weights: Option<&[f32]>,
        observe: Observer<'_>,
    ) -> Result<Option<Fitted>> {
        match self {
            Recipe::Neighbors(recipe) => recipe.fit(&split.train, weights).map(Some),
            Recipe::GradientDescent(recipe) => recipe.fit(split, weights, observe).map(Some),
            Recipe::Dual(recipe) => recipe.fit(split, weights, observe),
        }
    }
}

impl NeighborsRecipe {
    /// Stores the training examples.
    ///
    /// # Errors
    /// Those of [`validate`](NeighborsRecipe::validate), and examples that the metric or the deformation does not
    /// support.
    pub fn fit(&self, train: &Dataset, weights: Option<&[f32]>) -> Result<Fitted> {
        self.validate()?;
        let preprocessing = Preprocessing::fit(&self.preprocessing, Learner::Neighbors, train)?;
        let inputs = preprocessing.apply_to(train)?;
        let mut classifier = NeighborsClassifier::fit(&inputs, self.metric, self.k, self.vote)?;
        if let Some(weights) = weights {
            classifier = classifier.with_weights(weights.to_vec())?;
        }
        let classifier = classifier.with_priors(self.priors.clone())?.with_deformation(self.deformation)?;
        let mut card = Card::new(train.classes().clone(), ScoreKind::Probabilities);
        card.settings = to_json(self);
        card.data = Some(DataRecord::of(train));
        Ok(Fitted { model: Model::new(preprocessing, classifier, card), history: History::Neighbors })
    }
}

/// Everything needed to start training by gradient descent, for callers that drive a [`Trainer`] themselves.
#[derive(Clone, Debug)]
pub struct TrainingSetup {
    /// The preprocessing, fitted on the training examples.
    pub preprocessing: Preprocessing,
    /// The preprocessed examples.
    pub data: Split,
    /// The network with its initial weights.
    pub network: Network,
    /// The weight of each training example in the loss, (N).
    pub weights: Option<Arc<[f32]>>,
    /// The training settings of the recipe, with those that the data chooses.
    pub settings: Settings,
}

impl GradientDescentRecipe {
    /// Fits the preprocessing and draws the initial weights.
    ///
    /// # Errors
    /// Those of [`validate`](GradientDescentRecipe::validate), layers that do not accept such examples, and invalid
    /// weights.
    pub fn set_up(&self, split: &Split, weights: Option<&[f32]>) -> Result<TrainingSetup> {
        self.validate()?;
        let preprocessing = Preprocessing::fit(&self.preprocessing, Learner::Weights, &split.train)?;
        let data = Split {
            train: preprocessing.apply_to(&split.train)?,
            validation: preprocessing.apply_to(&split.validation)?,
        };
        let network = self.untrained_on(&data.train)?;
        let weights = self.class_weights.of_examples(&data.train, weights)?.map(Arc::from);
        let settings = self.settings_for(&preprocessing, data.train.len());
        Ok(TrainingSetup { preprocessing, data, network, weights, settings })
    }

    /// The plan of a training with this setup.
    pub fn plan(&self, setup: &TrainingSetup) -> Plan {
        let plan = Plan::new(&setup.data.train, setup.settings, self.seed);
        let validation = Some(&setup.data.validation).filter(|held_out| !held_out.is_empty());
        Plan { weights: setup.weights.clone(), ..plan.with_validation(validation) }
    }

    /// The model of a network that was trained by this recipe on the training part of a split, including a final
    /// validation check.
    ///
    /// # Errors
    /// A network of several layers for a recipe of a linear classifier.
    pub fn model(
        &self,
        setup: &TrainingSetup,
        network: Network,
        train: &Dataset,
        check: Option<&Validation>,
    ) -> Result<Model> {
        let classifier = match self.kind {
            Kind::Linear => AnyClassifier::Linear(LinearClassifier::try_from(network)?),
            _ => AnyClassifier::Network(network),
        };
        let mut card = Card::new(train.classes().clone(), score_kind(setup.settings.loss));
        let by_data = ByData::default();
        card.settings = to_json(&GradientDescentRecipe { train: setup.settings, by_data, ..self.clone() });
        card.seed = Some(self.seed);
        card.data = Some(DataRecord::of(train));
        if let Some(check) = check {
            card.metrics.insert("validation accuracy".to_owned(), check.validation_accuracy);
            card.metrics.insert("validation loss".to_owned(), check.validation_loss.into());
        }
        Ok(Model::new(setup.preprocessing.clone(), classifier, card))
    }

    /// Trains: [`Recipe::fit_with`].
    ///
    /// # Errors
    /// Those of [`Recipe::fit_with`].
    pub fn fit(&self, split: &Split, weights: Option<&[f32]>, observe: Observer<'_>) -> Result<Fitted> {
        let setup = self.set_up(split, weights)?;
        // Training has not started: an observer that returned `Break` is called again after the first step.
        let _ = observe(FitProgress::Preprocessing(&setup.preprocessing));
        let mut trainer = Trainer::new(setup.network.clone(), self.plan(&setup))?;
        trainer.run(|trainer, step| observe(FitProgress::Step { trainer, step }))?;
        let warnings = diagnose(trainer.network(), trainer.plan(), trainer.history());
        let (network, training) = trainer.finish();
        let mut model = self.model(&setup, network, &split.train, training.validation())?;
        model.card.warnings = warnings;
        Ok(Fitted { model, history: History::GradientDescent(training) })
    }
}

impl DualRecipe {
    /// Chooses reg if there is a choice, and solves: [`Recipe::fit_with`].
    ///
    /// # Errors
    /// Those of [`Recipe::fit_with`].
    pub fn fit(
        &self,
        split: &Split,
        weights: Option<&[f32]>,
        observe: Observer<'_>,
    ) -> Result<Option<Fitted>> {
        self.validate()?;
        let preprocessing = Preprocessing::fit(&self.preprocessing, Learner::Weights, &split.train)?;
        let train = preprocessing.apply_to(&split.train)?;
        let validation = preprocessing.apply_to(&split.validation)?;
        if observe(FitProgress::Preprocessing(&preprocessing)).is_break() {
            return Ok(None);
        }
        let choice = match self.train.reg.is_choice() {
            false => None,
            true => {
                let data = Split { train: train.clone(), validation: validation.clone() };
                let Some(choice) = self.choose_reg(data, observe)? else { return Ok(None) };
                // If the observer returned `Break`, the solver below stops at once.
                let _ = observe(FitProgress::Choice(&choice));
                Some(choice)
            }
        };
        let reg = choice.as_ref().map_or(self.train.reg.choices()[0], |choice| choice.reg);
        let settings = self.settings(reg);
        let mut watch = |progress: &dual::Progress| observe(FitProgress::Solve(*progress));
        let solution = dual::solve_weighted(&train, weights, &settings, None, &mut watch)?;
        let mut history = DualHistory {
            last: solution.last,
            ending: solution.ending,
            settings,
            choice,
            validation_accuracy: None,
            validation_loss: None,
        };
        if !validation.is_empty() {
            let (scores, labels) = (solution.classifier.scores(&validation)?, validation.labels());
            let loss = f64::from(settings.loss.loss(scores.values(), labels));
            let squares = solution.classifier.dense().squared_weights();
            history.validation_accuracy = Some(scores.accuracy(labels));
            history.validation_loss = Some(loss + f64::from(settings.reg) * squares);
        }
        let card = self.card(&split.train, &history);
        let model = Model::new(preprocessing, solution.classifier, card);
        Ok(Some(Fitted { model, history: History::Dual(history) }))
    }

    /// Follows the path on the validation part, or on folds of the training part.
    fn choose_reg(&self, data: Split, observe: Observer<'_>) -> Result<Option<Choice>> {
        let regs = self.train.reg.choices();
        let splits = match self.train.folds {
            None => vec![data],
            Some(k) => folds(&data.train, k, self.seed)?,
        };
        let mut watch = |split: usize, reg: f32, progress: &dual::Progress| {
            observe(FitProgress::Path { split, reg, progress: *progress })
        };
        path::choose(&splits, regs, &self.settings(regs[0]), &mut watch)
    }

    fn card(&self, train: &Dataset, history: &DualHistory) -> Card {
        let mut card = Card::new(train.classes().clone(), score_kind(self.train.loss));
        card.settings = to_json(self);
        card.settings["ending"] = to_json(&history.ending);
        if let Some(choice) = &history.choice {
            card.settings["choice of reg"] = to_json(choice);
        }
        card.seed = Some(self.seed);
        card.data = Some(DataRecord::of(train));
        let last = &history.last;
        for (name, value) in [
            ("validation accuracy", history.validation_accuracy),
            ("validation loss", history.validation_loss),
            ("objective", Some(last.primal)),
            ("bound on the objective", Some(last.dual)),
            ("relative gap", Some(last.gap)),
            ("epochs", Some(last.epochs)),
        ] {
            card.metrics.extend(value.map(|value| (name.to_owned(), value)));
        }
        card
    }
}

/// The meaning of the scores after training with a loss.
pub fn score_kind(loss: Loss) -> ScoreKind {
    match loss {
        Loss::Softmax => ScoreKind::Logits,
        _ => ScoreKind::Margins,
    }
}

fn to_json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("recipes are numbers, words and tables of them")
}
