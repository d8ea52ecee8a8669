//! `tercet train`: one classifier, saved as a model file.

mod choose_k;
mod dual;
mod gradient_descent;
mod neighbors;

use std::path::PathBuf;
use std::process::ExitCode;

use tercet::data::{Collection, Split};
use tercet::image::{Cleaning, Contract};
use tercet::model::DataRecord;
use tercet::recipe::{AnyRecipe, Recipe};
use tercet::{Dataset, text};

use crate::args::gradient_descent::GradientDescentArgs;
use crate::args::train::{LinearArgs, NeighborsArgs, NetworkArgs, TrainArgs, TrainCommonArgs, TrainKind};
use crate::output_files::check_writable;
use crate::progress::Stage;
use crate::recipes;
use crate::saving::preparation;
use crate::split::split_or_keep_all;

/// Trains a classifier.
pub fn run(args: TrainArgs) -> anyhow::Result<ExitCode> {
    args.check()?;
    let common = &args.common;
    match &args.kind {
        Some(TrainKind::Neighbors(neighbors)) => {
            let deformable = neighbors.deformation.deformable()?;
            neighbors::run(common, neighbors, common.preprocessing.over(Cleaning::NONE), deformable)
        }
        Some(TrainKind::Linear(linear)) => {
            let LinearArgs { dual, gradient_descent } = linear;
            if let Some(recipe) = dual.recipe(gradient_descent)? {
                return dual::train(common, &recipe);
            }
            let recipe = gradient_descent.recipe(Recipe::linear())?;
            by_gradient_descent(common, gradient_descent, &recipe)
        }
        Some(TrainKind::Network(network)) => {
            let NetworkArgs { hidden, layers, gradient_descent, .. } = network;
            let hidden = if layers.is_some() { Vec::new() } else { hidden.clone() };
            let (layers, init) = (layers.clone(), Some(network.init()?));
            let recipe = gradient_descent.recipe(Recipe { hidden, layers, init, ..Recipe::network() })?;
            by_gradient_descent(common, gradient_descent, &recipe)
        }
        None => by_recipe(&args),
    }
}

fn by_gradient_descent(
    common: &TrainCommonArgs,
    args: &GradientDescentArgs,
    recipe: &Recipe,
) -> anyhow::Result<ExitCode> {
    gradient_descent::run(common, recipe, args.losses.as_deref(), args.weights.as_deref())
}

/// Trains as the recipe of `--recipe` says.
fn by_recipe(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let common = &args.common;
    let name = args.recipe.as_deref().unwrap_or_default();
    let (losses, weights) = (args.losses.as_deref(), args.weights.as_deref());
    match recipes::open(name)? {
        AnyRecipe::Remember(recipe) => {
            args.reject_options(
                &["--losses", "--seed", "--validation"],
                "training; the recipe says kind = \"neighbors\", which only stores the examples",
            )?;
            let cleaning = common.preprocessing.over(recipe.cleaning);
            let neighbors = NeighborsArgs::of(&recipe, args.weights.clone());
            neighbors::run(common, &neighbors, cleaning, recipe.deformation)
        }
        AnyRecipe::Descent(mut recipe) => {
            recipe.seed = args.seed.unwrap_or(recipe.seed);
            recipe.validation = args.validation.or(recipe.validation);
            gradient_descent::run(common, &recipe, losses, weights)
        }
        AnyRecipe::Exact(mut recipe) => {
            args.reject_options(
                &["--losses", "--weights"],
                "gradient descent; the recipe says solver = \"dual\"",
            )?;
            recipe.seed = args.seed.unwrap_or(recipe.seed);
            recipe.validation = args.validation.or(recipe.validation);
            dual::train(common, &recipe)
        }
    }
}

/// The file that the model is written to.
fn model_path(common: &TrainCommonArgs, kind: &str) -> anyhow::Result<PathBuf> {
    let path = common.out.clone().unwrap_or_else(|| PathBuf::from(format!("{kind}.safetensors")));
    check_writable(&path)?;
    Ok(path)
}

/// What a model's input is, and the training examples as it sees them.
fn cleaned(collection: &Collection, cleaning: Cleaning) -> anyhow::Result<(Contract, Dataset)> {
    let contract = Contract { cleaning, ..Contract::of(&collection.train, preparation(collection)) };
    contract.check()?;
    if cleaning.is_none() {
        return Ok((contract, collection.train.clone()));
    }
    let stage = Stage::new(format!("pictures: {cleaning}"), 1);
    let train = contract.clean(&collection.train)?;
    stage.done(&format!("{} cleaned", text::thousands(train.len())));
    Ok((contract, train))
}

/// The record of the training examples as they were read, before any cleaning.
fn record_as_read(
    collection: &Collection,
    data: &Split,
    validation: Option<usize>,
    seed: u64,
    cleaning: Cleaning,
) -> anyhow::Result<DataRecord> {
    if cleaning.is_none() {
        return Ok(DataRecord::of(&data.train));
    }
    // Labels and seed decide the split, so that this one has the same examples.
    Ok(DataRecord::of(&split_or_keep_all(&collection.train, validation, seed)?.train))
}

fn data_in_words(data: &Split) -> String {
    let (train, validation) = (text::thousands(data.train.len()), text::thousands(data.validation.len()));
    match data.validation.len() {
        0 => format!("{train} examples to learn from, none held out"),
        _ => format!("{train} examples to learn from, {validation} to validate"),
    }
}
