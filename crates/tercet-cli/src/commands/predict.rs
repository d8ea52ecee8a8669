//! `tercet predict`: pictures of yours, classified.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};
use tercet::image::Picture;
use tercet::matrix::argmax;
use tercet::preprocess::Prepared;
use tercet_report::{self as report, Explained};

use crate::args::predict::PredictArgs;
use crate::ensemble::Ensemble;
use crate::output_files::{check_folder, check_writable};
use crate::prediction::{self, Prediction, score_name};
use crate::progress::say;
use crate::table::{self, table};
use crate::{exit, explanation, output, picture};

/// What a picture was classified as.
struct Classified {
    prepared: Prepared,
    prediction: Prediction,
}

/// Classifies pictures. One that cannot be read is reported and does not keep the others from being read.
pub fn run(args: PredictArgs) -> anyhow::Result<ExitCode> {
    let ensemble = Ensemble::open(&args.ensemble.paths(&args.model), args.ensemble.shifts)?;
    let model = ensemble.first();
    picture::check_input(model, &args.model)?;
    if let Some(folder) = &args.prepared {
        check_folder(folder).map_err(tercet::Error::file("write into", folder))?;
    }
    let (neighbors, classes) = (model.classifier().neighbors(), model.classes());
    if let Some(page) = &args.explain_page {
        if neighbors.is_none() {
            let (path, kind) = (args.model.display(), model.classifier().kind());
            return Err(exit::usage(format!(
                "--explain-page shows neighbours, and {path} is a {kind} model: --explain lists its scores"
            )));
        }
        check_writable(page)?;
    }
    if neighbors.is_some() && args.ensemble.is_given() && (args.explain || args.explain_page.is_some()) {
        return Err(exit::usage(
            "the neighbours that explain a picture are its own: leave out --shifts and --with, or the explanation",
        ));
    }

    let mut prepared = BTreeSet::new();
    let (mut rows, mut documents, mut refused) = (Vec::new(), Vec::new(), 0);
    let mut explained = Vec::new();
    let mut answered = Vec::new();
    for path in &args.pictures {
        match classify(&ensemble, path) {
            Ok(classified) => {
                let Classified { prepared: picture, prediction } = &classified;
                let best = argmax(&prediction.scores) as usize;
                let mut document = to_json(path, &ensemble, &classified, best);
                rows.push(to_row(path, &ensemble, prediction, best));
                if let Some(folder) = &args.prepared {
                    let name = prepared_name(path, &mut prepared);
                    write_png(&folder.join(&name), picture.seen())?;
                    document["prepared"] = json!(folder.join(&name).to_string_lossy());
                }
                if let (Some(neighbors), Some(explanation)) = (neighbors, &prediction.explanation) {
                    if args.explain {
                        document["explanation"] = explanation::to_json(neighbors, classes, explanation);
                    }
                    let (name, class) = (path.display().to_string(), best as u32);
                    let pixels = picture.seen().pixels().to_vec();
                    explained.push(Explained { name, pixels, class, explanation: explanation.clone() });
                }
                documents.push(document);
                answered.push((path, classified, best));
            }
            Err(error) => {
                refused += 1;
                let error = exit::in_words(&error);
                output::tell(format_args!("error: {error}"));
                documents.push(json!({ "picture": path.to_string_lossy(), "error": error }));
            }
        }
    }
    if let (Some(page), Some(neighbors)) = (&args.explain_page, neighbors)
        && !explained.is_empty()
    {
        report::write_explained(page, neighbors, classes, &explained)?;
        say(format!("explanation: {}", page.display()));
    }
    if args.json {
        output::print(serde_json::to_string_pretty(&documents)?)?;
    } else if args.explain {
        for (i, (path, classified, best)) in answered.iter().enumerate() {
            explain(path, &ensemble, classified, *best, i > 0)?;
        }
    } else if !rows.is_empty() {
        let mut answers = table(["picture", "class", score_name(&ensemble), "else"]);
        answers.add_rows(rows);
        table::print(&answers)?;
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { exit::data() })
}

fn classify(ensemble: &Ensemble, path: &Path) -> anyhow::Result<Classified> {
    let picture = picture::read(path)?;
    let (prepared, prediction) =
        prediction::of_picture(ensemble, &picture).with_context(|| path.display().to_string())?;
    Ok(Classified { prepared, prediction })
}

/// Prints why a picture got its class, below what was printed before.
fn explain(
    path: &Path,
    ensemble: &Ensemble,
    classified: &Classified,
    best: usize,
    below: bool,
) -> anyhow::Result<()> {
    let model = ensemble.first();
    let Classified { prepared, prediction } = classified;
    let (classes, name, score) = (model.classes(), score_name(ensemble), prediction.scores[best]);
    let apart = if below { "\n" } else { "" };
    output::print(format_args!("{apart}{}: {}, {name} {score:.3}\n", path.display(), classes[best]))?;
    match (model.classifier().neighbors(), &prediction.explanation) {
        (Some(neighbors), Some(explanation)) => {
            explanation::print_neighbors(neighbors, classes, prepared.seen(), explanation)
        }
        _ => explanation::print_scores(classes, &prediction.scores, name),
    }
}

fn to_row(path: &Path, ensemble: &Ensemble, prediction: &Prediction, best: usize) -> [String; 4] {
    let model = ensemble.first();
    let scores = &prediction.scores;
    let others = explanation::in_order(scores)
        .filter(|&class| class != best)
        .take(2)
        .map(|class| format!("{} {:.3}", model.classes()[class], scores[class]));
    [
        path.display().to_string(),
        model.classes()[best].clone(),
        format!("{:.3}", scores[best]),
        others.collect::<Vec<_>>().join(", "),
    ]
}

fn to_json(path: &Path, ensemble: &Ensemble, classified: &Classified, best: usize) -> Value {
    let (model, Classified { prepared, prediction }) = (ensemble.first(), classified);
    let averages: serde_json::Map<String, Value> =
        ensemble.in_words().into_iter().map(|(name, words)| (name, json!(words))).collect();
    let mut document = json!({
        "picture": path.to_string_lossy(),
        "class": model.classes()[best],
        score_name(ensemble): prediction.scores[best],
        "scores": prediction::scores_to_json(model, &prediction.scores),
        "preprocessing": prediction::stages(prepared),
    });
    if !averages.is_empty() {
        document["averages"] = json!(averages);
    }
    document
}

/// The name of the file for a picture as the model sees it: `seven.prepared.png` for `seven.jpg`, so that it never
/// takes the place of the picture itself, and `seven.prepared-2.png` for another of that name.
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
