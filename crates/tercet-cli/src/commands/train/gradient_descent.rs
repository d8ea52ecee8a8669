//! `tercet train linear|network`: training by gradient descent, as a recipe says.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tercet::linear::LinearClassifier;
use tercet::model::{Card, Classifier, ModelFile};
use tercet::network::Network;
use tercet::recipe::{self, Recipe};
use tercet::train::{Ending, Identity, Plan, Validation};

use super::{cleaned, data_in_words, model_path, record_as_read};
use crate::args::train::TrainCommonArgs;
use crate::output_files::check_writable;
use crate::progress::say;
use crate::sample_weights::read_weights;
use crate::saving::save;
use crate::split::split_or_keep_all;
use crate::{callbacks, dashboard, exit, interrupt, loading, output, training};

/// Trains by gradient descent, as a recipe says.
pub fn run(
    common: &TrainCommonArgs,
    recipe: &Recipe,
    losses: Option<&Path>,
    weights: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let recipe = &Recipe { cleaning: common.preprocessing.over(recipe.cleaning), ..recipe.clone() };
    let name = match recipe.kind {
        recipe::Kind::Linear => "linear",
        recipe::Kind::Network => "network",
    };
    recipe.validate()?;
    if common.logging.dashboard {
        dashboard::check()?;
    }
    let path = model_path(common, name)?;
    losses.map(check_writable).transpose()?;
    let checkpoint = callbacks::checkpoint_path(&common.logging, &path)?;
    let collection = loading::open(&common.data)?;
    let (contract, train) = cleaned(&collection, recipe.cleaning)?;
    let data = split_or_keep_all(&train, recipe.validation, recipe.seed)?;
    // Now, and not after the split has been made.
    let untrained = recipe.untrained_on(&data.train)?;
    // Weights are of all training examples, in the order of their file; some of these are held out.
    let own = weights.map(|file| read_weights(file, collection.train.len())).transpose()?;
    let own: Option<Vec<f32>> =
        own.map(|own| (0..data.train.len()).map(|i| own[data.train.origin(i)]).collect());
    let of_examples = recipe.class_weights.of_examples(&data.train, own.as_deref())?;
    interrupt::watch("the model so far will be saved")?;

    let mut network = untrained.clone();
    say(format!("{network}; {}", data_in_words(&data)));
    let plan = Plan {
        validation: Some(&data.validation).filter(|held_out| !held_out.is_empty()),
        weights: of_examples.as_deref(),
        ..Plan::new(&data.train, &recipe.train, recipe.seed)
    };
    let identity = || Identity::new(recipe, &data.train, &data.validation, own.as_deref());
    let watch =
        callbacks::open(&common.logging, checkpoint, identity, &untrained, &recipe.train, data.train.len())?;
    let trained = training::follow(name, &mut network, &plan, true, watch);

    let mut card = Card::new(data.train.classes().to_vec(), contract);
    card.settings = serde_json::to_value(recipe)?;
    if let Some(weights) = weights {
        card.settings["weights"] = json!(weights.to_string_lossy());
    }
    if let Ok((training, _)) = &trained
        && !training.history.rate_changes.is_empty()
    {
        card.settings["rate_changes"] = serde_json::to_value(&training.history.rate_changes)?;
    }
    card.seed = Some(recipe.seed);
    card.data = Some(record_as_read(&collection, &data, recipe.validation, recipe.seed, recipe.cleaning)?);
    let mut save_as = |network: Network, check: Option<&Validation>| -> anyhow::Result<String> {
        if let Some(check) = check {
            card.metrics.insert("validation accuracy".to_owned(), check.validation_accuracy);
            card.metrics.insert("validation loss".to_owned(), check.validation_loss.into());
        }
        let classifier = match recipe.kind {
            recipe::Kind::Linear => {
                let dense = network.dense_layers().next().expect("a linear classifier has its layer");
                Classifier::Linear(LinearClassifier::from_dense(dense.clone())?)
            }
            recipe::Kind::Network => Classifier::Network(network),
        };
        save(&path, ModelFile { card: card.clone(), classifier })
    };
    match trained {
        Ok((training, _)) => {
            // The model first: where both cannot be written, it is what took the time.
            let saved = save_as(network, training.validation())?;
            if let Some(path) = losses {
                tercet::file::replace(path, training.history.to_csv().as_bytes())?;
            }
            output::print(saved)?;
            // The dashboard's key to stop is a way to end well.
            let interrupted = training.ending == Ending::Interrupted && interrupt::was_asked();
            Ok(if interrupted { exit::interrupted() } else { ExitCode::SUCCESS })
        }
        Err(error) => {
            if matches!(error.downcast_ref(), Some(tercet::Error::Diverged { .. })) {
                // Weights that have learned nothing yet are not worth a model that may have.
                let learned = network != untrained;
                output::tell(if !learned && path.exists() {
                    format!("{} stays as it was", path.display())
                } else {
                    let which = if learned { "of the last sound look" } else { "before the first step" };
                    format!("the weights {which} are kept: {}", save_as(network, None)?)
                });
            }
            Err(error)
        }
    }
}
