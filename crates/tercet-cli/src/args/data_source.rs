//! The data that a command works on.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use tercet::data::{ImageSize, LabelColumn, ReadOptions, Source};

/// The data set.
#[derive(Args, Clone)]
pub struct DataArgs {
    /// Data set: `mnist`, a downloaded set (`fashion-mnist`, `kmnist`, `emnist-letters`,
    /// `cifar10`), a folder (IDX files, or pictures in one folder per class), or a file (NPZ, NPY,
    /// CSV, ARFF, JSON, Parquet, LIBSVM, IDX), or `-` for a table on standard input. If a folder
    /// has the name of a set, `./mnist` is the folder and `set:mnist` is the set
    #[arg(long, global = true, help_heading = "Data", default_value = "mnist", value_name = "SOURCE")]
    pub data: String,
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// The data set, which may also be named without `--data`.
#[derive(Args, Clone)]
pub struct PositionalDataArgs {
    /// Data set, short for --data SOURCE
    #[arg(value_name = "SOURCE", conflicts_with = "data")]
    source: Option<String>,
    #[command(flatten)]
    data: DataArgs,
}

impl PositionalDataArgs {
    /// The data set, whichever way it was named.
    pub fn args(&self) -> DataArgs {
        let mut args = self.data.clone();
        args.data = self.source.clone().unwrap_or(args.data);
        args
    }
}

/// How a data set is read, where the data does not determine it.
#[derive(Args, Clone)]
pub struct ReadingArgs {
    /// Test set, if it is not next to the training set: another data set, whose test set is used,
    /// or all of it if it has none
    #[arg(long, global = true, help_heading = "Data", value_name = "SOURCE")]
    test_data: Option<Source>,
    /// File of the labels, if the data has features only: NPY, IDX, or text with one label per line
    #[arg(long, global = true, help_heading = "Data", value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Column of a table that holds the labels: `first`, `last`, or its name
    #[arg(long, global = true, help_heading = "Data", value_name = "COLUMN")]
    label_column: Option<LabelColumn>,
    /// Whether the first row of a table holds the column names [default: detected]
    #[arg(
        long,
        global = true,
        help_heading = "Data",
        value_name = "yes|no",
        hide_possible_values = true,
        value_parser = BoolishValueParser::new()
    )]
    header: Option<bool>,
    /// Resize pictures to this size; rows of numbers are read as the pixels of such images
    #[arg(long, global = true, help_heading = "Data", value_name = "WxH")]
    size: Option<ImageSize>,
    /// Convert pictures to grayscale
    #[arg(long, global = true, help_heading = "Data")]
    gray: bool,
    /// Read numbers as features, even if they look like pixels
    #[arg(long, global = true, help_heading = "Data", conflicts_with_all = ["size", "gray"])]
    plain: bool,
}

impl ReadingArgs {
    /// The options of the library that these amount to.
    pub fn read_options(&self) -> ReadOptions {
        ReadOptions {
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
