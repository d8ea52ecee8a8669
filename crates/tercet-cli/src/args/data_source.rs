//! Where the data comes from.

use std::path::PathBuf;

use clap::Args;
use tercet::data::{ImageSize, LabelColumn, ReadOptions, Source};

/// Where the data comes from.
#[derive(Args, Clone)]
pub struct DataArgs {
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
    pub reading: ReadingArgs,
}

/// What cannot be seen from the data itself.
#[derive(Args, Clone)]
pub struct ReadingArgs {
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
    pub gray: bool,
    /// Take numbers as they are, even where they look like pixels
    #[arg(long, global = true, help_heading = "Data and files", conflicts_with_all = ["size", "gray"])]
    pub plain: bool,
}

impl ReadingArgs {
    /// As the library wants to know it.
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
