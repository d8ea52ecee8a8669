//! What the program writes: results to standard output, everything else to standard error.
//!
//! `println!` ends the process with a panic where nobody reads any more, as in `tercet evaluate … | head -1`. Here that
//! is an error like others, and [`exit::report`](crate::exit::report) knows that this one is none.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use anyhow::Context;
use tercet::data::Colours;

/// Writes a result and a line feed to standard output.
pub fn print(result: impl Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{result}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Writes a line to standard error. Where that is closed there is nobody left to tell, and the work goes on.
pub fn tell(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Whether pictures on standard output may have colours: on a terminal, unless `NO_COLOR` is set.
pub fn colours() -> Colours {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    if std::io::stdout().is_terminal() && wanted { Colours::Ansi } else { Colours::None }
}

/// How many characters a line of standard output has: those of the terminal, or 80.
pub fn width() -> usize {
    let of_terminal = std::io::stdout().is_terminal().then(|| comfy_table::Table::new().width()).flatten();
    of_terminal.unwrap_or(80).into()
}
