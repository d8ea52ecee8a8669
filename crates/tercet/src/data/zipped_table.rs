//! A table inside a ZIP archive, and Excel workbooks, which are ZIP archives too.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;

use super::content::Content;
use super::raw_subset::some_of;
use super::sibling_files::file_name;
use crate::{Error, Result};

/// The endings of tables as text.
const TABLES: [&str; 8] = ["csv", "tsv", "txt", "data", "arff", "json", "jsonl", "libsvm"];

/// Calls `read` with the only table of an archive. `None` if the archive has arrays or no table, and cannot be opened.
pub(super) fn read<T>(path: &Path, read: impl FnOnce(Content<'_>) -> Result<T>) -> Result<Option<T>> {
    let file = File::open(path).map_err(Error::file("open", path))?;
    // Other readers say what is wrong with a damaged archive.
    let Ok(mut archive) = ZipArchive::new(BufReader::new(file)) else { return Ok(None) };
    let names: Vec<String> = archive.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
    if names.iter().any(|name| name.starts_with("xl/")) {
        let remedy = "Save the sheet as CSV and name that file.";
        return Err(Error::format(path, "an Excel workbook", "a table as text", remedy));
    }
    let ending =
        |name: &str| name.rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_lowercase());
    let is_table = |name: &&String| {
        let hidden = name.starts_with("__MACOSX") || file_name(Path::new(name)).starts_with('.');
        TABLES.contains(&ending(name).as_str()) && !hidden
    };
    let tables: Vec<String> = names.iter().filter(is_table).cloned().collect();
    if names.iter().any(|name| ending(name) == "npy") {
        return Ok(None);
    }
    match &tables[..] {
        [] => Ok(None),
        [table] => {
            let entry = archive.by_name(table).map_err(|error| {
                let found = format!("an archive whose entry {table} cannot be read ({error})");
                Error::format(path, found, "a whole ZIP archive", super::content::AGAIN)
            })?;
            let compressed = entry.compressed_size();
            Content::unpacked(Box::new(entry), compressed, None, &path.join(table)).and_then(read).map(Some)
        }
        several => {
            let found = format!("a ZIP archive with the tables {}", some_of(several));
            Err(Error::format(path, found, "one table", "Unpack the archive and name the folder or a file."))
        }
    }
}
