//! A training to bytes.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::{AVERAGE, BEST, Document, FORMAT, FORMAT_WITH_CHANGES, Identity, KEY, RateChange, SOUND, layers};
use crate::model::tensors::{Tensor, Values};
use crate::network::Network;
use crate::train::state::State;
use crate::{Error, Result};

/// SHA-256 of some numbers, hexadecimal.
pub(super) fn digest(values: &[f32]) -> String {
    let mut sha = Sha256::new();
    values.iter().for_each(|value| sha.update(value.to_le_bytes()));
    sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn to_bytes(
    network: &Network,
    state: &State,
    rate_changes: Vec<RateChange>,
    identity: &Identity,
) -> Result<Vec<u8>> {
    let State { step, moments, average, history, last_sound, best } = state;
    let document = Document {
        format: if rate_changes.is_empty() { FORMAT } else { FORMAT_WITH_CHANGES },
        step: *step,
        best: best.as_ref().map(|(check, _)| check.step),
        recipe: identity.recipe.clone(),
        layers: layers(network),
        data: identity.data.clone(),
        program: concat!("tercet ", env!("CARGO_PKG_VERSION")).to_owned(),
        rate_changes,
    };
    let refuse = |e: String| Error::mismatch("the checkpoint to be saved", e, "numbers that can be written");
    let document = serde_json::to_string(&document).map_err(|e| refuse(e.to_string()))?;

    let (checks, count) = (&history.checks, history.checks.len());
    let steps: Vec<u64> = checks.iter().map(|check| check.step as u64).collect();
    let losses: Vec<f32> =
        checks.iter().flat_map(|check| [check.train_loss, check.validation_loss]).collect();
    let accuracies: Vec<f64> = checks.iter().map(|check| check.validation_accuracy).collect();
    let tensor =
        |name: &str, shape: &[usize], values| (name.to_owned(), Tensor { shape: shape.to_vec(), values });
    let mut tensors = vec![
        tensor("losses", &[history.losses.len()], Values::F32(&history.losses)),
        tensor("checks.steps", &[count], Values::U64(&steps)),
        tensor("checks.losses", &[count, 2], Values::F32(&losses)),
        tensor("checks.accuracies", &[count], Values::F64(&accuracies)),
    ];
    let networks = [
        ("", Some(network)),
        (AVERAGE, average.as_ref()),
        (SOUND, Some(last_sound)),
        (BEST, best.as_ref().map(|(_, n)| n)),
    ];
    for (prefix, network) in networks.into_iter().filter_map(|(prefix, network)| Some((prefix, network?))) {
        for (dense, n) in network.dense_layers().zip(1..) {
            let shape = [dense.inputs, dense.outputs];
            tensors.push(tensor(&format!("{prefix}w{n}"), &shape, Values::F32(&dense.w)));
            tensors.push(tensor(&format!("{prefix}b{n}"), &shape[1..], Values::F32(&dense.b)));
        }
    }
    for ((dense, [of_w, of_b]), n) in network.dense_layers().zip(moments).zip(1..) {
        let shape = [dense.inputs, dense.outputs];
        for (prefix, w, b) in [("first.", &of_w.first, &of_b.first), ("second.", &of_w.second, &of_b.second)]
        {
            if !w.is_empty() {
                tensors.push(tensor(&format!("{prefix}w{n}"), &shape, Values::F32(w)));
                tensors.push(tensor(&format!("{prefix}b{n}"), &shape[1..], Values::F32(b)));
            }
        }
    }
    safetensors::serialize(tensors, Some(HashMap::from([(KEY.to_owned(), document)])))
        .map_err(|e| refuse(e.to_string()))
}
