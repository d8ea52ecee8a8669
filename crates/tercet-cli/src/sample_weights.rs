//! The weight of each training example, from a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use tercet::{Error, text};

/// Bytes that a line of a file of weights may have, on average.
const BYTES_OF_A_LINE: usize = 64;

/// Reads the weights of `examples` examples: one number a line, in the order of the training set.
pub fn read_weights(path: &Path, examples: usize) -> anyhow::Result<Vec<f32>> {
    let refuse = |found: String, expected: String| {
        let remedy = "Write the weight of each training example on a line of its own, in their order.";
        anyhow::Error::new(Error::format(path, found, expected, remedy))
    };
    let most = (examples + 1) * BYTES_OF_A_LINE;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::file("read", path))?;
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    let wanted = format!("{} numbers, one for each training example", text::thousands(examples));
    if bytes.len() > most {
        return Err(refuse(format!("more than {}", text::bytes(most)), wanted));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| refuse("bytes that are no text".to_owned(), wanted.clone()))?;
    let mut weights = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let word = line.trim();
        let weight = word.parse::<f32>().ok().filter(|weight| weight.is_finite() && *weight >= 0.0);
        let Some(weight) = weight else {
            let found = format!("{word:?} on line {}", text::thousands(number));
            return Err(refuse(found, "a finite number, 0 or more".to_owned()));
        };
        weights.push(weight);
    }
    if weights.len() != examples {
        return Err(refuse(format!("{} numbers", text::thousands(weights.len())), wanted));
    }
    Ok(weights)
}
