//! No file names a path of a developer's machine: it would be wrong everywhere else.

use anyhow::Result;

use super::none_of;
use crate::repository::Repository;

/// The parents of home folders: Linux, its superuser, macOS, Windows. Concatenated, so that this file passes the check.
const HOMES: [&str; 4] =
    [concat!("/", "home/"), concat!("/", "root/"), concat!("/", "Users/"), concat!("\\", "Users\\")];

/// Checks every text file.
pub fn check(repository: &Repository) -> Result<()> {
    let mut findings = Vec::new();
    for file in repository.files()? {
        // Files that are not UTF-8 are pictures or data.
        let Ok(text) = repository.read(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            if let Some(home) = HOMES.into_iter().find(|home| names_path(line, home)) {
                findings.push(format!("{}:{}: a path in {home}", file.display(), number + 1));
            }
        }
    }
    none_of(findings, "Name files relative to the repository, or by a setting.")
}

/// Whether a path in the line starts with `home`. After a letter or a digit, it is part of something longer, such as a
/// web address; the colon of a drive is neither.
fn names_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::planted;

    #[test]
    fn a_planted_path_is_found_with_its_line() {
        for home in HOMES {
            let text = format!("fine\nlet path = \"{home}me/data\";\n");
            let (_folder, repository) = planted(&[("src/a.rs", &text)]);
            let found = check(&repository).unwrap_err().to_string();
            assert!(found.starts_with("src/a.rs:2: a path in"), "{found}");
        }
    }

    #[test]
    fn addresses_and_binary_files_are_left_alone() {
        let text = format!("https://example.org{}page\n", HOMES[0]);
        let (folder, repository) = planted(&[("a.md", &text)]);
        std::fs::write(folder.path().join("b.bin"), [&[0xff, 0xfe], HOMES[1].as_bytes()].concat()).unwrap();
        check(&repository).unwrap();
    }
}
