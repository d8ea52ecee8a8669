//! Options of `tercet predict`.

use std::path::PathBuf;

use clap::Args;

use crate::args::ensemble::EnsembleArgs;

/// Options of `tercet predict`.
#[derive(Args)]
pub struct PredictArgs {
    /// The model file
    pub model: PathBuf,
    /// Pictures (PNG, JPEG, WebP, GIF, TIFF, BMP or PGM), folders of pictures, or `-` for
    /// standard input; or rows without labels (CSV, Excel, ARFF, JSON, Parquet, NPY, NPZ), each of which gets a class.
    /// Columns are matched with the features of the model by name
    #[arg(required = true, value_name = "PICTURE")]
    pub pictures: Vec<PathBuf>,
    /// Explain each prediction: the neighbours with their distances and votes, or the scores of all
    /// classes
    #[arg(long)]
    pub explain: bool,
    /// Write a report to this file that shows each picture next to its nearest neighbours
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Write the class and the score of every class for each row to this file, with the column that
    /// identifies the rows if there is one
    #[arg(short, long, value_name = "FILE.csv")]
    pub out: Option<PathBuf>,
    /// Write --out in the form of this example of a submission, such as Kaggle's
    /// sample_submission.csv: its header, its rows, and their classes
    #[arg(long, value_name = "SAMPLE.csv", requires = "out")]
    pub submission: Option<PathBuf>,
    /// Write the pictures as the model sees them to this folder, as PNG
    #[arg(long, value_name = "FOLDER")]
    pub prepared: Option<PathBuf>,
    /// Write every stage in which characters are found in a picture to this folder, as PNG
    #[arg(long, value_name = "FOLDER")]
    pub stages: Option<PathBuf>,
    /// Reject pictures with several characters; by default all of them are read, line by line
    #[arg(long)]
    pub single: bool,
    #[command(flatten)]
    pub ensemble: EnsembleArgs,
    /// Print the result as JSON: all scores, and the preprocessing of each picture
    #[arg(long)]
    pub json: bool,
}
