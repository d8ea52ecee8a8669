//! `tercet export`: a model for other programs.

use std::path::PathBuf;
use std::process::ExitCode;

use tercet::data::{Openings, write_npy};
use tercet::export::{Options, onnx};
use tercet::model::ModelFile;

use crate::arguments::{Data, check_writable, test_set};
use crate::output;
use crate::verbs::evaluate::check_fit;

/// What `tercet export` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// The model file
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Write an ONNX model, of any number of examples at a time
    #[arg(long, value_name = "FILE.onnx", required = true)]
    onnx: PathBuf,
    /// Let it take pixels of 0 to 255 and divide them itself, instead of value / 255
    #[arg(long)]
    pixels: bool,
    /// Write our own scores of the test set too, (N, C), to hold those of another runtime against
    #[arg(long, value_name = "FILE.npy", help_heading = "Data and files")]
    scores: Option<PathBuf>,
    #[command(flatten)]
    data: Data,
}

/// Exports a model.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    check_writable(&arguments.onnx)?;
    arguments.scores.as_deref().map(check_writable).transpose()?;
    let model = ModelFile::load(&arguments.model)?;
    let bytes = onnx(&model, Options { pixels: arguments.pixels })?;
    let scores = match &arguments.scores {
        Some(path) => {
            let collection = arguments.data.open()?;
            check_fit(&arguments.model, &model, &collection)?;
            let test = test_set(&collection)?.open(&mut Openings::new(), "export");
            Some((path, model.classifier.scores(&test)?))
        }
        None => None,
    };
    tercet::file::replace(&arguments.onnx, &bytes)?;
    output::print(arguments.onnx.display())?;
    if let Some((path, scores)) = scores {
        write_npy(path, &scores)?;
        output::print(path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
