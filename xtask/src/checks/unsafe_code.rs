//! All `unsafe` code is in tercet-kernels.
//!
//! The compiler enforces this with the workspace lint `unsafe_code = "forbid"`. This check ensures that every other crate
//! inherits the lint, and that the keyword does not occur in files that the compiler does not see (targets that are not
//! built here, code behind a feature).

use std::path::Path;
use std::str::FromStr;

use anyhow::{Result, anyhow};
use proc_macro2::{TokenStream, TokenTree};
use toml::Table;

use super::none_of;
use crate::repository::Repository;

/// The only crate that may contain unsafe code.
const EXEMPT: &str = "crates/tercet-kernels";

/// Checks every manifest and every source file.
pub fn check(repository: &Repository) -> Result<()> {
    let mut findings = Vec::new();
    for manifest in repository.files_with_extension("toml")? {
        if manifest.file_name().is_none_or(|name| name != "Cargo.toml") || manifest.starts_with(EXEMPT) {
            continue;
        }
        let table = repository.read(&manifest)?.parse()?;
        findings.extend(missing_lint(&table).map(|missing| format!("{}: {missing}", manifest.display())));
    }
    for file in repository.files_with_extension("rs")? {
        if file.starts_with(EXEMPT) {
            continue;
        }
        for line in lines_with_keyword(&repository.read(&file)?, &file)? {
            findings.push(format!("{}:{line}: `unsafe`", file.display()));
        }
    }
    none_of(findings, "Unsafe code belongs in tercet-kernels, with a safe function around it.")
}

/// What is missing in a manifest for the compiler to reject unsafe code.
fn missing_lint(manifest: &Table) -> Option<&'static str> {
    let lookup = |keys: &[&str]| {
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(manifest.get(*first)?, |table, key| table.get(*key))
    };
    if manifest.contains_key("workspace") {
        let lint = lookup(&["workspace", "lints", "rust", "unsafe_code"]).and_then(|lint| lint.as_str());
        return (lint != Some("forbid"))
            .then_some("expected `unsafe_code = \"forbid\"` in [workspace.lints.rust]");
    }
    let inherits = lookup(&["lints", "workspace"]).and_then(|inherits| inherits.as_bool());
    (inherits != Some(true)).then_some("expected `workspace = true` in [lints]")
}

/// The lines of a source file with the keyword, outside of comments and strings.
fn lines_with_keyword(source: &str, file: &Path) -> Result<Vec<usize>> {
    let tokens =
        TokenStream::from_str(source).map_err(|error| anyhow!("{}: not Rust: {error}", file.display()))?;
    let mut lines = Vec::new();
    collect(tokens, &mut lines);
    Ok(lines)
}

fn collect(tokens: TokenStream, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Ident(word) if word == "unsafe" => lines.push(word.span().start().line),
            TokenTree::Group(group) => collect(group.stream(), lines),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::planted;

    const WORKSPACE: (&str, &str) =
        ("Cargo.toml", "[workspace]\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\n");
    const PACKAGE: &str = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n";

    /// The result of the check for a repository with these files and a valid workspace manifest.
    fn verdict(files: &[(&str, &str)]) -> String {
        let (_folder, repository) = planted(&[&[WORKSPACE], files].concat());
        check(&repository).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn a_planted_keyword_is_found_with_its_line() {
        let source = "// unsafe here is prose\nfn f(p: *const u8) -> u8 {\n    unsafe { *p }\n}\n";
        let found = verdict(&[("crates/a/Cargo.toml", PACKAGE), ("crates/a/src/lib.rs", source)]);
        assert!(found.starts_with("crates/a/src/lib.rs:3: `unsafe`"), "{found}");
    }

    #[test]
    fn it_is_found_in_attributes_and_macros_and_nowhere_else() {
        let lines = |source| lines_with_keyword(source, Path::new("a.rs")).unwrap();
        assert_eq!(lines("#[unsafe(no_mangle)]\nfn f() {}\nvec![\n  unsafe { g() }\n];"), [1, 4]);
        let harmless = "#![forbid(unsafe_code)]\n/* unsafe */ /// unsafe\nconst A: &str = r#\"unsafe\"#; \
                        const B: char = '\"'; // unsafe";
        assert_eq!(lines(harmless), [0; 0]);
    }

    #[test]
    fn the_kernels_may() {
        let source = "fn f(p: *const u8) -> u8 { unsafe { *p } }";
        let manifest = "[package]\nname = \"tercet-kernels\"\n";
        let kernels =
            [("crates/tercet-kernels/Cargo.toml", manifest), ("crates/tercet-kernels/src/lib.rs", source)];
        assert_eq!(verdict(&kernels), "fine");
    }

    #[test]
    fn a_crate_that_does_not_inherit_the_lint_is_found() {
        let found = verdict(&[("crates/a/Cargo.toml", "[package]\nname = \"a\"\n")]);
        assert!(found.starts_with("crates/a/Cargo.toml: expected `workspace = true`"), "{found}");
    }

    #[test]
    fn a_workspace_that_only_warns_is_found() {
        let (_folder, repository) =
            planted(&[("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"warn\"\n")]);
        assert!(check(&repository).unwrap_err().to_string().contains("\"forbid\""));
    }
}
