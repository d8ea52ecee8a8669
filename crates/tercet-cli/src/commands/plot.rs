//! `tercet plot`: the losses of training runs in one plot.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tercet::train::History;
use tercet_report::{self as report, Quantity};

use crate::args::plot::{PlotArgs, PlotQuantity};
use crate::output;
use crate::output_files::check_writable;
use crate::progress::say;

/// Plots the losses.
pub fn run(args: PlotArgs) -> anyhow::Result<ExitCode> {
    check_writable(&args.out)?;
    let mut runs = Vec::new();
    for given in &args.losses {
        // `=` may also be a part of the file name.
        let (name, path) = match given.rsplit_once('=') {
            Some((name, path)) if !Path::new(given).exists() => (name.to_owned(), Path::new(path)),
            _ => {
                let path = Path::new(given);
                let stem = path.file_stem().unwrap_or_default();
                (stem.to_string_lossy().into_owned(), path)
            }
        };
        runs.push((name, History::read_csv(path)?));
    }
    let runs: Vec<_> = runs.iter().map(|(name, history)| (name.as_str(), history)).collect();
    let quantity = match args.quantity {
        PlotQuantity::Loss => Quantity::Loss,
        PlotQuantity::ValidationLoss => Quantity::ValidationLoss,
        PlotQuantity::ValidationAccuracy => Quantity::ValidationAccuracy,
    };
    let plot = report::trainings("losses", &runs, quantity, args.max)?;
    tercet::file::replace(&args.out, &plot.content)?;
    match args.json {
        true => output::print_files(true, &[&args.out], json!({}))?,
        false => say(format!("plot: {}", args.out.display())),
    }
    Ok(ExitCode::SUCCESS)
}
