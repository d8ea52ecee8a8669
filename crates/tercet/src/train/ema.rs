//! The exponential moving average of the weights.

use crate::network::Network;
use crate::parallel;

/// Moves the average after step t by (1 − β) / (1 − βᵗ) of the way to the weights. The running statistics of batch
/// norms are averages already, and are copied.
pub(super) fn update(ema: &mut Network, network: &Network, decay: f32, t: usize) {
    let decay = f64::from(decay);
    // 1 − βᵗ, without cancellation when βᵗ is close to 1.
    let correction = -(t as f64 * decay.ln()).exp_m1();
    let rate = ((1.0 - decay) / correction) as f32;
    for (average, learned) in ema.trainable_mut().zip(network.trainable()) {
        parallel::approach(rate, average.w, learned.w);
        parallel::approach(rate, average.b, learned.b);
    }
    ema.copy_running_stats(network);
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use crate::data::Dataset;
    use crate::network::{Init, Network};
    use crate::train::{Ending, Length, Plan, Settings, train_with};

    fn set(from: usize) -> Dataset {
        let value = |i: usize| ((i * 7919 + 13) % 101) as f32 / 50.0 + ((i / 4) % 2) as f32 / 5.0;
        let labels = (0..60).map(|i| i % 2).collect();
        let values = (from..from + 240).map(value).collect();
        Dataset::from_features("x", 4, values, labels, vec!["a".into(), "b".into()]).unwrap()
    }

    fn values(network: &Network) -> Vec<f64> {
        network.dense_layers().flat_map(|d| d.w.iter().chain(&d.b)).map(|&w| f64::from(w)).collect()
    }

    /// Trains with an average. Returns the weights after each step and the resulting network.
    fn trained(settings: &Settings, stop: usize) -> (Vec<Vec<f64>>, Network, crate::train::Training) {
        let plan = Plan::new(&set(0), *settings, 3).with_validation(&set(400));
        let mut network = Network::fully_connected(4, &[6], 2, Init::He, 1).unwrap();
        let mut steps = Vec::new();
        let training = train_with(&mut network, &plan, |trainer, step| {
            steps.push(values(&trainer.state.network));
            if step.number == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (steps, network, training.unwrap())
    }

    fn settings() -> Settings {
        let length = Length::Epochs(4);
        Settings { batch: 5, length, ema: Some(0.9), validate_every: Some(6), ..Settings::default() }
    }

    /// Σ (1 − β) β^(t − s) W_s / (1 − βᵗ), directly from the formula.
    fn expected(steps: &[Vec<f64>]) -> Vec<f64> {
        let (beta, t) = (f64::from(0.9f32), steps.len() as i32);
        let mut sum = vec![0.0; steps[0].len()];
        for (s, weights) in (1..).zip(steps) {
            let weight = (1.0 - beta) * beta.powi(t - s) / (1.0 - beta.powi(t));
            sum.iter_mut().zip(weights).for_each(|(sum, w)| *sum += weight * w);
        }
        sum
    }

    fn assert_near(found: &Network, expected: &[f64]) {
        for (found, expected) in values(found).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    }

    #[test]
    fn the_result_is_the_average_by_its_formula() {
        let (steps, network, training) = trained(&settings(), usize::MAX);
        assert_eq!((steps.len(), training.ending), (48, Ending::Completed));
        assert_near(&network, &expected(&steps));
        // It is far from the weights themselves, which move a lot in steps of this size.
        let last = steps.last().unwrap();
        assert!(values(&network).iter().zip(last).any(|(average, w)| (average - w).abs() > 1e-3));
        // The weights are those of a training without an average.
        let (plain, _, _) = trained(&Settings { ema: None, ..settings() }, usize::MAX);
        assert_eq!(plain, steps);
    }

    #[test]
    fn the_average_is_validated_and_kept_after_an_interruption() {
        for stop in [1, 6, 13] {
            let (steps, network, training) = trained(&settings(), stop);
            assert_eq!(training.ending, Ending::Interrupted);
            assert_near(&network, &expected(&steps));
        }
        let (_, network, training) = trained(&settings(), usize::MAX);
        let scores = network.scores(&set(400)).unwrap();
        let loss = Settings::default().loss.loss(scores.values(), set(400).labels());
        let check = training.history.validations.last().unwrap();
        assert_eq!(check.step, 48);
        assert!((check.validation_loss - loss).abs() < 1e-2 * loss, "{check:?}, not {loss}");
    }

    #[test]
    fn early_stopping_restores_the_average_of_the_best_check() {
        let early = Settings { patience: Some(2), learning_rate: 0.5, ..settings() };
        let (steps, network, training) = trained(&early, usize::MAX);
        let best = training.best.unwrap();
        assert!(best < steps.len());
        assert_near(&network, &expected(&steps[..best]));
    }
}
