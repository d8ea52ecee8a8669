//! `tercet import`: a PyTorch state dict as a model.

use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use tercet::Model;
use tercet::linear::LinearClassifier;
use tercet::model::{AnyClassifier, Card, ScoreKind, StateDict};
use tercet::network::{Layer, Shape};
use tercet::preprocess::{Learner, Preprocessing};

use crate::args::import::ImportArgs;
use crate::loading;
use crate::output_files::{check_writable, register_input};
use crate::progress::say;
use crate::saving::save;

/// Builds a model for the examples of a data set.
pub fn run(args: ImportArgs) -> anyhow::Result<ExitCode> {
    check_writable(&args.out)?;
    register_input(&args.state)?;
    let mut state = StateDict::read(&args.state)?;
    if !args.modules.is_empty() {
        state = state.with_modules(args.modules).with_context(|| args.state.display().to_string())?;
        let ignored = state.ignored_modules();
        if !ignored.is_empty() {
            say(format!("not imported: {}", ignored.join(", ")));
        }
    }
    let collection = loading::open(&args.data)?;
    let (shape, classes) = (Shape::of(&collection.train), collection.train.classes());
    let network = state
        .network(&args.layers, shape, classes.len())
        .with_context(|| format!("{} for {}", args.state.display(), collection.name))?;
    let network = match args.mean.is_empty() {
        true => network,
        false => network.with_input_normalization(shape, &args.mean, &args.std)?,
    };
    let preprocessing = Preprocessing::fit(&args.preprocessing, Learner::Weights, &collection.train)?;
    say(format!("preprocessing: {preprocessing}"));
    let mut card = Card::new(classes.clone(), ScoreKind::Logits);
    card.settings = json!({
        "imported from": args.state.to_string_lossy(),
        "layers": network.architecture(),
    });
    say(format!("{network}"));
    let classifier = match network.layers() {
        [Layer::Dense(dense)] => AnyClassifier::Linear(LinearClassifier::from_dense(dense.clone())?),
        _ => AnyClassifier::Network(network),
    };
    save(&args.out, &Model::new(preprocessing, classifier, card))?.print(args.json)?;
    Ok(ExitCode::SUCCESS)
}
