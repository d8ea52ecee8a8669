//! A batch in two shares, which two threads work at side by side.
//!
//! The products of a small network are over before another thread has woken up to help with them. A whole pass, from
//! the pixels to the gradients, is long enough: so each of two threads takes half of the examples through it, with
//! buffers of its own, and their gradients are added at the end. The products of a large network are shared out one by
//! one instead, since its gradients are too long to be added for nothing.
//!
//! Which of the two is done depends on the network and the batch alone. So it decides about the bits in the same way
//! whatever the number of threads.

use std::ops::Range;

use super::pass::{MOST_PARAMETERS, Pass, Targets, WORTH_A_THREAD};
use crate::Result;
use crate::network::{Dropout, Gradient, Inputs, Network, Workspace};
use crate::parallel::add;

/// The fewest examples of a batch that is shared. Every step the second thread has to fetch the weights, which the first
/// has just changed, and the first its gradients: as much data whatever the batch, and too much for a short one.
const FEWEST_EXAMPLES: usize = 48;

/// The shares of all batches of a training.
pub(super) struct Shares {
    shares: Vec<Share>,
    /// How many examples the first share has.
    first: usize,
}

/// Half of a batch, or all of it, on its way through the network. The buffers last for the whole training.
struct Share {
    inputs: Inputs,
    targets: Targets,
    dropout: Option<Dropout>,
    workspace: Workspace,
}

impl Shares {
    /// For batches of so many examples, whose hidden units each share drops by itself.
    ///
    /// # Errors
    /// Those of `dropout`.
    pub fn new(
        network: &Network,
        batch: usize,
        dropout: impl Fn() -> Result<Option<Dropout>>,
    ) -> Result<Self> {
        let parameters = network.parameters();
        let shared =
            batch >= FEWEST_EXAMPLES && parameters <= MOST_PARAMETERS && batch * parameters >= WORTH_A_THREAD;
        let count = if shared { 2 } else { 1 };
        let share = || {
            let (inputs, workspace) = (Inputs::new(network), Workspace::new());
            Ok(Share { inputs, targets: Targets::default(), dropout: dropout()?, workspace })
        };
        let shares = (0..count).map(|_| share()).collect::<Result<_>>()?;
        Ok(Shares { shares, first: batch.div_ceil(count) })
    }

    /// The mean loss of the examples at `rows`, without the regularisation. The [`gradients`](Shares::gradients) are its
    /// own.
    pub fn loss_and_gradients(&mut self, pass: Pass<'_>, rows: &[usize]) -> f32 {
        // The last batch of an epoch may be so short that there is nothing for the second share.
        let first = self.first.min(rows.len());
        match &mut self.shares[..] {
            [one, other] if first < rows.len() => {
                let (loss, other_loss) = rayon::join(
                    || one.loss_and_gradients(pass, rows, 0..first, 0),
                    || other.loss_and_gradients(pass, rows, first..rows.len(), 1),
                );
                for (sum, gradient) in
                    one.workspace.gradients_mut().iter_mut().zip(other.workspace.gradients())
                {
                    add(&mut sum.dw, &gradient.dw);
                    add(&mut sum.db, &gradient.db);
                }
                loss + other_loss
            }
            shares => shares[0].loss_and_gradients(pass, rows, 0..rows.len(), 0),
        }
    }

    /// The gradients of the last batch.
    pub fn gradients(&mut self) -> &mut [Gradient] {
        self.shares[0].workspace.gradients_mut()
    }
}

impl Share {
    /// What the examples at `rows[range]` add to the mean loss of all `rows`, and to its gradients.
    fn loss_and_gradients(
        &mut self,
        pass: Pass<'_>,
        rows: &[usize],
        range: Range<usize>,
        number: u64,
    ) -> f32 {
        let (batch, rows) = (rows.len(), &rows[range]);
        let Share { inputs, targets, dropout, workspace } = self;
        let x = inputs.read(pass.examples, rows);
        targets.read(pass, rows);
        if let Some(dropout) = dropout {
            dropout.seek_share(pass.step as u64, number);
        }
        let objective = targets.objective(pass, batch);
        pass.network.data_loss_and_gradients(x, &targets.labels, objective, dropout.as_mut(), workspace)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::data::Dataset;
    use crate::loss::Objective;
    use crate::network::Init;
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
            let mut shares = Shares::new(&network, 80, || Ok(None)).unwrap();
            assert_eq!(shares.shares.len(), 2);
            let pass = Pass { network: &network, examples: &examples, weights, settings: &settings, step: 0 };
            // A whole batch, an odd one that ends an epoch, and one too short for a second share.
            for count in [80, 47, 30] {
                let rows: Vec<usize> = (0..count).map(|i| (i * 37 + 5) % 150).collect();
                let loss = shares.loss_and_gradients(pass, &rows);

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
                for (found, expected) in shares.gradients().iter().zip(whole.gradients()) {
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
        let trained = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut network = Network::fully_connected(64, &[64, 48], 3, Init::He, 1).unwrap();
            let watch = &mut |_: crate::train::Progress<'_>| ControlFlow::Continue(());
            pool.install(|| train(&mut network, &examples, None, &settings, 2, watch)).unwrap();
            network
        };
        let one = trained(1);
        for threads in 2..=4 {
            assert!(trained(threads) == one, "{threads} threads");
        }
    }
}
