//! Preprocessing of every example.

use clap::Args;
use tercet::preprocess::Spec;

/// Preprocessing of every example.
#[derive(Args, Clone)]
pub struct PreprocessingArgs {
    /// Preprocessing steps, such as "auto, deskew" [default: auto, or those of the recipe]
    #[arg(long, global = true, help_heading = "Data", value_name = "STEP,…", long_help = STEPS)]
    pub preprocessing: Option<Spec>,
}

/// The words of `--preprocessing`.
pub const STEPS: &str = "\
Preprocessing steps, separated by commas. They are fitted on the training set, saved with the model, \
and applied to everything that it predicts:

  auto             the defaults for the data and the kind of model
  none             no preprocessing
  -NAME            leaves out a step, as in \"auto, -standardize\"

  grayscale, color converts to the channels of the training set
  center           gives pictures the layout of the training set:
                   polarity, size and position
  resize           resizes to the size of the training set
  invert           swaps light and dark
  deskew           shears handwriting until it is upright
  size-normalize   normalises the size of handwriting
  blur S           Gaussian blur, standard deviation of S pixels
  scale D          divides every number by D (default 255)
  standardize      scales every feature to mean 0 and deviation 1";

impl PreprocessingArgs {
    /// The given steps, or else `base`.
    pub fn or(&self, base: Spec) -> Spec {
        self.preprocessing.clone().unwrap_or(base)
    }
}
