//! Training whose batches are worked at elsewhere: in other processes, or on other machines.
//!
//! Each step, whoever holds some of the examples computes what these add to the gradient of the batch ([`share`]), and one
//! place sums the shares and takes the step ([`Steps`]). That is data-parallel training (Dean et al. 2012) in step:
//!
//! ```text
//! g = Σ_s g_s,    g_s = 1/B · Σ_{b in s} ∂L_b/∂θ        θ: all that is learned; B: the examples of the whole batch
//! ```
//!
//! Sums of f32 depend on their order. So shares are summed in the order in which they are handed over, and a share is
//! computed from its own examples alone: which process computed it, and how many there are, changes no bit. What may not
//! change is how a batch is cut into shares.
//!
//! ```
//! use tercet::Dataset;
//! use tercet::network::{Init, Network};
//! use tercet::train::pieces::{Steps, share};
//! use tercet::train::{Length, Settings};
//!
//! let x = (0..8).map(|i| i as f32 / 8.0).collect();
//! let points = Dataset::from_features("points", 1, x, vec![0, 0, 0, 0, 1, 1, 1, 1], vec!["a".into(), "b".into()])?;
//! let settings = Settings { length: Length::Epochs(20), batch: 8, ..Settings::default() };
//! let mut steps = Steps::new(Network::fully_connected(1, &[4], 2, Init::He, 0)?, settings, 20)?;
//! let mut losses = Vec::new();
//! for _ in 0..20 {
//!     let network = steps.network();
//!     // Two processes would do these at the same time.
//!     let first = share(network, &points, &[0, 1, 4], &settings, 8)?;
//!     let second = share(network, &points, &[2, 3, 5, 6, 7], &settings, 8)?;
//!     losses.push(steps.take(&[first, second])?);
//! }
//! assert!(losses[19] < losses[0]);
//! # Ok::<(), tercet::Error>(())
//! ```

use super::Settings;
use super::state::State;
use crate::data::Dataset;
use crate::loss::Objective;
use crate::network::{Gradient, Input, Network, Workspace, regularized};
use crate::{Error, Result};

/// What some examples of a batch add to its loss and gradient, without the regularisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// 1/B · Σ L_b over these examples.
    pub loss: f32,
    /// The gradient by all that is learned, in the order of [`Network::learned`].
    pub gradient: Vec<f32>,
}

/// What the examples at `rows` add to the loss and the gradient of a batch of `batch` examples.
///
/// # Errors
/// No rows, more than the batch, examples that do not fit the network, and what [`Steps::new`] refuses.
pub fn share(
    network: &Network,
    examples: &Dataset,
    rows: &[usize],
    settings: &Settings,
    batch: usize,
) -> Result<Share> {
    check(network, settings)?;
    super::check_fit(network, examples)?;
    if rows.is_empty() || rows.len() > batch {
        let expected = format!("1 to {batch}, the examples of the batch");
        return Err(Error::setting("the examples of a share", rows.len(), expected));
    }
    if let Some(row) = rows.iter().find(|&&row| row >= examples.len()) {
        return Err(Error::setting("a row of a share", row, format!("one below {}", examples.len())));
    }
    let mut x = vec![0.0; rows.len() * examples.width()];
    examples.write_inputs(rows, &mut x);
    let labels: Vec<u32> = rows.iter().map(|&row| examples.label(row)).collect();
    let objective = Objective {
        loss: settings.loss,
        label_smoothing: settings.label_smoothing,
        weights: None,
        batch: Some(batch),
    };
    let mut workspace = Workspace::new();
    let loss = network.data_loss_and_gradients(
        Input::Dense(&x),
        &labels,
        objective,
        settings.frozen,
        None,
        &mut workspace,
    );
    let mut gradient = Vec::with_capacity(network.parameters());
    for (learned, of_layer) in network.learning().zip(workspace.gradients()) {
        // Layers that are frozen have no gradient: nothing is added to them.
        for (values, found) in [(learned.w, &of_layer.dw), (learned.b, &of_layer.db)] {
            gradient.extend_from_slice(found);
            gradient.resize(gradient.len() + values.len() - found.len(), 0.0);
        }
    }
    Ok(Share { loss, gradient })
}

/// The one place where the shares of each batch become a step.
#[derive(Debug)]
pub struct Steps {
    network: Network,
    settings: Settings,
    state: State,
    total: usize,
    gradients: Vec<Gradient>,
}

impl Steps {
    /// Begins with a network, for so many steps, which the schedule of the learning rate goes by.
    ///
    /// # Errors
    /// Settings that make no sense, and those of which a step depends on more than its shares: dropout, batch norm,
    /// augmentation and early stopping.
    pub fn new(network: Network, settings: Settings, total: usize) -> Result<Self> {
        settings.validate()?;
        check(&network, &settings)?;
        if total == 0 {
            return Err(Error::setting("the steps of a training", total, "at least 1"));
        }
        let state = State::new(&network, &settings);
        let gradients = network
            .learning()
            .map(|learned| Gradient { dw: vec![0.0; learned.w.len()], db: vec![0.0; learned.b.len()] })
            .collect();
        Ok(Steps { network, settings, state, total, gradients })
    }

    /// The network that the next shares are computed with.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network to be kept: the moving average of the weights, where the settings want one.
    pub fn trained(&self) -> &Network {
        self.state.judged(&self.network)
    }

    /// How many steps were taken.
    pub fn done(&self) -> usize {
        self.state.step
    }

    /// Takes a step along the sum of the shares, in their order. Returns the loss of the batch, regularisation included.
    ///
    /// # Errors
    /// No shares, shares of another network, and [`Error::Diverged`], after which the network is that of the step before.
    pub fn take(&mut self, shares: &[Share]) -> Result<f32> {
        let parameters = self.network.parameters();
        if let Some(share) = shares.iter().find(|share| share.gradient.len() != parameters) {
            let found = share.gradient.len();
            return Err(Error::mismatch("the gradient of a share", found, format!("{parameters} numbers")));
        }
        let Some((first, others)) = shares.split_first() else {
            return Err(Error::setting("the shares of a batch", 0, "at least 1"));
        };
        let mut from = 0;
        for of_layer in &mut self.gradients {
            for array in [&mut of_layer.dw, &mut of_layer.db] {
                let range = from..from + array.len();
                array.copy_from_slice(&first.gradient[range.clone()]);
                for share in others {
                    array.iter_mut().zip(&share.gradient[range.clone()]).for_each(|(sum, g)| *sum += g);
                }
                from = range.end;
            }
        }
        let data_loss = shares.iter().map(|share| share.loss).sum();
        let learning_rate = self.state.history.learning_rate(&self.settings, self.state.step, self.total);
        self.state.last_sound.clone_from(&self.network);
        let squares = self.state.descend(
            &mut self.network,
            &mut self.gradients,
            &self.settings,
            learning_rate,
            |_, _, _, _| None,
        );
        let loss = regularized(data_loss, self.settings.reg, squares);
        let unsound = Some(loss).filter(|loss| !loss.is_finite()).or_else(|| self.network.first_unsound());
        if let Some(loss) = unsound {
            self.network.clone_from(&self.state.last_sound);
            let (step, learning_rate) = (self.state.step, self.settings.learning_rate);
            return Err(Error::Diverged { step, loss, learning_rate });
        }
        Ok(loss)
    }
}

/// Refuses what cannot be trained in pieces.
fn check(network: &Network, settings: &Settings) -> Result<()> {
    let refused = [
        ("dropout", settings.dropout > 0.0 || settings.input_dropout > 0.0 || network.has_dropout()),
        ("batch norm", network.has_batch_norm()),
        ("augmentation", !settings.augment.is_none()),
        ("early stopping", settings.patience.is_some()),
    ];
    match refused.into_iter().find(|(_, wanted)| *wanted) {
        Some((name, _)) => {
            let expected = "none: a step in pieces depends on nothing but the shares of its batch";
            Err(Error::setting(name, "wanted", expected))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::image::ImageShape;
    use crate::network::{Architecture, Init};
    use crate::optimizer::Optimizer;
    use crate::train::{Length, train};

    fn pictures(n: usize) -> Dataset {
        let pixels = (0..n * 64).map(|i| (i * 7919 % 256 * usize::from(i % 3 > 0)) as u8).collect();
        let labels = (0..n as u32).map(|i| i % 3).collect();
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        Dataset::from_pixels("pictures", ImageShape::gray(8, 8), pixels, labels, classes).unwrap()
    }

    fn networks() -> [Network; 2] {
        let layers: Architecture = "conv3-4 relu pool flatten dense6 gelu".parse().unwrap();
        [
            Network::fully_connected(64, &[20], 3, Init::He, 1).unwrap(),
            layers.network(ImageShape::gray(8, 8), 3, Init::He, 1).unwrap(),
        ]
    }

    #[test]
    fn steps_in_one_piece_are_those_of_training_and_in_several_nearly() {
        let data = pictures(24);
        for optimizer in [Optimizer::Sgd { momentum: 0.9 }, Optimizer::ADAM] {
            for frozen in [0, 1] {
                let learning_rate = if optimizer == Optimizer::ADAM { 0.003 } else { 0.05 };
                let (batch, length) = (24, Length::Epochs(5));
                let settings = Settings {
                    batch,
                    length,
                    optimizer,
                    learning_rate,
                    frozen,
                    ema: Some(0.5),
                    clip: Some(0.7),
                    ..Settings::default()
                };
                for network in networks() {
                    let mut expected = network.clone();
                    let watch = &mut |_: crate::train::Progress<'_>| ControlFlow::Continue(());
                    let training = train(&mut expected, &data, None, &settings, 0, watch).unwrap();
                    for cuts in [vec![0, 24], vec![0, 5, 6, 24]] {
                        let mut steps = Steps::new(network.clone(), settings, 5).unwrap();
                        for step in 0..5 {
                            let shares: Vec<Share> = cuts
                                .windows(2)
                                .map(|ends| {
                                    let rows: Vec<usize> = (ends[0]..ends[1]).collect();
                                    share(steps.network(), &data, &rows, &settings, 24).unwrap()
                                })
                                .collect();
                            let loss = steps.take(&shares).unwrap();
                            // Training draws the examples of its batch in another order.
                            let wanted = training.history.losses[step];
                            assert!((loss - wanted).abs() < 1e-4 * wanted.max(1.0), "{loss}, not {wanted}");
                        }
                        assert_eq!(steps.done(), 5);
                        for (found, wanted) in steps.trained().learned().iter().zip(expected.learned()) {
                            assert!((found - wanted).abs() < 1e-3, "{optimizer}: {found}, not {wanted}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_share_has_the_same_bits_wherever_it_is_computed() {
        let data = pictures(40);
        let settings = Settings { label_smoothing: 0.1, ..Settings::default() };
        for network in networks() {
            let of = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| share(&network, &data, &[3, 1, 39, 7], &settings, 9)).unwrap()
            };
            let one = of(1);
            assert!(one.gradient.iter().any(|g| *g != 0.0));
            for threads in 2..=4 {
                assert_eq!(of(threads), one);
            }
            // From a copy that came over the wire.
            let mut copy =
                networks().into_iter().find(|other| other.parameters() == network.parameters()).unwrap();
            copy.set_learned(&network.learned()).unwrap();
            assert_eq!(share(&copy, &data, &[3, 1, 39, 7], &settings, 9).unwrap(), one);
        }
    }

    #[test]
    fn what_cannot_be_in_pieces_is_refused() {
        let data = pictures(4);
        let [network, _] = networks();
        let plain = Settings::default();
        let refused = |settings: Settings| Steps::new(network.clone(), settings, 3).unwrap_err().to_string();
        assert!(refused(Settings { dropout: 0.5, ..plain }).contains("dropout"));
        assert!(refused(Settings { patience: Some(2), ..plain }).contains("early stopping"));
        assert!(Steps::new(network.clone(), plain, 0).is_err());
        let layers: Architecture = "conv3-4 batchnorm relu flatten".parse().unwrap();
        let normed = layers.network(ImageShape::gray(8, 8), 3, Init::He, 1).unwrap();
        assert!(Steps::new(normed, plain, 3).unwrap_err().to_string().contains("batch norm"));

        assert!(share(&network, &data, &[], &plain, 4).is_err());
        assert!(share(&network, &data, &[0, 1, 2], &plain, 2).is_err());
        assert!(share(&network, &data, &[4], &plain, 2).unwrap_err().to_string().contains("below 4"));
        let mut steps = Steps::new(network.clone(), plain, 3).unwrap();
        assert!(steps.take(&[]).is_err());
        assert!(steps.take(&[Share { loss: 0.0, gradient: vec![0.0; 3] }]).is_err());
        let nan = Share { loss: f32::NAN, gradient: vec![0.0; network.parameters()] };
        assert!(matches!(steps.take(&[nan]), Err(Error::Diverged { step: 1, .. })));
        assert_eq!(steps.network(), &network);
        assert!(steps.network.set_learned(&[0.0]).is_err());
    }
}
