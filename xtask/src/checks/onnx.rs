//! ONNX's checker accepts the files of `tercet export --onnx`, and ONNX Runtime gives the same scores.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::command::{run, tested_program};
use crate::python;
use crate::repository::Repository;

/// The folder of the comparison and the list of its packages.
const FOLDER: &str = "crates/tercet-cli/tests/onnx";

/// Exports models with the program and compares the scores.
pub fn check(repository: &Repository) -> Result<()> {
    let folder = Path::new(FOLDER);
    let Some(python) = python::environment(repository, "onnx", &folder.join("requirements.txt"))? else {
        println!(
            "LEFT OUT: there is no Python with the module venv here, and ONNX Runtime is a Python package"
        );
        return Ok(());
    };
    let tercet = tested_program(repository)?;
    let mut command = Command::new(python);
    command.arg(folder.join("compare.py")).current_dir(repository.root());
    command.arg(tercet);
    run(command)
}
