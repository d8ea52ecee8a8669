//! Trains the models that the page ships with, and estimates the thresholds of its verdict.
//!
//! ```text
//! cargo run --release -p tercet-web --example models
//! ```
//!
//! It writes `crates/tercet-web/models`; with `--verdict`, it keeps the networks that are there. All models
//! are trained on the 55,000 training images that remain when 5,000 are held out (seed 0). The settings were
//! chosen and the thresholds are estimated on these 5,000. The test set is not opened.

mod strokes;

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use tercet::augment::{Augment, Elastic};
use tercet::data::{Dataset, Source, Split, split};
use tercet::loss::Loss;
use tercet::model::Model;
use tercet::optimizer::Optimizer;
use tercet::random::{Stream, generator};
use tercet::recipe::{FitProgress, GradientDescentRecipe, NeighborsRecipe};
use tercet::schedule::Schedule;
use tercet::train::{Length, Settings};
use tercet_web::draw::prepare;
use tercet_web::models::Loaded;
use tercet_web::verdict::{Detector, Distances, Thresholds};

/// The number of images among which neighbours are searched before MNIST is loaded, limited by the size of
/// the page.
const STORED: usize = 2_000;

/// The share of held-out digits that each threshold accepts.
const ACCEPTED: f64 = 0.994;

/// The number of drawings of each kind on which rejection is measured.
const DRAWINGS: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let parts = split(&Source::Mnist.open()?.train, 5_000, 0)?;

    let neighbors = NeighborsRecipe::new(3).fit(&parts.train.first(STORED), None)?;
    let sample = save(&folder, "sample", neighbors.model, &parts.validation)?;
    let convolution = if std::env::args().any(|word| word == "--verdict") {
        Loaded::new(Model::load(&folder.join("convolution.safetensors"))?)?
    } else {
        fit(&folder, "linear", &GradientDescentRecipe::linear(), &parts)?;
        fit(&folder, "network", &two_layers(), &parts)?;
        fit(&folder, "convolution", &convolutional()?, &parts)?
    };
    let thresholds = thresholds(&sample, &convolution, &parts.validation)?;
    println!("{thresholds:#?}");
    std::fs::write(folder.join("verdict.json"), serde_json::to_string_pretty(&thresholds)? + "\n")?;
    Ok(())
}

/// The lecture's layers, trained for longer and with the loss that gives probabilities.
fn two_layers() -> GradientDescentRecipe {
    GradientDescentRecipe {
        hidden: vec![36],
        validation: Some(5_000),
        train: Settings { length: Length::Epochs(20), reg: 3e-5, ..Settings::default() },
        ..GradientDescentRecipe::network()
    }
}

/// A convolutional network, trained on pictures that vary in slant, size and width as drawings in a page do.
fn convolutional() -> tercet::Result<GradientDescentRecipe> {
    let train = Settings {
        loss: Loss::Softmax,
        reg: 0.0,
        batch: 64,
        length: Length::Epochs(15),
        learning_rate: 2e-3,
        schedule: Schedule::LinearToZero,
        optimizer: Optimizer::ADAM,
        augment: Augment {
            shift: 1.0,
            rotate: 14.0,
            scale: 0.14,
            shear: 0.14,
            elastic: Some(Elastic { rms: 1.2, sigma: 4.0 }),
            ..Augment::default()
        },
        ..Settings::default()
    };
    Ok(GradientDescentRecipe {
        description: "A convolutional network".to_owned(),
        hidden: Vec::new(),
        layers: Some("conv5-8 relu pool conv5-16 relu pool flatten dense64 relu".parse()?),
        validation: Some(5_000),
        train,
        ..GradientDescentRecipe::network()
    })
}

/// Trains a model and saves it.
fn fit(
    folder: &Path,
    name: &str,
    recipe: &GradientDescentRecipe,
    parts: &Split,
) -> Result<Loaded, Box<dyn Error>> {
    let fitted = recipe.fit(parts, None, &mut |progress| {
        if let FitProgress::Step { step, .. } = progress
            && let Some(check) = step.validation
        {
            println!("{name} {}: {:.4}", check.step, check.validation_accuracy);
        }
        ControlFlow::Continue(())
    })?;
    save(folder, name, fitted.model, &parts.validation)
}

/// Saves a model with its validation accuracy.
fn save(folder: &Path, name: &str, mut model: Model, validation: &Dataset) -> Result<Loaded, Box<dyn Error>> {
    let accuracy = model.scores(validation)?.accuracy(validation.labels());
    println!("{name}: {accuracy:.4} of the {} held-out images", validation.len());
    model.card.metrics.insert("validation accuracy".to_owned(), accuracy);
    model.save(&folder.join(format!("{name}.safetensors")))?;
    Ok(Loaded::new(model)?)
}

/// Estimates the thresholds on the held-out digits, and measures how many other drawings they reject.
fn thresholds(
    sample: &Loaded,
    convolution: &Loaded,
    held_out: &Dataset,
) -> Result<Thresholds, Box<dyn Error>> {
    let detector = Detector::new(sample, convolution)?;
    let distances = detector.distances(convolution, held_out)?;
    let quantile = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[(ACCEPTED * values.len() as f64).ceil() as usize - 1]
    };
    // Rounded up, so that they are readable.
    let most = Distances {
        seen: (quantile(distances.iter().map(|d| d.seen).collect()) * 1000.0).ceil() / 1000.0,
        pixels: quantile(distances.iter().map(|d| d.pixels).collect()).ceil(),
    };
    let digits = held_out.len();
    let mut thresholds = Thresholds { most, accepted: 0.0, digits, rejected: Vec::new() };
    let accepted = distances.iter().filter(|d| thresholds.verdict(**d).is_digit).count();
    thresholds.accepted = accepted as f64 / digits as f64;

    let mut random = generator(1, Stream::Augment);
    for kind in strokes::KINDS {
        let mut rejected = 0;
        for _ in 0..DRAWINGS {
            let prepared = prepare(convolution, &strokes::drawing(kind, &mut random)?)?;
            let distances = detector.distances(convolution, &prepared.examples())?[0];
            rejected += usize::from(!thresholds.verdict(distances).is_digit);
        }
        thresholds.rejected.push((kind.to_owned(), rejected as f64 / DRAWINGS as f64));
    }
    Ok(thresholds)
}
