//! Atomic file writes: completely or not at all.

use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Write};
use std::path::Path;

use crate::{Error, Result};

/// Writes `bytes` to `path`, completely or not at all.
///
/// # Errors
/// Those of [`replace_with`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_with(path, |file| file.write_all(bytes))
}

/// Calls `write` with a temporary sibling of `path`, which is then synced and renamed. Readers see either the old file
/// or the new one, even after a power failure.
///
/// # Errors
/// A folder that does not exist, a path that is a folder, and errors of the operating system or of `write`. The
/// temporary file is removed in that case.
pub fn replace_with(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
    let refuse = |kind, why: String| Error::file("write", path)(IoError::new(kind, why));
    let folder = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(refuse(ErrorKind::InvalidInput, "that is not the name of a file".into())),
    };
    if path.is_dir() {
        return Err(refuse(ErrorKind::IsADirectory, "that is a folder; add the name of a file".into()));
    }
    if !folder.is_dir() {
        let why = format!("there is no folder {}; create it first", folder.display());
        return Err(refuse(ErrorKind::NotFound, why));
    }
    let mut temporary = sibling(folder).map_err(Error::file("write", path))?;
    write(temporary.as_file_mut()).map_err(Error::file("write", path))?;
    temporary.as_file().sync_all().map_err(Error::file("write", path))?;
    temporary.persist(path).map_err(|e| Error::file("write", path)(e.error))?;
    // The new name is durable once the folder is synced. Not every file system can sync a folder, and the file is
    // complete either way.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Writes one of thousands of small files, such as the pictures of a data set: readers see either the old file or the
/// new one, but the file is not synced.
///
/// # Errors
/// Errors of the operating system.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = sibling(folder).map_err(Error::file("write", path))?;
    temporary.write_all(bytes).map_err(Error::file("write", path))?;
    temporary.persist(path).map_err(|e| Error::file("write", path)(e.error))?;
    Ok(())
}

/// A temporary file next to the final one. `tempfile` makes files private to their owner, but this one should be an
/// ordinary file, so it gets ordinary permissions, subject to the process's umask.
fn sibling(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
