//! Arguments that several commands take.

pub mod dual;
pub mod gradient_descent;
pub mod neighbors;

use std::io::{Error as IoError, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use tercet::data::{
    Collection, ImageSize, LabelColumn, Reading, SealedTest, Source, Split, default_validation, split,
};
use tercet::image::Cleaning;
use tercet::recipe::AnyRecipe;
use tercet::report::{Picture, write_pictures};
use tercet::{Dataset, Error};

use crate::progress::say;

/// Where the data comes from.
#[derive(Args, Clone)]
pub struct Data {
    /// The data: `mnist`; `fashion-mnist`, `kmnist`, `emnist-letters` or `cifar10` where they are found; a folder (of IDX files, of pictures by class, …), or a file: NPZ, NPY, CSV, Parquet, LIBSVM or IDX
    #[arg(
        long,
        global = true,
        help_heading = "Data and files",
        default_value = "mnist",
        value_name = "SOURCE"
    )]
    pub data: String,
    #[command(flatten)]
    pub reading: Read,
}

/// What cannot be seen from the data itself.
#[derive(Args, Clone)]
pub struct Read {
    /// The test set, where it is not beside the training set: another source, whose test set it is or all of it
    #[arg(long, global = true, help_heading = "Data and files", value_name = "SOURCE")]
    test_data: Option<Source>,
    /// The file of the labels, where the data are features alone: NPY, IDX, or text with one a line
    #[arg(long, global = true, help_heading = "Data and files", value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Which column of a table holds the labels: `first`, `last`, or its name
    #[arg(long, global = true, help_heading = "Data and files", value_name = "COLUMN")]
    label_column: Option<LabelColumn>,
    /// Whether the first row of a table names its columns, where that is not seen
    #[arg(long, global = true, help_heading = "Data and files", value_name = "yes|no", value_parser = clap::builder::BoolishValueParser::new())]
    header: Option<bool>,
    /// Scale pictures to this size, and take rows of numbers for the pixels of such images
    #[arg(long, global = true, help_heading = "Data and files", value_name = "WxH")]
    size: Option<ImageSize>,
    /// Make pictures grey
    #[arg(long, global = true, help_heading = "Data and files")]
    gray: bool,
    /// Take numbers as they are, even where they look like pixels
    #[arg(long, global = true, help_heading = "Data and files", conflicts_with_all = ["size", "gray"])]
    plain: bool,
}

impl Read {
    /// As the library wants to know it.
    pub fn reading(&self) -> Reading {
        Reading {
            labels: self.labels.clone(),
            label: self.label_column.clone(),
            header: self.header,
            size: self.size,
            gray: self.gray,
            plain: self.plain,
            test: self.test_data.clone(),
        }
    }
}

/// What is done to every picture first, beside what a recipe says.
#[derive(Args, Clone)]
pub struct Cleaned {
    /// Set slanted writing upright
    #[arg(long, global = true, help_heading = "Pictures")]
    deskew: bool,
    /// Bring writing towards one size, by how far its ink spreads
    #[arg(long, global = true, help_heading = "Pictures")]
    even: bool,
    /// Blur by a Gaussian of this standard deviation, in pixels
    #[arg(long, global = true, help_heading = "Pictures", value_name = "σ", allow_negative_numbers = true)]
    blur: Option<f32>,
}

impl Cleaned {
    /// These steps over those of a recipe.
    pub fn over(&self, base: Cleaning) -> Cleaning {
        Cleaning {
            deskew: self.deskew || base.deskew,
            even: self.even || base.even,
            blur: self.blur.or(base.blur),
        }
    }
}

/// How examples are held out to choose settings by.
#[derive(Args, Clone)]
pub struct Validation {
    /// How many training examples are held out for validation [default: one in twelve]
    #[arg(long, value_name = "N")]
    pub validation: Option<usize>,
}

/// Where every random choice comes from.
#[derive(Args, Clone)]
pub struct Seed {
    /// The seed of every random choice
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
}

impl Data {
    /// Reads the data.
    pub fn open(&self) -> anyhow::Result<Collection> {
        Ok(self.data.parse::<Source>()?.open_with(&self.reading.reading())?)
    }
}

impl Validation {
    /// How many of `n` examples are held out.
    pub fn size(&self, n: usize) -> usize {
        self.validation.unwrap_or_else(|| default_validation(n))
    }

    /// Holds out the examples.
    pub fn split(&self, train: &Dataset, seed: u64) -> anyhow::Result<Split> {
        Ok(split(train, self.size(train.len()), seed)?)
    }

    /// The same where none may be held out: a recipe whose settings are chosen learns from all examples.
    pub fn split_or_keep_all(&self, train: &Dataset, seed: u64) -> anyhow::Result<Split> {
        match self.validation {
            Some(0) => Ok(Split { train: train.clone(), validation: train.subset(&[]) }),
            _ => self.split(train, seed),
        }
    }
}

/// The recipe of a name that is built in, or else of a file. Where there is none, the name may have been meant for a
/// recipe that is built in.
pub fn recipe(name: &str) -> anyhow::Result<AnyRecipe> {
    let path = Path::new(name);
    let read = || match AnyRecipe::read(path) {
        Err(error) if !path.exists() => Err(anyhow!(
            "{error}; name a TOML file, or one of the built-in recipes: {}",
            AnyRecipe::names().join(", ")
        )),
        read => Ok(read?),
    };
    AnyRecipe::named(name).map_or_else(read, Ok)
}

/// The test set of a collection, or an error that says how it would be found.
pub fn test_set(collection: &Collection) -> anyhow::Result<&SealedTest> {
    collection.test.as_ref().ok_or_else(|| {
        let expected =
            "one beside the training set (t10k-images-idx3-ubyte, x_test, …_test.csv, test/), or --test-data";
        Error::mismatch(format!("test set of {}", collection.name), "none", expected).into()
    })
}

/// Refuses now a file that could not be written later, after all the work.
pub fn check_writable(path: &Path) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let refuse = |kind, why: String| Err(Error::file("write", path)(IoError::new(kind, why)).into());
    if path.is_dir() {
        return refuse(ErrorKind::IsADirectory, "that is a folder; add the name of a file".to_owned());
    }
    // A new file takes the name of the old one, which must not happen to /dev/null and its kind.
    if path.exists() && !path.is_file() {
        return refuse(ErrorKind::InvalidInput, "that is a device or a pipe; name a file".to_owned());
    }
    check_folder(folder).map_err(|error| Error::file("write", path)(error).into())
}

/// The figures of a report as files of their own.
#[derive(Args)]
pub struct Figures {
    /// Write the figures of the report into this folder, too: charts as SVG, weights as PNG
    #[arg(long, value_name = "FOLDER")]
    figures: Option<PathBuf>,
}

impl Figures {
    /// Refuses now a folder that could not be written later, after all the work.
    pub fn check(&self) -> anyhow::Result<()> {
        let Some(folder) = &self.figures else { return Ok(()) };
        // A name without an end would be that of its own folder.
        let place = if folder.is_dir() { &folder.join("figure.svg") } else { folder };
        if folder.is_file() {
            let why = "that is a file; name a folder".to_owned();
            return Err(Error::file("write", folder)(IoError::new(ErrorKind::NotADirectory, why)).into());
        }
        check_writable(place)
    }

    /// Writes what is asked for.
    pub fn write(&self, pictures: impl FnOnce() -> tercet::Result<Vec<Picture>>) -> anyhow::Result<()> {
        let Some(folder) = &self.figures else { return Ok(()) };
        let pictures = pictures()?;
        write_pictures(folder, &pictures)?;
        say(format!("figures: {} in {}", pictures.len(), folder.display()));
        Ok(())
    }
}

/// Refuses now a folder that no file could be made in later. The only reliable question is to try.
pub fn check_folder(folder: &Path) -> std::io::Result<()> {
    if !folder.is_dir() {
        let why = format!("there is no folder {}; create it first", folder.display());
        return Err(IoError::new(ErrorKind::NotFound, why));
    }
    let probe = folder.join(format!(".tercet-{}.tmp", std::process::id()));
    std::fs::write(&probe, b"")?;
    std::fs::remove_file(&probe)
}

/// The command line as it was given, to be run again.
pub fn command() -> String {
    let quoted = |word: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    std::iter::once("tercet".to_owned())
        .chain(std::env::args_os().skip(1).map(|word| quoted(word.to_string_lossy().into_owned())))
        .collect::<Vec<_>>()
        .join(" ")
}
