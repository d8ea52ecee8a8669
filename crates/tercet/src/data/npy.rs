//! NPY, NumPy's file format: a header in Python syntax and an array of numbers or strings.
//!
//! ```text
//! 6 bytes        \x93NUMPY
//! 2 bytes        the version: 1.0, 2.0 or 3.0
//! 2 or 4 bytes   the length of the header (2 in version 1.0)
//! the header     {'descr': '<f4', 'fortran_order': False, 'shape': (50000, 768), } and blanks
//! the rest       the elements
//! ```
//!
//! Source: NumPy's documentation, `numpy.lib.format`. The existing libraries parse the header with a full parser
//! generator, which takes longer to build than this whole program; the header is just a dictionary with three keys.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use half::f16;

use super::array::{Numbers, image_shape, mapped_features};
use super::content::{AGAIN, Claim, Content, hex};
use super::raw_subset::{Features, Labels};
use super::{Examples, Row};
use crate::{Error, Result};

/// The first bytes of every NPY file.
pub(super) const MAGIC: &[u8] = b"\x93NUMPY";

/// The maximum length of the headers that we or NumPy write; the format would allow 4 GiB.
const LONGEST_HEADER: usize = 1 << 16;

/// More dimensions than (N, height, width, channels) are not supported.
const MOST_DIMENSIONS: usize = 4;

/// The maximum number of bytes of a name.
const LONGEST_NAME: usize = 4096;

/// The elements of an array.
#[derive(Debug, PartialEq)]
pub(super) enum Elements {
    Numbers(Numbers),
    /// Integers other than bytes, as labels.
    Whole(Vec<i64>),
    Names(Vec<String>),
}

/// An array.
#[derive(Debug, PartialEq)]
pub(super) struct Array {
    pub dimensions: Vec<usize>,
    pub elements: Elements,
}

/// The purpose for which an array is read.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Mode {
    /// Integers are converted to f32 or f64, whichever is exact.
    Features,
    /// Integers stay integers.
    Labels,
}

/// The contents of a header.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    pub element: Element,
    pub fortran: bool,
    pub dimensions: Vec<u64>,
}

/// The type of the elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Element {
    Bool,
    /// Integers, signed or unsigned, with a size in bytes.
    Int(bool, usize),
    Float(usize),
    /// Characters of 4 bytes.
    Unicode(usize),
    /// Characters of 1 byte.
    Bytes(usize),
}

/// Reads a whole file.
pub(super) fn read(mut content: Content<'_>, purpose: Mode) -> Result<Array> {
    let (header, big) = header(&mut content)?;
    let claim = content.claim(&header.dimensions, header.element.size())?;
    let elements = elements(&mut content, &claim, header.element, big, purpose)?;
    let dimensions: Vec<usize> = header.dimensions.iter().map(|&n| n as usize).collect();
    let elements = if header.fortran && dimensions.len() > 1 {
        match elements {
            Elements::Numbers(values) => Elements::Numbers(match values {
                Numbers::U8(values) => Numbers::U8(row_major(&dimensions, &values)),
                Numbers::F16(values) => Numbers::F16(row_major(&dimensions, &values)),
                Numbers::F32(values) => Numbers::F32(row_major(&dimensions, &values)),
                Numbers::F64(values) => Numbers::F64(row_major(&dimensions, &values)),
            }),
            Elements::Whole(values) => Elements::Whole(row_major(&dimensions, &values)),
            Elements::Names(values) => Elements::Names(row_major(&dimensions, &values)),
        }
    } else {
        elements
    };
    Ok(Array { dimensions, elements })
}

/// The features in a file; those of a large file are memory-mapped if their layout allows it.
pub(super) fn features(path: &Path) -> Result<Features> {
    let mut content = Content::open(path)?;
    let (header, big) = header(&mut content)?;
    let claim = content.claim(&header.dimensions, header.element.size())?;
    let dimensions: Vec<usize> = header.dimensions.iter().map(|&n| n as usize).collect();
    if !header.fortran {
        match (header.element, &dimensions[..]) {
            (Element::Int(false, 1), [_, rest @ ..]) => {
                // Channels that are stored one after the other have to be rearranged.
                if let Some((shape, false)) = image_shape(rest)
                    && let Some(pixels) = content.mapped(&claim)
                {
                    return Ok(Features::MappedPixels(shape, pixels));
                }
            }
            (Element::Float(4), [_, _, ..]) if !big => {
                if let Some(values) = content.mapped(&claim) {
                    return Ok(mapped_features(values, &dimensions));
                }
            }
            _ => {}
        }
    }
    read(Content::open(path)?, Mode::Features)?.features(path)
}

/// Reads the header, and whether the elements are big-endian.
pub(super) fn header(content: &mut Content<'_>) -> Result<(Header, bool)> {
    let magic = content.head::<8>("the 8 bytes that an NPY file begins with")?;
    if !magic.starts_with(MAGIC) {
        let remedy = "This is no array of NumPy's: write it with numpy.save.";
        let found = format!("the bytes {}", hex(&magic[..6]));
        return Err(content.refuse(found, "an NPY file, which begins with 93 4e 55 4d 50 59", remedy));
    }
    let length = match magic[6] {
        1 => usize::from(u16::from_le_bytes(content.head("an NPY header")?)),
        2 | 3 => u32::from_le_bytes(content.head("an NPY header")?) as usize,
        other => {
            let remedy = "Write the file again with numpy.save.";
            let found = format!("version {other}.{}", magic[7]);
            return Err(content.refuse(found, "version 1.0, 2.0 or 3.0 of the format", remedy));
        }
    };
    if length > LONGEST_HEADER {
        let found = format!("a header that claims {length} bytes");
        return Err(content.refuse(found, format!("at most {LONGEST_HEADER}"), AGAIN));
    }
    let text = content.header(length, &format!("a header of {length} bytes"))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    parse(&text).map_err(|(found, expected)| {
        let remedy = "Write the array again with numpy.save, as numbers: `array.astype('float32')`.";
        content.refuse(found, expected, remedy)
    })
}

/// Why a header is rejected: what was found, and what was expected.
type Refusal = (String, String);

fn parse(text: &str) -> Result<(Header, bool), Refusal> {
    let refuse = |expected: &str| {
        let shown: String =
            text.trim().chars().take(80).map(|c| if c.is_control() { '·' } else { c }).collect();
        (format!("the header {shown}"), expected.to_owned())
    };
    let after = |key: &str| {
        let at = text.find(&format!("'{key}':")).or_else(|| text.find(&format!("\"{key}\":")));
        at.map(|at| text[at + key.len() + 3..].trim_start())
    };
    let missing = |key: &str| refuse(&format!("a dictionary with the key {key}"));

    let fortran = after("fortran_order").ok_or_else(|| missing("fortran_order"))?;
    let fortran = match (fortran.starts_with("True"), fortran.starts_with("False")) {
        (true, _) => true,
        (_, true) => false,
        _ => return Err(refuse("True or False for fortran_order")),
    };
    let shape = after("shape").ok_or_else(|| missing("shape"))?;
    let shape = shape.strip_prefix('(').and_then(|shape| shape.split_once(')')).map(|(inside, _)| inside);
    let shape = shape.ok_or_else(|| refuse("a tuple of numbers for shape"))?;
    let dimensions = shape
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| part.trim_end_matches('L').parse::<u64>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| refuse("whole numbers in shape"))?;
    if dimensions.len() > MOST_DIMENSIONS {
        let expected = "1 (labels), 2 (N, features), 3 (N, height, width) or 4 (N, height, width, channels)";
        return Err((format!("{} dimensions", dimensions.len()), expected.to_owned()));
    }
    let descr = after("descr").ok_or_else(|| missing("descr"))?;
    if descr.starts_with('[') {
        return Err((
            "an array with named fields".to_owned(),
            "plain numbers: numpy.lib.recfunctions.structured_to_unstructured makes some of it".to_owned(),
        ));
    }
    let quote = descr.chars().next().filter(|quote| ['\'', '"'].contains(quote));
    let code = quote.and_then(|quote| descr[1..].split(quote).next());
    let code = code.ok_or_else(|| refuse("the type of the elements for descr"))?;
    let (big, kind) = match code.as_bytes() {
        [b'>', kind @ ..] => (true, kind),
        [b'<' | b'|' | b'=', kind @ ..] => (false, kind),
        kind => (false, kind),
    };
    Ok((Header { element: element(kind, code)?, fortran, dimensions }, big))
}

/// The type of the elements, from its code without the byte order.
fn element(kind: &[u8], code: &str) -> Result<Element, Refusal> {
    let size = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<usize>().ok();
    match kind {
        [b'b', b'1'] | [b'?'] => return Ok(Element::Bool),
        [kind @ (b'i' | b'u'), digits @ ..] => {
            if let Some(bytes @ (1 | 2 | 4 | 8)) = size(digits) {
                return Ok(Element::Int(*kind == b'i', bytes));
            }
        }
        [b'f', digits @ ..] => {
            if let Some(bytes @ (2 | 4 | 8)) = size(digits) {
                return Ok(Element::Float(bytes));
            }
        }
        [kind @ (b'U' | b'S' | b'a'), digits @ ..] => {
            return match size(digits) {
                Some(characters @ 1..=LONGEST_NAME) if *kind == b'U' => Ok(Element::Unicode(characters)),
                Some(characters @ 1..=LONGEST_NAME) => Ok(Element::Bytes(characters)),
                _ => {
                    Err((format!("names of type {code}"), format!("names of 1 to {LONGEST_NAME} characters")))
                }
            };
        }
        [b'O', ..] => {
            let expected =
                "numbers or text; objects are kept as Python's pickle, which can run code, and are not read";
            return Err(("an array of Python objects".to_owned(), expected.to_owned()));
        }
        _ => {}
    }
    Err((format!("elements of type {code}"), EXPECTED.to_owned()))
}

const EXPECTED: &str = "numbers of 1 to 8 bytes, bool, or text";

impl Element {
    pub fn size(self) -> usize {
        match self {
            Element::Bool => 1,
            Element::Int(_, bytes) | Element::Float(bytes) | Element::Bytes(bytes) => bytes,
            Element::Unicode(characters) => 4 * characters,
        }
    }
}

/// The bytes of an element in the order of the file, or reversed.
fn order<const N: usize>(mut bytes: [u8; N], big: bool) -> [u8; N] {
    if big {
        bytes.reverse();
    }
    bytes
}

fn elements(
    content: &mut Content<'_>,
    claim: &Claim,
    element: Element,
    big: bool,
    purpose: Mode,
) -> Result<Elements> {
    let floats = |values| Elements::Numbers(Numbers::F32(values));
    let doubles = |values| Elements::Numbers(Numbers::of_doubles(values));
    macro_rules! integers {
        ($type:ty) => {
            match purpose {
                Mode::Labels => {
                    Elements::Whole(content.numbers(claim, |b| <$type>::from_le_bytes(order(b, big)) as i64)?)
                }
                // f32 holds integers of up to 24 bits exactly.
                Mode::Features if size_of::<$type>() <= 2 => {
                    floats(content.numbers(claim, |b| <$type>::from_le_bytes(order(b, big)) as f32)?)
                }
                Mode::Features => {
                    let values: Vec<$type> =
                        content.numbers(claim, |b| <$type>::from_le_bytes(order(b, big)))?;
                    if let Some(value) = values.iter().find(|&&value| value as f64 as i128 != value as i128) {
                        return Err(inexact(content, value));
                    }
                    doubles(values.into_iter().map(|value| value as f64).collect())
                }
            }
        };
    }
    Ok(match element {
        Element::Int(false, 1) => Elements::Numbers(Numbers::U8(content.bytes(claim)?)),
        Element::Bool => match purpose {
            Mode::Features => floats(content.numbers(claim, |[b]: [u8; 1]| f32::from(b.min(1)))?),
            Mode::Labels => Elements::Whole(content.numbers(claim, |[b]: [u8; 1]| i64::from(b.min(1)))?),
        },
        Element::Int(true, 1) => integers!(i8),
        Element::Int(true, 2) => integers!(i16),
        Element::Int(true, 4) => integers!(i32),
        Element::Int(true, _) => integers!(i64),
        Element::Int(false, 2) => integers!(u16),
        Element::Int(false, 4) => integers!(u32),
        Element::Int(false, _) => integers!(u64),
        Element::Float(2) => {
            Elements::Numbers(Numbers::F16(content.numbers(claim, |b| f16::from_le_bytes(order(b, big)))?))
        }
        Element::Float(4) => floats(content.numbers(claim, |b| f32::from_le_bytes(order(b, big)))?),
        Element::Float(_) => doubles(content.numbers(claim, |b| f64::from_le_bytes(order(b, big)))?),
        Element::Bytes(size) => {
            let bytes = content.bytes(claim)?;
            let name = |name: &[u8]| String::from_utf8_lossy(name).trim_end_matches('\0').to_owned();
            Elements::Names(bytes.chunks_exact(size).map(name).collect())
        }
        Element::Unicode(size) => {
            let characters: Vec<u32> = content.numbers(claim, |b| u32::from_le_bytes(order(b, big)))?;
            Elements::Names(characters.chunks_exact(size).map(unicode).collect())
        }
    })
}

/// Rejects an integer that float64 does not hold exactly.
fn inexact(content: &Content<'_>, value: impl Display) -> Error {
    let remedy = "Subtract the smallest number from all, or use a coarser unit.";
    let expected = "integers up to 2⁵³ or others that float64 holds exactly";
    content.refuse(format!("the number {value}"), expected, remedy)
}

/// A name that is padded with zeros.
fn unicode(name: &[u32]) -> String {
    let name: String = name.iter().map(|&c| char::from_u32(c).unwrap_or('\u{fffd}')).collect();
    name.trim_end_matches('\0').to_owned()
}

/// Converts an array from column-major to row-major order.
fn row_major<T: Clone>(dimensions: &[usize], values: &[T]) -> Vec<T> {
    let count = dimensions.len();
    let mut strides = vec![1; count];
    for i in 1..count {
        strides[i] = strides[i - 1] * dimensions[i - 1];
    }
    let mut index = vec![0; count];
    let mut all = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        all.push(values[index.iter().zip(&strides).map(|(i, stride)| i * stride).sum::<usize>()].clone());
        for axis in (0..count).rev() {
            index[axis] += 1;
            if index[axis] < dimensions[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    all
}

impl Array {
    /// The array as features, or as the pixels of images: see [`array`](super::array).
    pub fn features(self, path: &Path) -> Result<Features> {
        let refuse =
            |found: String, expected: &str, remedy: &str| Error::format(path, found, expected, remedy);
        if self.dimensions.len() < 2 {
            let found = format!("{} dimension", self.dimensions.len());
            let expected = "2 (N, features), 3 (N, height, width) or 4 (N, height, width, channels)";
            return Err(refuse(
                found,
                expected,
                "This looks like a file of labels: check the names of the files.",
            ));
        }
        if self.dimensions.contains(&0) {
            let found = format!("the dimensions {:?}", self.dimensions);
            return Err(refuse(found, "none of 0", "The file holds no data: copy or make it again."));
        }
        match self.elements {
            Elements::Numbers(numbers) => Ok(numbers.features(&self.dimensions)),
            Elements::Whole(_) => unreachable!("integers are read for labels alone"),
            Elements::Names(_) => {
                let remedy = "Name the file of the features first, and that of the labels second.";
                Err(refuse("text".to_owned(), "features, which are numbers", remedy))
            }
        }
    }

    /// The array as labels: (N) or (N, 1) integers or names.
    pub fn labels(self, path: &Path) -> Result<Labels> {
        let refuse =
            |found: String, expected: &str, remedy: &str| Error::format(path, found, expected, remedy);
        if !matches!(self.dimensions[..], [_] | [_, 1]) {
            let found = format!("{} dimensions", self.dimensions.len());
            let remedy = "Labels are class numbers or names; of one-hot rows take array.argmax(1).";
            return Err(refuse(found, "1, since a label is one number", remedy));
        }
        match self.elements {
            Elements::Whole(labels) => Ok(Labels::Numbers(labels)),
            Elements::Names(names) => Ok(Labels::of_names(names.into_iter())),
            Elements::Numbers(Numbers::U8(labels)) => {
                Ok(Labels::Numbers(labels.into_iter().map(i64::from).collect()))
            }
            Elements::Numbers(Numbers::F16(values)) => whole(&values, path),
            Elements::Numbers(Numbers::F32(values)) => whole(&values, path),
            Elements::Numbers(Numbers::F64(values)) => whole(&values, path),
        }
    }
}

/// Floating-point numbers as labels, all of which must be integers.
fn whole<T: Copy + Into<f64> + Display>(values: &[T], path: &Path) -> Result<Labels> {
    let label = |(at, &value): (usize, &T)| {
        let number: f64 = value.into();
        if number.fract() == 0.0 && number.abs() < 9e15 {
            return Ok(number as i64);
        }
        let remedy = "Labels are class numbers or names; what is measured cannot be classified.";
        Err(Error::format(path, format!("the label {value} (example {at})"), "whole numbers", remedy))
    };
    Ok(Labels::Numbers(values.iter().enumerate().map(label).collect::<Result<_>>()?))
}

/// The bytes before the elements of an array of this type and shape. They align the elements to a multiple of 64.
pub(super) fn header_of(descr: &str, dimensions: &[usize]) -> Vec<u8> {
    let shape: String = dimensions.iter().map(|n| format!("{n}, ")).collect();
    let shape = match dimensions {
        [_] => shape.trim_end().to_owned(),
        _ => shape.trim_end_matches(", ").to_owned(),
    };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    let short = (MAGIC.len() + 4 + text.len() + 1).next_multiple_of(64) - (MAGIC.len() + 4 + text.len() + 1);
    text.extend(std::iter::repeat_n(' ', short));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([1, 0]);
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

/// Writes an array of f32, row by row.
pub(super) fn write_floats<'a>(
    to: &mut impl Write,
    rows: usize,
    width: usize,
    row: impl Fn(usize) -> &'a [f32],
) -> std::io::Result<()> {
    to.write_all(&header_of("<f4", &[rows, width]))?;
    let mut bytes = Vec::new();
    for i in 0..rows {
        bytes.clear();
        bytes.extend(row(i).iter().flat_map(|value| value.to_le_bytes()));
        to.write_all(&bytes)?;
    }
    Ok(())
}

/// Writes features row by row, in their own number type.
pub(super) fn write_features(to: &mut impl Write, examples: &Examples) -> std::io::Result<()> {
    let descr = match examples.dtype() {
        "uint8" => "|u1",
        "float16" => "<f2",
        "float32" => "<f4",
        _ => "<f8",
    };
    to.write_all(&header_of(descr, &[examples.len(), examples.width()]))?;
    let mut bytes = Vec::new();
    for row in examples.iter() {
        bytes.clear();
        match row {
            Row::U8(values) => bytes.extend(values),
            Row::F16(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Row::F32(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
            Row::F64(values) => bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        }
        to.write_all(&bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_numpy_are_understood() {
        let (header, big) =
            parse("{'descr': '<f4', 'fortran_order': False, 'shape': (50000, 768), }   \n").unwrap();
        assert_eq!((header.element, header.fortran, big), (Element::Float(4), false, false));
        assert_eq!(header.dimensions, [50_000, 768]);
        let (header, big) = parse("{'descr': '>i8', 'fortran_order': True, 'shape': (3,), }").unwrap();
        assert_eq!((header.element, header.fortran, big), (Element::Int(true, 8), true, true));
        assert_eq!(header.dimensions, [3]);
        assert_eq!(
            parse("{'shape': (), 'descr': '|b1', 'fortran_order': False}").unwrap().0.dimensions,
            Vec::<u64>::new()
        );
    }

    #[test]
    fn other_headers_are_rejected() {
        for (header, says) in [
            ("", "the key fortran_order"),
            ("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", "can run code"),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", "numbers of 1 to 8 bytes"),
            ("{'descr': '<f16', 'fortran_order': False, 'shape': (3,), }", "numbers of 1 to 8 bytes"),
            ("{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,), }", "plain numbers"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", "whole numbers in shape"),
            ("{'descr': '<f4', 'fortran_order': 7, 'shape': (3,), }", "True or False"),
            ("{'descr': '<U0', 'fortran_order': False, 'shape': (3,), }", "1 to 4096 characters"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1), }", "4 (N, height"),
        ] {
            let (_, expected) = parse(header).unwrap_err();
            assert!(expected.contains(says), "{expected}");
        }
    }

    #[test]
    fn column_major_becomes_row_major() {
        assert_eq!(row_major(&[2, 3], &[1, 4, 2, 5, 3, 6]), [1, 2, 3, 4, 5, 6]);
        assert_eq!(row_major(&[2, 1, 2], &[1, 3, 2, 4]), [1, 2, 3, 4]);
    }

    #[test]
    fn headers_round_trip_and_are_aligned() {
        for dimensions in [&[3][..], &[50_000, 768], &[1, 28, 28]] {
            let bytes = header_of("<f4", dimensions);
            assert_eq!(bytes.len() % 64, 0);
            let mut content = Content::of(&bytes, Path::new("x")).unwrap();
            let (header, _) = header(&mut content).unwrap();
            assert_eq!(header.dimensions, dimensions.iter().map(|&n| n as u64).collect::<Vec<_>>());
        }
    }
}
