//! IDX, the file format of MNIST: a short header and an array of numbers, optionally gzipped.
//!
//! ```text
//! byte 0, 1      zero
//! byte 2         the type of an element: 8 = u8, 9 = i8, 11 = i16, 12 = i32, 13 = f32, 14 = f64
//! byte 3         the number of dimensions
//! 4 bytes each   the dimensions, the slowest first
//! the rest       the elements; all numbers are big-endian
//! ```
//!
//! Source: Yann LeCun's page on MNIST, "The IDX file format". Files are not trusted: the header is checked against the
//! actual bytes, and no memory is allocated based on its claims alone. Whether a file is gzipped is detected from its
//! first two bytes, not from its name.

use std::io::Write;
use std::path::Path;

use super::array::Numbers;
use super::content::{AGAIN, Claim, Content, hex};
use super::foreign;

use tercet_kernels::mmap::Mapped;

use crate::{Error, Result};

/// More dimensions than (N, height, width, channels) are not supported.
const MOST_DIMENSIONS: usize = 4;

/// The elements of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Bytes: pixels or labels.
    U8(Vec<u8>),
    /// Numbers of another type that f32 represents exactly.
    F32(Vec<f32>),
    /// Numbers that f32 would round.
    F64(Vec<f64>),
}

impl Values {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Values::U8(values) => values.len(),
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array of one to four dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Idx {
    /// The dimensions, the slowest first.
    pub dimensions: Vec<usize>,
    /// The elements: their number is the product of the dimensions.
    pub values: Values,
}

/// Reads an IDX file, gzipped or not.
///
/// # Errors
/// A file that cannot be read, that is not an IDX file, or whose length differs from what its header says.
pub fn read_idx(path: &Path) -> Result<Idx> {
    read(Content::open(path)?)
}

/// Parses an IDX file in memory, gzipped or not; `path` is only used in error messages.
///
/// # Errors
/// Those of [`read_idx`].
pub fn parse_idx(bytes: &[u8], path: &Path) -> Result<Idx> {
    read(Content::of(bytes, path)?)
}

/// The dimensions and the memory-mapped bytes of a large u8 file that is not gzipped.
pub(super) fn mapped(path: &Path) -> Result<Option<(Vec<usize>, Mapped<u8>)>> {
    let mut content = Content::open(path)?;
    let (element, dimensions, claim) = head(&mut content)?;
    let bytes = if matches!(element, Element::U8) { content.mapped(&claim) } else { None };
    Ok(bytes.map(|bytes| (dimensions, bytes)))
}

/// The dimensions and the elements of a file of integers; `None` for floating-point numbers.
pub(super) fn read_integers(path: &Path) -> Result<Option<(Vec<usize>, Vec<i32>)>> {
    let mut content = Content::open(path)?;
    let (element, dimensions, claim) = head(&mut content)?;
    let integers = match element {
        Element::U8 => content.numbers(&claim, |[b]: [u8; 1]| i32::from(b))?,
        Element::I8 => content.numbers(&claim, |b: [u8; 1]| i32::from(i8::from_be_bytes(b)))?,
        Element::I16 => content.numbers(&claim, |b: [u8; 2]| i32::from(i16::from_be_bytes(b)))?,
        Element::I32 => content.numbers(&claim, i32::from_be_bytes)?,
        Element::F32 | Element::F64 => return Ok(None),
    };
    Ok(Some((dimensions, integers)))
}

fn read(mut content: Content<'_>) -> Result<Idx> {
    let (element, dimensions, claim) = head(&mut content)?;
    let values = element.decode(&mut content, &claim)?;
    Ok(Idx { dimensions, values })
}

/// The type of the elements, the dimensions, and their size in bytes.
fn head(content: &mut Content<'_>) -> Result<(Element, Vec<usize>, Claim)> {
    if content.is_empty_file() {
        let expected = "an IDX file, which has a header of at least 8 bytes";
        return Err(content.refuse("an empty file (0 bytes)", expected, AGAIN));
    }
    if let Some(foreign) = foreign::recognise(content.start()) {
        let expected = "an IDX file, which begins with two zero bytes";
        return Err(content.refuse(foreign.found, expected, foreign.remedy));
    }
    let magic: [u8; 4] = content.head("the 4 bytes that an IDX file begins with")?;
    let [0, 0, code, count] = magic else {
        let found = format!("the bytes {}", hex(&magic));
        let remedy = "This is no IDX file; a picture, CSV or archive has to be converted first.";
        return Err(content.refuse(found, "an IDX file, which begins with two zero bytes", remedy));
    };
    let Some(element) = Element::of(code) else {
        let found = format!("the element type 0x{code:02x}");
        let expected = "0x08 (u8), 0x09 (i8), 0x0b (i16), 0x0c (i32), 0x0d (f32) or 0x0e (f64)";
        return Err(content.refuse(found, expected, "The file is damaged or not an IDX file."));
    };
    let count = usize::from(count);
    if !(1..=MOST_DIMENSIONS).contains(&count) {
        let found = format!("{count} dimensions");
        let expected = "1 (labels), 2 (N, features), 3 (N, height, width) or 4 (N, height, width, channels)";
        return Err(content.refuse(found, expected, "Write the array again with one of these shapes."));
    }
    let expected = format!("a header of {} bytes", 4 + 4 * count);
    let dimensions = (0..count)
        .map(|_| Ok(u32::from_be_bytes(content.head(&expected)?).into()))
        .collect::<Result<Vec<u64>>>()?;
    let claim = content.claim(&dimensions, element.size())?;
    Ok((element, dimensions.into_iter().map(|n| n as usize).collect(), claim))
}

/// The type of the elements.
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

    fn decode(self, from: &mut Content<'_>, claim: &Claim) -> Result<Values> {
        let of_doubles = |values| match Numbers::of_doubles(values) {
            Numbers::F64(values) => Values::F64(values),
            Numbers::F32(values) => Values::F32(values),
            _ => unreachable!("f64 becomes f32 or stays f64"),
        };
        Ok(match self {
            Element::U8 => Values::U8(from.bytes(claim)?),
            Element::I8 => Values::F32(from.numbers(claim, |b: [u8; 1]| f32::from(i8::from_be_bytes(b)))?),
            Element::I16 => Values::F32(from.numbers(claim, |b: [u8; 2]| f32::from(i16::from_be_bytes(b)))?),
            Element::I32 => of_doubles(from.numbers(claim, |b: [u8; 4]| f64::from(i32::from_be_bytes(b)))?),
            Element::F32 => Values::F32(from.numbers(claim, f32::from_be_bytes)?),
            Element::F64 => of_doubles(from.numbers(claim, f64::from_be_bytes)?),
        })
    }
}

/// Writes an IDX file, gzipped if its name ends in `.gz`. An existing file is either completely replaced or left
/// unchanged.
///
/// # Errors
/// Dimensions that the format cannot hold or the elements do not fill, and a file that cannot be written.
pub fn write_idx(path: &Path, idx: &Idx) -> Result<()> {
    let header = header(idx)?;
    crate::file::replace_with(path, |file| {
        if path.extension().is_some_and(|extension| extension == "gz") {
            write_gzipped(file, &header, &idx.values)
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
    let code = match idx.values {
        Values::U8(_) => 0x08,
        Values::F32(_) => 0x0d,
        Values::F64(_) => 0x0e,
    };
    let mut header = vec![0, 0, code, dimensions.len() as u8];
    for &dimension in dimensions {
        let dimension = u32::try_from(dimension)
            .map_err(|_| Error::mismatch("dimension of an IDX file", dimension, "less than 2³²"))?;
        header.extend(dimension.to_be_bytes());
    }
    Ok(header)
}

#[cfg(feature = "flate2")]
fn write_gzipped(to: impl Write, header: &[u8], values: &Values) -> std::io::Result<()> {
    let mut gzip = flate2::write::GzEncoder::new(to, flate2::Compression::best());
    write(&mut gzip, header, values)?;
    gzip.finish().map(drop)
}

#[cfg(not(feature = "flate2"))]
fn write_gzipped(_: impl Write, _: &[u8], _: &Values) -> std::io::Result<()> {
    Err(std::io::Error::other("this build lacks the feature `flate2`, which writes gzipped files"))
}

fn write(mut to: impl Write, header: &[u8], values: &Values) -> std::io::Result<()> {
    to.write_all(header)?;
    match values {
        Values::U8(values) => to.write_all(values),
        Values::F32(values) => write_numbers(to, values, |value| value.to_be_bytes()),
        Values::F64(values) => write_numbers(to, values, |value| value.to_be_bytes()),
    }
}

fn write_numbers<const SIZE: usize, T>(
    mut to: impl Write,
    values: &[T],
    encode: impl Fn(&T) -> [u8; SIZE],
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    for some in values.chunks(4096) {
        buffer.clear();
        buffer.extend(some.iter().flat_map(&encode));
        to.write_all(&buffer)?;
    }
    Ok(())
}
