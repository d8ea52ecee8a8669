//! `cargo xtask release crates`: the crates as crates.io will have them.

use anyhow::Result;

use crate::command::{cargo, run as execute};
use crate::repository::Repository;

/// Options of `cargo xtask release crates`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Upload the crates to crates.io, which cannot be undone
    #[arg(long)]
    publish: bool,
}

/// Packages every crate that may be published, builds it from its package, and uploads it if that was requested.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    let mut publish = cargo(repository, &["publish", "--workspace", "--locked"]);
    if !arguments.publish {
        publish.arg("--dry-run");
    }
    execute(publish)
}
