//! `tercet describe`.

use std::path::PathBuf;

use clap::Args;
use tercet::image::{ImageShape, MAX_SIDE};
use tercet::network::Architecture;

/// What `tercet describe` understands.
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    override_usage = "tercet describe MODEL [--json]\n       tercet describe --layers WORDS --image 28x28x1 [OPTIONS]"
)]
pub struct DescribeArgs {
    /// The model file
    #[arg(value_name = "MODEL", conflicts_with_all = ["layers", "image", "features", "classes"])]
    pub model: Option<PathBuf>,
    /// Layers that no model has yet, as words: "conv5-24 pool relu flatten dense256 relu"
    #[arg(long, value_name = "WORDS")]
    pub layers: Option<Architecture>,
    /// The images that go into the layers: height, width and channels, such as 28x28x1
    #[arg(long, value_name = "HxWxC", value_parser = image_shape, requires = "layers", conflicts_with = "features")]
    pub image: Option<ImageShape>,
    /// How many features go in, where they are no images
    #[arg(long, value_name = "D", requires = "layers")]
    pub features: Option<usize>,
    /// How many classes there are: the layer that gives their scores is added where it is not named
    #[arg(long, value_name = "C", requires = "layers")]
    pub classes: Option<usize>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `28x28x1`, or `28x28` for grey images.
fn image_shape(text: &str) -> Result<ImageShape, String> {
    let numbers: Vec<Option<usize>> = text.split(['x', '×']).map(|number| number.parse().ok()).collect();
    let (height, width, channels) = match numbers[..] {
        [Some(height), Some(width)] => (height, width, 1),
        [Some(height), Some(width), Some(channels)] => (height, width, channels),
        _ => return Err("expected height, width and channels, such as 28x28x1".to_owned()),
    };
    let sides = 1..=MAX_SIDE as usize;
    if !sides.contains(&height) || !sides.contains(&width) || !(1..=4).contains(&channels) {
        return Err(format!("expected 1 to {MAX_SIDE} pixels a side and 1 to 4 channels"));
    }
    Ok(ImageShape { width, height, channels })
}
