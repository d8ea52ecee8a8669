//! Layer statistics: how far a step moved the weights of each layer, and how many of its units are dead.

use crate::data::Dataset;
use crate::network::{Activation, BatchLoader, Layer, Mode, Network, Workspace};

/// How many training examples the dead units and the accuracy are computed on, or all if there are fewer.
const SAMPLE: usize = 512;

/// The statistics of one step, on [request](super::Trainer::request_stats).
///
/// The sample is the same at every step: evenly spaced training examples, without dropout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepStats {
    /// The layers with weights, dense and convolutional, first to last.
    pub layers: Vec<LayerStats>,
    /// How many training examples the sample has: 512, or all if there are fewer.
    pub sample: usize,
    /// The fraction of the sample that is classified correctly after the step.
    pub sample_accuracy: f64,
}

/// The statistics of a layer with weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerStats {
    /// D, its inputs: for a convolution, the values of a patch.
    pub inputs: usize,
    /// H, its outputs: for a convolution, its filters.
    pub outputs: usize,
    /// `‖W′ − W‖ / ‖W‖` with W before the step and W′ after it, biases left out; ‖W‖ = √(Σ w²). About 10⁻³ is usual
    /// (CS231n, "ratio of weights:updates"): far above it steps are too large, far below it too small. Infinite if
    /// all weights were 0.
    pub update_ratio: f64,
    /// The fraction of its H units that are 0 after the ReLU for every example of the sample (for a convolution, at
    /// every position): these examples give them no gradient. `None` for a layer without a ReLU after it, such as the
    /// last.
    pub dead_units: Option<f64>,
}

/// The buffers of the statistics, allocated at the first request and reused for all later ones.
pub(super) struct StatsRecorder {
    /// W of each layer before the step.
    before: Vec<Vec<f32>>,
    rows: Vec<usize>,
    loader: BatchLoader,
    workspace: Workspace,
    /// For each layer before a ReLU: whether each of its units is active for any example of the sample.
    active: Vec<Vec<bool>>,
}

impl StatsRecorder {
    pub(super) fn new(network: &Network, examples: &Dataset) -> Self {
        let sample = SAMPLE.min(examples.len());
        StatsRecorder {
            before: network.weight_layers().map(|layer| Vec::with_capacity(layer.w.len())).collect(),
            rows: (0..sample).map(|i| i * examples.len() / sample).collect(),
            loader: BatchLoader::new(network),
            workspace: Workspace::new(),
            active: network.weight_layers().map(|_| Vec::new()).collect(),
        }
    }

    /// Copies the weights before a step.
    pub(super) fn before_step(&mut self, network: &Network) {
        for (before, layer) in self.before.iter_mut().zip(network.weight_layers()) {
            before.clear();
            before.extend_from_slice(layer.w);
        }
    }

    /// The statistics of the step that was just taken.
    pub(super) fn after_step(&mut self, network: &Network, examples: &Dataset) -> StepStats {
        let correct = self.evaluate_sample(network, examples);
        let layers = network.weight_layers().zip(&self.before).zip(&self.active);
        let layers = layers.map(|((layer, before), active)| {
            let dead = active.iter().filter(|active| !**active).count();
            LayerStats {
                inputs: layer.inputs,
                outputs: layer.outputs,
                update_ratio: update_ratio(before, layer.w),
                dead_units: (!active.is_empty()).then(|| dead as f64 / layer.outputs as f64),
            }
        });
        let sample = self.rows.len();
        StepStats { layers: layers.collect(), sample, sample_accuracy: correct as f64 / sample as f64 }
    }

    /// Marks the units that are active for any example of the sample. Returns how many examples are classified
    /// correctly.
    fn evaluate_sample(&mut self, network: &Network, examples: &Dataset) -> usize {
        let StatsRecorder { rows, loader, workspace, active, .. } = self;
        active.iter_mut().for_each(Vec::clear);
        let mut correct = 0;
        // An image layer has too many outputs to process the whole sample at once.
        for rows in rows.chunks(if network.is_of_images() { network.scoring_batch() } else { SAMPLE }) {
            let scores = network.forward_from(loader.load(examples, rows), Mode::Eval, workspace);
            let scores = scores.chunks_exact(network.classes()).zip(rows);
            correct += scores.filter(|(scores, i)| argmax(scores) == examples.label(**i) as usize).count();

            let mut weight_layers = network.weight_layers().zip(active.iter_mut());
            let mut before_relu = None;
            for (i, layer) in network.layers().iter().enumerate() {
                match (layer, &mut before_relu) {
                    (Layer::Dense(_) | Layer::Conv2d(_), _) => before_relu = weight_layers.next(),
                    // A ReLU before the first layer acts on inputs rather than units.
                    (Layer::Activation(Activation::Relu), Some((weights, active))) => {
                        active.resize(weights.outputs, false);
                        mark_active(workspace.fused_output(i), active);
                    }
                    _ => {}
                }
            }
        }
        correct
    }
}

/// `‖after − before‖ / ‖before‖`, summed in f64 in a fixed order: eight running sums each, to hide the latency of the
/// additions.
fn update_ratio(before: &[f32], after: &[f32]) -> f64 {
    let (mut moved, mut squares) = ([0.0; 8], [0.0; 8]);
    for (before, after) in before.chunks(8).zip(after.chunks(8)) {
        for (((moved, squares), &before), &after) in moved.iter_mut().zip(&mut squares).zip(before).zip(after)
        {
            let (before, after) = (f64::from(before), f64::from(after));
            *moved += (after - before) * (after - before);
            *squares += before * before;
        }
    }
    let (moved, squares): (f64, f64) = (moved.iter().sum(), squares.iter().sum());
    (moved / squares).sqrt()
}

/// Marks the columns of `output`, (…, H), with a non-zero value.
fn mark_active(output: &[f32], active: &mut [bool]) {
    for output in output.chunks_exact(active.len()) {
        active.iter_mut().zip(output).for_each(|(active, &unit)| *active |= unit != 0.0);
    }
}

/// The index of the largest score, the first if there are several.
fn argmax(scores: &[f32]) -> usize {
    (1..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Dense;

    #[test]
    fn a_ratio_is_of_lengths() {
        // ‖(0.3, 0, 0.4)‖ / ‖(0, 5, 12)‖ = 0.5 / 13, over more numbers than run side by side.
        let mut before = vec![0.0; 20];
        (before[9], before[17]) = (5.0, 12.0);
        let mut after = before.clone();
        (after[0], after[17]) = (0.3, 12.4);
        assert!((update_ratio(&before, &after) - 0.5 / 13.0).abs() < 1e-7);
        assert_eq!(update_ratio(&before, &before), 0.0);
        assert_eq!(update_ratio(&[0.0], &[1.0]), f64::INFINITY);
    }

    #[test]
    fn a_unit_is_dead_where_no_example_of_the_sample_activates_it() {
        // Unit 0 is active for x > 0, unit 1 for x < 0, unit 2 never, unit 3 for x > 1.5: for a single example.
        let hidden =
            Dense { inputs: 1, outputs: 4, w: vec![1.0, -1.0, -1.0, 1.0], b: vec![0.0, 0.0, -9.0, -1.5] };
        let scores = Dense { inputs: 4, outputs: 2, w: vec![0.0; 8], b: vec![0.0, 1.0] };
        let network = Network::new(vec![
            Layer::Dense(hidden),
            Layer::Activation(Activation::Relu),
            Layer::Dense(scores),
        ])
        .unwrap();
        let classes = vec!["a".to_owned(), "b".to_owned()];
        let set = |x: Vec<f32>| {
            let labels = (0..x.len()).map(|i| u32::from(i > 0)).collect();
            Dataset::from_features("x", 1, x, labels, classes.clone()).unwrap()
        };
        for (x, dead, accuracy) in [
            (vec![1.0, -1.0, 2.0], 0.25, 2.0 / 3.0),
            (vec![1.0, 1.0], 0.75, 0.5),
            (vec![-1.0, 0.0, -3.0, -2.0], 0.75, 0.75),
        ] {
            let set = set(x);
            let mut recorder = StatsRecorder::new(&network, &set);
            recorder.before_step(&network);
            // Twice: the first run must not affect the second.
            recorder.after_step(&network, &set);
            let stats = recorder.after_step(&network, &set);
            assert_eq!(stats.layers[0].dead_units, Some(dead));
            assert_eq!(stats.layers[1].dead_units, None);
            assert_eq!((stats.sample, stats.sample_accuracy), (set.len(), accuracy));
        }
    }
}
