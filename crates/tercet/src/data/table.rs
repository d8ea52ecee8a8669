//! Text tables such as CSV: one example per row, numeric columns, and a label column.
//!
//! The format of a table is inferred from its first rows: the delimiter, whether the first row is a header, and which
//! column holds the labels. What cannot be inferred must be given by the user rather than guessed.

use std::collections::HashSet;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::content::{AGAIN, Content};
use super::feature_builder::FeatureBuilder;
use super::raw_subset::{Features, Interned, Labels, RawSubset, some_of};
use super::read_options::LABEL_NAMES;
use super::{LabelColumn, ReadOptions};
use crate::image::ImageShape;
use crate::text::shortened;
use crate::{Error, Result};

/// How many rows are read before the format is inferred.
const LOOKED_AT: usize = 1000;

/// More columns than this mean that the file is not a table.
const MOST_COLUMNS: usize = 1 << 20;

/// The layout of a table, which its test set shares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    header: Option<Vec<String>>,
    columns: usize,
    label: usize,
    /// The columns of features.
    features: Vec<usize>,
    /// The shape of the images, if the rows are images.
    image: Option<ImageShape>,
}

/// Reads a table. A test set has the layout of its training set.
pub(super) fn read(
    name: String,
    mut content: Content<'_>,
    options: &ReadOptions,
    like: Option<&Layout>,
) -> Result<(RawSubset, Layout)> {
    let path = content.path.clone();
    if content.is_empty_file() {
        return Err(content.refuse("an empty file (0 bytes)", "a table of examples", AGAIN));
    }
    let delimiter = delimiter(content.start());
    skip_mark(&mut content);
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(content);
    let mut first = Vec::new();
    let mut record = ByteRecord::new();
    while first.len() < LOOKED_AT && next(&mut reader, &mut record)? {
        first.push(record.clone());
    }
    let layout = match like {
        Some(layout) => layout.of_test(&first, options, &path)?,
        None => Layout::seen(&first, options, &path)?,
    };

    let mut rows = Rows::new(&layout, &path);
    for record in first.iter().skip(usize::from(layout.header.is_some())) {
        rows.add(record)?;
    }
    while next(&mut reader, &mut record)? {
        rows.add(&record)?;
    }
    let (features, labels) = rows.done();
    let image = match like {
        Some(layout) => layout.image,
        None => layout.image_of(&features, options),
    };
    let features = match (features, image) {
        (Features::Bytes(_, pixels), Some(shape)) => Features::Pixels(shape, pixels),
        (features, _) => features,
    };
    let layout = Layout { image, ..layout };
    Ok((RawSubset { name, path: path.clone(), labels_path: path, features, labels }, layout))
}

/// The delimiter: whichever of these is most frequent in the first line.
fn delimiter(start: &[u8]) -> u8 {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    // The first one in a tie.
    [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|&delimiter| count(delimiter)).unwrap_or(b',')
}

/// Skips the byte order mark that some programs write before UTF-8 text.
fn skip_mark(content: &mut Content<'_>) {
    use std::io::BufRead;
    if content.start().starts_with("\u{feff}".as_bytes()) {
        content.consume("\u{feff}".len());
    }
}

/// The next row that is not empty, or false at the end.
fn next(reader: &mut csv::Reader<Content<'_>>, record: &mut ByteRecord) -> Result<bool> {
    loop {
        let more = match reader.read_byte_record(record) {
            Ok(more) => more,
            Err(error) => {
                let content = reader.get_ref();
                return Err(match error.into_kind() {
                    csv::ErrorKind::Io(error) => content.broken(error),
                    other => content.refuse(format!("{other:?}"), "a table", "Write the table again as CSV."),
                });
            }
        };
        if !more || record.iter().any(|field| !field.trim_ascii().is_empty()) {
            return Ok(more);
        }
    }
}

/// A field without surrounding spaces.
fn text(field: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(field.trim_ascii())
}

fn number(field: &[u8]) -> Option<f32> {
    let number: f32 = std::str::from_utf8(field.trim_ascii()).ok()?.parse().ok()?;
    number.is_finite().then_some(number)
}

fn is_missing(field: &[u8]) -> bool {
    matches!(&*text(field).to_ascii_lowercase(), "" | "na" | "n/a" | "nan" | "null" | "none" | "?")
}

impl Layout {
    /// Infers the layout from the first rows.
    fn seen(first: &[ByteRecord], options: &ReadOptions, path: &Path) -> Result<Self> {
        let refuse =
            |found: String, expected: &str, remedy: &str| Error::format(path, found, expected, remedy);
        let Some(top) = first.first() else {
            return Err(refuse("no rows".to_owned(), "a table of examples", AGAIN));
        };
        let columns = top.len();
        if columns < 2 {
            let found = format!("one column, “{}” in its first row", shortened(&text(&top[0])));
            let expected = "at least two columns, of numbers and labels";
            return Err(refuse(found, expected, "Separate the columns by commas, semicolons or tabs."));
        }
        if columns > MOST_COLUMNS {
            let expected = format!("at most {MOST_COLUMNS}");
            return Err(refuse(format!("{columns} columns"), &expected, "This does not look like a table."));
        }
        let named = match &options.label {
            Some(LabelColumn::Named(name)) => Some(name.as_str()),
            _ => None,
        };
        let is_header = options.header.unwrap_or_else(|| is_header(first, named));
        let header: Option<Vec<String>> =
            is_header.then(|| top.iter().map(|name| text(name).into_owned()).collect());
        let rows = &first[usize::from(is_header)..];
        if rows.is_empty() {
            return Err(refuse("a header without rows".to_owned(), "a table of examples", AGAIN));
        }
        // The row number, which pandas writes as a first column without a name.
        let index = header.as_ref().is_some_and(|names| names[0].is_empty() || names[0] == "Unnamed: 0");
        let columns_left: Vec<usize> = (usize::from(index)..columns).collect();
        let label = match &options.label {
            Some(LabelColumn::First) => columns_left[0],
            Some(LabelColumn::Last) => columns - 1,
            Some(LabelColumn::Named(name)) => {
                let Some(names) = &header else {
                    let remedy = "Say `first` or `last`, or that the first row names the columns.";
                    return Err(refuse(
                        "columns without names".to_owned(),
                        &format!("a column {name}"),
                        remedy,
                    ));
                };
                let place = names.iter().position(|n| n == name);
                place.ok_or_else(|| {
                    let found = format!("the columns {}", some_of(names));
                    refuse(found, &format!("a column {name}"), "Name one of them as the label.")
                })?
            }
            None => seen_label(rows, header.as_deref(), &columns_left, path)?,
        };
        let features = columns_left.into_iter().filter(|&column| column != label).collect();
        Ok(Layout { header, columns, label, features, image: None })
    }

    /// The layout of a test set, whose columns must be those of the training set.
    fn of_test(&self, first: &[ByteRecord], options: &ReadOptions, path: &Path) -> Result<Self> {
        let Some(top) = first.first() else {
            return Err(Error::format(path, "no rows", "a table of examples", AGAIN));
        };
        let names = || top.iter().map(|name| text(name).into_owned()).collect::<Vec<_>>();
        let header = match &self.header {
            Some(header) if options.header.is_none() || options.header == Some(true) => {
                if *header != names() {
                    let remedy = "Training and test set must come from the same source, prepared alike.";
                    let found = format!("the columns {}", some_of(&names()));
                    return Err(Error::format(
                        path,
                        found,
                        format!("those of the training set: {}", some_of(header)),
                        remedy,
                    ));
                }
                Some(header.clone())
            }
            _ => None,
        };
        Ok(Layout { header, ..self.clone() })
    }

    /// The name of a column, for error messages.
    fn column(&self, column: usize) -> String {
        match self.header.as_ref().and_then(|names| names.get(column)) {
            Some(name) => format!("column {} (“{}”)", column + 1, shortened(name)),
            None => format!("column {}", column + 1),
        }
    }

    /// The shape of the images, if the rows are images: integers from 0 to 255, as many as a square has pixels, in
    /// columns that are named as pixels or have no names.
    fn image_of(&self, features: &Features, options: &ReadOptions) -> Option<ImageShape> {
        let Features::Bytes(width, values) = features else { return None };
        if options.plain || options.size.is_some() {
            return None;
        }
        let (shape, colour) = (width.isqrt(), (width / 3).isqrt());
        let shape = match () {
            () if shape * shape == *width => ImageShape::gray(shape, shape),
            () if 3 * colour * colour == *width => ImageShape { width: colour, height: colour, channels: 3 },
            () => return None,
        };
        let called_pixels = |name: &String| {
            let name = name.to_ascii_lowercase();
            let row_and_column = name.split_once('x').is_some_and(|(row, column)| {
                [row, column].iter().all(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
            });
            name.starts_with("pixel") || name.starts_with("px") || row_and_column
        };
        let is_image = match &self.header {
            Some(names) => self.features.iter().all(|&column| called_pixels(&names[column])),
            None => shape.width >= 8 && values.iter().any(|&value| value > 127),
        };
        is_image.then_some(shape)
    }
}

/// Whether the first row is a header: text above numbers, or 0, 1, 2, … above anything else, as pandas writes.
fn is_header(first: &[ByteRecord], label: Option<&str>) -> bool {
    let top = &first[0];
    if label.is_some_and(|label| top.iter().any(|name| text(name) == label)) {
        return true;
    }
    let Some(second) = first.get(1) else {
        return top.iter().all(|name| number(name).is_none());
    };
    if top.iter().zip(second).any(|(a, b)| number(a).is_none() && !is_missing(a) && number(b).is_some()) {
        return true;
    }
    let counts = |start: usize, skip: usize| {
        top.len() > skip + 1
            && top.iter().skip(skip).zip(start..).filter(|(name, n)| text(name) == n.to_string()).count() + 1
                >= top.len() - skip
            && first.iter().skip(1).any(|row| row != top)
            && top.len() > 3
    };
    counts(0, 0) || counts(0, 1) || counts(1, 0)
}

/// The label column, by its name or its contents.
fn seen_label(
    rows: &[ByteRecord],
    header: Option<&[String]>,
    columns: &[usize],
    path: &Path,
) -> Result<usize> {
    let named = |names: &[String]| {
        let is_label = |&&column: &&usize| {
            names.get(column).is_some_and(|name| LABEL_NAMES.contains(&name.to_ascii_lowercase().as_str()))
        };
        columns.iter().find(is_label).copied()
    };
    if let Some(column) = header.and_then(named) {
        return Ok(column);
    }
    let values = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let of_text: Vec<usize> = columns
        .iter()
        .copied()
        .filter(|&column| values(column).any(|field| number(field).is_none() && !is_missing(field)))
        .collect();
    if let [column] = of_text[..] {
        return Ok(column);
    }
    // Few distinct integers, each of which occurs more than once.
    let could_be = |column: usize| {
        let mut different = HashSet::new();
        let whole = values(column).all(|field| {
            different.insert(field);
            number(field).is_some_and(|v| v.fract() == 0.0)
        });
        whole && different.len() > 1 && different.len() * 2 <= rows.len().max(4)
    };
    let (front, back) = (columns[0], columns[columns.len() - 1]);
    match (could_be(front), could_be(back)) {
        (true, false) => Ok(front),
        (false, true) => Ok(back),
        (both, _) => {
            let found = match (both, of_text.len()) {
                (true, _) => "a first and a last column that could both be labels",
                (_, 0 | 1) => "no column that looks like labels",
                _ => "several columns of text",
            };
            let remedy = "Say which column holds the labels: `first`, `last` or its name (`--label-column`).";
            Err(Error::format(path, found, "a table with a column of labels", remedy))
        }
    }
}

/// The rows read so far.
struct Rows<'a> {
    layout: &'a Layout,
    path: &'a Path,
    features: FeatureBuilder,
    names: Interned,
    labels: Vec<u32>,
}

impl<'a> Rows<'a> {
    fn new(layout: &'a Layout, path: &'a Path) -> Self {
        let (features, names) = (FeatureBuilder::new(), Interned::default());
        Rows { layout, path, features, names, labels: Vec::new() }
    }

    fn add(&mut self, record: &ByteRecord) -> Result<()> {
        let layout = self.layout;
        let refuse =
            |found: String, expected: &str, remedy: &str| Error::format(self.path, found, expected, remedy);
        // A record from a csv reader has a line number.
        let line = record.position().map_or(self.labels.len() as u64 + 1, csv::Position::line);
        if record.len() != layout.columns {
            let found = format!("{} columns in line {line}", record.len());
            let expected = format!("{}, as in the first row", layout.columns);
            return Err(refuse(found, &expected, "Correct the line, or the quotation marks before it."));
        }
        for &column in &layout.features {
            let field = &record[column];
            let Some(value) = number(field) else {
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
        let label = text(&record[layout.label]);
        if is_missing(label.as_bytes()) {
            let found = format!("no label in line {line}, {}", layout.column(layout.label));
            return Err(refuse(found, "a class", "Fill it in, or leave the row out."));
        }
        if label.chars().any(char::is_control) {
            let found = format!("a control character in line {line}, {}", layout.column(layout.label));
            return Err(refuse(
                found,
                "the name of a class",
                "Write the names as plain text, and close every quotation mark.",
            ));
        }
        self.labels.push(self.names.index(&label));
        Ok(())
    }

    fn done(self) -> (Features, Labels) {
        (self.features.features(self.layout.features.len()), self.names.labels(self.labels))
    }
}

/// Labels in a separate file, one per line.
pub(super) fn read_labels(mut content: Content<'_>) -> Result<Labels> {
    let path = content.path.clone();
    skip_mark(&mut content);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(content);
    let (mut names, mut labels) = (Interned::default(), Vec::new());
    let mut record = ByteRecord::new();
    while next(&mut reader, &mut record)? {
        let label = text(&record[0]);
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != 1 || label.chars().any(char::is_control) {
            let found = format!("“{}” and more in line {line}", shortened(&label));
            return Err(Error::format(&path, found, "one label a line", "Write a file of labels alone."));
        }
        labels.push(names.index(&label));
    }
    Ok(names.labels(labels))
}
