//! `tercet import`.

use std::path::PathBuf;

use clap::Args;
use tercet::network::Architecture;
use tercet::preprocess::Spec;

use crate::args::data_source::DataArgs;
use crate::args::preprocessing::STEPS;

/// What `tercet import` understands.
#[derive(Args)]
pub struct ImportArgs {
    /// The weights of a `torch.nn.Sequential`, as `safetensors.torch.save_file(model.state_dict(), path)` writes them
    #[arg(value_name = "STATE.safetensors")]
    pub state: PathBuf,
    /// The layers, such as "conv5-8 relu pool flatten dense10"
    #[arg(long, value_name = "LINE")]
    pub layers: Architecture,
    /// The mean of each channel, where the model learned from pixels that torchvision's `Normalize(mean, std)` changed
    #[arg(
        long,
        value_name = "MEAN,…",
        value_delimiter = ',',
        requires = "std",
        allow_negative_numbers = true
    )]
    pub mean: Vec<f32>,
    /// The standard deviation of each channel
    #[arg(long, value_name = "STD,…", value_delimiter = ',', requires = "mean")]
    pub std: Vec<f32>,
    /// The model file [default: imported.safetensors]
    #[arg(long, short, value_name = "FILE", help_heading = "Data and files")]
    pub out: Option<PathBuf>,
    /// What PyTorch's model expects to be done to every example first; by default, pictures are brought into the layout of
    /// the data set and pixels divided by 255
    #[arg(
        long,
        value_name = "STEP,…",
        help_heading = "Data and files",
        default_value = "auto, -invert, -standardize",
        long_help = STEPS
    )]
    pub preprocessing: Spec,
    #[command(flatten)]
    pub data: DataArgs,
}
