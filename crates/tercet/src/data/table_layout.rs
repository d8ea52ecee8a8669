//! The layout of a table: which column holds the labels, which ones features, and which ones number the rows.

use std::collections::HashSet;
use std::path::Path;

use csv::ByteRecord;

use super::content::AGAIN;
use super::raw_subset::some_of;
use super::read_options::{LABEL_NAMES, is_index_name};
use super::records::{Records, is_decimal_comma};
use super::rows::Wanted;
use super::table::{LOOKED_AT, field_number, is_missing, text};
use super::{LabelColumn, ReadOptions};
use crate::image::ImageShape;
use crate::text::shortened;
use crate::{Error, Result};

/// More columns than this mean that the file is not a table.
const MOST_COLUMNS: usize = 1 << 20;

/// In a table with at least this many rows, a pattern in a column is no coincidence.
const ENOUGH: usize = 10;

/// The layout of a table, which its test set shares.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub header: Option<Vec<String>>,
    pub columns: usize,
    /// The column of labels, which rows without labels lack.
    pub label: Option<usize>,
    /// The columns of features.
    pub features: Vec<usize>,
    /// The column that identifies rows without labels.
    pub id: Option<usize>,
    /// The shape of the images, if the rows are images.
    pub image: Option<ImageShape>,
    /// Whether numbers have a comma before their decimals.
    pub decimal_comma: bool,
    /// What is not obvious about how the table was read.
    pub notes: Vec<String>,
}

impl Layout {
    /// Infers the layout from the first rows.
    pub fn seen(
        first: &[ByteRecord],
        records: &Records<'_>,
        options: &ReadOptions,
        path: &Path,
    ) -> Result<Self> {
        let mut layout = Self::of_columns(first, records, options, 2, path)?;
        let rows = &first[usize::from(layout.header.is_some())..];
        let columns = layout.features.clone();
        let named = layout.named_label(options, path)?;
        // Numbers of rows could be taken for labels, so they are left out first.
        let without_label: Vec<usize> = columns.into_iter().filter(|&c| Some(c) != named).collect();
        let indices: Vec<usize> =
            without_label.iter().copied().filter(|&column| layout.is_index(column, rows)).collect();
        let left: Vec<usize> = layout.features.iter().copied().filter(|c| !indices.contains(c)).collect();
        let label = match (named, &options.label) {
            (Some(label), _) => label,
            (None, Some(LabelColumn::First)) if !left.is_empty() => left[0],
            (None, Some(LabelColumn::Last)) => layout.columns - 1,
            _ => match records.nominal[..] {
                [column] => column,
                [.., last] if last + 1 == layout.columns => last,
                _ => layout.seen_label(rows, &left, path)?,
            },
        };
        layout.label = Some(label);
        layout.features.retain(|&column| column != label);
        layout.leave_out_indices(&indices, rows, path);
        if options.label.is_none() {
            let features = match layout.features[..] {
                [column] => layout.column(column),
                _ => format!("{} columns", layout.features.len()),
            };
            layout.note(path, format!("labels: {}; features: {features}", layout.column(label)));
        }
        Ok(layout)
    }

    /// The layout of rows without labels for a model. If both have names of columns, these are matched; otherwise columns
    /// of labels and of row numbers are left out if there are more than the model has.
    pub fn of_rows(
        first: &[ByteRecord],
        records: &Records<'_>,
        options: &ReadOptions,
        wanted: &Wanted<'_>,
        path: &Path,
    ) -> Result<Self> {
        let mut layout = Self::of_columns(first, records, options, 1, path)?;
        let rows = &first[usize::from(layout.header.is_some())..];
        let all = layout.features.clone();
        match layout.header.clone() {
            Some(header) if wanted.has_names() => {
                let (columns, note) = wanted.columns(&header, path)?;
                layout.features = columns;
                if let Some(note) = note {
                    layout.note(path, note);
                }
            }
            _ => layout.leave_out_more_than(wanted.width, rows, options, path)?,
        }
        // A column that identifies the rows does so even if the model uses it as a feature.
        let is_named = |&column: &usize| layout.is_index_name(column);
        let is_other = |column: &usize| !layout.features.contains(column);
        let mut named = all.into_iter().filter(is_named);
        layout.id = named.clone().find(is_other).or_else(|| named.find(|&column| identifies(rows, column)));
        Ok(layout)
    }

    /// Leaves out columns of labels, of row numbers and of text, as long as there are more than `width`.
    fn leave_out_more_than(
        &mut self,
        width: usize,
        rows: &[ByteRecord],
        options: &ReadOptions,
        path: &Path,
    ) -> Result<()> {
        let leave_out = |layout: &mut Layout, column: Option<usize>, what: &str| {
            if let Some(column) = column
                && layout.features.len() > width
            {
                layout.features.retain(|&c| c != column);
                layout.note(path, format!("{} {what} and is left out", layout.column(column)));
            }
        };
        let label = self.named_label(options, path)?.or_else(|| self.column_named_label(&self.features));
        leave_out(self, label, "holds labels");
        for column in self.features.clone() {
            leave_out(self, Some(column).filter(|&column| self.is_index_name(column)), "identifies the rows");
        }
        if let [column] = self.columns_of_text(rows, &self.features)[..] {
            leave_out(self, Some(column), "holds text");
        }
        if self.features.len() == width {
            return Ok(());
        }
        let found = format!("{} columns of features", self.features.len());
        let remedy = "Give the rows the columns that the model was trained on, with or without the labels.";
        Err(Error::format(path, found, format!("{width}, as the model has"), remedy))
    }

    /// All columns as features, `at_least` as many as given, and the header if there is one.
    fn of_columns(
        first: &[ByteRecord],
        records: &Records<'_>,
        options: &ReadOptions,
        at_least: usize,
        path: &Path,
    ) -> Result<Self> {
        let refuse =
            |found: String, expected: &str, remedy: &str| Error::format(path, found, expected, remedy);
        let Some(top) = first.first() else {
            return Err(refuse("no rows".to_owned(), "a table of examples", AGAIN));
        };
        // Some programs end every line with a delimiter.
        let is_empty =
            |row: &ByteRecord, column: usize| row.get(column).is_none_or(|f| f.trim_ascii().is_empty());
        let mut columns = top.len();
        while columns > 1 && first.iter().all(|row| is_empty(row, columns - 1)) {
            columns -= 1;
        }
        if columns < at_least {
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
        let decimal_comma = has_decimal_commas(first, records.delimiter);
        let is_header =
            records.named || options.header.unwrap_or_else(|| is_header(first, named, decimal_comma));
        let header =
            is_header.then(|| top.iter().take(columns).map(|name| text(name).into_owned()).collect());
        if first.len() == usize::from(is_header) {
            return Err(refuse("a header without rows".to_owned(), "a table of examples", AGAIN));
        }
        let guessed = is_header && !records.named && options.header.is_none();
        let features = (0..columns).collect();
        let notes = Vec::new();
        let (label, id, image) = (None, None, None);
        let mut layout = Layout { header, columns, label, features, id, image, decimal_comma, notes };
        if guessed && are_counted(top) {
            let note =
                "the first row counts the columns and is read as their names; `--header no` reads it as data";
            layout.note(path, note.to_owned());
        }
        if decimal_comma {
            layout.note(path, "numbers are read with decimal commas: 1,5 is one and a half".to_owned());
        }
        Ok(layout)
    }

    /// The layout of a test set, whose columns are found by name if both sets have names; `None` if it lacks that of the
    /// labels.
    pub fn of_test(&self, first: &[ByteRecord], options: &ReadOptions, path: &Path) -> Result<Option<Self>> {
        let Some(top) = first.first() else {
            return Err(Error::format(path, "no rows", "a table of examples", AGAIN));
        };
        let mut names: Vec<String> = top.iter().map(|name| text(name).into_owned()).collect();
        while names.len() > 1 && names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        let same = Layout { notes: Vec::new(), ..self.clone() };
        let header = match &self.header {
            Some(header) if options.header != Some(false) => header,
            _ if names.len() + 1 == self.columns => return Ok(None),
            _ => return Ok(Some(Layout { header: None, ..same })),
        };
        if *header == names {
            return Ok(Some(same));
        }
        let place = |&column: &usize| names.iter().position(|name| *name == header[column]);
        let Some(label) = self.label.as_ref().and_then(place) else { return Ok(None) };
        let features: Option<Vec<usize>> = self.features.iter().map(place).collect();
        let features = features.ok_or_else(|| {
            let remedy = "Training and test set must come from the same source, prepared alike.";
            let found = format!("the columns {}", some_of(&names));
            let expected = format!("those of the training set: {}", some_of(header));
            Error::format(path, found, expected, remedy)
        })?;
        let columns = names.len();
        Ok(Some(Layout { header: Some(names), columns, label: Some(label), features, ..same }))
    }

    /// Adds something that is not obvious about how the file was read.
    pub fn note(&mut self, path: &Path, note: String) {
        self.notes.push(format!("{}: {note}", path.display()));
    }

    /// A field as a number.
    pub fn number(&self, field: &[u8]) -> Option<f64> {
        field_number(field, self.decimal_comma)
    }

    /// The names of the columns of features; none if the table has no header.
    pub fn feature_names(&self) -> Vec<String> {
        let names = self.header.iter();
        names.flat_map(|names| self.features.iter().map(|&column| names[column].clone())).collect()
    }

    /// The name of a column, for messages.
    pub fn column(&self, column: usize) -> String {
        match self.name(column) {
            Some(name) => format!("column {} (“{}”)", column + 1, shortened(name)),
            None => format!("column {}", column + 1),
        }
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> Option<&String> {
        self.header.as_ref().and_then(|names| names.get(column))
    }

    /// The column that the options name as the label.
    fn named_label(&self, options: &ReadOptions, path: &Path) -> Result<Option<usize>> {
        let Some(LabelColumn::Named(name)) = &options.label else { return Ok(None) };
        let expected = format!("a column {name}");
        let Some(names) = &self.header else {
            let remedy = "Say `first` or `last`, or that the first row names the columns.";
            return Err(Error::format(path, "columns without names", expected, remedy));
        };
        let place = names.iter().position(|n| n == name).ok_or_else(|| {
            let found = format!("the columns {}", some_of(names));
            Error::format(path, found, expected, "Name one of them as the label.")
        });
        place.map(Some)
    }

    /// The first of the columns whose name is one for labels.
    fn column_named_label(&self, columns: &[usize]) -> Option<usize> {
        let is_label = |&&column: &&usize| {
            self.name(column).is_some_and(|name| LABEL_NAMES.contains(&name.to_ascii_lowercase().as_str()))
        };
        columns.iter().find(is_label).copied()
    }

    /// The columns with text that is no number.
    fn columns_of_text(&self, rows: &[ByteRecord], columns: &[usize]) -> Vec<usize> {
        let is_text = |field: &[u8]| self.number(field).is_none() && !is_missing(field);
        columns.iter().copied().filter(|&c| rows.iter().filter_map(|row| row.get(c)).any(is_text)).collect()
    }

    /// Whether a column is called like the number of a row.
    fn is_index_name(&self, column: usize) -> bool {
        self.name(column).is_some_and(|name| is_index_name(name))
    }

    /// Whether a column is called like the number or identifier of a row, and counts the rows or differs in all of them.
    fn is_index(&self, column: usize, rows: &[ByteRecord]) -> bool {
        let unnamed = column == 0 && self.name(0).is_some_and(|name| name.is_empty() || name == "Unnamed: 0");
        let is_index = || counts_rows(rows, column) || (rows.len() >= ENOUGH && identifies(rows, column));
        unnamed || (self.is_index_name(column) && is_index())
    }

    /// Leaves out the columns that count or identify the rows, unless nothing else is left, and says so.
    fn leave_out_indices(&mut self, indices: &[usize], rows: &[ByteRecord], path: &Path) {
        let others: Vec<usize> = self.features.iter().copied().filter(|c| !indices.contains(c)).collect();
        if !others.is_empty() {
            let label = self.label;
            for &column in indices.iter().filter(|&&column| Some(column) != label) {
                let does = if counts_rows(rows, column) { "counts" } else { "identifies" };
                let note =
                    format!("{} is an index that {does} the rows, and is left out", self.column(column));
                self.note(path, note);
            }
            self.features = others;
        }
        let counting = |&column: &usize| rows.len() >= ENOUGH && counts_rows(rows, column);
        for column in self.features.clone().into_iter().filter(counting) {
            let column = self.column(column);
            self.note(
                path,
                format!("{column} counts the rows and is read as a feature; remove it if it is an index"),
            );
        }
    }

    /// The label column, by its name or its contents.
    fn seen_label(&self, rows: &[ByteRecord], columns: &[usize], path: &Path) -> Result<usize> {
        if let Some(column) = self.column_named_label(columns) {
            return Ok(column);
        }
        let values = |column: usize| rows.iter().filter_map(move |row| row.get(column));
        let of_text = self.columns_of_text(rows, columns);
        if let [column] = of_text[..] {
            return Ok(column);
        }
        // Few distinct integers, each of which occurs more than once.
        let could_be = |column: usize| {
            let mut different = HashSet::new();
            let whole = values(column).all(|field| {
                different.insert(field);
                self.number(field).is_some_and(|v| v.fract() == 0.0)
            });
            whole && different.len() > 1 && different.len() * 2 <= rows.len().max(4)
        };
        let ends = columns.first().zip(columns.last());
        match ends.map(|(&front, &back)| (could_be(front), could_be(back), front, back)) {
            Some((true, false, front, _)) => Ok(front),
            Some((false, true, _, back)) => Ok(back),
            both => {
                let found = match (both, of_text.len()) {
                    (Some((true, ..)), _) => "a first and a last column that could both be labels",
                    (_, 0 | 1) => "no column that looks like labels",
                    _ => "several columns of text",
                };
                let remedy =
                    "Say which column holds the labels: `first`, `last` or its name (`--label-column`).";
                Err(Error::format(path, found, "a table with a column of labels", remedy))
            }
        }
    }
}

/// Whether a column counts from 0 or 1, row by row; in a short table, the rows may have been shuffled.
fn counts_rows(rows: &[ByteRecord], column: usize) -> bool {
    let Some(mut numbers) = integers(rows, column) else { return false };
    if rows.len() < LOOKED_AT {
        numbers.sort_unstable();
    }
    numbers.len() > 1
        && (numbers[0] == 0 || numbers[0] == 1)
        && numbers.windows(2).all(|two| two[0] + 1 == two[1])
}

/// Whether the fields of a column are all different, and none is a number with decimals.
fn identifies(rows: &[ByteRecord], column: usize) -> bool {
    let mut different = HashSet::new();
    let is_new = |row: &ByteRecord| {
        row.get(column).is_some_and(|field| {
            let is_measured = text(field).parse::<f64>().is_ok_and(|number| number.fract() != 0.0);
            !is_missing(field) && !is_measured && different.insert(field.to_vec())
        })
    };
    rows.iter().all(is_new)
}

/// The values of a column, if all of them are integers.
fn integers(rows: &[ByteRecord], column: usize) -> Option<Vec<i64>> {
    let integer = |row: &ByteRecord| {
        let number: f64 = text(row.get(column)?).parse().ok()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    };
    rows.iter().map(integer).collect()
}

/// Whether the numbers of these rows have decimal commas. A column of numbers with commas must have nothing else that
/// could be a number of another kind.
fn has_decimal_commas(first: &[ByteRecord], delimiter: u8) -> bool {
    if delimiter == b',' {
        return false;
    }
    let fields = || first.iter().flat_map(ByteRecord::iter).map(text);
    let has_point = |field: &str| field.contains('.') && field.parse::<f64>().is_ok();
    fields().any(|field| is_decimal_comma(&field)) && !fields().any(|field| has_point(&field))
}

/// Whether the first row is a header: text above numbers, or 0, 1, 2, … above anything else, as pandas writes.
fn is_header(first: &[ByteRecord], label: Option<&str>, decimal_comma: bool) -> bool {
    let number = |field: &[u8]| field_number(field, decimal_comma);
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
    first.iter().skip(1).any(|row| row != top) && are_counted(top)
}

/// Whether names count 0, 1, 2, … or 1, 2, 3, …, as pandas and R call columns without names. One of them may be another
/// name, such as that of the labels; the first may be that of an index before the count.
fn are_counted(names: &ByteRecord) -> bool {
    let is_count = |from: usize, before: usize| {
        let counted = names.iter().skip(before).zip(from..).filter(|(name, n)| text(name) == n.to_string());
        names.len() > before + 1 && counted.count() + 1 >= names.len() - before
    };
    names.len() > 3 && (is_count(0, 0) || is_count(0, 1) || is_count(1, 0))
}
