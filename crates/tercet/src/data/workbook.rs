//! Excel workbooks (.xlsx): the first sheet that is not empty, as a table.

use std::io::{Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use calamine::{DataRef, Reader, Xlsx};

use super::content::{AGAIN, Content};
use super::raw_subset::some_of;
use crate::{Error, Result};

/// Tables with more cells than this, empty ones included, are rejected.
const MOST_CELLS: usize = 1 << 28;

/// A cell: its row, its column and its text.
type Cell = (u32, u32, String);

/// The table in a workbook as CSV, and what is not obvious about how it was read.
pub(super) fn read<'a>(from: impl Read + Seek, path: &Path) -> Result<(Content<'a>, Vec<String>)> {
    // A damaged file must not end the program, whatever the library makes of it.
    let (text, note) = catch_unwind(AssertUnwindSafe(|| table(from, path)))
        .unwrap_or_else(|_| Err(broken(path, "its parts contradict each other")))?;
    Ok((Content::of_text(text, path)?, note.into_iter().collect()))
}

fn broken(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::format(
        path,
        format!("an Excel workbook that cannot be read ({why})"),
        "a whole workbook (.xlsx)",
        AGAIN,
    )
}

fn table(from: impl Read + Seek, path: &Path) -> Result<(String, Option<String>)> {
    let mut workbook: Xlsx<_> = Xlsx::new(from).map_err(|error| broken(path, error))?;
    let names = workbook.sheet_names();
    let mut sheets = Vec::new();
    for name in &names {
        let cells = cells(&mut workbook, name).map_err(|error| broken(path, error))?;
        if !cells.is_empty() {
            sheets.push((name.clone(), cells));
        }
    }
    let mut sheets = sheets.into_iter();
    let Some((name, cells)) = sheets.next() else {
        let remedy = "Save the table on the first sheet.";
        return Err(Error::format(path, "an Excel workbook without values", "a table on a sheet", remedy));
    };
    let others: Vec<String> = sheets.map(|(name, _)| name).collect();
    let note = (!others.is_empty()).then(|| {
        format!("{}: the sheet “{name}” is read; others are not: {}", path.display(), some_of(&others))
    });
    Ok((to_csv(&cells, path)?, note))
}

/// The cells of a sheet that are not empty.
fn cells<R: Read + Seek>(
    workbook: &mut Xlsx<R>,
    name: &str,
) -> std::result::Result<Vec<Cell>, calamine::XlsxError> {
    let mut cells = Vec::new();
    let mut reader = workbook.worksheet_cells_reader(name)?;
    while let Some(cell) = reader.next_cell()? {
        let text = match cell.get_value() {
            DataRef::Int(value) => value.to_string(),
            DataRef::Float(value) => value.to_string(),
            DataRef::Bool(value) => u8::from(*value).to_string(),
            // Days since 1900.
            DataRef::DateTime(value) => value.as_f64().to_string(),
            DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
            DataRef::SharedString(text) => (*text).to_owned(),
            DataRef::Error(error) => error.to_string(),
            DataRef::Empty => continue,
        };
        if !text.trim().is_empty() {
            let (row, column) = cell.get_position();
            cells.push((row, column, text));
        }
    }
    Ok(cells)
}

/// The rows of the cells, from their first column to their last.
fn to_csv(cells: &[Cell], path: &Path) -> Result<String> {
    let (mut first, mut last, mut rows) = (u32::MAX, 0, 0usize);
    let mut before = None;
    for &(row, column, _) in cells {
        (first, last) = (first.min(column), last.max(column));
        rows += usize::from(before.replace(row) != Some(row));
    }
    let width = (last - first) as usize + 1;
    if rows.saturating_mul(width) > MOST_CELLS {
        let found = format!("{rows} rows of {width} columns");
        return Err(Error::format(
            path,
            found,
            format!("at most {MOST_CELLS} cells"),
            "Save the table as Parquet.",
        ));
    }
    let broken = |error: csv::Error| broken(path, error);
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    let mut line = vec![""; width];
    let mut each = cells.iter().peekable();
    while let Some((row, column, text)) = each.next() {
        line[(column - first) as usize] = text;
        if each.peek().is_none_or(|(next, ..)| next != row) {
            writer.write_record(&line).map_err(broken)?;
            line.fill("");
        }
    }
    let bytes = writer.into_inner().map_err(|error| broken(csv::Error::from(error.into_error())))?;
    String::from_utf8(bytes).map_err(|error| self::broken(path, error))
}
