//! What is done to every example before a model sees it.

use clap::Args;
use tercet::preprocess::Spec;

/// What is done to every example before a model sees it.
#[derive(Args, Clone)]
pub struct PreprocessingArgs {
    /// The steps that every example goes through first, such as "auto, deskew" [default: auto, or what a recipe says]
    #[arg(long, global = true, help_heading = "Data and files", value_name = "STEP,…", long_help = STEPS)]
    pub preprocessing: Option<Spec>,
}

/// What the words of `--preprocessing` mean.
pub const STEPS: &str = "\
The steps that every example goes through before the model sees it, separated by commas. They are fitted on the training
examples, saved with the model, and applied to whatever it predicts:

  auto             the defaults for the data and the kind of model; what train, compare and tune do
                   unless told otherwise
  none             no step at all
  -NAME            leaves a step of `auto` out, as in \"auto, -standardize\"

  grayscale, color converts pictures to the channels of the training pictures
  center           brings pictures into the layout of the training pictures: polarity, size, position
  resize           scales pictures to the size of the training pictures
  invert           exchanges light and dark
  deskew           sets slanted writing upright
  size-normalize   brings writing towards one size, by how far its ink spreads
  blur S           a Gaussian blur with a standard deviation of S pixels
  scale D          divides every number by D; `scale` alone divides by 255
  standardize      gives every feature mean 0 and standard deviation 1";

impl PreprocessingArgs {
    /// What was given here, or else `base`.
    pub fn or(&self, base: Spec) -> Spec {
        self.preprocessing.clone().unwrap_or(base)
    }
}
