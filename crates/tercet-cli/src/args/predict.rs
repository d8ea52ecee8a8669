//! `tercet predict`.

use std::path::PathBuf;

use clap::Args;

use crate::args::ensemble::EnsembleArgs;

/// What `tercet predict` understands.
#[derive(Args)]
pub struct PredictArgs {
    /// The model file
    pub model: PathBuf,
    /// Pictures: PNG, JPEG, BMP or PGM; `-` reads one from standard input
    #[arg(required = true, value_name = "PICTURE")]
    pub pictures: Vec<PathBuf>,
    /// Print JSON: every score, and what was done to each picture
    #[arg(long)]
    pub json: bool,
    /// Say why: the neighbours of each picture with their distances and votes, or every score of other models
    #[arg(long)]
    pub explain: bool,
    /// Draw each picture beside its neighbours on a page
    #[arg(long, value_name = "FILE.html")]
    pub explain_page: Option<PathBuf>,
    /// Write the pictures as the model sees them into this folder, as PNG
    #[arg(long, value_name = "FOLDER")]
    pub prepared: Option<PathBuf>,
    #[command(flatten)]
    pub ensemble: EnsembleArgs,
}
