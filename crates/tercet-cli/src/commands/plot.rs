//! `tercet plot`: the losses of trainings in one picture.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tercet::report::{self, Quantity};
use tercet::train::History;

use crate::args::check_writable;
use crate::progress::say;

/// What `tercet plot` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// Files that `tercet train --losses` wrote, at most five, each under a name if you give it one: "rate 1=high.csv"
    #[arg(required = true, value_name = "[NAME=]FILE.csv")]
    losses: Vec<String>,
    /// What is drawn of each
    #[arg(long, value_name = "QUANTITY", value_enum, default_value_t = Of::Loss)]
    of: Of,
    /// Leave out losses above this, which would press all others flat
    #[arg(long, value_name = "LOSS")]
    most: Option<f64>,
    /// The picture
    #[arg(long, short, value_name = "FILE.svg", default_value = "losses.svg")]
    out: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    /// The loss of the training examples, as a running mean
    Loss,
    /// The loss of the validation set
    ValidationLoss,
    /// The share of the validation set that is classified correctly
    ValidationAccuracy,
}

/// Reads and draws.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    check_writable(&arguments.out)?;
    let mut trainings = Vec::new();
    for given in &arguments.losses {
        // A file whose own name has the sign in it is meant as it is.
        let (name, path) = match given.rsplit_once('=') {
            Some((name, path)) if !Path::new(given).exists() => (name.to_owned(), Path::new(path)),
            _ => {
                let path = Path::new(given);
                let stem = path.file_stem().unwrap_or_default();
                (stem.to_string_lossy().into_owned(), path)
            }
        };
        trainings.push((name, History::read_csv(path)?));
    }
    let trainings: Vec<_> = trainings.iter().map(|(name, history)| (name.as_str(), history)).collect();
    let quantity = match arguments.of {
        Of::Loss => Quantity::Loss,
        Of::ValidationLoss => Quantity::ValidationLoss,
        Of::ValidationAccuracy => Quantity::ValidationAccuracy,
    };
    let picture = report::trainings("losses", &trainings, quantity, arguments.most)?;
    tercet::file::replace(&arguments.out, &picture.content)?;
    say(format!("picture: {}", arguments.out.display()));
    Ok(ExitCode::SUCCESS)
}
