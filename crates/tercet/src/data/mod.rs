//! Examples and their labels: reading, splitting and drawing batches.
//!
//! ```text
//! bytes → Dataset → split → batches
//! ```

#[cfg(feature = "zip")]
mod archive;
mod array;
mod batch;
mod catalog;
mod cifar;
mod cifar_python;
mod classes;
mod compression;
#[cfg(feature = "image")]
mod contact_sheet;
mod content;
mod dataset;
mod examples;
#[cfg(any(feature = "csv", feature = "parquet"))]
mod feature_builder;
mod foreign;
mod idx;
mod idx_folder;
mod image_folder;
mod label_header;
mod libsvm;
mod npy;
#[cfg(feature = "zip")]
mod npz;
#[cfg(not(feature = "zip"))]
#[path = "npz_without_zip.rs"]
mod npz;
mod open;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "csv")]
mod picture_table;
mod raw_subset;
mod read_options;
#[cfg(feature = "csv")]
mod records;
mod rows;
mod sealed;
mod sibling_files;
mod source;
mod split;
mod summary;
#[cfg(feature = "csv")]
mod table;
#[cfg(not(feature = "csv"))]
#[path = "table_without_csv.rs"]
mod table;
#[cfg(feature = "csv")]
mod table_layout;
#[cfg(feature = "csv")]
mod table_pixels;
#[cfg_attr(not(feature = "csv"), allow(dead_code, reason = "only tables are decoded"))]
mod text_encoding;
#[cfg_attr(
    not(any(feature = "csv", feature = "image", feature = "parquet", feature = "zip")),
    allow(dead_code, reason = "only formats of features have a validation set")
)]
mod validation_set;
#[cfg(feature = "xlsx")]
mod workbook;
mod write;
#[cfg(feature = "image")]
mod write_pictures;

pub use batch::Batches;
pub use catalog::{NamedSet, Remote};
pub use classes::{Classes, LabelType};
#[cfg(feature = "image")]
pub use contact_sheet::{Colours, contact_sheet, contact_sheet_text, side_by_side_text};
pub use dataset::Dataset;
pub use examples::{Examples, Row};
pub use idx::{Idx, Values, parse_idx, read_idx, write_idx};

pub use read_options::{ImageSize, LabelColumn, ReadOptions};
pub use rows::{Ids, Rows, read_features, read_rows};
pub use sealed::{Opening, Openings, SealedTest};
pub use source::{Collection, Source};
pub use split::{Split, default_validation, folds, split, validation_split};
pub(crate) use summary::FeatureKey;
pub use summary::{ClassCount, Summary, ValueRange, duplicates, duplicates_across};
pub use write::{Format, write, write_npy, write_npy_doubles, write_npy_indices};
