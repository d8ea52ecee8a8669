//! The record of a run: what was run where, when and on which data.

use std::time::SystemTime;

use tercet::Dataset;
use tercet::data::{Collection, Opening};
use tercet_report::{DataCard, Run};

/// The parts of a [`Run`] that are the same for every command, except the models. `started` is from [`now`].
pub fn new(title: String, started: String, seed: Option<u64>, data: DataCard, openings: Vec<Opening>) -> Run {
    Run {
        title,
        command: command_line(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        isa: tercet_kernels::Isa::active().name().to_owned(),
        threads: rayon::current_num_threads(),
        seed,
        started,
        data,
        openings,
        ..Run::default()
    }
}

/// The data of a run: its training examples, and the sizes of the other sets.
pub fn data_card(collection: &Collection, train: &Dataset, validation: usize, test: usize) -> DataCard {
    let card = DataCard::new(train, validation, test, collection.train.digest());
    DataCard { name: collection.name.clone(), ..card }
}

/// The time of day, as a run record states it.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The command line, quoted for a shell.
fn command_line() -> String {
    let quoted = |word: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    std::iter::once("tercet".to_owned())
        .chain(std::env::args_os().skip(1).map(|word| quoted(word.to_string_lossy().into_owned())))
        .collect::<Vec<_>>()
        .join(" ")
}
