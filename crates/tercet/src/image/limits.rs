//! How large a picture may be.

/// The most pixels that a picture may have on a side.
pub const MAX_SIDE: u32 = 16_384;

/// The most bytes that a file, and the pixels in it, may have: 256 MiB, a square of 16,384 grey pixels a side.
pub const MAX_BYTES: u64 = 256 << 20;

/// How large a picture may be where [`MAX_SIDE`] and [`MAX_BYTES`] are too much, as for a server that reads many pictures
/// at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels on a side.
    pub side: u32,
    /// The most bytes of a file, and of the pixels in it.
    pub bytes: u64,
}

impl Limits {
    /// Those of [`decode`](super::decode).
    pub const MOST: Limits = Limits { side: MAX_SIDE, bytes: MAX_BYTES };
}
