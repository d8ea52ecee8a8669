//! `tercet probe`: how good features are, by what three classifiers make of them.

use std::process::ExitCode;

use serde_json::json;
use tercet::data::ReadOptions;
use tercet::evaluate::Evaluation;
use tercet::probe::{Kind, Probe, Settings, probe};
use tercet::text;
use tercet_report::{self as report, DataCard, ModelCard};

use crate::args::probe::ProbeArgs;
use crate::output_files::check_writable;
use crate::progress::{Stage, say};
use crate::table::{self, percent, table};
use crate::{exit, figures, interrupt, output, run_record};

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Neighbors => "neighbors",
        Kind::Linear => "linear",
        Kind::Network => "network",
    }
}

/// Probes a data set.
pub fn run(args: ProbeArgs) -> anyhow::Result<ExitCode> {
    args.report.as_deref().map(check_writable).transpose()?;
    figures::check(args.figures.figures.as_deref())?;
    let started = run_record::now();
    let given = args.reading.read_options();
    let reading = ReadOptions { labels: args.labels_file.clone().or(given.labels), ..given };
    let collection = args.features.open_with(&reading)?;
    let data = collection.train;
    if collection.test.is_some() {
        say(format!("the test set of {} is left alone", collection.name));
    }
    interrupt::watch("stopping")?;
    let settings = Settings {
        folds: args.folds,
        seed: args.seed,
        metric: args.metric,
        k_max: args.k_max,
        regs: args.reg.clone(),
        hidden: args.hidden,
        epochs: args.epochs,
    };
    let mut probes = Vec::new();
    for &kind in &args.with {
        let stage = Stage::new(name(kind), 1000);
        let observe = |share: f64| {
            stage.at((1000.0 * share) as usize);
            interrupt::flow()
        };
        let Some(probe) = probe(&data, kind, &settings, &observe)? else { return Ok(exit::interrupted()) };
        stage.done(&percent(probe.accuracy()));
        probes.push(probe);
    }

    let labels = data.labels();
    let card = DataCard::new(&data, 0, data.len(), data.digest());
    let title = format!("Probes of {}", collection.name);
    let mut run = run_record::new(title, started, Some(settings.seed), card, Vec::new());
    run.data.name.clone_from(&collection.name);
    for probe in &probes {
        let evaluation = Evaluation::from_predictions(&probe.predicted, &labels, data.classes())?;
        let mut card = ModelCard::new(name(probe.kind), kind_in_words(probe.kind, &settings), evaluation);
        card.settings = vec![
            ("judged by".to_owned(), format!("cross-validation in {} folds", settings.folds)),
            ("chosen".to_owned(), chosen(probe)),
            ("from fold to fold".to_owned(), format!("± {}", percent(probe.deviation()))),
        ];
        card.settings.extend(path(probe).map(|path| ("path".to_owned(), path)));
        card.fit_seconds = Some(probe.seconds);
        run.models.push(card);
    }
    run.compare()?;
    if let Some(path) = &args.report {
        report::write(path, &run, &data)?;
        say(format!("report: {}", path.display()));
    }
    figures::write(args.figures.figures.as_deref(), || report::figures(&run))?;
    if args.json {
        let probes: Vec<serde_json::Value> = probes
            .iter()
            .zip(&run.models)
            .map(|(probe, card)| {
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
            })
            .collect();
        let record = json!({
            "data": run.data, "settings": settings, "probes": probes, "comparisons": run.comparisons,
        });
        output::print(serde_json::to_string_pretty(&record)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::print(format_args!(
        "{}: {} examples of {} features, {} classes; {} folds\n",
        collection.name,
        text::thousands(data.len()),
        text::thousands(data.width()),
        data.class_count(),
        settings.folds
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
    for probe in &probes {
        if let Some(path) = path(probe) {
            output::print(format_args!("\n{}: {path}", name(probe.kind)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn kind_in_words(kind: Kind, settings: &Settings) -> String {
    match kind {
        Kind::Neighbors => format!("k nearest neighbours, {}", settings.metric),
        Kind::Linear => "linear classifier, softmax".to_owned(),
        Kind::Network => format!("network of {} hidden units", settings.hidden),
    }
}

/// What the folds chose: `k = 5, 5, 7`.
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

/// The accuracy along the path: `k 1: 90.10 %, 3: 91.20 %`.
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
