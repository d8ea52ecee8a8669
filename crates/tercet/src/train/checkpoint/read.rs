//! Bytes to a training, none of them believed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata};
use serde_json::Value;

use super::{
    BEST, Checkpoint, Document, EMA, FORMAT, FORMAT_WITH_CHANGES, Identity, KEY, LAST_FINITE, layers,
};
use crate::network::{Named, Network};
use crate::optimizer::{Moments, Optimizer};
use crate::train::state::State;
use crate::train::{History, RateChange, Validation};
use crate::{Error, Result};

/// The longest header that is read. A recipe and the names of a few hundred tensors take a few kilobytes.
const MAX_HEADER: u64 = 16 << 20;

const DAMAGED: &str = "The file was damaged or changed: leave out --resume to begin anew.";
const NOT_OURS: &str =
    "Give the path of a checkpoint that `tercet train` wrote, or leave out --resume to begin anew.";
const NOT_THIS: &str =
    "Resume with the recipe and the data that it was written with, or leave out --resume to begin anew.";

/// What is wrong with a file: found, expected, remedy.
struct Flaw(String, String, &'static str);

impl Flaw {
    fn new(found: impl Into<String>, expected: impl Into<String>, remedy: &'static str) -> Self {
        Flaw(found.into(), expected.into(), remedy)
    }
}

pub(super) fn load(path: &Path, identity: &Identity, untrained: &Network) -> Result<Checkpoint> {
    let mut file = File::open(path).map_err(Error::file("read", path))?;
    let length = file.metadata().map_err(Error::file("read", path))?.len();
    let refuse = |Flaw(found, expected, remedy)| Error::format(path, found, expected, remedy);

    let mut bytes = Vec::new();
    let mut read = |bytes: &mut Vec<u8>, count: u64| -> Result<()> {
        let before = bytes.len();
        (&mut file).take(count).read_to_end(bytes).map_err(Error::file("read", path))?;
        match (bytes.len() - before) as u64 == count {
            true => Ok(()),
            false => Err(refuse(Flaw::new("a file that is cut short", "a checkpoint", NOT_OURS))),
        }
    };
    read(&mut bytes, 8)?;
    let header_length = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    if header_length > MAX_HEADER.min(length.saturating_sub(8)) {
        let found = format!("a header of {header_length} bytes in a file of {length}");
        return Err(refuse(Flaw::new(found, "a checkpoint", NOT_OURS)));
    }
    read(&mut bytes, header_length)?;
    let document = check_header(&bytes[8..], length, identity, untrained).map_err(refuse)?;
    // As long as the header says, which says no more than the tensors of this very training.
    read(&mut bytes, length - 8 - header_length)?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|e| refuse(Flaw::new(format!("a file that is damaged ({e})"), "a checkpoint", DAMAGED)))?;
    build(&tensors, &document, identity, untrained).map_err(refuse)
}

/// The document of a checkpoint that belongs to this training and has just its tensors.
fn check_header(
    header: &[u8],
    length: u64,
    identity: &Identity,
    untrained: &Network,
) -> Result<Document, Flaw> {
    let none = |e: String| {
        Flaw::new(format!("a file that is damaged or no checkpoint ({e})"), "a checkpoint", NOT_OURS)
    };
    let metadata: Metadata = serde_json::from_slice(header).map_err(|e| none(e.to_string()))?;
    let Some(json) = metadata.metadata().as_ref().and_then(|m| m.get(KEY)) else {
        let found = "a safetensors file that is no checkpoint";
        return Err(Flaw::new(found, format!("a document under the metadata key `{KEY}`"), NOT_OURS));
    };
    let value: Value = serde_json::from_str(json).map_err(|e| none(e.to_string()))?;
    if value["format"] != FORMAT && value["format"] != FORMAT_WITH_CHANGES {
        let found = format!("checkpoint format {}", value["format"]);
        let remedy = "Resume with the version of tercet that wrote it, or leave out --resume to begin anew.";
        return Err(Flaw::new(found, format!("format {FORMAT} or {FORMAT_WITH_CHANGES}"), remedy));
    }
    let document: Document = serde_json::from_value(value).map_err(|e| none(e.to_string()))?;

    for (name, digest) in &identity.data {
        if document.data.get(name) != Some(digest) {
            return Err(Flaw::new(format!("a checkpoint of another {name}"), "the same data", NOT_THIS));
        }
    }
    if let Some(name) = document.data.keys().find(|name| !identity.data.contains_key(*name)) {
        return Err(Flaw::new(format!("a checkpoint with {name}"), "one without", NOT_THIS));
    }
    if let Some((place, found, expected)) = difference("", &document.recipe, &identity.recipe) {
        return Err(Flaw::new(
            format!("a checkpoint whose recipe has {place} = {found}"),
            expected,
            NOT_THIS,
        ));
    }
    let expected = layers(untrained);
    if document.layers != expected {
        return Err(Flaw::new(format!("a checkpoint of the layers {}", document.layers), expected, NOT_THIS));
    }

    let count = metadata.info("validations.steps").and_then(|info| info.shape.first().copied()).unwrap_or(0);
    let optimizer = optimizer(identity).ok_or_else(|| none("a recipe without an optimizer".to_owned()))?;
    let expected = expected_tensors(&document, count, optimizer, keeps_ema(identity), untrained);
    let found = metadata.tensors();
    if let Some(name) = found.keys().find(|name| !expected.contains_key(*name)) {
        return Err(Flaw::new(format!("a tensor {name}"), "only those of this training", DAMAGED));
    }
    for (name, (dtype, shape)) in &expected {
        let found = found.get(name).map(|info| (info.dtype, info.shape.clone()));
        if found.as_ref() != Some(&(*dtype, shape.clone())) {
            let found = found.map_or("nothing".to_owned(), |(dtype, shape)| format!("{dtype} {shape:?}"));
            return Err(Flaw::new(
                format!("{found} for the tensor {name}"),
                format!("{dtype} {shape:?}"),
                DAMAGED,
            ));
        }
    }
    let expected = 8 + header.len() as u64 + metadata.data_len() as u64;
    if length != expected {
        return Err(Flaw::new(format!("{length} bytes"), format!("{expected}, as its header says"), DAMAGED));
    }
    Ok(document)
}

/// The first place where two documents differ, with what is found and expected there.
fn difference(place: &str, found: &Value, expected: &Value) -> Option<(String, String, String)> {
    if let (Value::Object(a), Value::Object(b)) = (found, expected) {
        let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        return names.into_iter().find_map(|name| {
            let dot = if place.is_empty() { "" } else { "." };
            let of = |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or(Value::Null);
            difference(&format!("{place}{dot}{name}"), &of(a), &of(b))
        });
    }
    let in_words = |value: &Value| if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    (found != expected).then(|| (place.to_owned(), in_words(found), in_words(expected)))
}

fn optimizer(identity: &Identity) -> Option<Optimizer> {
    serde_json::from_value(identity.recipe.get("train")?.get("optimizer")?.clone()).ok()
}

/// Whether a moving average of the weights is kept.
fn keeps_ema(identity: &Identity) -> bool {
    identity.recipe.pointer("/train/ema").is_some_and(|ema| !ema.is_null())
}

/// Every tensor of this training, with its type and shape.
fn expected_tensors(
    document: &Document,
    validations: usize,
    optimizer: Optimizer,
    keeps_ema: bool,
    untrained: &Network,
) -> BTreeMap<String, (Dtype, Vec<usize>)> {
    let (first, second) = optimizer.keeps_moments();
    let prefixes = [
        ("", true),
        (EMA, keeps_ema),
        (LAST_FINITE, true),
        (BEST, document.best.is_some()),
        ("first.", first),
        ("second.", second),
    ];
    let mut expected = BTreeMap::from([
        ("losses".to_owned(), (Dtype::F32, vec![document.step])),
        ("validations.steps".to_owned(), (Dtype::U64, vec![validations])),
        ("validations.losses".to_owned(), (Dtype::F32, vec![validations, 2])),
        ("validations.accuracies".to_owned(), (Dtype::F64, vec![validations])),
    ]);
    for (prefix, _) in prefixes.into_iter().filter(|(_, there)| *there) {
        // Optimizers remember of what is learned alone.
        let remembered = matches!(prefix, "first." | "second.");
        for array in untrained.arrays().into_iter().filter(|array| array.learned || !remembered) {
            expected.insert(format!("{prefix}{}", array.name), (Dtype::F32, array.shape));
        }
    }
    expected
}

/// The training of tensors that have the types and shapes which were expected.
fn build(
    tensors: &SafeTensors<'_>,
    document: &Document,
    identity: &Identity,
    untrained: &Network,
) -> Result<Checkpoint, Flaw> {
    let flaw = |found: String| Flaw::new(found, "parts that agree with one another", DAMAGED);
    let bytes = |name: &str| match tensors.tensor(name) {
        Ok(tensor) => Ok(tensor.data()),
        Err(e) => Err(flaw(format!("no tensor {name} ({e})"))),
    };
    let f32s = |name: &str| -> Result<Vec<f32>, Flaw> {
        Ok(bytes(name)?.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
    };
    let network = |prefix: &str| -> Result<Network, Flaw> {
        let mut network = untrained.clone();
        for (array, Named { name, .. }) in network.arrays_mut().into_iter().zip(untrained.arrays()) {
            *array = f32s(&format!("{prefix}{name}"))?;
        }
        Ok(network)
    };

    let (mut validations, losses) = (Vec::new(), f32s("validations.losses")?);
    let steps =
        bytes("validations.steps")?.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word) as usize);
    let accuracies =
        bytes("validations.accuracies")?.as_chunks().0.iter().map(|word| f64::from_le_bytes(*word));
    for ((step, &[train_loss, validation_loss]), validation_accuracy) in
        steps.zip(losses.as_chunks().0).zip(accuracies)
    {
        let before = validations.last().map_or(0, |last: &Validation| last.step);
        if step <= before || step > document.step {
            return Err(flaw(format!("a check after step {step} of {}, behind {before}", document.step)));
        }
        validations.push(Validation { step, train_loss, validation_loss, validation_accuracy });
    }
    let mut changed = 0;
    for change in &document.rate_changes {
        let RateChange { step, factor } = *change;
        if step <= changed || step > document.step || !(factor.is_finite() && factor > 0.0) {
            return Err(flaw(format!(
                "a learning rate times {factor} after step {step} of {}",
                document.step
            )));
        }
        changed = step;
    }
    let best = match document.best {
        None => None,
        Some(step) => match validations.iter().find(|check| check.step == step) {
            Some(check) => Some((*check, network(BEST)?)),
            None => return Err(flaw(format!("a best check after step {step}, where none was made"))),
        },
    };
    let (first, second) = optimizer(identity).map_or((false, false), Optimizer::keeps_moments);
    let moments = |array: &str| -> Result<Moments, Flaw> {
        let read =
            |there: bool, prefix| if there { f32s(&format!("{prefix}.{array}")) } else { Ok(Vec::new()) };
        Ok(Moments { first: read(first, "first")?, second: read(second, "second")? })
    };
    let learned: Vec<_> = untrained.arrays().into_iter().filter(|array| array.learned).collect();
    let (pairs, _) = learned.as_chunks::<2>();
    let moments = pairs
        .iter()
        .map(|[w, b]| Ok([moments(&w.name)?, moments(&b.name)?]))
        .collect::<Result<Vec<_>, Flaw>>()?;
    let history =
        History { losses: f32s("losses")?, validations, rate_changes: document.rate_changes.clone() };
    let ema = keeps_ema(identity).then(|| network(EMA)).transpose()?;
    let state = State {
        step: document.step,
        earlier_steps: 0,
        moments,
        ema,
        history,
        last_finite: network(LAST_FINITE)?,
        best,
    };
    Ok(Checkpoint { network: network("")?, state })
}
