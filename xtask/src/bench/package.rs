//! `cargo xtask bench python`: the Python package against other libraries, all of them called from Python.
//!
//! `benchmarks/peers/python.py` measures and writes the record; this creates an environment with the package for it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use tercet_record::machine;

use crate::command::run as execute;
use crate::python;
use crate::repository::Repository;

/// Installs the package as users do, and measures it.
pub fn run(arguments: &[String], repository: &Repository) -> Result<()> {
    let peers = Path::new("benchmarks/peers");
    let python = python::environment(repository, "benchmark", &peers.join("python.txt"))?
        .context("there is no Python with the module venv here: install Python 3.11 or newer")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--force-reinstall", "--no-deps"])
        .arg(repository.root().join("crates/tercet-python"));
    execute(pip)?;
    let mut measure = Command::new(&python);
    measure
        .arg(repository.root().join(peers).join("python.py"))
        .arg(repository.root().join("benchmarks/records/python.csv"))
        .args([machine::commit(repository.root()), machine::cpu()])
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    execute(measure)
}
