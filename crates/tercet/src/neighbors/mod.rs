//! Nearest neighbours: store the examples; to classify a query, take a vote among those nearest to it.
//!
//! ```text
//! Dataset → fit → search → vote
//! ```
//!
//! The first classifier of the lecture learns nothing: "training" stores all examples with their labels
//! ([`NearestNeighbors::fit`]). All the work is in finding the examples that are nearest to a query, which takes three
//! choices:
//!
//! - a [`Metric`]: what "near" means. [`PairwiseNeighbors`] takes any [`Distance`], with parameters;
//! - k, how many neighbours vote. With one, every mislabelled example counts; many blur the borders between
//!   classes. [`accuracy_by_k`] finds the best k on a validation set, [`NeighborsClassifier::choose_k`] by
//!   leave-one-out on the stored examples;
//! - a [`Vote`]: whether a near neighbour counts more than a far one, and how ties are broken. Examples may have
//!   [weights](NeighborsClassifier::with_weights), and classes [`Priors`].
//!
//! The mean of the targets of the neighbours predicts a number ([`NeighborsRegressor`]); all rows within a distance of a
//! query can be found, too ([`NearestNeighbors::search_radius`]).
//!
//! Images may be compared by a distance that tolerates small deformations ([`Deformable`]), among the candidates that a
//! plain metric finds.
//!
//! The [search](NearestNeighbors::search) is exact. Neighbours are ordered by (distance, index), so there is one
//! correct result, which [`naive::search`] defines in a dozen lines.

mod choice;
mod classifier;
mod deformable;
mod doubles;
mod index;
mod leave_one_out;
mod metric;
pub mod naive;
mod out_of_core;
mod pairwise;
mod pruned;
mod radius;
mod regressor;
mod search;
mod top_k;
mod vote;
mod weighting;

pub use choice::{ChoiceOfK, LeaveOneOutAccuracy};
pub use classifier::{Explanation, NeighborsClassifier, Voter};
pub use deformable::{Deformable, Deformation, Edges};
pub use index::{Features, NearestNeighbors};
pub use metric::{Distance, Metric};
pub use out_of_core::search_chunked;
pub use pairwise::PairwiseNeighbors;
pub use radius::RadiusNeighbors;
pub use regressor::NeighborsRegressor;
pub use search::{Counts, Neighbors, Progress};
pub use vote::{Vote, accuracy_by_k};
pub use weighting::Priors;
