//! The figures of a report as separate files, for `--figures FOLDER`.

use std::io::{Error as IoError, ErrorKind};
use std::path::Path;

use tercet::Error;
use tercet_report::{Picture, write_pictures};

use crate::output_files::check_writable;
use crate::progress::say;

/// Rejects a folder that could not be written to, before the work.
pub fn check(folder: Option<&Path>) -> anyhow::Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    if folder.is_file() {
        let why = "that is a file; name a folder".to_owned();
        return Err(Error::file("write", folder)(IoError::new(ErrorKind::NotADirectory, why)).into());
    }
    // A folder that does not exist yet is checked like a file in its parent.
    match folder.is_dir() {
        true => check_writable(&folder.join("figure.svg")),
        false => check_writable(folder),
    }
}

/// Writes the figures, if there is a folder for them.
pub fn write(
    folder: Option<&Path>,
    figures: impl FnOnce() -> tercet::Result<Vec<Picture>>,
) -> anyhow::Result<()> {
    let Some(folder) = folder else { return Ok(()) };
    let figures = figures()?;
    write_pictures(folder, &figures)?;
    say(format!("figures: {} in {}", figures.len(), folder.display()));
    Ok(())
}
