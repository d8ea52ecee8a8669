//! The lecture's second classifier: one template a class, and the class whose template matches best.
//!
//! ```text
//! scores = X · W + b
//! y_pred = argmax(scores)
//! ```
//!
//! `cargo run --release -p tercet --example 02_linear_classifier -- templates.png` also draws the templates into a file.

use std::ops::ControlFlow;

use tercet::data::{
    Colours, Dataset, ImageShape, Source, contact_sheet, contact_sheet_text, default_validation, split,
};
use tercet::linear::LinearClassifier;
use tercet::loss::Loss;
use tercet::matrix::argmax;
use tercet::train::{Settings, train};
use tercet::{Error, Result};

fn main() -> Result<()> {
    let mnist = Source::Mnist.open()?;
    let parts = split(&mnist.train, default_validation(mnist.train.len()), 0)?;
    let (examples, validation) = (&parts.train, &parts.validation);
    let mut classifier = LinearClassifier::new(examples.width(), examples.class_count())?;

    // With all weights zero every score is zero, and each of the C − 1 wrong classes misses the margin by Δ.
    let scores = classifier.scores(validation)?;
    let start = Loss::SVM.loss(scores.values(), &validation.labels());
    println!("The SVM loss with zero weights: {start} = (C - 1) * margin\n");
    assert_eq!(start, 9.0);

    // ANCHOR: train
    let settings = Settings::linear();
    train(classifier.network_mut(), examples, Some(validation), &settings, 0, &mut |progress| {
        if let Some(check) = progress.check() {
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
    // ANCHOR_END: train

    // ANCHOR: scores
    // The scores of one image, as the formula says: each class sums its weights where there is ink.
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
    let right = found.iter().zip(&labels).filter(|(found, label)| found == label).count();
    let accuracy = right as f64 / labels.len() as f64;
    assert!((0.91..0.94).contains(&accuracy), "the validation accuracy is {accuracy}");

    println!("\nThe templates of 0, 3 and 7. Where ink speaks for the class, they are bright:\n");
    let bright = templates(&classifier, |share| 255.0 * share.max(0.0))?;
    println!("{}", contact_sheet_text(&bright.subset(&[0, 3, 7]), 1, 40, Colours::None)?);

    if let Some(path) = std::env::args_os().nth(1).map(std::path::PathBuf::from) {
        // Mid-grey is 0 here: bright ink speaks for the class, dark ink against it.
        let sheet = contact_sheet(&templates(&classifier, |share| 127.5 + 127.5 * share)?, 1)?;
        sheet.save(&path).map_err(std::io::Error::other).map_err(Error::file("write", &path))?;
        println!("The templates are drawn in {}.", path.display());
    }
    Ok(())
}

/// The columns of W as images. `pixel` turns a weight, as a share of the largest, into 0 to 255.
fn templates(classifier: &LinearClassifier, pixel: impl Fn(f32) -> f32) -> Result<Dataset> {
    let mut pixels = Vec::new();
    for class in 0..10 {
        let template = classifier.template(class);
        let largest = template.iter().fold(0.0f32, |largest, w| largest.max(w.abs()));
        pixels.extend(template.iter().map(|w| pixel(w / largest) as u8));
    }
    let digits = (0..10).map(|digit| digit.to_string()).collect();
    Dataset::from_pixels("templates", ImageShape::gray(28, 28), pixels, (0..10).collect(), digits)
}
