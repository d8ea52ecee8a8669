//! Options of `tercet describe`.

use std::path::PathBuf;

use clap::Args;
use tercet::image::{ImageShape, MAX_SIDE};
use tercet::network::{Architecture, Shape};

/// Options of `tercet describe`.
#[derive(Args)]
#[command(
    arg_required_else_help = true,
    override_usage = "tercet describe MODEL [--json]\n       \
                      tercet describe --layers ARCHITECTURE --input-shape SHAPE [OPTIONS]"
)]
pub struct DescribeArgs {
    /// The model file
    #[arg(value_name = "MODEL", conflicts_with_all = ["layers", "input_shape", "classes"])]
    pub model: Option<PathBuf>,
    /// Describe an architecture without a model: "conv5-24 pool relu flatten dense256 relu"
    #[arg(long, value_name = "ARCHITECTURE")]
    pub layers: Option<Architecture>,
    /// Input of the layers: height x width x channels of images, such as 28x28x1, or a number of
    /// features, such as 384
    #[arg(long, value_name = "HxWxC|D", value_parser = input_shape, requires = "layers")]
    pub input_shape: Option<Shape>,
    /// Number of classes; the output layer is added if the architecture does not end with one
    #[arg(long, value_name = "C", requires = "layers")]
    pub classes: Option<usize>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// `28x28x1`, `28x28` for grey images, or `384` for features.
fn input_shape(text: &str) -> Result<Shape, String> {
    let numbers: Vec<Option<usize>> = text.split(['x', '×']).map(|number| number.parse().ok()).collect();
    let (height, width, channels) = match numbers[..] {
        [Some(features)] => return Ok(Shape::Features(features)),
        [Some(height), Some(width)] => (height, width, 1),
        [Some(height), Some(width), Some(channels)] => (height, width, channels),
        _ => {
            return Err(
                "expected height, width and channels, such as 28x28x1, or a number of features".into()
            );
        }
    };
    let sides = 1..=MAX_SIDE as usize;
    if !sides.contains(&height) || !sides.contains(&width) || !(1..=4).contains(&channels) {
        return Err(format!("expected a height and width of 1 to {MAX_SIDE} pixels, and 1 to 4 channels"));
    }
    Ok(Shape::Image(ImageShape { width, height, channels }))
}
