//! The header of a file of labels, which is no label.

use std::path::Path;

use super::raw_subset::{Labels, whole};
use super::read_options::LABEL_NAMES;
use crate::{Error, Result};

/// The labels of `examples` examples without their header, and the header if there was one. `is_header` is whether the
/// user says that the first line is one.
pub(super) fn removed(
    labels: Labels,
    examples: usize,
    is_header: Option<bool>,
    path: &Path,
) -> Result<(Labels, Option<String>)> {
    let Labels::Names(names, indices) = &labels else { return Ok((labels, None)) };
    let occurs_once = indices.iter().filter(|&&label| label == 0).count() == 1;
    let first = &names[0];
    let below = indices.len() - 1;
    let is_typical = LABEL_NAMES.contains(&first.to_lowercase().as_str());
    let is_above_numbers = whole(first).is_none() && names[1..].iter().all(|name| whole(name).is_some());
    let looks_like_header = occurs_once && below > 0 && (is_typical || (is_above_numbers && below > 1));
    match is_header {
        Some(false) => return Ok((labels, None)),
        None if !occurs_once || below == 0 => return Ok((labels, None)),
        None if below == examples => {}
        None if looks_like_header => {
            let found =
                format!("the first line “{first}”, which looks like a header, and {below} labels below it");
            let remedy = "Complete the labels; if the first line is a label, say so (`--header no`).";
            return Err(Error::format(path, found, format!("{examples} labels"), remedy));
        }
        None => return Ok((labels, None)),
        Some(true) => {}
    }
    let header = first.clone();
    let rest = Labels::of_names(indices[1..].iter().map(|&label| names[label as usize].clone()));
    Ok((rest, Some(header)))
}
