//! `tercet evaluate`: the accuracy of a model on the test set, or the comparison of two models.

use std::process::ExitCode;

use tercet::Dataset;
use tercet::data::{Openings, validation_split};
use tercet::evaluate::Evaluation;
use tercet::text;
use tercet_report::{self as report, Confidence, DataCheck, ModelCard, Run};

use crate::args::evaluate::EvaluateArgs;
use crate::data_check::{self, Check};
use crate::ensemble::Ensemble;
use crate::evaluation::{evaluate, held_out};
use crate::output_files::check_writable;
use crate::progress::say;
use crate::table::{self, percent, table};
use crate::{exit, figures, interrupt, loading, output, robustness, run_record};

/// Evaluates one model or two.
pub fn run(args: EvaluateArgs) -> anyhow::Result<ExitCode> {
    let averaging = &args.ensemble;
    if args.models.len() > 1 && !averaging.ensemble.is_empty() {
        return Err(exit::usage("--ensemble makes one model of several: name only one model before it"));
    }
    args.report.as_deref().map(check_writable).transpose()?;
    figures::check(args.figures.figures.as_deref())?;
    let started = run_record::now();
    let models = args
        .models
        .iter()
        .map(|path| Ensemble::open(&averaging.paths(path), averaging.test_time_shifts))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let collection = loading::open(&args.data)?;
    for (path, model) in args.models.iter().zip(&models) {
        loading::check_fit(path, model.first(), &collection)?;
    }
    interrupt::watch("stopping")?;

    let with = averaging.others_in_words();
    let names: Vec<String> = args.models.iter().map(|path| format!("{}{with}", path.display())).collect();
    let mut openings = Openings::new();
    let test =
        loading::test_set(&collection)?.open(&mut openings, format!("evaluate {}", names.join(" and ")));
    let mut cards = Vec::new();
    for (name, model) in names.iter().zip(&models) {
        let validation = held_out(model.first(), &collection.train);
        match evaluate(name, model, &test, validation.as_ref(), args.extra.robustness)? {
            Some(card) => cards.push(card),
            None => return Ok(exit::interrupted()),
        }
    }
    let check = if args.extra.check_data { check_data(&collection.train, &test)? } else { None };
    if interrupt::was_asked() {
        return Ok(exit::interrupted());
    }
    let card = run_record::data_card(&collection, &collection.train, 0, test.len());
    let title = format!("{} on {}", names.join(" and "), collection.name);
    let mut run = Run { models: cards, check, ..run_record::new(title, started, None, card, openings) };
    run.compare()?;

    if let Some(path) = &args.report {
        report::write(path, &run, &test)?;
        say(format!("report: {}", path.display()));
    }
    figures::write(args.figures.figures.as_deref(), || report::figures(&run))?;
    match args.json {
        true => output::print(run.to_json()?)?,
        false => print(&run, &test)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks the data. `None` if Ctrl-C interrupted it.
fn check_data(train: &Dataset, test: &Dataset) -> anyhow::Result<Option<DataCheck>> {
    let parts = validation_split(train, None, 0)?;
    Check::of(train, 0).run(train, &parts, Some(test))
}

fn print(run: &Run, test: &Dataset) -> anyhow::Result<()> {
    for (i, card) in run.models.iter().enumerate() {
        if i > 0 {
            output::print("")?;
        }
        print_model(card, test)?;
    }
    if run.models.iter().any(|card| !card.robustness.is_empty()) {
        robustness::print(&run.models)?;
    }
    for comparison in &run.comparisons {
        output::print(format_args!("\n{}", comparison.sentence))?;
    }
    if let Some(check) = &run.check {
        output::print("")?;
        data_check::print(check, test.classes())?;
    }
    Ok(())
}

fn print_model(card: &ModelCard, test: &Dataset) -> anyhow::Result<()> {
    output::print(format_args!("{}: {}", card.name, card.kind))?;
    for (_, words) in card.settings.iter().filter(|(name, _)| name == "test-time shifts") {
        output::print(words)?;
    }
    print_evaluation(&card.evaluation, test)?;
    card.confidence.as_ref().map_or(Ok(()), print_confidence)
}

fn print_evaluation(evaluation: &Evaluation, test: &Dataset) -> anyhow::Result<()> {
    output::print(format_args!(
        "accuracy {}, 95 % interval {:.2} – {:.2}; {} errors in {} examples\n",
        percent(evaluation.accuracy),
        100.0 * evaluation.interval.low,
        100.0 * evaluation.interval.high,
        text::thousands(evaluation.errors()),
        text::thousands(evaluation.count),
    ))?;
    let mut classes = table(["class", "precision", "recall", "examples", "most often confused with"]);
    for (truth, class) in evaluation.classes.iter().enumerate() {
        let share = |share: Option<f64>| share.map_or("–".to_owned(), percent);
        let confused = (0..test.class_count())
            .filter(|&predicted| predicted != truth)
            .map(|predicted| (evaluation.confusion.get(truth, predicted), predicted))
            .filter(|&(count, _)| count > 0)
            .max_by_key(|&(count, predicted)| (count, std::cmp::Reverse(predicted)));
        classes.add_row([
            class.name.clone(),
            share(class.precision),
            share(class.recall),
            text::thousands(class.support as usize),
            confused.map_or(String::new(), |(count, predicted)| {
                format!("{} ({count})", test.classes()[predicted])
            }),
        ]);
    }
    table::print(&classes)?;
    let worst: Vec<String> = evaluation
        .mistakes
        .iter()
        .take(5)
        .map(|m| {
            let (truth, predicted) =
                (&test.classes()[m.truth as usize], &test.classes()[m.predicted as usize]);
            format!("test {} ({truth} predicted as {predicted})", m.index)
        })
        .collect();
    if !worst.is_empty() {
        output::print(format_args!("\nworst mistakes: {}", worst.join(", ")))?;
    }
    Ok(())
}

/// The calibration of the model, and its accuracy if it may reject the least certain examples.
fn print_confidence(confidence: &Confidence) -> anyhow::Result<()> {
    if let Some(calibration) = &confidence.calibration {
        let scaled = confidence.scaled.as_ref().map_or(String::new(), |scaled| {
            let (error, temperature) = (percent(scaled.calibration.ece), scaled.temperature);
            format!("; {error} at temperature {temperature:.2}, fitted on {}", scaled.on)
        });
        output::print(format_args!(
            "calibration: mean confidence {}, expected calibration error {}{scaled}",
            percent(calibration.confidence),
            percent(calibration.ece)
        ))?;
    }
    let goals = confidence.selective.relevant_goals().iter().map(|goal| {
        let accuracy = format!("accuracy {} %", 100.0 * goal.accuracy);
        match goal.coverage {
            Some(coverage) => format!("{accuracy} at coverage {}", percent(coverage)),
            None => format!("{accuracy} at no coverage"),
        }
    });
    output::print(format_args!("selective prediction: {}", goals.collect::<Vec<_>>().join(", ")))
}
