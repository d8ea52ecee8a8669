//! How the threads share the work on a batch.
//!
//! | strategy | division of the work | for |
//! |---|---|---|
//! | [model parallel](super::model_parallel) | two threads, each on all examples, with half of the inputs and their weights | networks dominated by their first layer |
//! | [data parallel](super::data_parallel) | two threads or more, each on some of the examples, with all weights | other small networks with large batches, convolutions |
//! | one shard of the batch | one thread, and several in each large matrix product | everything else |
//!
//! The strategy depends on the network, the batch size and the settings, but not on the number of threads, so the sums
//! are the same for any number of threads.

use super::data_parallel::DataParallel;
use super::model_parallel::ModelParallel;
use super::state::State;
use super::{Plan, Settings};
use crate::Result;
use crate::loss::{self, Objective};
use crate::network::{Dropout, Network};

/// The maximum number of parameters for which a batch is split between threads. The weights and gradients of larger
/// networks do not fit into any cache.
pub(super) const MOST_PARAMETERS: usize = 1 << 20;

/// The minimum number of multiply-adds of a forward pass for which a second thread pays off: about 20 µs of work.
pub(super) const WORTH_A_THREAD: usize = 1 << 18;

/// A batch, and what is needed to compute its loss and gradients.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a> {
    pub network: &'a Network,
    pub plan: &'a Plan,
    /// The number of completed steps before this one.
    pub step: usize,
    /// The rows of its examples.
    pub rows: &'a [usize],
}

/// How the parameters are updated once the gradients of a batch are known.
#[derive(Clone, Copy)]
pub(super) struct Update<'a> {
    pub plan: &'a Plan,
    pub learning_rate: f32,
    /// The rows of the next batch, to be prefetched meanwhile; empty after the last batch.
    pub next_rows: &'a [usize],
}

/// The strategy of a training, with its buffers.
pub(super) enum Strategy {
    ModelParallel(Box<ModelParallel>),
    DataParallel(DataParallel),
}

impl Strategy {
    /// The strategy for the batches of a plan.
    ///
    /// # Errors
    /// A dropout probability out of range, and invalid augmentation.
    pub fn new(network: &Network, plan: &Plan) -> Result<Self> {
        let Settings { frozen, input_dropout, augment, .. } = plan.settings;
        let trains_all_on_plain_inputs = frozen == 0 && input_dropout == 0.0 && augment.is_none();
        if trains_all_on_plain_inputs && ModelParallel::suits(network, plan.batch()) {
            return Ok(Strategy::ModelParallel(Box::new(ModelParallel::new(network, plan)?)));
        }
        DataParallel::new(network, plan).map(Strategy::DataParallel)
    }

    /// The mean loss of a batch, without the regularisation. Its gradients stay in the buffers, for
    /// [`update`](Strategy::update).
    pub fn loss(&mut self, batch: Batch<'_>) -> f32 {
        match self {
            Strategy::ModelParallel(parallel) => parallel.loss(batch),
            Strategy::DataParallel(parallel) => parallel.loss_and_gradients(batch),
        }
    }

    /// Updates the running statistics of the batch norms with those of the last batch.
    pub fn update_running_stats(&self, network: &mut Network) {
        match self {
            // Networks with batch norm are never model parallel.
            Strategy::ModelParallel(_) => {}
            Strategy::DataParallel(parallel) => parallel.update_running_stats(network),
        }
    }

    /// Updates the parameters with the gradients of the last batch and of the regularisation. Returns Σ W² of the
    /// weights before the update, which is meaningless if `reg` is 0.
    pub fn update(&mut self, state: &mut State, update: Update<'_>) -> f64 {
        match self {
            Strategy::ModelParallel(parallel) => parallel.update(state, update),
            Strategy::DataParallel(parallel) => parallel.update(state, update),
        }
    }
}

/// Dropout of the hidden units, if the settings or the layers include it.
///
/// # Errors
/// A dropout probability out of range.
pub(super) fn dropout(network: &Network, plan: &Plan) -> Result<Option<Dropout>> {
    let p = plan.settings.dropout;
    (p > 0.0 || network.has_dropout()).then(|| Dropout::new(p, plan.seed)).transpose()
}

/// The labels or target values and the weights of the examples of a batch, or of a shard of one. The buffers last for the whole training.
#[derive(Default)]
pub(super) struct Targets {
    pub labels: Vec<u32>,
    values: Vec<f32>,
    weights: Vec<f32>,
}

impl Targets {
    /// Loads the targets of the examples at `rows`, which are some or all of a batch.
    pub fn load(&mut self, plan: &Plan, rows: &[usize]) {
        self.labels.clear();
        self.labels.extend(rows.iter().map(|&i| plan.examples.label(i)));
        self.values.clear();
        if let Some(targets) = &plan.targets {
            rows.iter().for_each(|&i| self.values.extend_from_slice(targets.values.row(i)));
        }
        self.weights.clear();
        self.weights.extend(plan.weights.iter().flat_map(|weights| rows.iter().map(|&i| weights[i])));
    }

    /// The objective for these targets.
    pub fn objective(&self, batch: Batch<'_>) -> Objective<'_> {
        let Plan { settings, targets, weights, .. } = batch.plan;
        Objective {
            loss: settings.loss,
            label_smoothing: settings.label_smoothing,
            targets: targets
                .as_ref()
                .map(|targets| loss::Targets { loss: targets.loss, values: &self.values }),
            weights: weights.as_ref().map(|_| self.weights.as_slice()),
            batch: Some(batch.rows.len()),
        }
    }
}
