//! The optional features of the library: it builds without a warning with none of them, with each alone and with all of
//! them, and without them it needs few external crates.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use toml::Table;

use crate::command::{cargo, output, run};
use crate::repository::Repository;

const MANIFEST: &str = "crates/tercet/Cargo.toml";

/// The maximum number of external crates of the library without its optional features.
const MOST_CRATES: usize = 55;

/// Runs Clippy over every combination and counts the crates.
pub fn check(repository: &Repository) -> Result<()> {
    let all = features(&repository.read(Path::new(MANIFEST))?)?;
    // Tests, examples and documentation that need a feature are skipped without it.
    clippy(repository, "", "--all-targets")?;
    for feature in &all {
        clippy(repository, feature, "--lib")?;
    }
    clippy(repository, &all.join(","), "--all-targets")?;

    let tree = ["tree", "--locked", "--package", "tercet", "--no-default-features"];
    let shape = ["--edges", "normal", "--prefix", "none"];
    let tree = output(cargo(repository, &[&tree[..], &shape[..]].concat()))?;
    let crates = external(&tree);
    println!("{} external crates without optional features; at most {MOST_CRATES}", crates.len());
    if crates.len() > MOST_CRATES {
        let names = crates.into_iter().collect::<Vec<_>>().join(", ");
        bail!(
            "without optional features, the library needs {names}: more than {MOST_CRATES} crates. Make what is new an \
             optional feature in {MANIFEST}, or find a smaller library"
        );
    }
    Ok(())
}

/// The names of the features in a manifest, without the defaults.
fn features(manifest: &str) -> Result<Vec<String>> {
    let manifest: Table = manifest.parse().with_context(|| format!("{MANIFEST} is not TOML"))?;
    let features = manifest.get("features").and_then(|features| features.as_table());
    let features = features.with_context(|| format!("{MANIFEST} has no features"))?;
    Ok(features.keys().filter(|name| *name != "default").cloned().collect())
}

fn clippy(repository: &Repository, features: &str, targets: &str) -> Result<()> {
    let command = ["clippy", "--locked", "--package", "tercet", "--no-default-features", "--features"];
    let warnings = ["--", "-D", "warnings"];
    run(cargo(repository, &[&command[..], &[features, targets][..], &warnings[..]].concat()))
}

/// The crates in the output of `cargo tree` that are not in this repository: those without a path.
fn external(tree: &str) -> BTreeSet<&str> {
    tree.lines()
        .map(|line| line.trim_end_matches(" (*)").trim_end_matches(" (proc-macro)"))
        .filter(|line| !line.is_empty() && !line.contains(" ("))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_counted_once_and_our_own_are_not() {
        let tree = "tercet v0.1.0 (/src/tercet/crates/tercet)\nserde v1.0.0\nserde_derive v1.0.0 (proc-macro)\n\
                    serde_derive v1.0.0 (proc-macro) (*)\nserde v1.0.0 (*)\nsyn v2.0.0\nsyn v3.0.0\n\
                    tercet-kernels v0.1.0 (/src/tercet/crates/tercet-kernels)\n";
        let expected = ["serde v1.0.0", "serde_derive v1.0.0", "syn v2.0.0", "syn v3.0.0"];
        assert_eq!(external(tree), BTreeSet::from(expected));
    }

    #[test]
    fn every_feature_of_the_manifest_is_found() {
        let manifest = "[features]\ndefault = [\"a\"]\na = []\nb = [\"dep:b\"]\n";
        assert_eq!(features(manifest).unwrap(), ["a", "b"]);
        assert!(features("[package]\nname = \"x\"\n").is_err());
    }
}
