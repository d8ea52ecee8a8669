//! [`Content`]: the bytes of one file, decompressed if necessary, checked against what its header claims.
//!
//! Files are not trusted: a header is checked against the actual bytes, and no memory is allocated based on its claims
//! alone. Whether a file is compressed is detected from its first bytes, not from its name.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use tercet_kernels::mmap::{Mapped, Plain};

use super::compression::Compression;
use crate::{Error, Result};

/// What to do about a truncated file.
pub(super) const AGAIN: &str = "The file is damaged or truncated: copy or download it again.";

/// How many bytes are inspected to detect a format.
const START: u64 = 4096;

/// From this many bytes on, numbers are memory-mapped. Smaller files are read, so that later changes to the file have
/// no effect.
const LARGE: u64 = 128 << 20;

/// How many bytes of numbers are decoded at a time.
const PIECE: usize = 1 << 16;

/// The content of one file, read sequentially.
pub(super) struct Content<'a> {
    from: BufReader<Box<dyn Read + 'a>>,
    start: Vec<u8>,
    /// The length of the content in bytes, if known.
    length: Option<u64>,
    /// An upper bound on the length of the content in bytes, if known.
    at_most: Option<u64>,
    /// The path used in error messages.
    pub path: PathBuf,
    /// Number of bytes read so far.
    read: u64,
    compression: Option<Compression>,
}

impl Content<'static> {
    /// The content of a file, decompressed if necessary.
    ///
    /// # Errors
    /// A file that cannot be opened or read.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::file("open", path))?;
        // Only a regular file has a length that can be known in advance.
        let length = file.metadata().ok().filter(|about| about.is_file()).map(|about| about.len());
        Self::sniff(Box::new(file), length, path)
    }
}

impl<'a> Content<'a> {
    /// The content of a file that is in memory.
    pub fn of(bytes: &'a [u8], path: &Path) -> Result<Self> {
        Self::sniff(Box::new(bytes), Some(bytes.len() as u64), path)
    }

    fn sniff(mut from: Box<dyn Read + 'a>, length: Option<u64>, path: &Path) -> Result<Self> {
        let mut start = Vec::new();
        from.by_ref().take(START).read_to_end(&mut start).map_err(Error::file("read", path))?;
        let compression = Compression::of(&start);
        let from = from_its_start(start.clone(), from);
        if let Some(compression) = compression {
            let from = compression.open(from, path)?;
            let at_most = compression.at_most(length.unwrap_or(u64::MAX));
            let unpacked = Self::unpacked_by(compression, from, at_most, None, path)?;
            // Servers that compress what they send sometimes compress what is already compressed.
            let Some(again) = Compression::of(&unpacked.start) else { return Ok(unpacked) };
            let at_most = again.at_most(unpacked.at_most.unwrap_or(u64::MAX));
            return Self::unpacked_by(again, again.open(unpacked.from, path)?, at_most, None, path);
        }
        let path = path.to_owned();
        Ok(Content { from, start, length, at_most: length, path, read: 0, compression: None })
    }

    /// The entry of an archive, from which it is decompressed.
    #[cfg(feature = "zip")]
    pub fn of_entry(from: Box<dyn Read + 'a>, compressed: u64, path: &Path) -> Result<Self> {
        let at_most = Compression::Zip.at_most(compressed);
        let content = Self::unpacked_by(Compression::Zip, from, at_most, None, path)?;
        // A compressed file may be in the archive.
        let Some(inner) = Compression::of(&content.start) else { return Ok(content) };
        let at_most = inner.at_most(at_most);
        Self::unpacked_by(inner, inner.open(content.from, path)?, at_most, None, path)
    }

    /// Text that was made of what the file at this path contains.
    #[cfg_attr(not(feature = "csv"), allow(dead_code, reason = "only tables are decoded"))]
    pub fn of_text(text: String, path: &Path) -> Result<Self> {
        let length = text.len() as u64;
        let text = Box::new(Cursor::new(text.into_bytes()));
        Self::unpacked_by(Compression::Zip, text, length, Some(length), path)
    }

    /// The output of a decompressor. More than `at_most` bytes are an error when they are read.
    fn unpacked_by(
        compression: Compression,
        mut from: Box<dyn Read + 'a>,
        at_most: u64,
        length: Option<u64>,
        path: &Path,
    ) -> Result<Self> {
        let mut start = Vec::new();
        let read = from.by_ref().take(START).read_to_end(&mut start);
        let (at_most, compression) = (Some(at_most), Some(compression));
        let from = from_its_start(start.clone(), from);
        let content = Content { from, start, length, at_most, path: path.to_owned(), read: 0, compression };
        match read {
            Ok(_) => Ok(content),
            Err(error) => Err(content.broken(error)),
        }
    }

    /// The first bytes of the content, for detecting its format.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// Whether the file itself is empty.
    pub fn is_empty_file(&self) -> bool {
        self.compression.is_none() && self.start.is_empty()
    }

    /// The length of the content in bytes, if it is known without reading.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next N bytes of a header.
    pub fn head<const N: usize>(&mut self, expected: &str) -> Result<[u8; N]> {
        let bytes = self.header(N, expected)?;
        Ok(bytes.try_into().expect("as many bytes as were asked for"))
    }

    /// The next bytes of a header.
    pub fn header(&mut self, count: usize, expected: &str) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Err(error) = (&mut self.from).take(count as u64).read_to_end(&mut bytes) {
            return Err(self.broken(error));
        }
        self.read += bytes.len() as u64;
        if bytes.len() < count {
            return Err(self.refuse(format!("{} bytes", self.read), expected, AGAIN));
        }
        Ok(bytes)
    }

    /// The size of an array with these dimensions, checked against everything known before reading.
    pub fn claim(&self, dimensions: &[u64], element: usize) -> Result<Claim> {
        let times = match dimensions {
            [] => "1".to_owned(),
            _ => dimensions.iter().map(u64::to_string).collect::<Vec<_>>().join(" × "),
        };
        let bytes = dimensions.iter().try_fold(element as u64, |n, &d| n.checked_mul(d));
        let total = bytes.and_then(|bytes| bytes.checked_add(self.read));
        let (Some(bytes), Some(total)) = (bytes, total) else {
            let found = format!("a header that claims {times} elements");
            return Err(self.refuse(found, "an array of fewer than 2⁶⁴ bytes", AGAIN));
        };
        let expected =
            format!("{total} bytes: a header of {} and {times} elements of {element} each", self.read);
        let claim = Claim { bytes, total, expected };
        // If the length is known to be wrong, the file is rejected before anything is read or allocated.
        if let Some(length) = self.length
            && length != total
        {
            return Err(self.wrong_length(length < total, format!("{length} bytes"), &claim));
        }
        if self.at_most.is_some_and(|most| total > most) {
            let found = format!("{} data too short to hold that much", self.packed());
            return Err(self.wrong_length(true, found, &claim));
        }
        Ok(claim)
    }

    /// Memory-maps the claimed numbers, if the file is large and stores them in their in-memory representation.
    pub fn mapped<T: Plain>(&self, claim: &Claim) -> Option<Mapped<T>> {
        // Only an uncompressed regular file has a known length.
        if self.compression.is_some() || self.length != Some(claim.total) || claim.bytes < LARGE {
            return None;
        }
        let count = usize::try_from(claim.bytes).ok()? / size_of::<T>();
        // If mapping fails, the numbers are read.
        Mapped::open(&File::open(&self.path).ok()?, self.read, count).ok()
    }

    /// Reads exactly the claimed bytes; the content must end there.
    pub fn bytes(&mut self, claim: &Claim) -> Result<Vec<u8>> {
        let mut bytes: Vec<u8> = Vec::new();
        self.reserve(&mut bytes, claim.bytes)?;
        // The buffer grows with the actual data. One byte more than expected is enough to detect excess data: a gzip
        // bomb is not decompressed any further.
        if let Err(error) = (&mut self.from).take(claim.bytes.saturating_add(1)).read_to_end(&mut bytes) {
            return Err(self.broken(error));
        }
        self.whole(bytes.len() as u64, claim)?;
        Ok(bytes)
    }

    /// Reads exactly the claimed numbers; the content must end there.
    pub fn numbers<const SIZE: usize, T>(
        &mut self,
        claim: &Claim,
        decode: impl Fn([u8; SIZE]) -> T,
    ) -> Result<Vec<T>> {
        let mut numbers: Vec<T> = Vec::new();
        self.reserve(&mut numbers, claim.bytes / SIZE as u64)?;
        let mut piece = Vec::with_capacity(PIECE);
        let mut found = 0;
        loop {
            piece.clear();
            let left = claim.bytes.saturating_add(1) - found;
            let some = left.min((PIECE / SIZE * SIZE) as u64);
            if let Err(error) = (&mut self.from).take(some).read_to_end(&mut piece) {
                return Err(self.broken(error));
            }
            found += piece.len() as u64;
            numbers.extend(piece.as_chunks().0.iter().map(|&element| decode(element)));
            if (piece.len() as u64) < some || left == some {
                break;
            }
        }
        self.whole(found, claim)?;
        Ok(numbers)
    }

    /// Reserves memory if the length of the file is known, which means that the claim is true.
    fn reserve<T>(&self, place: &mut Vec<T>, count: u64) -> Result<()> {
        let exact = usize::try_from(count).unwrap_or(usize::MAX);
        if self.length.is_some() && self.compression.is_none() && place.try_reserve_exact(exact).is_err() {
            let remedy = "Use a machine with more memory, or a part of the data.";
            return Err(self.refuse(format!("{count} elements"), "as many as memory holds", remedy));
        }
        Ok(())
    }

    fn whole(&self, found: u64, claim: &Claim) -> Result<()> {
        if found < claim.bytes {
            return Err(self.wrong_length(true, format!("{} bytes", self.read + found), claim));
        }
        if found > claim.bytes {
            return Err(self.wrong_length(false, format!("more than {} bytes", claim.total), claim));
        }
        Ok(())
    }

    fn wrong_length(&self, short: bool, found: String, claim: &Claim) -> Error {
        let remedy = if short { AGAIN } else { "The file is too long: copy or download it again." };
        self.refuse(found, &claim.expected, remedy)
    }

    /// An error about this file.
    pub fn refuse(&self, found: impl ToString, expected: impl ToString, remedy: &str) -> Error {
        Error::format(&self.path, found, expected, remedy)
    }

    fn packed(&self) -> &'static str {
        self.compression.map_or("compressed", Compression::packed)
    }

    /// The error for a failed read: corrupt compressed data, or the file system.
    pub fn broken(&self, error: std::io::Error) -> Error {
        let packed = self.packed();
        match error.kind() {
            ErrorKind::UnexpectedEof => {
                self.refuse(format!("{packed} data that ends early"), "all of it", AGAIN)
            }
            ErrorKind::InvalidData | ErrorKind::InvalidInput => {
                let found = format!("{packed} data that is damaged ({error})");
                self.refuse(found, format!("whole {packed} data and nothing after it"), AGAIN)
            }
            _ => Error::file("read", &self.path)(error),
        }
    }
}

/// A reader from the start of a file of which some bytes were already read.
fn from_its_start<'a>(start: Vec<u8>, rest: Box<dyn Read + 'a>) -> BufReader<Box<dyn Read + 'a>> {
    BufReader::with_capacity(PIECE, Box::new(Cursor::new(start).chain(rest)))
}

/// As a byte stream, for text formats.
impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.from.read(buffer)
    }
}

impl BufRead for Content<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.from.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.from.consume(amount);
    }
}

/// The size of an array according to its header.
pub(super) struct Claim {
    bytes: u64,
    total: u64,
    expected: String,
}

/// Bytes in the form in which errors show them.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
