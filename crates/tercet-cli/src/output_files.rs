//! Files and folders that a command is going to write: checked before the work, so that it is not lost at the
//! end. A file that the command reads is never written.

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tercet::Error;
use tercet::data::Source;

/// The files that this run of the program reads and writes so far.
static FILES: Mutex<Files> = Mutex::new(Files { read: Vec::new(), written: Vec::new() });

struct Files {
    read: Vec<PathBuf>,
    written: Vec<PathBuf>,
}

/// Registers a file or folder that is read, and rejects one that is also written: it may be the only copy.
pub fn register_input(path: &Path) -> anyhow::Result<()> {
    let path = canonical(path);
    let mut files = FILES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if files.written.contains(&path) {
        return Err(overwritten(&path));
    }
    files.read.push(path);
    Ok(())
}

/// [`register_input`] of the path of a data source, if it has one.
pub fn register_source(source: &Source) -> anyhow::Result<()> {
    match source {
        Source::Path(path) => register_input(path),
        _ => Ok(()),
    }
}

/// Registers a file that is written, and rejects one that is also read.
fn register_output(path: &Path) -> anyhow::Result<()> {
    let path = canonical(path);
    let mut files = FILES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if files.read.contains(&path) {
        return Err(overwritten(&path));
    }
    files.written.push(path);
    Ok(())
}

fn overwritten(path: &Path) -> anyhow::Error {
    let why = "the same file is the input, which would be overwritten; name another file";
    Error::file("write", path)(IoError::new(ErrorKind::AlreadyExists, why)).into()
}

/// The path without links and detours, also of a file that does not exist yet.
fn canonical(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let beside = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(beside).unwrap_or_else(|| path.to_owned())
}

/// Rejects a file that could not be written, before the work.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    register_output(path)?;
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
