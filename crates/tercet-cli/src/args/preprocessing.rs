//! What is done to every picture before a model sees it.

use clap::Args;
use tercet::image::Cleaning;

/// What is done to every picture first, beside what a recipe says.
#[derive(Args, Clone)]
pub struct PreprocessingArgs {
    /// Set slanted writing upright
    #[arg(long, global = true, help_heading = "Pictures")]
    pub deskew: bool,
    /// Bring writing towards one size, by how far its ink spreads
    #[arg(long, global = true, help_heading = "Pictures")]
    pub even: bool,
    /// Blur by a Gaussian of this standard deviation, in pixels
    #[arg(long, global = true, help_heading = "Pictures", value_name = "σ", allow_negative_numbers = true)]
    blur: Option<f32>,
}

impl PreprocessingArgs {
    /// These steps over those of a recipe.
    pub fn over(&self, base: Cleaning) -> Cleaning {
        Cleaning {
            deskew: self.deskew || base.deskew,
            even: self.even || base.even,
            blur: self.blur.or(base.blur),
        }
    }
}
