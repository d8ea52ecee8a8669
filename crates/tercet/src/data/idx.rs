//! IDX, the file format of MNIST: an array of numbers behind a short header, on its own or gzipped.
//!
//! ```text
//! byte 0, 1      zero
//! byte 2         the type of an element: 8 = u8, 9 = i8, 11 = i16, 12 = i32, 13 = f32, 14 = f64
//! byte 3         the number of dimensions
//! 4 bytes each   the dimensions, the slowest first
//! the rest       the elements; all numbers are big-endian
//! ```
//!
//! Source: Yann LeCun's page on MNIST, "The IDX file format". Nothing in a file is trusted: its header is held against
//! the bytes that are really there, and no memory is set aside for what it merely claims. Whether a file is gzipped
//! is seen from its first two bytes, not from its name.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::{Error, Result};

/// The first two bytes of every gzipped file.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Deflate makes at most 1,032 bytes of one, so a gzipped file cannot hold more than that times its length.
const DEFLATE_LIMIT: u64 = 1032;

/// More dimensions than (N, height, width, channels) mean nothing here.
const MOST_DIMENSIONS: usize = 4;

const AGAIN: &str = "The file is damaged or cut short: copy or download it again.";

/// The elements of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Bytes: pixels or labels.
    U8(Vec<u8>),
    /// Every other type, converted to the nearest f32.
    F32(Vec<f32>),
}

impl Values {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Values::U8(values) => values.len(),
            Values::F32(values) => values.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array of one to four dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Idx {
    /// The dimensions, the slowest first.
    pub dimensions: Vec<usize>,
    /// The elements: as many as the product of the dimensions.
    pub values: Values,
}

/// Reads an IDX file, gzipped or not.
///
/// # Errors
/// A file that cannot be read, that is no IDX file, or whose length is not what its header says.
pub fn read_idx(path: &Path) -> Result<Idx> {
    let file = File::open(path).map_err(Error::file("open", path))?;
    // Only a regular file has a length that can be known beforehand.
    let length = file.metadata().ok().filter(|about| about.is_file()).map(|about| about.len());
    sniff(BufReader::new(file), length, path)
}

/// Reads an IDX file, gzipped or not, that is in memory already; `path` is what errors call it.
///
/// # Errors
/// Those of [`read_idx`].
pub fn parse_idx(bytes: &[u8], path: &Path) -> Result<Idx> {
    sniff(bytes, Some(bytes.len() as u64), path)
}

fn sniff(mut file: impl BufRead, length: Option<u64>, path: &Path) -> Result<Idx> {
    let start = file.fill_buf().map_err(Error::file("read", path))?;
    if start.is_empty() {
        let expected = "an IDX file, which has a header of at least 8 bytes";
        return Err(Error::format(path, "an empty file (0 bytes)", expected, AGAIN));
    }
    if start.starts_with(&GZIP) {
        let gzip = Some(length.map_or(u64::MAX, |length| length.saturating_mul(DEFLATE_LIMIT)));
        Reader { from: MultiGzDecoder::new(file), length: None, at_most: gzip, path, read: 0 }.idx()
    } else {
        Reader { from: file, length, at_most: length, path, read: 0 }.idx()
    }
}

/// Reads the content of one file, after gzip where there was any.
struct Reader<'a, R> {
    from: R,
    /// The bytes of the content, where that is known.
    length: Option<u64>,
    /// The bytes that the content cannot exceed, where that is known.
    at_most: Option<u64>,
    path: &'a Path,
    /// Bytes read so far.
    read: u64,
}

impl<R: Read> Reader<'_, R> {
    fn idx(mut self) -> Result<Idx> {
        let magic: [u8; 4] = self.header("the 4 bytes that an IDX file begins with")?;
        let [0, 0, code, count] = magic else {
            let found = format!("the bytes {}", hex(&magic));
            let remedy = "This is no IDX file; a picture, CSV or archive has to be converted first.";
            return Err(self.refuse(found, "an IDX file, which begins with two zero bytes", remedy));
        };
        let Some(element) = Element::of(code) else {
            let found = format!("the element type 0x{code:02x}");
            let expected = "0x08 (u8), 0x09 (i8), 0x0b (i16), 0x0c (i32), 0x0d (f32) or 0x0e (f64)";
            return Err(self.refuse(found, expected, "The file is damaged, or no IDX file."));
        };
        let count = usize::from(count);
        if !(1..=MOST_DIMENSIONS).contains(&count) {
            let found = format!("{count} dimensions");
            let expected =
                "1 (labels), 2 (N, features), 3 (N, height, width) or 4 (N, height, width, channels)";
            return Err(self.refuse(found, expected, "Write the array again with one of these shapes."));
        }
        let mut dimensions = Vec::with_capacity(count);
        for _ in 0..count {
            let bytes = self.header(&format!("a header of {} bytes", 4 + 4 * count))?;
            dimensions.push(u32::from_be_bytes(bytes));
        }
        let bytes = self.body(&dimensions, element)?;
        let dimensions = dimensions.into_iter().map(|n| n as usize).collect();
        Ok(Idx { dimensions, values: element.decode(bytes) })
    }

    /// The next four bytes.
    fn header(&mut self, expected: &str) -> Result<[u8; 4]> {
        let mut bytes = Vec::with_capacity(4);
        (&mut self.from).take(4).read_to_end(&mut bytes).map_err(|error| self.broken(error))?;
        self.read += bytes.len() as u64;
        bytes.try_into().map_err(|_| self.refuse(format!("{} bytes", self.read), expected, AGAIN))
    }

    /// The bytes after the header: as many as the dimensions ask for, and then the end of the file.
    fn body(&mut self, dimensions: &[u32], element: Element) -> Result<Vec<u8>> {
        let times = dimensions.iter().map(u32::to_string).collect::<Vec<_>>().join(" × ");
        let claim = dimensions.iter().try_fold(element.size() as u64, |n, &d| n.checked_mul(u64::from(d)));
        let total = claim.and_then(|claim| claim.checked_add(self.read));
        let (Some(claim), Some(total)) = (claim, total) else {
            let found = format!("a header that claims {times} elements");
            let expected = "an array of fewer than 2⁶⁴ bytes";
            return Err(self.refuse(found, expected, AGAIN));
        };
        let expected = format!(
            "{total} bytes: a header of {} and {times} elements of {} each",
            self.read,
            element.size()
        );
        // A file that is known to be too short or too long is refused before anything is read or allocated.
        if let Some(length) = self.length
            && length != total
        {
            return Err(self.wrong_length(length < total, format!("{length} bytes"), expected));
        }
        if self.at_most.is_some_and(|most| total > most) {
            let found = "gzipped data too short to hold that much";
            return Err(self.wrong_length(true, found.to_owned(), expected));
        }

        // The buffer grows with what is really there. One byte more than expected is enough to know that there is
        // too much: a gzip bomb is not unpacked any further.
        let mut bytes = Vec::new();
        if self.length.is_some() {
            let exact = usize::try_from(claim).unwrap_or(usize::MAX);
            if bytes.try_reserve_exact(exact).is_err() {
                let remedy = "Use a machine with more memory, or a part of the data.";
                return Err(self.refuse(
                    format!("{claim} bytes of elements"),
                    "as many as memory holds",
                    remedy,
                ));
            }
        }
        (&mut self.from)
            .take(claim.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| self.broken(error))?;
        let found = bytes.len() as u64;
        if found < claim {
            return Err(self.wrong_length(true, format!("{} bytes", self.read + found), expected));
        }
        if found > claim {
            return Err(self.wrong_length(false, format!("more than {total} bytes"), expected));
        }
        Ok(bytes)
    }

    fn wrong_length(&self, short: bool, found: String, expected: String) -> Error {
        let remedy = if short { AGAIN } else { "The file is overlong: copy or download it again." };
        self.refuse(found, expected, remedy)
    }

    fn refuse(&self, found: impl ToString, expected: impl ToString, remedy: &str) -> Error {
        Error::format(self.path, found, expected, remedy)
    }

    /// What reading failed of: the content of a gzipped file, or the file system.
    fn broken(&self, error: std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.refuse("gzipped data that ends early", "all of it", AGAIN),
            ErrorKind::InvalidData | ErrorKind::InvalidInput => {
                let found = format!("gzipped data that is damaged ({error})");
                self.refuse(found, "whole gzipped data and nothing after it", AGAIN)
            }
            _ => Error::file("read", self.path)(error),
        }
    }
}

/// The type of an element.
#[derive(Clone, Copy)]
enum Element {
    U8,
    I8,
    I16,
    I32,
    F32,
    F64,
}

impl Element {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            0x08 => Element::U8,
            0x09 => Element::I8,
            0x0b => Element::I16,
            0x0c => Element::I32,
            0x0d => Element::F32,
            0x0e => Element::F64,
            _ => return None,
        })
    }

    fn size(self) -> usize {
        match self {
            Element::U8 | Element::I8 => 1,
            Element::I16 => 2,
            Element::I32 | Element::F32 => 4,
            Element::F64 => 8,
        }
    }

    fn decode(self, bytes: Vec<u8>) -> Values {
        match self {
            Element::U8 => Values::U8(bytes),
            Element::I8 => each(&bytes, |b: [u8; 1]| f32::from(i8::from_be_bytes(b))),
            Element::I16 => each(&bytes, |b: [u8; 2]| f32::from(i16::from_be_bytes(b))),
            Element::I32 => each(&bytes, |b: [u8; 4]| i32::from_be_bytes(b) as f32),
            Element::F32 => each(&bytes, f32::from_be_bytes),
            Element::F64 => each(&bytes, |b: [u8; 8]| f64::from_be_bytes(b) as f32),
        }
    }
}

fn each<const SIZE: usize>(bytes: &[u8], decode: impl Fn([u8; SIZE]) -> f32) -> Values {
    Values::F32(bytes.as_chunks().0.iter().map(|&element| decode(element)).collect())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Writes an IDX file, gzipped where its name ends in `.gz`. A file that was there before is replaced whole, or stays
/// as it was.
///
/// # Errors
/// Dimensions that the format cannot hold or the elements do not fill, and a file that cannot be written.
pub fn write_idx(path: &Path, idx: &Idx) -> Result<()> {
    let header = header(idx)?;
    crate::file::replace_with(path, |file| {
        if path.extension().is_some_and(|extension| extension == "gz") {
            let mut gzip = GzEncoder::new(file, flate2::Compression::best());
            write(&mut gzip, &header, &idx.values)?;
            gzip.finish().map(|_| ())
        } else {
            write(file, &header, &idx.values)
        }
    })
}

fn header(idx: &Idx) -> Result<Vec<u8>> {
    let dimensions = &idx.dimensions;
    if !(1..=MOST_DIMENSIONS).contains(&dimensions.len()) {
        return Err(Error::mismatch("dimensions of an IDX file", dimensions.len(), "1 to 4"));
    }
    if dimensions.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(idx.values.len()) {
        let what = "elements of an IDX file";
        return Err(Error::mismatch(what, idx.values.len(), format!("the product of {dimensions:?}")));
    }
    let code = if matches!(idx.values, Values::U8(_)) { 0x08 } else { 0x0d };
    let mut header = vec![0, 0, code, dimensions.len() as u8];
    for &dimension in dimensions {
        let dimension = u32::try_from(dimension)
            .map_err(|_| Error::mismatch("dimension of an IDX file", dimension, "less than 2³²"))?;
        header.extend(dimension.to_be_bytes());
    }
    Ok(header)
}

fn write(mut to: impl Write, header: &[u8], values: &Values) -> std::io::Result<()> {
    to.write_all(header)?;
    match values {
        Values::U8(values) => to.write_all(values),
        Values::F32(values) => {
            let mut buffer = Vec::new();
            for some in values.chunks(4096) {
                buffer.clear();
                buffer.extend(some.iter().flat_map(|value| value.to_be_bytes()));
                to.write_all(&buffer)?;
            }
            Ok(())
        }
    }
}
