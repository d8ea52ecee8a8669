//! NPZ: NumPy arrays in a ZIP archive, as Keras, MedMNIST and `numpy.savez` write them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;

use super::Classes;
use super::content::{AGAIN, Content};
use super::npy::{self, Mode};
use super::raw_subset::{Features, Labels, RawSubset};
use crate::{Error, Result};

/// The names of the features and labels of a training set, of additional training data, and of a test set.
const KEYS: [Keys; 8] = [
    // Keras.
    Keys { train: ("x_train", "y_train"), more: None, test: Some(("x_test", "y_test")) },
    // MedMNIST.
    Keys {
        train: ("train_images", "train_labels"),
        more: Some(("val_images", "val_labels")),
        test: Some(("test_images", "test_labels")),
    },
    Keys { train: ("X_train", "y_train"), more: None, test: Some(("X_test", "y_test")) },
    Keys {
        train: ("train_features", "train_labels"),
        more: None,
        test: Some(("test_features", "test_labels")),
    },
    Keys { train: ("X", "y"), more: None, test: None },
    Keys { train: ("x", "y"), more: None, test: None },
    Keys { train: ("features", "labels"), more: None, test: None },
    Keys { train: ("embeddings", "labels"), more: None, test: None },
];

struct Keys {
    train: (&'static str, &'static str),
    more: Option<(&'static str, &'static str)>,
    test: Option<(&'static str, &'static str)>,
}

type Archive = ZipArchive<BufReader<File>>;

/// The training set, and the test set and class names if there are any.
pub(super) fn read(name: &str, path: &Path) -> Result<(RawSubset, Option<RawSubset>, Option<Classes>)> {
    let file = File::open(path).map_err(Error::file("open", path))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(path, &error))?;
    let names: Vec<String> = (0..archive.len())
        .filter_map(|i| archive.name_for_index(i)?.ok().map(|name| name.into_owned()))
        .filter_map(|name| name.strip_suffix(".npy").map(str::to_owned))
        .collect();
    let has = |(x, y): (&str, &str)| names.iter().any(|n| n == x) && names.iter().any(|n| n == y);
    let Some(keys) = KEYS.iter().find(|keys| has(keys.train)) else {
        let found = match names.len() {
            0 => "an archive without arrays".to_owned(),
            _ => format!("the arrays {}", super::raw_subset::some_of(&names)),
        };
        let known: Vec<String> =
            KEYS.iter().map(|keys| format!("{} and {}", keys.train.0, keys.train.1)).collect();
        let remedy =
            "Save the arrays under one of these pairs of names: numpy.savez(file, x_train=…, y_train=…).";
        return Err(Error::format(path, found, known.join(", "), remedy));
    };
    let mut subset = |what: &str, (x, y)| {
        let features = array(&mut archive, path, x, Mode::Features)?.features(&inside(path, x))?;
        let labels = array(&mut archive, path, y, Mode::Labels)?.labels(&inside(path, y))?;
        let (path, labels_path) = (inside(path, x), inside(path, y));
        let subset = RawSubset { name: format!("{name} {what}"), path, labels_path, features, labels };
        subset.check()?;
        Ok(subset)
    };
    let mut train = subset("train", keys.train)?;
    if let Some(keys) = keys.more
        && has(keys)
    {
        append(&mut train, subset("validation", keys)?)?;
    }
    let test = match keys.test {
        Some(keys) if has(keys) => Some(subset("test", keys)?),
        _ => None,
    };
    let classes = match names.iter().any(|name| name == "classes") {
        true => {
            let array = array(&mut archive, path, "classes", Mode::Labels)?;
            match array.elements {
                npy::Elements::Names(names) => Some(Classes::from(names)),
                _ => None,
            }
        }
        false => None,
    };
    Ok((train, test, classes))
}

/// The path that errors use for an array of the archive.
fn inside(path: &Path, name: &str) -> std::path::PathBuf {
    path.join(format!("{name}.npy"))
}

fn array(archive: &mut Archive, path: &Path, name: &str, purpose: Mode) -> Result<npy::Array> {
    let path_inside = inside(path, name);
    let entry = archive.by_name(&format!("{name}.npy")).map_err(|error| broken(path, &error))?;
    // The sizes that the archive claims are not trusted; the array's own header is checked against the actual data.
    let compressed = entry.compressed_size();
    let content = Content::unpacked(Box::new(entry), compressed, None, &path_inside)?;
    npy::read(content, purpose)
}

fn broken(path: &Path, error: &zip::result::ZipError) -> Error {
    let found = format!("an archive that cannot be read ({error})");
    Error::format(path, found, "a whole NPZ file, which is a ZIP archive of arrays", AGAIN)
}

/// Appends examples, which must be of the same kind.
fn append(train: &mut RawSubset, more: RawSubset) -> Result<()> {
    let expected = format!("the same kind and shape as {}", train.path.display());
    let remedy = "Make the archive again, with all parts prepared alike.";
    match (&mut train.features, more.features) {
        (Features::Pixels(shape, pixels), Features::Pixels(other, more)) if *shape == other => {
            pixels.extend(more)
        }
        (Features::Bytes(width, values), Features::Bytes(other, more)) if *width == other => {
            values.extend(more)
        }
        (Features::Numbers(width, values), Features::Numbers(other, more)) if *width == other => {
            values.extend(more);
        }
        (Features::Doubles(width, values), Features::Doubles(other, more)) if *width == other => {
            values.extend(more);
        }
        _ => return Err(Error::format(&more.path, "other features", expected, remedy)),
    }
    match (&mut train.labels, more.labels) {
        (Labels::Numbers(labels), Labels::Numbers(more)) => labels.extend(more),
        (Labels::Names(names, labels), Labels::Names(other, more)) => {
            let mut interned = super::raw_subset::Interned::default();
            let mut all: Vec<u32> = labels.iter().map(|&l| interned.index(&names[l as usize])).collect();
            all.extend(more.iter().map(|&l| interned.index(&other[l as usize])));
            train.labels = interned.labels(all);
        }
        _ => return Err(Error::format(&more.labels_path, "other labels", expected, remedy)),
    }
    Ok(())
}
