//! The lecture's second classifier: one template per class, and the class whose template matches best.
//!
//! ```text
//! scores = X · W + b
//! y_pred = argmax(scores)
//! ```
//!
//! The templates are drawn to the file given as an argument, by default `tercet-templates.png` in the folder for
//! temporary files.

use std::ops::ControlFlow;
use std::path::PathBuf;

use tercet::data::{Dataset, Source, contact_sheet, default_validation, split};
use tercet::image::ImageShape;
use tercet::linear::LinearClassifier;
use tercet::loss::Loss;
use tercet::matrix::argmax;
use tercet::train::{Plan, Settings, train_with};
use tercet::{Error, Result};

fn main() -> Result<()> {
    let mnist = Source::Mnist.open()?;
    let parts = split(&mnist.train, default_validation(mnist.train.len()), 0)?;
    let (examples, validation) = (&parts.train, &parts.validation);
    let classifier = LinearClassifier::new(examples.width(), examples.class_count())?;

    // With all weights zero, every score is zero, and each of the C − 1 wrong classes violates the margin by Δ.
    let scores = classifier.scores(validation)?;
    let start = Loss::SVM.loss(scores.values(), validation.labels());
    println!("The SVM loss with zero weights: {start} = (C - 1) * margin\n");
    assert_eq!(start, 9.0);

    // ANCHOR: train
    let (settings, mut network) = (Settings::linear(), classifier.into_network());
    let plan = Plan::new(examples, settings, 0).with_validation(validation);
    train_with(&mut network, &plan, |_, step| {
        if let Some(check) = step.validation {
            println!(
                "step {:5}: training loss {:.3}, validation loss {:.3}, validation accuracy {:.2} %",
                check.step,
                check.train_loss,
                check.validation_loss,
                100.0 * check.validation_accuracy
            );
        }
        ControlFlow::Continue(())
    })?;
    let classifier = LinearClassifier::try_from(network)?;
    // ANCHOR_END: train

    // ANCHOR: scores
    // The scores of one image, from the formula: each class sums its weights where there is ink.
    let mut x = vec![0.0; examples.width()];
    validation.write_inputs(&[0], &mut x);
    let dense = classifier.dense();
    let mut by_hand = dense.b.clone();
    for (x, weights) in x.iter().zip(dense.w.chunks_exact(dense.outputs)) {
        for (score, w) in by_hand.iter_mut().zip(weights) {
            *score += x * w;
        }
    }
    // ANCHOR_END: scores
    println!("\nThe scores of a {}:\n", validation.label(0));
    for (class, score) in by_hand.iter().enumerate() {
        println!(
            "  {class} {score:7.2}{}",
            if class as u32 == argmax(&by_hand) { "  <- highest" } else { "" }
        );
    }

    let scores = classifier.scores(validation)?;
    for (a, b) in by_hand.iter().zip(scores.row(0)) {
        assert!((a - b).abs() < 1e-3, "{a} by hand, {b} by the library");
    }
    let (found, labels) = (scores.argmax(), validation.labels());
    let right = found.iter().zip(labels).filter(|(found, label)| found == label).count();
    let accuracy = right as f64 / labels.len() as f64;
    assert!((0.91..0.94).contains(&accuracy), "the validation accuracy is {accuracy}");
    draw(&classifier)
}

/// Draws the templates to the file given as an argument.
fn draw(classifier: &LinearClassifier) -> Result<()> {
    let path = std::env::args_os()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("tercet-templates.png"), PathBuf::from);
    let sheet = contact_sheet(&templates(classifier)?, 5)?;
    sheet.save(&path).map_err(std::io::Error::other).map_err(Error::file("write", &path))?;
    println!("\nThe ten templates are drawn in {}: 0 to 4, and 5 to 9 below.", path.display());
    println!("Where one is bright, ink speaks for its class; where it is dark, against it.");
    Ok(())
}

/// The columns of W as images, five in a row. Mid-grey is 0, and white is three times the root mean square of the
/// template's weights.
fn templates(classifier: &LinearClassifier) -> Result<Dataset> {
    let mut pixels = Vec::new();
    for class in 0..10 {
        let template = classifier.template(class);
        let mean_square = template.iter().map(|w| w * w).sum::<f32>() / template.len() as f32;
        let white = 3.0 * mean_square.sqrt();
        // `as` clamps values outside 0 to 255.
        pixels.extend(template.iter().map(|w| (127.5 + 127.5 * w / white) as u8));
    }
    let rows = ["0 to 4", "5 to 9"].map(str::to_owned).to_vec();
    let row_of = (0..10).map(|class| class / 5).collect();
    Dataset::from_pixels("templates", ImageShape::gray(28, 28), pixels, row_of, rows)
}
