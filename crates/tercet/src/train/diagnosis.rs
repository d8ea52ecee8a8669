//! [`diagnose`]: signs that a training has failed, although it ran to its end.

use super::layer_stats::StatsRecorder;
use super::{History, Plan};
use crate::network::Network;

/// How many standard errors above the accuracy of a constant prediction count as learning.
const STANDARD_ERRORS: f64 = 3.0;

/// Signs that a training has failed, in words, each with the likely cause and a remedy; none for a training that went well.
///
/// | sign | likely cause |
/// |---|---|
/// | the accuracy on training examples is no better than that of always predicting the most frequent class | steps too small or too large, features without information |
/// | the loss at the end is larger than at the beginning | steps too large: the training diverged, or nearly did |
/// | no unit of a layer is active for any training example | steps too large, or a bad initialisation: such a layer passes no gradient |
///
/// The accuracy and the units are those of up to 512 training examples, evenly spaced.
///
/// ```
/// use tercet::Dataset;
/// use tercet::network::{Init, Network};
/// use tercet::train::{Length, Plan, Settings, diagnose, train};
///
/// let features: Vec<f32> = (0..200).map(|i| (i % 2) as f32 + (i as f32).sin() / 4.0).collect();
/// let data = Dataset::from_features("toy", 1, features, (0..200).map(|i| i % 2).collect(), vec!["a".into(), "b".into()])?;
/// let settings = Settings { length: Length::Epochs(10), ..Settings::default() };
/// for (learning_rate, warnings) in [(0.1, 0), (1e-9, 1)] {
///     let mut network = Network::fully_connected(1, &[8], 2, Init::He, 1)?;
///     let plan = Plan::new(&data, Settings { learning_rate, ..settings }, 0);
///     let training = train(&mut network, &plan)?;
///     assert_eq!(diagnose(&network, &plan, &training.history).len(), warnings);
/// }
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn diagnose(network: &Network, plan: &Plan, history: &History) -> Vec<String> {
    let mut recorder = StatsRecorder::new(network, &plan.examples);
    recorder.before_step(network);
    let stats = recorder.after_step(network, &plan.examples);
    let (first, last) = ends(&history.losses);
    let rate = plan.settings.learning_rate;
    let mut warnings = Vec::new();

    let constant = largest_class(plan);
    let error = (constant * (1.0 - constant) / stats.sample as f64).sqrt();
    let at_chance = stats.sample_accuracy <= constant + STANDARD_ERRORS * error && constant < 1.0;
    if at_chance && stats.sample_accuracy < 0.99 {
        let remedy = if history.losses.iter().any(|&loss| loss > 3.0 * first) || last > 1.5 * first {
            "try a smaller learning rate"
        } else if last > 0.99 * first {
            "try a larger learning rate or more epochs: the loss did not fall"
        } else {
            "check that the features differ between the classes, and that the labels are right"
        };
        warnings.push(format!(
            "the model is no better than always predicting the most frequent class: accuracy {:.1} % on training \
             examples, of which {:.1} % are of that class (learning rate {rate}). To learn more, {remedy}",
            100.0 * stats.sample_accuracy,
            100.0 * constant,
        ));
    }
    if last > 1.5 * first && !at_chance {
        warnings.push(format!(
            "the training loss grew from {first:.3} to {last:.3}: the training diverged, or nearly did. Try a smaller \
             learning rate than {rate}"
        ));
    }
    let dead = stats.layers.iter().position(|layer| layer.dead_units == Some(1.0));
    if let Some(layer) = dead {
        warnings.push(format!(
            "all units of layer {} are dead: no training example activates one, so nothing behind them can be learned. \
             Try a smaller learning rate, leakyrelu instead of relu, or He initialisation",
            layer + 1
        ));
    }
    warnings
}

/// The mean losses of the first and of the last twentieth of the steps.
fn ends(losses: &[f32]) -> (f32, f32) {
    let some = losses.len().div_ceil(20);
    let mean = |losses: &[f32]| losses.iter().map(|&loss| f64::from(loss)).sum::<f64>() / losses.len() as f64;
    (mean(&losses[..some.min(1)]) as f32, mean(&losses[losses.len() - some..]) as f32)
}

/// The fraction of the training examples that belong to the most frequent class.
fn largest_class(plan: &Plan) -> f64 {
    let mut counts = vec![0usize; plan.examples.class_count()];
    plan.examples.labels().iter().for_each(|&label| counts[label as usize] += 1);
    counts.into_iter().max().unwrap_or(0) as f64 / plan.examples.len() as f64
}
