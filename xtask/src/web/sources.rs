//! The digest of the page's sources.

use std::path::Path;

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::repository::Repository;

/// The name of the digest file next to the built page.
pub const DIGEST: &str = "sources.sha256";

/// Whether a file is a source of the page: the crates that are compiled in, and the page itself, without their tests.
fn is_source(file: &Path) -> bool {
    let compiled = ["tercet", "tercet-kernels", "tercet-mnist", "tercet-web"].iter().any(|name| {
        file.starts_with(format!("crates/{name}/src"))
            || file == Path::new("crates").join(name).join("Cargo.toml")
    });
    let page = file.starts_with("crates/tercet-web/page") || file.starts_with("crates/tercet-web/models");
    let test = file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs");
    (compiled || page) && !test
}

/// SHA-256 over the paths and the contents of all sources, in hexadecimal.
pub fn digest(repository: &Repository) -> Result<String> {
    let mut sha = Sha256::new();
    for file in repository.files()?.iter().filter(|file| is_source(file)) {
        let bytes = std::fs::read(repository.root().join(file))?;
        // With slashes on every system; the length marks the end of a file.
        let name: Vec<_> = file.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        sha.update(format!("{} {}\n", name.join("/"), bytes.len()));
        sha.update(bytes);
    }
    Ok(sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::planted;

    const FILES: [(&str, &str); 5] = [
        ("crates/tercet-web/page/src/main.ts", "draw"),
        ("crates/tercet-web/src/lib.rs", "engine"),
        ("crates/tercet/src/lib.rs", "core"),
        ("crates/tercet/tests/a.rs", "a test"),
        ("README.md", "words"),
    ];

    fn changed(at: usize, text: &'static str) -> String {
        let mut files = FILES;
        files[at].1 = text;
        digest(&planted(&files).1).unwrap()
    }

    #[test]
    fn every_source_counts_and_nothing_else_does() {
        let digests: Vec<String> = (0..5).map(|at| changed(at, "changed")).collect();
        let before = digest(&planted(&FILES).1).unwrap();
        assert!(digests[..3].iter().all(|digest| *digest != before));
        assert!(digests[3..].iter().all(|digest| *digest == before));
        assert_ne!(digests[0], digests[1]);
    }
}
