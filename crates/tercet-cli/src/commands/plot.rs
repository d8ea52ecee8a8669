//! `tercet plot`: the losses of trainings in one picture.

use std::path::Path;
use std::process::ExitCode;

use tercet::train::History;
use tercet_report::{self as report, Quantity};

use crate::args::plot::{Of, PlotArgs};
use crate::output_files::check_writable;
use crate::progress::say;

/// Reads and draws.
pub fn run(args: PlotArgs) -> anyhow::Result<ExitCode> {
    check_writable(&args.out)?;
    let mut trainings = Vec::new();
    for given in &args.losses {
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
    let quantity = match args.of {
        Of::Loss => Quantity::Loss,
        Of::ValidationLoss => Quantity::ValidationLoss,
        Of::ValidationAccuracy => Quantity::ValidationAccuracy,
    };
    let picture = report::trainings("losses", &trainings, quantity, args.most)?;
    tercet::file::replace(&args.out, &picture.content)?;
    say(format!("picture: {}", args.out.display()));
    Ok(ExitCode::SUCCESS)
}
