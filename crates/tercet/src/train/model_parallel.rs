//! Model parallelism: the inputs of the first layer in two partitions, one for each of two threads.
//!
//! ```text
//! Z = b + X · W = (b + X₀ · W₀) + X₁ · W₁        X₀, X₁: half of the columns of X; W₀, W₁: half of the rows of W
//! dW₀ = X₀ᵀ · dZ,  dW₁ = X₁ᵀ · dZ
//! ```
//!
//! Each thread loads its half of the pixels, computes its part of Z, and later updates its half of the weights. So the
//! weights stay in the cache of the core that reads and writes them, step after step. Only Z and dZ move between cores:
//! for the lecture's network 3 KB per step, instead of 113 KB of weights and the same amount of gradients. One thread
//! computes the other layers, so they must be small compared with the first.

use super::Plan;
use super::state::State;
use super::strategy::{Batch, MOST_PARAMETERS, Targets, Update, WORTH_A_THREAD, dropout};
use super::update::fused_step;
use crate::Result;
use crate::network::dense::{bias_gradient, forward, weight_gradient, weight_step};
use crate::network::sparsity::Sparsity;
use crate::network::{BatchLoader, Dropout, Layer, Network, Workspace};
use crate::optimizer::{FusedStep, Moments};
use crate::parallel::add;
use tercet_kernels::matmul::Start;

/// The minimum ratio of the first layer's parameters to those of all other layers together. Sparsity in the input may
/// save four fifths of its multiply-adds.
const TIMES_THE_REST: usize = 32;

/// The second partition begins at a multiple of this many inputs.
const BLOCK: usize = 64;

/// The forward and backward pass with a partitioned first layer. The buffers last for the whole training.
pub(super) struct ModelParallel {
    partitions: [Partition; 2],
    targets: Targets,
    dropout: Option<Dropout>,
    workspace: Workspace,
}

/// Half of the inputs of the first layer, and the buffers of the thread that works on them.
struct Partition {
    loader: BatchLoader,
    sparsity: Sparsity,
    /// Its part of Z, where that is not computed in place.
    z: Vec<f32>,
}

impl ModelParallel {
    /// Whether a network with batches of this size is faster with model parallelism.
    pub fn suits(network: &Network, batch: usize) -> bool {
        let [Layer::Dense(first), ..] = network.layers() else { return false };
        let (all, own) = (network.parameters(), first.w.len() + first.b.len());
        !network.has_batch_norm()
            && first.inputs >= 2 * BLOCK
            && own >= TIMES_THE_REST * (all - own)
            && all <= MOST_PARAMETERS
            && batch * all >= WORTH_A_THREAD
    }

    /// For the batches of a plan.
    ///
    /// # Errors
    /// A dropout probability out of range.
    pub fn new(network: &Network, plan: &Plan) -> Result<Self> {
        let (inputs, boundary) = (network.inputs(), boundary(network));
        let partition = |columns| Partition {
            loader: BatchLoader::of_columns(network, columns),
            sparsity: Sparsity::default(),
            z: Vec::new(),
        };
        Ok(ModelParallel {
            partitions: [partition(0..boundary), partition(boundary..inputs)],
            targets: Targets::default(),
            dropout: dropout(network, plan)?,
            workspace: Workspace::new(),
        })
    }

    /// The mean loss of a batch, without the regularisation. The gradient dZ stays in the workspace.
    pub fn loss(&mut self, batch: Batch<'_>) -> f32 {
        let ModelParallel { partitions: [left, right], targets, dropout, workspace } = self;
        let Batch { network, plan, step, rows } = batch;
        let first = network.dense_layers().next().expect("a first layer that is dense");
        let (w0, w1) = first.w.split_at(boundary(network) * first.outputs);

        let z = workspace.first_output(network, rows.len());
        rayon::join(
            || {
                let x = left.loader.load(&plan.examples, rows);
                forward(x, &mut left.sparsity, (w0, first.outputs), Start::Bias(&first.b), z);
                targets.load(plan, rows);
            },
            || {
                let x = right.loader.load(&plan.examples, rows);
                right.z.resize(rows.len() * first.outputs, 0.0);
                forward(x, &mut right.sparsity, (w1, first.outputs), Start::Zero, &mut right.z);
            },
        );
        add(workspace.first_output(network, rows.len()), &right.z);

        if let Some(dropout) = dropout {
            dropout.seek(step as u64);
        }
        let objective = targets.objective(batch);
        network.data_loss_and_gradients_after_first(&targets.labels, objective, dropout.as_mut(), workspace)
    }

    /// [`State::update`] along the gradients of the last batch. Each thread first prefetches its half of the examples
    /// of the next one.
    pub fn update(&mut self, state: &mut State, update: Update<'_>) -> f64 {
        let Update { plan, learning_rate, next_rows } = update;
        let boundary = boundary(&state.network);
        let ModelParallel { partitions: [left, right], workspace, .. } = self;
        let (dz, gradients) = workspace.first_output_gradient();
        bias_gradient(dz, &mut gradients[0].db);
        let outputs = gradients[0].db.len();
        let at = boundary * outputs;
        if fused_step(&plan.settings, 1, learning_rate).is_none() {
            let (dw0, dw1) = gradients[0].dw.split_at_mut(at);
            let gradient = |half: &mut Partition, dw| {
                half.loader.prefetch(&plan.examples, next_rows);
                weight_gradient(half.loader.last(), &mut half.sparsity, dz, outputs, dw);
            };
            rayon::join(|| gradient(left, dw0), || gradient(right, dw1));
        }
        let fused = |i: usize, step: &FusedStep, w: &mut [f32], moments: &mut Moments| {
            if i > 0 {
                return None;
            }
            let (w0, w1) = w.split_at_mut(at);
            // Unused moments are empty.
            let [first, second] = moments.slices().map(|all| all.split_at_mut(at.min(all.len())));
            let update = |half: &mut Partition, w, moments| {
                half.loader.prefetch(&plan.examples, next_rows);
                weight_step(half.loader.last(), &mut half.sparsity, (dz, outputs), step, w, moments)
            };
            let (squares0, squares1) = rayon::join(
                || update(left, w0, [first.0, second.0]),
                || update(right, w1, [first.1, second.1]),
            );
            Some(squares0 + squares1)
        };
        state.update(gradients, &plan.settings, learning_rate, fused)
    }
}

/// The number of inputs of the first partition: whole blocks.
fn boundary(network: &Network) -> usize {
    network.inputs() / (2 * BLOCK) * BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::loss::{Loss, Objective};
    use crate::network::Init;
    use crate::optimizer::Optimizer;
    use crate::train::{Length, Settings, train};

    /// Half of the features are 0, more of them in the first half of the inputs than in the second; or none are.
    fn examples(sparsity: bool) -> Dataset {
        let value = |i: usize| {
            let value = (i * 7919 % 1009) as f32 / 504.0 - 1.0;
            if sparsity { (value - if i % 160 < 80 { 0.8 } else { 0.0 }).max(0.0) } else { value + 0.0001 }
        };
        let labels = (0..120).map(|i| i % 3).collect();
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        Dataset::from_features("x", 160, (0..120 * 160).map(value).collect(), labels, classes).unwrap()
    }

    fn linear() -> Network {
        Network::fully_connected(160, &[], 3, Init::Normal(0.1), 1).unwrap()
    }

    fn deep(hidden: usize) -> Network {
        Network::fully_connected(160, &[hidden], 3, Init::He, 1).unwrap()
    }

    #[test]
    fn networks_dominated_by_their_first_layer_suit() {
        assert!(ModelParallel::suits(&deep(40), 64) && ModelParallel::suits(&linear(), 600));
        assert!(!ModelParallel::suits(&deep(40), 2), "too little work");
        let square = Network::fully_connected(160, &[40, 40], 3, Init::He, 1).unwrap();
        assert!(!ModelParallel::suits(&square, 64), "too much behind the first layer");
        assert!(
            !ModelParallel::suits(&Network::fully_connected(100, &[40], 3, Init::He, 1).unwrap(), 64),
            "too few inputs"
        );
    }

    #[test]
    fn the_loss_and_the_step_are_those_of_the_whole_batch() {
        let weights: Vec<f32> = (0..120).map(|i| 0.5 + i as f32 / 100.0).collect();
        for (network, sparsity, weights) in [
            (linear(), true, Some(&weights[..])),
            (deep(40), true, None),
            (deep(40), false, Some(&weights[..])),
            // More columns than the scattering kernel is made for.
            (deep(96), true, None),
        ] {
            let examples = examples(sparsity);
            for (momentum, clip) in [(0.0, None), (0.9, None), (0.0, Some(0.5))] {
                let optimizer = Optimizer::Sgd { momentum };
                let settings =
                    Settings { optimizer, clip, reg: 1e-2, loss: Loss::Softmax, ..Settings::lecture() };
                let plan = Plan::new(&examples, settings, 0).with_weights(weights.map(<[f32]>::to_vec));
                let mut halved = State::new(network.clone(), &settings);
                let mut whole = halved.clone();
                let mut parallel = ModelParallel::new(&network, &plan).unwrap();
                let mut workspace = Workspace::new();
                // Three lengths, since an epoch may end with a short batch.
                for (step, count) in [80, 47, 1].into_iter().enumerate() {
                    let rows: Vec<usize> = (0..count).map(|i| (i * 37 + 5) % 120).collect();
                    let batch = Batch { network: &halved.network, plan: &plan, step, rows: &rows };
                    let loss = parallel.loss(batch);
                    let update = Update { plan: &plan, learning_rate: 0.1, next_rows: &rows };
                    let squares = parallel.update(&mut halved, update);

                    let mut x = vec![0.0; count * 160];
                    examples.write_inputs(&rows, &mut x);
                    let labels: Vec<u32> = rows.iter().map(|&i| examples.label(i)).collect();
                    let of_rows: Option<Vec<f32>> = weights.map(|all| rows.iter().map(|&i| all[i]).collect());
                    let objective = Objective { weights: of_rows.as_deref(), ..settings.loss.into() };
                    let network = &whole.network;
                    let expected =
                        network.objective_and_gradients(&x, &labels, objective, 0.0, None, &mut workspace);
                    let gradients = workspace.gradients_mut();
                    let expected_squares = whole.update(gradients, &settings, 0.1, |_, _, _, _| None);

                    assert!((loss - expected).abs() < 1e-5, "{count}: {loss}, not {expected}");
                    assert!((squares - expected_squares).abs() < 1e-4 * expected_squares);
                    for (found, expected) in halved.network.dense_layers().zip(whole.network.dense_layers()) {
                        let pairs = found.w.iter().zip(&expected.w).chain(found.b.iter().zip(&expected.b));
                        for (found, expected) in pairs {
                            assert!((found - expected).abs() < 1e-5, "{count}: {found}, not {expected}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_bits_are_the_same_for_every_number_of_threads() {
        let settings =
            Settings { batch: 64, length: Length::Epochs(5), dropout: 0.3, reg: 1e-3, ..Settings::lecture() };
        let trained = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut network = deep(40);
            pool.install(|| train(&mut network, &Plan::new(&examples(true), settings, 2))).unwrap();
            network
        };
        let one = trained(1);
        for threads in 2..=4 {
            assert!(trained(threads) == one, "{threads} threads");
        }
    }
}
