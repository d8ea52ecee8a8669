//! The lecture's final example: a two-layer network trained on MNIST, and a plot of its loss.
//!
//! ```text
//! scores = max(0, X · W1 + b1) · W2 + b2
//! ```
//!
//! The plot is written to the file given as an argument, by default `tercet-loss.svg` in the folder for temporary
//! files.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use plotters::prelude::*;
use tercet::data::{Source, default_validation, split};
use tercet::network::{Init, Network};
use tercet::train::{Plan, Settings, train_with};

/// The window of the moving average in the plot, in steps.
const WINDOW: usize = 50;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mnist = Source::Mnist.open()?;
    let parts = split(&mnist.train, default_validation(mnist.train.len()), 0)?;
    let (examples, validation) = (&parts.train, &parts.validation);

    // ANCHOR: train
    // The lecture's constants: 1,500 iterations of 20 random examples, reg 1e-5, step size 0.1 …
    let settings = Settings::lecture();
    // … and its initial weights, 1e-4 · randn, for 36 hidden units. Biases are zero.
    let mut network =
        Network::fully_connected(examples.width(), &[36], examples.class_count(), Init::Normal(1e-4), 0)?;

    let plan = Plan::new(examples, settings, 0).with_validation(validation);
    let training = train_with(&mut network, &plan, |trainer, step| {
        if step.number % 100 == 0 {
            println!("Iteration {}: average loss = {:.4}", step.number, trainer.history().mean_loss());
        }
        ControlFlow::Continue(())
    })?;
    // ANCHOR_END: train

    let (losses, checks) = (&training.history.losses, &training.history.validations);
    let accuracy = checks.last().expect("there is one after the last step").validation_accuracy;
    println!("\nThe loss of the last {WINDOW} batches: {:.4}", mean(&losses[losses.len() - WINDOW..]));
    println!(
        "Of {} validation images, {:.2} % are classified correctly.",
        validation.len(),
        100.0 * accuracy
    );

    let path = std::env::args_os()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("tercet-loss.svg"), PathBuf::from);
    plot(losses, &path)?;
    println!("The losses are drawn in {}.", path.display());

    assert_eq!((losses.len(), checks.len()), (1500, 15));
    assert!((losses[0] - 9.0).abs() < 0.01, "the first loss is {}, not (C − 1) · Δ", losses[0]);
    assert!(training.history.mean_loss() < 0.75, "the mean loss is {}", training.history.mean_loss());
    assert!(accuracy > 0.90, "the validation accuracy is {accuracy}");
    Ok(())
}

fn mean(losses: &[f32]) -> f32 {
    losses.iter().sum::<f32>() / losses.len() as f32
}

/// `plot(1:num_iters, losses)` of the lecture, with the moving average of 50 losses over it.
fn plot(losses: &[f32], path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    const EACH: RGBColor = RGBColor(176, 196, 222);
    const MEAN: RGBColor = RGBColor(32, 74, 135);
    const GRID: RGBColor = RGBColor(232, 232, 228);

    let highest = losses.iter().copied().fold(0.0, f32::max);
    let root = SVGBackend::new(path, (900, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Loss of the lecture's network on MNIST", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(56)
        .build_cartesian_2d(0..losses.len(), 0f32..highest.ceil())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .y_labels(6)
        .x_desc("iteration")
        .y_desc("loss")
        .y_label_formatter(&|loss| loss.to_string())
        .label_style(("sans-serif", 15))
        .draw()?;

    let each = (1..).zip(losses.iter().copied());
    chart
        .draw_series(LineSeries::new(each, EACH))?
        .label("each batch of 20")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], EACH.stroke_width(2)));
    let means = losses.windows(WINDOW).map(mean);
    chart
        .draw_series(LineSeries::new((WINDOW..).zip(means), MEAN.stroke_width(2)))?
        .label("mean of the last 50")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 24, y)], MEAN.stroke_width(2)));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .label_font(("sans-serif", 15))
        .background_style(WHITE)
        .draw()?;
    root.present()?;
    Ok(())
}
