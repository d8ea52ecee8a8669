//! LIBSVM's text format: a label, and the non-zero features, each with its index.
//!
//! ```text
//! +1 3:0.5 17:1 # a comment
//! -1 1:0.25
//! ```
//!
//! Indices count from 1, or from 0 if a file contains an index 0. Source: the README of LIBSVM (Chih-Chung Chang and
//! Chih-Jen Lin).

use std::io::BufRead;

use super::content::{AGAIN, Content};
use super::raw_subset::{Features, Interned, Labels, RawSubset, whole};
use crate::text::shortened;
use crate::{Error, Result};

/// The maximum number of dense values per value in the file; small sets may have more.
const MOST_EMPTY: usize = 1024;
const SMALL: usize = 1 << 24;

/// The maximum length of a line.
const LONGEST_LINE: u64 = 1 << 26;

/// The rows of a file before their width is known.
pub(super) struct Sparse {
    pub subset: RawSubset,
    /// (index, value) of all rows, concatenated.
    entries: Vec<(u32, f64)>,
    /// The end of each row within `entries`.
    ends: Vec<usize>,
    zero_based: bool,
}

/// Whether the first line that is not a comment is in this format.
pub(super) fn is_it(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start);
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let Some(text) = lines.find(|line| !line.trim().is_empty()) else { return false };
    let mut words = text.split_ascii_whitespace();
    let label = words.next().is_some_and(|word| !word.contains([':', ';']) && word.parse::<f64>().is_ok());
    let mut pairs = words.map(|word| {
        word.split_once(':').is_some_and(|(place, value)| {
            place == "qid" || (place.parse::<u64>().is_ok() && value.parse::<f64>().is_ok())
        })
    });
    label && pairs.next().unwrap_or(false) && pairs.next().unwrap_or(true)
}

/// Reads all rows.
pub(super) fn read(name: String, mut content: Content<'_>) -> Result<Sparse> {
    let path = content.path.clone();
    let refuse = |line: usize, found: String, expected: &str, remedy: &str| {
        Error::format(&path, format!("{found} in line {line}"), expected, remedy)
    };
    let (mut entries, mut ends) = (Vec::new(), Vec::new());
    let (mut names, mut labels) = (Interned::default(), Vec::new());
    let (mut zero_based, mut number) = (false, 0);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let mut some = std::io::Read::take(&mut content, LONGEST_LINE);
        if let Err(error) = some.read_until(b'\n', &mut bytes) {
            return Err(content.broken(error));
        }
        if bytes.is_empty() {
            break;
        }
        number += 1;
        if bytes.len() as u64 == LONGEST_LINE {
            let expected = format!("a line of fewer than {LONGEST_LINE} bytes");
            return Err(refuse(number, "no end".to_owned(), &expected, AGAIN));
        }
        let Ok(line) = std::str::from_utf8(&bytes) else {
            return Err(refuse(number, "bytes that are not text".to_owned(), "text", AGAIN));
        };
        let mut words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
        let Some(label) = words.next() else { continue };
        if label.parse::<f64>().is_err() {
            let expected = "a label that is one number";
            let remedy = "Multi-label data are not supported.";
            return Err(refuse(number, format!("“{}”", shortened(label)), expected, remedy));
        }
        labels.push(names.index(label.strip_prefix('+').unwrap_or(label)));
        let mut before = None;
        for (i, word) in words.enumerate() {
            let found = || format!("“{}” (entry {})", shortened(word), i + 1);
            let pair = word.split_once(':').and_then(|(place, value)| {
                Some((place.parse::<u32>().ok()?, value.parse::<f64>().ok().filter(|v| v.is_finite())?))
            });
            let Some((place, value)) = pair else {
                let remedy = "Write each number as place:value, and leave out qid and its like.";
                return Err(refuse(
                    number,
                    found(),
                    "a place from 0 to 4294967295, a colon and a finite number",
                    remedy,
                ));
            };
            if before.is_some_and(|before| place <= before) {
                let expected = "places that grow from left to right";
                return Err(refuse(
                    number,
                    found(),
                    expected,
                    "Sort the numbers of each line by their places.",
                ));
            }
            before = Some(place);
            zero_based |= place == 0;
            entries.push((place, value));
        }
        ends.push(entries.len());
    }
    let labels = names.labels(labels);
    if let Labels::Names(names, _) = &labels {
        let found =
            format!("the label {}", names.iter().find(|name| whole(name).is_none()).unwrap_or(&names[0]));
        let remedy = "Labels are class numbers; what is measured cannot be classified.";
        return Err(Error::format(&path, found, "whole numbers", remedy));
    }
    let features = Features::Bytes(0, Vec::new());
    let subset = RawSubset::new(name, path.clone(), path.clone(), features, labels);
    if ends.is_empty() {
        return Err(Error::format(&path, "no examples", "at least one", AGAIN));
    }
    Ok(Sparse { subset, entries, ends, zero_based })
}

impl Sparse {
    /// D, judging by this file only.
    pub fn width(&self, zero_based: bool) -> usize {
        let most = self.entries.iter().map(|&(place, _)| place as usize).max().unwrap_or(0);
        (most + usize::from(zero_based)).max(1)
    }

    /// Whether indices count from 0.
    pub fn is_zero_based(&self) -> bool {
        self.zero_based
    }

    /// The dense rows, (N, `width`).
    pub fn dense(self, width: usize, zero_based: bool) -> Result<RawSubset> {
        let Sparse { mut subset, entries, ends, .. } = self;
        let refuse = |found: String, expected: String, remedy: &str| {
            Error::format(&subset.path, found, expected, remedy)
        };
        let room = entries.len().saturating_mul(MOST_EMPTY).max(SMALL);
        let total = ends.len().checked_mul(width).filter(|&total| total <= room);
        let Some(total) = total else {
            let found =
                format!("{} examples of {width} features, {} of them not zero", ends.len(), entries.len());
            let remedy =
                "Sets as sparse as that need a program for sparse features; leave out rare ones first.";
            return Err(refuse(found, format!("at most {room} numbers with all zeros"), remedy));
        };
        let byte = |v: f64| v == f64::from(v as u8);
        let mut rows = ends.iter().scan(0, |from, &to| Some(std::mem::replace(from, to)..to));
        let mut fill = |put: &mut dyn FnMut(usize, f64)| {
            for (i, row) in rows.by_ref().enumerate() {
                for &(place, value) in &entries[row] {
                    put(i * width + place as usize - usize::from(!zero_based), value);
                }
            }
        };
        // The smallest type that represents all values exactly.
        subset.features = if entries.iter().all(|&(_, v)| byte(v)) {
            let mut values = vec![0; total];
            fill(&mut |at, value| values[at] = value as u8);
            Features::Bytes(width, values)
        } else if entries.iter().all(|&(_, v)| v == f64::from(v as f32)) {
            let mut values = vec![0.0; total];
            fill(&mut |at, value| values[at] = value as f32);
            Features::Numbers(width, values)
        } else {
            let mut values = vec![0.0; total];
            fill(&mut |at, value| values[at] = value);
            Features::Doubles(width, values)
        };
        Ok(subset)
    }
}
