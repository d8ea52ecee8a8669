//! How the program ends: exit codes, and what is said about an error.

use std::fmt;
use std::process::ExitCode;

use tercet::error::Fault;

use crate::output;

/// The request makes no sense. (clap uses the same code for an unknown option.)
const USAGE: u8 = 2;
/// Data or files were not what they should be.
const DATA: u8 = 3;
/// Ctrl-C, as shells count it: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// A request that makes no sense, in words.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error of usage that says `message`.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// The code for a run that Ctrl-C ended.
pub fn interrupted() -> ExitCode {
    ExitCode::from(INTERRUPTED)
}

/// The code for a run in which something was wrong with the data and has been reported already.
pub fn data() -> ExitCode {
    ExitCode::from(DATA)
}

/// An error and its causes, but for those that the words so far have said already.
pub fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        match words.as_str() {
            "" => words = cause,
            said if said.contains(&cause) => {}
            _ => words = format!("{words}: {cause}"),
        }
    }
    words
}

/// Says what went wrong, on standard error, and gives the exit code for it.
pub fn report(error: &anyhow::Error) -> ExitCode {
    // A reader that has seen enough (`tercet data show | head`) is no error.
    if error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    }) {
        return ExitCode::SUCCESS;
    }
    output::tell(format_args!("error: {}", in_words(error)));
    let is_usage = error.chain().any(|cause| {
        cause.is::<Usage>()
            || cause.downcast_ref::<tercet::Error>().is_some_and(|error| error.fault() == Fault::Usage)
    });
    ExitCode::from(if is_usage { USAGE } else { DATA })
}
