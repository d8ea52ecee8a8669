//! Node and npm, for TypeScript and the tests in a browser.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::TYPESCRIPT;
use crate::command::run as execute;
use crate::repository::Repository;

/// Whether npm is installed.
pub fn is_installed() -> bool {
    program("npm").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// npm in the folder of the page, with the packages of its lock file.
pub struct Npm {
    folder: PathBuf,
}

impl Npm {
    /// Installs the packages if they are not those of the lock file.
    pub fn set_up(repository: &Repository) -> Result<Npm> {
        let npm = Npm { folder: repository.root().join(TYPESCRIPT) };
        if !is_installed() {
            bail!(
                "npm was not found; the page needs Node.js 20 or later: install it from https://nodejs.org"
            );
        }
        // A copy of the lock file next to the packages shows whether they belong to it.
        let wanted =
            std::fs::read(npm.folder.join("package-lock.json")).context("the page has no lock file")?;
        let stamp = npm.folder.join("node_modules/.installed");
        if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(npm);
        }
        let mut install = npm.command();
        install.args(["ci", "--no-audit", "--no-fund"]);
        execute(install)?;
        std::fs::write(stamp, wanted)?;
        Ok(npm)
    }

    /// A script of `package.json`.
    pub fn run(&self, script: &str) -> Command {
        let mut command = self.command();
        command.args(["run", "--silent", script]);
        command
    }

    fn command(&self) -> Command {
        let mut command = program("npm");
        command.current_dir(&self.folder);
        command
    }
}

/// On Windows, npm is a script that has to be started by its full name.
fn program(name: &str) -> Command {
    Command::new(if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() })
}
