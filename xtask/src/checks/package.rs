//! The Python package, installed as users install it, passes its tests on two releases of scikit-learn.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::command::{cargo, program, run};
use crate::python;
use crate::repository::Repository;

/// The folder of the package.
const FOLDER: &str = "crates/tercet-python";

/// The requirements that its tests are run with, and the names of their environments.
const RELEASES: [(&str, &str); 2] =
    [("package-newest", "tests/newest.txt"), ("package-before", "tests/before.txt")];

/// Installs it next to each release and runs its tests there: all of them with the first.
pub fn check(repository: &Repository) -> Result<()> {
    run(cargo(repository, &["build", "--release"]))?;
    let tercet = program(repository, "release", "tercet")?;
    for (at, (name, list)) in RELEASES.into_iter().enumerate() {
        let Some(python) = python::environment(repository, name, &Path::new(FOLDER).join(list))? else {
            println!("LEFT OUT: there is no Python with the module venv here");
            return Ok(());
        };
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(["--force-reinstall", "--no-deps"])
            .arg(repository.root().join(FOLDER));
        run(pip)?;
        let mut tests = Command::new(&python);
        tests.args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider", "-W", "ignore"]);
        if at == 0 {
            tests.args(["--doctest-modules", "--pyargs", "tercet"]);
        }
        tests.arg(repository.root().join(FOLDER).join("tests"));
        // So that the tests import the installed package, not its sources.
        tests.current_dir(repository.root().join(FOLDER).join("tests"));
        tests.env("TERCET_PROGRAM", &tercet).env("PYTHONDONTWRITEBYTECODE", "1");
        run(tests)?;
        // scikit-learn's own tests, on the estimators of the package.
        let mut theirs = Command::new(&python);
        theirs.arg(repository.root().join(FOLDER).join("tests/scikit_learn.py"));
        theirs.current_dir(repository.root().join(FOLDER).join("tests"));
        theirs.env("PYTHONDONTWRITEBYTECODE", "1");
        run(theirs)?;
    }
    Ok(())
}
