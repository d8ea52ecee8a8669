//! Sample weights: one weight for each training example, read from a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use tercet::{Error, text};

use crate::output_files::register_input;

/// The largest average length of a line, in bytes.
const BYTES_OF_A_LINE: usize = 64;

/// Reads one weight per line for `examples` examples, in the order of the training set.
pub fn read_weights(path: &Path, examples: usize) -> anyhow::Result<Vec<f32>> {
    register_input(path)?;
    let reject = |found: String, expected: String| {
        let remedy = "Write one weight per line, in the order of the training examples.";
        anyhow::Error::new(Error::format(path, found, expected, remedy))
    };
    let most = (examples + 1) * BYTES_OF_A_LINE;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::file("read", path))?;
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    let wanted = format!("{} numbers, one for each training example", text::thousands(examples));
    if bytes.len() > most {
        return Err(reject(format!("more than {}", text::bytes(most)), wanted));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| reject("bytes that are not text".to_owned(), wanted.clone()))?;
    let mut weights = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let word = line.trim();
        let weight = word.parse::<f32>().ok().filter(|weight| weight.is_finite() && *weight >= 0.0);
        let Some(weight) = weight else {
            let found = format!("{word:?} on line {}", text::thousands(number));
            return Err(reject(found, "a finite number, 0 or more".to_owned()));
        };
        weights.push(weight);
    }
    if weights.len() != examples {
        return Err(reject(format!("{} numbers", text::thousands(weights.len())), wanted));
    }
    Ok(weights)
}
