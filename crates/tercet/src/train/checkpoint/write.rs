//! Writes the state of a training to bytes.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{BEST, Document, EMA, FORMAT, Identity, KEY, LAST_FINITE, layers};
use crate::network::Named;
use crate::optimizer::Moments;
use crate::tensors::{Tensor, Values};
use crate::train::state::State;
use crate::{Error, Result};

/// SHA-256 of some numbers, hexadecimal.
pub(super) fn digest(values: &[f32]) -> String {
    let mut sha = Sha256::new();
    values.iter().for_each(|value| sha.update(value.to_le_bytes()));
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn to_bytes(state: &State, identity: &Identity) -> Result<Vec<u8>> {
    let State { network, step, earlier_steps, moments, ema, history, last_finite, best } = state;
    let document = Document {
        format: FORMAT,
        step: *step,
        earlier_steps: *earlier_steps,
        best: best.as_ref().map(|(check, _)| check.step),
        training: identity.description.clone(),
        layers: layers(network),
        data: identity.data.clone(),
        program: concat!("tercet ", env!("CARGO_PKG_VERSION")).to_owned(),
        rate_changes: history.rate_changes.clone(),
    };
    let refuse = |e: String| Error::mismatch("the checkpoint to be saved", e, "numbers that can be written");
    let document = serde_json::to_string(&document).map_err(|e| refuse(e.to_string()))?;

    let (validations, count) = (&history.validations, history.validations.len());
    let steps: Vec<u64> = validations.iter().map(|check| check.step as u64).collect();
    let losses: Vec<f32> =
        validations.iter().flat_map(|check| [check.train_loss, check.validation_loss]).collect();
    let accuracies: Vec<f64> = validations.iter().map(|check| check.validation_accuracy).collect();
    let tensor =
        |name: &str, shape: &[usize], values| (name.to_owned(), Tensor { shape: shape.to_vec(), values });
    let mut tensors = vec![
        tensor("losses", &[history.losses.len()], Values::F32(&history.losses)),
        tensor("validations.steps", &[count], Values::U64(&steps)),
        tensor("validations.losses", &[count, 2], Values::F32(&losses)),
        tensor("validations.accuracies", &[count], Values::F64(&accuracies)),
    ];
    let networks = [
        ("", Some(network)),
        (EMA, ema.as_ref()),
        (LAST_FINITE, Some(last_finite)),
        (BEST, best.as_ref().map(|(_, n)| n)),
    ];
    for (prefix, network) in networks.into_iter().filter_map(|(prefix, network)| Some((prefix, network?))) {
        for Named { name, shape, values, .. } in network.arrays() {
            tensors.push(tensor(&format!("{prefix}{name}"), &shape, Values::F32(values)));
        }
    }
    let learned = network.arrays().into_iter().filter(|array| array.learned);
    for (Named { name, shape, .. }, Moments { first, second }) in learned.zip(moments.iter().flatten()) {
        for (prefix, values) in [("first.", first), ("second.", second)] {
            if !values.is_empty() {
                tensors.push(tensor(&format!("{prefix}{name}"), &shape, Values::F32(values)));
            }
        }
    }
    safetensors::serialize(tensors, Some(HashMap::from([(KEY.to_owned(), document)])))
        .map_err(|e| refuse(e.to_string()))
}
