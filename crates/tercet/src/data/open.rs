//! Opens a path as a [`Collection`]: the format of a file or folder is detected from its content, not from its name.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

#[cfg(feature = "zip")]
use super::archive;
use super::content::{AGAIN, Content, hex};
use super::foreign::{self, Foreign};
use super::raw_subset::{Labels, RawSubset, collect};
use super::validation_set::append_validation;
use super::{Classes, Collection, LabelType, ReadOptions, Source};
use super::{
    cifar, cifar_python, idx_folder, image_folder, label_header, libsvm, npy, npz, sibling_files, table,
    text_encoding,
};
use crate::{Error, Result};

/// The readable formats, for error messages.
const KNOWN: &str = "a file of NPZ, NPY, IDX, CSV, Excel (.xlsx), ARFF, JSON records, Parquet or LIBSVM";

/// The same for folders.
const KNOWN_FOLDERS: &str = "a folder of pictures by class, of CIFAR-10's batches, or with a file of NPZ, NPY, CSV, Parquet or LIBSVM";

/// The contents of a source.
pub(super) struct Found {
    pub name: String,
    pub train: Subset,
    pub test: Option<Subset>,
    pub classes: Option<Classes>,
    /// The layout of a table, which its test set must share.
    pub layout: Option<table::Layout>,
    /// What is not obvious about how the data was read.
    pub notes: Vec<String>,
}

/// The training or the test set, whose width may depend on the other's.
pub(super) enum Subset {
    Whole(RawSubset),
    Sparse(libsvm::Sparse),
}

/// Reads a path; [`Source::open_with`] documents what is supported.
pub(super) fn open(path: &Path, options: &ReadOptions) -> Result<Collection> {
    finish(find(path, options, None)?, options)
}

/// Combines what was read with the test set given by the caller.
pub(super) fn finish(found: Found, options: &ReadOptions) -> Result<Collection> {
    let Found { name, train, test, classes, layout, mut notes } = found;
    let test = match &options.test {
        None => test,
        Some(source) => {
            let options = ReadOptions { test: None, labels: None, ..options.clone() };
            let other = match source {
                #[cfg(feature = "mnist")]
                Source::Mnist => super::source::mnist()?,
                Source::Named(set) => set.open(&options)?,
                Source::Path(path) => find(path, &options, layout.as_ref())?,
            };
            notes.extend(other.notes);
            Some(other.test.unwrap_or(other.train))
        }
    };
    let (train, test) = match (train, test) {
        (Subset::Whole(train), Some(Subset::Whole(test))) => (train, Some(test)),
        (Subset::Whole(train), None) => (train, None),
        (train, test) => {
            // Features that are zero in all examples of one file are missing from it.
            let of = |subset: &Subset, zero_based| match subset {
                Subset::Sparse(sparse) => sparse.width(zero_based),
                Subset::Whole(_) => 0,
            };
            let based = |subset: &Subset| matches!(subset, Subset::Sparse(sparse) if sparse.is_zero_based());
            let zero_based = based(&train) || test.as_ref().is_some_and(based);
            let said = options.size.map_or(0, |s| s.width * s.height * s.channels.unwrap_or(1));
            let width = of(&train, zero_based).max(test.as_ref().map_or(0, |t| of(t, zero_based))).max(said);
            let whole = |subset| match subset {
                Subset::Whole(subset) => Ok(subset),
                Subset::Sparse(sparse) => sparse.dense(width, zero_based),
            };
            (whole(train)?, test.map(whole).transpose()?)
        }
    };
    let collection = collect(name, train, test, classes, options)?;
    Ok(Collection { notes: [notes, collection.notes].concat(), ..collection })
}

/// Reads a path. If `like` is given, a table must have that layout.
pub(super) fn find(path: &Path, options: &ReadOptions, like: Option<&table::Layout>) -> Result<Found> {
    if path == Path::new("-") {
        return standard_input(options, like);
    }
    #[cfg(feature = "zip")]
    if let Some((archive, entry)) = archive::entry_of(path) {
        let name = sibling_files::stem(path);
        return archive::with_entry(&archive, &entry, |content| text_file(name, content, options, like));
    }
    let about = fs::metadata(path).map_err(|error| match similar_set(path) {
        Some(name) if error.kind() == std::io::ErrorKind::NotFound => {
            let found = format!("`{}`, which is neither a file nor a data set", path.display());
            Error::setting("data", found, format!("a file, a folder or a data set: did you mean `{name}`?"))
        }
        _ => Error::file("open the data", path)(error),
    })?;
    if about.is_dir() { folder(path, options, like) } else { file(path, options, like) }
}

/// What the validation set of the data is used for.
fn validation_in_words(path: &Path, examples: usize) -> String {
    format!(
        "{}: its {} examples are the validation set; `--validation N` holds out N of all training examples instead",
        path.display(),
        crate::text::thousands(examples)
    )
}

/// The data set that was probably meant, if this is a bare name.
fn similar_set(path: &Path) -> Option<&'static str> {
    let name = path.to_str().filter(|_| path.components().count() == 1)?;
    super::catalog::similar_name(name)
}

fn folder(path: &Path, options: &ReadOptions, like: Option<&table::Layout>) -> Result<Found> {
    let name = idx_folder::name_of(path);
    let named = |what: &str| format!("{name} {what}");
    let whole = |name, train, test: Option<RawSubset>, classes| {
        let (train, test) = (Subset::Whole(train), test.map(Subset::Whole));
        Ok(Found { name, train, test, classes, layout: None, notes: Vec::new() })
    };
    if let Some(folder) = idx_folder::locate(path)? {
        let (train, test, classes) = idx_folder::read(&name, &folder)?;
        return whole(name, train, test, classes);
    }
    let classes = path.join("classes.txt");
    let classes = classes.is_file().then(|| idx_folder::read_classes(&classes)).transpose()?;
    for folder in [path.to_owned(), path.join("cifar-10-batches-bin")] {
        if let Some((train, test)) = cifar::files(&folder) {
            let meta = folder.join("batches.meta.txt");
            let meta = meta.is_file().then(|| idx_folder::read_classes(&meta)).transpose()?;
            let classes = meta.unwrap_or_else(|| Classes::new(cifar::CLASSES, LabelType::Text));
            let train = cifar::read(named("train"), &train)?;
            let test = test.map(|test| cifar::read(named("test"), &[test])).transpose()?;
            return whole(name, train, test, Some(classes));
        }
    }
    for folder in [path.to_owned(), path.join("cifar-10-batches-py")] {
        if let Some((train, test)) = cifar_python::files(&folder)
            && Content::open(&train[0])?.start().starts_with(&[0x80])
        {
            let train = cifar_python::read(named("train"), &train)?;
            let test = test.map(|test| cifar_python::read(named("test"), &[test])).transpose()?;
            return whole(name, train, test, Some(Classes::new(cifar::CLASSES, LabelType::Text)));
        }
    }
    let parts = image_folder::folders(path);
    #[cfg(feature = "csv")]
    if !parts.as_ref().is_some_and(|parts| image_folder::is_divided(&parts.train))
        && let Some(found) = super::picture_table::read(&name, path, options)?
    {
        let super::picture_table::Found { train, test, notes } = found;
        return Ok(Found { notes, ..whole(name, train, test, classes)? });
    }
    if let Some(parts) = parts {
        let image_folder::Parts { train, validation, test, mut notes } = parts;
        let mut read =
            |what: &str, folder: &Path| image_folder::read(named(what), folder, options, &mut notes);
        let mut train = read("train", &train)?;
        if let Some(folder) = &validation {
            append_validation(&mut train, read("validation", folder)?)?;
        }
        let test = test.map(|test| read("test", &test)).transpose()?;
        if let Some(folder) = validation {
            notes.push(validation_in_words(&folder, train.validation));
        }
        return Ok(Found { notes, ..whole(name, train, test, classes)? });
    }
    image_folder::refuse_undivided(path)?;
    // Hugging Face stores the files of a set in `data`.
    for folder in [path.to_owned(), path.join("data")] {
        match &sibling_files::training_files(&folder)[..] {
            [] => {}
            [one] => {
                let found = file(one, options, like)?;
                return Ok(Found { name, classes: found.classes.or(classes), ..found });
            }
            many if many.iter().all(|path| path.extension().is_some_and(|e| e == "parquet")) => {
                let found = parquet(&name, many, options, like.is_none())?;
                return Ok(Found { name, classes: found.classes.or(classes), ..found });
            }
            many => {
                let names: Vec<String> = many.iter().map(|path| sibling_files::file_name(path)).collect();
                let remedy = "Name one of them, or put `train` into the name of the one to learn from.";
                let found = format!("the files {}", super::raw_subset::some_of(&names));
                return Err(Error::format(&folder, found, "one file to learn from", remedy));
            }
        }
    }
    // Archives often hold a single folder, and a description beside it.
    let is_folder = |path: &&PathBuf| fs::symlink_metadata(path).is_ok_and(|about| about.is_dir());
    let entries = image_folder::entries(path)?;
    if let [only] = entries.iter().filter(is_folder).collect::<Vec<_>>()[..] {
        let found = self::folder(only, options, like)?;
        let note = format!("the data is in {}", only.display());
        return Ok(Found { notes: [vec![note], found.notes].concat(), ..found });
    }
    let expected = format!("one of {}; {KNOWN_FOLDERS}", idx_folder::training_names());
    let files = sibling_files::files(path);
    if let Some((file, Foreign { found, remedy })) = foreign::among(&files) {
        let found = format!("{}, which is {found}", sibling_files::file_name(file));
        return Err(Error::format(path, found, expected, remedy));
    }
    if let Some(archive) = files.iter().find(|file| sibling_files::is_zip(file)) {
        let found = format!("the archive {}", sibling_files::file_name(archive));
        let remedy = format!("Name the archive: {}.", archive.display());
        return Err(Error::format(path, found, expected, remedy));
    }
    let remedy = "Put the files there, or name another folder or file; `--data mnist` needs no files.";
    Err(Error::format(path, idx_folder::none_of_them(&files), expected, remedy))
}

fn file(path: &Path, options: &ReadOptions, like: Option<&table::Layout>) -> Result<Found> {
    let name = sibling_files::stem(path);
    let content = Content::open(path)?;
    let found = |train, test: Option<RawSubset>, classes| {
        let (train, test) = (Subset::Whole(train), test.map(Subset::Whole));
        Ok(Found { name: name.clone(), train, test, classes, layout: None, notes: Vec::new() })
    };
    // The test set is in a file next to this one, unless the caller gave another.
    let test_path =
        if options.test.is_none() && like.is_none() { sibling_files::test_of(path) } else { None };
    let named = |what: &str| match like {
        Some(_) => format!("{name} test"),
        None => format!("{name} {what}"),
    };
    if content.is_empty_file() {
        return Err(content.refuse("an empty file (0 bytes)", KNOWN, AGAIN));
    }
    let start = content.start();
    let alone = |what: &str| {
        let found = format!("a file of labels beside {what}");
        let remedy = "Leave it out: this format includes its labels.";
        options.labels.as_ref().map_or(Ok(()), |labels| {
            Err(Error::format(labels, found, format!("none, for {}", path.display()), remedy))
        })
    };
    if start.starts_with(b"PK") {
        alone("a ZIP archive")?;
        #[cfg(feature = "zip")]
        match archive::kind(path)? {
            archive::Kind::Arrays => {}
            archive::Kind::Files => {
                return archive::with_files(path, |unpacked| {
                    let found = folder(unpacked, options, like)?;
                    let notes =
                        found.notes.iter().map(|note| archive::renamed(note, unpacked, path)).collect();
                    Ok(Found { notes, ..found })
                });
            }
            archive::Kind::Table(_) | archive::Kind::Workbook => {
                return archive::with_table(path, |content, notes| {
                    let found = text_file(name.clone(), content, options, like)?;
                    Ok(Found { notes: [notes, found.notes].concat(), ..found })
                });
            }
        }
        let (train, test, classes) = npz::read(&name, path)?;
        let notes = match train.validation {
            0 => Vec::new(),
            examples => vec![validation_in_words(path, examples)],
        };
        return Ok(Found { notes, ..found(train, test, classes)? });
    }
    if start.starts_with(b"PAR1") {
        alone("a Parquet file")?;
        return parquet(&name, &[path.to_owned()], options, like.is_none());
    }
    if cifar::is_it(path, content.length()) {
        alone("a batch of CIFAR-10")?;
        let train = cifar::read(named("train"), &[path.to_owned()])?;
        return found(train, None, Some(Classes::new(cifar::CLASSES, LabelType::Text)));
    }
    let is_npy = start.starts_with(npy::MAGIC);
    if is_npy || matches!(start, [0, 0, 8..=14, 1..=4, ..]) {
        let mut notes = Vec::new();
        let mut subset = |what: &str, path: &Path, labels: Option<&Path>| {
            let features = if is_npy { npy::features(path)? } else { idx_folder::read_images(path)? };
            let labels_path = match labels {
                Some(labels) => labels.to_owned(),
                None => sibling_files::labels_of(path).ok_or_else(|| no_labels(path))?,
            };
            let labels = labels_in(&labels_path)?;
            let (labels, header) =
                label_header::removed(labels, features.count(), options.header, &labels_path)?;
            notes.extend(header.map(|header| {
                format!("{}: the first line “{header}” is a header, not a label", labels_path.display())
            }));
            let subset = RawSubset::new(named(what), path.to_owned(), labels_path, features, labels);
            subset.check()?;
            Ok(subset)
        };
        let train = subset("train", path, options.labels.as_deref())?;
        let test = test_path.as_deref().map(|path| subset("test", path, None)).transpose()?;
        return Ok(Found { notes, ..found(train, test, None)? });
    }
    alone(if libsvm::is_it(start) { "a LIBSVM file" } else { "a table" })?;
    text_file(name, content, options, like)
}

/// Reads a table or LIBSVM file from standard input.
fn standard_input(options: &ReadOptions, like: Option<&table::Layout>) -> Result<Found> {
    let path = Path::new("standard input");
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    let content = Content::of(&bytes, path)?;
    if content.is_empty_file() {
        return Err(content.refuse("no bytes", "a table", "Send a table: `… | tercet data info -`."));
    }
    text_file("standard input".to_owned(), content, options, like)
}

/// Reads a file of text: a table or LIBSVM's format, whose test set may be in a file next to it.
fn text_file(
    name: String,
    content: Content<'_>,
    options: &ReadOptions,
    like: Option<&table::Layout>,
) -> Result<Found> {
    let path = content.path.clone();
    let named = |what: &str| match like {
        Some(_) => format!("{name} test"),
        None => format!("{name} {what}"),
    };
    // The files next to an entry of an archive are those next to the archive.
    let beside = path.parent().filter(|parent| parent.is_file()).unwrap_or(&path).to_owned();
    let test_path =
        if options.test.is_none() && like.is_none() { sibling_files::test_of(&beside) } else { None };
    refuse_others(&content)?;
    if libsvm::is_it(content.start()) {
        let train = Subset::Sparse(libsvm::read(named("train"), content)?);
        let test_path = test_path.or_else(|| sibling_files::with_t(&path).filter(|_| options.test.is_none()));
        let test = test_path.map(|path| libsvm::read(named("test"), Content::open(&path)?)).transpose()?;
        return Ok(Found {
            name,
            train,
            test: test.map(Subset::Sparse),
            classes: None,
            layout: None,
            notes: Vec::new(),
        });
    }
    if let Some(like) = like {
        let lacks_labels = |path: &Path| {
            let remedy = "Name a test set with labels; `tercet predict` gives the class of rows without.";
            Error::format(path, "no column of labels", "the columns of the training set", remedy)
        };
        let test =
            table::read_test(named("test"), content, options, like)?.ok_or_else(|| lacks_labels(&path))?;
        let train = Subset::Whole(test);
        return Ok(Found { name, train, test: None, classes: None, layout: None, notes: Vec::new() });
    }
    let (mut train, layout) = table::read(named("train"), content, options)?;
    let mut notes = layout.notes.clone();
    let mut test = None;
    let (validation_path, test_path) = parts_beside(&beside, test_path, options, &mut notes);
    if let Some(path) = validation_path {
        let read = |content: Content<'_>, _| table::read_test(named("validation"), content, options, &layout);
        match with_table(&path, read)? {
            Some(validation) => {
                append_validation(&mut train, validation)?;
                notes.push(validation_in_words(&path, train.validation));
            }
            None => notes.push(format!("{}: it has no labels and is not used", path.display())),
        }
    }
    if let Some(path) = test_path {
        test = with_table(&path, |content, _| table::read_test(named("test"), content, options, &layout))?;
        if test.is_none() {
            let path = path.display();
            notes.push(format!(
                "{path}: it has no labels and is not used as a test set; `tercet predict MODEL {path}` gives a class \
                 for each of its rows"
            ));
        }
    }
    let (train, test) = (Subset::Whole(train), test.map(Subset::Whole));
    Ok(Found { name, train, test, classes: None, layout: Some(layout), notes })
}

/// Calls `read` with the table in a file, and with notes about it.
pub(super) fn with_table<T>(
    path: &Path,
    read: impl FnOnce(Content<'_>, Vec<String>) -> Result<T>,
) -> Result<T> {
    #[cfg(feature = "zip")]
    return archive::with_table(path, read);
    #[cfg(not(feature = "zip"))]
    read(Content::open(path)?, Vec::new())
}

/// The files of the validation and the test set beside a training set whose test set is `test`, if there is one. A
/// validation set alone serves as test set.
fn parts_beside(
    path: &Path,
    test: Option<PathBuf>,
    options: &ReadOptions,
    notes: &mut Vec<String>,
) -> (Option<PathBuf>, Option<PathBuf>) {
    match (sibling_files::validation_of(path), test) {
        (Some(validation), None) if options.test.is_none() => {
            notes.push(format!("{} is used as the test set, since there is no other", validation.display()));
            (None, Some(validation))
        }
        parts => parts,
    }
}

/// Rejects content that is neither text nor a known format, and identifies it if possible.
pub(super) fn refuse_others(content: &Content<'_>) -> Result<()> {
    let start = content.start();
    if let Some(Foreign { found, remedy }) = foreign::recognise(start) {
        return Err(content.refuse(found, KNOWN, remedy));
    }
    // UTF-16 has zeros.
    let is_utf16 = matches!(start, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    if !is_utf16 && text_encoding::is_binary(start) {
        let found = format!(
            "bytes that are neither text nor a known format ({} …)",
            hex(&start[..start.len().min(8)])
        );
        return Err(content.refuse(found, KNOWN, "Convert the data to one of these formats."));
    }
    Ok(())
}

fn no_labels(path: &Path) -> Error {
    let remedy = "Name the file of the labels (`--labels labels.npy`), or give it the name of the features with \
                  `labels` or `y` in place of `features`, `images` or `x`.";
    Error::format(path, "features without labels", "a file of labels beside it", remedy)
}

/// The labels in a separate file: NPY, IDX, or text with one label per line.
pub(super) fn labels_in(path: &Path) -> Result<Labels> {
    let content = Content::open(path)?;
    if content.is_empty_file() {
        return Err(content.refuse("an empty file (0 bytes)", "labels", AGAIN));
    }
    let start = content.start();
    if start.starts_with(npy::MAGIC) {
        return npy::read(content, npy::Mode::Labels)?.labels(path);
    }
    if start.starts_with(&[0, 0]) {
        return idx_folder::read_labels(path);
    }
    refuse_others(&content)?;
    table::read_labels(content)
}

#[cfg(feature = "parquet")]
fn parquet(name: &str, paths: &[PathBuf], options: &ReadOptions, with_test: bool) -> Result<Found> {
    let mut notes = Vec::new();
    let (mut train, classes) = super::parquet::read(format!("{name} train"), paths, options, &mut notes)?;
    let shards =
        |words: &[&str]| if with_test { sibling_files::shards(&paths[0], words) } else { Vec::new() };
    let mut validation = shards(&sibling_files::VALIDATION);
    let mut test = if options.test.is_none() { shards(&sibling_files::TEST) } else { Vec::new() };
    if test.is_empty() && !validation.is_empty() && options.test.is_none() {
        notes.push(format!("{} is used as the test set, since there is no other", validation[0].display()));
        test = std::mem::take(&mut validation);
    }
    if !validation.is_empty() {
        let more =
            super::parquet::read(format!("{name} validation"), &validation, options, &mut Vec::new())?.0;
        append_validation(&mut train, more)?;
        notes.push(validation_in_words(&validation[0], train.validation));
    }
    let test = match &test[..] {
        [] => None,
        paths => {
            let name = format!("{name} test");
            Some(Subset::Whole(super::parquet::read(name, paths, options, &mut Vec::new())?.0))
        }
    };
    Ok(Found { name: name.to_owned(), train: Subset::Whole(train), test, classes, layout: None, notes })
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: &str, paths: &[PathBuf], _: &ReadOptions, _: bool) -> Result<Found> {
    Err(Error::feature(&paths[0], "a Parquet file", "parquet"))
}
