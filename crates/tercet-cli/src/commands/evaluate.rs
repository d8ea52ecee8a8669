//! `tercet evaluate`: a model file judged on the test set, or two of them compared.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use tercet::Dataset;
use tercet::data::{Collection, Openings, default_validation, split};
use tercet::evaluate::Evaluation;
use tercet::model::ModelFile;
use tercet::report::{self, Confidence, DataCard, Run};
use tercet::text;

use crate::args::{Data, Figures, check_writable, command, test_set};
use crate::ensemble::Scoring;
use crate::evaluation::{held_out, judge};
use crate::progress::say;
use crate::table::{self, percent, table};
use crate::{data_check, exit, interrupt, output, robustness};

/// What `tercet evaluate` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// The model file; a second one is compared with it
    #[arg(required = true, num_args = 1..=2, value_name = "MODEL")]
    models: Vec<PathBuf>,
    #[command(flatten)]
    data: Data,
    #[command(flatten)]
    scoring: Scoring,
    /// Judge on disturbed pictures, too: moved, turned, noisy, dull and inverted
    #[arg(long)]
    robustness: bool,
    /// Check the data, too: duplicates across its parts, and labels that may be wrong (see `tercet data check`)
    #[arg(long)]
    check_data: bool,
    /// Write a report too
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    #[command(flatten)]
    figures: Figures,
    /// Print the record of the run as JSON
    #[arg(long)]
    json: bool,
}

/// Judges one model or two.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    arguments.report.as_deref().map(check_writable).transpose()?;
    arguments.figures.check()?;
    let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let scoring = &arguments.scoring;
    if arguments.models.len() > 1 && !scoring.others.is_empty() {
        return Err(exit::usage("--with makes one model of several: name only one before it"));
    }
    let models =
        arguments.models.iter().map(|path| scoring.open(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let collection = arguments.data.open()?;
    for (path, model) in arguments.models.iter().zip(&models) {
        check_fit(path, model.first(), &collection)?;
    }
    interrupt::watch("stopping")?;

    let with = scoring.others_in_words();
    let names: Vec<String> =
        arguments.models.iter().map(|path| format!("{}{with}", path.display())).collect();
    let mut openings = Openings::new();
    let test = test_set(&collection)?.open(&mut openings, format!("evaluate {}", names.join(" and ")));
    let mut cards = Vec::new();
    for (name, model) in names.iter().zip(&models) {
        let validation = held_out(model.first(), &collection.train);
        let Some(mut card) = judge(name, model, &test, validation.as_ref())? else {
            return Ok(exit::interrupted());
        };
        if arguments.robustness {
            let Some(found) = robustness::judge_disturbed(name, model, &test)? else {
                return Ok(exit::interrupted());
            };
            card.robustness = found;
        }
        cards.push(card);
    }
    let mut check = None;
    if arguments.check_data {
        let parts = split(&collection.train, default_validation(collection.train.len()), 0)?;
        let checked =
            data_check::Check::of(&collection.train, 0).run(&collection.train, &parts, Some(&test))?;
        let Some(checked) = checked else { return Ok(exit::interrupted()) };
        check = Some(checked);
    }
    if interrupt::was_asked() {
        return Ok(exit::interrupted());
    }
    let mut run = Run {
        title: format!("{} on {}", names.join(" and "), collection.name),
        command: command(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        isa: tercet_kernels::Isa::active().name().to_owned(),
        threads: rayon::current_num_threads(),
        seed: None,
        started,
        data: DataCard::new(&collection.train, 0, test.len(), collection.train.digest()),
        openings,
        models: cards,
        comparisons: Vec::new(),
        check,
    };
    run.data.name.clone_from(&collection.name);
    run.compare()?;

    if let Some(path) = &arguments.report {
        report::write(path, &run, &test)?;
        say(format!("report: {}", path.display()));
    }
    arguments.figures.write(|| report::figures(&run))?;
    if arguments.json {
        output::print(run.to_json()?)?;
    } else {
        for (i, (name, card)) in names.iter().zip(&run.models).enumerate() {
            let apart = if i == 0 { "" } else { "\n" };
            output::print(format_args!("{apart}{name}: {}", card.kind))?;
            if scoring.shifts.is_some() {
                let averages = card.settings.iter().filter(|(name, _)| name == "test-time shifts");
                averages.into_iter().try_for_each(|(_, words)| output::print(words))?;
            }
            print(&card.evaluation, &test)?;
            card.confidence.as_ref().map_or(Ok(()), print_confidence)?;
        }
        if arguments.robustness {
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

/// Refuses a data set whose examples or classes are not the model's.
pub fn check_fit(path: &Path, model: &ModelFile, collection: &Collection) -> anyhow::Result<()> {
    let (card, train) = (&model.card, &collection.train);
    let refuse = |part: &str, found: String, wanted: String| {
        let learned =
            card.data.as_ref().map_or(String::new(), |data| format!(", which learned from {}", data.name));
        let expected =
            format!("{wanted}, the {part} of {}{learned}; `--data` names other data", path.display());
        Err(tercet::Error::mismatch(format!("{part} of {}", collection.name), found, expected).into())
    };
    if card.contract.features != train.width() {
        return refuse("features", train.width().to_string(), card.contract.features.to_string());
    }
    if let (Some(wanted), Some(found)) = (card.contract.image, train.image_shape())
        && wanted != found
    {
        return refuse("images", found.to_string(), wanted.to_string());
    }
    if card.classes != train.classes() {
        return refuse("classes", train.classes().join(", "), card.classes.join(", "));
    }
    Ok(())
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
