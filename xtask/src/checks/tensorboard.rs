//! TensorBoard's own reader reads the event files of `tercet train --tensorboard`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::command::{run, tested_program};
use crate::python;
use crate::repository::Repository;

/// The folder of the reader and the list of its packages.
const FOLDER: &str = "crates/tercet-cli/tests/tensorboard";

/// Trains with the program and reads the event files.
pub fn check(repository: &Repository) -> Result<()> {
    let folder = Path::new(FOLDER);
    let Some(python) = python::environment(repository, "tensorboard", &folder.join("requirements.txt"))?
    else {
        println!(
            "LEFT OUT: there is no Python with the module venv here, and TensorBoard is a Python package"
        );
        return Ok(());
    };
    let tercet = tested_program(repository)?;
    let mut command = Command::new(python);
    command.arg(folder.join("read.py")).current_dir(repository.root());
    command.arg(tercet);
    run(command)
}
