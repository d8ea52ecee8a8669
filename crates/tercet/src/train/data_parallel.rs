//! Data parallelism: a batch is split into shards, and one thread takes each of them through the whole network.
//!
//! The matrix products of a small network finish before a second thread has woken up to share them. A whole pass, from
//! the pixels to the gradients, takes long enough: each of two threads processes half of the examples with its own
//! buffers, and the gradients are added at the end. In a large network the threads share each matrix product instead,
//! since adding its gradients would cost too much. Convolutions do so much work per weight that more than two shards
//! pay.
//!
//! The weight gradients of large dense layers are neither added nor computed as a whole: each shard keeps the two
//! factors whose product its gradient is, and the update multiplies them a few rows of the weights at a time.
//!
//! A batch norm needs the statistics of the whole batch, which is then one shard; the threads share the examples of
//! each convolution instead.
//!
//! The number of shards depends only on the network and the batch size, so the bits are the same for any number of
//! threads.

use std::ops::Range;

use super::Plan;
use super::state::State;
use super::strategy::{Batch, MOST_PARAMETERS, Targets, Update, WORTH_A_THREAD, dropout};
use super::update::fused_step;
use crate::Result;
use crate::augment::Augmenter;
use crate::network::dense::optimizer_step_rows;
use crate::network::{BatchLoader, Dropout, InputDropout, Network, Shard, Workspace};
use crate::optimizer::{FusedStep, Moments};
use crate::parallel::{add, optimizer_step_by_rows};

/// The fewest examples of a batch of two shards. In every step the second thread fetches the weights, which the first
/// has just changed, and the first fetches the gradients of the second: too much traffic for a small batch.
const FEWEST_EXAMPLES: usize = 48;

/// The maximum number of shards of a batch of convolutions, and the minimum number of examples and of forward
/// multiply-adds per shard: 0.4 ms of work in both directions. With less, the fixed cost of a shard (laying out the
/// weights and adding gradients) is a tenth of it.
const MOST_SHARDS: usize = 8;
const FEWEST_OF_IMAGES: usize = 16;
const WORTH_A_SHARD: usize = 1 << 23;

/// The shards of the batches, with their buffers.
pub(super) struct DataParallel {
    shards: Vec<ShardPass>,
    /// The number of examples of each shard except the last.
    size: usize,
    /// The number of shards of the last batch.
    in_use: usize,
}

/// The forward and backward pass of one shard. The buffers last for the whole training.
struct ShardPass {
    loader: BatchLoader,
    targets: Targets,
    dropout: Option<Dropout>,
    workspace: Workspace,
    /// The sum of the losses of its examples, divided by the size of the batch.
    loss: f32,
}

impl DataParallel {
    /// For the batches of a plan.
    ///
    /// # Errors
    /// A dropout probability out of range, and invalid augmentation.
    pub fn new(network: &Network, plan: &Plan) -> Result<Self> {
        let count = shard_count(network, plan.batch());
        let shards = (0..count).map(|_| ShardPass::new(network, plan)).collect::<Result<_>>()?;
        Ok(DataParallel { shards, size: plan.batch().div_ceil(count), in_use: 0 })
    }

    /// The mean loss of a batch, without the regularisation. Its gradients stay in the workspaces.
    pub fn loss_and_gradients(&mut self, batch: Batch<'_>) -> f32 {
        // The last batch of an epoch may have fewer shards.
        self.in_use = batch.rows.len().div_ceil(self.size).max(1);
        let split = Split { batch, size: self.size, shards: self.shards.len() as u64 };
        let shards = &mut self.shards[..self.in_use];
        run_passes(shards, 0, split);
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

    /// Updates the running statistics of the batch norms with those of the last batch.
    pub fn update_running_stats(&self, network: &mut Network) {
        network.update_running_stats(&self.shards[0].workspace);
    }

    /// [`State::update`] along the gradients of the last batch. Those of large dense layers are computed a few rows at
    /// a time, right before the rows of the weights are updated.
    pub fn update(&mut self, state: &mut State, update: Update<'_>) -> f64 {
        let mut gradients = self.shards[0].workspace.take_gradients();
        let shards = &self.shards[..self.in_use];
        let fused = |i: usize, step: &FusedStep, w: &mut [f32], moments: &mut Moments| {
            let factors = shards.iter().filter_map(|shard| shard.workspace.factors(i, shard.loader.last()));
            let outputs = factors.clone().next()?.outputs();
            Some(optimizer_step_by_rows(outputs, w, moments.slices(), |first, w, moments| {
                optimizer_step_rows(factors.clone(), (first, outputs), step, w, moments)
            }))
        };
        let squares = state.update(&mut gradients, &update.plan.settings, update.learning_rate, fused);
        self.shards[0].workspace.restore_gradients(gradients);
        squares
    }
}

/// The number of shards of the batches of a training.
fn shard_count(network: &Network, batch: usize) -> usize {
    if network.has_batch_norm() {
        return 1;
    }
    if network.is_of_images() {
        let worth = network.multiply_adds().saturating_mul(batch) / WORTH_A_SHARD;
        return worth.min(batch / FEWEST_OF_IMAGES).clamp(1, MOST_SHARDS);
    }
    let parameters = network.parameters();
    let shared =
        batch >= FEWEST_EXAMPLES && parameters <= MOST_PARAMETERS && batch * parameters >= WORTH_A_THREAD;
    if shared { 2 } else { 1 }
}

/// A batch and how it is split.
#[derive(Clone, Copy)]
struct Split<'a> {
    batch: Batch<'a>,
    size: usize,
    shards: u64,
}

/// Runs the passes of some of the shards, the first of which has the number `first`.
fn run_passes(shards: &mut [ShardPass], first: usize, split: Split<'_>) {
    match shards {
        [] => {}
        [shard] => {
            let from = first * split.size;
            let range = from..split.batch.rows.len().min(from + split.size);
            shard.loss = shard.loss_and_gradients(split, range, first as u64);
        }
        _ => {
            let (left, right) = shards.split_at_mut(shards.len() / 2);
            let middle = first + left.len();
            rayon::join(|| run_passes(left, first, split), || run_passes(right, middle, split));
        }
    }
}

impl ShardPass {
    /// For one shard of the batches of a plan.
    ///
    /// # Errors
    /// A dropout probability out of range, and invalid augmentation.
    fn new(network: &Network, plan: &Plan) -> Result<Self> {
        let settings = &plan.settings;
        let input_dropout = match settings.input_dropout {
            0.0 => None,
            p => Some(InputDropout::new(p, plan.seed)?),
        };
        let shape = plan.examples.image_shape().filter(|_| !settings.augment.is_none());
        let augmenter = shape
            .map(|shape| Augmenter::new(settings.augment, shape, plan.batch(), plan.seed))
            .transpose()?;
        let fused_step = fused_step(settings, 1, settings.learning_rate).is_some();
        Ok(ShardPass {
            loader: BatchLoader::for_training(network, augmenter, input_dropout),
            targets: Targets::default(),
            dropout: dropout(network, plan)?,
            workspace: if fused_step { Workspace::keeping_factors() } else { Workspace::new() },
            loss: 0.0,
        })
    }

    /// The sum of the losses of the examples in `range` of the batch, divided by its size, and its gradients.
    fn loss_and_gradients(&mut self, split: Split<'_>, range: Range<usize>, number: u64) -> f32 {
        let Split { batch, shards, .. } = split;
        let Batch { network, plan, step, rows } = batch;
        let ShardPass { loader, targets, dropout, workspace, .. } = self;
        let x = loader.load_shard(&plan.examples, rows, Shard { step, range: range.clone(), number, shards });
        targets.load(plan, &rows[range]);
        if let Some(dropout) = dropout {
            dropout.seek_shard(step as u64, number, shards);
        }
        let objective = targets.objective(batch);
        let frozen = plan.settings.frozen;
        network.data_loss_and_gradients(x, &targets.labels, objective, frozen, dropout.as_mut(), workspace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augment::Augmenter;
    use crate::data::Dataset;
    use crate::loss::Objective;
    use crate::network::Init;
    use crate::optimizer::Optimizer;
    use crate::train::{Length, Settings, train};

    /// Enough examples for batches that are split, with half of the features 0.
    fn examples() -> Dataset {
        let value = |i: usize| ((i * 7919 % 1009) as f32 / 504.0 - 1.0).max(0.0);
        let labels = (0..150).map(|i| i % 3).collect();
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        Dataset::from_features("x", 64, (0..150 * 64).map(value).collect(), labels, classes).unwrap()
    }

    #[test]
    fn two_shards_have_the_loss_and_the_gradients_of_the_batch() {
        let examples = examples();
        let network = Network::fully_connected(64, &[64, 48], 3, Init::He, 1).unwrap();
        let weights: Vec<f32> = (0..150).map(|i| 0.5 + i as f32 / 100.0).collect();
        let settings =
            Settings { label_smoothing: 0.1, loss: crate::loss::Loss::Softmax, ..Settings::lecture() };
        for weights in [None, Some(&weights[..])] {
            let plan = Plan::new(&examples, Settings { batch: 80, ..settings }, 0)
                .with_weights(weights.map(<[f32]>::to_vec));
            let mut parallel = DataParallel::new(&network, &plan).unwrap();
            assert_eq!(parallel.shards.len(), 2);
            // A whole batch, an odd one that ends an epoch, and one too short for a second shard.
            for count in [80, 47, 30] {
                let rows: Vec<usize> = (0..count).map(|i| (i * 37 + 5) % 150).collect();
                let batch = Batch { network: &network, plan: &plan, step: 0, rows: &rows };
                let loss = parallel.loss_and_gradients(batch);

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
                for (found, expected) in
                    parallel.shards[0].workspace.gradients().iter().zip(whole.gradients())
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
                pool.install(|| train(&mut network, &Plan::new(&examples, settings, 2))).unwrap();
                network
            };
            let one = trained(1);
            for threads in 2..=4 {
                assert!(trained(threads) == one, "{hidden:?}, {threads} threads");
            }
        }
    }

    #[test]
    fn factored_gradients_give_the_same_step_as_materialised_ones() {
        let examples = examples();
        let dense: Vec<f32> = (0..150 * 64).map(|i| (i * 7919 % 1009) as f32 / 504.0 - 0.9995).collect();
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        let dense = Dataset::from_features("x", 64, dense, examples.labels().to_vec(), classes).unwrap();
        // In two shards and in one. With one shard, the first layer counts as large too, and its input may be dense.
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
                    batch: 80,
                    ..Settings::lecture()
                };
                let plan = Plan::new(data, settings, 0);
                let mut shared = State::new(network.clone(), &settings);
                let mut whole = shared.clone();
                let mut parallel = DataParallel::new(&network, &plan).unwrap();
                let mut workspace = Workspace::new();
                // Twice, so that there are velocities, followed by the short batch at the end of an epoch.
                for (step, count) in [80, 80, 30].into_iter().enumerate() {
                    let rows: Vec<usize> = (0..count).map(|i| (i * 37 + 5) % 150).collect();
                    let batch = Batch { network: &shared.network, plan: &plan, step, rows: &rows };
                    parallel.loss_and_gradients(batch);
                    let update = Update { plan: &plan, learning_rate, next_rows: &[] };
                    let squares = parallel.update(&mut shared, update);

                    let mut x = vec![0.0; count * 64];
                    data.write_inputs(&rows, &mut x);
                    let labels: Vec<u32> = rows.iter().map(|&i| data.label(i)).collect();
                    let objective = settings.loss.into();
                    whole.network.objective_and_gradients(&x, &labels, objective, 0.0, None, &mut workspace);
                    let gradients = workspace.gradients_mut();
                    let expected = whole.update(gradients, &settings, learning_rate, |_, _, _, _| None);

                    assert!((squares - expected).abs() < 1e-5 * expected, "{squares}, not {expected}");
                    let large = |shard: &ShardPass| shard.workspace.factors(1, shard.loader.last()).is_some();
                    assert!(parallel.shards.iter().all(large));
                    for (found, expected) in
                        shared.network.parameter_values().iter().zip(whole.network.parameter_values())
                    {
                        assert!((found - expected).abs() < 1e-5, "{hidden:?}: {found}, not {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn each_image_is_augmented_by_its_position_in_the_whole_batch() {
        let shape = crate::image::ImageShape::gray(8, 8);
        let pixels: Vec<u8> = (0..150 * 64).map(|i| (i * 7919 % 1009 % 256) as u8).collect();
        let of_pixels = |pixels: Vec<u8>, labels| {
            let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
            Dataset::from_pixels("x", shape, pixels, labels, classes).unwrap()
        };
        let examples = of_pixels(pixels, (0..150).map(|i| i % 3).collect());
        let network = Network::fully_connected(64, &[96], 3, Init::He, 1).unwrap();
        let augment = crate::augment::Augment { shift: 2.0, ..Default::default() };
        let settings = Settings { augment, batch: 80, ..Settings::lecture() };
        let plan = Plan::new(&examples, settings, 4);
        let mut parallel = DataParallel::new(&network, &plan).unwrap();
        for count in [80, 47, 30] {
            let rows: Vec<usize> = (0..count).map(|i| (i * 37 + 5) % 150).collect();
            let batch = Batch { network: &network, plan: &plan, step: 9, rows: &rows };
            let loss = parallel.loss_and_gradients(batch);

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
