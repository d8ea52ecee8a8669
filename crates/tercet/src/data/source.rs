//! Where data comes from: what `--data` names, opened into a training set and a sealed test set.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::folder;
use super::{Dataset, SealedTest};
use crate::{Error, Result};

/// A data set as it is handed out.
#[derive(Clone, Debug)]
pub struct Collection {
    /// What it is called: "MNIST", or the name of the folder.
    pub name: String,
    /// The examples to learn from, and to take a validation set of.
    pub train: Dataset,
    /// The examples to be judged by, where there are any.
    pub test: Option<SealedTest>,
}

/// Where a data set comes from.
///
/// ```
/// use tercet::data::Source;
///
/// let source: Source = "digits/2026".parse()?;
/// assert_eq!(source, Source::Folder("digits/2026".into()));
/// # Ok::<(), tercet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The MNIST database that is built into this library.
    #[cfg(feature = "mnist")]
    Mnist,
    /// A folder of IDX files; [`Source::open`] says how they are named.
    Folder(PathBuf),
}

impl FromStr for Source {
    type Err = Error;

    /// `mnist` is the built-in data set; anything else is the path of a folder (`./mnist` where one has that name).
    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            #[cfg(feature = "mnist")]
            "mnist" => Ok(Source::Mnist),
            #[cfg(not(feature = "mnist"))]
            "mnist" => {
                Err(Error::setting("data", "mnist", "a folder: this build is without the feature `mnist`"))
            }
            "" => Err(Error::setting("data", "empty", "`mnist`, or a folder that holds IDX files")),
            _ => Ok(Source::Folder(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "mnist")]
            Source::Mnist => f.write_str("mnist"),
            Source::Folder(path) => path.display().fmt(f),
        }
    }
}

impl Source {
    /// Opens the data and checks it.
    ///
    /// A folder holds images and labels to train with, and may hold others to test with. Training files begin with
    /// `train`, test files with `t10k` or `test`; then follow `-images-idx3-ubyte`, `-images.idx3-ubyte` or
    /// `-images.idx`, and `-labels-idx1-ubyte`, `-labels.idx1-ubyte` or `-labels.idx`; any of them may end in `.gz`.
    /// The first name that is there counts. Images of (N, height, width[, channels]) bytes are pixels; (N, D) numbers
    /// and arrays of any other element type are plain features, used as they are. The names of the classes are
    /// the lines of `classes.txt` or `labels.txt`; without these they are the numbers from "0" to the largest
    /// training label.
    ///
    /// # Errors
    /// A folder or file that is missing, not what it should be, or does not fit the others.
    pub fn open(&self) -> Result<Collection> {
        match self {
            #[cfg(feature = "mnist")]
            Source::Mnist => mnist(),
            Source::Folder(path) => folder::open(path),
        }
    }
}

#[cfg(feature = "mnist")]
fn mnist() -> Result<Collection> {
    use super::ImageShape;

    let file = std::path::Path::new("mnist");
    let mnist = tercet_mnist::open().map_err(|error| {
        Error::format(file, error, "the original data", "The program is damaged: install it again.")
    })?;
    let set = |name: &str, pixels, labels: Vec<u8>| {
        let shape = ImageShape::gray(tercet_mnist::WIDTH, tercet_mnist::HEIGHT);
        let labels = labels.into_iter().map(u32::from).collect();
        Dataset::from_pixels(name, shape, pixels, labels, digits(tercet_mnist::CLASSES))
    };
    Ok(Collection {
        name: "MNIST".to_owned(),
        train: set("MNIST train", mnist.train_images, mnist.train_labels)?,
        test: Some(SealedTest::new(set("MNIST test", mnist.test_images, mnist.test_labels)?)),
    })
}

/// The names "0", "1", … of `count` classes that have no others.
pub(super) fn digits(count: usize) -> Vec<String> {
    (0..count).map(|class| class.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_name_is_refused() {
        let error = " ".parse::<Source>().unwrap_err();
        assert_eq!(error.to_string(), "data is empty; expected `mnist`, or a folder that holds IDX files");
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
