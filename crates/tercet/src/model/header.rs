//! The header of a model file, and the consistency checks before the tensors are read.

use std::collections::BTreeSet;
use std::fmt;

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Flaw;
use super::document::{self, Architecture, Document, Features, LayerShape, NeighborsShape};
use crate::network::norm_names;

/// The metadata key of the document.
pub(super) const KEY: &str = "tercet";

/// The maximum size of a header: 16 MiB. The document and the names of a few hundred tensors take a few kilobytes.
pub(super) const MAX_BYTES: u64 = 16 << 20;

const NOT_OURS: &str = "Give the path of a model that `tercet train` wrote.";

/// A tensor's type and dimensions.
type Kind = (Dtype, Vec<usize>);

/// The error for bytes that are not a safetensors file.
pub(super) fn broken(error: SafeTensorError) -> Flaw {
    no_file(format!("a file that is damaged, truncated or not a model ({error})"))
}

fn no_file(found: String) -> Flaw {
    Flaw::new(found, "a safetensors file").with_remedy(NOT_OURS)
}

/// The claimed length of the header, in a file of known length; a header that does not fit into the file is rejected.
pub(super) fn length(first: [u8; 8], file: Option<u64>) -> Result<u64, Flaw> {
    let length = u64::from_le_bytes(first);
    let there = file.map_or(u64::MAX, |file| file.saturating_sub(8));
    if length <= there.min(MAX_BYTES) {
        return Ok(length);
    }
    let of = file.map_or(String::new(), |file| format!(" of {file} bytes"));
    Err(no_file(format!(
        "a file{of} that claims a header of {length}, so it is damaged, truncated or not a model"
    )))
}

/// The length of the file implied by its header, which is checked completely: the document, and the tensors that it
/// requires.
pub(super) fn length_of_file(header: &[u8]) -> Result<u64, Flaw> {
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|e| broken(SafeTensorError::InvalidHeaderDeserialization(e)))?;
    check(header, &metadata)?;
    Ok(8 + header.len() as u64 + metadata.data_len() as u64)
}

/// The document of a header, whose tensors must be exactly those of its architecture, with their types and dimensions.
pub(super) fn check(header: &[u8], metadata: &Metadata) -> Result<Document, Flaw> {
    let Some(json) = metadata.metadata().as_ref().and_then(|m| m.get(KEY)) else {
        return Err(Flaw::new(
            "a safetensors file without a description of the model",
            format!("a document under the metadata key `{KEY}`"),
        )
        .with_remedy(NOT_OURS));
    };
    // With duplicate names, another reader might take the first and this one the last.
    let Names(twice) = serde_json::from_slice(header)
        .map_err(|e| broken(SafeTensorError::InvalidHeaderDeserialization(e)))?;
    if let Some(name) = twice {
        return Err(Flaw::new(format!("{name:?} twice in the header"), "every name once"));
    }
    let document = document::read(json)?;

    let found = metadata.tensors();
    let names: BTreeSet<&str> = found.keys().map(String::as_str).collect();
    let tensors = Wanted::of(&document.architecture);
    let wanted: BTreeSet<&str> = tensors.0.iter().map(|(name, _)| name.as_str()).collect();
    if names != wanted {
        return Err(Flaw::new(format!("the tensors {}", list(&names)), list(&wanted)));
    }
    for (name, (dtype, shape)) in &tensors.0 {
        let info = found[name];
        if info.dtype != *dtype || info.shape != *shape {
            return Err(Flaw::new(
                format!("a tensor {name} of {} with dimensions {:?}", info.dtype, info.shape),
                format!("{dtype} with dimensions {shape:?}, as the architecture says"),
            ));
        }
    }
    Ok(document)
}

/// The tensors that an architecture requires, layer by layer.
struct Wanted(Vec<(String, Kind)>);

impl Wanted {
    fn of(architecture: &Architecture) -> Self {
        match architecture {
            Architecture::Neighbors(shape) => Wanted::of_neighbors(shape),
            Architecture::Layers(layers) => Wanted::of_layers(layers),
        }
    }

    fn of_neighbors(shape: &NeighborsShape) -> Self {
        let rows = match shape.features {
            Features::U8 => Dtype::U8,
            Features::F32 => Dtype::F32,
            Features::F64 => Dtype::F64,
        };
        let mut tensors = vec![
            ("rows".to_owned(), (rows, vec![shape.examples, shape.width])),
            ("labels".to_owned(), (Dtype::U32, vec![shape.examples])),
        ];
        if shape.weighted {
            tensors.push(("weights".to_owned(), (Dtype::F32, vec![shape.examples])));
        }
        Wanted(tensors)
    }

    fn of_layers(layers: &[LayerShape]) -> Self {
        let (mut n, mut m) = (0, 0);
        let mut tensors = Vec::new();
        let mut weights = |inputs: usize, outputs: usize| {
            n += 1;
            [
                (format!("w{n}"), (Dtype::F32, vec![inputs, outputs])),
                (format!("b{n}"), (Dtype::F32, vec![outputs])),
            ]
        };
        for layer in layers {
            match *layer {
                LayerShape::Dense { inputs, outputs } => tensors.extend(weights(inputs, outputs)),
                LayerShape::Conv2d { channels, filters, kernel_height, kernel_width, .. } => {
                    let patch = kernel_height.saturating_mul(kernel_width).saturating_mul(channels);
                    tensors.extend(weights(patch, filters));
                }
                LayerShape::BatchNorm { channels } => {
                    m += 1;
                    let names = norm_names(m).map(|(name, _)| (name, (Dtype::F32, vec![channels])));
                    tensors.extend(names);
                }
                _ => {}
            }
        }
        Wanted(tensors)
    }
}

fn list(names: &BTreeSet<&str>) -> String {
    /// Further names are only counted.
    const SHOWN: usize = 20;
    let shown: Vec<&str> = names.iter().copied().take(SHOWN).collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{} and {} more", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    }
}

/// The first duplicate name in an object, or in the object of its metadata.
struct Names(Option<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Twice)
    }
}

struct Twice;

impl<'de> Visitor<'de> for Twice {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let (mut seen, mut twice) = (BTreeSet::new(), None);
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                twice = twice.or(map.next_value::<Option<Names>>()?.and_then(|names| names.0));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            if !seen.insert(name.clone()) {
                twice.get_or_insert(name);
            }
        }
        Ok(Names(twice))
    }
}
