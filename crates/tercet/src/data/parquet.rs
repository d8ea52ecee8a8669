//! Parquet tables: Hugging Face's images with labels, lists of numbers (embeddings), or numeric columns.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row, RowAccessor};
use rayon::prelude::*;
use serde_json::Value;

use super::content::AGAIN;
use super::feature_builder::FeatureBuilder;
use super::image_folder::fitted;
use super::raw_subset::{Features, Interned, Labels, RawSubset, some_of};
use super::read_options::{LABEL_NAMES, is_index_name};
use super::rows::{Found, Ids, Wanted};
use super::{Classes, LabelColumn, ReadOptions};
use crate::image::{self, ImageShape, Picture};
use crate::text::shortened;
use crate::{Error, Result};

/// How many rows are read before the layout is inferred.
const FIRST: usize = 1000;

/// The meaning of the columns of a table, according to its first rows.
struct Layout {
    names: Vec<String>,
    /// The column of labels, which rows without labels lack.
    label: Option<usize>,
    /// The column that identifies rows without labels.
    id: Option<usize>,
    features: Columns,
    /// What is not obvious about how the table is read.
    notes: Vec<String>,
}

/// Where the features are.
enum Columns {
    /// Encoded pictures.
    Pictures(usize),
    /// A list of numbers, all of the same length.
    List(usize),
    /// One number in each column.
    Numbers(Vec<usize>),
}

/// Reads the rows of several files of one set, and the class names if the files contain them.
pub(super) fn read(
    name: String,
    paths: &[PathBuf],
    options: &ReadOptions,
    notes: &mut Vec<String>,
) -> Result<(RawSubset, Option<Classes>)> {
    let mut rows = Rows::new(options);
    let mut classes = None;
    for path in paths {
        let layout = |first: &[Row], about: Option<&Value>| Layout::seen(first, about, options, path);
        guarded(path, || read_file(path, &mut rows, &mut classes, &layout))?;
        rows.decode(path)?;
    }
    let path = paths[0].clone();
    let mut columns = Vec::new();
    if let Some(layout) = &rows.layout {
        notes.extend(layout.notes.iter().cloned());
        if let Columns::Numbers(numbers) = &layout.features {
            columns = numbers.iter().map(|&column| layout.names[column].clone()).collect();
        }
    }
    let (features, labels) = rows.done(&path)?;
    Ok((
        RawSubset { columns, ..RawSubset::new(name, path.clone(), path, features, labels) },
        classes.map(Classes::from),
    ))
}

/// Reads rows without labels for a model.
pub(super) fn read_rows(
    path: &Path,
    options: &ReadOptions,
    wanted: &Wanted<'_>,
) -> Result<(Features, Found)> {
    let mut rows = Rows::new(options);
    let layout = |first: &[Row], _: Option<&Value>| Layout::of_rows(first, wanted, path);
    guarded(path, || read_file(path, &mut rows, &mut None, &layout))?;
    rows.decode(path)?;
    let (ids, notes) = match &rows.layout {
        Some(layout) => {
            let ids = layout.id.map(|id| Ids { name: layout.names[id].clone(), values: rows.ids.clone() });
            (ids, layout.notes.clone())
        }
        None => return Err(Error::format(path, "no rows", "rows to predict", AGAIN)),
    };
    Ok((rows.done(path)?.0, Found { ids, notes }))
}

/// Calls `read`. If the parts of a damaged file contradict each other, the library sometimes panics, which is converted
/// to an error here: https://github.com/apache/arrow-rs/issues/9742
fn guarded(path: &Path, read: impl FnOnce() -> Result<()>) -> Result<()> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|panic| Err(broken(path, panic_message(&*panic))))
}

/// Infers a layout from the first rows and Hugging Face's metadata.
type Infer<'a> = dyn Fn(&[Row], Option<&Value>) -> Result<Layout> + 'a;

fn read_file(
    path: &Path,
    rows: &mut Rows<'_>,
    classes: &mut Option<Vec<String>>,
    infer: &Infer<'_>,
) -> Result<()> {
    let refuse = |error: ParquetError| broken(path, &error.to_string());
    let file = File::open(path).map_err(Error::file("open", path))?;
    let length = file.metadata().map_err(Error::file("read", path))?.len();
    let reader = SerializedFileReader::new(file).map_err(refuse)?;
    check_places(reader.metadata(), length, path)?;
    let mut all = reader.get_row_iter(None).map_err(refuse)?;
    let mut first = Vec::new();
    if rows.layout.is_none() {
        first = all.by_ref().take(FIRST).collect::<std::result::Result<Vec<Row>, _>>().map_err(refuse)?;
        let metadata = reader.metadata().file_metadata().key_value_metadata();
        let about = metadata.and_then(|pairs| pairs.iter().find(|pair| pair.key == "huggingface"));
        let about = about.and_then(|pair| serde_json::from_str(pair.value.as_deref()?).ok());
        if first.is_empty() {
            return Ok(());
        }
        let layout = infer(&first, about.as_ref())?;
        let label = layout.label.map(|label| &layout.names[label]);
        *classes = about.as_ref().zip(label).and_then(|(about, label)| class_names(about, label));
        rows.layout = Some(layout);
    }
    for (i, row) in first.into_iter().map(Ok).chain(all).enumerate() {
        rows.add(i, &row.map_err(refuse)?, path)?;
    }
    Ok(())
}

/// Rejects columns outside the file, and compressions that this build does not have.
fn check_places(metadata: &ParquetMetaData, length: u64, path: &Path) -> Result<()> {
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        if !matches!(
            column.compression(),
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_)
        ) {
            let found = format!("a Parquet file compressed by {}", column.compression());
            let remedy = "Write it again with `compression=\"snappy\"`, as pandas does by default.";
            return Err(Error::format(path, found, "no compression, snappy or gzip", remedy));
        }
    }
    for column in metadata.row_groups().iter().flat_map(|group| group.columns()) {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let bytes = column.compressed_size();
        let end =
            u64::try_from(start).ok().zip(u64::try_from(bytes).ok()).and_then(|(s, b)| s.checked_add(b));
        if end.is_none_or(|end| end > length) {
            let found = format!("a column of {bytes} bytes that begins at byte {start}");
            return Err(Error::format(
                path,
                found,
                format!("all of it in the file of {length} bytes"),
                AGAIN,
            ));
        }
    }
    Ok(())
}

fn broken(path: &Path, why: &str) -> Error {
    let found = format!("a table that cannot be read ({})", why.chars().take(160).collect::<String>());
    let expected = "a whole Parquet file, uncompressed or compressed by snappy or gzip";
    Error::format(path, found, expected, AGAIN)
}

/// The message of a panic.
fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("its parts contradict each other")
}

/// The class names in Hugging Face's metadata: `{"info": {"features": {"label": {"names": […], "_type":
/// "ClassLabel"}}}}`.
fn class_names(about: &Value, column: &str) -> Option<Vec<String>> {
    let names = about["info"]["features"][column]["names"].as_array()?;
    names.iter().map(|name| Some(name.as_str()?.to_owned())).collect()
}

impl Layout {
    /// The layout of examples with labels.
    fn seen(first: &[Row], about: Option<&Value>, options: &ReadOptions, path: &Path) -> Result<Self> {
        let (names, fields) = columns(&first[0]);
        let refuse =
            |found: String, expected: String, remedy: &str| Error::format(path, found, expected, remedy);
        let is_text = |&column: &usize| matches!(fields[column], Field::Str(_));
        let of_text: Vec<usize> = (0..names.len()).filter(is_text).collect();
        let by_name = |wanted: &dyn Fn(&str) -> bool| names.iter().position(|name| wanted(name));
        let of_classes = |name: &str| about.is_some_and(|about| class_names(about, name).is_some());
        let label = match &options.label {
            Some(LabelColumn::First) => Some(0),
            Some(LabelColumn::Last) => names.len().checked_sub(1),
            Some(LabelColumn::Named(wanted)) => by_name(&|name| name == wanted),
            None => by_name(&|name| LABEL_NAMES.contains(&name.to_ascii_lowercase().as_str()))
                .or_else(|| by_name(&of_classes))
                .or(if of_text.len() == 1 { Some(of_text[0]) } else { None }),
        };
        let Some(label) = label else {
            let expected = match &options.label {
                Some(LabelColumn::Named(wanted)) => format!("a column {wanted}"),
                _ => "a column of labels".to_owned(),
            };
            let remedy = "Say which column holds the labels (`--label-column`).";
            return Err(refuse(format!("the columns {}", some_of(&names)), expected, remedy));
        };
        let others: Vec<usize> = (0..names.len()).filter(|&column| column != label).collect();
        let features = match pictures_or_lists(&names, &fields, &others, path)? {
            Some(features) => features,
            None => {
                let is_index = |&column: &usize| is_index_name(&names[column]) && counts(first, column);
                let numbers: Vec<usize> = others.iter().copied().filter(|column| !is_index(column)).collect();
                if numbers.is_empty() {
                    let expected = "columns of numbers, lists or pictures".to_owned();
                    return Err(refuse(
                        "labels alone".to_owned(),
                        expected,
                        "Add the features to the table.",
                    ));
                }
                Columns::Numbers(numbers)
            }
        };
        let unused: Vec<usize> = others.into_iter().filter(|column| !features.contains(*column)).collect();
        let mut notes = not_used(&names, &unused, path);
        if options.label.is_none() {
            let of_features = features.in_words(&names);
            notes.push(format!(
                "{}: labels: column “{}”; features: {of_features}",
                path.display(),
                names[label]
            ));
        }
        Ok(Layout { names, label: Some(label), id: None, features, notes })
    }

    /// The layout of rows without labels for a model.
    fn of_rows(first: &[Row], wanted: &Wanted<'_>, path: &Path) -> Result<Self> {
        let (names, fields) = columns(&first[0]);
        let all: Vec<usize> = (0..names.len()).collect();
        let mut notes = Vec::new();
        let features = match pictures_or_lists(&names, &fields, &all, path)? {
            Some(features) => features,
            None if wanted.has_names() => {
                let (columns, note) = wanted.columns(&names, path)?;
                notes.extend(note.map(|note| format!("{}: {note}", path.display())));
                Columns::Numbers(columns)
            }
            None => {
                let is_label = |name: &str| LABEL_NAMES.contains(&name.to_ascii_lowercase().as_str());
                let is_other = |name: &str| is_label(name) || is_index_name(name);
                let mut numbers = all.clone();
                if numbers.len() > wanted.width {
                    numbers.retain(|&column| !is_other(&names[column]));
                    let unused: Vec<usize> = all.into_iter().filter(|c| !numbers.contains(c)).collect();
                    notes.extend(not_used(&names, &unused, path));
                }
                Columns::Numbers(numbers)
            }
        };
        let is_id = |&column: &usize| is_index_name(&names[column]) && !features.contains(column);
        let id = (0..names.len()).find(is_id);
        Ok(Layout { names, label: None, id, features, notes })
    }
}

impl Columns {
    fn in_words(&self, names: &[String]) -> String {
        match self {
            Columns::Pictures(column) => format!("the pictures in column “{}”", names[*column]),
            Columns::List(column) => format!("the lists in column “{}”", names[*column]),
            Columns::Numbers(columns) => match columns[..] {
                [column] => format!("column “{}”", names[column]),
                _ => format!("{} columns", columns.len()),
            },
        }
    }

    fn contains(&self, column: usize) -> bool {
        match self {
            Columns::Pictures(only) | Columns::List(only) => *only == column,
            Columns::Numbers(columns) => columns.contains(&column),
        }
    }
}

/// The names of the columns, and their fields in this row.
fn columns(row: &Row) -> (Vec<String>, Vec<&Field>) {
    row.get_column_iter().map(|(name, field)| (name.clone(), field)).unzip()
}

/// The only column of pictures, or else the only one of lists. `None` if there are none among `columns`.
fn pictures_or_lists(
    names: &[String],
    fields: &[&Field],
    columns: &[usize],
    path: &Path,
) -> Result<Option<Columns>> {
    let those = |is: &dyn Fn(&Field) -> bool| {
        columns.iter().copied().filter(|&column| is(fields[column])).collect::<Vec<_>>()
    };
    let pictures = those(&|field| picture(field).is_some());
    let lists = those(&|field| matches!(field, Field::ListInternal(_)));
    match (&pictures[..], &lists[..]) {
        ([column], _) => Ok(Some(Columns::Pictures(*column))),
        ([], [column]) => Ok(Some(Columns::List(*column))),
        ([], []) => Ok(None),
        (many, lists) => {
            let many = if many.is_empty() { lists } else { many };
            let many: Vec<String> = many.iter().map(|&column| names[column].clone()).collect();
            let found = format!("several columns of features: {}", some_of(&many));
            let remedy = "Leave all but one out of the table.";
            Err(Error::format(path, found, "one column of pictures or of lists", remedy))
        }
    }
}

/// A note about columns that are not used.
fn not_used(names: &[String], columns: &[usize], path: &Path) -> Vec<String> {
    let names: Vec<String> = columns.iter().map(|&column| names[column].clone()).collect();
    match names.len() {
        0 => Vec::new(),
        1 => vec![format!("{}: column “{}” is not used", path.display(), names[0])],
        _ => vec![format!("{}: these columns are not used: {}", path.display(), some_of(&names))],
    }
}

/// Whether a column counts the rows from 0 or 1.
fn counts(rows: &[Row], column: usize) -> bool {
    let value = |row: &Row| row.get_column_iter().nth(column).and_then(|(_, field)| number(field));
    let Some(start) = rows.first().and_then(value) else { return false };
    let counts = |(i, row): (usize, &Row)| value(row) == Some(start + i as f64);
    rows.len() > 1 && (start == 0.0 || start == 1.0) && rows.iter().enumerate().all(counts)
}

/// The bytes of a picture, in Hugging Face's structure or on their own.
fn picture(field: &Field) -> Option<&[u8]> {
    match field {
        Field::Bytes(bytes) => Some(bytes.data()),
        Field::Group(group) => {
            let place = group.get_column_iter().position(|(name, _)| name == "bytes")?;
            group.get_bytes(place).ok().map(|bytes| bytes.data())
        }
        _ => None,
    }
}

fn number(field: &Field) -> Option<f64> {
    let number = match *field {
        Field::Bool(value) => f64::from(u8::from(value)),
        Field::Byte(value) => value.into(),
        Field::Short(value) => value.into(),
        Field::Int(value) => value.into(),
        Field::Long(value) => value as f64,
        Field::UByte(value) => value.into(),
        Field::UShort(value) => value.into(),
        Field::UInt(value) => value.into(),
        Field::ULong(value) => value as f64,
        Field::Float16(value) => value.to_f64(),
        Field::Float(value) => value.into(),
        Field::Double(value) => value,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// The rows read so far.
struct Rows<'a> {
    options: &'a ReadOptions,
    layout: Option<Layout>,
    numbers: FeatureBuilder,
    width: Option<usize>,
    /// Encoded pictures of the current file, each with its row number.
    encoded: Vec<Vec<u8>>,
    pictures: Vec<Picture>,
    names: Interned,
    labels: Vec<u32>,
    /// What identifies the rows, if a column does.
    ids: Vec<String>,
}

impl<'a> Rows<'a> {
    fn new(options: &'a ReadOptions) -> Self {
        Rows {
            options,
            layout: None,
            numbers: FeatureBuilder::new(),
            width: None,
            encoded: Vec::new(),
            pictures: Vec::new(),
            names: Interned::default(),
            labels: Vec::new(),
            ids: Vec::new(),
        }
    }

    fn add(&mut self, i: usize, row: &Row, path: &Path) -> Result<()> {
        let Some(layout) = &self.layout else { return Ok(()) };
        let field =
            |column: usize| row.get_column_iter().nth(column).map_or(&Field::Null, |(_, field)| field);
        let refuse = |column: usize, expected: &str, remedy: &str| {
            let found = match field(column) {
                Field::Null => "no value".to_owned(),
                other => format!("“{}”", shortened(&other.to_string())),
            };
            let found = format!("{found} in row {i}, column “{}”", layout.names[column]);
            Error::format(path, found, expected, remedy)
        };
        const FILL: &str = "Correct it, or leave the row or the column out.";
        if let Some(column) = layout.label {
            let label = match field(column) {
                Field::Str(name) if !name.chars().any(char::is_control) => self.names.index(name),
                Field::Bool(value) => self.names.index(if *value { "1" } else { "0" }),
                other => match number(other) {
                    Some(_) => self.names.index(&other.to_string()),
                    None => return Err(refuse(column, "a class: text or a whole number", FILL)),
                },
            };
            self.labels.push(label);
        }
        self.ids.extend(layout.id.map(|column| match field(column) {
            Field::Str(text) => text.clone(),
            other => other.to_string(),
        }));
        let width = match &layout.features {
            Columns::Pictures(column) => {
                let bytes = picture(field(*column)).ok_or_else(|| refuse(*column, "a picture", FILL))?;
                self.encoded.push(bytes.to_vec());
                return Ok(());
            }
            Columns::List(column) => {
                let Field::ListInternal(list) = field(*column) else {
                    return Err(refuse(*column, "a list of numbers", FILL));
                };
                for value in list.elements() {
                    self.numbers.push(number(value).ok_or_else(|| refuse(*column, "finite numbers", FILL))?);
                }
                list.len()
            }
            Columns::Numbers(columns) => {
                for &column in columns {
                    let value =
                        number(field(column)).ok_or_else(|| refuse(column, "a finite number", FILL))?;
                    self.numbers.push(value);
                }
                columns.len()
            }
        };
        let expected = *self.width.get_or_insert(width);
        if width != expected || width == 0 {
            let found = format!("{width} numbers in row {i}");
            return Err(Error::format(path, found, format!("{expected}, as in the first row"), FILL));
        }
        Ok(())
    }

    /// Decodes the encoded pictures of a file.
    fn decode(&mut self, path: &Path) -> Result<()> {
        let options = self.options;
        let decode = |(i, bytes): (usize, Vec<u8>)| {
            Ok(fitted(image::decode(&bytes, &path.join(format!("row {i}")))?, options))
        };
        let encoded = std::mem::take(&mut self.encoded);
        let pictures: Vec<Picture> =
            encoded.into_par_iter().enumerate().map(decode).collect::<Result<_>>()?;
        self.pictures.extend(pictures);
        Ok(())
    }

    fn done(self, path: &Path) -> Result<(Features, Labels)> {
        let labels = self.names.labels(self.labels);
        let Some(first) = self.pictures.first() else {
            return Ok((self.numbers.features(self.width.unwrap_or(1)), labels));
        };
        let coloured = self.pictures.iter().any(|picture| picture.shape().channels == 3);
        let shape = ImageShape { channels: if coloured { 3 } else { 1 }, ..first.shape() };
        let mut pixels = Vec::with_capacity(self.pictures.len() * shape.features());
        for (i, picture) in self.pictures.iter().enumerate() {
            let picture = if coloured { picture.to_color() } else { picture.to_gray() };
            if picture.shape() != shape {
                let found = format!("a picture of {} pixels (example {i})", picture.shape());
                let remedy = "Give a size to scale all pictures to, such as `--size 32x32`.";
                return Err(Error::format(path, found, format!("{shape}, as the first has"), remedy));
            }
            pixels.extend_from_slice(picture.pixels());
        }
        Ok((Features::Pixels(shape, pixels), labels))
    }
}
