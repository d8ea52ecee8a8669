//! Examples and their labels: where they come from, how they are split, and how a batch is drawn.
//!
//! ```text
//! bytes → Dataset → split → batches
//! ```

mod dataset;
mod sealed;

pub use dataset::{Dataset, ImageShape, Row};
pub use sealed::{Opening, Openings, SealedTest};
