//! Compressed files: gzip, bzip2 and xz, detected by their first bytes.

use std::io::{BufRead, Read};
use std::path::Path;

#[cfg(not(all(feature = "bzip2", feature = "flate2", feature = "xz")))]
use crate::Error;
use crate::Result;

/// The most memory for the dictionary of an xz file, in KiB. `xz -9` uses 64 MiB.
#[cfg(feature = "xz")]
const XZ_MEMORY: u32 = 1 << 20;

/// Deflate expands a byte to at most 1,032 bytes, which bounds the size of the decompressed data.
const DEFLATE_LIMIT: u64 = 1032;

/// A compression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Compression {
    Gzip,
    Bzip2,
    Xz,
    /// That of the entries of an archive.
    Zip,
}

impl Compression {
    /// The compression of a file that begins with these bytes.
    pub fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x1f, 0x8b, ..] => Some(Compression::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] => Some(Compression::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
            _ => None,
        }
    }

    /// How errors call compressed data.
    pub fn packed(self) -> &'static str {
        match self {
            Compression::Gzip => "gzipped",
            Compression::Bzip2 => "bzip2-compressed",
            Compression::Xz => "xz-compressed",
            Compression::Zip => "compressed",
        }
    }

    /// The most that a number of compressed bytes can hold, if there is a bound.
    pub fn at_most(self, compressed: u64) -> u64 {
        match self {
            Compression::Gzip | Compression::Zip => compressed.saturating_mul(DEFLATE_LIMIT),
            Compression::Bzip2 | Compression::Xz => u64::MAX,
        }
    }

    /// Decompresses a stream.
    pub fn open<'a>(self, from: impl BufRead + 'a, path: &Path) -> Result<Box<dyn Read + 'a>> {
        match self {
            Compression::Gzip => gunzip(from, path),
            Compression::Bzip2 => bunzip2(from, path),
            Compression::Xz => unxz(from, path),
            Compression::Zip => Ok(Box::new(from)),
        }
    }
}

#[cfg(feature = "flate2")]
fn gunzip<'a>(from: impl BufRead + 'a, _: &Path) -> Result<Box<dyn Read + 'a>> {
    Ok(Box::new(flate2::bufread::MultiGzDecoder::new(from)))
}

#[cfg(not(feature = "flate2"))]
fn gunzip<'a>(_: impl BufRead + 'a, path: &Path) -> Result<Box<dyn Read + 'a>> {
    Err(Error::feature(path, "a file compressed by gzip (.gz)", "flate2"))
}

#[cfg(feature = "bzip2")]
fn bunzip2<'a>(from: impl BufRead + 'a, _: &Path) -> Result<Box<dyn Read + 'a>> {
    Ok(Box::new(bzip2::bufread::MultiBzDecoder::new(from)))
}

#[cfg(not(feature = "bzip2"))]
fn bunzip2<'a>(_: impl BufRead + 'a, path: &Path) -> Result<Box<dyn Read + 'a>> {
    Err(Error::feature(path, "a file compressed by bzip2 (.bz2)", "bzip2"))
}

#[cfg(feature = "xz")]
fn unxz<'a>(from: impl BufRead + 'a, _: &Path) -> Result<Box<dyn Read + 'a>> {
    Ok(Box::new(lzma_rust2::XzReader::new_mem_limit(from, true, XZ_MEMORY)))
}

#[cfg(not(feature = "xz"))]
fn unxz<'a>(_: impl BufRead + 'a, path: &Path) -> Result<Box<dyn Read + 'a>> {
    Err(Error::feature(path, "a file compressed by xz (.xz)", "xz"))
}
