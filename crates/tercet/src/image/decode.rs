//! Decodes the bytes of a file into a [`Picture`].

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

use super::{Limits, MAX_BYTES, Picture};
use crate::{Error, Result};

/// The maximum number of bytes of pixels per byte of a valid file. The densest of the supported formats is PNG in black
/// and white: deflate reaches a factor of 1,032, and one bit becomes one byte. Headers that claim more are rejected, so
/// that a file of a hundred bytes cannot make us allocate 384 MiB.
const DENSEST: u64 = 8 * 1032;

const FORMATS: &str = "a picture in PNG, JPEG, WebP, GIF, TIFF, BMP, PGM or PPM";
const READ: [ImageFormat; 7] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::WebP,
    ImageFormat::Gif,
    ImageFormat::Tiff,
    ImageFormat::Bmp,
    ImageFormat::Pnm,
];
const SAVE_AGAIN: &str = "Open it in an image viewer and save it again as PNG.";

/// Reads a picture from a file: see [`decode`].
///
/// # Errors
/// A file that cannot be read, and everything that [`decode`] rejects.
pub fn open(path: &Path) -> Result<Picture> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::file("read", path))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    decode(&bytes, path)
}

/// Decodes PNG, JPEG, WebP, GIF, TIFF, BMP, PGM or PPM; the format is detected from the content. `path` is only used in
/// error messages.
///
/// Of an animation or a document of several pages, the first picture is read. A picture without colour is grey, even in
/// a format that has no grey pictures (WebP, GIF).
///
/// Transparent parts are composited on white, like paper, or on black if the visible ones are white. The orientation in a photograph's metadata is applied. 16
/// bits per channel become 8.
///
/// # Errors
/// [`Error::Format`] for an empty or truncated file, one that is not a picture, a side above
/// [`MAX_SIDE`](super::MAX_SIDE), and more than [`MAX_BYTES`].
pub fn decode(bytes: &[u8], path: &Path) -> Result<Picture> {
    decode_within(bytes, path, Limits::MOST)
}

/// [`decode`] within given limits. A picture that claims to be larger is rejected based on its header, before memory is
/// allocated for its pixels.
///
/// # Errors
/// Everything that [`decode`] rejects, and pictures beyond the limits.
pub fn decode_within(bytes: &[u8], path: &Path, limits: Limits) -> Result<Picture> {
    let format = format(bytes, path, limits)?;
    let decoder = decoder(bytes, format, path, limits)?;
    let picture = read(decoder, path)?;
    let has_no_grey = matches!(format, ImageFormat::WebP | ImageFormat::Gif);
    let is_grey =
        || picture.pixels().chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    Ok(if has_no_grey && picture.shape().channels == 3 && is_grey() { picture.to_gray() } else { picture })
}

/// The width and height that the header of a picture claims, if within `limits`, without decoding the pixels.
///
/// # Errors
/// Everything that [`decode_within`] rejects based on the header.
pub fn claimed_size(bytes: &[u8], path: &Path, limits: Limits) -> Result<(u32, u32)> {
    let format = format(bytes, path, limits)?;
    Ok(decoder(bytes, format, path, limits)?.dimensions())
}

/// Detects the format of the bytes.
fn format(bytes: &[u8], path: &Path, limits: Limits) -> Result<ImageFormat> {
    let refuse = |found: String, remedy: &str| Err(Error::format(path, found, FORMATS, remedy));
    if bytes.is_empty() {
        return refuse("an empty file".into(), "Check that the file was written or copied completely.");
    }
    if bytes.len() as u64 > limits.bytes {
        let found = format!("a file of more than {} MiB", limits.bytes >> 20);
        return refuse(found, "Make the picture smaller and try again.");
    }
    let format = match image::guess_format(bytes) {
        Ok(format) if READ.contains(&format) => format,
        Ok(other) => {
            let name = other.extensions_str().first().unwrap_or(&"other").to_uppercase();
            return refuse(format!("a picture in {name}"), SAVE_AGAIN);
        }
        Err(_) if bytes.get(4..8) == Some(b"ftyp") => {
            let name = match bytes.get(8..12) {
                Some(b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1") => {
                    "a picture in HEIC"
                }
                Some(b"avif" | b"avis") => "a picture in AVIF",
                _ => "a video, or a picture in HEIC or AVIF",
            };
            return refuse(name.into(), SAVE_AGAIN);
        }
        Err(_) if bytes.starts_with(b"%PDF") => {
            return refuse("a PDF document".into(), "Save the page as a picture in PNG.");
        }
        Err(_) => {
            return refuse("a file that is not a picture".into(), "Give the path of a picture.");
        }
    };
    if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
        return refuse("a JPEG that ends too early".into(), "Copy the file again; a part of it is missing.");
    }
    Ok(format)
}

/// The decoder of the pixels, once the claimed size has been checked.
fn decoder<'a>(
    bytes: &'a [u8],
    format: ImageFormat,
    path: &Path,
    limits: Limits,
) -> Result<impl ImageDecoder + 'a> {
    // Dimensions are checked here rather than by the library's limits, so that the message can name them. The decoder's
    // other allocations (rows, tables) get some extra room.
    let room = limits.bytes.min(DENSEST * bytes.len() as u64);
    let mut of_library = image::Limits::no_limits();
    of_library.max_alloc = Some(room + (16 << 20));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(of_library);
    let decoder = reader.into_decoder().map_err(|error| broken(path, &error))?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 || width > limits.side || height > limits.side {
        return Err(Error::format(
            path,
            format!("a picture of {width} × {height} pixels"),
            format!("1 to {} pixels a side", limits.side),
            "Make the picture smaller and try again.",
        ));
    }
    if decoder.total_bytes() > limits.bytes {
        let megapixels = f64::from(width) * f64::from(height) / 1e6;
        let needed = decoder.total_bytes() >> 20;
        return Err(Error::format(
            path,
            format!(
                "a picture of {width} × {height} pixels ({megapixels:.0} megapixels), {needed} MiB when decoded"
            ),
            format!("at most {} MiB", limits.bytes >> 20),
            "The file is not damaged. Make the picture smaller and try again.",
        ));
    }
    if decoder.total_bytes() > room {
        return Err(Error::format(
            path,
            format!("{width} × {height} pixels claimed by a file of {} bytes", bytes.len()),
            format!("at most {room} bytes of pixels"),
            "Make the picture smaller, or copy the file again if it is truncated.",
        ));
    }
    Ok(decoder)
}

/// Decodes the pixels.
fn read(mut decoder: impl ImageDecoder, path: &Path) -> Result<Picture> {
    // If the orientation metadata cannot be read, the picture is left as it is.
    let orientation = decoder.orientation().ok();
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| broken(path, &error))?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Picture::try_from(image)
}

fn broken(path: &Path, error: &image::ImageError) -> Error {
    let found = format!("a picture that is damaged or truncated ({error})");
    Error::format(path, found, FORMATS, SAVE_AGAIN)
}

/// Whether a JPEG's end marker follows its first scan. The decoder would fill missing data with grey without an error;
/// we report it instead.
///
/// A JPEG is a sequence of segments, `FF`, a marker, and a length that includes itself, up to the start of the scan
/// (`FF DA`). After that, compressed data contains `FF` only before 00 or a restart marker, so `FF D9` is the end. The
/// segments are walked first to skip embedded thumbnails, which have their own end markers.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        match bytes.get(at..at + 4) {
            Some([0xff, 0xda, ..]) => return bytes[at..].windows(2).any(|w| w == [0xff, 0xd9]),
            Some([0xff, 0xff, ..]) => at += 1,
            Some([0xff, _, high, low]) => at += 2 + usize::from(u16::from_be_bytes([*high, *low])),
            _ => return false,
        }
    }
}
