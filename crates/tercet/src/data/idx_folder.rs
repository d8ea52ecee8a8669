//! A folder of IDX files: finds the files and checks that they fit together.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Classes;
use super::idx::{Idx, Values, read_idx};
use super::raw_subset::{Features, Labels, RawSubset};
use crate::image::ImageShape;
use crate::{Error, Result};

const TRAIN: &[&str] = &["train"];
const TEST: &[&str] = &["t10k", "test"];
const IMAGES: &[&str] = &["-images-idx3-ubyte", "-images.idx3-ubyte", "-images.idx"];
const LABELS: &[&str] = &["-labels-idx1-ubyte", "-labels.idx1-ubyte", "-labels.idx"];
const CLASSES: &[&str] = &["classes.txt", "labels.txt"];

/// The maximum length of a list of class names, in bytes.
const CLASSES_LIMIT: u64 = 1 << 20;

/// Whether a folder has IDX files with the known names.
pub(super) fn is_it(folder: &Path) -> bool {
    find(folder, TRAIN, IMAGES).is_some()
}

/// Reads the training set and the test set of a folder.
pub(super) fn read(name: &str, folder: &Path) -> Result<(RawSubset, Option<RawSubset>)> {
    let train = find(folder, TRAIN, IMAGES).ok_or_else(|| missing(folder, TRAIN, IMAGES))?;
    let test = find(folder, TEST, IMAGES);
    let (train, test) = rayon::join(
        || read_part(folder, format!("{name} train"), train, TRAIN),
        || test.map(|test| read_part(folder, format!("{name} test"), test, TEST)).transpose(),
    );
    Ok((train?, test?))
}

/// The class names given in the folder, if any.
pub(super) fn classes(folder: &Path) -> Result<Option<Classes>> {
    CLASSES
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists())
        .map(|path| read_classes(&path))
        .transpose()
}

/// The folder's own name, even if its path is `.` or `..`.
pub(super) fn name_of(folder: &Path) -> String {
    let real = folder.canonicalize();
    let name = real.as_deref().unwrap_or(folder).file_name();
    name.map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The possible names of a file, the preferred one first.
fn names(prefixes: &[&str], suffixes: &[&str]) -> Vec<String> {
    let plain =
        prefixes.iter().flat_map(|prefix| suffixes.iter().map(move |suffix| format!("{prefix}{suffix}")));
    plain.flat_map(|name| [format!("{name}.gz"), name].into_iter().rev()).collect()
}

fn find(folder: &Path, prefixes: &[&str], suffixes: &[&str]) -> Option<PathBuf> {
    names(prefixes, suffixes).iter().map(|name| folder.join(name)).find(|path| path.exists())
}

/// The possible names of the images of a training set.
pub(super) fn training_names() -> String {
    names(TRAIN, IMAGES).join(", ")
}

fn missing(folder: &Path, prefixes: &[&str], suffixes: &[&str]) -> Error {
    let names = names(prefixes, suffixes).join(", ");
    let remedy = "Put the files there, or name another folder; `--data mnist` needs no files.";
    Error::format(folder, "none of the expected files", format!("one of {names}"), remedy)
}

/// Reads the images at `path`, and their labels.
fn read_part(folder: &Path, name: String, path: PathBuf, prefixes: &[&str]) -> Result<RawSubset> {
    let labels_path = find(folder, prefixes, LABELS).ok_or_else(|| missing(folder, prefixes, LABELS))?;
    let labels = read_labels(&labels_path)?;
    let features = read_images(&path)?;
    let subset = RawSubset { name, path, labels_path, features, labels };
    subset.check()?;
    Ok(subset)
}

/// The features in an IDX file.
pub(super) fn read_images(path: &Path) -> Result<Features> {
    if let Some((dimensions, pixels)) = super::idx::mapped(path)? {
        let shape = match dimensions[1..] {
            [height, width] => Some(ImageShape::gray(width, height)),
            [height, width, channels] => Some(ImageShape { width, height, channels }),
            _ => None,
        };
        if let Some(shape) = shape {
            return Ok(Features::MappedPixels(shape, pixels));
        }
    }
    let images = read_idx(path)?;
    if images.dimensions.len() < 2 {
        let expected = "2 (N, features), 3 (N, height, width) or 4 (N, height, width, channels)";
        let remedy = "This looks like a file of labels: check the names of the files.";
        return Err(Error::format(path, "1 dimension", expected, remedy));
    }
    if images.dimensions.contains(&0) {
        let remedy = "The file holds no data: copy or make it again.";
        return Err(Error::format(
            path,
            format!("the dimensions {:?}", images.dimensions),
            "none of 0",
            remedy,
        ));
    }
    let Idx { dimensions, values } = images;
    let width = dimensions[1..].iter().product();
    Ok(match (values, &dimensions[1..]) {
        (Values::U8(pixels), &[height, width]) => Features::Pixels(ImageShape::gray(width, height), pixels),
        (Values::U8(pixels), &[height, width, channels]) => {
            Features::Pixels(ImageShape { width, height, channels }, pixels)
        }
        (Values::U8(bytes), _) => Features::Bytes(width, bytes),
        (Values::F32(values), _) => Features::Numbers(width, values),
    })
}

/// The labels in an IDX file.
pub(super) fn read_labels(path: &Path) -> Result<Labels> {
    let labels = read_idx(path)?;
    if labels.dimensions.len() != 1 {
        let remedy = "This looks like a file of images: check the names of the files.";
        let found = format!("{} dimensions", labels.dimensions.len());
        return Err(Error::format(path, found, "1, since a label is one number", remedy));
    }
    match labels.values {
        Values::U8(labels) => Ok(Labels::Indices(labels.into_iter().map(u32::from).collect())),
        Values::F32(_) => {
            let remedy = "Write the labels as class indices in bytes (element type 0x08).";
            Err(Error::format(path, "labels that are not bytes", "labels of type u8", remedy))
        }
    }
}

pub(super) fn read_classes(path: &Path) -> Result<Classes> {
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(Error::file("open", path))?;
    file.take(CLASSES_LIMIT + 1).read_to_end(&mut text).map_err(Error::file("read", path))?;
    let refuse = |found: String, expected: &str| {
        Err(Error::format(
            path,
            found,
            expected,
            "Write the names of the classes, one a line, class 0 first.",
        ))
    };
    if text.len() as u64 > CLASSES_LIMIT {
        return refuse("more than 1 MiB".to_owned(), "a short list of names");
    }
    let Ok(text) = String::from_utf8(text) else {
        return refuse("bytes that are not text".to_owned(), "text in UTF-8");
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let names: Vec<String> = text.trim_end().lines().map(|line| line.trim().to_owned()).collect();
    if names.is_empty() {
        return refuse("no names".to_owned(), "at least one");
    }
    for (line, name) in names.iter().enumerate() {
        if name.is_empty() {
            return refuse(format!("nothing in line {}", line + 1), "a name in each line");
        }
        if name.chars().any(char::is_control) {
            return refuse(format!("a control character in line {}", line + 1), "names that can be printed");
        }
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return refuse(format!("the name \"{}\" twice", twice[0]), "a different name for each class");
    }
    Ok(Classes::from(names))
}
