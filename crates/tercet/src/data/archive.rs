//! ZIP archives of data: a table, an Excel workbook, or the files of a folder, which are unpacked to a temporary one.

use std::fs::{self, File};
use std::io::{BufReader, Read, copy};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::content::{AGAIN, Content};
use super::foreign;
use super::image_folder::is_picture;
use super::sibling_files::{file_name, files, is_zip, stem};
use crate::{Error, Result};

/// The extensions of tables as text.
const TABLES: [&str; 9] = ["csv", "tsv", "txt", "data", "arff", "json", "jsonl", "ndjson", "libsvm"];

/// How many bytes are unpacked at most, as a multiple of the size of the archive, and in any case.
const MOST_TIMES: u64 = 100;
const MOST_ANYWAY: u64 = 1 << 30;

/// What an archive contains.
pub(super) enum Kind {
    /// NumPy's arrays, or something that the reader of arrays rejects by name.
    Arrays,
    /// An Excel workbook.
    Workbook,
    /// One table, the entry of this name.
    Table(String),
    /// The files of a data set.
    Files,
}

type Archive = ZipArchive<BufReader<File>>;

fn open(path: &Path) -> Result<Archive> {
    let file = File::open(path).map_err(Error::file("open", path))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| broken(path, error))
}

fn broken(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::format(path, format!("an archive that cannot be read ({error})"), "a whole ZIP archive", AGAIN)
}

/// What the archive at this path contains, by the names of its entries.
pub(super) fn kind(path: &Path) -> Result<Kind> {
    // The reader of arrays says what is wrong with a damaged archive.
    let Ok(archive) = open(path) else { return Ok(Kind::Arrays) };
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    let ending = |name: &str| name.rsplit_once('.').map_or(String::new(), |(_, end)| end.to_lowercase());
    let is_hidden = |name: &str| {
        name.starts_with("__MACOSX") || name.ends_with('/') || file_name(Path::new(name)).starts_with('.')
    };
    let files: Vec<&String> = names.iter().filter(|name| !is_hidden(name)).collect();
    if names.iter().any(|name| name.starts_with("xl/")) {
        return Ok(Kind::Workbook);
    }
    if files.iter().any(|name| ending(name) == "npy" && !name.contains('/'))
        || foreign::of_zip(&names).is_some()
    {
        return Ok(Kind::Arrays);
    }
    let tables: Vec<&&String> = files.iter().filter(|name| TABLES.contains(&ending(name).as_str())).collect();
    Ok(match tables[..] {
        [table] if !files.iter().any(|name| is_picture(name.as_ref()) || is_zip(name.as_ref())) => {
            Kind::Table((*table).clone())
        }
        _ => Kind::Files,
    })
}

/// Calls `read` with an entry.
pub(super) fn with_entry<T>(
    path: &Path,
    entry: &str,
    read: impl FnOnce(Content<'_>) -> Result<T>,
) -> Result<T> {
    let mut archive = open(path)?;
    let inside = archive.by_name(entry).map_err(|error| {
        let found = format!("an archive whose entry {entry} cannot be read ({error})");
        Error::format(path, found, "a whole ZIP archive", AGAIN)
    })?;
    let compressed = inside.compressed_size();
    Content::of_entry(Box::new(inside), compressed, &path.join(entry)).and_then(read)
}

/// The archive and the entry of a path such as `archive.zip/folder/test.csv`.
pub(super) fn entry_of(path: &Path) -> Option<(PathBuf, String)> {
    let archive = path.ancestors().skip(1).find(|parent| is_zip(parent) && parent.is_file())?;
    let parts: Vec<_> = path.strip_prefix(archive).ok()?.iter().map(|part| part.to_string_lossy()).collect();
    Some((archive.to_owned(), parts.join("/")))
}

/// Calls `read` with the only table of a file: of text, of an archive, or of a workbook; and with notes about it.
pub(super) fn with_table<T>(
    path: &Path,
    read: impl FnOnce(Content<'_>, Vec<String>) -> Result<T>,
) -> Result<T> {
    if let Some((archive, entry)) = entry_of(path) {
        return with_entry(&archive, &entry, |content| read(content, Vec::new()));
    }
    let content = Content::open(path)?;
    if !content.start().starts_with(b"PK") {
        return read(content, Vec::new());
    }
    match kind(path)? {
        Kind::Table(entry) => with_entry(path, &entry, |content| read(content, Vec::new())),
        #[cfg(feature = "xlsx")]
        Kind::Workbook => {
            let file = File::open(path).map_err(Error::file("open", path))?;
            let (content, notes) = super::workbook::read(BufReader::new(file), path)?;
            read(content, notes)
        }
        #[cfg(not(feature = "xlsx"))]
        Kind::Workbook => Err(Error::feature(path, "an Excel workbook (.xlsx)", "xlsx")),
        Kind::Arrays | Kind::Files => {
            Err(Error::format(path, "a ZIP archive", "a table", "Name the file of the table."))
        }
    }
}

/// Calls `read` with a temporary folder of all files of an archive. Errors and notes name the archive instead.
///
/// Archives inside it are unpacked as well, into folders of their names: competitions publish `train.zip` and
/// `test.zip` in one archive. Archives inside those are not, since an archive can contain itself.
pub(super) fn with_files<T>(path: &Path, read: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let temporary = tempfile::tempdir().map_err(Error::file("create a folder to unpack", path))?;
    // The name of the data set is that of the folder.
    let folder = temporary.path().join(stem(path));
    let size = fs::metadata(path).map_err(Error::file("read", path))?.len();
    let mut left = size.saturating_mul(MOST_TIMES).max(MOST_ANYWAY);
    unpack(path, &folder, &mut left)?;
    let inside: Vec<PathBuf> = files(&folder).into_iter().filter(|file| is_zip(file)).collect();
    for archive in inside {
        let to = folder.join(stem(&archive));
        // A table compressed alone keeps its name; so does an archive next to a folder of that name.
        if !to.exists() && matches!(kind(&archive)?, Kind::Files) {
            unpack(&archive, &to, &mut left).map_err(|error| name_archive(error, &folder, path))?;
            fs::remove_file(&archive).map_err(Error::file("unpack", path))?;
        }
    }
    read(&folder).map_err(|error| name_archive(error, &folder, path))
}

/// Writes the files of an archive into a folder, at most `left` bytes.
fn unpack(path: &Path, folder: &Path, left: &mut u64) -> Result<()> {
    let mut archive = open(path)?;
    fs::create_dir_all(folder).map_err(Error::file("create a folder to unpack", path))?;
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(|error| broken(path, error))?;
        // Names that lead out of the folder are left out, as are links.
        let Some(name) = entry.enclosed_name().filter(|_| entry.is_file()) else { continue };
        let to = folder.join(&name);
        let write = || -> std::io::Result<u64> {
            fs::create_dir_all(to.parent().unwrap_or(folder))?;
            copy(&mut entry.take(left.saturating_add(1)), &mut File::create(&to)?)
        };
        let written = write().map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput => broken(path, error),
            _ => Error::file("unpack", path)(error),
        })?;
        *left = left.checked_sub(written).ok_or_else(|| {
            let found = format!("an archive that expands to more than {MOST_TIMES} times its size");
            Error::format(path, found, "an archive of data", "Unpack it and name the folder.")
        })?;
    }
    Ok(())
}

/// An error about an unpacked file as one about the archive.
fn name_archive(error: Error, folder: &Path, archive: &Path) -> Error {
    match error {
        Error::Format { path, found, expected, remedy } => Error::Format {
            path: within(&path, folder, archive),
            found: renamed(&found, folder, archive),
            expected: renamed(&expected, folder, archive),
            remedy,
        },
        Error::File { action, path, source } => {
            Error::File { action, path: within(&path, folder, archive), source }
        }
        other => other,
    }
}

/// The path of an unpacked file, as if the archive were the folder.
fn within(path: &Path, folder: &Path, archive: &Path) -> PathBuf {
    match path.strip_prefix(folder) {
        Ok(rest) if rest.as_os_str().is_empty() => archive.to_owned(),
        Ok(rest) => archive.join(rest),
        Err(_) => path.to_owned(),
    }
}

/// A sentence about files in `folder` as one about the archive.
pub(super) fn renamed(sentence: &str, folder: &Path, archive: &Path) -> String {
    sentence.replace(&folder.display().to_string(), &archive.display().to_string())
}
