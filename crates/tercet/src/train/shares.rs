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

use super::Settings;
use crate::Result;
use crate::augment::Augmenter;
use crate::data::Dataset;
use crate::loss::Objective;
use crate::network::{Dropout, Gradient, Inputs, Network, Workspace};
use crate::parallel::add;

/// The most parameters of a network whose batches are shared. On two cores, networks of 100,000 and of 670,000 parameters
/// train a quarter and a twentieth faster so; the gradients of much larger ones fit in no cache.
const MOST_PARAMETERS: usize = 1 << 20;

/// The fewest examples of a batch that is shared. Every step the second thread has to fetch the weights, which the first
/// has just changed, and the first its gradients: as much data whatever the batch, and too much for a short one.
const FEWEST_EXAMPLES: usize = 48;

/// The fewest multiply-adds of a forward pass that are worth a second thread: some 20 µs of work.
const WORTH_A_THREAD: usize = 1 << 18;

/// The shares of all batches of a training.
pub(super) struct Shares {
    shares: Vec<Share>,
    /// How many examples the first share has.
    first: usize,
}

/// Half of a batch, or all of it, on its way through the network. The buffers last for the whole training.
struct Share {
    inputs: Inputs,
    augmented: Option<Augmented>,
    labels: Vec<u32>,
    weights: Vec<f32>,
    input_dropout: Option<Dropout>,
    dropout: Option<Dropout>,
    workspace: Workspace,
}

/// The pictures of a share as augmentation made them.
struct Augmented {
    augmenter: Augmenter,
    pixels: Vec<u8>,
}

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

impl Shares {
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
        let parameters = network.parameters();
        let shared =
            batch >= FEWEST_EXAMPLES && parameters <= MOST_PARAMETERS && batch * parameters >= WORTH_A_THREAD;
        let count = if shared { 2 } else { 1 };
        let share = || {
            let dropout = match settings.dropout {
                0.0 => None,
                p => Some(Dropout::new(p, seed)?),
            };
            let input_dropout = match settings.input_dropout {
                0.0 => None,
                p => Some(Dropout::of_inputs(p, seed)?),
            };
            let augmented = match examples.image_shape().filter(|_| !settings.augment.is_none()) {
                None => None,
                Some(shape) => {
                    let augmenter = Augmenter::new(settings.augment, shape, batch, seed)?;
                    Some(Augmented { augmenter, pixels: Vec::new() })
                }
            };
            let (inputs, workspace) = (Inputs::new(network), Workspace::new());
            let (labels, weights) = (Vec::new(), Vec::new());
            Ok(Share { inputs, augmented, labels, weights, input_dropout, dropout, workspace })
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
        let Pass { network, examples, weights, settings, step } = pass;
        let (batch, first, rows) = (rows.len(), range.start, &rows[range]);
        let Share { inputs, augmented, labels, weights: of_rows, input_dropout, dropout, workspace } = self;
        let mut x = match augmented {
            None => inputs.read(examples, rows),
            Some(augmented) => {
                inputs.read_pixels(augmented.write(examples, rows, step, first), examples.width())
            }
        };
        if let Some(dropout) = input_dropout {
            dropout.seek_share(step as u64, number);
            x = inputs.drop_some(dropout);
        }
        labels.clear();
        labels.extend(rows.iter().map(|&i| examples.label(i)));
        of_rows.clear();
        of_rows.extend(weights.iter().flat_map(|weights| rows.iter().map(|&i| weights[i])));
        if let Some(dropout) = dropout {
            dropout.seek_share(step as u64, number);
        }
        let objective = Objective {
            loss: settings.loss,
            label_smoothing: settings.label_smoothing,
            weights: weights.map(|_| of_rows.as_slice()),
            batch: Some(batch),
        };
        network.data_loss_and_gradients(x, labels, objective, dropout.as_mut(), workspace)
    }
}

impl Augmented {
    /// The examples at `rows`, whose first has this place in its batch.
    fn write(&mut self, examples: &Dataset, rows: &[usize], step: usize, first: usize) -> &[u8] {
        let width = examples.width();
        self.pixels.resize(rows.len() * width, 0);
        for ((place, &i), out) in (first..).zip(rows).zip(self.pixels.chunks_exact_mut(width)) {
            let pixels = examples.pixels(i).expect("examples with the shape of an image are pixels");
            self.augmenter.write(pixels, step as u64, place, out);
        }
        &self.pixels
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::network::Init;
    use crate::train::{Length, train};

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
        let network = Network::fully_connected(64, &[96], 3, Init::He, 1).unwrap();
        let weights: Vec<f32> = (0..150).map(|i| 0.5 + i as f32 / 100.0).collect();
        let settings =
            Settings { label_smoothing: 0.1, loss: crate::loss::Loss::Softmax, ..Settings::lecture() };
        for weights in [None, Some(&weights[..])] {
            let mut shares = Shares::new(&network, &examples, 80, &settings, 0).unwrap();
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
            let mut network = Network::fully_connected(64, &[96], 3, Init::He, 1).unwrap();
            let watch = &mut |_: crate::train::Progress<'_>| ControlFlow::Continue(());
            pool.install(|| train(&mut network, &examples, None, &settings, 2, watch)).unwrap();
            network
        };
        let one = trained(1);
        for threads in 2..=4 {
            assert!(trained(threads) == one, "{threads} threads");
        }
    }

    #[test]
    fn each_picture_is_augmented_for_its_place_in_the_whole_batch() {
        let shape = crate::data::ImageShape::gray(8, 8);
        let pixels: Vec<u8> = (0..150 * 64).map(|i| (i * 7919 % 1009 % 256) as u8).collect();
        let of_pixels = |pixels: Vec<u8>, labels| {
            let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
            Dataset::from_pixels("x", shape, pixels, labels, classes).unwrap()
        };
        let examples = of_pixels(pixels, (0..150).map(|i| i % 3).collect());
        let network = Network::fully_connected(64, &[96], 3, Init::He, 1).unwrap();
        let augment = crate::augment::Augment { shift: 2.0, ..Default::default() };
        let settings = Settings { augment, ..Settings::lecture() };
        let mut shares = Shares::new(&network, &examples, 80, &settings, 4).unwrap();
        let pass =
            Pass { network: &network, examples: &examples, weights: None, settings: &settings, step: 9 };
        for count in [80, 47, 30] {
            let rows: Vec<usize> = (0..count).map(|i| (i * 37 + 5) % 150).collect();
            let loss = shares.loss_and_gradients(pass, &rows);

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
