//! `cargo xtask release`: what is checked, built and published for a release.

mod crates;
mod licenses;
mod version;

use anyhow::Result;
use clap::Subcommand;

use crate::repository::Repository;

/// The parts of a release.
#[derive(Subcommand)]
pub enum Task {
    /// Check that manifests, changelog and tag name the same version
    Version(version::Arguments),
    /// Package and build every crate as crates.io will have it, and optionally upload them
    Crates(crates::Arguments),
    /// Write the licences of all libraries that are part of the program, the Python package and the page into one file
    Licenses(licenses::Arguments),
}

/// Carries out one part.
pub fn run(task: &Task, repository: &Repository) -> Result<()> {
    match task {
        Task::Version(arguments) => version::run(arguments, repository),
        Task::Crates(arguments) => crates::run(arguments, repository),
        Task::Licenses(arguments) => licenses::run(arguments, repository),
    }
}
