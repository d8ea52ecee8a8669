//! A batch in shards, which threads work at side by side.
//!
//! The products of a small network are over before another thread has woken up to help with them. A whole pass, from
//! the pixels to the gradients, is long enough: so each of two threads takes half of the examples through it, with
//! buffers of its own, and their gradients are added at the end. The products of a large network are shared out one by
//! one instead, since its gradients are too long to be added for nothing. Convolutions do so much with each weight that
//! more than two shards pay.
//!
//! The weight gradients of large dense layers are not added, nor even there: each shard keeps the two factors that its own is
//! the product of, and the step multiplies them out for a few rows of the weights at a time.
//!
//! A batch norm must see its whole batch, which then goes through in one shard; convolutions are shared out by examples
//! there.
//!
//! How many shards there are depends on the network and the batch alone. So it decides about the bits in the same way
//! whatever the number of threads.

use std::ops::Range;

use super::Settings;
use super::pass::{MOST_PARAMETERS, Pass, Targets, WORTH_A_THREAD, dropout};
use super::state::State;
use super::step::fused_step;
use crate::Result;
use crate::augment::Augmenter;
use crate::data::Dataset;
use crate::network::dense::optimizer_step_rows;
use crate::network::{BatchLoader, Dropout, InputDropout, Network, Shard, Workspace};
use crate::optimizer::{FusedStep, Moments};
use crate::parallel::{add, optimizer_step_by_rows};

/// The fewest examples of a batch that is shared. Every step the second thread has to fetch the weights, which the first
/// has just changed, and the first its gradients: as much data whatever the batch, and too much for a short one.
const FEWEST_EXAMPLES: usize = 48;

/// The most shards of a batch for convolutions, the fewest examples of one, and the fewest multiply-adds of its forward
/// pass: four tenths of a millisecond of work in both directions. For less, what a shard has to do for itself (to lay out the weights, and
/// to add up gradients) is a tenth of it.
const MOST_SHARES: usize = 8;
const FEWEST_OF_IMAGES: usize = 16;
const WORTH_A_SHARE: usize = 1 << 23;

/// The shards of all batches of a training.
pub(super) struct DataParallel {
    shards: Vec<Worker>,
    /// How many examples each shard has but the last.
    size: usize,
    /// How many shards the last batch had.
    in_use: usize,
}

/// A part of a batch, or all of it, on its way through the network. The buffers last for the whole training.
struct Worker {
    loader: BatchLoader,
    targets: Targets,
    dropout: Option<Dropout>,
    workspace: Workspace,
    /// What its examples add to the mean loss.
    loss: f32,
}

impl DataParallel {
    /// For batches of so many of these examples.
    ///
    /// # Errors
    /// Probabilities of dropout that are none, and augmentation that makes no sense.
    pub fn new(
        network: &Network,
        examples: &Dataset,
        batch: usize,
        settings: &Settings,
        seed: u64,
    ) -> Result<Self> {
        let count = count(network, batch);
        let fused_step = fused_step(settings, 1, settings.learning_rate).is_some();
        let shard = || {
            let loader = loader(network, examples, batch, settings, seed)?;
            let workspace = if fused_step { Workspace::keeping_factors() } else { Workspace::new() };
            let targets = Targets::default();
            Ok(Worker { loader, targets, dropout: dropout(network, settings, seed)?, workspace, loss: 0.0 })
        };
        let shards = (0..count).map(|_| shard()).collect::<Result<_>>()?;
        Ok(DataParallel { shards, size: batch.div_ceil(count), in_use: 0 })
    }

    /// The mean loss of the examples at `rows`, without the regularisation, and its gradients, for [`DataParallel::descend`].
    pub fn loss_and_gradients(&mut self, pass: Pass<'_>, rows: &[usize]) -> f32 {
        // The last batch of an epoch may be so short that there is nothing for some of them.
        let (all, in_use) = (self.shards.len(), rows.len().div_ceil(self.size).max(1));
        self.in_use = in_use;
        let split = Split { rows, size: self.size, shards: all as u64 };
        let shards = &mut self.shards[..in_use];
        work(shards, 0, pass, split);
        let [first, others @ ..] = shards else { return 0.0 };
        for other in others {
            first.loss += other.loss;
            let sums = first.workspace.gradients_mut();
            for (sum, gradient) in sums.iter_mut().zip(other.workspace.gradients()) {
                add(&mut sum.dw, &gradient.dw);
                add(&mut sum.db, &gradient.db);
            }
        }
        first.loss
    }

    /// Takes what the batch norms saw in the last batch into what prediction will take.
    pub fn update_running_stats(&self, network: &mut Network) {
        network.update_running_stats(&self.shards[0].workspace);
    }

    /// Takes the step: [`State::descend`] with the gradients of the last batch. Those of large dense layers are multiplied out
    /// as the weights go along them.
    pub fn optimizer_step(
        &mut self,
        state: &mut State,
        network: &mut Network,
        settings: &Settings,
        learning_rate: f32,
    ) -> f64 {
        let mut gradients = self.shards[0].workspace.take_gradients();
        let shards = &self.shards[..self.in_use];
        let straight = |i: usize, step: &FusedStep, w: &mut [f32], moments: &mut Moments| {
            let factors = shards.iter().filter_map(|shard| shard.workspace.factors(i, shard.loader.last()));
            let outputs = factors.clone().next()?.outputs();
            Some(optimizer_step_by_rows(outputs, w, moments.slices(), |first, w, moments| {
                optimizer_step_rows(factors.clone(), (first, outputs), step, w, moments)
            }))
        };
        let squares = state.optimizer_step(network, &mut gradients, settings, learning_rate, straight);
        self.shards[0].workspace.restore_gradients(gradients);
        squares
    }
}

/// What loads the shards of batches, with augmentation and input dropout where the settings have any.
///
/// # Errors
/// A probability of dropout that is none, and augmentation that makes no sense.
fn loader(
    network: &Network,
    examples: &Dataset,
    batch: usize,
    settings: &Settings,
    seed: u64,
) -> Result<BatchLoader> {
    let dropout = match settings.input_dropout {
        0.0 => None,
        p => Some(InputDropout::new(p, seed)?),
    };
    let shape = examples.image_shape().filter(|_| !settings.augment.is_none());
    let augmenter = shape.map(|shape| Augmenter::new(settings.augment, shape, batch, seed)).transpose()?;
    Ok(BatchLoader::for_training(network, augmenter, dropout))
}

/// How many shards the batches of a training have.
fn count(network: &Network, batch: usize) -> usize {
    if network.has_batch_norm() {
        return 1;
    }
    if network.is_of_images() {
        let worth = network.multiply_adds().saturating_mul(batch) / WORTH_A_SHARE;
        return worth.min(batch / FEWEST_OF_IMAGES).clamp(1, MOST_SHARES);
    }
    let parameters = network.parameters();
    let shared =
        batch >= FEWEST_EXAMPLES && parameters <= MOST_PARAMETERS && batch * parameters >= WORTH_A_THREAD;
    if shared { 2 } else { 1 }
}

/// The rows of a batch, and how they are split.
#[derive(Clone, Copy)]
struct Split<'a> {
    rows: &'a [usize],
    size: usize,
    shards: u64,
}

/// Takes some of the shards through the network, of which the first has this number.
fn work(shards: &mut [Worker], number: usize, pass: Pass<'_>, split: Split<'_>) {
    match shards {
        [] => {}
        [shard] => {
            let from = number * split.size;
            let range = from..split.rows.len().min(from + split.size);
            shard.loss = shard.loss_and_gradients(pass, split, range, number as u64);
        }
        _ => {
            let (some, others) = shards.split_at_mut(shards.len() / 2);
            let behind = number + some.len();
            rayon::join(|| work(some, number, pass, split), || work(others, behind, pass, split));
        }
    }
}

impl Worker {
    /// What the examples at `rows[range]` add to the mean loss of all rows, and to its gradients.
    fn loss_and_gradients(
        &mut self,
        pass: Pass<'_>,
        split: Split<'_>,
        range: Range<usize>,
        number: u64,
    ) -> f32 {
        let batch = split.rows.len();
        let Worker { loader, targets, dropout, workspace, .. } = self;
        let shard = Shard { step: pass.step, range: range.clone(), number, shards: split.shards };
        let x = loader.load_shard(pass.examples, split.rows, shard);
        targets.read(pass, &split.rows[range]);
        if let Some(dropout) = dropout {
            dropout.seek_shard(pass.step as u64, number, split.shards);
        }
        let objective = targets.objective(pass, batch);
        pass.network.data_loss_and_gradients(
            x,
            &targets.labels,
            objective,
            pass.settings.frozen,
            dropout.as_mut(),
            workspace,
        )
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::augment::Augmenter;
    use crate::data::Dataset;
    use crate::loss::Objective;
    use crate::network::Init;
    use crate::optimizer::Optimizer;
    use crate::train::{Length, Settings, train};

    /// Examples enough for batches that are shared, half of their features 0.
    fn examples() -> Dataset {
        let value = |i: usize| ((i * 7919 % 1009) as f32 / 504.0 - 1.0).max(0.0);
        let labels = (0..150).map(|i| i % 3).collect();
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        Dataset::from_features("x", 64, (0..150 * 64).map(value).collect(), labels, classes).unwrap()
    }

    #[test]
    fn two_shares_have_the_loss_and_the_gradients_of_the_batch() {
        let examples = examples();
        let network = Network::fully_connected(64, &[64, 48], 3, Init::He, 1).unwrap();
        let weights: Vec<f32> = (0..150).map(|i| 0.5 + i as f32 / 100.0).collect();
        let settings =
            Settings { label_smoothing: 0.1, loss: crate::loss::Loss::Softmax, ..Settings::lecture() };
        for weights in [None, Some(&weights[..])] {
            let mut shards = DataParallel::new(&network, &examples, 80, &settings, 0).unwrap();
            assert_eq!(shards.shards.len(), 2);
            let pass = Pass { network: &network, examples: &examples, weights, settings: &settings, step: 0 };
            // A whole batch, an odd one that ends an epoch, and one too short for a second shard.
            for count in [80, 47, 30] {
                let rows: Vec<usize> = (0..count).map(|i| (i * 37 + 5) % 150).collect();
                let loss = shards.loss_and_gradients(pass, &rows);

                let mut x = vec![0.0; count * 64];
                examples.write_inputs(&rows, &mut x);
                let labels: Vec<u32> = rows.iter().map(|&i| examples.label(i)).collect();
                let of_rows: Option<Vec<f32>> =
                    weights.map(|weights| rows.iter().map(|&i| weights[i]).collect());
                let objective =
                    Objective { label_smoothing: 0.1, weights: of_rows.as_deref(), ..settings.loss.into() };
                let mut whole = Workspace::new();
                let expected = network.objective_and_gradients(&x, &labels, objective, 0.0, None, &mut whole);

                assert!((loss - expected).abs() < 1e-5, "{count}: {loss}, not {expected}");
                for (found, expected) in shards.shards[0].workspace.gradients().iter().zip(whole.gradients())
                {
                    let pairs = found.dw.iter().zip(&expected.dw).chain(found.db.iter().zip(&expected.db));
                    for (found, expected) in pairs {
                        assert!((found - expected).abs() < 1e-5, "{count}: {found}, not {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_bits_are_the_same_for_every_number_of_threads() {
        let examples = examples();
        let settings =
            Settings { batch: 64, length: Length::Epochs(5), dropout: 0.3, reg: 1e-3, ..Settings::lecture() };
        // Small layers, and large ones in two shards and in one.
        for (hidden, epochs) in [(&[64, 48][..], 5), (&[300, 250], 2), (&[1040, 1000], 1)] {
            let settings = Settings { length: Length::Epochs(epochs), ..settings };
            let trained = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut network = Network::fully_connected(64, hidden, 3, Init::He, 1).unwrap();
                let watch = &mut |_: crate::train::Progress<'_>| ControlFlow::Continue(());
                pool.install(|| train(&mut network, &examples, None, &settings, 2, watch)).unwrap();
                network
            };
            let one = trained(1);
            for threads in 2..=4 {
                assert!(trained(threads) == one, "{hidden:?}, {threads} threads");
            }
        }
    }

    #[test]
    fn large_layers_take_the_step_of_gradients_that_are_written_down() {
        let examples = examples();
        let dense: Vec<f32> = (0..150 * 64).map(|i| (i * 7919 % 1009) as f32 / 504.0 - 0.9995).collect();
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        let dense = Dataset::from_features("x", 64, dense, examples.labels().to_vec(), classes).unwrap();
        // In two shards and in one. In the latter the first layer is large, too, and its input may have no zeros.
        for (hidden, data) in
            [(&[300, 250][..], &examples), (&[1100, 900], &examples), (&[1100, 900], &dense)]
        {
            let network = Network::fully_connected(64, hidden, 3, Init::He, 1).unwrap();
            let momentum = |momentum| Optimizer::Sgd { momentum };
            for optimizer in [momentum(0.0), momentum(0.9), Optimizer::ADAMW] {
                let learning_rate = if optimizer == Optimizer::ADAMW { 1e-3 } else { 0.1 };
                let settings = Settings {
                    optimizer,
                    loss: crate::loss::Loss::Softmax,
                    reg: 1e-2,
                    ..Settings::lecture()
                };
                let (mut shared, mut whole) = (network.clone(), network.clone());
                let (mut of_shared, mut of_whole) =
                    (State::new(&shared, &settings), State::new(&whole, &settings));
                let mut shards = DataParallel::new(&network, data, 80, &settings, 0).unwrap();
                let mut workspace = Workspace::new();
                // Twice, so that there are velocities, with the short batch of an epoch's end behind.
                for (step, count) in [80, 80, 30].into_iter().enumerate() {
                    let rows: Vec<usize> = (0..count).map(|i| (i * 37 + 5) % 150).collect();
                    let pass = Pass {
                        network: &shared.clone(),
                        examples: data,
                        weights: None,
                        settings: &settings,
                        step,
                    };
                    shards.loss_and_gradients(pass, &rows);
                    let squares =
                        shards.optimizer_step(&mut of_shared, &mut shared, &settings, learning_rate);

                    let mut x = vec![0.0; count * 64];
                    data.write_inputs(&rows, &mut x);
                    let labels: Vec<u32> = rows.iter().map(|&i| data.label(i)).collect();
                    whole.objective_and_gradients(
                        &x,
                        &labels,
                        settings.loss.into(),
                        0.0,
                        None,
                        &mut workspace,
                    );
                    let expected = of_whole.optimizer_step(
                        &mut whole,
                        workspace.gradients_mut(),
                        &settings,
                        learning_rate,
                        |_, _, _, _| None,
                    );

                    assert!((squares - expected).abs() < 1e-5 * expected, "{squares}, not {expected}");
                    let large = |shard: &Worker| shard.workspace.factors(1, shard.loader.last()).is_some();
                    assert!(shards.shards.iter().all(large));
                    for (found, expected) in shared.parameter_values().iter().zip(whole.parameter_values()) {
                        assert!((found - expected).abs() < 1e-5, "{hidden:?}: {found}, not {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn each_picture_is_augmented_for_its_place_in_the_whole_batch() {
        let shape = crate::image::ImageShape::gray(8, 8);
        let pixels: Vec<u8> = (0..150 * 64).map(|i| (i * 7919 % 1009 % 256) as u8).collect();
        let of_pixels = |pixels: Vec<u8>, labels| {
            let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
            Dataset::from_pixels("x", shape, pixels, labels, classes).unwrap()
        };
        let examples = of_pixels(pixels, (0..150).map(|i| i % 3).collect());
        let network = Network::fully_connected(64, &[96], 3, Init::He, 1).unwrap();
        let augment = crate::augment::Augment { shift: 2.0, ..Default::default() };
        let settings = Settings { augment, ..Settings::lecture() };
        let mut shards = DataParallel::new(&network, &examples, 80, &settings, 4).unwrap();
        let pass =
            Pass { network: &network, examples: &examples, weights: None, settings: &settings, step: 9 };
        for count in [80, 47, 30] {
            let rows: Vec<usize> = (0..count).map(|i| (i * 37 + 5) % 150).collect();
            let loss = shards.loss_and_gradients(pass, &rows);

            let mut augmenter = Augmenter::new(augment, shape, 80, 4).unwrap();
            let mut written = vec![0; count * 64];
            for ((place, &i), out) in (0..).zip(&rows).zip(written.chunks_exact_mut(64)) {
                augmenter.write(examples.pixels(i).unwrap(), 9, place, out);
            }
            let labels = rows.iter().map(|&i| examples.label(i)).collect();
            let scores = network.scores(&of_pixels(written, labels)).unwrap();
            let labels: Vec<u32> = rows.iter().map(|&i| examples.label(i)).collect();
            let expected = settings.loss.loss(scores.values(), &labels);
            assert!((loss - expected).abs() < 1e-5, "{count}: {loss}, not {expected}");
        }
    }
}
