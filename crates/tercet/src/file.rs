//! Files that are written completely or not at all.

use std::fs::File;
use std::io::{Error as IoError, ErrorKind, Write};
use std::path::Path;

use crate::{Error, Result};

/// Writes `bytes` to `path`, all of them or nothing.
///
/// # Errors
/// Those of [`replace_with`].
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_with(path, |file| file.write_all(bytes))
}

/// Lets `write` fill a temporary sibling of `path`, which is synced and then takes the name. Whoever looks sees the
/// old file or the new one, also after a loss of power.
///
/// # Errors
/// A folder that isn't there, a path that is a folder, and what the operating system or `write` rejects. The
/// temporary file is gone then.
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
    // The new name is on the disk once the folder is. Not every file system can sync a folder, and the file is
    // complete either way.
    #[cfg(unix)]
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// Writes one of thousands of small files, such as the pictures of a data set: whoever looks sees the old file or the new
/// one, but the system puts it on the disk in its own time.
///
/// # Errors
/// What the operating system rejects.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = sibling(folder).map_err(Error::file("write", path))?;
    temporary.write_all(bytes).map_err(Error::file("write", path))?;
    temporary.persist(path).map_err(|e| Error::file("write", path)(e.error))?;
    Ok(())
}

/// A temporary file beside the file to come. `tempfile` makes files that only their owner may read, but this one is
/// to be an ordinary file, and so gets the permissions of one, less the process's mask.
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
