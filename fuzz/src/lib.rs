//! Shared by the targets: the readers, and a folder for files.

use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

pub mod readers;

/// Passes bytes to a reader, with a folder of this process for files.
pub fn run(reader: fn(&[u8], &Path), bytes: &[u8]) {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
    reader(bytes, folder.path());
}
