//! Text tables such as CSV: one example per row, numeric columns, and a label column.
//!
//! The format of a table is inferred from its first rows: the delimiter, whether the first row is a header, and which
//! column holds the labels. What cannot be inferred must be given by the user rather than guessed.

use std::path::Path;

use csv::{ByteRecord, Position};

use super::ReadOptions;
use super::content::{AGAIN, Content};
use super::feature_builder::FeatureBuilder;
use super::raw_subset::{Features, Interned, Labels, RawSubset};
use super::records::Records;
use super::rows::{Found, Ids, Wanted};
pub(super) use super::table_layout::Layout;
use super::table_pixels::{as_pixels, image_of};
use crate::text::shortened;
use crate::{Error, Result};

/// How many rows are read before the format is inferred.
pub(super) const LOOKED_AT: usize = 1000;

/// Reads a training set, and its layout.
pub(super) fn read(name: String, content: Content<'_>, options: &ReadOptions) -> Result<(RawSubset, Layout)> {
    let path = content.path.clone();
    let (mut records, first) = start(content)?;
    let mut layout = Layout::seen(&first, &records, options, &path)?;
    let (features, labels) = rows(&mut records, &first, &layout, &path)?;
    if let Some(encoding) = records.encoding() {
        layout.note(&path, format!("the text is read as {encoding}"));
    }
    let (image, note) = image_of(&layout, &features, options);
    layout.image = image;
    if let Some(note) = note {
        layout.note(&path, note);
    }
    let features = as_pixels(features, image);
    let columns = layout.feature_names();
    Ok((RawSubset { columns, ..RawSubset::new(name, path.clone(), path, features, labels) }, layout))
}

/// Reads a test set with the layout of its training set; `None` if it lacks the column of labels.
pub(super) fn read_test(
    name: String,
    content: Content<'_>,
    options: &ReadOptions,
    like: &Layout,
) -> Result<Option<RawSubset>> {
    let path = content.path.clone();
    let (mut records, first) = start(content)?;
    let Some(layout) = like.of_test(&first, options, &path)? else { return Ok(None) };
    let (features, labels) = rows(&mut records, &first, &layout, &path)?;
    let features = as_pixels(features, layout.image);
    Ok(Some(RawSubset::new(name, path.clone(), path, features, labels)))
}

/// Reads rows without labels for a model.
pub(super) fn read_rows(
    content: Content<'_>,
    options: &ReadOptions,
    wanted: &Wanted<'_>,
) -> Result<(Features, Found)> {
    let path = content.path.clone();
    let (mut records, first) = start(content)?;
    let mut layout = Layout::of_rows(&first, &records, options, wanted, &path)?;
    let mut rows = Rows::new(&layout, &path);
    rows.add_all(&mut records, &first)?;
    let ids = layout.id.map(|column| Ids {
        name: layout.name(column).cloned().unwrap_or_default(),
        values: std::mem::take(&mut rows.ids),
    });
    let (features, _) = rows.done();
    if let Some(encoding) = records.encoding() {
        layout.note(&path, format!("the text is read as {encoding}"));
    }
    Ok((features, Found { ids, notes: layout.notes }))
}

/// The records of a file, and the first of them, from which the layout is inferred.
fn start(content: Content<'_>) -> Result<(Records<'_>, Vec<ByteRecord>)> {
    if content.is_empty_file() {
        return Err(content.refuse("an empty file (0 bytes)", "a table of examples", AGAIN));
    }
    let mut records = Records::open(content)?;
    let mut first = Vec::new();
    let mut record = ByteRecord::new();
    while first.len() < LOOKED_AT && records.next(&mut record)? {
        first.push(record.clone());
    }
    Ok((records, first))
}

/// All rows: those that were read first, and the others.
fn rows(
    records: &mut Records<'_>,
    first: &[ByteRecord],
    layout: &Layout,
    path: &Path,
) -> Result<(Features, Labels)> {
    let mut rows = Rows::new(layout, path);
    rows.add_all(records, first)?;
    Ok(rows.done())
}

/// A field without surrounding spaces.
pub(super) fn text(field: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(field.trim_ascii())
}

/// A field as a finite number.
pub(super) fn field_number(field: &[u8], decimal_comma: bool) -> Option<f64> {
    let text = std::str::from_utf8(field.trim_ascii()).ok()?;
    let number: f64 = match decimal_comma && text.contains(',') {
        true if text.contains('.') => return None,
        true => text.replacen(',', ".", 1).parse().ok()?,
        false => text.parse().ok()?,
    };
    number.is_finite().then_some(number)
}

pub(super) fn is_missing(field: &[u8]) -> bool {
    matches!(&*text(field).to_ascii_lowercase(), "" | "na" | "n/a" | "nan" | "null" | "none" | "?")
}

/// The rows read so far.
struct Rows<'a> {
    layout: &'a Layout,
    path: &'a Path,
    features: FeatureBuilder,
    names: Interned,
    labels: Vec<u32>,
    /// What identifies the rows, if a column does.
    ids: Vec<String>,
    count: u64,
}

impl<'a> Rows<'a> {
    fn new(layout: &'a Layout, path: &'a Path) -> Self {
        let (features, names) = (FeatureBuilder::new(), Interned::default());
        Rows { layout, path, features, names, labels: Vec::new(), ids: Vec::new(), count: 0 }
    }

    /// Adds the rows that were read first, and the others.
    fn add_all(&mut self, records: &mut Records<'_>, first: &[ByteRecord]) -> Result<()> {
        for record in first.iter().skip(usize::from(self.layout.header.is_some())) {
            self.add(record)?;
        }
        let mut record = ByteRecord::new();
        while records.next(&mut record)? {
            self.add(&record)?;
        }
        Ok(())
    }

    fn add(&mut self, record: &ByteRecord) -> Result<()> {
        let layout = self.layout;
        let refuse =
            |found: String, expected: &str, remedy: &str| Error::format(self.path, found, expected, remedy);
        self.count += 1;
        // A record from a csv reader has a line number.
        let line = record.position().map_or(self.count, Position::line);
        let is_empty = |field: &[u8]| field.trim_ascii().is_empty();
        if record.len() < layout.columns || !record.iter().skip(layout.columns).all(is_empty) {
            let found = format!("{} columns in line {line}", record.len());
            let expected = format!("{}, as in the first row", layout.columns);
            return Err(refuse(found, &expected, "Correct the line, or the quotation marks before it."));
        }
        for &column in &layout.features {
            let field = &record[column];
            let Some(value) = layout.number(field) else {
                let place = format!("in line {line}, {}", layout.column(column));
                return Err(if is_missing(field) {
                    refuse(format!("no value {place}"), "a number", "Fill it in, or leave the row out.")
                } else {
                    let remedy = "Turn text into numbers or leave the column out; if these are the labels, name the column (`--label-column`).";
                    refuse(format!("“{}” {place}", shortened(&text(field))), "a finite number", remedy)
                });
            };
            self.features.push(value);
        }
        self.ids.extend(layout.id.map(|column| text(&record[column]).into_owned()));
        layout.label.map_or(Ok(()), |column| self.add_label(&record[column], line, column))
    }

    fn add_label(&mut self, field: &[u8], line: u64, column: usize) -> Result<()> {
        let label = text(field);
        let place = || format!("in line {line}, {}", self.layout.column(column));
        if is_missing(label.as_bytes()) {
            let found = format!("no label {}", place());
            return Err(Error::format(self.path, found, "a class", "Fill it in, or leave the row out."));
        }
        if label.chars().any(char::is_control) {
            let found = format!("a control character {}", place());
            let remedy = "Write the names as plain text, and close every quotation mark.";
            return Err(Error::format(self.path, found, "the name of a class", remedy));
        }
        self.labels.push(self.names.index(&label));
        Ok(())
    }

    fn done(self) -> (Features, Labels) {
        (self.features.features(self.layout.features.len()), self.names.labels(self.labels))
    }
}

/// Labels in a separate file, one per line.
pub(super) fn read_labels(content: Content<'_>) -> Result<Labels> {
    let path = content.path.clone();
    let mut records = Records::lines(content)?;
    let (mut names, mut labels) = (Interned::default(), Vec::new());
    let mut record = ByteRecord::new();
    while records.next(&mut record)? {
        let label = text(&record[0]);
        let line = record.position().map_or(0, Position::line);
        if record.len() != 1 || label.chars().any(char::is_control) {
            let found = format!("“{}” and more in line {line}", shortened(&label));
            return Err(Error::format(&path, found, "one label a line", "Write a file of labels alone."));
        }
        labels.push(names.index(&label));
    }
    Ok(names.labels(labels))
}
