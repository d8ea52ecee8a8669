//! `tercet predict`: classifies your own pictures, or the rows of a table or array.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use tercet::image::Picture;
use tercet::matrix::argmax;
use tercet::preprocess::Prepared;
use tercet_report::{self as report, Explained};

use super::predict_rows;
use crate::args::predict::PredictArgs;
use crate::ensemble::Ensemble;
use crate::output_files::{check_folder, check_writable};
use crate::prediction::{self, Prediction, score_name};
use crate::progress::say;
use crate::table::{self, table};
use crate::{exit, explanation, output, picture};

/// A picture as the model sees it, and its prediction.
struct Classified {
    prepared: Prepared,
    prediction: Prediction,
    /// The predicted class.
    best: usize,
}

/// Classifies pictures. A picture that cannot be read is reported, and the others are classified.
pub fn run(args: PredictArgs) -> anyhow::Result<ExitCode> {
    let ensemble = Ensemble::open(&args.ensemble.paths(&args.model), args.ensemble.test_time_shifts)?;
    // A table may come from standard input, if the model reads no pictures.
    let rows_only = ensemble.first().preprocessing().input().image.is_none();
    let is_rows = |path: &PathBuf| predict_rows::is_rows(path) || (rows_only && path == Path::new("-"));
    if args.pictures.iter().any(is_rows) {
        return predict_rows::run(&args, &ensemble);
    }
    check(&args, &ensemble)?;
    let mut names = BTreeSet::new();
    let (mut all, mut documents, mut rejected) = (Vec::new(), Vec::new(), 0);
    for path in &args.pictures {
        match classify(&ensemble, path) {
            Ok(classified) => {
                let mut document = to_json(path, &ensemble, &classified, args.explain);
                if let Some(folder) = &args.prepared {
                    let file = folder.join(prepared_name(path, &mut names));
                    write_png(&file, classified.prepared.seen())?;
                    document["prepared"] = json!(file.to_string_lossy());
                }
                documents.push(document);
                all.push((path, classified));
            }
            Err(error) => {
                rejected += 1;
                let error = exit::in_words(&error);
                output::tell(format_args!("error: {error}"));
                documents.push(json!({ "picture": path.to_string_lossy(), "error": error }));
            }
        }
    }
    if let Some(page) = &args.report {
        write_report(page, &ensemble, &all)?;
    }
    if args.json {
        output::print(serde_json::to_string_pretty(&documents)?)?;
    } else if args.explain {
        for (i, (path, classified)) in all.iter().enumerate() {
            explain(path, &ensemble, classified, i > 0)?;
        }
    } else if !all.is_empty() {
        let mut rows = table(["picture", "class", score_name(&ensemble), "runners-up"]);
        rows.add_rows(all.iter().map(|(path, classified)| to_row(path, &ensemble, classified)));
        table::print(&rows)?;
    }
    Ok(if rejected == 0 { ExitCode::SUCCESS } else { exit::data() })
}

/// Rejects requests that the model cannot fulfil, and files that cannot be written, before the work.
fn check(args: &PredictArgs, ensemble: &Ensemble) -> anyhow::Result<()> {
    if args.out.is_some() || args.submission.is_some() {
        return Err(exit::usage(
            "--out is for the rows of a table or array; --json lists the scores of pictures",
        ));
    }
    let model = ensemble.first();
    picture::check_input(model, &args.model)?;
    if let Some(folder) = &args.prepared {
        check_folder(folder).map_err(tercet::Error::file("write into", folder))?;
    }
    let is_neighbors = model.classifier().neighbors().is_some();
    if is_neighbors && args.ensemble.is_given() && (args.explain || args.report.is_some()) {
        return Err(exit::usage(
            "an average has no neighbours to explain it: leave out --test-time-shifts and --ensemble, or \
             --explain and --report",
        ));
    }
    if let (Some(_), false) = (&args.report, is_neighbors) {
        let (path, kind) = (args.model.display(), model.classifier().kind());
        return Err(exit::usage(format!(
            "--report shows neighbours, and {path} is a {kind} model: --explain lists its scores"
        )));
    }
    args.report.as_deref().map_or(Ok(()), check_writable)
}

/// Writes the report, with every picture next to its neighbours.
fn write_report(page: &Path, ensemble: &Ensemble, all: &[(&PathBuf, Classified)]) -> anyhow::Result<()> {
    let model = ensemble.first();
    let Some(neighbors) = model.classifier().neighbors() else { return Ok(()) };
    let explained: Vec<Explained> = all
        .iter()
        .filter_map(|(path, classified)| {
            Some(Explained {
                name: path.display().to_string(),
                pixels: classified.prepared.seen().pixels().to_vec(),
                class: classified.best as u32,
                explanation: classified.prediction.explanation.clone()?,
            })
        })
        .collect();
    if !explained.is_empty() {
        report::write_explained(page, neighbors, model.classes(), &explained)?;
        say(format!("report: {}", page.display()));
    }
    Ok(())
}

fn classify(ensemble: &Ensemble, path: &Path) -> anyhow::Result<Classified> {
    let picture = picture::read(path)?;
    let (prepared, prediction) =
        prediction::of_picture(ensemble, &picture).with_context(|| path.display().to_string())?;
    let best = argmax(&prediction.scores) as usize;
    Ok(Classified { prepared, prediction, best })
}

/// Prints the explanation of a prediction, with a blank line before it if it is `below` another.
fn explain(path: &Path, ensemble: &Ensemble, classified: &Classified, below: bool) -> anyhow::Result<()> {
    let model = ensemble.first();
    let Classified { prepared, prediction, best } = classified;
    let (classes, name, score) = (model.classes(), score_name(ensemble), prediction.scores[*best]);
    let apart = if below { "\n" } else { "" };
    output::print(format_args!("{apart}{}: {}, {name} {score:.3}\n", path.display(), classes[*best]))?;
    match (model.classifier().neighbors(), &prediction.explanation) {
        (Some(neighbors), Some(explanation)) => {
            explanation::print_neighbors(neighbors, classes, prepared.seen(), explanation)
        }
        _ => explanation::print_scores(classes, &prediction.scores, name),
    }
}

fn to_row(path: &Path, ensemble: &Ensemble, classified: &Classified) -> [String; 4] {
    let classes = ensemble.first().classes();
    let Classified { prediction: Prediction { scores, .. }, best, .. } = classified;
    let others = explanation::in_order(scores)
        .filter(|class| class != best)
        .take(2)
        .map(|class| format!("{} {:.3}", classes[class], scores[class]));
    [
        path.display().to_string(),
        classes[*best].clone(),
        format!("{:.3}", scores[*best]),
        others.collect::<Vec<_>>().join(", "),
    ]
}

fn to_json(path: &Path, ensemble: &Ensemble, classified: &Classified, with_neighbors: bool) -> Value {
    let (model, Classified { prepared, prediction, best }) = (ensemble.first(), classified);
    let averages: serde_json::Map<String, Value> =
        ensemble.in_words().into_iter().map(|(name, words)| (name, json!(words))).collect();
    let mut document = json!({
        "picture": path.to_string_lossy(),
        "class": model.classes()[*best],
        score_name(ensemble): prediction.scores[*best],
        "scores": prediction::scores_to_json(model, &prediction.scores),
        "preprocessing": prediction::stages(prepared),
    });
    if !averages.is_empty() {
        document["averages"] = json!(averages);
    }
    if let (Some(neighbors), Some(explanation), true) =
        (model.classifier().neighbors(), &prediction.explanation, with_neighbors)
    {
        document["explanation"] = explanation::to_json(neighbors, model.classes(), explanation);
    }
    document
}

/// The file name of a preprocessed picture: `seven.prepared.png` for `seven.jpg`, so that it never overwrites
/// the picture itself, and `seven.prepared-2.png` for a second picture of that name.
fn prepared_name(picture: &Path, taken: &mut BTreeSet<String>) -> String {
    let stem = match picture.file_stem() {
        Some(stem) if picture != Path::new("-") => stem.to_string_lossy(),
        _ => "standard-input".into(),
    };
    let numbered = (2..).map(|n| format!("{stem}.prepared-{n}.png"));
    let mut names = std::iter::once(format!("{stem}.prepared.png")).chain(numbered);
    names.find(|name| taken.insert(name.clone())).expect("there are more numbers than pictures")
}

/// Writes a picture as the model sees it.
fn write_png(path: &Path, picture: &Picture) -> anyhow::Result<()> {
    let shape = picture.shape();
    let color = if shape.channels == 1 { ::image::ColorType::L8 } else { ::image::ColorType::Rgb8 };
    let mut png = Vec::new();
    let encoder = ::image::codecs::png::PngEncoder::new(&mut png);
    let (width, height) = (shape.width as u32, shape.height as u32);
    ::image::ImageEncoder::write_image(encoder, picture.pixels(), width, height, color.into())?;
    Ok(tercet::file::replace(path, &png)?)
}
