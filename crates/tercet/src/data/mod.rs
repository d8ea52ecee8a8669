//! Examples and their labels: where they come from, how they are split, and how a batch is drawn.
//!
//! ```text
//! bytes → Dataset → split → batches
//! ```

mod batch;
mod beside;
mod cifar;
mod contact_sheet;
mod content;
mod dataset;
mod growing;
mod idx;
mod idx_folder;
mod libsvm;
mod named;
mod npy;
mod npz;
mod open;
mod overlap;
#[cfg(feature = "parquet")]
mod parquet;
mod part;
mod pictures;
mod reading;
mod sealed;
mod source;
mod split;
mod summary;
mod table;
mod write;

pub use batch::Batches;
pub use contact_sheet::{Colours, contact_sheet, contact_sheet_text, side_by_side_text};
pub use dataset::{Dataset, ImageShape, Row};
pub use idx::{Idx, Values, parse_idx, read_idx, write_idx};
pub use named::{NamedSet, Remote};
pub use open::read_features;
pub use overlap::{Overlap, Pair, Part, Place, overlap};
pub use reading::{ImageSize, LabelColumn, Reading};
pub use sealed::{Opening, Openings, SealedTest};
pub use source::{Collection, Source};
pub use split::{Split, default_validation, folds, split};
pub use summary::{ClassCount, Summary, ValueRange, duplicates, duplicates_across};
pub use write::{Format, write, write_npy, write_npy_doubles, write_npy_indices};
