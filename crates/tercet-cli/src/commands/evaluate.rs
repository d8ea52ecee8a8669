//! `tercet evaluate`: a model file judged on the test set, or two of them compared.

use std::process::ExitCode;

use tercet::Dataset;
use tercet::data::{Openings, default_validation, split};
use tercet::evaluate::Evaluation;
use tercet::text;
use tercet_report::{self as report, Confidence, DataCard, Run};

use crate::args::evaluate::EvaluateArgs;
use crate::ensemble::Ensemble;
use crate::evaluation::{held_out, judge};
use crate::output_files::check_writable;
use crate::progress::say;
use crate::table::{self, percent, table};
use crate::{data_check, exit, figures, interrupt, loading, output, robustness, run_record};

/// Judges one model or two.
pub fn run(args: EvaluateArgs) -> anyhow::Result<ExitCode> {
    args.report.as_deref().map(check_writable).transpose()?;
    figures::check(args.figures.figures.as_deref())?;
    let started = run_record::now();
    let ensemble = &args.ensemble;
    if args.models.len() > 1 && !ensemble.others.is_empty() {
        return Err(exit::usage("--with makes one model of several: name only one before it"));
    }
    let models = args
        .models
        .iter()
        .map(|path| Ensemble::open(&ensemble.paths(path), ensemble.shifts))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let collection = loading::open(&args.data)?;
    for (path, model) in args.models.iter().zip(&models) {
        loading::check_fit(path, model.first(), &collection)?;
    }
    interrupt::watch("stopping")?;

    let with = ensemble.others_in_words();
    let names: Vec<String> = args.models.iter().map(|path| format!("{}{with}", path.display())).collect();
    let mut openings = Openings::new();
    let test =
        loading::test_set(&collection)?.open(&mut openings, format!("evaluate {}", names.join(" and ")));
    let mut cards = Vec::new();
    for (name, model) in names.iter().zip(&models) {
        let validation = held_out(model.first(), &collection.train);
        let Some(mut card) = judge(name, model, &test, validation.as_ref())? else {
            return Ok(exit::interrupted());
        };
        if args.robustness {
            let Some(found) = robustness::judge_disturbed(name, model, &test)? else {
                return Ok(exit::interrupted());
            };
            card.robustness = found;
        }
        cards.push(card);
    }
    let mut check = None;
    if args.check_data {
        let parts = split(&collection.train, default_validation(collection.train.len()), 0)?;
        let checked =
            data_check::Check::of(&collection.train, 0).run(&collection.train, &parts, Some(&test))?;
        let Some(checked) = checked else { return Ok(exit::interrupted()) };
        check = Some(checked);
    }
    if interrupt::was_asked() {
        return Ok(exit::interrupted());
    }
    let card = DataCard::new(&collection.train, 0, test.len(), collection.train.digest());
    let title = format!("{} on {}", names.join(" and "), collection.name);
    let mut run = Run { models: cards, check, ..run_record::new(title, started, None, card, openings) };
    run.data.name.clone_from(&collection.name);
    run.compare()?;

    if let Some(path) = &args.report {
        report::write(path, &run, &test)?;
        say(format!("report: {}", path.display()));
    }
    figures::write(args.figures.figures.as_deref(), || report::figures(&run))?;
    if args.json {
        output::print(run.to_json()?)?;
    } else {
        for (i, (name, card)) in names.iter().zip(&run.models).enumerate() {
            let apart = if i == 0 { "" } else { "\n" };
            output::print(format_args!("{apart}{name}: {}", card.kind))?;
            if ensemble.shifts.is_some() {
                let averages = card.settings.iter().filter(|(name, _)| name == "test-time shifts");
                averages.into_iter().try_for_each(|(_, words)| output::print(words))?;
            }
            print(&card.evaluation, &test)?;
            card.confidence.as_ref().map_or(Ok(()), print_confidence)?;
        }
        if args.robustness {
            robustness::print(&run.models)?;
        }
        for comparison in &run.comparisons {
            output::print(format_args!("\n{}", comparison.sentence))?;
        }
        if let Some(check) = &run.check {
            output::print("")?;
            data_check::print(check, test.classes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(evaluation: &Evaluation, test: &Dataset) -> anyhow::Result<()> {
    output::print(format_args!(
        "accuracy {}, 95 % interval {:.2} – {:.2}; {} of {} wrong\n",
        percent(evaluation.accuracy),
        100.0 * evaluation.interval.low,
        100.0 * evaluation.interval.high,
        text::thousands(evaluation.errors()),
        text::thousands(evaluation.count),
    ))?;
    let mut classes = table(["class", "precision", "recall", "examples", "most often taken for"]);
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
            format!("test {} ({truth} taken for {predicted})", m.index)
        })
        .collect();
    if !worst.is_empty() {
        output::print(format_args!("\nworst mistakes: {}", worst.join(", ")))?;
    }
    Ok(())
}

/// How sure the model is, and what it gains by refusing.
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
    let goals = confidence.refusal.telling_goals().iter().map(|goal| {
        let right = format!("{} % right", 100.0 * goal.accuracy);
        match goal.coverage {
            Some(coverage) => format!("{right} of the surest {}", percent(coverage)),
            None => format!("{right} at no threshold"),
        }
    });
    output::print(format_args!("if it may refuse: {}", goals.collect::<Vec<_>>().join(", ")))
}
