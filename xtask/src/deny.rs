//! `cargo xtask deny`: checks the dependencies against `deny.toml` with cargo-deny.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::command::{cargo, run as execute};
use crate::repository::Repository;

/// Options of `cargo xtask deny`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Also check the database of security advisories, which is downloaded
    #[arg(long)]
    advisories: bool,
}

/// Runs cargo-deny if it is installed.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    let mut asked = Command::new("cargo-deny");
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if !asked.status().is_ok_and(|status| status.success()) {
        bail!("cargo-deny is not installed; install it: cargo install --locked cargo-deny");
    }
    let checks = ["licenses", "bans", "sources", "advisories"];
    let mut deny = cargo(repository, &["deny", "--locked", "check"]);
    deny.args(&checks[..if arguments.advisories { 4 } else { 3 }]);
    execute(deny)
}
