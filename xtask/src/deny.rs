//! `cargo xtask deny`: what others wrote, held to `deny.toml` by cargo-deny.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::command::{cargo, run as execute};
use crate::repository::Repository;

/// What `cargo xtask deny` understands.
#[derive(clap::Args)]
pub struct Arguments {
    /// Asks the database of known flaws, too, which is fetched
    #[arg(long)]
    advisories: bool,
}

/// Runs cargo-deny where it is installed.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    let mut asked = Command::new("cargo-deny");
    asked.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    if !asked.status().is_ok_and(|status| status.success()) {
        bail!("cargo-deny is not there; install it: cargo install --locked cargo-deny");
    }
    let checks = ["licenses", "bans", "sources", "advisories"];
    let mut deny = cargo(repository, &["deny", "--locked", "check"]);
    deny.args(&checks[..if arguments.advisories { 4 } else { 3 }]);
    execute(deny)
}
