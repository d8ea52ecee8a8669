//! A record of measurements: a CSV file that rows are appended to.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// A CSV file with a row of column names.
pub struct Record {
    path: PathBuf,
    /// The names of the columns; `None` until the file exists.
    columns: Option<Vec<String>>,
}

impl Record {
    /// The record in a file, which does not have to exist yet.
    pub fn open(path: &Path) -> Result<Self> {
        let columns = if path.exists() {
            let mut reader = csv::Reader::from_path(path)
                .with_context(|| format!("cannot read the record {}", path.display()))?;
            Some(reader.headers()?.iter().map(str::to_owned).collect())
        } else {
            None
        };
        Ok(Record { path: path.to_owned(), columns })
    }

    /// Appends a row of column names and values. The first row determines the columns.
    pub fn append(&self, row: &[(String, String)]) -> Result<()> {
        let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
        let mut writer = csv::Writer::from_writer(self.appending()?);
        match &self.columns {
            None => writer.write_record(&names)?,
            Some(columns) => ensure!(
                *columns == names,
                "{} has the columns {columns:?}, the new row has {names:?}. Begin a new record: give the old file \
                 another name",
                self.path.display()
            ),
        }
        writer.write_record(row.iter().map(|(_, value)| value))?;
        writer.flush().with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn appending(&self) -> Result<File> {
        let open = || {
            self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            OpenOptions::new().append(true).create(true).open(&self.path)
        };
        open().with_context(|| format!("cannot write the record {}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: [(&str, &str); 2]) -> Vec<(String, String)> {
        values.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    #[test]
    fn rows_are_added_under_one_head_and_commas_are_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records/a.csv");
        Record::open(&path).unwrap().append(&row([("cpu", "x"), ("seconds", "1")])).unwrap();
        Record::open(&path).unwrap().append(&row([("cpu", "y, z"), ("seconds", "2")])).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "cpu,seconds\nx,1\n\"y, z\",2\n");
    }

    #[test]
    fn other_columns_are_refused_and_the_record_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        Record::open(&path).unwrap().append(&row([("cpu", "x"), ("seconds", "1")])).unwrap();
        let error = Record::open(&path).unwrap().append(&row([("cpu", "x"), ("minutes", "1")])).unwrap_err();
        assert!(error.to_string().contains("another name"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "cpu,seconds\nx,1\n");
    }
}
