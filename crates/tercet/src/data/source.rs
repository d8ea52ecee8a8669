//! Data sources: opens what `--data` names as a training set and a sealed test set.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::open;
use super::{Dataset, NamedSet, ReadOptions, SealedTest, Split, validation_split};
use crate::{Error, Result};

/// A data set with its training and test examples.
#[derive(Clone, Debug)]
pub struct Collection {
    /// Its name: "MNIST", or the name of the folder.
    pub name: String,
    /// The examples for training, from which a validation set can be held out. If the data has a validation set, its
    /// examples are the last ([`Dataset::validation_len`]).
    pub train: Dataset,
    /// The examples for the final evaluation, if there are any.
    pub test: Option<SealedTest>,
    /// What is not obvious about how the data was read, such as a column that was left out.
    pub notes: Vec<String>,
}

impl Collection {
    /// Splits off the validation set of the data, or else [one in twelve](super::default_validation) of the training
    /// examples.
    ///
    /// # Errors
    /// A single example, which would leave no training set.
    pub fn split(&self, seed: u64) -> Result<Split> {
        validation_split(&self.train, None, seed)
    }
}

/// The source of a data set.
///
/// ```
/// use tercet::data::Source;
///
/// let source: Source = "digits/2026".parse()?;
/// assert_eq!(source, Source::Path("digits/2026".into()));
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The MNIST database that is built into this library.
    #[cfg(feature = "mnist")]
    Mnist,
    /// A named set, which is searched for where other programs store it.
    Named(NamedSet),
    /// A file or folder; [`Source::open_with`] documents the formats.
    Path(PathBuf),
}

impl FromStr for Source {
    type Err = Error;

    /// `mnist` is the built-in data set; `fashion-mnist`, `kmnist`, `emnist-letters` and `cifar10` are searched for
    /// where other programs store them ([`NamedSet::places`]); anything else is the path of a file or folder.
    ///
    /// A name that is both that of a set and of a file or folder is ambiguous: `set:mnist` is the set, `./mnist` the file
    /// or folder.
    ///
    /// # Errors
    /// An empty or ambiguous name, and an unknown name after `set:`.
    fn from_str(text: &str) -> Result<Self> {
        let name = text.trim();
        if name.is_empty() {
            return Err(Error::setting("data", "empty", "`mnist`, or a file or folder of data"));
        }
        if let Some(set) = name.strip_prefix("set:") {
            return named(set);
        }
        if name.parse::<NamedSet>().is_err() {
            return Ok(Source::Path(PathBuf::from(text)));
        }
        if Path::new(name).exists() {
            let kind = if Path::new(name).is_dir() { "folder" } else { "file" };
            let found = format!("`{name}`, the name of a data set and of a {kind} in this folder");
            let expected = format!("`./{name}` for the {kind}, or `set:{name}` for the data set");
            return Err(Error::setting("data", found, expected));
        }
        named(name)
    }
}

/// The data set with this name.
fn named(name: &str) -> Result<Source> {
    match name {
        #[cfg(feature = "mnist")]
        "mnist" => Ok(Source::Mnist),
        #[cfg(not(feature = "mnist"))]
        "mnist" => {
            let expected = "a file or folder: this build is without the feature `mnist`";
            Err(Error::setting("data", "mnist", expected))
        }
        name => name.parse().map(Source::Named),
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "mnist")]
            Source::Mnist => f.write_str("mnist"),
            Source::Named(set) => set.fmt(f),
            Source::Path(path) => path.display().fmt(f),
        }
    }
}

impl Source {
    /// Opens the data and checks it; everything about it is inferred from the files.
    ///
    /// # Errors
    /// Those of [`open_with`](Source::open_with).
    pub fn open(&self) -> Result<Collection> {
        self.open_with(&ReadOptions::default())
    }

    /// Opens the data and checks it. Formats are detected from the content, not from the name. All files except NPZ,
    /// Parquet and workbooks may be compressed by gzip, bzip2 or xz.
    ///
    /// | format | training set | validation and test set |
    /// |---|---|---|
    /// | folder of IDX files | `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` (or `-images.idx3-ubyte`, `-images.idx`, …) | `t10k-…` or `test-…` |
    /// | folder of pictures by class | `cat/1.png`, `dog/7.jpg`, …, optionally in `train/` | the same in `val/` and `test/` |
    /// | pictures and a table of their classes | `labels.csv` or `train.csv` with names of files | `val.csv`, `test.csv` |
    /// | folder of CIFAR-10's batches | `data_batch_1.bin` to `_5.bin`, or the Python version's | `test_batch.bin` |
    /// | NPZ | `x_train` and `y_train`, `train_images` and `train_labels`, `X` and `y`, … | `x_val` and `y_val`, `x_test` and `y_test`, … |
    /// | NPY, IDX | the features; labels in the file next to it: `y_train.npy` for `X_train.npy`, `labels.npy` for `features.npy` | `X_test.npy` for `X_train.npy` |
    /// | CSV, with commas, semicolons or tabs | rows, one column of labels | `b_val.csv` and `b_test.csv` for `b_train.csv` |
    /// | ARFF, JSON records, an Excel workbook | the same | the same |
    /// | Parquet | Hugging Face's images, or numeric columns, and a label column | `validation-…` and `test-…parquet` for `train-…parquet` |
    /// | LIBSVM | `label index:value …` | `a1a.t` for `a1a`, or `test` for `train` |
    /// | ZIP archive | one table, or one of the folders above | as in the folder |
    ///
    /// A folder with one such training file is equivalent to the file. Numbers of (N, height, width\[, channels\]) or (N,
    /// channels, height, width) are pixels if all of them are whole numbers from 0 to 255, or such numbers divided by 255.
    /// All other numbers are plain features, used as they are, unless [`ReadOptions::size`] says that they are the pixels
    /// of images. The rows of a table are pixels too if there are as many of them as a square has pixels, in columns named
    /// `pixel…` or `1x1`, in numbered columns, or in columns without names. Tables may be in UTF-8, UTF-16 or Windows-1252;
    /// a column that is called `Id`, `index` or the like and counts the rows is left out. The path `-` is a table on
    /// standard input. [`Collection::notes`] lists what is not obvious about how the data was read.
    ///
    /// The labels are the names of the classes. If the folder has a `classes.txt`, it lists the names, one per line,
    /// and labels are indices from 0. IDX files contain class numbers, which serve as names too.
    ///
    /// # Errors
    /// A folder or file that is missing or invalid, or does not fit the others.
    pub fn open_with(&self, options: &ReadOptions) -> Result<Collection> {
        match self {
            #[cfg(feature = "mnist")]
            Source::Mnist => open::finish(mnist()?, options),
            Source::Named(set) => open::finish(set.open(options)?, options),
            Source::Path(path) => open::open(path, options),
        }
    }
}

/// The built-in data set.
#[cfg(feature = "mnist")]
pub(super) fn mnist() -> Result<open::Found> {
    use super::open::{Found, Subset};
    use super::raw_subset::{Features, Labels, RawSubset};
    use crate::image::ImageShape;

    let file = std::path::Path::new("mnist");
    let mnist = tercet_mnist::open().map_err(|error| {
        Error::format(file, error, "the original data", "The program is damaged: install it again.")
    })?;
    let subset = |name: &str, pixels, labels: Vec<u8>| {
        let shape = ImageShape::gray(tercet_mnist::WIDTH, tercet_mnist::HEIGHT);
        let features = Features::Pixels(shape, pixels);
        let labels = Labels::Indices(labels.into_iter().map(u32::from).collect());
        Subset::Whole(RawSubset::new(name.to_owned(), file.to_owned(), file.to_owned(), features, labels))
    };
    Ok(Found {
        name: "MNIST".to_owned(),
        train: subset("MNIST train", mnist.train_images, mnist.train_labels),
        test: Some(subset("MNIST test", mnist.test_images, mnist.test_labels)),
        classes: Some(super::Classes::numbered(tercet_mnist::CLASSES)),
        layout: None,
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_name_is_rejected() {
        let error = " ".parse::<Source>().unwrap_err();
        assert_eq!(error.to_string(), "data is empty; expected `mnist`, or a file or folder of data");
    }

    #[cfg(feature = "mnist")]
    #[test]
    fn mnist_is_whole_and_needs_no_file() {
        let mnist = "mnist".parse::<Source>().unwrap().open().unwrap();
        assert_eq!((mnist.train.len(), mnist.test.unwrap().len()), (60_000, 10_000));
        assert_eq!(mnist.train.labels()[..5], [5, 0, 4, 1, 9]);
        assert_eq!((mnist.train.width(), &*mnist.train.classes()[9]), (784, "9"));
    }
}
