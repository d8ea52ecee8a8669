//! The validation split.

use tercet::Dataset;
use tercet::data::{Split, validation_split};

/// Splits a training set into examples to train on and examples to validate on; by default, the validation set of the
/// data is held out, or one example in twelve.
pub fn split(train: &Dataset, validation: Option<usize>, seed: u64) -> anyhow::Result<Split> {
    Ok(validation_split(train, validation, seed)?)
}

/// [`split`], where `validation` may also be 0: a recipe whose settings are final trains on all examples.
pub fn split_or_keep_all(train: &Dataset, validation: Option<usize>, seed: u64) -> anyhow::Result<Split> {
    match validation {
        Some(0) => Ok(Split { train: train.clone(), validation: train.subset(&[]) }),
        _ => split(train, validation, seed),
    }
}
