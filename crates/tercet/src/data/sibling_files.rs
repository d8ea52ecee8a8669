//! Finds the files that belong together by the words in their names: features and labels, training and test set.

use std::fs;
use std::path::{Path, PathBuf};

const FEATURES: [&str; 9] =
    ["features", "feature", "embeddings", "embedding", "feats", "images", "data", "inputs", "x"];
pub(super) const LABELS: [&str; 5] = ["labels", "label", "targets", "target", "y"];
pub(super) const TRAIN: [&str; 2] = ["train", "training"];
pub(super) const TEST: [&str; 3] = ["test", "testing", "t10k"];
pub(super) const VALIDATION: [&str; 4] = ["val", "valid", "validation", "dev"];

/// The extensions of data files.
const ENDINGS: [&str; 12] =
    ["npz", "npy", "csv", "tsv", "xlsx", "arff", "jsonl", "ndjson", "parquet", "libsvm", "svm", "svmlight"];

/// The extensions of compressed files.
const COMPRESSED: [&str; 4] = [".gz", ".bz2", ".xz", ".zip"];

/// The name of a file without the extension of its compression.
fn plain_name(name: &str) -> &str {
    COMPRESSED.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// The name of a file.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The name of a file without its extensions.
pub(super) fn stem(path: &Path) -> String {
    let name = file_name(path);
    let name = plain_name(&name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

/// The words in a name, in lower case, with their start and end.
fn words(name: &str) -> Vec<(usize, usize, String)> {
    let mut words = Vec::new();
    let mut start = None;
    for (at, c) in name.char_indices().chain([(name.len(), ' ')]) {
        match (c.is_ascii_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push((from, at, name[from..at].to_lowercase()));
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Whether a name has one of these words.
pub(super) fn has(name: &str, wanted: &[&str]) -> bool {
    words(name).iter().any(|(_, _, word)| wanted.contains(&word.as_str()))
}

/// The name with one of the words `from` replaced by `to`, if it has one.
fn name_with(path: &Path, from: &[&str], to: &str) -> Option<PathBuf> {
    let name = file_name(path);
    let (start, end, _) = words(&name).into_iter().find(|(_, _, word)| from.contains(&word.as_str()))?;
    Some(path.with_file_name(format!("{}{to}{}", &name[..start], &name[end..])))
}

/// The file to write the labels of a feature file to, if it can be derived from the name.
pub(super) fn labels_to_write(path: &Path) -> Option<PathBuf> {
    name_with(path, &FEATURES, if has(&file_name(path), &["x"]) { "y" } else { "labels" })
}

/// The file to write the test set of a training file to, if it can be derived from the name.
pub(super) fn test_to_write(path: &Path) -> Option<PathBuf> {
    name_with(path, &TRAIN, "test")
}

/// The file to write the validation set of a training file to, if it can be derived from the name.
pub(super) fn validation_to_write(path: &Path) -> Option<PathBuf> {
    name_with(path, &TRAIN, "val")
}

/// The existing file next to this one whose name has one of the words `to` instead of one of the words `from`.
fn replaced(path: &Path, from: &[&str], to: &[&str]) -> Option<PathBuf> {
    let name = file_name(path);
    for (start, end, word) in words(&name) {
        if !from.contains(&word.as_str()) {
            continue;
        }
        let other =
            to.iter().map(|to| path.with_file_name(format!("{}{to}{}", &name[..start], &name[end..])));
        if let Some(other) = other.into_iter().find(|other| other.is_file()) {
            return Some(other);
        }
    }
    None
}

/// The file of the labels that belong to a file of features.
pub(super) fn labels_of(path: &Path) -> Option<PathBuf> {
    if let Some(labels) = replaced(path, &FEATURES, &LABELS) {
        return Some(labels);
    }
    // The names of IDX files contain the number of dimensions.
    let name = file_name(path);
    let other =
        path.with_file_name(name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1"));
    (other != path && other.is_file()).then_some(other)
}

/// The file of the test set that belongs to a training set.
pub(super) fn test_of(path: &Path) -> Option<PathBuf> {
    replaced(path, &TRAIN, &TEST)
}

/// The file of the validation set that belongs to a training set.
pub(super) fn validation_of(path: &Path) -> Option<PathBuf> {
    replaced(path, &TRAIN, &VALIDATION)
}

/// The test set in LIBSVM's collection: the name of the training set and `.t`.
pub(super) fn with_t(path: &Path) -> Option<PathBuf> {
    let other = path.with_file_name(format!("{}.t", file_name(path)));
    other.is_file().then_some(other)
}

/// All Parquet files of the part with one of these words that belongs to a training set.
#[cfg(feature = "parquet")]
pub(super) fn shards(path: &Path, words: &[&str]) -> Vec<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !has(&file_name(path), &TRAIN) {
        return Vec::new();
    }
    let mut files = files(folder);
    files.retain(|path| path.extension().is_some_and(|e| e == "parquet") && has(&file_name(path), words));
    files
}

/// Whether a file is called like a ZIP archive.
pub(super) fn is_zip(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"))
}

/// The files of a folder that are not hidden, in order.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.is_file() && !file_name(path).starts_with('.')).collect();
    files.sort();
    files
}

/// The data files of a folder that could be a training set.
pub(super) fn training_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = files(folder);
    files.retain(|path| {
        let name = file_name(path).to_lowercase();
        let ending = plain_name(&name).rsplit_once('.').map_or("", |(_, ending)| ending);
        let labels = ending == "npy" && has(&name, &LABELS) && !has(&name, &FEATURES);
        ENDINGS.contains(&ending) && !labels && !has(&name, &TEST) && !has(&name, &VALIDATION)
    });
    if files.iter().any(|path| has(&file_name(path), &TRAIN)) {
        files.retain(|path| has(&file_name(path), &TRAIN));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_belong_together_are_found_by_words() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in [
            "X_train.npy",
            "y_train.npy",
            "X_test.npy",
            "y_test.npy",
            "embeddings.npy",
            "labels.npy",
            "mnist_train.csv.gz",
            "mnist_test.csv.gz",
            "a1a",
            "a1a.t",
        ] {
            fs::write(at(name), "").unwrap();
        }
        assert_eq!(labels_of(&at("X_train.npy")), Some(at("y_train.npy")));
        assert_eq!(test_of(&at("X_train.npy")), Some(at("X_test.npy")));
        assert_eq!(labels_of(&at("embeddings.npy")), Some(at("labels.npy")));
        assert_eq!(test_of(&at("embeddings.npy")), None);
        assert_eq!(test_of(&at("mnist_train.csv.gz")), Some(at("mnist_test.csv.gz")));
        assert_eq!(with_t(&at("a1a")), Some(at("a1a.t")));
        // Only whole words count.
        fs::write(at("taylor.npy"), "").unwrap();
        assert_eq!(labels_of(&at("taxlor.npy")), None);
        assert_eq!(training_files(folder.path()), [at("X_train.npy"), at("mnist_train.csv.gz")]);
        assert_eq!((stem(&at("mnist_train.csv.gz")), stem(&at("a1a"))), ("mnist_train".into(), "a1a".into()));
    }
}
