//! `cargo xtask bench defaults`: whether the default settings learn, whatever the units of the features.
//!
//! `benchmarks/peers/defaults.py` trains and compares with scikit-learn; this builds the program and creates an
//! environment for it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use tercet_record::machine;

use crate::command::{cargo, program, run as execute};
use crate::python;
use crate::repository::Repository;

/// Builds the program, and compares its default models with scikit-learn's on 30 data sets.
pub fn run(arguments: &[String], repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["build", "--release"]))?;
    let peers = Path::new("benchmarks/peers");
    let python = python::environment(repository, "benchmark", &peers.join("python.txt"))?
        .context("there is no Python with the module venv here: install Python 3.11 or newer")?;
    let mut compare = Command::new(&python);
    compare
        .arg(repository.root().join(peers).join("defaults.py"))
        .arg(program(repository, "release", "tercet")?)
        .arg(repository.root().join("benchmarks/records/defaults.csv"))
        .arg(machine::commit(repository.root()))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    execute(compare)
}
