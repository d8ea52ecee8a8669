//! Deformable distances, which tolerate small deformations of an image: the candidates that a plain metric finds are
//! reranked.
//!
//! ```text
//! queries → the candidates nearest by the plain metric → their deformable distances → the k nearest of them
//! ```
//!
//! A deformable distance costs hundreds of times a plain one, so it is computed for a limited number of candidates
//! only: the nearest by the metric of the classifier, found by its exact search. This is where the result may differ
//! from that of a search through all rows: a row that is near once deformed, but not among the candidates, is not
//! found. Among the candidates the result is exact: integers, ordered by (distance, index). A sum ends early only when
//! it can no longer be among the k smallest.

mod rerank;
mod settings;

pub use settings::{Deformable, Deformation, Edges};

pub(super) use rerank::Reranker;
