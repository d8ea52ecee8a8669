//! Arguments that several verbs take.

use std::path::{Path, PathBuf};

use clap::Args;
use tercet::Dataset;
use tercet::data::{Collection, SealedTest, Source, Split, default_validation, split};

use crate::exit;

/// Where the data comes from.
#[derive(Args, Clone)]
pub struct Data {
    /// The data: `mnist`, or a folder of IDX files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-…, or .gz)
    #[arg(long, default_value = "mnist", value_name = "SOURCE")]
    pub data: String,
}

/// How examples are held out to choose settings by.
#[derive(Args, Clone)]
pub struct Validation {
    /// How many training examples are held out for validation [default: one in twelve]
    #[arg(long, value_name = "N")]
    pub validation: Option<usize>,
}

/// Where every random choice comes from.
#[derive(Args, Clone)]
pub struct Seed {
    /// The seed of every random choice
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

impl Data {
    /// Reads the data.
    pub fn open(&self) -> anyhow::Result<Collection> {
        Ok(self.data.parse::<Source>()?.open()?)
    }
}

impl Validation {
    /// How many of `n` examples are held out.
    pub fn size(&self, n: usize) -> usize {
        self.validation.unwrap_or_else(|| default_validation(n))
    }

    /// Holds out the examples.
    pub fn split(&self, train: &Dataset, seed: u64) -> anyhow::Result<Split> {
        Ok(split(train, self.size(train.len()), seed)?)
    }
}

/// The test set of a collection, or an error that says how it would be found.
pub fn test_set(collection: &Collection) -> anyhow::Result<&SealedTest> {
    collection.test.as_ref().ok_or_else(|| {
        let expected = "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte beside the training files";
        tercet::Error::mismatch(format!("test set of {}", collection.name), "none", expected).into()
    })
}

/// Refuses now a file that could not be written later, after all the work.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.is_dir() {
        return Err(exit::usage(format!("{} is a folder; add the name of a file", path.display())));
    }
    if !folder.is_dir() {
        return Err(exit::usage(format!("there is no folder {}; create it first", folder.display())));
    }
    // The only reliable question is to try.
    let probe: PathBuf = folder.join(format!(".tercet-{}.tmp", std::process::id()));
    std::fs::write(&probe, b"")
        .and_then(|()| std::fs::remove_file(&probe))
        .map_err(|error| exit::usage(format!("cannot write into {}: {error}", folder.display())))
}

/// The command line as it was given, to be run again.
pub fn command() -> String {
    let quoted = |word: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    std::iter::once("tercet".to_owned())
        .chain(std::env::args().skip(1).map(quoted))
        .collect::<Vec<_>>()
        .join(" ")
}
