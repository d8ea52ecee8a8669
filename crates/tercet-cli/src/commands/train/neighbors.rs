//! `tercet train neighbors`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;
use tercet::image::{Cleaning, Range};
use tercet::model::{Card, Classifier, DataRecord, ModelFile};
use tercet::neighbors::{Deformable, NeighborsClassifier, Priors};
use tercet::text;
use tercet_report::choice_of_k;

use super::{choose_k, cleaned, model_path};
use crate::args::neighbors::K;
use crate::args::train::{NeighborsArgs, TrainCommonArgs};
use crate::output_files::check_writable;
use crate::progress::{Stage, say};
use crate::sample_weights::read_weights;
use crate::saving::save;
use crate::{exit, interrupt, loading, output};

pub fn run(
    common: &TrainCommonArgs,
    args: &NeighborsArgs,
    cleaning: Cleaning,
    deformable: Option<Deformable>,
) -> anyhow::Result<ExitCode> {
    common.logging.refuse("neighbors")?;
    let path = model_path(common, "neighbors")?;
    let plot = plot_path(args, &path)?;
    let collection = loading::open(&common.data)?;
    let (mut contract, train) = cleaned(&collection, cleaning)?;
    let weights = args.weights.as_deref().map(|file| read_weights(file, train.len())).transpose()?;
    let stage = Stage::new("nearest neighbours", 1);
    let &NeighborsArgs { k, k_max, metric, vote, ref priors, .. } = args;
    // Until k is chosen, any will do.
    let k_or_one = if let K::Given(k) = k { k } else { 1 };
    let mut classifier = NeighborsClassifier::fit(&train, metric, k_or_one, vote)?;
    if let Some(weights) = weights {
        classifier = classifier.with_weights(weights)?;
    }
    classifier = classifier.with_priors(priors.clone())?.with_deformation(deformable)?;
    stage.done(&format!("{} examples remembered", text::thousands(train.len())));

    if train.is_pixels() {
        contract.range = Range::Bytes;
    }
    let mut card = Card::new(train.classes().to_vec(), contract);
    card.data = Some(DataRecord::of(&collection.train));
    let choice = match k {
        K::Given(_) => None,
        K::Auto => {
            interrupt::watch("stopping; nothing is written")?;
            let Some(choice) = choose_k::choose_k(&classifier, k_max)? else {
                return Ok(exit::interrupted());
            };
            classifier = classifier.with_k(choice.k)?;
            card.metrics.insert("leave-one-out accuracy".to_owned(), choice.best().accuracy);
            card.metrics.insert("leave-one-out standard error".to_owned(), choice.best().standard_error);
            Some(choice)
        }
    };
    card.settings = json!({ "k": classifier.k(), "metric": metric, "vote": vote });
    if *priors != Priors::Data {
        card.settings["priors"] = json!(priors.to_string());
    }
    if !cleaning.is_none() {
        card.settings["pictures"] = json!(cleaning.to_string());
    }
    if let Some(deformable) = deformable {
        card.settings["distance"] = json!(classifier.distance_in_words());
        card.settings["candidates"] = json!(deformable.candidates);
    }
    if let Some(weights) = &args.weights {
        card.settings["weights"] = json!(weights.to_string_lossy());
    }
    if let Some(choice) = &choice {
        card.settings["k chosen by"] = json!(format!("leave-one-out, 1 to {}", choice.accuracies.len()));
        if let Some(plot) = &plot {
            choice_of_k::write(plot, choice, train.name())?;
            say(format!("plot: {}", plot.display()));
        }
    }
    let saved = save(&path, ModelFile { card, classifier: Classifier::Neighbors(classifier) })?;
    choice.as_ref().map(choose_k::print).transpose()?;
    output::print(saved)?;
    Ok(ExitCode::SUCCESS)
}

/// Where the plot goes; nowhere without `auto`, whose options are then refused.
fn plot_path(args: &NeighborsArgs, model: &Path) -> anyhow::Result<Option<PathBuf>> {
    let of_auto =
        [("--k-max", args.k_max.is_some()), ("--plot", args.plot.is_some()), ("--no-plot", args.no_plot)];
    if args.k != K::Auto {
        let given = of_auto.into_iter().find_map(|(name, given)| given.then_some(name));
        return given.map_or(Ok(None), |name| {
            Err(exit::usage(format!("{name} belongs to -k auto: add that, or leave {name} out")))
        });
    }
    if args.no_plot {
        return Ok(None);
    }
    let plot = args.plot.clone().unwrap_or_else(|| model.with_extension("k.html"));
    if plot == model {
        return Err(exit::usage(format!(
            "the model and the plot have the same name, {}: give one of them another",
            plot.display()
        )));
    }
    check_writable(&plot)?;
    Ok(Some(plot))
}
