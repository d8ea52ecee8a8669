//! What the program writes: results to standard output, everything else to standard error.
//!
//! `println!` panics if the reader has closed the pipe, as in `tercet evaluate … | head -1`. Here that is an
//! error like others, which [`exit::report`](crate::exit::report) does not report.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::Context;
use clap::ColorChoice;
use serde_json::{Value, json};
use tercet::data::Colours;

/// Writes a result and a line break to standard output.
pub fn print(result: impl Display) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{result}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Writes the paths of the files that a command has written, one per line, or with `--json` as `files` in a document
/// with the other entries of `more`.
pub fn print_files(as_json: bool, files: &[&Path], mut more: Value) -> anyhow::Result<()> {
    if as_json {
        more["files"] = json!(files.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>());
        return print(serde_json::to_string_pretty(&more)?);
    }
    files.iter().try_for_each(|path| print(path.display()))
}

/// Lines for standard error that wait while a dashboard is on the screen.
static HELD: Mutex<Option<Vec<String>>> = Mutex::new(None);

fn held() -> MutexGuard<'static, Option<Vec<String>>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a line to standard error. If that is closed, the line is lost and the work continues.
pub fn tell(line: impl Display) {
    match &mut *held() {
        Some(lines) => lines.push(line.to_string()),
        None => {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}

/// Holds back the lines for standard error from now on.
pub fn hold() {
    held().get_or_insert_default();
}

/// Whether lines are held back.
pub fn holds() -> bool {
    held().is_some()
}

/// The last line that was held back.
pub fn last_held() -> Option<String> {
    held().as_ref()?.last().cloned()
}

/// Writes the lines that were held back, and holds back no more.
pub fn release() {
    let lines = held().take();
    lines.into_iter().flatten().for_each(tell);
}

/// The choice of `--color`.
static COLOR: OnceLock<ColorChoice> = OnceLock::new();

/// Sets the choice of `--color`.
pub fn set_color(choice: ColorChoice) {
    let _ = COLOR.set(choice);
}

/// Whether pictures on standard output have colours: on a terminal, unless `NO_COLOR` is set. `--color always` and
/// `--color never` take precedence over both.
pub fn colours() -> Colours {
    let terminal = std::io::stdout().is_terminal() || COLOR.get() == Some(&ColorChoice::Always);
    if terminal && coloured() { Colours::Ansi } else { Colours::None }
}

/// Whether `--color`, or else `NO_COLOR`, allows colours.
pub fn coloured() -> bool {
    match COLOR.get() {
        Some(ColorChoice::Always) => true,
        Some(ColorChoice::Never) => false,
        _ => std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// The width of standard output in characters: that of the terminal, or 80.
pub fn width() -> usize {
    let of_terminal = std::io::stdout().is_terminal().then(|| comfy_table::Table::new().width()).flatten();
    of_terminal.unwrap_or(80).into()
}

/// The width of standard error.
pub fn width_of_progress() -> usize {
    let size = ratatui::crossterm::terminal::size();
    size.ok().filter(|_| std::io::stderr().is_terminal()).map_or(80, |(columns, _)| columns.into())
}
