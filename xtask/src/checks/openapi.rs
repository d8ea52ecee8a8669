//! Schemathesis, which generates requests from an OpenAPI description, finds no errors in `tercet serve`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::command::{run, tested_program};
use crate::python;
use crate::repository::Repository;

/// The folder of its settings and the list of its packages.
const FOLDER: &str = "crates/tercet-cli/tests/serve";

/// A program that is stopped on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves a model with the program and runs Schemathesis.
pub fn check(repository: &Repository) -> Result<()> {
    let folder = Path::new(FOLDER);
    let Some(python) = python::environment(repository, "openapi", &folder.join("requirements.txt"))? else {
        println!(
            "LEFT OUT: there is no Python with the module venv here, and Schemathesis is a Python package"
        );
        return Ok(());
    };
    let tercet = tested_program(repository)?;
    let scratch = tempfile::tempdir().context("cannot create a scratch folder")?;
    let mut train = Command::new(&tercet);
    train.args(["train", "linear", "--iterations", "100", "--quiet"]).current_dir(scratch.path());
    run(train)?;

    let mut serve = Command::new(&tercet);
    serve.args(["serve", "linear.safetensors", "--port", "0", "--no-open", "--quiet"]);
    serve.current_dir(scratch.path()).stdout(Stdio::piped());
    let mut server = Running(serve.spawn().context("cannot start `tercet serve`")?);
    let mut address = String::new();
    let output = server.0.stdout.take().context("it has no standard output")?;
    BufReader::new(output).read_line(&mut address)?;
    let address = address.trim_end();
    ensure!(address.starts_with("http://"), "`tercet serve` printed {address:?}; expected its address");

    let mut schemathesis = Command::new(python.with_file_name("schemathesis"));
    schemathesis.arg("--config-file").arg(repository.root().join(folder).join("schemathesis.toml"));
    schemathesis.args(["run", &format!("{address}v1/openapi.json"), "--url", address]);
    schemathesis.env("SCHEMATHESIS_HOOKS", "hooks");
    schemathesis.env("PYTHONPATH", repository.root().join(folder));
    schemathesis.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(scratch.path());
    run(schemathesis)
}
