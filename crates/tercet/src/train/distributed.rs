//! Distributed training: workers in other processes or on other machines compute the gradients.
//!
//! In each step every worker computes the gradient of its own examples ([`partial_gradient`]), and the
//! [`ParameterServer`] sums these and takes the step. This is synchronous data-parallel training with a parameter
//! server (Dean et al. 2012):
//!
//! ```text
//! g = Σ_s g_s,    g_s = 1/B · Σ_{b in s} ∂L_b/∂θ        θ: all trainable parameters; B: the examples of the whole batch
//! ```
//!
//! Sums of f32 depend on their order. Partial gradients are therefore summed in the order in which they are passed, and
//! each depends only on its own examples. The bits do not depend on which process computed it, nor on the number of
//! processes; they do depend on how a batch is divided into partial gradients.
//!
//! ```
//! use tercet::Dataset;
//! use tercet::network::{Init, Network};
//! use tercet::train::distributed::{ParameterServer, partial_gradient};
//! use tercet::train::{Length, Settings};
//!
//! let x = (0..8).map(|i| i as f32 / 8.0).collect();
//! let points = Dataset::from_features("points", 1, x, vec![0, 0, 0, 0, 1, 1, 1, 1], vec!["a".into(), "b".into()])?;
//! let settings = Settings { length: Length::Epochs(20), batch: 8, ..Settings::default() };
//! let mut server = ParameterServer::new(Network::fully_connected(1, &[4], 2, Init::He, 0)?, settings, 20)?;
//! let mut losses = Vec::new();
//! for _ in 0..20 {
//!     let network = server.network();
//!     // Two processes would do these at the same time.
//!     let first = partial_gradient(network, &points, &[0, 1, 4], &settings, 8)?;
//!     let second = partial_gradient(network, &points, &[2, 3, 5, 6, 7], &settings, 8)?;
//!     losses.push(server.step(&[first, second])?);
//! }
//! assert!(losses[19] < losses[0]);
//! # Ok::<(), tercet::Error>(())
//! ```

use super::Settings;
use super::plan::check_data;
use super::state::State;
use crate::data::Dataset;
use crate::loss::Objective;
use crate::network::{Gradient, Input, Network, Workspace};
use crate::{Error, Result};

/// The loss and the gradient of some of the examples of a batch, without the regularisation.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialGradient {
    /// 1/B · Σ L_b over these examples.
    pub loss: f32,
    /// The gradient with respect to all parameters, in the order of [`Network::parameter_values`].
    pub gradient: Vec<f32>,
}

/// The loss and the gradient of the examples at `rows`, which are part of a batch of `batch` examples.
///
/// # Errors
/// No rows, more rows than the batch has, examples that do not fit the network, and what [`ParameterServer::new`]
/// rejects.
pub fn partial_gradient(
    network: &Network,
    examples: &Dataset,
    rows: &[usize],
    settings: &Settings,
    batch: usize,
) -> Result<PartialGradient> {
    check(network, settings)?;
    check_data(network, examples)?;
    if rows.is_empty() || rows.len() > batch {
        let expected = format!("1 to {batch}, the examples of the batch");
        return Err(Error::setting("the number of examples of a partial gradient", rows.len(), expected));
    }
    if let Some(row) = rows.iter().find(|&&row| row >= examples.len()) {
        return Err(Error::setting(
            "a row of a partial gradient",
            row,
            format!("one below {}", examples.len()),
        ));
    }
    let mut x = vec![0.0; rows.len() * examples.width()];
    examples.write_inputs(rows, &mut x);
    let labels: Vec<u32> = rows.iter().map(|&row| examples.label(row)).collect();
    let objective = Objective {
        loss: settings.loss,
        label_smoothing: settings.label_smoothing,
        targets: None,
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
    Ok(PartialGradient { loss, gradient: flat_gradient(network, &workspace) })
}

/// The gradients in a workspace, in the order of [`Network::parameter_values`].
pub(super) fn flat_gradient(network: &Network, workspace: &Workspace) -> Vec<f32> {
    let mut gradient = Vec::with_capacity(network.parameters());
    for (learned, of_layer) in network.trainable().zip(workspace.gradients()) {
        // Frozen layers have no gradient: nothing is added to them.
        for (values, found) in [(learned.w, &of_layer.dw), (learned.b, &of_layer.db)] {
            gradient.extend_from_slice(found);
            gradient.resize(gradient.len() + values.len() - found.len(), 0.0);
        }
    }
    gradient
}

/// Sums the partial gradients of each batch and takes the step.
#[derive(Debug)]
pub struct ParameterServer {
    state: State,
    settings: Settings,
    total: usize,
    gradients: Vec<Gradient>,
}

impl ParameterServer {
    /// Creates the server before the first of `total` steps, on which the learning-rate schedule is based.
    ///
    /// # Errors
    /// Invalid settings, and those for which a step depends on more than the partial gradients: dropout, batch norm,
    /// augmentation and early stopping.
    pub fn new(network: Network, settings: Settings, total: usize) -> Result<Self> {
        settings.validate()?;
        check(&network, &settings)?;
        if total == 0 {
            return Err(Error::setting("the steps of a training", total, "at least 1"));
        }
        let gradients = network
            .trainable()
            .map(|learned| Gradient { dw: vec![0.0; learned.w.len()], db: vec![0.0; learned.b.len()] })
            .collect();
        Ok(ParameterServer { state: State::new(network, &settings), settings, total, gradients })
    }

    /// The network that the next partial gradients are computed with.
    pub fn network(&self) -> &Network {
        &self.state.network
    }

    /// The trained network: the moving average of the weights, if enabled in the settings.
    pub fn trained(&self) -> &Network {
        self.state.evaluated()
    }

    /// The number of completed steps.
    pub fn steps_done(&self) -> usize {
        self.state.step
    }

    /// Performs a step with the sum of the partial gradients, added in the given order. Returns the loss of the batch,
    /// regularisation included.
    ///
    /// # Errors
    /// No partial gradients, those of another network, and [`Error::Diverged`], after which the network is the one
    /// before the step.
    pub fn step(&mut self, partial: &[PartialGradient]) -> Result<f32> {
        self.sum(partial)?;
        let ParameterServer { state, settings, total, gradients } = self;
        let data_loss = partial.iter().map(|partial| partial.loss).sum();
        let learning_rate = state.history.learning_rate(settings, state.step, *total);
        state.last_finite.clone_from(&state.network);
        let squares = state.update(gradients, settings, learning_rate, |_, _, _, _| None);
        let loss = state.complete_step(data_loss, squares, settings)?;
        state.check_finite(settings)?;
        Ok(loss)
    }

    /// Adds the partial gradients in the given order.
    fn sum(&mut self, partial: &[PartialGradient]) -> Result<()> {
        let parameters = self.state.network.parameters();
        if let Some(other) = partial.iter().find(|partial| partial.gradient.len() != parameters) {
            let found = other.gradient.len();
            return Err(Error::mismatch("a partial gradient", found, format!("{parameters} numbers")));
        }
        let Some((first, others)) = partial.split_first() else {
            return Err(Error::setting("the number of partial gradients of a batch", 0, "at least 1"));
        };
        let mut from = 0;
        for of_layer in &mut self.gradients {
            for array in [&mut of_layer.dw, &mut of_layer.db] {
                let range = from..from + array.len();
                array.copy_from_slice(&first.gradient[range.clone()]);
                for other in others {
                    array.iter_mut().zip(&other.gradient[range.clone()]).for_each(|(sum, g)| *sum += g);
                }
                from = range.end;
            }
        }
        Ok(())
    }
}

/// Rejects settings and layers that distributed training does not support.
fn check(network: &Network, settings: &Settings) -> Result<()> {
    let refused = [
        ("dropout", settings.dropout > 0.0 || settings.input_dropout > 0.0 || network.has_dropout()),
        ("batch norm", network.has_batch_norm()),
        ("augmentation", !settings.augment.is_none()),
        ("early stopping", settings.patience.is_some()),
    ];
    match refused.into_iter().find(|(_, wanted)| *wanted) {
        Some((name, _)) => {
            let expected =
                "none in distributed training, where a step depends on nothing but its partial gradients";
            Err(Error::setting(name, "wanted", expected))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;
    use crate::network::{Architecture, Init};
    use crate::optimizer::Optimizer;
    use crate::train::{Length, Plan, train};

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
    fn one_partial_gradient_gives_the_steps_of_training_and_several_give_nearly_those() {
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
                    let training = train(&mut expected, &Plan::new(&data, settings, 0)).unwrap();
                    for cuts in [vec![0, 24], vec![0, 5, 6, 24]] {
                        let mut server = ParameterServer::new(network.clone(), settings, 5).unwrap();
                        for step in 0..5 {
                            let partial: Vec<PartialGradient> = cuts
                                .windows(2)
                                .map(|ends| {
                                    let rows: Vec<usize> = (ends[0]..ends[1]).collect();
                                    partial_gradient(server.network(), &data, &rows, &settings, 24).unwrap()
                                })
                                .collect();
                            let loss = server.step(&partial).unwrap();
                            // Training has the examples of its batch in another order.
                            let wanted = training.history.losses[step];
                            assert!((loss - wanted).abs() < 1e-4 * wanted.max(1.0), "{loss}, not {wanted}");
                        }
                        assert_eq!(server.steps_done(), 5);
                        for (found, wanted) in
                            server.trained().parameter_values().iter().zip(expected.parameter_values())
                        {
                            assert!((found - wanted).abs() < 1e-3, "{optimizer}: {found}, not {wanted}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_partial_gradient_has_the_same_bits_wherever_it_is_computed() {
        let data = pictures(40);
        let settings = Settings { label_smoothing: 0.1, ..Settings::default() };
        for network in networks() {
            let of = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| partial_gradient(&network, &data, &[3, 1, 39, 7], &settings, 9)).unwrap()
            };
            let one = of(1);
            assert!(one.gradient.iter().any(|g| *g != 0.0));
            for threads in 2..=4 {
                assert_eq!(of(threads), one);
            }
            // From a copy that was sent over the network.
            let mut copy =
                networks().into_iter().find(|other| other.parameters() == network.parameters()).unwrap();
            copy.set_parameter_values(&network.parameter_values()).unwrap();
            assert_eq!(partial_gradient(&copy, &data, &[3, 1, 39, 7], &settings, 9).unwrap(), one);
        }
    }

    #[test]
    fn unsupported_settings_are_rejected() {
        let data = pictures(4);
        let [network, _] = networks();
        let plain = Settings::default();
        let refused =
            |settings: Settings| ParameterServer::new(network.clone(), settings, 3).unwrap_err().to_string();
        assert!(refused(Settings { dropout: 0.5, ..plain }).contains("dropout"));
        assert!(refused(Settings { patience: Some(2), ..plain }).contains("early stopping"));
        assert!(ParameterServer::new(network.clone(), plain, 0).is_err());
        let layers: Architecture = "conv3-4 batchnorm relu flatten".parse().unwrap();
        let normed = layers.network(ImageShape::gray(8, 8), 3, Init::He, 1).unwrap();
        assert!(ParameterServer::new(normed, plain, 3).unwrap_err().to_string().contains("batch norm"));

        assert!(partial_gradient(&network, &data, &[], &plain, 4).is_err());
        assert!(partial_gradient(&network, &data, &[0, 1, 2], &plain, 2).is_err());
        assert!(
            partial_gradient(&network, &data, &[4], &plain, 2).unwrap_err().to_string().contains("below 4")
        );
        let mut server = ParameterServer::new(network.clone(), plain, 3).unwrap();
        assert!(server.step(&[]).is_err());
        assert!(server.step(&[PartialGradient { loss: 0.0, gradient: vec![0.0; 3] }]).is_err());
        let nan = PartialGradient { loss: f32::NAN, gradient: vec![0.0; network.parameters()] };
        assert!(matches!(server.step(&[nan]), Err(Error::Diverged { step: 1, .. })));
        assert_eq!(server.network(), &network);
        assert!(server.state.network.set_parameter_values(&[0.0]).is_err());
    }
}
