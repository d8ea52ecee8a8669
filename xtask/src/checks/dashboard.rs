//! Tests the dashboard of `tercet train` in a terminal, with key presses.

use std::process::Command;

use anyhow::Result;

use crate::command::{run, tested_program};
use crate::python;
use crate::repository::Repository;

/// The script that presses the keys.
const SCRIPT: &str = "crates/tercet-cli/tests/dashboard/press.py";

/// Runs the program in a separate terminal.
pub fn check(repository: &Repository) -> Result<()> {
    let python = if cfg!(unix) { python::plain() } else { None };
    let Some(python) = python else {
        println!("LEFT OUT: this takes Python and a system with pseudo-terminals");
        return Ok(());
    };
    let tercet = tested_program(repository)?;
    let mut command = Command::new(python);
    command.arg(SCRIPT).arg(tercet).current_dir(repository.root());
    run(command)
}
