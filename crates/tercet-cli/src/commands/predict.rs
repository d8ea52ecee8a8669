//! `tercet predict`: classifies your own pictures, or the rows of a table or array.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use tercet::image::Picture;
use tercet::preprocess::Characters;
use tercet_report::{self as report, Explained};

use super::predict_rows;
use crate::args::predict::PredictArgs;
use crate::ensemble::Ensemble;
use crate::output_files::{check_folder, check_writable};
use crate::prediction::{self, Prediction, Reading, Readings, in_order, score_name};
use crate::progress::say;
use crate::table::{self, table};
use crate::{exit, explanation, output, picture};

/// Classifies pictures. A picture that cannot be read is reported, and the others are classified.
pub fn run(mut args: PredictArgs) -> anyhow::Result<ExitCode> {
    args.pictures = with_pictures_of_folders(args.pictures)?;
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
        match classify(&args, &ensemble, path) {
            Ok(readings) => {
                let mut document = to_json(path, &ensemble, &readings, args.explain);
                if let Some(folder) = &args.prepared {
                    document["prepared"] = write_prepared(folder, path, &readings, &mut names)?;
                }
                documents.push(document);
                all.push((path, readings));
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
        let each = all.iter().flat_map(|(path, readings)| readings.characters.iter().map(move |r| (path, r)));
        for (i, (path, reading)) in each.enumerate() {
            explain(path, &ensemble, reading, i > 0)?;
        }
    } else if !all.is_empty() {
        let mut rows = table(["picture", "class", score_name(&ensemble), "runners-up"]);
        rows.add_rows(all.iter().map(|(path, readings)| to_row(path, &ensemble, readings)));
        table::print(&rows)?;
    }
    Ok(if rejected == 0 { ExitCode::SUCCESS } else { exit::data() })
}

/// The files, with each folder replaced by the pictures in it.
fn with_pictures_of_folders(paths: Vec<PathBuf>) -> tercet::Result<Vec<PathBuf>> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        if path.is_dir() {
            files.extend(picture::in_folder(&path)?);
        } else {
            files.push(path);
        }
    }
    Ok(files)
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
    for folder in args.prepared.iter().chain(&args.stages) {
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
fn write_report(page: &Path, ensemble: &Ensemble, all: &[(&PathBuf, Readings)]) -> anyhow::Result<()> {
    let model = ensemble.first();
    let Some(neighbors) = model.classifier().neighbors() else { return Ok(()) };
    let explained: Vec<Explained> = all
        .iter()
        .flat_map(|(path, readings)| readings.characters.iter().map(move |reading| (path, reading)))
        .filter_map(|(path, reading)| {
            Some(Explained {
                name: path.display().to_string(),
                pixels: reading.prepared.seen().pixels().to_vec(),
                class: reading.best as u32,
                explanation: reading.prediction.explanation.clone()?,
            })
        })
        .collect();
    if !explained.is_empty() {
        report::write_explained(page, neighbors, model.classes(), &explained)?;
        say(format!("report: {}", page.display()));
    }
    Ok(())
}

fn classify(args: &PredictArgs, ensemble: &Ensemble, path: &Path) -> anyhow::Result<Readings> {
    let picture = picture::read(path)?;
    if let Some(folder) = &args.stages {
        // Written even if nothing is found, to show why.
        let found = ensemble.first().preprocessing().characters(&picture);
        write_stages(folder, path, &picture, found.as_ref().ok())?;
    }
    let readings = prediction::of_picture(ensemble, &picture).with_context(|| path.display().to_string())?;
    if args.single && readings.single().is_none() {
        let found = format!("{} characters, {}", readings.characters.len(), readings.text(ensemble.first()));
        let expected = "one, because of --single: crop the picture to it";
        return Err(tercet::Error::mismatch(path.display().to_string(), found, expected).into());
    }
    Ok(readings)
}

/// Writes the stages of the segmentation, and each character as the model sees it: `seven.1-sheet.png` for `seven.jpg`.
fn write_stages(
    folder: &Path,
    path: &Path,
    picture: &Picture,
    found: Option<&Characters>,
) -> anyhow::Result<()> {
    let stem = stem(path);
    let mut pictures = vec![("picture".to_owned(), picture)];
    if let Some(found) = found {
        pictures.extend(found.stages.iter().map(|(name, picture)| ((*name).to_owned(), picture)));
        for (i, character) in found.characters.iter().enumerate() {
            pictures.push((format!("character-{}", i + 1), character.prepared.seen()));
        }
    }
    for (i, (name, picture)) in pictures.into_iter().enumerate() {
        write_png(&folder.join(format!("{stem}.{}-{name}.png", i + 1)), picture)?;
    }
    Ok(())
}

/// Writes every character as the model sees it, and returns the paths as JSON: text for one, a list for several.
fn write_prepared(
    folder: &Path,
    path: &Path,
    readings: &Readings,
    names: &mut BTreeSet<String>,
) -> anyhow::Result<Value> {
    let mut files = Vec::new();
    for reading in &readings.characters {
        let file = folder.join(prepared_name(path, names));
        write_png(&file, reading.prepared.seen())?;
        files.push(json!(file.to_string_lossy()));
    }
    Ok(if files.len() == 1 { files.remove(0) } else { Value::Array(files) })
}

/// Prints the explanation of a prediction, with a blank line before it if it is `below` another.
fn explain(path: &Path, ensemble: &Ensemble, reading: &Reading, below: bool) -> anyhow::Result<()> {
    let model = ensemble.first();
    let Reading { prepared, prediction, best, .. } = reading;
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

fn to_row(path: &Path, ensemble: &Ensemble, readings: &Readings) -> [String; 4] {
    let classes = ensemble.first().classes();
    let Some(Reading { prediction: Prediction { scores, .. }, best, .. }) = readings.single() else {
        let least = least_certain(readings);
        let count = readings.characters.len();
        let least = least.prediction.scores[least.best];
        let text = readings.text(ensemble.first());
        return [path.display().to_string(), text, format!("{least:.3}"), format!("{count} characters")];
    };
    let others = in_order(scores)
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

/// The character with the lowest score of its class.
fn least_certain(readings: &Readings) -> &Reading {
    let score = |reading: &&Reading| reading.prediction.scores[reading.best];
    let least = readings.characters.iter().min_by(|a, b| score(a).total_cmp(&score(b)));
    least.expect("there is at least one character")
}

fn to_json(path: &Path, ensemble: &Ensemble, readings: &Readings, with_neighbors: bool) -> Value {
    let (model, name) = (ensemble.first(), score_name(ensemble));
    let averages: serde_json::Map<String, Value> =
        ensemble.in_words().into_iter().map(|(name, words)| (name, json!(words))).collect();
    let mut document = match readings.single() {
        Some(Reading { prepared, prediction, best, bounds, .. }) => {
            let mut document = json!({
                "picture": path.to_string_lossy(),
                "class": model.classes()[*best],
                name: prediction.scores[*best],
                "scores": prediction::scores_to_json(model, &prediction.scores),
                "preprocessing": prediction::stages(prepared),
            });
            if let Some(bounds) = bounds {
                document["box"] = prediction::bounds_to_json(bounds);
            }
            document
        }
        None => json!({
            "picture": path.to_string_lossy(),
            "text": readings.text(model),
            "characters": prediction::characters_to_json(ensemble, readings, name),
        }),
    };
    if !averages.is_empty() {
        document["averages"] = json!(averages);
    }
    if let (Some(neighbors), true) = (model.classifier().neighbors(), with_neighbors) {
        let explain = |reading: &Reading| {
            let explanation = reading.prediction.explanation.as_ref()?;
            Some(explanation::to_json(neighbors, model.classes(), explanation))
        };
        match readings.single() {
            Some(reading) if reading.prediction.explanation.is_some() => {
                document["explanation"] = json!(explain(reading));
            }
            Some(_) => {}
            None => {
                for (i, reading) in readings.characters.iter().enumerate() {
                    document["characters"][i]["explanation"] = json!(explain(reading));
                }
            }
        }
    }
    document
}

/// The name of a picture's file without its extension.
fn stem(picture: &Path) -> String {
    match picture.file_stem() {
        Some(stem) if picture != Path::new("-") => stem.to_string_lossy().into_owned(),
        _ => "standard-input".to_owned(),
    }
}

/// The file name of a preprocessed picture: `seven.prepared.png` for `seven.jpg`, so that it never overwrites
/// the picture itself, and `seven.prepared-2.png` for a second picture of that name.
fn prepared_name(picture: &Path, taken: &mut BTreeSet<String>) -> String {
    let stem = stem(picture);
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
