//! `tercet import`: a model of weights that PyTorch has learned.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;
use tercet::image::Contract;
use tercet::linear::LinearClassifier;
use tercet::model::{Card, Classifier, ModelFile, StateDict};
use tercet::network::{Architecture, Layer, Shape};

use crate::args::{Data, check_writable};
use crate::commands::train::{preparation, save};
use crate::output;
use crate::progress::say;

/// What `tercet import` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// The weights of a `torch.nn.Sequential`, as `safetensors.torch.save_file(model.state_dict(), path)` writes them
    #[arg(value_name = "STATE.safetensors")]
    state: PathBuf,
    /// The layers, such as "conv5-8 relu pool flatten dense10"
    #[arg(long, value_name = "LINE")]
    layers: Architecture,
    /// The mean of each channel, where the model learned from pixels that torchvision's `Normalize(mean, std)` changed
    #[arg(
        long,
        value_name = "MEAN,…",
        value_delimiter = ',',
        requires = "std",
        allow_negative_numbers = true
    )]
    mean: Vec<f32>,
    /// The standard deviation of each channel
    #[arg(long, value_name = "STD,…", value_delimiter = ',', requires = "mean")]
    std: Vec<f32>,
    /// The model file [default: imported.safetensors]
    #[arg(long, short, value_name = "FILE", help_heading = "Data and files")]
    out: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

/// Makes a model for examples such as those of the data set.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let path = arguments.out.clone().unwrap_or_else(|| PathBuf::from("imported.safetensors"));
    check_writable(&path)?;
    let state = StateDict::read(&arguments.state)?;
    let collection = arguments.data.open()?;
    let (shape, classes) = (Shape::of(&collection.train), collection.train.classes());
    let network = state
        .network(&arguments.layers, shape, classes.len())
        .with_context(|| format!("{} for {}", arguments.state.display(), collection.name))?;
    let network = match arguments.mean.is_empty() {
        true => network,
        false => network.behind_normalization(shape, &arguments.mean, &arguments.std)?,
    };
    let contract = Contract::of(&collection.train, preparation(&collection));
    contract.check()?;
    let mut card = Card::new(classes.to_vec(), contract);
    card.settings = json!({
        "imported from": arguments.state.to_string_lossy(),
        "layers": network.architecture(),
    });
    say(format!("{network}"));
    let classifier = match network.layers() {
        [Layer::Dense(dense)] => Classifier::Linear(LinearClassifier::from_dense(dense.clone())?),
        _ => Classifier::Network(network),
    };
    output::print(save(&path, ModelFile { card, classifier })?)?;
    Ok(ExitCode::SUCCESS)
}
