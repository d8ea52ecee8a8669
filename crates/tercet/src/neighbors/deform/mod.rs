//! Distances that forgive small deformations of an image, among candidates that a plain metric finds.
//!
//! ```text
//! queries → the candidates nearest by the plain metric → their deformable distances → the k nearest of them
//! ```
//!
//! A deformable distance costs hundreds of times a plain one, so it is taken to so many candidates alone: the nearest by the
//! metric of the classifier, found by its exact search. This is where an answer may differ from that of a search
//! through all rows: a row that is near once deformed, and yet not among the candidates, is not found. Among the
//! candidates the answer is exact: whole numbers, ordered by (distance, index), each sum ended early only where it can no
//! longer be among the k least.

mod look;
mod settings;

pub use settings::{Deformable, Deformation, Edges};

pub(super) use look::Deformed;
