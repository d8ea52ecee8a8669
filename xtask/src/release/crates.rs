//! `cargo xtask release crates`: the crates as crates.io will have them.

use std::path::Path;

use anyhow::Result;

use crate::checks::none_of;
use crate::command::{cargo, run as execute};
use crate::repository::Repository;

/// The licences that each package has a copy of. Symbolic links would be packaged as one line of text on Windows.
const LICENSES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Options of `cargo xtask release crates`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Upload the crates to crates.io, which cannot be undone
    #[arg(long)]
    publish: bool,
}

/// Packages every crate that may be published, builds it from its package, and uploads it if that was requested.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    none_of(differing(repository)?, "The packages have copies of the licences in the root.")?;
    let mut publish = cargo(repository, &["publish", "--workspace", "--locked"]);
    if !arguments.publish {
        publish.arg("--dry-run");
    }
    execute(publish)
}

/// The copies of the licences that are not identical to those in the root.
fn differing(repository: &Repository) -> Result<Vec<String>> {
    let files = repository.files()?;
    let mut findings = Vec::new();
    for license in LICENSES {
        let text = repository.read(Path::new(license))?;
        for file in files.iter().filter(|file| file.ends_with(license)) {
            if repository.read(file)? != text {
                findings.push(format!("{}: differs from {license}", file.display()));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::planted;

    #[test]
    fn a_copy_that_differs_is_found() {
        let (_folder, repository) = planted(&[
            ("LICENSE-APACHE", "Apache"),
            ("LICENSE-MIT", "MIT"),
            ("crates/a/LICENSE-APACHE", "Apache"),
            ("crates/a/LICENSE-MIT", "../../LICENSE-MIT"),
        ]);
        assert_eq!(differing(&repository).unwrap(), ["crates/a/LICENSE-MIT: differs from LICENSE-MIT"]);
    }
}
