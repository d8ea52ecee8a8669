//! Files and folders that a command is going to write: checked before the work, so that it is not lost at the
//! end.

use std::io::{Error as IoError, ErrorKind};
use std::path::Path;

use tercet::Error;

/// Rejects a file that could not be written, before the work.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let reject = |kind, why: String| Err(Error::file("write", path)(IoError::new(kind, why)).into());
    if path.is_dir() {
        return reject(ErrorKind::IsADirectory, "that is a folder; add a file name".to_owned());
    }
    // Files are written under another name and renamed, which must not replace /dev/null and the like.
    if path.exists() && !path.is_file() {
        return reject(ErrorKind::InvalidInput, "that is a device or a pipe; name a file".to_owned());
    }
    check_folder(folder).map_err(|error| Error::file("write", path)(error).into())
}

/// Rejects a folder in which no file can be created. Trying it is the only reliable test.
pub fn check_folder(folder: &Path) -> std::io::Result<()> {
    if !folder.is_dir() {
        let why = format!("there is no folder {}; create it first", folder.display());
        return Err(IoError::new(ErrorKind::NotFound, why));
    }
    let probe = folder.join(format!(".tercet-{}.tmp", std::process::id()));
    std::fs::write(&probe, b"")?;
    std::fs::remove_file(&probe)
}
