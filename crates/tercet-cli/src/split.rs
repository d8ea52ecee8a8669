//! The validation split.

use tercet::Dataset;
use tercet::data::{Split, default_validation};

/// The number of examples of `n` that are held out: `validation`, or else the default.
pub fn validation_size(validation: Option<usize>, n: usize) -> usize {
    validation.unwrap_or_else(|| default_validation(n))
}

/// Splits a training set into examples to train on and examples to validate on.
pub fn split(train: &Dataset, validation: Option<usize>, seed: u64) -> anyhow::Result<Split> {
    Ok(tercet::data::split(train, validation_size(validation, train.len()), seed)?)
}

/// [`split`], where `validation` may also be 0: a recipe whose settings are final trains on all examples.
pub fn split_or_keep_all(train: &Dataset, validation: Option<usize>, seed: u64) -> anyhow::Result<Split> {
    match validation {
        Some(0) => Ok(Split { train: train.clone(), validation: train.subset(&[]) }),
        _ => split(train, validation, seed),
    }
}
