//! `tercet data check`: duplicates across training, validation and test set, and label errors.

use std::process::ExitCode;

use tercet::data::Openings;
use tercet_report::{self as report, Run};

use crate::args::data::DataCheckArgs;
use crate::data_check::{self, Check};
use crate::output_files::check_writable;
use crate::progress::say;
use crate::split::split_or_keep_all;
use crate::{exit, interrupt, loading, output, run_record};

/// Checks a data set.
pub fn run(args: &DataCheckArgs) -> anyhow::Result<ExitCode> {
    args.report.as_deref().map(check_writable).transpose()?;
    let started = run_record::now();
    let collection = loading::open(&args.data.args())?;
    let seed = args.seed.seed;
    let parts = split_or_keep_all(&collection.train, args.split.validation, seed)?;
    let mut checks = Check { near: args.near, ..Check::of(&collection.train, seed) };
    if let Some(settings) = &mut checks.label_errors {
        (settings.folds, settings.k) = (args.folds, args.k);
        if let Some(recipe) = &args.recipe {
            settings.recipe = data_check::recipe(recipe, seed)?;
        }
    }
    if args.duplicates {
        checks.label_errors = None;
    }
    interrupt::watch("stopping")?;
    let mut openings = Openings::new();
    let sealed = collection.test.as_ref().filter(|_| !args.train_only);
    let test = sealed.map(|test| test.open(&mut openings, "data check"));
    let Some(found) = checks.run(&collection.train, &parts, test.as_ref())? else {
        return Ok(exit::interrupted());
    };
    let test = test.unwrap_or_else(|| collection.train.subset(&[]));
    let card = run_record::data_card(&collection, &parts.train, parts.validation.len(), test.len());
    let run = Run {
        check: Some(found),
        ..run_record::new(format!("Check of {}", collection.name), started, Some(seed), card, openings)
    };
    if let Some(path) = &args.report {
        report::write(path, &run, &test)?;
        say(format!("report: {}", path.display()));
    }
    if args.json {
        output::print(run.to_json()?)?;
    } else if let Some(found) = &run.check {
        data_check::print(found, collection.train.classes())?;
    }
    Ok(ExitCode::SUCCESS)
}
