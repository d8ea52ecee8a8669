//! Python for the checks that need it, and virtual environments under `target` for those that also need packages.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::command::run;
use crate::repository::Repository;

/// The Python of a virtual environment with the packages that `requirements` lists. The environment is created if it is
/// missing or was created from another list. `None` if the machine has no suitable Python.
///
/// # Errors
/// Packages that cannot be installed.
pub fn environment(repository: &Repository, name: &str, requirements: &Path) -> Result<Option<PathBuf>> {
    let wanted = repository.read(requirements)?;
    let folder = repository.root().join("target/python").join(name);
    let program = if cfg!(windows) { folder.join("Scripts/python.exe") } else { folder.join("bin/python") };
    // Written last, so that an interrupted installation is repeated.
    let installed = folder.join("installed.txt");
    if std::fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) && program.exists() {
        return Ok(Some(program));
    }
    let Some(python) = with_venv() else { return Ok(None) };
    let mut venv = Command::new(python);
    venv.args(["-m", "venv", "--clear"]).arg(&folder);
    run(venv)?;
    let mut pip = Command::new(&program);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(repository.root().join(requirements));
    run(pip)?;
    std::fs::write(&installed, wanted).with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(Some(program))
}

/// A Python without packages, if the machine has one.
pub fn plain() -> Option<&'static str> {
    that_can("pass")
}

/// A Python that can create virtual environments. Some distributions omit `ensurepip`.
fn with_venv() -> Option<&'static str> {
    that_can("import venv, ensurepip")
}

fn that_can(statement: &str) -> Option<&'static str> {
    ["python3", "python"].into_iter().find(|python| {
        let mut command = Command::new(python);
        command.args(["-c", statement]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_was_made_from_the_same_list_is_used_again() {
        let place = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
        let (_folder, repository) = crate::repository::planted(&[
            ("list.txt", "a==1\n"),
            (&format!("target/python/a/{place}"), ""),
            ("target/python/a/installed.txt", "a==1\n"),
        ]);
        let found = environment(&repository, "a", Path::new("list.txt")).unwrap().unwrap();
        assert_eq!(found, repository.root().join("target/python/a").join(place));
    }
}
