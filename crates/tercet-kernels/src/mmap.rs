//! Memory-mapped files: numbers that are read from disk when they are accessed, and evicted when memory is short.
//!
//! A [`Mapped`] reads like a slice. The operating system loads its pages when they are touched and evicts them as
//! needed, so a file may be larger than memory. Only data with the layout of an array on a little-endian machine can be
//! mapped: bytes, and f32 that begin at a multiple of four bytes.
//!
//! The mapping is the file itself, not a copy. If the file is modified meanwhile, the numbers change, and if it is
//! truncated, the system terminates the process. If that is not acceptable, the file must be read instead.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::marker::PhantomData;

/// Numbers for which every bit pattern is valid.
pub trait Plain: Copy + Send + Sync + 'static + sealed::Sealed {}

impl Plain for u8 {}
impl Plain for f32 {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for f32 {}
}

/// Numbers in a file. They dereference to a slice.
#[derive(Debug)]
pub struct Mapped<T: Plain> {
    map: memmap2::Mmap,
    count: usize,
    numbers: PhantomData<T>,
}

impl<T: Plain> Mapped<T> {
    /// Maps `count` little-endian numbers, beginning at byte `from` of a file.
    ///
    /// ```
    /// use std::io::Write;
    /// use tercet_kernels::mmap::Mapped;
    ///
    /// let mut file = tempfile::tempfile()?;
    /// file.write_all(b"head")?;
    /// file.write_all(&1.5f32.to_le_bytes())?;
    /// assert_eq!(*Mapped::<f32>::open(&file, 4, 1)?, [1.5]);
    /// assert!(Mapped::<f32>::open(&file, 4, 2).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `count` is 0, the file does not hold that many numbers, they are not aligned, the machine is big-endian, or
    /// the system reports an error.
    pub fn open(file: &File, from: u64, count: usize) -> Result<Self> {
        let reject = |why: &str| Err(Error::new(ErrorKind::InvalidInput, why.to_owned()));
        let bytes = count.checked_mul(size_of::<T>());
        let end = bytes.and_then(|bytes| from.checked_add(bytes as u64));
        let (Some(bytes), Some(end)) = (bytes.filter(|&bytes| bytes > 0), end) else {
            return reject("the count is 0 or too large");
        };
        if end > file.metadata()?.len() {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the file is too short for that many numbers"));
        }
        if cfg!(target_endian = "big") {
            return reject("mapping requires a little-endian machine");
        }
        // SAFETY: The map is only read, as bytes or as f32, for which every bit pattern is valid; it was just checked
        // that the file has `bytes` bytes. Rust cannot see what other processes do to the file: if one writes to it,
        // numbers change between two reads, and no code that gets the slice relies on their being constant (no index
        // and no length is computed from a feature); if one truncates it, the system ends this process with a signal
        // before anything is read. Both are in the module's documentation, and there is no alternative for files that
        // are larger than memory.
        let map = unsafe { memmap2::MmapOptions::new().offset(from).len(bytes).map(file)? };
        if !map.as_ptr().cast::<T>().is_aligned() {
            return reject("the numbers are not aligned to their size");
        }
        Ok(Mapped { map, count, numbers: PhantomData })
    }
}

impl<T: Plain> std::ops::Deref for Mapped<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: `open` has mapped `count` times the size of T in bytes, at an address that is aligned for T, and the
        // map lives as long as `self`. T is u8 or f32 (the trait is sealed), for which every bit pattern is valid.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast::<T>(), self.count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    #[cfg_attr(miri, ignore = "Miri maps no files")]
    fn numbers_are_read_from_their_offset_in_the_file() {
        let mut file = tempfile::tempfile().unwrap();
        let values: Vec<f32> = (0..5000).map(|i| i as f32 / 7.0).collect();
        file.write_all(&[9; 128]).unwrap();
        values.iter().for_each(|value| file.write_all(&value.to_le_bytes()).unwrap());
        assert_eq!(*Mapped::<f32>::open(&file, 128, 5000).unwrap(), values[..]);
        assert_eq!(*Mapped::<f32>::open(&file, 128 + 4 * 4999, 1).unwrap(), values[4999..]);
        assert_eq!(Mapped::<u8>::open(&file, 1, 127).unwrap()[..], [9; 127]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri maps no files")]
    fn what_cannot_be_mapped_is_rejected() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0; 100]).unwrap();
        let kind = |from, count| Mapped::<f32>::open(&file, from, count).unwrap_err().kind();
        assert_eq!(kind(0, 26), ErrorKind::UnexpectedEof);
        assert_eq!(kind(101, 1), ErrorKind::UnexpectedEof);
        assert_eq!(kind(0, 0), ErrorKind::InvalidInput);
        assert_eq!(kind(2, 3), ErrorKind::InvalidInput, "not aligned");
        assert_eq!(kind(0, usize::MAX), ErrorKind::InvalidInput);
        assert_eq!(kind(u64::MAX, 1), ErrorKind::InvalidInput);
    }
}
