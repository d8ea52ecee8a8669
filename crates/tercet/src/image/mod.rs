//! Pictures: their shapes, their files, and what can be done to one picture.
//!
//! ```text
//! bytes → decode → Picture → scale, deskew, blur, … → Picture
//! ```
//!
//! Which of these steps a model wants, and with which parameters, is part of its [preprocessing](crate::preprocess).

mod blur;
mod decode;
mod deskew;
mod ink;
mod moments;
mod picture;
mod scale;
mod shape;

pub use blur::MAX_BLUR;
pub(crate) use blur::blur;
pub use decode::{Limits, MAX_BYTES, MAX_SIDE, claimed_size, decode, decode_within, open};
pub(crate) use deskew::deskew;
pub(crate) use ink::{find_ink, full_ink};
pub(crate) use moments::size_normalize;
pub use picture::Picture;
pub(crate) use scale::{area, scale};
pub use shape::ImageShape;
