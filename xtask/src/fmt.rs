//! `cargo xtask fmt`: formats Rust, Python and TypeScript, with rustfmt, Ruff and Biome.
//!
//! The step `fmt` of `cargo xtask test` checks the formatting without writing. Ruff and Biome are installed on the first
//! call, in the versions that `xtask/ruff.txt` and the page's lock file pin. Both also lint.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::checks::none_of;
use crate::command::{cargo, run as execute};
use crate::python;
use crate::repository::Repository;
use crate::web::{
    TYPESCRIPT,
    node::{self, Npm},
};

/// The version of Ruff, as a list of requirements.
const RUFF: &str = "xtask/ruff.txt";

/// The maximum line width in characters, as in `rustfmt.toml`, `ruff.toml` and `biome.json`.
const WIDTH: usize = 110;

/// Formats all files in place.
pub fn run(repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["fmt", "--all"]))?;
    if let Some(ruff) = ruff(repository)? {
        execute(ruff.command(&["check", "--quiet", "--fix"]))?;
        execute(ruff.command(&["format"]))?;
    }
    if let Some(npm) = npm(repository)? {
        execute(npm.run("format"))?;
    }
    Ok(())
}

/// Fails if a file is not formatted as by [`run`], or if a linter reports something.
pub fn check(repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["fmt", "--all", "--check"]))?;
    if let Some(ruff) = ruff(repository)? {
        execute(ruff.command(&["format", "--diff"]))?;
        execute(ruff.command(&["check"]))?;
    }
    if let Some(npm) = npm(repository)? {
        execute(npm.run("format:check"))?;
    }
    none_of(
        long_lines(repository)?,
        &format!("Lines have at most {WIDTH} characters; Biome leaves text as it is."),
    )
}

/// The lines of the page that are too long. Ruff checks those of Python.
fn long_lines(repository: &Repository) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for extension in ["ts", "mjs", "css"] {
        for file in repository.files_with_extension(extension)? {
            if !file.starts_with(TYPESCRIPT) {
                continue;
            }
            for (number, line) in repository.read(&file)?.lines().enumerate() {
                let length = line.chars().count();
                if length > WIDTH {
                    findings.push(format!("{}:{}: {length} characters", file.display(), number + 1));
                }
            }
        }
    }
    Ok(findings)
}

/// Ruff in its own virtual environment.
struct Ruff<'a> {
    python: std::path::PathBuf,
    repository: &'a Repository,
}

impl Ruff<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", "ruff"]).args(arguments).arg("--no-cache").current_dir(self.repository.root());
        command
    }
}

/// Ruff, or `None` if the machine has no Python to install it with.
fn ruff(repository: &Repository) -> Result<Option<Ruff<'_>>> {
    let found = python::environment(repository, "ruff", Path::new(RUFF))?;
    if found.is_none() {
        println!("LEFT OUT: the files of Python; there is no Python with the module venv here");
    }
    Ok(found.map(|python| Ruff { python, repository }))
}

/// npm with Biome, or `None` if the machine has no Node.
fn npm(repository: &Repository) -> Result<Option<Npm>> {
    if !node::is_installed() {
        println!("LEFT OUT: the files of TypeScript; there is no Node here");
        return Ok(None);
    }
    Npm::set_up(repository).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::planted;

    #[test]
    fn a_long_line_of_the_page_is_found() {
        let (fits, long) = ("–".repeat(WIDTH), "x".repeat(WIDTH + 1));
        let page = format!("{fits}\n{long}\n");
        let (_folder, repository) = planted(&[
            ("crates/tercet-web/page/src/main.ts", &page),
            ("crates/tercet-cli/page/page.css", &page),
        ]);
        assert_eq!(
            long_lines(&repository).unwrap(),
            ["crates/tercet-web/page/src/main.ts:2: 111 characters"]
        );
    }
}
