//! `tercet train neighbors`: stores the training examples, and chooses k by leave-one-out for `-k auto`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tercet::Model;
use tercet::neighbors::NeighborsClassifier;
use tercet::recipe::NeighborsRecipe;
use tercet::text;

use super::{choose_k, model_path, say_preprocessing};
use crate::args::neighbors::{K, NeighborsArgs};
use crate::args::train::TrainCommonArgs;
use crate::output_files::check_writable;
use crate::progress::{Stage, say};
use crate::sample_weights::read_weights;
use crate::saving::save;
use crate::{exit, interrupt, loading};

/// Stores the training examples, and chooses k for `-k auto`.
pub fn run(
    common: &TrainCommonArgs,
    recipe: NeighborsRecipe,
    weights: Option<&Path>,
    args: Option<&NeighborsArgs>,
) -> anyhow::Result<ExitCode> {
    common.logging.reject("neighbors")?;
    let preprocessing = common.preprocessing.or(recipe.preprocessing);
    let mut recipe = NeighborsRecipe { preprocessing, ..recipe };
    recipe.validate()?;
    let path = model_path(common, "neighbors")?;
    let plot = args.map_or(Ok(None), |args| plot_path(args, &path))?;
    let collection = loading::open(&common.data)?;
    let train = &collection.train;
    let of_examples = weights.map(|file| read_weights(file, train.len())).transpose()?;
    let stage = Stage::new("nearest neighbours", 1);
    let mut model = recipe.fit(train, of_examples.as_deref())?.model;
    stage.done(&format!("{} examples stored", text::thousands(train.len())));
    say_preprocessing(model.preprocessing());

    let mut choice = None;
    if let Some(args) = args.filter(|args| args.k == K::Auto) {
        interrupt::watch("stopping; nothing is written")?;
        let (preprocessing, classifier, mut card) = model.into_parts();
        let classifier = NeighborsClassifier::try_from(classifier)?;
        let Some(chosen) = choose_k::choose_k(&classifier, args.k_max)? else {
            return Ok(exit::interrupted());
        };
        let best = chosen.best();
        card.metrics.insert("leave-one-out accuracy".to_owned(), best.accuracy);
        card.metrics.insert("leave-one-out standard error".to_owned(), best.standard_error);
        recipe = NeighborsRecipe {
            k: chosen.k,
            description: NeighborsRecipe::new(chosen.k).description,
            ..recipe
        };
        card.settings = serde_json::to_value(&recipe)?;
        card.settings["k chosen by"] = json!(format!("leave-one-out, 1 to {}", chosen.accuracies.len()));
        model = Model::new(preprocessing, classifier.with_k(chosen.k)?, card);
        choice = Some(chosen);
    }
    if let Some(weights) = weights {
        model.card.settings["weights"] = json!(weights.to_string_lossy());
    }
    if let (Some(choice), Some(plot)) = (&choice, &plot) {
        tercet_report::choice_of_k::write(plot, choice, train.name())?;
        say(format!("plot: {}", plot.display()));
    }
    let saved = save(&path, &model)?;
    if let Some(choice) = choice.as_ref().filter(|_| !common.json) {
        choose_k::print(choice)?;
    }
    saved.print(common.json)?;
    Ok(ExitCode::SUCCESS)
}

/// The file for the plot of accuracy by k. Rejects the options of `-k auto` without it.
fn plot_path(args: &NeighborsArgs, model: &Path) -> anyhow::Result<Option<PathBuf>> {
    let of_auto =
        [("--k-max", args.k_max.is_some()), ("--plot", args.plot.is_some()), ("--no-plot", args.no_plot)];
    if args.k != K::Auto {
        return match of_auto.into_iter().find(|(_, given)| *given) {
            None => Ok(None),
            Some((name, _)) => {
                Err(exit::usage(format!("{name} belongs to -k auto: add that, or leave {name} out")))
            }
        };
    }
    if args.no_plot {
        return Ok(None);
    }
    let plot = args.plot.clone().unwrap_or_else(|| model.with_extension("k.html"));
    if plot == model {
        return Err(exit::usage(format!(
            "the model and the plot have the same file name, {}: change one of them",
            plot.display()
        )));
    }
    check_writable(&plot)?;
    Ok(Some(plot))
}
