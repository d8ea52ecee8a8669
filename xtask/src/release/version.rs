//! `cargo xtask release version`: one version everywhere.

use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

use crate::checks::none_of;
use crate::repository::Repository;

/// Options of `cargo xtask release version`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The tag of the release, such as v1.0.0; the changelog must have an entry for its version
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
}

/// Compares the versions in the manifest of the workspace, in the changelog and in the tag. All packages inherit the
/// version of the workspace.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    let manifest: Table =
        repository.read(Path::new("Cargo.toml"))?.parse().context("Cargo.toml is not TOML")?;
    let changelog = repository.read(Path::new("CHANGELOG.md"))?;
    let findings = differences(&manifest, &changelog, arguments.tag.as_deref())?;
    none_of(findings, "The version is set in [workspace.package] of Cargo.toml.")
}

/// What does not agree with the version of the workspace.
fn differences(manifest: &Table, changelog: &str, tag: Option<&str>) -> Result<Vec<String>> {
    let workspace = manifest.get("workspace").context("Cargo.toml has no workspace")?;
    let version = workspace.get("package").and_then(|package| package.get("version"));
    let version = version.and_then(Value::as_str).context("the workspace has no version")?;
    let dependencies = workspace.get("dependencies").and_then(Value::as_table);

    let mut findings = Vec::new();
    for (name, of) in dependencies.into_iter().flatten() {
        let required = of.get("version").and_then(Value::as_str).unwrap_or("none");
        if of.get("path").is_some() && required != version {
            findings.push(format!("Cargo.toml: {name} is required as {required}; expected {version}"));
        }
    }
    let Some(tag) = tag else { return Ok(findings) };
    let expected = format!("v{version}");
    if tag != expected {
        findings.push(format!("the tag is {tag}; expected {expected}"));
    }
    let heading = format!("## {version}");
    let is_heading =
        |line: &str| line.strip_prefix(&heading).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    if !changelog.lines().any(is_heading) {
        findings.push(format!("CHANGELOG.md: there is no heading `{heading}`"));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[workspace.package]
version = "1.0.0"

[workspace.dependencies]
own = { path = "crates/own", version = "1.0.0" }
other = "2"
"#;
    const CHANGELOG: &str = "# Changelog\n\n## 1.0.0 (2027-01-01)\n\n- first\n";

    fn found(manifest: &str, changelog: &str, tag: Option<&str>) -> Vec<String> {
        differences(&manifest.parse().unwrap(), changelog, tag).unwrap()
    }

    #[test]
    fn one_version_everywhere_is_fine() {
        assert_eq!(found(MANIFEST, CHANGELOG, Some("v1.0.0")), [""; 0]);
        assert_eq!(found(MANIFEST, "", None), [""; 0]);
    }

    #[test]
    fn every_difference_is_found() {
        let older = MANIFEST.replace("own\", version = \"1.0.0\"", "own\", version = \"0.9.0\"");
        assert_eq!(found(&older, "", None), ["Cargo.toml: own is required as 0.9.0; expected 1.0.0"]);
        assert_eq!(found(MANIFEST, CHANGELOG, Some("v1.0.1")), ["the tag is v1.0.1; expected v1.0.0"]);
        let next = CHANGELOG.replace("1.0.0", "1.0.0-rc.1");
        assert_eq!(found(MANIFEST, &next, Some("v1.0.0")), ["CHANGELOG.md: there is no heading `## 1.0.0`"]);
    }
}
