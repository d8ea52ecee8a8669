//! What happens to a picture before a model sees it: one place for every door.
//!
//! ```text
//! bytes → decode → Picture → prepare (as the model's Contract says) → Prepared → scores
//!                                    Dataset → clean (likewise) → Dataset → scores
//! ```
//!
//! A model has only ever seen pictures that were made in one way. MNIST's digits are light ink on dark paper,
//! scaled into a box of 20 × 20 pixels and placed so that their centre of mass is the centre of 28 × 28. A
//! photograph of a digit on white paper is none of that, and a model that never saw such a picture guesses at it.
//! So a model file carries a [`Contract`], and [`prepare()`] makes any picture keep it, step by step, with every
//! step kept for those who want to look.
//!
//! Beyond that a contract may ask for a [`Cleaning`], such as to set slanted writing upright. Examples of a data set have
//! their model's shape and need no preparation, but they are cleaned like every picture ([`Contract::clean`]).

mod blur;
mod centred;
mod cleaning;
mod contract;
mod decode;
mod deskew;
mod ink;
mod moments;
mod picture;
mod prepare;
mod scale;
mod shape;

pub use cleaning::Cleaning;
pub use contract::{Contract, Preparation, Range};
pub use decode::{Limits, MAX_BYTES, MAX_SIDE, claimed_size, decode, decode_within, open};
pub use picture::Picture;
pub use prepare::{Prepared, Stage, Step, prepare};
pub(crate) use scale::scale;
pub use shape::ImageShape;
