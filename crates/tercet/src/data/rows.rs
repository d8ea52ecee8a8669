//! Rows without labels, for prediction: from a table, an array, or Parquet. Columns are matched with those of the model by
//! their names if both have names.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::Path;

use super::content::Content;
use super::open::{refuse_others, with_table};
use super::raw_subset::{Features, some_of};
use super::{Examples, ReadOptions, idx_folder, npy, table};
use crate::{Error, Result};

/// Rows without labels.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Their features.
    pub examples: Examples,
    /// The column that identifies the rows, such as `Id` or `PassengerId`.
    pub ids: Option<Ids>,
    /// What is not obvious about how they were read, such as a column that was left out.
    pub notes: Vec<String>,
}

/// A column that identifies the rows of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The name of the column.
    pub name: String,
    /// Its field in every row.
    pub values: Vec<String>,
}

/// The identifiers of rows, and notes about how they were read.
#[derive(Default)]
pub(super) struct Found {
    pub ids: Option<Ids>,
    pub notes: Vec<String>,
}

/// The features that a model has.
#[cfg_attr(
    not(any(feature = "csv", feature = "parquet")),
    allow(dead_code, reason = "only tables have names of columns")
)]
pub(super) struct Wanted<'a> {
    /// D
    pub width: usize,
    /// Their names; empty if they have none.
    pub names: &'a [String],
}

#[cfg_attr(
    not(any(feature = "csv", feature = "parquet")),
    allow(dead_code, reason = "only tables have names of columns")
)]
impl Wanted<'_> {
    /// Whether the features can be found by name.
    pub fn has_names(&self) -> bool {
        self.names.len() == self.width && self.names.iter().collect::<HashSet<_>>().len() == self.width
    }

    /// The column of each feature, and a note about columns in another order or that are no features.
    ///
    /// # Errors
    /// Features that are missing.
    pub fn columns(&self, header: &[String], path: &Path) -> Result<(Vec<usize>, Option<String>)> {
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (column, name) in header.iter().enumerate() {
            places.entry(name).or_insert(column);
        }
        let place = |name: &String| places.get(name.as_str()).copied();
        let missing: Vec<String> = self.names.iter().filter(|name| place(name).is_none()).cloned().collect();
        if !missing.is_empty() {
            let found = format!("the columns {} without {}", some_of(header), some_of(&missing));
            let expected = format!("the features of the model: {}", some_of(self.names));
            let remedy = "Add the missing columns, or rename those that are called otherwise.";
            return Err(Error::format(path, found, expected, remedy));
        }
        let columns: Vec<usize> = self.names.iter().filter_map(place).collect();
        let features: HashSet<&String> = self.names.iter().collect();
        let extra: Vec<String> = header.iter().filter(|name| !features.contains(name)).cloned().collect();
        let note = match (extra.len(), columns.is_sorted()) {
            (0, true) => None,
            (0, false) => {
                Some("the columns are in another order than in training, and are matched by name".to_owned())
            }
            (1, _) => Some(format!("column “{}” is no feature of the model and is left out", extra[0])),
            (n, _) => Some(format!(
                "{n} columns are no features of the model and are left out: {}",
                some_of(&extra)
            )),
        };
        Ok((columns, note))
    }
}

/// Reads rows for a model of `width` features: NPY, NPZ, IDX, Parquet, or a table in any format of
/// [`Source::open_with`].
///
/// If the features of the model have `names`, the columns of a table are matched by name, and others are left out.
/// Otherwise the columns that hold labels or identify the rows are left out if the table has more columns than the model.
///
/// # Errors
/// A file that cannot be read or has another format, and a table without some of the features.
///
/// [`Source::open_with`]: super::Source::open_with
pub fn read_rows(path: &Path, width: usize, names: &[String], options: &ReadOptions) -> Result<Rows> {
    let wanted = Wanted { width, names };
    let mut bytes = Vec::new();
    let content = if path == Path::new("-") {
        let path = Path::new("standard input");
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(Error::file("read", path))?;
        Content::of(&bytes, path)?
    } else {
        Content::open(path)?
    };
    let table = |content: Content<'_>| {
        refuse_others(&content)?;
        table::read_rows(content, options, &wanted)
    };
    let shown = content.path.clone();
    let (features, Found { ids, notes }) = match content.start() {
        start if start.starts_with(npy::MAGIC) => (features_in(content)?, Found::default()),
        [0, 0, 8..=14, 1..=4, ..] => (features_in(content)?, Found::default()),
        [b'P', b'A', b'R', b'1', ..] => parquet(path, options, &wanted)?,
        [b'P', b'K', ..] => archive(path, table)?,
        _ => table(content)?,
    };
    let examples = features.examples(&shown)?;
    if examples.width() != width {
        let found = format!("rows of {} features", examples.width());
        let remedy = "Give the rows the features that the model was trained on.";
        return Err(Error::format(&shown, found, format!("{width}, as the model has"), remedy));
    }
    Ok(Rows { examples, ids, notes })
}

/// The rows of a ZIP archive: of its arrays, or of its table.
fn archive(
    path: &Path,
    table: impl FnOnce(Content<'_>) -> Result<(Features, Found)>,
) -> Result<(Features, Found)> {
    #[cfg(feature = "zip")]
    if matches!(super::archive::kind(path)?, super::archive::Kind::Arrays) {
        let (features, note) = super::npz::read_rows(path)?;
        return Ok((features, Found { ids: None, notes: vec![note] }));
    }
    with_table(path, |content, notes| {
        let (features, found) = table(content)?;
        Ok((features, Found { notes: [notes, found.notes].concat(), ..found }))
    })
}

#[cfg(feature = "parquet")]
fn parquet(path: &Path, options: &ReadOptions, wanted: &Wanted<'_>) -> Result<(Features, Found)> {
    super::parquet::read_rows(path, options, wanted)
}

#[cfg(not(feature = "parquet"))]
fn parquet(path: &Path, _: &ReadOptions, _: &Wanted<'_>) -> Result<(Features, Found)> {
    Err(Error::feature(path, "a Parquet file", "parquet"))
}

/// The rows of a file of features without labels: NPY or IDX. Large files are memory-mapped, as in
/// [`Source::open_with`](super::Source::open_with).
///
/// ```
/// use tercet::Matrix;
/// use tercet::data::{read_features, write_npy};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rows.npy");
/// write_npy(&path, &Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?)?;
/// let rows = read_features(&path)?;
/// assert_eq!((rows.len(), rows.width()), (2, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A file that cannot be read, has another format, or contains a non-finite number.
pub fn read_features(path: &Path) -> Result<Examples> {
    features_in(Content::open(path)?)?.examples(path)
}

/// The features in a file of NPY or IDX.
fn features_in(content: Content<'_>) -> Result<Features> {
    match content.start() {
        start if start.starts_with(npy::MAGIC) => npy::features(&content.path),
        [0, 0, 8..=14, 1..=4, ..] => idx_folder::read_images(&content.path),
        _ => {
            let remedy = "Write the rows with numpy.save.";
            Err(content.refuse("another format", "a file of features: NPY or IDX", remedy))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn columns_are_matched_by_name() {
        let names_of_model = names("a b c");
        let wanted = Wanted { width: 3, names: &names_of_model };
        let path = Path::new("t.csv");
        let (columns, note) = wanted.columns(&names("a b c"), path).unwrap();
        assert_eq!((columns, note), (vec![0, 1, 2], None));
        let (columns, note) = wanted.columns(&names("c Id a b"), path).unwrap();
        assert_eq!(columns, [2, 3, 0]);
        assert!(note.unwrap().contains("“Id” is no feature"));
        let (columns, note) = wanted.columns(&names("b a c"), path).unwrap();
        assert!(columns == [1, 0, 2] && note.unwrap().contains("another order"));
        let error = wanted.columns(&names("a d"), path).unwrap_err().to_string();
        assert!(error.contains("without b, c; expected the features of the model: a, b, c"), "{error}");
        assert!(!Wanted { width: 2, names: &names("a a") }.has_names());
    }
}
