//! Exit codes, and the report of an error.

use std::fmt;
use std::process::ExitCode;

use tercet::error::Fault;

use crate::output;

/// A usage error. (clap uses the same code for an unknown option.)
const USAGE: u8 = 2;
/// An error in data or files.
const DATA: u8 = 3;
/// Ctrl-C, by the convention of shells: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// A usage error.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A usage error with this message.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// The exit code of a run that Ctrl-C interrupted.
pub fn interrupted() -> ExitCode {
    ExitCode::from(INTERRUPTED)
}

/// The exit code of a run whose errors in the data have been reported already.
pub fn data() -> ExitCode {
    ExitCode::from(DATA)
}

/// An error and its causes, except those that the message contains already.
pub fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        match words.as_str() {
            "" => words = cause,
            message if message.contains(&cause) => {}
            _ => words = format!("{words}: {cause}"),
        }
    }
    words
}

/// Reports an error on standard error, and returns its exit code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    // A reader that stops early (`tercet data show | head`) is not an error.
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
