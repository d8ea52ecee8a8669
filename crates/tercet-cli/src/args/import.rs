//! Options of `tercet import`.

use std::path::PathBuf;

use clap::Args;
use tercet::network::Architecture;
use tercet::preprocess::Spec;

use crate::args::data_source::DataArgs;
use crate::args::preprocessing::STEPS;

/// Options of `tercet import`.
#[derive(Args)]
pub struct ImportArgs {
    /// State dict of a PyTorch model, as written by
    /// `safetensors.torch.save_file(model.state_dict(), path)`
    #[arg(value_name = "FILE.safetensors")]
    pub state: PathBuf,
    /// Architecture string, such as "conv5-8 relu pool flatten dense10"
    #[arg(long, value_name = "ARCHITECTURE")]
    pub layers: Architecture,
    /// Modules with weights in the order of the layers, such as features.0,classifier.fc1; by
    /// default, numbers in the names and the dimensions of the weights give the order
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub modules: Vec<String>,
    /// Mean of each channel, if the model was trained with torchvision's `Normalize(mean, std)`
    #[arg(
        long,
        value_name = "MEAN,…",
        value_delimiter = ',',
        requires = "std",
        allow_negative_numbers = true
    )]
    pub mean: Vec<f32>,
    /// Standard deviation of each channel
    #[arg(long, value_name = "STD,…", value_delimiter = ',', requires = "mean")]
    pub std: Vec<f32>,
    /// Save the model to this file
    #[arg(short, long, value_name = "FILE", default_value = "imported.safetensors")]
    pub out: PathBuf,
    /// Preprocessing that the model expects; by default, pictures get the layout of the data set,
    /// and pixels are divided by 255
    #[arg(
        long,
        value_name = "STEP,…",
        help_heading = "Data",
        default_value = "auto, -invert, -standardize",
        long_help = STEPS
    )]
    pub preprocessing: Spec,
    #[command(flatten)]
    pub data: DataArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}
