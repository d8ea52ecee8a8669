//! `tercet probe`: evaluates features by training three classifiers on them.

use std::process::ExitCode;

use serde_json::json;
use tercet::data::ReadOptions;
use tercet::evaluate::Evaluation;
use tercet::probe::{Kind, Probe, Settings, probe};
use tercet::{Dataset, text};
use tercet_report::{self as report, ModelCard, Run};

use crate::args::probe::ProbeArgs;
use crate::output_files::check_writable;
use crate::progress::{Stage, say};
use crate::table::{self, percent, table};
use crate::{exit, figures, interrupt, loading, output, run_record};

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Neighbors => "neighbors",
        Kind::Linear => "linear",
        Kind::Network => "network",
    }
}

/// Evaluates the features of a data set.
pub fn run(args: ProbeArgs) -> anyhow::Result<ExitCode> {
    args.report.as_deref().map(check_writable).transpose()?;
    figures::check(args.figures.figures.as_deref())?;
    let started = run_record::now();
    let given = args.reading.read_options();
    let reading = ReadOptions { labels: args.labels_file.clone().or(given.labels), ..given };
    let collection = loading::open_source(&args.features, &reading)?;
    let data = &collection.train;
    if collection.test.is_some() {
        say(format!("the test set of {} is not used", collection.name));
    }
    interrupt::watch("stopping")?;
    let settings = Settings {
        folds: args.folds,
        seed: args.seed.seed,
        metric: args.metric,
        k_max: args.k_max,
        regs: args.reg.clone(),
        hidden: args.hidden,
        epochs: args.epochs,
    };
    let Some(probes) = train(data, &args.classifiers, &settings)? else { return Ok(exit::interrupted()) };

    let card = run_record::data_card(&collection, data, 0, data.len());
    let title = format!("Probes of {}", collection.name);
    let mut run = run_record::new(title, started, Some(settings.seed), card, Vec::new());
    for probe in &probes {
        run.models.push(card_of(probe, data, &settings)?);
    }
    run.compare()?;
    if let Some(path) = &args.report {
        report::write(path, &run, data)?;
        say(format!("report: {}", path.display()));
    }
    figures::write(args.figures.figures.as_deref(), || report::figures(&run))?;
    match args.json {
        true => output::print(serde_json::to_string_pretty(&to_json(&run, &probes, &settings))?)?,
        false => print(&run, &probes, data, settings.folds)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Trains and cross-validates the classifiers. `None` if Ctrl-C interrupted it.
fn train(data: &Dataset, kinds: &[Kind], settings: &Settings) -> anyhow::Result<Option<Vec<Probe>>> {
    let mut probes = Vec::new();
    for &kind in kinds {
        let stage = Stage::new(name(kind), 1000);
        let observe = |share: f64| {
            stage.at((1000.0 * share) as usize);
            interrupt::flow()
        };
        let Some(probe) = probe(data, kind, settings, &observe)? else { return Ok(None) };
        stage.done(&percent(probe.accuracy()));
        probes.push(probe);
    }
    Ok(Some(probes))
}

fn card_of(probe: &Probe, data: &Dataset, settings: &Settings) -> anyhow::Result<ModelCard> {
    let evaluation = Evaluation::from_predictions(&probe.predicted, data.labels(), data.classes())?;
    let mut card = ModelCard::new(name(probe.kind), kind_in_words(probe.kind, settings), evaluation);
    card.settings = vec![
        ("evaluated by".to_owned(), format!("{}-fold cross-validation", settings.folds)),
        ("chosen".to_owned(), chosen(probe)),
        ("standard deviation over folds".to_owned(), percent(probe.deviation())),
    ];
    card.settings.extend(path(probe).map(|path| ("path".to_owned(), path)));
    card.fit_seconds = Some(probe.seconds);
    Ok(card)
}

fn to_json(run: &Run, probes: &[Probe], settings: &Settings) -> serde_json::Value {
    let probes = probes.iter().zip(&run.models).map(|(probe, card)| {
        json!({
            "kind": probe.kind,
            "accuracy": probe.accuracy(),
            "interval": card.evaluation.interval,
            "deviation": probe.deviation(),
            "folds": probe.folds,
            "path": probe.path,
            "path_count": probe.path_count,
            "seconds": probe.seconds,
        })
    });
    json!({
        "data": run.data,
        "settings": settings,
        "probes": probes.collect::<Vec<_>>(),
        "comparisons": run.comparisons,
    })
}

fn print(run: &Run, probes: &[Probe], data: &Dataset, folds: usize) -> anyhow::Result<()> {
    output::print(format_args!(
        "{}: {} examples of {} features, {} classes; {folds} folds\n",
        run.data.name,
        text::thousands(data.len()),
        text::thousands(data.width()),
        data.class_count(),
    ))?;
    let mut rows = table(["probe", "accuracy", "95 % interval", "± of folds", "chosen", "time"]);
    for (probe, card) in probes.iter().zip(&run.models) {
        let interval = card.evaluation.interval;
        rows.add_row([
            name(probe.kind).to_owned(),
            percent(probe.accuracy()),
            format!("{:.2} – {:.2}", 100.0 * interval.low, 100.0 * interval.high),
            percent(probe.deviation()),
            chosen(probe),
            text::seconds(probe.seconds),
        ]);
    }
    table::print(&rows)?;
    for probe in probes {
        if let Some(path) = path(probe) {
            output::print(format_args!("\n{}: {path}", name(probe.kind)))?;
        }
    }
    Ok(())
}

fn kind_in_words(kind: Kind, settings: &Settings) -> String {
    match kind {
        Kind::Neighbors => format!("k nearest neighbours, {}", settings.metric),
        Kind::Linear => "linear classifier, softmax".to_owned(),
        Kind::Network => format!("network of {} hidden units", settings.hidden),
    }
}

/// The value that each fold chose, such as `k 5, 5, 7`.
fn chosen(probe: &Probe) -> String {
    let what = match probe.kind {
        Kind::Neighbors => "k",
        Kind::Linear => "reg",
        Kind::Network => "epoch",
    };
    let each = |number: f64| match probe.kind {
        Kind::Linear => format!("{:e}", number as f32),
        _ => number.to_string(),
    };
    let mut all: Vec<String> = probe.folds.iter().map(|fold| each(fold.chosen)).collect();
    if all.iter().all(|one| *one == all[0]) {
        all.truncate(1);
    }
    format!("{what} {}", all.join(", "))
}

/// The accuracy of every value that was tried, such as `k 1 90.10 %, k 3 91.20 %`.
fn path(probe: &Probe) -> Option<String> {
    let shown: Vec<String> = probe
        .path
        .iter()
        .filter(|(value, _)| probe.kind != Kind::Neighbors || [1.0, 3.0, 5.0, 10.0, 20.0].contains(value))
        .map(|&(value, correct)| {
            let share = percent(correct as f64 / probe.path_count as f64);
            match probe.kind {
                Kind::Linear => format!("reg {:e} {share}", value as f32),
                _ => format!("k {value} {share}"),
            }
        })
        .collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}
