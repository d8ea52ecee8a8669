//! A batch on its way through the network and back, to a step of the weights: which way it takes.
//!
//! | way | who works at what | for |
//! |---|---|---|
//! | [model parallel](super::model_parallel) | two threads, each at all examples, with half of the inputs and their weights | networks that are nearly all first layer |
//! | [data parallel](super::data_parallel) | two threads or more, each at some of the examples, with all weights | other small networks and long batches, convolutions |
//! | one shard of the batch | one thread, whose products are shared out one by one | all else |
//!
//! Which of them it is depends on the network, the length of the batch and the settings, and not on the threads at hand.
//! So the sums are the same for any number of threads.

use super::Settings;
use super::data_parallel::DataParallel;
use super::model_parallel::ModelParallel;
use super::state::State;
use crate::Result;
use crate::data::Dataset;
use crate::loss::Objective;
use crate::network::{Dropout, Network};

/// The most parameters of a network whose batches two threads work at side by side. The weights and gradients of larger
/// ones fit in no cache.
pub(super) const MOST_PARAMETERS: usize = 1 << 20;

/// The fewest multiply-adds of a forward pass that are worth a second thread: some 20 µs of work.
pub(super) const WORTH_A_THREAD: usize = 1 << 18;

/// What is the same for all examples of a batch.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub network: &'a Network,
    pub examples: &'a Dataset,
    /// The weight of each example of the data set, where they have any.
    pub weights: Option<&'a [f32]>,
    pub settings: &'a Settings,
    /// Steps done.
    pub step: usize,
}

/// The batch that comes next, or no rows where there is none.
#[derive(Clone, Copy)]
pub(super) struct Next<'a> {
    pub examples: &'a Dataset,
    pub rows: &'a [usize],
}

/// The way that the batches of a training take.
pub(super) enum Passes {
    ModelParallel(Box<ModelParallel>),
    DataParallel(DataParallel),
}

impl Passes {
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
        let is_plain = settings.frozen == 0 && settings.input_dropout == 0.0 && settings.augment.is_none();
        if is_plain && ModelParallel::suit(network, batch) {
            return Ok(Passes::ModelParallel(Box::new(ModelParallel::new(
                network,
                dropout(network, settings, seed)?,
            ))));
        }
        DataParallel::new(network, examples, batch, settings, seed).map(Passes::DataParallel)
    }

    /// The mean loss of the examples at `rows`, without the regularisation.
    pub fn loss(&mut self, pass: Pass<'_>, rows: &[usize]) -> f32 {
        match self {
            Passes::ModelParallel(parallel) => parallel.loss(pass, rows),
            Passes::DataParallel(parallel) => parallel.loss_and_gradients(pass, rows),
        }
    }

    /// Takes what the batch norms saw in the last batch into what prediction will take.
    pub fn update_running_stats(&self, network: &mut Network) {
        match self {
            // Networks with batch norm are never partitioned.
            Passes::ModelParallel(_) => {}
            Passes::DataParallel(parallel) => parallel.update_running_stats(network),
        }
    }

    /// Takes a step along the gradients of that loss and of the regularisation. Returns Σ W² of the weights before the
    /// step, which means nothing where `reg` is 0.
    pub fn optimizer_step(
        &mut self,
        state: &mut State,
        network: &mut Network,
        settings: &Settings,
        learning_rate: f32,
        next: Next<'_>,
    ) -> f64 {
        match self {
            Passes::ModelParallel(parallel) => {
                parallel.optimizer_step(state, network, settings, learning_rate, next)
            }
            Passes::DataParallel(parallel) => {
                parallel.optimizer_step(state, network, settings, learning_rate)
            }
        }
    }
}

/// What drops the hidden units of a training, where it drops any.
///
/// # Errors
/// A probability of dropout that is none.
pub(super) fn dropout(network: &Network, settings: &Settings, seed: u64) -> Result<Option<Dropout>> {
    let drops = settings.dropout > 0.0 || network.has_dropout();
    drops.then(|| Dropout::new(settings.dropout, seed)).transpose()
}

/// What the examples of a batch, or of a part of one, should be. The buffers last for the whole training.
#[derive(Default)]
pub(super) struct Targets {
    pub labels: Vec<u32>,
    weights: Vec<f32>,
}

impl Targets {
    /// Those of the examples at `rows`, which are some or all of a batch of so many examples.
    pub fn read(&mut self, pass: Pass<'_>, rows: &[usize]) {
        self.labels.clear();
        self.labels.extend(rows.iter().map(|&i| pass.examples.label(i)));
        self.weights.clear();
        self.weights.extend(pass.weights.iter().flat_map(|weights| rows.iter().map(|&i| weights[i])));
    }

    /// What is minimised over them.
    pub fn objective(&self, pass: Pass<'_>, batch: usize) -> Objective<'_> {
        Objective {
            loss: pass.settings.loss,
            label_smoothing: pass.settings.label_smoothing,
            weights: pass.weights.map(|_| self.weights.as_slice()),
            batch: Some(batch),
        }
    }
}
