//! [`loss_and_gradient`] of a whole training set, for optimizers that need it, such as L-BFGS.

use rayon::prelude::*;

use super::Plan;
use super::distributed::flat_gradient;
use super::strategy::{Batch, Targets};
use crate::Result;
use crate::loss::Objective;
use crate::network::{Input, Network, Workspace};

/// The examples whose gradient is computed at once. The sums of these are added in f64, in a fixed order.
const CHUNK: usize = 256;

/// The chunks whose gradients are in memory at the same time.
const CHUNKS: usize = 8;

/// The regularised loss of all examples of a plan, and its gradient with respect to all parameters, in the order of
/// [`Network::parameter_values`].
///
/// ```text
/// L = 1/N · Σ_i w_i · L_i + reg · Σ W²
/// ```
///
/// Nothing is dropped or augmented.
///
/// # Errors
/// A plan that does not fit the network.
///
/// ```
/// use tercet::Dataset;
/// use tercet::network::{Init, Network};
/// use tercet::train::{Plan, Settings, full_batch};
///
/// let set = Dataset::from_features("points", 1, vec![0.0, 1.0], vec![0, 1], vec!["a".into(), "b".into()])?;
/// let network = Network::fully_connected(1, &[], 2, Init::Normal(0.0), 0)?;
/// let (loss, gradient) = full_batch::loss_and_gradient(&network, &Plan::new(&set, Settings::default(), 0))?;
/// // All scores are 0: both classes have the probability ½.
/// assert!((loss - 2f64.ln()).abs() < 1e-6);
/// assert_eq!(gradient, [0.25, -0.25, 0.0, 0.0]);
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn loss_and_gradient(network: &Network, plan: &Plan) -> Result<(f64, Vec<f64>)> {
    plan.check(network)?;
    let rows: Vec<usize> = (0..plan.examples.len()).collect();
    let (mut loss, mut gradient) = (0.0, vec![0.0; network.parameters()]);
    for group in rows.chunks(CHUNK * CHUNKS) {
        let parts: Vec<_> = group.par_chunks(CHUNK).map(|rows| of_chunk(network, plan, rows)).collect();
        for (of_part, part) in parts {
            loss += of_part;
            gradient.iter_mut().zip(part).for_each(|(sum, value)| *sum += f64::from(value));
        }
    }
    let (reg, mut at) = (f64::from(plan.settings.reg), 0);
    for learned in network.trainable() {
        if learned.is_matrix {
            for (&w, dw) in learned.w.iter().zip(&mut gradient[at..]) {
                loss += reg * f64::from(w).powi(2);
                *dw += 2.0 * reg * f64::from(w);
            }
        }
        at += learned.w.len() + learned.b.len();
    }
    Ok((loss, gradient))
}

/// The part of the loss that these examples contribute, and its gradient.
fn of_chunk(network: &Network, plan: &Plan, rows: &[usize]) -> (f64, Vec<f32>) {
    let mut x = vec![0.0; rows.len() * plan.examples.width()];
    plan.examples.write_inputs(rows, &mut x);
    let mut targets = Targets::default();
    targets.load(plan, rows);
    let of_rows = targets.objective(Batch { network, plan, step: 0, rows });
    let objective = Objective { batch: Some(plan.examples.len()), ..of_rows };
    let mut workspace = Workspace::new();
    let x = Input::Dense(&x);
    let loss = network.data_loss_and_gradients(
        x,
        &targets.labels,
        objective,
        plan.settings.frozen,
        None,
        &mut workspace,
    );
    (loss.into(), flat_gradient(network, &workspace))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::network::Init;
    use crate::train::Settings;

    #[test]
    fn chunks_add_up_to_the_gradient_of_the_whole_set() {
        let x: Vec<f32> = (0..3000).map(|i| ((i * 7919 + 13) % 101) as f32 / 50.0 - 1.0).collect();
        let labels: Vec<u32> = (0..1000).map(|i| i % 3).collect();
        let names = ["a", "b", "c"].map(str::to_owned).to_vec();
        let set = Dataset::from_features("x", 3, x.clone(), labels.clone(), names).unwrap();
        let network = Network::fully_connected(3, &[5], 3, Init::He, 1).unwrap();
        let settings = Settings { reg: 0.01, ..Settings::default() };
        let (loss, gradient) = loss_and_gradient(&network, &Plan::new(&set, settings, 0)).unwrap();
        let mut workspace = Workspace::new();
        let expected = network.loss_and_gradients(&x, &labels, settings.loss, 0.01, &mut workspace);
        assert!((loss - f64::from(expected)).abs() < 1e-5, "{loss}, not {expected}");
        for (found, expected) in gradient.iter().zip(flat_gradient(&network, &workspace)) {
            assert!((found - f64::from(expected)).abs() < 1e-6, "{found}, not {expected}");
        }
    }
}
