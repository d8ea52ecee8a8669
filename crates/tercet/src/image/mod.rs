//! What happens to a picture before a model sees it: one place for every door.
//!
//! ```text
//! bytes → decode → Picture → prepare (as the model's Contract says) → Prepared → scores
//! ```
//!
//! A model has only ever seen pictures that were made in one way. MNIST's digits are light ink on dark paper,
//! scaled into a box of 20 × 20 pixels and placed so that their centre of mass is the centre of 28 × 28. A
//! photograph of a digit on white paper is none of that, and a model that never saw such a picture guesses at it.
//! So a model file carries a [`Contract`], and [`prepare()`] makes any picture keep it, step by step, with every
//! step kept for those who want to look.

mod centred;
mod contract;
mod decode;
mod ink;
mod picture;
mod prepare;
mod scale;

pub use contract::{Contract, Preparation, Range};
pub use decode::{MAX_BYTES, MAX_SIDE, decode, open};
pub use picture::Picture;
pub use prepare::{Prepared, Stage, Step, prepare};
