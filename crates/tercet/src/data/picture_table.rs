//! Pictures whose labels are in a table of file names, as Kaggle publishes them: `labels.csv` with `id,label`, and the
//! pictures next to it or in folders below.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::content::Content;
use super::image_folder;
use super::raw_subset::{RawSubset, some_of};
use super::read_options::LABEL_NAMES;
use super::records::Records;
use super::sibling_files::{LABELS, TEST, TRAIN, VALIDATION, file_name, files, has};
use super::table::text;
use super::validation_set::append_validation;
use super::{LabelColumn, ReadOptions};
use crate::text::shortened;
use crate::{Error, Result};

/// How deep the folders of the pictures may be.
const DEEPEST: usize = 3;

/// The extensions of tables.
const ENDINGS: [&str; 4] = [".csv", ".tsv", ".csv.gz", ".tsv.gz"];

/// The training and the test set of a folder, and what is not obvious about how they were read.
pub(super) struct Found {
    pub train: RawSubset,
    pub test: Option<RawSubset>,
    pub notes: Vec<String>,
}

/// Reads the pictures that the tables of a folder name. `None` if no table names pictures.
///
/// # Errors
/// Several such tables, a table without a column of labels, and a picture that is missing or cannot be read.
pub(super) fn read(name: &str, folder: &Path, options: &ReadOptions) -> Result<Option<Found>> {
    let tables: Vec<PathBuf> = files(folder).into_iter().filter(|path| is_table(path)).collect();
    let mut pictures = Vec::new();
    if !tables.is_empty() {
        list_pictures(folder, DEEPEST, &mut pictures);
    }
    if pictures.is_empty() {
        return Ok(None);
    }
    let mut notes = Vec::new();
    let mut of_part = |part: &[&str], others: [&[&str]; 2]| -> Result<Option<RawSubset>> {
        let is_other = |name: &str| others.iter().any(|words| has(name, words)) && !has(name, part);
        let within = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_path_buf();
        let in_other = |path: &PathBuf| {
            within(path)
                .parent()
                .is_some_and(|parents| parents.iter().any(|name| is_other(&name.to_string_lossy())))
        };
        let index = Index::of(folder, pictures.iter().filter(|path| !in_other(path)));
        let mut named = Vec::new();
        for table in tables.iter().filter(|path| !is_other(&file_name(path))) {
            named.extend(rows_of(table, &index, options)?);
        }
        if let Some(best) = named.iter().position(|table| has(&file_name(&table.path), part)) {
            named.swap(0, best);
            named.truncate(1);
        } else if let Some(labels) = named.iter().position(|table| has(&file_name(&table.path), &LABELS)) {
            named.swap(0, labels);
            named.truncate(1);
        }
        let Some(table) = named.pop() else { return Ok(None) };
        if let Some(other) = named.pop() {
            let names = [file_name(&other.path), file_name(&table.path)];
            let remedy = "Leave one of the tables there, or put `train` into its name.";
            let found = format!("several tables of pictures: {}", some_of(&names));
            return Err(Error::format(folder, found, "one table of file names and labels", remedy));
        }
        notes.push(table.in_words(&index));
        let what = if part == TRAIN { "train" } else { part[0] };
        image_folder::read_files(format!("{name} {what}"), &table.path, table.rows, options).map(Some)
    };
    let Some(mut train) = of_part(&TRAIN, [&TEST, &VALIDATION])? else { return Ok(None) };
    // A table without `test` or `val` in its name is that of the training set.
    let has_part = |words: &[&str]| tables.iter().any(|path| has(&file_name(path), words));
    let validation = if has_part(&VALIDATION) { of_part(&VALIDATION, [&TRAIN, &TEST])? } else { None };
    let test = if has_part(&TEST) { of_part(&TEST, [&TRAIN, &VALIDATION])? } else { None };
    if let Some(validation) = validation {
        append_validation(&mut train, validation)?;
    }
    Ok(Some(Found { train, test, notes }))
}

/// Whether a file is a table by its name, and not an example of what to submit.
fn is_table(path: &Path) -> bool {
    let name = file_name(path).to_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending)) && !has(&name, &["submission"])
}

/// Adds the pictures of a folder and of those below.
fn list_pictures(folder: &Path, depth: usize, pictures: &mut Vec<PathBuf>) {
    for path in image_folder::entries(folder).unwrap_or_default() {
        if image_folder::is_picture(&path) {
            pictures.push(path);
        } else if depth > 0 && fs::symlink_metadata(&path).is_ok_and(|about| about.is_dir()) {
            list_pictures(&path, depth - 1, pictures);
        }
    }
}

/// Pictures by all names that a table may use for them: the path, the name of the file, and the name without extension.
struct Index<'a> {
    /// `None` for a name that several pictures have.
    of_name: HashMap<String, Option<&'a PathBuf>>,
    count: usize,
}

impl<'a> Index<'a> {
    fn of(folder: &Path, pictures: impl Iterator<Item = &'a PathBuf>) -> Self {
        let mut index = Index { of_name: HashMap::new(), count: 0 };
        for path in pictures {
            index.count += 1;
            let relative = path.strip_prefix(folder).unwrap_or(path);
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let mut names = vec![slashed(&relative.to_string_lossy()), file_name(path), stem];
            names.dedup();
            for name in names {
                let known = index.of_name.entry(name).or_insert(Some(path));
                *known = known.filter(|known| *known == path);
            }
        }
        index
    }

    /// The picture that a field names.
    fn picture(&self, field: &[u8]) -> Option<&'a PathBuf> {
        let name = slashed(&text(field));
        let last = name.rsplit('/').next().unwrap_or_default();
        self.of_name.get(&name).or_else(|| self.of_name.get(last)).copied().flatten()
    }
}

fn slashed(path: &str) -> String {
    path.replace('\\', "/").trim_start_matches("./").trim_start_matches('/').to_owned()
}

/// The rows of a table that names pictures.
struct Table {
    path: PathBuf,
    /// The columns of the file names and of the labels, for messages.
    columns: [String; 2],
    rows: Vec<(PathBuf, String)>,
}

impl Table {
    fn in_words(&self, index: &Index<'_>) -> String {
        let ([files, labels], count) = (&self.columns, self.rows.len());
        let unlisted = index.count.saturating_sub(count);
        let skipped = match unlisted {
            0 => String::new(),
            1 => "; 1 picture is not in the table and is skipped".to_owned(),
            n => format!("; {n} pictures are not in the table and are skipped"),
        };
        format!("{}: {files} names {count} pictures, {labels} their classes{skipped}", self.path.display())
    }
}

/// The pictures and labels of a table; `None` if it does not name pictures, or has no other column.
fn rows_of(path: &Path, index: &Index<'_>, options: &ReadOptions) -> Result<Option<Table>> {
    let content = Content::open(path)?;
    if content.is_empty_file() {
        return Ok(None);
    }
    let mut records = Records::open(content)?;
    let (mut all, mut record) = (Vec::new(), ByteRecord::new());
    while records.next(&mut record)? {
        all.push(record.clone());
    }
    let width = all.iter().map(ByteRecord::len).max().unwrap_or(0);
    let named = |column: usize| {
        all.iter().filter(|row| row.get(column).is_some_and(|field| index.picture(field).is_some())).count()
    };
    let Some(files) = (0..width).max_by_key(|&column| (named(column), width - column)) else {
        return Ok(None);
    };
    if width < 2 || named(files) * 2 < all.len() {
        return Ok(None);
    }
    let header = all[0].get(files).is_none_or(|field| index.picture(field).is_none());
    let names: Vec<String> = match header {
        true => all[0].iter().map(|name| text(name).into_owned()).collect(),
        false => (1..=width).map(|column| format!("column {column}")).collect(),
    };
    let rows = &all[usize::from(header)..];
    let labels = label_column(&names, files, rows, options).ok_or_else(|| {
        let found = format!("the columns {}", some_of(&names));
        let remedy = "Say which column holds the labels (`--label-column`).";
        Error::format(path, found, "a column of labels beside the names of the pictures", remedy)
    })?;
    let mut pairs = Vec::with_capacity(rows.len());
    for row in rows {
        let field = row.get(files).unwrap_or_default();
        let Some(picture) = index.picture(field) else {
            let found = format!("the picture “{}”, which is not there", shortened(&text(field)));
            let remedy = "Add the picture, or remove its row.";
            return Err(Error::format(path, found, "names of pictures in the same folder or below", remedy));
        };
        let label = text(row.get(labels).unwrap_or_default()).into_owned();
        if label.is_empty() || label.chars().any(char::is_control) {
            let found = format!("no label for the picture “{}”", shortened(&text(field)));
            return Err(Error::format(path, found, "a class", "Fill it in, or leave the row out."));
        }
        pairs.push((picture.clone(), label));
    }
    let columns = [files, labels].map(|column| match names.get(column) {
        Some(name) if header => format!("column “{}”", shortened(name)),
        _ => format!("column {}", column + 1),
    });
    Ok(Some(Table { path: path.to_owned(), columns, rows: pairs }))
}

/// The column of labels: the one that the options name, one with a name for labels, or the only other one.
fn label_column(names: &[String], files: usize, rows: &[ByteRecord], options: &ReadOptions) -> Option<usize> {
    let others: Vec<usize> = (0..names.len()).filter(|&column| column != files).collect();
    let is_label = |&&column: &&usize| LABEL_NAMES.contains(&names[column].to_lowercase().as_str());
    match &options.label {
        Some(LabelColumn::First) => others.first().copied(),
        Some(LabelColumn::Last) => others.last().copied(),
        Some(LabelColumn::Named(name)) => others.into_iter().find(|&column| names[column] == *name),
        None if others.len() == 1 => Some(others[0]),
        None => others.iter().find(is_label).copied().or_else(|| {
            let is_text = |field: &[u8]| text(field).parse::<f64>().is_err();
            let of_text: Vec<usize> = others
                .into_iter()
                .filter(|&column| rows.iter().all(|row| row.get(column).is_some_and(is_text)))
                .collect();
            if let [only] = of_text[..] { Some(only) } else { None }
        }),
    }
}
