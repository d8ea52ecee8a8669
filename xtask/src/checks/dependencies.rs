//! The book's table of dependencies lists exactly the direct dependencies, each with its features, and the lock file agrees
//! with the manifests and names no registry other than crates.io.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::none_of;
use crate::command::{cargo, output};
use crate::repository::Repository;

const TABLE: &str = "docs/src/dependencies.md";

/// The name of crates.io in lock files.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks the manifests, the table and the lock file.
pub fn check(repository: &Repository) -> Result<()> {
    let mut findings = table(repository)?;
    findings.extend(lock(repository)?);
    none_of(findings, &format!("{TABLE} has the table, Cargo.toml the dependencies of the workspace."))?;
    // Fails if the lock file is out of date.
    output(cargo(repository, &["metadata", "--locked", "--format-version", "1"])).map(drop)
}

/// The differences between the manifests and the table.
fn table(repository: &Repository) -> Result<Vec<String>> {
    let root = manifest(repository, Path::new("Cargo.toml"))?;
    let all = root["workspace"]["dependencies"].as_table().context("the workspace has dependencies")?;
    let wanted: BTreeMap<&str, String> = all
        .iter()
        .filter(|(_, of)| of.get("path").is_none())
        .map(|(name, of)| (name.as_str(), features(of)))
        .collect();
    let mut findings = Vec::new();

    let mut used = Vec::new();
    let members = root["workspace"]["members"].as_array().context("the workspace has members")?;
    for file in repository.files()?.into_iter().filter(|file| is_of_member(file, members)) {
        for (name, of) in direct(&manifest(repository, &file)?) {
            if of.get("workspace").is_none() && of.get("path").is_none() {
                findings.push(format!("{}: {name} is not taken from the workspace", file.display()));
            }
            used.push(name);
        }
    }
    for name in wanted.keys().filter(|name| !used.iter().any(|used| used == *name)) {
        findings.push(format!("Cargo.toml: nobody uses {name}"));
    }

    let page = repository.read(Path::new(TABLE))?;
    let mut listed = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let Some((name, rest)) = line.split_once("` |") else { continue };
        let cells: Vec<&str> = rest.split('|').map(str::trim).collect();
        // The line ends with a bar after the reason.
        if cells.len() < 3 || cells[cells.len() - 2].len() < 10 {
            findings.push(format!("{TABLE}: {name} has no reason"));
        }
        if listed.insert(name, cells[0].replace('`', "")).is_some() {
            findings.push(format!("{TABLE}: {name} stands twice"));
        }
    }
    for (name, features) in &wanted {
        match listed.get(name) {
            None => findings.push(format!("{TABLE}: {name} is missing")),
            Some(found) if found != features => {
                findings.push(format!("{TABLE}: {name} has the features “{features}”, not “{found}”"));
            }
            _ => {}
        }
    }
    findings.extend(
        listed
            .keys()
            .filter(|name| !wanted.contains_key(*name))
            .map(|name| format!("{TABLE}: {name} is no dependency")),
    );
    Ok(findings)
}

/// The packages of the lock file that are not from crates.io, or have no checksum.
fn lock(repository: &Repository) -> Result<Vec<String>> {
    let lock: Table = repository.read(Path::new("Cargo.lock"))?.parse().context("Cargo.lock is no TOML")?;
    let packages = lock.get("package").and_then(Value::as_array).context("Cargo.lock has packages")?;
    let strange = packages.iter().filter_map(|package| {
        let source = package.get("source")?.as_str()?;
        let known = source == CRATES_IO && package.get("checksum").is_some();
        (!known).then(|| format!("Cargo.lock: {} comes from {source}", package["name"]))
    });
    Ok(strange.collect())
}

fn manifest(repository: &Repository, file: &Path) -> Result<Table> {
    repository.read(file)?.parse().with_context(|| format!("{} is no TOML", file.display()))
}

/// Whether a file is the manifest of a member of the workspace. Nested workspaces have their own dependencies.
fn is_of_member(file: &Path, members: &[Value]) -> bool {
    let folder = file.parent().unwrap_or(Path::new(""));
    file.ends_with("Cargo.toml")
        && members.iter().filter_map(Value::as_str).any(|member| match member.strip_suffix("/*") {
            Some(parent) => folder.parent() == Some(Path::new(parent)),
            None => folder == Path::new(member),
        })
}

/// The dependencies of a package, of all kinds.
fn direct(manifest: &Table) -> Vec<(String, Value)> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table);
    let places = targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table));
    std::iter::once(manifest)
        .chain(places)
        .flat_map(|place| KINDS.iter().filter_map(|kind| place.get(*kind)?.as_table()))
        .flat_map(|table| table.iter().map(|(name, of)| (name.clone(), of.clone())))
        .collect()
}

/// `default`, `default, derive`, `png, jpeg`, or `none`.
fn features(of: &Value) -> String {
    let default = of.get("default-features").and_then(Value::as_bool).unwrap_or(true);
    let listed = of.get("features").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let names: Vec<&str> = default.then_some("default").into_iter().chain(listed).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::planted;

    const ROOT: &str = r#"
[workspace]
members = ["crates/*", "bench"]

[workspace.dependencies]
own = { path = "crates/own", version = "0.1.0" }
first = "1"
second = { version = "2", default-features = false, features = ["a", "b"] }
"#;
    const MEMBER: &str = r#"
[dependencies]
own.workspace = true
first.workspace = true

[target.'cfg(unix)'.dev-dependencies]
second.workspace = true
"#;
    const PAGE: &str = "\
| crate | features | reason |
|---|---|---|
| `first` | default | it does what it does |
| `second` | `a`, `b` | it does another thing |
";

    fn findings(root: &str, member: &str, page: &str) -> Vec<String> {
        let elsewhere = "[dependencies]\nthird = \"3\"\n";
        let files = [
            ("Cargo.toml", root),
            ("crates/a/Cargo.toml", member),
            ("crates/a/fuzz/Cargo.toml", elsewhere),
            (TABLE, page),
        ];
        let (_folder, repository) = planted(&files);
        table(&repository).unwrap()
    }

    #[test]
    fn a_table_that_is_right_is_fine() {
        assert_eq!(findings(ROOT, MEMBER, PAGE), [""; 0]);
    }

    #[test]
    fn what_is_missing_and_what_is_too_much_is_found() {
        let without = PAGE.lines().filter(|line| !line.contains("second")).collect::<Vec<_>>().join("\n");
        assert_eq!(findings(ROOT, MEMBER, &without), [format!("{TABLE}: second is missing")]);
        let more = format!("{PAGE}| `third` | default | that was needed once |\n");
        assert_eq!(findings(ROOT, MEMBER, &more), [format!("{TABLE}: third is no dependency")]);
        let twice = format!("{PAGE}| `first` | default | it does what it does |\n");
        assert_eq!(findings(ROOT, MEMBER, &twice), [format!("{TABLE}: first stands twice")]);
        let bare = PAGE.replace("it does what it does", "");
        assert_eq!(findings(ROOT, MEMBER, &bare), [format!("{TABLE}: first has no reason")]);
        let other = PAGE.replace("`a`, `b`", "`a`");
        assert_eq!(
            findings(ROOT, MEMBER, &other),
            [format!("{TABLE}: second has the features “a, b”, not “a”")]
        );
    }

    #[test]
    fn dependencies_that_are_unused_or_a_member_s_own_are_found() {
        let less = MEMBER.replace("first.workspace = true", "");
        assert_eq!(findings(ROOT, &less, PAGE), ["Cargo.toml: nobody uses first"]);
        let own = MEMBER.replace("first.workspace = true", "first = \"1.5\"");
        assert_eq!(
            findings(ROOT, &own, PAGE),
            ["crates/a/Cargo.toml: first is not taken from the workspace"]
        );
    }

    #[test]
    fn members_are_told_from_other_workspaces() {
        let members = [Value::from("crates/*"), Value::from("bench")];
        let is = |file: &str| is_of_member(Path::new(file), &members);
        assert!(is("crates/a/Cargo.toml") && is("bench/Cargo.toml"));
        assert!(
            !is("crates/a/fuzz/Cargo.toml") && !is("bench/record/Cargo.toml") && !is("crates/a/Other.toml")
        );
        assert!(!is("Cargo.toml"));
    }

    #[test]
    fn a_lock_file_with_another_source_or_without_checksums_is_found() {
        let of = |source: &str, checksum: &str| {
            let text =
                format!("[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n{checksum}");
            let (_folder, repository) = planted(&[("Cargo.lock", &text)]);
            lock(&repository).unwrap()
        };
        assert_eq!(of(CRATES_IO, "checksum = \"00\""), [""; 0]);
        assert_eq!(of(CRATES_IO, "").len(), 1);
        assert_eq!(of("registry+https://example.org/index", "checksum = \"00\"").len(), 1);
        assert_eq!(of("git+https://example.org/x", "").len(), 1);
    }
}
