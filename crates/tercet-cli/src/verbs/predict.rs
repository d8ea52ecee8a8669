//! `tercet predict`: pictures of yours, classified.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use tercet::Dataset;
use tercet::image::{self, Prepared};
use tercet::matrix::argmax;
use tercet::model::{Classifier, ModelFile};

use crate::arguments::check_folder;
use crate::table::{self, table};
use crate::{exit, output};

/// What `tercet predict` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// The model file
    model: PathBuf,
    /// Pictures: PNG, JPEG, BMP or PGM; `-` reads one from standard input
    #[arg(required = true, value_name = "PICTURE")]
    pictures: Vec<PathBuf>,
    /// Print JSON: every score, and what was done to each picture
    #[arg(long)]
    json: bool,
    /// Write the pictures as the model sees them into this folder, as PNG
    #[arg(long, value_name = "FOLDER")]
    prepared: Option<PathBuf>,
}

/// What a picture was read as.
struct Prediction {
    prepared: Prepared,
    scores: Vec<f32>,
}

/// Classifies pictures. One that cannot be read is reported and does not keep the others from being read.
pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let model = ModelFile::load(&arguments.model)?;
    if model.card.contract.image.is_none() {
        let features = model.card.contract.features;
        let message = format!("{} features", features);
        let what = format!("input of {}", arguments.model.display());
        return Err(tercet::Error::mismatch(what, message, "images; this model reads no pictures").into());
    }
    if let Some(folder) = &arguments.prepared {
        check_folder(folder).map_err(tercet::Error::file("write into", folder))?;
    }

    let mut prepared = BTreeSet::new();
    let (mut rows, mut documents, mut refused) = (Vec::new(), Vec::new(), 0);
    for path in &arguments.pictures {
        match classify(&model, path) {
            Ok(prediction) => {
                let best = argmax(&prediction.scores) as usize;
                let mut document = to_json(path, &model, &prediction, best);
                rows.push(to_row(path, &model, &prediction, best));
                if let Some(folder) = &arguments.prepared {
                    let name = prepared_name(path, &mut prepared);
                    write_png(&folder.join(&name), &prediction.prepared)?;
                    document["prepared"] = json!(folder.join(&name).to_string_lossy());
                }
                documents.push(document);
            }
            Err(error) => {
                refused += 1;
                let error = exit::in_words(&error);
                output::tell(format_args!("error: {error}"));
                documents.push(json!({ "picture": path.to_string_lossy(), "error": error }));
            }
        }
    }
    if arguments.json {
        output::print(serde_json::to_string_pretty(&documents)?)?;
    } else if !rows.is_empty() {
        let mut answers = table(["picture", "class", score_name(&model), "else"]);
        answers.add_rows(rows);
        table::print(&answers)?;
    }
    Ok(if refused == 0 { ExitCode::SUCCESS } else { exit::data() })
}

fn classify(model: &ModelFile, path: &Path) -> anyhow::Result<Prediction> {
    let picture = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(image::MAX_BYTES + 1).read_to_end(&mut bytes)?;
        image::decode(&bytes, Path::new("standard input"))?
    } else {
        image::open(path)?
    };
    let contract = &model.card.contract;
    let prepared = image::prepare(&picture, contract)
        .map_err(|error| anyhow::Error::new(error).context(path.display().to_string()))?;
    let (classes, pixels) = (model.card.classes.clone(), prepared.picture.pixels().to_vec());
    let data = Dataset::from_pixels("picture", prepared.picture.shape(), pixels, vec![0], classes)?;
    let mut scores = model.classifier.scores(&data)?.row(0).to_vec();
    if gives_probabilities(model) {
        tercet::loss::probabilities(&mut scores);
    }
    Ok(Prediction { prepared, scores })
}

/// Whether the scores were trained to be logarithms of probabilities.
fn gives_probabilities(model: &ModelFile) -> bool {
    model.card.settings.pointer("/train/loss").and_then(Value::as_str) == Some("softmax")
}

/// What the number beside a class is.
fn score_name(model: &ModelFile) -> &'static str {
    match model.classifier {
        Classifier::Neighbors(_) => "votes",
        _ if gives_probabilities(model) => "probability",
        _ => "score",
    }
}

fn to_row(path: &Path, model: &ModelFile, prediction: &Prediction, best: usize) -> [String; 4] {
    let scores = &prediction.scores;
    let mut others: Vec<usize> = (0..scores.len()).filter(|&class| class != best).collect();
    others.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let others =
        others.iter().take(2).map(|&class| format!("{} {:.3}", model.card.classes[class], scores[class]));
    [
        path.display().to_string(),
        model.card.classes[best].clone(),
        format!("{:.3}", scores[best]),
        others.collect::<Vec<_>>().join(", "),
    ]
}

fn to_json(path: &Path, model: &ModelFile, prediction: &Prediction, best: usize) -> Value {
    let scores: serde_json::Map<String, Value> =
        model.card.classes.iter().cloned().zip(prediction.scores.iter().map(|&s| json!(s))).collect();
    let steps: Vec<String> =
        prediction.prepared.stages.iter().map(|stage| format!("{:?}", stage.step).to_lowercase()).collect();
    json!({
        "picture": path.to_string_lossy(),
        "class": model.card.classes[best],
        score_name(model): prediction.scores[best],
        "scores": scores,
        "preparation": steps,
    })
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
fn write_png(path: &Path, prepared: &Prepared) -> anyhow::Result<()> {
    let shape = prepared.picture.shape();
    let color = if shape.channels == 1 { ::image::ColorType::L8 } else { ::image::ColorType::Rgb8 };
    let mut png = Vec::new();
    let encoder = ::image::codecs::png::PngEncoder::new(&mut png);
    let (width, height) = (shape.width as u32, shape.height as u32);
    ::image::ImageEncoder::write_image(encoder, prepared.picture.pixels(), width, height, color.into())?;
    Ok(tercet::file::replace(path, &png)?)
}
