//! A folder of IDX files: which files are in it, and whether they fit together.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::idx::{Idx, Values, read_idx};
use super::source::digits;
use super::{Collection, Dataset, ImageShape, SealedTest};
use crate::{Error, Result};

const TRAIN: &[&str] = &["train"];
const TEST: &[&str] = &["t10k", "test"];
const IMAGES: &[&str] = &["-images-idx3-ubyte", "-images.idx3-ubyte", "-images.idx"];
const LABELS: &[&str] = &["-labels-idx1-ubyte", "-labels.idx1-ubyte", "-labels.idx"];
const CLASSES: &[&str] = &["classes.txt", "labels.txt"];

/// No list of class names is longer than this.
const CLASSES_LIMIT: u64 = 1 << 20;

/// The images and labels of one of the two sets, read but not yet held against the classes.
struct Part {
    name: String,
    images_path: PathBuf,
    labels_path: PathBuf,
    images: Idx,
    labels: Vec<u8>,
}

/// What the examples of a part look like.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Pixels(ImageShape),
    Features(usize),
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shape::Pixels(shape) => write!(f, "images of {shape} pixels"),
            Shape::Features(width) => write!(f, "examples of {width} features"),
        }
    }
}

/// Reads a folder; `Source::open` says what may be in it.
pub(super) fn open(folder: &Path) -> Result<Collection> {
    let about = fs::metadata(folder).map_err(Error::file("open the data folder", folder))?;
    if !about.is_dir() {
        let remedy = "Name the folder that the file is in; its files are found by their names.";
        return Err(Error::format(folder, "a file", "a folder that holds IDX files", remedy));
    }
    let train = find(folder, TRAIN, IMAGES).ok_or_else(|| missing(folder, TRAIN, IMAGES))?;
    let test = find(folder, TEST, IMAGES);
    let name = name_of(folder);

    let (train, test) = rayon::join(
        || Part::read(folder, format!("{name} train"), train, TRAIN),
        || test.map(|test| Part::read(folder, format!("{name} test"), test, TEST)).transpose(),
    );
    let (train, test) = (train?, test?);

    if let Some(test) = &test
        && test.shape() != train.shape()
    {
        let remedy = "Training and test set must come from the same source, prepared alike.";
        let expected = format!("{}, as in {}", train.shape(), train.images_path.display());
        return Err(Error::format(&test.images_path, test.shape(), expected, remedy));
    }
    let classes = match CLASSES.iter().map(|name| folder.join(name)).find(|path| path.exists()) {
        Some(path) => read_classes(&path)?,
        // There is at least one label, since there is at least one image.
        None => digits(train.labels.iter().max().map_or(0, |&most| usize::from(most) + 1)),
    };
    let train = train.dataset(&classes)?;
    let test = test.map(|test| test.dataset(&classes)).transpose()?.map(SealedTest::new);
    Ok(Collection { name, train, test })
}

/// The folder's own name, also where it was written `.` or `..`.
fn name_of(folder: &Path) -> String {
    let real = folder.canonicalize();
    let name = real.as_deref().unwrap_or(folder).file_name();
    name.map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The names that a file may have, the preferred one first.
fn names(prefixes: &[&str], suffixes: &[&str]) -> Vec<String> {
    let plain =
        prefixes.iter().flat_map(|prefix| suffixes.iter().map(move |suffix| format!("{prefix}{suffix}")));
    plain.flat_map(|name| [format!("{name}.gz"), name].into_iter().rev()).collect()
}

fn find(folder: &Path, prefixes: &[&str], suffixes: &[&str]) -> Option<PathBuf> {
    names(prefixes, suffixes).iter().map(|name| folder.join(name)).find(|path| path.exists())
}

fn missing(folder: &Path, prefixes: &[&str], suffixes: &[&str]) -> Error {
    let names = names(prefixes, suffixes).join(", ");
    let remedy = "Put the files there, or name another folder; `--data mnist` needs no files.";
    Error::format(folder, "none of the files looked for", format!("one of {names}"), remedy)
}

impl Part {
    /// Reads the images at `images_path`, and the labels that belong to them.
    fn read(folder: &Path, name: String, images_path: PathBuf, prefixes: &[&str]) -> Result<Self> {
        let labels_path = find(folder, prefixes, LABELS).ok_or_else(|| missing(folder, prefixes, LABELS))?;
        let labels = read_labels(&labels_path)?;
        let images = read_images(&images_path)?;
        if images.dimensions[0] != labels.len() {
            let expected = format!("{}, one for each of {}", images.dimensions[0], images_path.display());
            let remedy = "The two files do not belong together, or one is damaged: copy both again.";
            return Err(Error::format(&labels_path, format!("{} labels", labels.len()), expected, remedy));
        }
        Ok(Part { name, images_path, labels_path, images, labels })
    }

    fn shape(&self) -> Shape {
        match (&self.images.values, &self.images.dimensions[1..]) {
            (Values::U8(_), &[height, width]) => Shape::Pixels(ImageShape::gray(width, height)),
            (Values::U8(_), &[height, width, channels]) => {
                Shape::Pixels(ImageShape { width, height, channels })
            }
            (_, features) => Shape::Features(features.iter().product()),
        }
    }

    fn dataset(self, classes: &[String]) -> Result<Dataset> {
        if let Some(at) = self.labels.iter().position(|&label| usize::from(label) >= classes.len()) {
            let found = format!("label {} (example {at})", self.labels[at]);
            let expected = format!("a class from 0 to {}", classes.len() - 1);
            let remedy = "The labels are damaged, or classes are missing: `classes.txt` in the same folder \
                          names them all, one a line.";
            return Err(Error::format(&self.labels_path, found, expected, remedy));
        }
        let shape = self.shape();
        let labels = self.labels.into_iter().map(u32::from).collect();
        let classes = classes.to_vec();
        let set = match (self.images.values, shape) {
            (Values::U8(pixels), Shape::Pixels(shape)) => {
                Dataset::from_pixels(self.name, shape, pixels, labels, classes)
            }
            (Values::U8(bytes), Shape::Features(width)) => {
                let values = bytes.into_iter().map(f32::from).collect();
                Dataset::from_features(self.name, width, values, labels, classes)
            }
            (Values::F32(values), Shape::Features(width)) => {
                Dataset::from_features(self.name, width, values, labels, classes)
            }
            (Values::F32(_), Shape::Pixels(_)) => unreachable!("`shape` calls only bytes pixels"),
        };
        // Say which file it was, where the data set itself finds fault with a value.
        set.map_err(|error| match error {
            Error::Mismatch { what, found, expected } => {
                let remedy = "Correct the value where the file was made.";
                Error::format(&self.images_path, format!("{found} at {what}"), expected, remedy)
            }
            other => other,
        })
    }
}

fn read_images(path: &Path) -> Result<Idx> {
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
    Ok(images)
}

fn read_labels(path: &Path) -> Result<Vec<u8>> {
    let labels = read_idx(path)?;
    if labels.dimensions.len() != 1 {
        let remedy = "This looks like a file of images: check the names of the files.";
        let found = format!("{} dimensions", labels.dimensions.len());
        return Err(Error::format(path, found, "1, since a label is one number", remedy));
    }
    match labels.values {
        Values::U8(labels) => Ok(labels),
        Values::F32(_) => {
            let remedy = "Write the labels as class indices in bytes (element type 0x08).";
            Err(Error::format(path, "labels that are no bytes", "labels of type u8", remedy))
        }
    }
}

fn read_classes(path: &Path) -> Result<Vec<String>> {
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
        return refuse("bytes that are no text".to_owned(), "text in UTF-8");
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
    Ok(names)
}
