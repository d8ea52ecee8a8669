//! The checkout that the tasks work on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ignore::WalkBuilder;

/// A checkout of the project.
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The checkout in a folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Repository { root: root.into() }
    }

    /// The checkout that cargo runs this program from.
    pub fn of_this_program() -> Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
        let root = Path::new(&package).parent().context("xtask lies in a folder of the repository")?;
        Ok(Self::at(root))
    }

    /// Its root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every file that git tracks or would track (all that `.gitignore` leaves), relative to the root and in order.
    /// Git itself is not needed, so this works in an unpacked archive too.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        let mut walk = WalkBuilder::new(&self.root);
        // Only the .gitignore files of the project count, so that every machine sees the same files.
        walk.hidden(false).parents(false).git_global(false).git_exclude(false).require_git(false);
        walk.filter_entry(|entry| entry.file_name() != ".git");
        for entry in walk.build() {
            let entry = entry?;
            if entry.file_type().is_some_and(|kind| kind.is_file()) {
                files.push(entry.path().strip_prefix(&self.root)?.to_owned());
            }
        }
        files.sort();
        Ok(files)
    }

    /// The files whose names end in `.extension`.
    pub fn files_with_extension(&self, extension: &str) -> Result<Vec<PathBuf>> {
        let mut files = self.files()?;
        files.retain(|file| file.extension().is_some_and(|found| found == extension));
        Ok(files)
    }

    /// The text of a file.
    pub fn read(&self, file: &Path) -> Result<String> {
        std::fs::read_to_string(self.root.join(file))
            .with_context(|| format!("cannot read {}", file.display()))
    }
}

/// A temporary folder with the given files, for tests of code that reads a repository.
#[cfg(test)]
pub fn planted(files: &[(&str, &str)]) -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let repository = Repository::at(folder.path());
    (folder, repository)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_files_are_left_out_and_hidden_ones_are_not() {
        let (_folder, repository) = planted(&[
            (".gitignore", "/target\n*.tmp\n"),
            (".ci/run", ""),
            (".git/config", ""),
            ("a.tmp", ""),
            ("src/a.rs", ""),
            ("target/b.rs", ""),
        ]);
        let files = repository.files().unwrap();
        assert_eq!(files, [".ci/run", ".gitignore", "src/a.rs"].map(PathBuf::from));
        assert_eq!(repository.files_with_extension("rs").unwrap(), [PathBuf::from("src/a.rs")]);
    }
}
