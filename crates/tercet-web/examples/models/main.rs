//! Trains the models that the page ships with, and takes the thresholds of its verdict.
//!
//! ```text
//! cargo run --release -p tercet-web --example models
//! ```
//!
//! It writes `crates/tercet-web/models`; with `--verdict`, the networks stay as they are. Everything is learned from the 55,000 training images that are left when 5,000 are
//! held out (seed 0); the settings were chosen, and the thresholds taken, on these 5,000. The test set is not opened.

mod strokes;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tercet::Dataset;
use tercet::augment::{Augment, Elastic};
use tercet::data::{Source, split};
use tercet::image::{Contract, Preparation, Range};
use tercet::linear::LinearClassifier;
use tercet::loss::Loss;
use tercet::model::{Card, Classifier, DataRecord, ModelFile};
use tercet::neighbors::{Metric, NeighborsClassifier, Vote};
use tercet::network::{Architecture, Init, Layer, Network, Shape};
use tercet::optimizer::Optimizer;
use tercet::random::{Stream, generator};
use tercet::schedule::Schedule;
use tercet::train::{Length, Settings, train};
use tercet_web::draw::{prepared, set_of};
use tercet_web::models::Loaded;
use tercet_web::verdict::{Distances, Judge, Thresholds};

/// How many images the neighbours remember before MNIST is loaded: as many as a page can carry.
const REMEMBERED: usize = 2_000;

/// The share of held-out digits that each threshold lets pass.
const PASS: f64 = 0.994;

/// How many drawings of each kind the verdict is tried on.
const DRAWINGS: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let parts = split(&Source::Mnist.open()?.train, 5_000, 0)?;
    let (train, held_out) = (parts.train, parts.validation);

    let sample = train.first(REMEMBERED);
    let neighbors = NeighborsClassifier::fit(&sample, Metric::L2, 3, Vote::Uniform)?;
    let contract = Contract { range: Range::Bytes, ..Contract::of(&sample, Preparation::Centred) };
    let card = Card { data: Some(DataRecord::of(&sample)), ..Card::new(sample.classes().to_vec(), contract) };
    let neighbors = ModelFile { card, classifier: Classifier::Neighbors(neighbors) };
    let sample = keep(&folder, "sample", neighbors, &held_out)?;

    if std::env::args().any(|word| word == "--verdict") {
        let convolution = Loaded::new(ModelFile::load(&folder.join("convolution.safetensors"))?)?;
        return judge(&folder, &sample, &convolution, &held_out);
    }
    learn(&folder, "linear", "", Settings::linear(), &train, &held_out)?;
    // The lecture's layers, trained for longer and with the loss that gives probabilities.
    let two_layer = Settings { length: Length::Epochs(20), reg: 3e-5, ..Settings::default() };
    learn(&folder, "network", "dense36 relu", two_layer, &train, &held_out)?;
    // Drawings on a page differ from MNIST's in slant, size and width; so do its pictures after this.
    let convolution = Settings {
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
    let words = "conv5-8 relu pool conv5-16 relu pool flatten dense64 relu";
    let convolution = learn(&folder, "convolution", words, convolution, &train, &held_out)?;

    judge(&folder, &sample, &convolution, &held_out)
}

/// Takes the thresholds and keeps them.
fn judge(
    folder: &Path,
    sample: &Loaded,
    convolution: &Loaded,
    held_out: &Dataset,
) -> Result<(), Box<dyn std::error::Error>> {
    let thresholds = thresholds(sample, convolution, held_out)?;
    println!("{thresholds:#?}");
    std::fs::write(folder.join("verdict.json"), serde_json::to_string_pretty(&thresholds)? + "\n")?;
    Ok(())
}

/// Trains a network and keeps it.
fn learn(
    folder: &Path,
    name: &str,
    layers: &str,
    settings: Settings,
    train_set: &Dataset,
    held_out: &Dataset,
) -> Result<Loaded, Box<dyn std::error::Error>> {
    let (classes, shape) = (train_set.class_count(), Shape::of(train_set));
    let mut network = match layers {
        "" => Network::fully_connected(train_set.width(), &[], classes, Init::Normal(0.0), 0)?,
        words => words.parse::<Architecture>()?.network(shape, classes, Init::He, 0)?,
    };
    train(&mut network, train_set, Some(held_out), &settings, 0, &mut |progress| {
        if let Some(check) = progress.validation() {
            println!("{name} {}: {:.4}", check.step, check.validation_accuracy);
        }
        ControlFlow::Continue(())
    })?;
    let classifier = match network.layers() {
        [Layer::Dense(dense)] => Classifier::Linear(LinearClassifier::from_dense(dense.clone())?),
        _ => Classifier::Network(network),
    };
    let card = Card {
        settings: serde_json::to_value(settings)?,
        seed: Some(0),
        data: Some(DataRecord::of(train_set)),
        ..Card::new(train_set.classes().to_vec(), Contract::of(train_set, Preparation::Centred))
    };
    keep(folder, name, ModelFile { card, classifier }, held_out)
}

/// Writes a model with its accuracy.
fn keep(
    folder: &Path,
    name: &str,
    mut model: ModelFile,
    held_out: &Dataset,
) -> Result<Loaded, Box<dyn std::error::Error>> {
    let found = model.scores(held_out)?.argmax();
    let right = found.iter().zip(held_out.labels()).filter(|(found, label)| **found == *label).count();
    let accuracy = right as f64 / held_out.len() as f64;
    println!("{name}: {accuracy:.4} of the {} held-out images", held_out.len());
    model.card.metrics.insert("validation accuracy".to_owned(), accuracy);
    let path: PathBuf = folder.join(format!("{name}.safetensors"));
    model.save(&path)?;
    Ok(Loaded::new(model)?)
}

/// Takes the thresholds from the digits that were held out, and tries them on drawings that are none.
fn thresholds(
    sample: &Loaded,
    convolution: &Loaded,
    held_out: &Dataset,
) -> Result<Thresholds, Box<dyn std::error::Error>> {
    let judge = Judge::new(sample, convolution)?;
    let distances = judge.distances(convolution, held_out)?;
    let quantile = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[(PASS * values.len() as f64).ceil() as usize - 1]
    };
    // Rounded up, so that they can be read.
    let most = Distances {
        seen: (quantile(distances.iter().map(|d| d.seen).collect()) * 1000.0).ceil() / 1000.0,
        pixels: quantile(distances.iter().map(|d| d.pixels).collect()).ceil(),
    };
    let digits = held_out.len();
    let mut thresholds = Thresholds { most, accepted: 0.0, digits, rejected: Vec::new() };
    let accepted = distances.iter().filter(|d| thresholds.judge(**d).is_digit).count();
    thresholds.accepted = accepted as f64 / digits as f64;

    let mut random = generator(1, Stream::Augment);
    for kind in strokes::KINDS {
        let mut rejected = 0;
        for _ in 0..DRAWINGS {
            let set = set_of(convolution, &prepared(convolution, &strokes::drawing(kind, &mut random)?)?)?;
            let distances = judge.distances(convolution, &set)?[0];
            rejected += usize::from(!thresholds.judge(distances).is_digit);
        }
        thresholds.rejected.push((kind.to_owned(), rejected as f64 / DRAWINGS as f64));
    }
    Ok(thresholds)
}
