//! `cargo xtask release licenses`: the licences of all libraries whose code is distributed, in one file.
//!
//! Most licences require that their text accompanies binaries. The texts are those in the packages of the libraries.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{cargo, output};
use crate::repository::Repository;
use crate::web::BUILT;

/// The packages that are distributed as binaries: the program, the Python package and the page.
const ROOTS: [&str; 3] = ["tercet-cli", "tercet-python", "tercet-web"];

/// How the names of licence files begin, in capitals.
const BEGINNINGS: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];

/// What separates the texts.
const RULE: &str = "--------------------------------------------------------------------------------";

/// Options of `cargo xtask release licenses`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "target/THIRD-PARTY-LICENSES.txt")]
    out: PathBuf,
}

/// A library of another project.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Library {
    /// Its name and version.
    name: String,
    /// The SPDX expression of its licence.
    license: String,
    /// The texts in its package.
    texts: Vec<String>,
}

/// Writes the file.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    let metadata = output(cargo(repository, &["metadata", "--locked", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata is not JSON")?;
    let mut libraries = Vec::new();
    for package in linked(&metadata)? {
        libraries.push(library(package)?);
    }
    libraries.push(Library {
        name: "uPlot".to_owned(),
        license: "MIT".to_owned(),
        texts: vec![repository.read(&Path::new(BUILT).join("uPlot.LICENSE.txt"))?.trim_end().to_owned()],
    });
    libraries.sort();

    let out = repository.root().join(&arguments.out);
    fs::write(&out, document(&libraries)).with_context(|| format!("cannot write {}", out.display()))?;
    println!("the licences of {} libraries are in {}", libraries.len(), out.display());
    for library in libraries.iter().filter(|library| library.texts.is_empty()) {
        println!("{} ({}) has no licence file in its package", library.name, library.license);
    }
    Ok(())
}

/// The packages of other projects that are compiled into those of [`ROOTS`], on any platform. Procedural macros, build
/// scripts and tests are not part of a binary.
fn linked(metadata: &Value) -> Result<Vec<&Value>> {
    let by_id = |list: &Value| -> Result<BTreeMap<String, usize>> {
        let list = list.as_array().context("cargo metadata has packages and their dependencies")?;
        let ids = list.iter().enumerate();
        Ok(ids.map(|(at, entry)| (entry["id"].as_str().unwrap_or_default().to_owned(), at)).collect())
    };
    let (packages, nodes) = (&metadata["packages"], &metadata["resolve"]["nodes"]);
    let (package_at, node_at) = (by_id(packages)?, by_id(nodes)?);

    let is_root =
        |id: &str| packages[package_at[id]]["name"].as_str().is_some_and(|name| ROOTS.contains(&name));
    let mut open: Vec<String> = package_at.keys().filter(|id| is_root(id)).cloned().collect();
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    while let Some(id) = open.pop() {
        for dependency in nodes[node_at[&id]]["deps"].as_array().into_iter().flatten() {
            let next = dependency["pkg"].as_str().unwrap_or_default().to_owned();
            let package = &packages[package_at[&next]];
            if is_normal(dependency) && !is_macro(package) && seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    let all = seen.iter().map(|id| &packages[package_at[id]]);
    Ok(all.filter(|package| !package["source"].is_null()).collect())
}

/// Whether a dependency is more than one of tests or of the build script.
fn is_normal(dependency: &Value) -> bool {
    dependency["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null())
}

fn is_macro(package: &Value) -> bool {
    let targets = package["targets"].as_array().into_iter().flatten();
    let mut kinds = targets.flat_map(|target| target["kind"].as_array().into_iter().flatten());
    kinds.any(|kind| kind.as_str() == Some("proc-macro"))
}

/// A library with the licence files in the folder of its package.
fn library(package: &Value) -> Result<Library> {
    let manifest = package["manifest_path"].as_str().context("a package has a manifest")?;
    let folder = Path::new(manifest).parent().context("a manifest lies in a folder")?;
    let (name, version) = (package["name"].as_str(), package["version"].as_str());
    Ok(Library {
        name: format!("{} {}", name.unwrap_or_default(), version.unwrap_or_default()),
        license: package["license"].as_str().unwrap_or("its own licence").to_owned(),
        texts: texts(folder)?,
    })
}

/// The licence files in a folder, in the order of their names.
fn texts(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && BEGINNINGS.into_iter().any(|beginning| name.starts_with(beginning)) {
            files.push(path);
        }
    }
    files.sort();
    let mut texts = Vec::new();
    for file in files {
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        let text = text.trim_matches('\n').trim_end();
        // A single line is only a name, or a symbolic link that was packaged as a file.
        if text.lines().count() > 1 {
            texts.push(text.to_owned());
        }
    }
    Ok(texts)
}

/// The libraries with their licences, then each distinct text once, below the names of the libraries that have it.
fn document(libraries: &[Library]) -> String {
    let mut document = "Libraries whose code is part of Tercet's binaries, and their licences\n\n".to_owned();
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for library in libraries {
        _ = writeln!(document, "{}: {}", library.name, library.license);
        for text in &library.texts {
            users.entry(text.as_str()).or_default().push(library.name.as_str());
        }
    }
    let mut texts: Vec<(Vec<&str>, &str)> = users.into_iter().map(|(text, names)| (names, text)).collect();
    texts.sort();
    for (names, text) in texts {
        _ = write!(document, "\n{RULE}\n{}\n{RULE}\n\n{text}\n", names.join("\n"));
    }
    document
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::repository::planted;

    #[test]
    fn what_is_linked_is_found_and_what_only_builds_or_tests_is_not() {
        let package = |id: &str, source: Option<&str>, kind: &str| json!({ "id": id, "name": id, "source": source, "targets": [{ "kind": [kind] }] });
        let needs = |id: &str, kind: Option<&str>| json!({ "pkg": id, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [
                package("tercet-cli", None, "bin"),
                package("tercet", None, "lib"),
                package("linked", Some("registry"), "lib"),
                package("macro", Some("registry"), "proc-macro"),
                package("tested", Some("registry"), "lib"),
            ],
            "resolve": { "nodes": [
                { "id": "tercet-cli", "deps": [needs("tercet", None), needs("tested", Some("dev"))] },
                { "id": "tercet", "deps": [needs("linked", None), needs("macro", None)] },
                { "id": "linked", "deps": [needs("tested", Some("build"))] },
                { "id": "macro", "deps": [] },
                { "id": "tested", "deps": [] },
            ] },
        });
        let found = linked(&metadata).unwrap();
        assert_eq!(
            found.iter().map(|package| package["name"].as_str()).collect::<Vec<_>>(),
            [Some("linked")]
        );
    }

    #[test]
    fn a_text_that_libraries_share_is_written_once() {
        let files = [
            ("a/LICENSE-MIT", "MIT\r\nAs is.\r\n"),
            ("a/src.rs", "not\na licence"),
            ("b/license.txt", "\nMIT\nAs is.\n"),
            ("b/LICENSE", "../LICENSE"),
        ];
        let (folder, _) = planted(&files);
        let of = |name: &str| Library {
            name: format!("{name} 1.0.0"),
            license: "MIT".to_owned(),
            texts: texts(&folder.path().join(name)).unwrap(),
        };
        let written = document(&[of("a"), of("b")]);
        assert!(written.contains("a 1.0.0: MIT\nb 1.0.0: MIT\n"), "{written}");
        assert!(
            written.ends_with(&format!("{RULE}\na 1.0.0\nb 1.0.0\n{RULE}\n\nMIT\nAs is.\n")),
            "{written}"
        );
    }
}
