//! What the targets share: the readers, and a folder to put files into.

use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

pub mod readers;

/// Hands bytes to a reader, with a folder of this process to put them into.
pub fn run(reader: fn(&[u8], &Path), bytes: &[u8]) {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
    reader(bytes, folder.path());
}
