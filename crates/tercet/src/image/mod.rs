//! Pictures: shapes, file formats, and operations on a single picture.
//!
//! ```text
//! bytes → decode → Picture → scale, deskew, blur, … → Picture
//!                    Picture → segment → the ink of every character
//! ```
//!
//! Which of these steps a model uses, and with which parameters, is part of its [preprocessing](crate::preprocess).

mod blur;
#[cfg(feature = "image")]
mod decode;
#[cfg(not(feature = "image"))]
#[path = "decode_without_image.rs"]
mod decode;
mod deskew;
#[cfg(feature = "image")]
mod dynamic;
mod ink;
mod limits;
mod moments;
mod picture;
mod scale;
mod segment;
mod shape;

pub use blur::MAX_BLUR;
pub(crate) use blur::blur;
pub use decode::{claimed_size, decode, decode_within, open};
pub(crate) use deskew::deskew;
pub(crate) use ink::{find_ink, full_ink, otsu};
pub use limits::{Limits, MAX_BYTES, MAX_SIDE};
pub(crate) use moments::size_normalize;
pub use picture::Picture;
pub(crate) use scale::scale;
pub use segment::Bounds;
pub(crate) use segment::{Found, segment};
pub use shape::ImageShape;

/// The file name extensions of pictures that [`open`] reads, in lower case.
pub const EXTENSIONS: [&str; 15] = [
    "png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "tif", "tiff", "bmp", "dib", "pgm", "ppm", "pbm",
    "pnm",
];
