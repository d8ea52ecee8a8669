//! How the layers are doing: how far a step moved their weights, and which of their units are dead.

use super::Progress;
use crate::data::Dataset;
use crate::network::{Activation, BatchLoader, Layer, Mode, Network, Weights, Workspace};

/// How many training examples the dead units and the accuracy are taken from, or all where there are fewer.
const SAMPLE: usize = 512;

/// What was measured at a step, because an observer [asked for it](Progress::request_stats) after the one before.
///
/// The sample is the same at every step: training examples at equal distances in their order, seen without dropout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepStats {
    /// The layers with weights, dense and convolutional, first to last.
    pub layers: Vec<LayerStats>,
    /// How many training examples the sample has: 512, or all where there are fewer.
    pub sample: usize,
    /// The share of the sample that is classified correctly after the step.
    pub sample_accuracy: f64,
}

/// What was measured of a layer with weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerStats {
    /// D, its inputs: of a convolution, the numbers of a patch.
    pub inputs: usize,
    /// H, its outputs: of a convolution, its filters.
    pub outputs: usize,
    /// `‖W′ − W‖ / ‖W‖` with W before the step and W′ after it, biases left out; ‖W‖ = √(Σ w²). About 10⁻³ is usual
    /// (CS231n, "ratio of weights:updates"): far above it steps are too large, far below it too small. Infinite where
    /// all weights were 0.
    pub update_ratio: f64,
    /// The share of its H units that are 0 behind the ReLU for every example of the sample, those of a convolution at every
    /// place: no gradient reaches them through any of these. `None` for a layer without a ReLU behind it, as the one that gives the scores.
    pub dead_units: Option<f64>,
}

impl Progress<'_> {
    /// What was measured at this step, if it was [asked for](Progress::request_stats) after the one before.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use tercet::Dataset;
    /// use tercet::network::{Init, Network};
    /// use tercet::train::{Length, Settings, train};
    ///
    /// let points = vec![0., 0., 0., 1., 1., 0., 1., 1.];
    /// let xor = Dataset::from_features("xor", 2, points, vec![0, 1, 1, 0], vec!["0".into(), "1".into()])?;
    /// let mut network = Network::fully_connected(2, &[8], 2, Init::He, 0)?;
    /// let settings = Settings { batch: 4, length: Length::Epochs(30), ..Settings::lecture() };
    /// let mut ratios = Vec::new();
    /// train(&mut network, &xor, None, &settings, 0, &mut |progress| {
    ///     ratios.extend(progress.stats().map(|measured| measured.layers[0].update_ratio));
    ///     if progress.step.is_multiple_of(10) {
    ///         progress.request_stats();
    ///     }
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(ratios.len(), 2, "steps 11 and 21");
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn stats(&self) -> Option<&StepStats> {
        self.measurement
    }
}

/// The buffers of measurements. They are made for the first that is asked for, and serve all later ones.
pub(super) struct StatsRecorder {
    /// W of each layer before the step.
    before: Vec<Vec<f32>>,
    rows: Vec<usize>,
    loader: BatchLoader,
    workspace: Workspace,
    /// Whether a unit of the network is above 0 for any example: of each layer with a ReLU behind it.
    alive: Vec<Vec<bool>>,
    measurement: StepStats,
}

impl StatsRecorder {
    pub(super) fn new(network: &Network, examples: &Dataset) -> Self {
        let sample = SAMPLE.min(examples.len());
        let of_layer = |layer: Weights<'_>| LayerStats {
            inputs: layer.inputs,
            outputs: layer.outputs,
            update_ratio: 0.0,
            dead_units: None,
        };
        StatsRecorder {
            before: network.weight_layers().map(|layer| Vec::with_capacity(layer.w.len())).collect(),
            rows: (0..sample).map(|i| i * examples.len() / sample).collect(),
            loader: BatchLoader::new(network),
            workspace: Workspace::new(),
            alive: network.weight_layers().map(|_| Vec::new()).collect(),
            measurement: StepStats {
                layers: network.weight_layers().map(of_layer).collect(),
                sample,
                sample_accuracy: 0.0,
            },
        }
    }

    /// Remembers the weights before a step.
    pub(super) fn before(&mut self, network: &Network) {
        for (before, layer) in self.before.iter_mut().zip(network.weight_layers()) {
            before.clear();
            before.extend_from_slice(layer.w);
        }
    }

    /// Measures after the step.
    pub(super) fn after(&mut self, network: &Network, examples: &Dataset) -> &StepStats {
        let StatsRecorder { before, rows, loader, workspace, alive, measurement } = self;
        for ((layer, before), after) in measurement.layers.iter_mut().zip(before).zip(network.weight_layers())
        {
            layer.update_ratio = ratio(before, after.w);
        }

        let (mut right, mut seen) = (0, false);
        // A layer of images has too many outputs for the whole sample at once.
        for rows in rows.chunks(if network.is_of_images() { network.scoring_batch() } else { SAMPLE }) {
            let scores = network.forward_from(loader.load(examples, rows), Mode::Eval, workspace);
            let scores = scores.chunks_exact(network.classes()).zip(rows);
            right += scores.filter(|(scores, i)| largest(scores) == examples.label(**i) as usize).count();

            let mut weighted = 0usize;
            for (i, layer) in network.layers().iter().enumerate() {
                match layer {
                    Layer::Dense(_) | Layer::Conv2d(_) => weighted += 1,
                    // A ReLU in front of all layers has inputs behind it rather than units.
                    Layer::Activation(Activation::Relu) => {
                        if let Some(behind) = weighted.checked_sub(1) {
                            let (units, alive) = (measurement.layers[behind].outputs, &mut alive[behind]);
                            if !seen {
                                alive.clear();
                                alive.resize(units, false);
                            }
                            awake(workspace.fused_output(i), alive);
                        }
                    }
                    _ => {}
                }
            }
            seen = true;
        }
        measurement.sample_accuracy = right as f64 / measurement.sample as f64;
        for (layer, alive) in measurement.layers.iter_mut().zip(alive).filter(|(_, alive)| !alive.is_empty())
        {
            let dead = alive.iter().filter(|alive| !**alive).count();
            layer.dead_units = Some(dead as f64 / layer.outputs as f64);
        }
        measurement
    }
}

/// `‖after − before‖ / ‖before‖`, summed in f64 in a fixed order: eight running sums of each, so that the processor need
/// not wait for them.
fn ratio(before: &[f32], after: &[f32]) -> f64 {
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

/// Marks the columns of `output`, (…, H), that hold anything but zeros.
fn awake(output: &[f32], alive: &mut [bool]) {
    for output in output.chunks_exact(alive.len()) {
        alive.iter_mut().zip(output).for_each(|(alive, &unit)| *alive |= unit != 0.0);
    }
}

/// The place of the largest score, the first of equals.
fn largest(scores: &[f32]) -> usize {
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
        assert!((ratio(&before, &after) - 0.5 / 13.0).abs() < 1e-7);
        assert_eq!(ratio(&before, &before), 0.0);
        assert_eq!(ratio(&[0.0], &[1.0]), f64::INFINITY);
    }

    #[test]
    fn a_unit_is_dead_where_no_example_of_the_sample_wakes_it() {
        // Unit 0 fires for x > 0, unit 1 for x < 0, unit 2 never, unit 3 for x > 1.5: of one example alone.
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
            let mut meter = StatsRecorder::new(&network, &set);
            meter.before(&network);
            // Twice, since what the first left must not show in the second.
            meter.after(&network, &set);
            let measured = meter.after(&network, &set);
            assert_eq!(measured.layers[0].dead_units, Some(dead));
            assert_eq!(measured.layers[1].dead_units, None);
            assert_eq!((measured.sample, measured.sample_accuracy), (set.len(), accuracy));
        }
    }
}
