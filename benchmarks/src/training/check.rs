//! Checks that engines do the same work: the losses of the first steps, scores, accuracies.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The number of steps that are compared before anything is timed.
pub const STEPS: usize = 10;

/// The tolerance, relative to the peer's number, or absolute for numbers below 1.
const TOLERANCE: f64 = 1e-4;

/// The tolerance of accuracies after a whole training run, during which rounding errors grow.
const ACCURACY: f64 = 0.02;

/// The largest difference between two lists, relative to the second number, or absolute if that is below 1; and its
/// index.
fn difference(ours: &[f32], theirs: &[f64]) -> (usize, f64) {
    let at = |(place, (&our, &their)): (usize, (&f32, &f64))| {
        let difference = (f64::from(our) - their).abs() / their.abs().max(1.0);
        // A NaN on one side is an infinite difference.
        (place, if difference.is_nan() { f64::INFINITY } else { difference })
    };
    ours.iter()
        .zip(theirs)
        .enumerate()
        .map(at)
        .fold((0, 0.0), |most, now| if now.1 > most.1 { now } else { most })
}

/// Compares Tercet's losses of the first steps with the answer of a peer, and returns the largest difference.
///
/// # Errors
/// Losses that differ by more than rounding explains: then the objectives are different.
pub fn same_losses(peer: &str, ours: &[f32], answer: &Value) -> Result<f64> {
    let theirs: Option<Vec<f64>> =
        answer["losses"].as_array().map(|losses| losses.iter().filter_map(Value::as_f64).collect());
    let theirs = theirs
        .filter(|theirs| theirs.len() == ours.len())
        .with_context(|| format!("{peer} answers {answer}; expected {} losses", ours.len()))?;
    let (step, found) = difference(ours, &theirs);
    ensure!(
        found <= TOLERANCE,
        "{peer} and Tercet do not minimise the same: from the same weights and on the same batches, the loss of step {} is \
         {} there and {} here, {found:.1e} apart; expected at most {TOLERANCE:e}",
        step + 1,
        theirs[step],
        ours[step]
    );
    Ok(found)
}

/// Compares scores of the same network, and returns the largest difference.
///
/// # Errors
/// Scores that differ by more than rounding explains.
pub fn same_scores(peer: &str, ours: &[f32], theirs: &[f32]) -> Result<f64> {
    ensure!(ours.len() == theirs.len(), "{peer} has {} scores; expected {}", theirs.len(), ours.len());
    let theirs: Vec<f64> = theirs.iter().copied().map(f64::from).collect();
    let (place, found) = difference(ours, &theirs);
    ensure!(
        found <= TOLERANCE,
        "{peer} and Tercet disagree: score number {place} of all is {} there and {} here, {found:.1e} apart; expected \
         at most {TOLERANCE:e}",
        theirs[place],
        ours[place]
    );
    Ok(found)
}

/// Compares the accuracies of two trained networks.
///
/// # Errors
/// Accuracies that differ by more than grown rounding errors explain.
pub fn same_accuracy(peer: &str, ours: f64, theirs: f64) -> Result<()> {
    ensure!(
        (ours - theirs).abs() <= ACCURACY,
        "{peer} has not done the same work: its network classifies {theirs:.4} of the test set correctly, Tercet's \
         {ours:.4}; expected them at most {ACCURACY} apart"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_planted_wrong_loss_is_caught_with_its_step() {
        let ours = [9.0, 8.0, 0.5];
        let close = json!({"losses": [9.0005, 8.0, 0.49995]});
        let found = same_losses("torch", &ours, &close).unwrap();
        assert!((4e-5..6e-5).contains(&found), "{found}");
        let wrong = json!({"losses": [9.0, 8.01, 0.5]});
        let error = same_losses("torch", &ours, &wrong).unwrap_err().to_string();
        assert!(error.contains("the loss of step 2 is 8.01 there and 8 here, 1.2e-3 apart"), "{error}");
        for wrong in
            [json!({"losses": [9.0, 8.0]}), json!({"seconds": 1.0}), json!({"losses": [9.0, null, 0.5]})]
        {
            assert!(
                same_losses("torch", &ours, &wrong).unwrap_err().to_string().contains("expected 3 losses")
            );
        }
        assert!(same_losses("torch", &[f32::NAN], &json!({"losses": [1.0]})).is_err());
    }

    #[test]
    fn scores_and_accuracies_that_differ_are_refused() {
        assert_eq!(same_scores("torch", &[0.0, 2.0], &[0.0, 2.0]).unwrap(), 0.0);
        let error = same_scores("torch", &[0.0, 2.0], &[1e-3, 2.0]).unwrap_err().to_string();
        assert!(error.contains("score number 0"), "{error}");
        assert!(same_scores("torch", &[0.0], &[0.0, 2.0]).is_err());
        assert!(same_accuracy("torch", 0.92, 0.93).is_ok());
        assert!(same_accuracy("torch", 0.92, 0.89).is_err());
    }
}
