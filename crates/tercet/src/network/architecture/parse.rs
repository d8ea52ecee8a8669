//! Parses one word into one layer.

use super::super::{Activation, Pool, Spec, activation};

/// All words, for the error about an unknown word.
fn words() -> String {
    let activations = activation::WORDS.join(", ");
    format!(
        "conv, pool, avgpool, dense, flatten, {activations}, dropout or batchnorm, such as conv5-24 or dense128"
    )
}

/// Parses a word into a layer, or returns what was expected.
pub(super) fn word(word: &str) -> Result<Spec, String> {
    let name = word.find(|c: char| !c.is_ascii_alphabetic()).map_or(word, |end| &word[..end]);
    let rest = &word[name.len()..];
    let spec = match name {
        "dense" => {
            Spec::Dense { outputs: number(rest).map_err(expected("the number of units, as in dense128"))? }
        }
        "conv" => conv(rest)?,
        "pool" => Spec::MaxPool(pool(rest)?),
        "avgpool" => Spec::AveragePool(pool(rest)?),
        "dropout" => Spec::Dropout {
            p: rest.parse().map_err(|_| "dropout and a probability, as in dropout0.5".to_owned())?,
        },
        "batchnorm" | "flatten" if !rest.is_empty() => {
            return Err(format!("{name} alone, without a number"));
        }
        "batchnorm" => Spec::BatchNorm,
        "flatten" => Spec::Flatten,
        _ => Spec::Activation(Activation::from_word(name, rest).unwrap_or_else(|| Err(words()))?),
    };
    match spec.expected_parameters() {
        Some(wanted) => Err(wanted.to_owned()),
        None => Ok(spec),
    }
}

/// The error text for a number that is missing, malformed or too large.
fn expected(what: &str) -> impl Fn(()) -> String {
    move |()| what.to_owned()
}

fn number(text: &str) -> Result<usize, ()> {
    // `parse` would accept a sign.
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().map_err(drop),
        false => Err(()),
    }
}

/// `5-24` or `3x5-24`, followed by `/2`, `+1` or `+same` in any order.
fn conv(text: &str) -> Result<Spec, String> {
    let wanted = || {
        "the size of the filters and their number, as in conv5-24 or conv3x5-24, then /2 for a stride and +1 or +same \
         for padding"
            .to_owned()
    };
    let (sizes, mut rest) = text.split_at(text.find(['/', '+']).unwrap_or(text.len()));
    let (kernel, filters) = sizes.split_once('-').ok_or_else(wanted)?;
    let (height, width) = kernel.split_once('x').unwrap_or((kernel, kernel));
    let read = |text| number(text).map_err(|()| wanted());
    let (kernel_height, kernel_width, filters) = (read(height)?, read(width)?, read(filters)?);
    let (mut stride, mut padding) = (None, None);
    while let Some(sign) = rest.chars().next() {
        let end = rest[1..].find(['/', '+']).map_or(rest.len(), |end| end + 1);
        let value = &rest[1..end];
        rest = &rest[end..];
        let slot = if sign == '/' { &mut stride } else { &mut padding };
        if slot.is_some() {
            return Err(format!("a single {sign}"));
        }
        *slot = Some(match (sign, value) {
            ('+', "same") if kernel_height != kernel_width || kernel_height.is_multiple_of(2) => {
                return Err(
                    "+same for filters with an odd number of rows and as many columns alone".to_owned()
                );
            }
            ('+', "same") => kernel_height / 2,
            _ => read(value)?,
        });
    }
    let (stride, padding) = (stride.unwrap_or(1), padding.unwrap_or(0));
    Ok(Spec::Conv2d { kernel_height, kernel_width, filters, stride, padding })
}

/// The empty string, `3` or `3/2`.
fn pool(text: &str) -> Result<Pool, String> {
    if text.is_empty() {
        return Ok(Pool::HALVING);
    }
    let (size, stride) = text.split_once('/').unwrap_or((text, text));
    let read = |text| {
        number(text).map_err(|()| {
            "the size of the windows, as in pool3, and how far they lie apart where that is another, as in pool3/2"
                .to_owned()
        })
    };
    Ok(Pool { size: read(size)?, stride: read(stride)? })
}
