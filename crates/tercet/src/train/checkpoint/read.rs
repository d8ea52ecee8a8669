//! Reads the state of a training from untrusted bytes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, Metadata};
use serde_json::Value;

use super::{BEST, Checkpoint, Document, EMA, FORMAT, Identity, KEY, LAST_FINITE, layers};
use crate::network::{Named, Network};
use crate::optimizer::Moments;
use crate::train::state::State;
use crate::train::{History, RateChange, Settings, Validation};
use crate::{Error, Result};

/// The longest header that is read. Settings and the names of a few hundred tensors take a few kilobytes.
const MAX_HEADER: u64 = 16 << 20;

/// The maximum number of steps that an optimizer can have taken before this training.
const MAX_EARLIER_STEPS: usize = usize::MAX / 4;

const DAMAGED: &str = "The file was damaged or changed: leave out --resume to start from scratch.";
const NOT_OURS: &str =
    "Give the path of a checkpoint that `tercet train` wrote, or leave out --resume to start from scratch.";
const NOT_THIS: &str = "Resume with the settings and the data that it was written with, or leave out --resume to start from scratch.";

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
            false => Err(refuse(Flaw::new("a truncated file", "a checkpoint", NOT_OURS))),
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
    // As long as the header says, which was checked against the tensors of this training.
    read(&mut bytes, length - 8 - header_length)?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|e| refuse(Flaw::new(format!("a file that is damaged ({e})"), "a checkpoint", DAMAGED)))?;
    build(&tensors, &document, identity, untrained).map_err(refuse)
}

/// The document of a checkpoint, which must belong to this training and list exactly its tensors.
fn check_header(
    header: &[u8],
    length: u64,
    identity: &Identity,
    untrained: &Network,
) -> Result<Document, Flaw> {
    let none = |e: String| {
        Flaw::new(format!("a file that is damaged or not a checkpoint ({e})"), "a checkpoint", NOT_OURS)
    };
    let metadata: Metadata = serde_json::from_slice(header).map_err(|e| none(e.to_string()))?;
    let Some(json) = metadata.metadata().as_ref().and_then(|m| m.get(KEY)) else {
        let found = "a safetensors file that is not a checkpoint";
        return Err(Flaw::new(found, format!("a document under the metadata key `{KEY}`"), NOT_OURS));
    };
    let value: Value = serde_json::from_str(json).map_err(|e| none(e.to_string()))?;
    if value["format"] != FORMAT {
        let found = format!("checkpoint format {}", value["format"]);
        let remedy =
            "Resume with the version of tercet that wrote it, or leave out --resume to start from scratch.";
        return Err(Flaw::new(found, format!("format {FORMAT}"), remedy));
    }
    let document: Document = serde_json::from_value(value).map_err(|e| none(e.to_string()))?;
    check_identity(&document, identity, untrained)?;
    check_tensors(&metadata, &document, identity, untrained)?;
    let expected = 8 + header.len() as u64 + metadata.data_len() as u64;
    if length != expected {
        return Err(Flaw::new(format!("{length} bytes"), format!("{expected}, as its header says"), DAMAGED));
    }
    Ok(document)
}

/// Rejects a checkpoint of other settings, data or layers.
fn check_identity(document: &Document, identity: &Identity, untrained: &Network) -> Result<(), Flaw> {
    let training = [&document.training, &identity.description].map(|map| Value::Object(map.clone()));
    if let Some((place, found, expected)) = difference("", &training[0], &training[1]) {
        return Err(Flaw::new(format!("a checkpoint with {place} = {found}"), expected, NOT_THIS));
    }
    for (name, digest) in &identity.data {
        if document.data.get(name) != Some(digest) {
            return Err(Flaw::new(format!("a checkpoint of another {name}"), "the same data", NOT_THIS));
        }
    }
    if let Some(name) = document.data.keys().find(|name| !identity.data.contains_key(*name)) {
        return Err(Flaw::new(format!("a checkpoint with {name}"), "one without", NOT_THIS));
    }
    let expected = layers(untrained);
    if document.layers != expected {
        return Err(Flaw::new(format!("a checkpoint of the layers {}", document.layers), expected, NOT_THIS));
    }
    Ok(())
}

/// Rejects a header that does not list exactly the tensors of this training.
fn check_tensors(
    metadata: &Metadata,
    document: &Document,
    identity: &Identity,
    untrained: &Network,
) -> Result<(), Flaw> {
    let count = metadata.info("validations.steps").and_then(|info| info.shape.first().copied()).unwrap_or(0);
    let expected = expected_tensors(document, count, &identity.settings, untrained);
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
    Ok(())
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

/// Every tensor of this training, with its type and shape.
fn expected_tensors(
    document: &Document,
    validations: usize,
    settings: &Settings,
    untrained: &Network,
) -> BTreeMap<String, (Dtype, Vec<usize>)> {
    let (first, second) = settings.optimizer.keeps_moments();
    let prefixes = [
        ("", true),
        (EMA, settings.ema.is_some()),
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
        // Optimizers keep moments of trainable arrays only.
        let remembered = matches!(prefix, "first." | "second.");
        for array in untrained.arrays().into_iter().filter(|array| array.learned || !remembered) {
            expected.insert(format!("{prefix}{}", array.name), (Dtype::F32, array.shape));
        }
    }
    expected
}

/// The tensors of a checkpoint, whose types and shapes have been checked.
struct Tensors<'a> {
    tensors: &'a SafeTensors<'a>,
    untrained: &'a Network,
}

impl Tensors<'_> {
    fn bytes(&self, name: &str) -> Result<&[u8], Flaw> {
        match self.tensors.tensor(name) {
            Ok(tensor) => Ok(tensor.data()),
            Err(e) => Err(inconsistent(format!("no tensor {name} ({e})"))),
        }
    }

    fn f32s(&self, name: &str) -> Result<Vec<f32>, Flaw> {
        Ok(self.bytes(name)?.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    /// The network whose tensors have this prefix.
    fn network(&self, prefix: &str) -> Result<Network, Flaw> {
        let mut network = self.untrained.clone();
        for (array, Named { name, .. }) in network.arrays_mut().into_iter().zip(self.untrained.arrays()) {
            *array = self.f32s(&format!("{prefix}{name}"))?;
        }
        Ok(network)
    }

    /// The moments of every trainable array that the optimizer keeps.
    fn moments(&self, (first, second): (bool, bool)) -> Result<Vec<[Moments; 2]>, Flaw> {
        let read = |kept: bool, name: String| if kept { self.f32s(&name) } else { Ok(Vec::new()) };
        let of_array = |array: &str| -> Result<Moments, Flaw> {
            Ok(Moments {
                first: read(first, format!("first.{array}"))?,
                second: read(second, format!("second.{array}"))?,
            })
        };
        let learned: Vec<_> = self.untrained.arrays().into_iter().filter(|array| array.learned).collect();
        let (pairs, _) = learned.as_chunks::<2>();
        pairs.iter().map(|[w, b]| Ok([of_array(&w.name)?, of_array(&b.name)?])).collect()
    }

    /// The validation checks of a training of `steps` steps.
    fn validations(&self, steps: usize) -> Result<Vec<Validation>, Flaw> {
        let (mut validations, losses) = (Vec::new(), self.f32s("validations.losses")?);
        let numbers = self.bytes("validations.steps")?.as_chunks().0.iter();
        let accuracies = self.bytes("validations.accuracies")?.as_chunks().0.iter();
        let rows = numbers.zip(losses.as_chunks().0).zip(accuracies);
        for ((number, &[train_loss, validation_loss]), accuracy) in rows {
            let step = u64::from_le_bytes(*number) as usize;
            let validation_accuracy = f64::from_le_bytes(*accuracy);
            let before = validations.last().map_or(0, |last: &Validation| last.step);
            if step <= before || step > steps {
                let found = format!("a validation check after step {step} of {steps}, following {before}");
                return Err(inconsistent(found));
            }
            validations.push(Validation { step, train_loss, validation_loss, validation_accuracy });
        }
        Ok(validations)
    }
}

/// A part of the file that contradicts another part.
fn inconsistent(found: String) -> Flaw {
    Flaw::new(found, "parts that agree with one another", DAMAGED)
}

/// Rejects changes of the learning rate that no training can have made.
fn check_rate_changes(document: &Document) -> Result<(), Flaw> {
    let mut earliest = 0;
    for &RateChange { step, factor } in &document.rate_changes {
        if step < earliest || step > document.step || !(factor.is_finite() && factor > 0.0) {
            let found = format!("a learning rate times {factor} after step {step} of {}", document.step);
            return Err(inconsistent(found));
        }
        earliest = step + 1;
    }
    Ok(())
}

/// Builds the state of the training from the tensors.
fn build(
    tensors: &SafeTensors<'_>,
    document: &Document,
    identity: &Identity,
    untrained: &Network,
) -> Result<Checkpoint, Flaw> {
    let tensors = Tensors { tensors, untrained };
    let &Document { step, earlier_steps, .. } = document;
    if earlier_steps > MAX_EARLIER_STEPS {
        return Err(inconsistent(format!("{earlier_steps} steps of earlier trainings")));
    }
    let validations = tensors.validations(step)?;
    check_rate_changes(document)?;
    let best = match document.best {
        None => None,
        Some(step) => match validations.iter().find(|check| check.step == step) {
            Some(check) => Some((*check, tensors.network(BEST)?)),
            None => {
                return Err(inconsistent(format!("a best check after step {step}, where none was made")));
            }
        },
    };
    let Settings { optimizer, ema, .. } = identity.settings;
    let rate_changes = document.rate_changes.clone();
    Ok(Checkpoint::new(State {
        network: tensors.network("")?,
        step,
        earlier_steps,
        moments: tensors.moments(optimizer.keeps_moments())?,
        ema: ema.map(|_| tensors.network(EMA)).transpose()?,
        history: History { losses: tensors.f32s("losses")?, validations, rate_changes },
        last_finite: tensors.network(LAST_FINITE)?,
        best,
    }))
}
