//! [`write()`]: writes a data set to files of a given format, which [`Source::open`](super::Source::open) reads again.

use std::fs;
use std::io::{Error as IoError, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::raw_subset::some_of;
#[cfg(feature = "image")]
use super::write_pictures;
use super::{Classes, Dataset, Idx, Row, Values, npy, sibling_files, write_idx};
use crate::file::{replace, replace_with};
use crate::{Error, Matrix, Result};

/// A file format for writing data sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A folder of gzipped IDX files, like MNIST.
    Idx,
    /// One archive of arrays, `x_train`, `y_train`, `x_test` and `y_test`, and the class names.
    Npz,
    /// Features in one file and labels in another next to it.
    Npy,
    /// A table with the label first.
    Csv,
    /// A label, and the non-zero features.
    Libsvm,
    /// PNG files in one folder per class. Class names that cannot be those of folders are in `classes.tsv`.
    Pictures,
}

const FORMATS: [(&str, Format); 6] = [
    ("idx", Format::Idx),
    ("npz", Format::Npz),
    ("npy", Format::Npy),
    ("csv", Format::Csv),
    ("libsvm", Format::Libsvm),
    ("pictures", Format::Pictures),
];

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = FORMATS.iter().find(|(name, _)| *name == text);
        let names = FORMATS.map(|(name, _)| name).join(", ");
        known
            .map(|&(_, format)| format)
            .ok_or_else(|| Error::setting("format", text, format!("one of {names}")))
    }
}

impl Format {
    /// The format implied by the extension of a path; a folder means IDX files.
    ///
    /// ```
    /// # use std::path::Path;
    /// # use tercet::data::Format;
    /// assert_eq!(Format::of(Path::new("iris.csv"))?, Format::Csv);
    /// assert_eq!(Format::of(Path::new("digits/"))?, Format::Idx);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// An unknown extension.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        match ending.as_str() {
            _ if path.is_dir() => Ok(Format::Idx),
            "" => Ok(Format::Idx),
            "npz" => Ok(Format::Npz),
            "npy" => Ok(Format::Npy),
            "csv" => Ok(Format::Csv),
            "libsvm" | "svm" | "svmlight" => Ok(Format::Libsvm),
            other => Err(Error::setting(
                "the ending of the file to write",
                format!(".{other}"),
                ".npz, .npy, .csv or .libsvm, or a folder for IDX files or pictures",
            )),
        }
    }

    /// The Cargo feature that this format needs, if it is disabled.
    fn missing_feature(self) -> Option<&'static str> {
        let (feature, on) = match self {
            Format::Idx => ("flate2", cfg!(feature = "flate2")),
            Format::Npz => ("zip", cfg!(feature = "zip")),
            Format::Csv => ("csv", cfg!(feature = "csv")),
            Format::Pictures => ("image", cfg!(feature = "image")),
            Format::Npy | Format::Libsvm => return None,
        };
        (!on).then_some(feature)
    }

    /// Checks in advance that data could be written to this path in this format.
    ///
    /// # Errors
    /// A format whose feature is disabled, a folder in place of a file or the other way round, and a file whose folder
    /// does not exist.
    pub fn check(self, path: &Path) -> Result<()> {
        let refuse = |kind, why: &str| Err(Error::file("write", path)(IoError::new(kind, why.to_owned())));
        if let Some(feature) = self.missing_feature() {
            return Err(Error::feature(path, "the name of a file to write", feature));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let is_folder = matches!(self, Format::Idx | Format::Pictures);
        if is_folder && path.exists() && !path.is_dir() {
            return refuse(std::io::ErrorKind::NotADirectory, "that is a file; name a folder");
        }
        if is_folder && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
            return refuse(std::io::ErrorKind::DirectoryNotEmpty, "the folder is not empty; name a new one");
        }
        if !is_folder && path.is_dir() {
            return refuse(std::io::ErrorKind::IsADirectory, "that is a folder; add the name of a file");
        }
        if !folder.is_dir() {
            let why = format!("there is no folder {}; create it first", folder.display());
            return refuse(std::io::ErrorKind::NotFound, &why);
        }
        Ok(())
    }
}

/// Writes a training set and an optional test set, and returns the files it wrote.
///
/// # Errors
/// A path that cannot be written, a set that the format cannot hold, and a test set with other classes or features.
pub fn write(path: &Path, format: Format, train: &Dataset, test: Option<&Dataset>) -> Result<Vec<PathBuf>> {
    format.check(path)?;
    if let Some(test) = test {
        check_alike(train, test)?;
    }
    match format {
        Format::Idx => as_a_whole(path, |folder| idx(folder, train, test)),
        Format::Pictures => as_a_whole(path, |folder| write_pictures::write(folder, &parts(train, test))),
        Format::Npz => npz(path, train, test),
        Format::Npy | Format::Csv | Format::Libsvm => {
            let (training, validation) = in_two(train);
            let mut sets = match sibling_files::validation_to_write(path).zip(validation) {
                Some((other, validation)) if format == Format::Csv => {
                    vec![(path.to_owned(), training), (other, validation)]
                }
                _ => vec![(path.to_owned(), train.clone())],
            };
            if let Some(test) = test {
                let other = sibling_files::test_to_write(path).ok_or_else(|| {
                    let expected =
                        "`train` in it, which becomes `test` for the test set; or to leave that out";
                    Error::setting("the name of the file to write", path.display(), expected)
                })?;
                sets.push((other, test.clone()));
            }
            let mut paths = Vec::new();
            for (path, set) in sets {
                match format {
                    Format::Npy => {
                        let labels = sibling_files::labels_to_write(&path).ok_or_else(|| {
                            let expected = "`features`, `embeddings`, `images` or `x` in it, which becomes `labels` or \
                                            `y` for the labels";
                            Error::setting("the name of the file to write", path.display(), expected)
                        })?;
                        replace_with(&path, |file| flushed(file, |to| features_npy(to, &set)))?;
                        replace_with(&labels, |file| flushed(file, |to| labels_npy(to, &set)))?;
                        paths.extend([path, labels]);
                    }
                    Format::Csv => {
                        replace_with(&path, |file| csv(file, &set))?;
                        paths.push(path);
                    }
                    _ => {
                        replace_with(&path, |file| flushed(file, |to| libsvm(to, &set)))?;
                        paths.push(path);
                    }
                }
            }
            Ok(paths)
        }
    }
}

/// The training set without its validation set, and that.
fn in_two(train: &Dataset) -> (Dataset, Option<Dataset>) {
    match train.validation_len() {
        0 => (train.clone(), None),
        count => {
            let rows: Vec<usize> = (0..train.len()).collect();
            let (training, validation) = rows.split_at(train.len() - count);
            (train.subset(training), Some(train.subset(validation)))
        }
    }
}

/// The sets that formats with several of them write, with their names.
fn parts(train: &Dataset, test: Option<&Dataset>) -> Vec<(&'static str, Dataset)> {
    let (training, validation) = in_two(train);
    let named = [("train", Some(training)), ("val", validation), ("test", test.cloned())];
    named.into_iter().filter_map(|(name, set)| Some((name, set?))).collect()
}

/// Rejects a test set that could not be read back consistently with its training set.
fn check_alike(train: &Dataset, test: &Dataset) -> Result<()> {
    let refuse = |what: &str, found: String, expected: String| {
        let expected = format!("those of the training set: {expected}");
        Err(Error::mismatch(format!("{what} of the test set to write"), found, expected))
    };
    if train.classes() != test.classes() {
        return refuse("classes", some_of(test.classes()), some_of(train.classes()));
    }
    if (train.image_shape(), train.width()) != (test.image_shape(), test.width()) {
        let features = |set: &Dataset| match set.image_shape() {
            Some(shape) => format!("images of {shape} pixels"),
            None => format!("examples of {} features", set.width()),
        };
        return refuse("features", features(test), features(train));
    }
    Ok(())
}

/// Writes a matrix as an NPY file, such as the scores of a model.
///
/// # Errors
/// A file that cannot be written.
pub fn write_npy(path: &Path, matrix: &Matrix) -> Result<()> {
    replace_with(path, |file| {
        flushed(file, |to| npy::write_floats(to, matrix.rows(), matrix.columns(), |i| matrix.row(i)))
    })
}

/// Writes integers as an NPY file of (N, `columns`).
///
/// # Errors
/// A file that cannot be written.
pub fn write_npy_indices(path: &Path, values: &[u32], columns: usize) -> Result<()> {
    write_npy_numbers(path, "<u4", values.len(), columns, values.iter().map(|value| value.to_le_bytes()))
}

/// Writes f64 numbers as an NPY file of (N, `columns`).
///
/// # Errors
/// A file that cannot be written.
pub fn write_npy_doubles(path: &Path, values: &[f64], columns: usize) -> Result<()> {
    write_npy_numbers(path, "<f8", values.len(), columns, values.iter().map(|value| value.to_le_bytes()))
}

fn write_npy_numbers<const SIZE: usize>(
    path: &Path,
    descr: &str,
    count: usize,
    columns: usize,
    mut values: impl Iterator<Item = [u8; SIZE]>,
) -> Result<()> {
    let rows = count.checked_div(columns).unwrap_or(0);
    replace_with(path, |file| {
        flushed(file, |to| {
            to.write_all(&npy::header_of(descr, &[rows, columns]))?;
            values.try_for_each(|value| to.write_all(&value))
        })
    })
}

/// Calls `write` with a buffered writer and flushes it, returning any error.
fn flushed(
    file: &mut fs::File,
    write: impl FnOnce(&mut std::io::BufWriter<&mut fs::File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut to = std::io::BufWriter::with_capacity(1 << 16, file);
    write(&mut to)?;
    to.flush()
}

/// Whether the classes are named only by their numbers.
fn are_numbers(set: &Dataset) -> bool {
    set.classes().names() == Classes::numbered(set.class_count()).names()
}

/// Calls `write` with a temporary sibling of a folder, which is then renamed: an incomplete folder could be mistaken
/// for a smaller data set, and would block the next attempt.
fn as_a_whole(folder: &Path, write: impl FnOnce(&Path) -> Result<Vec<PathBuf>>) -> Result<Vec<PathBuf>> {
    let Some(parent) = folder.parent().filter(|_| folder.file_name().is_some()) else {
        // `.` and the like exist already and keep their names.
        return write(folder);
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    let temporary = builder.tempdir_in(parent).map_err(Error::file("create the folder", folder))?;
    let begun = temporary.path().to_owned();
    let name = |path: &Path| path.strip_prefix(&begun).map_or(path.to_owned(), |rest| folder.join(rest));
    let paths = write(&begun).map_err(|error| match error {
        Error::File { action, path, source } => Error::File { action, path: name(&path), source },
        other => other,
    })?;
    // What exists already is an empty folder, which not every system allows to be replaced by renaming.
    let _ = fs::remove_dir(folder);
    fs::rename(&begun, folder).map_err(Error::file("create the folder", folder))?;
    let _ = temporary.keep();
    Ok(paths.iter().map(|path| if *path == begun { folder.to_owned() } else { name(path) }).collect())
}

fn idx(folder: &Path, train: &Dataset, test: Option<&Dataset>) -> Result<Vec<PathBuf>> {
    if train.class_count() > 256 {
        let expected = "at most 256, since a label is a byte";
        return Err(Error::mismatch("classes of a set for IDX files", train.class_count(), expected));
    }
    let mut paths = Vec::new();
    for (prefix, set) in std::iter::once(("train", train)).chain(test.map(|test| ("t10k", test))) {
        let mut dimensions = vec![set.len()];
        let values = if let Some(shape) = set.image_shape() {
            dimensions.extend([shape.height, shape.width]);
            dimensions.extend((shape.channels != 1).then_some(shape.channels));
            Values::U8((0..set.len()).flat_map(|i| set.pixels(i).unwrap_or_default()).copied().collect())
        } else {
            dimensions.push(set.width());
            values_of(set)
        };
        let labels = Values::U8((0..set.len()).map(|i| set.label(i) as u8).collect());
        let images = folder.join(format!("{prefix}-images-idx3-ubyte.gz"));
        write_idx(&images, &Idx { dimensions, values })?;
        let path = folder.join(format!("{prefix}-labels-idx1-ubyte.gz"));
        write_idx(&path, &Idx { dimensions: vec![set.len()], values: labels })?;
        paths.extend([images, path]);
    }
    if !are_numbers(train)
        || train.labels().iter().max().is_some_and(|&m| m as usize + 1 < train.class_count())
    {
        let path = folder.join("classes.txt");
        replace(&path, format!("{}\n", train.classes().join("\n")).as_bytes())?;
        paths.push(path);
    }
    Ok(paths)
}

/// All features, in f64 if f32 would round them.
fn values_of(set: &Dataset) -> Values {
    if set.dtype() == "float64" {
        let mut values = vec![0.0; set.len() * set.width()];
        for (i, row) in values.chunks_exact_mut(set.width()).enumerate() {
            set.row(i).write_f64(row);
        }
        return Values::F64(values);
    }
    let rows: Vec<usize> = (0..set.len()).collect();
    let mut values = vec![0.0; set.len() * set.width()];
    set.write_inputs(&rows, &mut values);
    Values::F32(values)
}

/// The features in NumPy's layout: (N, height, width[, channels]) bytes for images, (N, D) floats otherwise.
fn features_npy(to: &mut impl Write, set: &Dataset) -> std::io::Result<()> {
    let Some(shape) = set.image_shape() else {
        return npy::write_features(to, set);
    };
    let mut dimensions = vec![set.len(), shape.height, shape.width];
    dimensions.extend((shape.channels != 1).then_some(shape.channels));
    to.write_all(&npy::header_of("|u1", &dimensions))?;
    (0..set.len()).try_for_each(|i| to.write_all(set.pixels(i).unwrap_or_default()))
}

/// The labels: class numbers, or names if the classes have any.
fn labels_npy(to: &mut impl Write, set: &Dataset) -> std::io::Result<()> {
    if are_numbers(set) {
        return numbers_npy(to, set);
    }
    let names: Vec<&str> = (0..set.len()).map(|i| set.classes()[set.label(i) as usize].as_str()).collect();
    names_npy(to, &names)
}

fn numbers_npy(to: &mut impl Write, set: &Dataset) -> std::io::Result<()> {
    to.write_all(&npy::header_of("<i8", &[set.len()]))?;
    (0..set.len()).try_for_each(|i| to.write_all(&i64::from(set.label(i)).to_le_bytes()))
}

fn names_npy(to: &mut impl Write, names: &[&str]) -> std::io::Result<()> {
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(1);
    to.write_all(&npy::header_of(&format!("<U{longest}"), &[names.len()]))?;
    for name in names {
        let characters = name.chars().map(u32::from).chain(std::iter::repeat(0)).take(longest);
        to.write_all(&characters.flat_map(u32::to_le_bytes).collect::<Vec<_>>())?;
    }
    Ok(())
}

#[cfg(not(feature = "zip"))]
fn npz(_: &Path, _: &Dataset, _: Option<&Dataset>) -> Result<Vec<PathBuf>> {
    unreachable!("Format::check rejects NPZ in this build")
}

#[cfg(feature = "zip")]
fn npz(path: &Path, train: &Dataset, test: Option<&Dataset>) -> Result<Vec<PathBuf>> {
    replace_with(path, |file| {
        let mut archive = zip::ZipWriter::new(file);
        // Without a timestamp, so that the same set gives the same bytes.
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .large_file(true);
        let mut entry =
            |name: &str, set: &Dataset, write: fn(&mut Buffered<'_>, &Dataset) -> std::io::Result<()>| {
                archive.start_file(format!("{name}.npy"), options).map_err(IoError::other)?;
                let mut to = std::io::BufWriter::with_capacity(1 << 16, &mut archive as &mut dyn Write);
                write(&mut to, set)?;
                to.flush()
            };
        for (name, set) in &parts(train, test) {
            entry(&format!("x_{name}"), set, |to, set| features_npy(to, set))?;
            entry(&format!("y_{name}"), set, |to, set| numbers_npy(to, set))?;
        }
        entry("classes", train, |to, set| {
            names_npy(to, &set.classes().iter().map(String::as_str).collect::<Vec<_>>())
        })?;
        archive.finish().map_err(IoError::other)?;
        Ok(())
    })?;
    Ok(vec![path.to_owned()])
}

/// The writer of an entry of an archive.
#[cfg(feature = "zip")]
type Buffered<'a> = std::io::BufWriter<&'a mut dyn Write>;

#[cfg(not(feature = "csv"))]
fn csv(_: &mut fs::File, _: &Dataset) -> std::io::Result<()> {
    unreachable!("Format::check rejects CSV in this build")
}

#[cfg(feature = "csv")]
fn csv(file: &mut fs::File, set: &Dataset) -> std::io::Result<()> {
    let mut table = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(file);
    let feature = if set.is_pixels() { "pixel" } else { "feature" };
    let names = (0..set.width()).map(|i| format!("{feature}{i}"));
    table.write_record(std::iter::once("label".to_owned()).chain(names))?;
    for i in 0..set.len() {
        table.write_field(&set.classes()[set.label(i) as usize])?;
        match set.row(i) {
            Row::U8(pixels) => pixels.iter().try_for_each(|value| table.write_field(value.to_string()))?,
            // All digits of the number, since fewer would be read as another f64.
            Row::F16(values) => values.iter().try_for_each(|v| table.write_field(v.to_f64().to_string()))?,
            Row::F32(values) => {
                values.iter().try_for_each(|&v| table.write_field(f64::from(v).to_string()))?
            }
            Row::F64(values) => values.iter().try_for_each(|value| table.write_field(value.to_string()))?,
        }
        table.write_record(None::<&[u8]>)?;
    }
    table.flush()
}

fn libsvm(to: &mut impl Write, set: &Dataset) -> std::io::Result<()> {
    let whole = set.classes().iter().all(|name| name.parse::<i64>().is_ok());
    if !whole {
        let names: Vec<String> =
            set.classes().iter().enumerate().map(|(i, name)| format!("{i} = {name}")).collect();
        writeln!(to, "# {}", names.join(", "))?;
    }
    for i in 0..set.len() {
        let label = set.label(i);
        match whole {
            true => write!(to, "{}", set.classes()[label as usize])?,
            false => write!(to, "{label}")?,
        }
        let mut put = |place: usize, value: f64, text: &dyn std::fmt::Display| {
            // The last feature of the first row is written even if it is zero, to record the width.
            let counts = value != 0.0 || (i == 0 && place + 1 == set.width());
            if counts { write!(to, " {}:{text}", place + 1) } else { Ok(()) }
        };
        match set.row(i) {
            Row::U8(row) => row.iter().enumerate().try_for_each(|(j, &v)| put(j, v.into(), &v))?,
            // All digits of the number, since fewer would be read as another f64.
            Row::F16(row) => row.iter().enumerate().try_for_each(|(j, v)| put(j, v.to_f64(), &v.to_f64()))?,
            Row::F32(row) => {
                row.iter().enumerate().try_for_each(|(j, &v)| put(j, v.into(), &f64::from(v)))?
            }
            Row::F64(row) => row.iter().enumerate().try_for_each(|(j, &v)| put(j, v, &v))?,
        }
        writeln!(to)?;
    }
    Ok(())
}

#[cfg(not(feature = "image"))]
mod write_pictures {
    pub(super) fn write(_: &super::Path, _: &[(&str, super::Dataset)]) -> super::Result<Vec<super::PathBuf>> {
        unreachable!("Format::check rejects pictures in this build")
    }
}
