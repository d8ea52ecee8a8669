//! The targets of Markdown files exist: relative links, and the code that the book includes.
//!
//! Web addresses and headings within a page are not checked.

use std::path::Path;

use anyhow::Result;
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::none_of;
use crate::repository::Repository;

/// Checks every Markdown file.
pub fn check(repository: &Repository) -> Result<()> {
    let mut findings = Vec::new();
    for file in repository.files_with_extension("md")? {
        let text = repository.read(&file)?;
        for (at, target) in relative_links(&text) {
            if !resolved(repository, &file, &target).exists() {
                findings.push(format!("{}:{}: no such file: {target}", file.display(), line(&text, at)));
            }
        }
        for (at, target) in includes(&text) {
            if let Err(reason) = include_is_there(repository, &file, target) {
                findings.push(format!("{}:{}: {reason}: {target}", file.display(), line(&text, at)));
            }
        }
    }
    none_of(findings, "A link is relative to the file it stands in.")
}

/// The position of each link or picture to a file of the repository, and the file without the part after `#`.
fn relative_links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (event, range) in Parser::new_ext(text, Options::all()).into_offset_iter() {
        if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event {
            let file = dest_url.split('#').next().unwrap_or_default();
            let elsewhere = file.is_empty() || file.contains("://") || file.starts_with("mailto:");
            if !elsewhere {
                links.push((range.start, file.to_owned()));
            }
        }
    }
    links
}

/// The position of each mdBook include, and its target: `file` or `file:anchor`.
fn includes(text: &str) -> Vec<(usize, &str)> {
    const OPENING: &str = "{{#include ";
    text.match_indices(OPENING)
        .filter_map(|(at, _)| Some((at, text[at + OPENING.len()..].split_once("}}")?.0.trim())))
        .collect()
}

/// The file must exist and contain the anchor. Line numbers are rejected, because they become wrong silently.
fn include_is_there(repository: &Repository, from: &Path, target: &str) -> Result<(), &'static str> {
    let (file, anchor) = target.split_once(':').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let Ok(text) = std::fs::read_to_string(resolved(repository, from, file)) else {
        return Err("no such file");
    };
    let Some(anchor) = anchor else { return Ok(()) };
    if anchor.is_empty() || anchor.starts_with(|c: char| c.is_ascii_digit() || c == ':') {
        return Err("expected the name of an anchor");
    }
    let mark = format!("ANCHOR: {anchor}");
    if text.lines().any(|line| line.trim_end().ends_with(&mark)) { Ok(()) } else { Err("no such anchor") }
}

/// A target relative to the file that names it, or to the root if it starts with a slash.
fn resolved(repository: &Repository, from: &Path, target: &str) -> std::path::PathBuf {
    match target.strip_prefix('/') {
        Some(target) => repository.root().join(target),
        None => repository.root().join(from.parent().unwrap_or(Path::new(""))).join(target),
    }
}

/// The line number of a byte, counted from 1.
fn line(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::planted;

    /// The result of the check for a page in docs/ with this text, next to a source file with an anchor.
    fn verdict(page: &str) -> String {
        let source = "// ANCHOR: forward\nfn f() {}\n// ANCHOR_END: forward\n";
        let (_folder, repository) = planted(&[("docs/page.md", page), ("src/a.rs", source)]);
        check(&repository).map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn a_link_to_nothing_is_found_with_its_line() {
        let found = verdict("[there](../src/a.rs)\n\n![not there](b.png)\n");
        assert!(found.starts_with("docs/page.md:3: no such file: b.png"), "{found}");
    }

    #[test]
    fn web_addresses_headings_and_code_are_left_alone() {
        let page = "[a](https://example.org/x.md) <https://example.org> [b](#part) [c](page.md#part) \
                    [d](mailto:a@example.org) [e](/src/a.rs)\n\n```text\n[f](nothing.md)\n```\n`[g](nothing.md)`\n";
        assert_eq!(verdict(page), "fine");
    }

    #[test]
    fn an_include_needs_its_file_and_its_anchor() {
        let include = |target: &str| verdict(&format!("```rust\n{{{{#include {target}}}}}\n```\n"));
        assert_eq!(include("../src/a.rs:forward"), "fine");
        assert_eq!(include("../src/a.rs"), "fine");
        assert!(include("../src/a.rs:backward").starts_with("docs/page.md:2: no such anchor"));
        assert!(include("../src/b.rs:forward").starts_with("docs/page.md:2: no such file"));
        assert!(include("../src/a.rs:2:3").contains("expected the name of an anchor"));
    }
}
