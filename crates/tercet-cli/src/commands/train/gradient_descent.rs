//! `tercet train linear|network`: training by gradient descent.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tercet::data::Split;
use tercet::network::Network;
use tercet::recipe::{GradientDescentRecipe, Kind, TrainingSetup};
use tercet::train::{Ending, History, Identity, Training, Validation};

use super::{data_in_words, model_path, say_preprocessing};
use crate::args::train::TrainCommonArgs;
use crate::output_files::check_writable;
use crate::progress::say;
use crate::sample_weights::read_weights;
use crate::saving::{Saved, save};
use crate::split::split_or_keep_all;
use crate::training::Outcome;
use crate::{callbacks, dashboard, exit, interrupt, loading, output, training};

/// The name of a kind of model that is trained by gradient descent.
pub fn name_of(kind: Kind) -> &'static str {
    if kind == Kind::Linear { "linear" } else { "network" }
}

/// Trains a recipe by gradient descent. `name` is that of its kind on the command line.
pub fn run(
    common: &TrainCommonArgs,
    name: &str,
    recipe: GradientDescentRecipe,
    losses: Option<&Path>,
    weights: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let preprocessing = common.preprocessing.or(recipe.preprocessing);
    let recipe = GradientDescentRecipe { preprocessing, ..recipe };
    recipe.validate()?;
    if common.logging.dashboard {
        dashboard::check()?;
    }
    let path = model_path(common, name)?;
    losses.map(check_writable).transpose()?;
    let checkpoint = callbacks::checkpoint_path(&common.logging, &path)?;
    let collection = loading::open(&common.data)?;
    let split = split_or_keep_all(&collection.train, recipe.validation, recipe.seed)?;
    // The file has a weight for every training example, in order; some of these are held out.
    let own = weights.map(|file| read_weights(file, collection.train.len())).transpose()?;
    let own: Option<Vec<f32>> =
        own.map(|own| (0..split.train.len()).map(|i| own[split.train.origin(i)]).collect());
    let setup = recipe.set_up(&split, own.as_deref())?;
    interrupt::watch("the current model will be saved")?;

    say_preprocessing(&setup.preprocessing);
    if setup.settings != recipe.train {
        let (loss, reg) = (setup.settings.loss, setup.settings.reg);
        say(format!("loss: {loss}, regularisation: {reg:.1e}, since the features are standardised"));
    }
    say(format!("{}; {}", setup.network, data_in_words(&split)));
    let plan = recipe.plan(&setup);
    let identity = || {
        let identity = Identity::of(&plan).with("init", recipe.init).with("patches", recipe.patches);
        identity.with("preprocessing", &recipe.preprocessing)
    };
    let watch = callbacks::open(&common.logging, checkpoint, identity, &setup.network, &plan)?;
    let Outcome { network, training, .. } = training::follow(name, &setup.network, &plan, true, watch)?;
    let as_json = common.json;
    let saver = Saver { recipe: &recipe, setup: &setup, split: &split, weights, path: &path, as_json };
    match training {
        Ok(training) => {
            let warnings = training::warn(name, &network, &plan, &training.history);
            saver.completed(network, &training, warnings, losses)
        }
        Err(error) => {
            if matches!(error, tercet::Error::Diverged { .. }) {
                output::tell(saver.diverged(network)?);
            }
            Err(error.into())
        }
    }
}

/// Saves the model at the end of training.
struct Saver<'a> {
    recipe: &'a GradientDescentRecipe,
    setup: &'a TrainingSetup,
    split: &'a Split,
    /// The file of the sample weights.
    weights: Option<&'a Path>,
    /// The model file.
    path: &'a Path,
    as_json: bool,
}

impl Saver<'_> {
    /// Saves the model, and says where.
    fn save(
        &self,
        network: Network,
        check: Option<&Validation>,
        history: Option<&History>,
        warnings: Vec<String>,
    ) -> anyhow::Result<Saved> {
        let mut model = self.recipe.model(self.setup, network, &self.split.train, check)?;
        let settings = &mut model.card.settings;
        if let Some(weights) = self.weights {
            settings["weights"] = json!(weights.to_string_lossy());
        }
        if let Some(history) = history.filter(|history| !history.rate_changes.is_empty()) {
            settings["rate_changes"] = serde_json::to_value(&history.rate_changes)?;
        }
        model.card.warnings = warnings;
        save(self.path, &model)
    }

    fn completed(
        &self,
        network: Network,
        training: &Training,
        warnings: Vec<String>,
        losses: Option<&Path>,
    ) -> anyhow::Result<ExitCode> {
        // The model first: if not everything can be written, it matters most.
        let saved = self.save(network, training.validation(), Some(&training.history), warnings)?;
        if let Some(path) = losses {
            tercet::file::replace(path, training.history.to_csv().as_bytes())?;
        }
        saved.print(self.as_json)?;
        // Stopping with the dashboard's key is not an interruption.
        let interrupted = training.ending == Ending::Interrupted && interrupt::was_asked();
        Ok(if interrupted { exit::interrupted() } else { ExitCode::SUCCESS })
    }

    /// Saves the weights from before training diverged. Untrained weights do not replace an existing model.
    fn diverged(&self, network: Network) -> anyhow::Result<String> {
        let learned = network != self.setup.network;
        if !learned && self.path.exists() {
            return Ok(format!("{} is unchanged", self.path.display()));
        }
        let which =
            if learned { "of the last validation check before that" } else { "before the first step" };
        let warnings = vec!["training diverged".to_owned()];
        Ok(format!("the weights {which} are saved: {}", self.save(network, None, None, warnings)?))
    }
}
