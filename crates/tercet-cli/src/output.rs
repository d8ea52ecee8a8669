//! What the program writes: results to standard output, everything else to standard error.
//!
//! `println!` ends the process with a panic where nobody reads any more, as in `tercet evaluate … | head -1`. Here that
//! is an error like others, and [`exit::report`](crate::exit::report) knows that this one is none.

use std::fmt::Display;
use std::io::Write;

use anyhow::Context;

/// Writes a result and a line feed to standard output.
pub fn print(result: impl Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{result}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Writes a line to standard error. Where that is closed there is nobody left to tell, and the work goes on.
pub fn tell(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
