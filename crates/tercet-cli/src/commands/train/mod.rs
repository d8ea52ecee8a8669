//! `tercet train`: one classifier, saved as a model file.

mod choose_k;
mod dual;
mod gradient_descent;
mod neighbors;

use std::path::PathBuf;
use std::process::ExitCode;

use tercet::data::Split;
use tercet::preprocess::Preprocessing;
use tercet::recipe::{GradientDescentRecipe, Recipe};
use tercet::text;

use crate::args::train::{LinearArgs, NetworkArgs, TrainArgs, TrainCommonArgs, TrainKind, init};
use crate::output_files::check_writable;
use crate::progress::say;
use crate::recipes;

/// Trains a classifier.
pub fn run(args: TrainArgs) -> anyhow::Result<ExitCode> {
    args.check()?;
    let common = &args.common;
    match &args.kind {
        Some(TrainKind::Neighbors(args)) => {
            neighbors::run(common, args.recipe()?, args.sample_weights.as_deref(), Some(args))
        }
        Some(TrainKind::Linear(linear)) => {
            let LinearArgs { dual, gradient_descent: args } = linear;
            if let Some(recipe) = dual.recipe(args)? {
                return dual::run(common, recipe);
            }
            let recipe = args.recipe(GradientDescentRecipe::linear().by_data())?;
            gradient_descent::run(
                common,
                "linear",
                recipe,
                args.losses.as_deref(),
                args.sample_weights.as_deref(),
            )
        }
        Some(TrainKind::Network(network)) => {
            let NetworkArgs { hidden, layers, gradient_descent: args, .. } = network;
            let hidden = if layers.is_some() { Vec::new() } else { hidden.clone() };
            let (layers, init) = (layers.clone(), Some(init(&network.init)?));
            let base = GradientDescentRecipe { hidden, layers, init, ..GradientDescentRecipe::network() };
            let recipe = args.recipe(base.by_data())?;
            gradient_descent::run(
                common,
                "network",
                recipe,
                args.losses.as_deref(),
                args.sample_weights.as_deref(),
            )
        }
        Some(TrainKind::Cnn(cnn)) => {
            let args = &cnn.gradient_descent;
            let (layers, init) = (Some(cnn.layers.clone()), Some(init(&cnn.init)?));
            let recipe =
                args.recipe(GradientDescentRecipe { layers, init, ..GradientDescentRecipe::cnn() })?;
            gradient_descent::run(
                common,
                "cnn",
                recipe,
                args.losses.as_deref(),
                args.sample_weights.as_deref(),
            )
        }
        None => by_recipe(&args),
    }
}

/// Trains the recipe of `--recipe`.
fn by_recipe(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    let common = &args.common;
    let name = args.recipe.as_deref().unwrap_or_default();
    let (losses, weights) = (args.losses.as_deref(), args.sample_weights.as_deref());
    match recipes::open(name)? {
        Recipe::Neighbors(recipe) => {
            args.reject_options(
                &["--losses", "--seed", "--validation"],
                "training; the recipe says kind = \"neighbors\", which only stores the examples",
            )?;
            neighbors::run(common, recipe, weights, None)
        }
        Recipe::GradientDescent(mut recipe) => {
            recipe.seed = args.seed.unwrap_or(recipe.seed);
            recipe.validation = args.validation.or(recipe.validation);
            gradient_descent::run(common, gradient_descent::name_of(recipe.kind), recipe, losses, weights)
        }
        Recipe::Dual(mut recipe) => {
            args.reject_options(
                &["--losses", "--sample-weights"],
                "gradient descent; the recipe says solver = \"dual\"",
            )?;
            recipe.seed = args.seed.unwrap_or(recipe.seed);
            recipe.validation = args.validation.or(recipe.validation);
            dual::run(common, recipe)
        }
        _ => unreachable!("a recipe is one of three kinds"),
    }
}

/// The file that the model is written to.
fn model_path(common: &TrainCommonArgs, kind: &str) -> anyhow::Result<PathBuf> {
    let path = common.out.clone().unwrap_or_else(|| PathBuf::from(format!("{kind}.safetensors")));
    check_writable(&path)?;
    Ok(path)
}

/// Prints the preprocessing.
fn say_preprocessing(preprocessing: &Preprocessing) {
    say(format!("preprocessing: {preprocessing}"));
}

fn data_in_words(data: &Split) -> String {
    let (train, validation) = (text::thousands(data.train.len()), text::thousands(data.validation.len()));
    match data.validation.len() {
        0 => format!("{train} training examples, no validation set"),
        _ => format!("{train} training examples, {validation} validation examples"),
    }
}
