//! CIFAR-10's Python version: pickles of a dictionary with `data`, a NumPy array of (N, 3072) bytes, and `labels`, a list.
//!
//! A pickle is a program for a stack machine that can call any Python function. Here its values are read as data and
//! nothing is called: a call is kept as the name of the function and its arguments, and only the two that NumPy and
//! Python write for arrays and bytes are recognised.
//!
//! Source: Python's `pickletools`, and Alex Krizhevsky's page on CIFAR-10, "python version".

use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::cifar;
use super::content::Content;
use super::raw_subset::RawSubset;
use crate::{Error, Result};

/// The maximum number of bytes of a file; the published ones have 31 million.
const MOST_BYTES: u64 = 256 << 20;

/// The maximum number of values in a file; the published ones have about 20,000.
const MOST_VALUES: usize = 1 << 20;

/// The training files and the test file of a folder, if it has them.
pub(super) fn files(folder: &Path) -> Option<(Vec<PathBuf>, Option<PathBuf>)> {
    let there = |name: String| Some(folder.join(name)).filter(|path| path.is_file());
    let train: Vec<PathBuf> = (1..=5).filter_map(|n| there(format!("data_batch_{n}"))).collect();
    (!train.is_empty()).then(|| (train, there("test_batch".to_owned())))
}

/// Reads several files in order.
pub(super) fn read(name: String, paths: &[PathBuf]) -> Result<RawSubset> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for path in paths {
        let mut bytes = Vec::new();
        let mut content = Content::open(path)?.take(MOST_BYTES);
        content.read_to_end(&mut bytes).map_err(Error::file("read", path))?;
        let (planes, of_file) = batch(&bytes).ok_or_else(|| {
            let expected = "a pickled dictionary with `data`, an array of (N, 3072) bytes, and `labels`, as many \
                            integers from 0 to 9";
            let remedy = "Download CIFAR-10 again, best in its binary version.";
            Error::format(path, "no batch of CIFAR-10's Python version", expected, remedy)
        })?;
        cifar::push_pixels(&planes, &mut pixels);
        labels.extend(of_file);
    }
    Ok(cifar::subset(name, paths, pixels, labels))
}

/// The pixels and labels in a pickle, if it is a batch of CIFAR-10.
fn batch(bytes: &[u8]) -> Option<(Vec<u8>, Vec<u32>)> {
    let pickle = Pickle::parse(bytes)?;
    let top = *pickle.stack.last()?;
    let Value::List(labels) = pickle.value(pickle.entry(top, b"labels")?)? else { return None };
    let label = |&at: &usize| match pickle.value(at)? {
        Value::Int(label) => {
            u32::try_from(*label).ok().filter(|&label| (label as usize) < cifar::CLASSES.len())
        }
        _ => None,
    };
    let labels: Vec<u32> = labels.iter().map(label).collect::<Option<_>>()?;
    let planes = pickle.array(pickle.entry(top, b"data")?)?;
    (planes.len() == labels.len() * 3 * cifar::PIXELS).then_some((planes, labels))
}

/// A value in a pickle; others are named by their index.
enum Value {
    Other,
    Bool(bool),
    Int(i64),
    /// A string, as a part of the file.
    Text(Range<usize>),
    List(Vec<usize>),
    Tuple(Vec<usize>),
    Dict(Vec<(usize, usize)>),
    /// The name of a function or class.
    Global(Vec<u8>),
    /// A call that is not made, and the state that the result would be given.
    Call(usize, usize, Option<usize>),
}

/// The values of a pickle. None of them contains another, so that no file can nest them deeply.
struct Pickle<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<usize>,
    marks: Vec<usize>,
    memo: HashMap<usize, usize>,
}

impl<'a> Pickle<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (values, stack, marks, memo) = Default::default();
        let mut pickle = Pickle { bytes, at: 0, values, stack, marks, memo };
        while pickle.step()? {}
        Some(pickle)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.bytes.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(taken)
    }

    fn range(&mut self, length: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len())?;
        Some(std::mem::replace(&mut self.at, end)..end)
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let length = self.bytes.get(self.at..)?.iter().position(|&byte| byte == b'\n')?;
        let line = self.range(length)?;
        self.at += 1;
        Some(&self.bytes[line])
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    /// The values above the last mark.
    fn marked(&mut self) -> Option<Vec<usize>> {
        let mark = self.marks.pop()?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark))
    }

    fn tuple(&mut self, count: usize) -> Option<()> {
        let values = self.stack.split_off(self.stack.len().checked_sub(count)?);
        self.push(Value::Tuple(values));
        Some(())
    }

    fn remember(&mut self, key: usize) -> Option<()> {
        self.memo.insert(key, *self.stack.last()?);
        Some(())
    }

    fn recall(&mut self, key: usize) -> Option<()> {
        self.stack.push(*self.memo.get(&key)?);
        Some(())
    }

    fn extend_list(&mut self, values: Vec<usize>) -> Option<()> {
        let list = *self.stack.last()?;
        let Value::List(list) = &mut self.values[list] else { return None };
        list.extend(values);
        Some(())
    }

    fn extend_dict(&mut self, values: Vec<usize>) -> Option<()> {
        let dict = *self.stack.last()?;
        let Value::Dict(dict) = &mut self.values[dict] else { return None };
        dict.extend(values.as_chunks().0.iter().map(|&[key, value]| (key, value)));
        Some(())
    }

    /// A number of one byte.
    fn short(&mut self) -> Option<usize> {
        self.take().map(|[byte]| byte.into())
    }

    /// A number of four bytes.
    fn long(&mut self) -> Option<usize> {
        self.take().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    /// Reads one instruction, and whether there are more; `None` if it is not one of those that data needs.
    fn step(&mut self) -> Option<bool> {
        if self.values.len() > MOST_VALUES {
            return None;
        }
        let [instruction] = self.take()?;
        if instruction == b'.' {
            return Some(false);
        }
        let known = self.literal(instruction)? || self.container(instruction)? || self.object(instruction)?;
        known.then_some(true)
    }

    /// Carries out an instruction that pushes a literal; returns false if it is another.
    fn literal(&mut self, instruction: u8) -> Option<bool> {
        let value = match instruction {
            // The version, and the length of a frame.
            0x80 => return self.take::<1>().map(|_| true),
            0x95 => return self.take::<8>().map(|_| true),
            b'N' => Value::Other,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i32::from_le_bytes(self.take()?).into()),
            b'K' => Value::Int(self.short()? as i64),
            b'M' => Value::Int(u16::from_le_bytes(self.take()?).into()),
            b'U' | b'C' | 0x8c => {
                let length = self.short()?;
                Value::Text(self.range(length)?)
            }
            b'T' | b'B' | b'X' => {
                let length = self.long()?;
                Value::Text(self.range(length)?)
            }
            _ => return Some(false),
        };
        self.push(value);
        Some(true)
    }

    /// Carries out an instruction on lists, tuples and dictionaries; returns false if it is another.
    fn container(&mut self, instruction: u8) -> Option<bool> {
        match instruction {
            b'(' => self.marks.push(self.stack.len()),
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            b')' => self.push(Value::Tuple(Vec::new())),
            b't' => {
                let values = self.marked()?;
                self.push(Value::Tuple(values));
            }
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b'a' => {
                let value = self.stack.pop()?;
                self.extend_list(vec![value])?;
            }
            b'e' => {
                let values = self.marked()?;
                self.extend_list(values)?;
            }
            b's' => {
                let values = self.stack.split_off(self.stack.len().checked_sub(2)?);
                self.extend_dict(values)?;
            }
            b'u' => {
                let values = self.marked()?;
                self.extend_dict(values)?;
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// Carries out an instruction on functions and objects, or one that stores or recalls a value; returns false if it is
    /// another.
    fn object(&mut self, instruction: u8) -> Option<bool> {
        match instruction {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global([module, b".", name].concat()));
            }
            0x93 => {
                let (name, module) = (self.stack.pop()?, self.stack.pop()?);
                let name = [self.text(module)?, b".", self.text(name)?].concat();
                self.push(Value::Global(name));
            }
            b'R' => {
                let (arguments, function) = (self.stack.pop()?, self.stack.pop()?);
                self.push(Value::Call(function, arguments, None));
            }
            b'b' => {
                let state = self.stack.pop()?;
                let object = *self.stack.last()?;
                let Value::Call(_, _, of_object) = &mut self.values[object] else { return None };
                *of_object = Some(state);
            }
            b'q' => {
                let key = self.short()?;
                self.remember(key)?;
            }
            b'r' => {
                let key = self.long()?;
                self.remember(key)?;
            }
            0x94 => self.remember(self.memo.len())?,
            b'h' => {
                let key = self.short()?;
                self.recall(key)?;
            }
            b'j' => {
                let key = self.long()?;
                self.recall(key)?;
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn value(&self, at: usize) -> Option<&Value> {
        self.values.get(at)
    }

    fn text(&self, at: usize) -> Option<&'a [u8]> {
        match self.value(at)? {
            Value::Text(range) => self.bytes.get(range.clone()),
            _ => None,
        }
    }

    fn items<const N: usize>(&self, at: usize) -> Option<[usize; N]> {
        match self.value(at)? {
            Value::Tuple(items) => items[..].try_into().ok(),
            _ => None,
        }
    }

    /// The arguments and the state of a call of this function.
    fn call(&self, at: usize, of: &[&[u8]]) -> Option<(usize, Option<usize>)> {
        let Value::Call(function, arguments, state) = self.value(at)? else { return None };
        let Value::Global(name) = self.value(*function)? else { return None };
        of.contains(&&name[..]).then_some((*arguments, *state))
    }

    /// A string of bytes. Python 3 writes bytes as text to be encoded in Latin-1.
    fn string(&self, at: usize) -> Option<Vec<u8>> {
        if let Some(text) = self.text(at) {
            return Some(text.to_vec());
        }
        let (arguments, _) = self.call(at, &[b"_codecs.encode"])?;
        let [text, encoding] = self.items(arguments)?;
        if self.text(encoding)? != b"latin1" {
            return None;
        }
        let text = std::str::from_utf8(self.text(text)?).ok()?;
        text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
    }

    fn entry(&self, dict: usize, key: &[u8]) -> Option<usize> {
        let Value::Dict(entries) = self.value(dict)? else { return None };
        entries
            .iter()
            .find(|(name, _)| self.string(*name).is_some_and(|name| name == key))
            .map(|entry| entry.1)
    }

    /// The bytes of a NumPy array of (N, 3072) bytes, row by row.
    fn array(&self, at: usize) -> Option<Vec<u8>> {
        let functions: [&[u8]; 2] =
            [b"numpy.core.multiarray._reconstruct", b"numpy._core.multiarray._reconstruct"];
        let (_, state) = self.call(at, &functions)?;
        let [_version, shape, kind, fortran, bytes] = self.items(state?)?;
        let [_count, width] = self.items(shape)?;
        let (kind, _) = self.call(kind, &[b"numpy.dtype"])?;
        let Value::Tuple(kind) = self.value(kind)? else { return None };
        let is_bytes = self.string(*kind.first()?)? == b"u1";
        let is_width = matches!(self.value(width)?, Value::Int(width) if *width == 3 * cifar::PIXELS as i64);
        let is_row_major = matches!(self.value(fortran)?, Value::Bool(false) | Value::Int(0));
        if is_bytes && is_width && is_row_major { self.string(bytes) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch of two images as Python 2 wrote the published files, with this name of the function that makes arrays.
    fn pickle(function: &str) -> Vec<u8> {
        let mut bytes = b"\x80\x02}q\x01(U\x04dataq\x02c".to_vec();
        bytes.extend(function.as_bytes());
        bytes.extend(b"\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02M\x00\x0c\x86");
        bytes.extend(
            b"cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff",
        );
        bytes.extend(b"\xffK\x00tb\x89T\x00\x18\x00\x00");
        bytes.extend((0..6144).map(|i| (i % 251) as u8));
        bytes.extend(b"tbU\x06labelsq\x08]q\x09(K\x07K\x02eu.");
        bytes
    }

    #[test]
    fn a_batch_is_read_without_calling_anything() {
        let whole = pickle("numpy.core.multiarray\n_reconstruct");
        let (planes, labels) = batch(&whole).unwrap();
        assert_eq!((planes.len(), planes[6143], labels), (6144, (6143 % 251) as u8, vec![7, 2]));
        assert!(batch(&pickle("os\nsystem")).is_none());
        for length in 0..whole.len() {
            assert!(batch(&whole[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn programs_of_no_use_are_rejected() {
        for bytes in
            [&b""[..], b".", b"u.", b"e.", b"t.", b"R.", b"h\x07.", b"(u.", b"]s.", b"b.", b"\x93.", b"i"]
        {
            assert!(batch(bytes).is_none(), "{bytes:?}");
        }
        // A list that contains itself.
        assert!(batch(b"]q\x00h\x00a.").is_none());
    }
}
