//! `tercet probe`: how good features are, by what three classifiers make of them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use serde_json::json;
use tercet::data::{Reading, Source};
use tercet::evaluate::Evaluation;
use tercet::neighbors::Metric;
use tercet::probe::{Kind, Probe, Settings, probe};
use tercet::report::{self, DataCard, ModelCard, Run};
use tercet::text;

use crate::args::{Figures, Read, check_writable, command};
use crate::progress::{Stage, say};
use crate::table::{self, percent, table};
use crate::{exit, interrupt, output};

/// What `tercet probe` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// The features: NPY, or all that `--data` takes elsewhere
    #[arg(value_name = "FEATURES")]
    features: Source,
    /// Their labels, where they are in a file of their own: NPY, IDX, or text with one a line
    #[arg(value_name = "LABELS", conflicts_with = "labels")]
    labels_file: Option<PathBuf>,
    #[command(flatten)]
    reading: Read,
    /// Probe with these alone
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', default_value = "neighbors,linear,network", value_parser = kind)]
    with: Vec<Kind>,
    /// How many parts are judged one after another, each by what was learned from the others
    #[arg(long, default_value_t = 5, value_name = "N")]
    folds: usize,
    /// How distance is measured: cosine, l2, l1, l3 or dot
    #[arg(long, default_value_t = Metric::Cosine)]
    metric: Metric,
    /// The most neighbours that are asked
    #[arg(long, default_value_t = 20, value_name = "K")]
    k_max: usize,
    /// The regularisations that are tried, strongest first
    #[arg(long, value_delimiter = ',', default_value = "1e-1,1e-2,1e-3,1e-4", value_name = "REG,…")]
    reg: Vec<f32>,
    /// Units of the network's hidden layer
    #[arg(long, default_value_t = 256, value_name = "H")]
    hidden: usize,
    /// Epochs of the network; more where they would be fewer than 1,000 steps
    #[arg(long, default_value_t = 8, value_name = "N")]
    epochs: usize,
    /// The seed of every random choice
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Write a report too
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    #[command(flatten)]
    figures: Figures,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn kind(text: &str) -> Result<Kind, String> {
    match text.trim() {
        "neighbors" => Ok(Kind::Neighbors),
        "linear" => Ok(Kind::Linear),
        "network" => Ok(Kind::Network),
        _ => Err("expected neighbors, linear or network".to_owned()),
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Neighbors => "neighbors",
        Kind::Linear => "linear",
        Kind::Network => "network",
    }
}

/// Probes a data set.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    arguments.report.as_deref().map(check_writable).transpose()?;
    arguments.figures.check()?;
    let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let given = arguments.reading.reading();
    let reading = Reading { labels: arguments.labels_file.clone().or(given.labels), ..given };
    let collection = arguments.features.open_with(&reading)?;
    let data = collection.train;
    if collection.test.is_some() {
        say(format!("the test set of {} is left alone", collection.name));
    }
    interrupt::watch("stopping")?;
    let settings = Settings {
        folds: arguments.folds,
        seed: arguments.seed,
        metric: arguments.metric,
        k_max: arguments.k_max,
        regs: arguments.reg.clone(),
        hidden: arguments.hidden,
        epochs: arguments.epochs,
    };
    let mut probes = Vec::new();
    for &kind in &arguments.with {
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
    let mut run = Run {
        title: format!("Probes of {}", collection.name),
        command: command(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        isa: tercet_kernels::Isa::active().name().to_owned(),
        threads: rayon::current_num_threads(),
        seed: Some(settings.seed),
        started,
        data: DataCard::new(&data, 0, data.len(), data.digest()),
        openings: Vec::new(),
        models: Vec::new(),
        comparisons: Vec::new(),
        check: None,
    };
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
    if let Some(path) = &arguments.report {
        report::write(path, &run, &data)?;
        say(format!("report: {}", path.display()));
    }
    arguments.figures.write(|| report::figures(&run))?;
    if arguments.json {
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
