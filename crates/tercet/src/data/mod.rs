//! Examples and their labels: where they come from, how they are split, and how a batch is drawn.
//!
//! ```text
//! bytes → Dataset → split → batches
//! ```

mod batch;
mod catalog;
mod cifar;
mod classes;
mod contact_sheet;
mod content;
mod dataset;
mod examples;
mod feature_builder;
mod idx;
mod idx_folder;
mod image_folder;
mod libsvm;
mod npy;
mod npz;
mod open;
#[cfg(feature = "parquet")]
mod parquet;
mod raw_subset;
mod read_options;
mod sealed;
mod sibling_files;
mod source;
mod split;
mod summary;
mod table;
mod write;

pub use batch::Batches;
pub use catalog::{NamedSet, Remote};
pub use classes::{Classes, LabelType};
pub use contact_sheet::{Colours, contact_sheet, contact_sheet_text, side_by_side_text};
pub use dataset::Dataset;
pub use examples::{Examples, Row};
pub use idx::{Idx, Values, parse_idx, read_idx, write_idx};
pub use open::read_features;
pub use read_options::{ImageSize, LabelColumn, ReadOptions};
pub use sealed::{Opening, Openings, SealedTest};
pub use source::{Collection, Source};
pub use split::{Split, default_validation, folds, split};
pub(crate) use summary::FeatureKey;
pub use summary::{ClassCount, Summary, ValueRange, duplicates, duplicates_across};
pub use write::{Format, write, write_npy, write_npy_doubles, write_npy_indices};
