//! Nearest neighbours: remember the examples; to classify a query, ask those most like it.
//!
//! ```text
//! Dataset → remember → search → vote
//! ```
//!
//! The first classifier of the lecture learns nothing: "training" is to remember all examples with their labels
//! ([`NearestNeighbors::fit`]). All the work is in the question, which examples are nearest to a query, and that
//! needs three choices:
//!
//! - a [`Metric`]: what "near" means;
//! - k, how many neighbours are asked. One believes every mislabelled example; many blur the borders between
//!   classes. [`accuracy_by_k`] shows the middle on a validation set, [`NeighborsClassifier::choose_k`] on the
//!   remembered examples themselves, each left out in turn;
//! - a [`Vote`]: whether a near neighbour counts more than a far one, and who wins a tie. Examples may have
//!   [weights](NeighborsClassifier::with_weights), and classes [`Priors`].
//!
//! Images may be compared by a distance that forgives small deformations ([`Deformable`]), among the candidates that a plain
//! metric finds.
//!
//! The [search](NearestNeighbors::search) is exact. Neighbours are ordered by (distance, index), so there is one right
//! answer, and [`naive::search`] says which in a dozen lines.

mod best;
mod choice;
mod classifier;
mod deform;
mod index;
mod leave_one_out;
mod metric;
pub mod naive;
mod pieces;
mod pruned;
mod search;
mod vote;
mod weighting;

pub use choice::{ChoiceOfK, LeaveOneOutAccuracy};
pub use classifier::{Explanation, NeighborsClassifier, Voter};
pub use deform::{Deformable, Deformation, Edges};
pub use index::{Features, NearestNeighbors};
pub use metric::Metric;
pub use pieces::search_in_pieces;
pub use search::{Counts, Neighbors, Progress};
pub use vote::{Vote, accuracy_by_k};
pub use weighting::Priors;
