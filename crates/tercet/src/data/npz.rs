//! NPZ: NumPy arrays in a ZIP archive, as Keras, MedMNIST and `numpy.savez` write them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;

use super::Classes;
use super::content::{AGAIN, Content};
use super::npy::{self, Mode};
use super::raw_subset::{Features, RawSubset};
use super::validation_set::append_validation;
use crate::{Error, Result};

/// The names of the features and labels of a training set, of a validation set, and of a test set.
const KEYS: [Keys; 8] = [
    // Keras.
    Keys::parts(("x_train", "y_train"), [("x_val", "y_val"), ("x_valid", "y_valid")], ("x_test", "y_test")),
    // MedMNIST.
    Keys::parts(
        ("train_images", "train_labels"),
        [("val_images", "val_labels"), ("valid_images", "valid_labels")],
        ("test_images", "test_labels"),
    ),
    Keys::parts(("X_train", "y_train"), [("X_val", "y_val"), ("X_valid", "y_valid")], ("X_test", "y_test")),
    Keys::parts(
        ("train_features", "train_labels"),
        [("val_features", "val_labels"), ("valid_features", "valid_labels")],
        ("test_features", "test_labels"),
    ),
    Keys::whole("X", "y"),
    Keys::whole("x", "y"),
    Keys::whole("features", "labels"),
    Keys::whole("embeddings", "labels"),
];

/// The names of an array of features and of their labels.
type Pair = (&'static str, &'static str);

struct Keys {
    train: Pair,
    validation: [Option<Pair>; 2],
    test: Option<Pair>,
}

impl Keys {
    const fn parts(train: Pair, [a, b]: [Pair; 2], test: Pair) -> Self {
        Keys { train, validation: [Some(a), Some(b)], test: Some(test) }
    }

    const fn whole(features: &'static str, labels: &'static str) -> Self {
        Keys { train: (features, labels), validation: [None, None], test: None }
    }
}

type Archive = ZipArchive<BufReader<File>>;

/// The training set, and the test set and class names if there are any.
pub(super) fn read(name: &str, path: &Path) -> Result<(RawSubset, Option<RawSubset>, Option<Classes>)> {
    let file = File::open(path).map_err(Error::file("open", path))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(path, &error))?;
    let files: Vec<String> = (0..archive.len())
        .filter_map(|i| archive.name_for_index(i)?.ok().map(|name| name.into_owned()))
        .collect();
    let names: Vec<String> =
        files.iter().filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect();
    let has = |(x, y): (&str, &str)| names.iter().any(|n| n == x) && names.iter().any(|n| n == y);
    let Some(keys) = KEYS.iter().find(|keys| has(keys.train)) else {
        if names.is_empty() {
            let expected = "an archive of arrays (NPZ), tables or pictures";
            return Err(match super::foreign::of_zip(&files) {
                Some(foreign) => Error::format(path, foreign.found, expected, foreign.remedy),
                None => {
                    let found = format!("an archive of {}", super::raw_subset::some_of(&files));
                    Error::format(path, found, expected, "Unpack it and name the folder.")
                }
            });
        }
        let found = format!("the arrays {}", super::raw_subset::some_of(&names));
        let known: Vec<String> =
            KEYS.iter().map(|keys| format!("{} and {}", keys.train.0, keys.train.1)).collect();
        let remedy =
            "Save the arrays under one of these pairs of names: numpy.savez(file, x_train=…, y_train=…).";
        return Err(Error::format(path, found, known.join(", "), remedy));
    };
    let mut subset = |what: &str, (x, y)| {
        let features = array(&mut archive, path, x, Mode::Features)?;
        let labels = array(&mut archive, path, y, Mode::Labels)?.labels(&inside(path, y))?;
        if let [first, .., last] = features.dimensions[..]
            && first != labels.len()
            && last == labels.len()
        {
            let found = format!("the shape {:?}, with the {last} examples last", features.dimensions);
            let remedy = "Put the examples first, as in numpy.moveaxis(x, -1, 0); in Julia, permutedims(x, (3, 2, 1)).";
            return Err(Error::format(&inside(path, x), found, format!("({last}, …)"), remedy));
        }
        let features = features.features(&inside(path, x))?;
        let (path, labels_path) = (inside(path, x), inside(path, y));
        let subset = RawSubset::new(format!("{name} {what}"), path, labels_path, features, labels);
        subset.check()?;
        Ok(subset)
    };
    let mut train = subset("train", keys.train)?;
    if let Some(keys) = keys.validation.into_iter().flatten().find(|keys| has(*keys)) {
        append_validation(&mut train, subset("validation", keys)?)?;
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

/// The arrays of rows without labels, the preferred ones first.
const ROWS: [&str; 11] = [
    "x_test",
    "X_test",
    "test_images",
    "test_features",
    "X",
    "x",
    "features",
    "embeddings",
    "images",
    "data",
    "arr_0",
];

/// The rows of an archive, and which array they are.
pub(super) fn read_rows(path: &Path) -> Result<(Features, String)> {
    let file = File::open(path).map_err(Error::file("open", path))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| broken(path, &error))?;
    let names: Vec<String> =
        archive.file_names().filter_map(|name| Some(name.ok()?.strip_suffix(".npy")?.to_owned())).collect();
    let known = ROWS.into_iter().find(|wanted| names.iter().any(|name| name == wanted));
    let name = match (known, &names[..]) {
        (Some(name), _) => name,
        (None, [only]) => only,
        _ => {
            let found = format!("the arrays {}", super::raw_subset::some_of(&names));
            let remedy = "Save the rows under the name `x_test`, or alone with numpy.save.";
            return Err(Error::format(path, found, format!("one of {}", ROWS.join(", ")), remedy));
        }
    };
    let name = name.to_owned();
    let features = array(&mut archive, path, &name, Mode::Features)?.features(&inside(path, &name))?;
    Ok((features, format!("{}: the rows are those of the array {name}", path.display())))
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
    let content = Content::of_entry(Box::new(entry), compressed, &path_inside)?;
    npy::read(content, purpose)
}

fn broken(path: &Path, error: &zip::result::ZipError) -> Error {
    let found = format!("an archive that cannot be read ({error})");
    Error::format(path, found, "a whole NPZ file, which is a ZIP archive of arrays", AGAIN)
}
