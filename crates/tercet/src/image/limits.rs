//! The maximum size of a picture.

/// The maximum number of pixels on a side of a picture.
pub const MAX_SIDE: u32 = 16_384;

/// The maximum number of bytes of a file, and of the pixels in it: 384 MiB, more than 108 megapixels in colour.
pub const MAX_BYTES: u64 = 384 << 20;

/// Limits on the size of a picture, for cases where [`MAX_SIDE`] and [`MAX_BYTES`] are too much, such as a server that
/// decodes many pictures at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of pixels on a side.
    pub side: u32,
    /// The maximum number of bytes of a file, and of the pixels in it.
    pub bytes: u64,
}

impl Limits {
    /// The limits of [`decode`](super::decode).
    pub const MOST: Limits = Limits { side: MAX_SIDE, bytes: MAX_BYTES };
}
