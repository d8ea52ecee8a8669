//! A folder of IDX files: finds the files and checks that they fit together.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::array::{Numbers, image_shape};
use super::idx::{Idx, Values, read_idx};
use super::raw_subset::{Features, Labels, RawSubset};
use super::{Classes, LabelType};
use crate::image::ImageShape;
use crate::{Error, Result};

const TRAIN: &[&str] = &["train"];
const TEST: &[&str] = &["t10k", "test"];
const IMAGES: &[&str] = &["-images-idx3-ubyte", "-images.idx3-ubyte", "-images.idx"];
const LABELS: &[&str] = &["-labels-idx1-ubyte", "-labels.idx1-ubyte", "-labels.idx"];
/// QMNIST's labels.
const WIDE_LABELS: &str = "-labels-idx2-int";
/// Where torchvision puts the files, below the folder that its user names.
const BELOW: &[&str] = &["raw", "MNIST/raw", "FashionMNIST/raw", "KMNIST/raw", "EMNIST/raw", "QMNIST/raw"];
const CLASSES: &[&str] = &["classes.txt", "labels.txt"];

/// The maximum length of a list of class names, in bytes.
const CLASSES_LIMIT: u64 = 1 << 20;

/// Whether a folder has IDX files with the known names.
pub(super) fn is_it(folder: &Path) -> bool {
    candidates(folder).iter().any(|file| file.part == Part::Train && file.content == Kind::Images)
}

/// The folder that holds the IDX files: this one, or one below it where torchvision puts them.
///
/// # Errors
/// Several such folders.
pub(super) fn locate(folder: &Path) -> Result<Option<PathBuf>> {
    if is_it(folder) {
        return Ok(Some(folder.to_owned()));
    }
    let mut below: Vec<PathBuf> = BELOW.iter().map(|raw| folder.join(raw)).filter(|raw| is_it(raw)).collect();
    if below.len() > 1 {
        let names: Vec<String> = below.iter().map(|path| path.display().to_string()).collect();
        let found = format!("several data sets: {}", names.join(", "));
        return Err(Error::format(folder, found, "one", "Name one of these folders."));
    }
    Ok(below.pop())
}

/// Reads the training set, the test set, and the class names of a folder.
pub(super) fn read(name: &str, folder: &Path) -> Result<(RawSubset, Option<RawSubset>, Option<Classes>)> {
    let files = candidates(folder);
    let mut sets: Vec<&str> = files
        .iter()
        .filter(|file| file.part == Part::Train && file.content == Kind::Images)
        .map(|file| file.set.as_str())
        .collect();
    sets.sort_unstable();
    sets.dedup();
    let set = match sets[..] {
        // Files without a prefix come first.
        ["", ..] | [_] => sets[0],
        [] => return Err(missing(folder, TRAIN, IMAGES)),
        _ => {
            let found = format!("the training images of several data sets: {}", sets.join(", "));
            let remedy = "Move the files of one of them to a folder of their own and name that folder.";
            return Err(Error::format(folder, found, "those of one", remedy));
        }
    };
    let find = |part, content| {
        let files = files.iter().filter(|f| f.set == set && f.part == part && f.content == content);
        files.min_by_key(|file| file.rank).map(|file| file.path.clone())
    };
    let subset = |what: &str, part: Part, prefixes: &[&str]| {
        let Some(path) = find(part, Kind::Images) else { return Ok(None) };
        let labels_path = find(part, Kind::Labels).ok_or_else(|| missing(folder, prefixes, LABELS))?;
        let labels = read_labels(&labels_path)?;
        let features = read_images(&path)?;
        let subset = RawSubset::new(format!("{name} {what}"), path, labels_path, features, labels);
        subset.check()?;
        Ok(Some(subset))
    };
    let (train, test) =
        rayon::join(|| subset("train", Part::Train, TRAIN), || subset("test", Part::Test, TEST));
    let mut train = train?.ok_or_else(|| missing(folder, TRAIN, IMAGES))?;
    let mut test = test?;
    let classes = match classes(folder)? {
        None => emnist_classes(set),
        given => given,
    };
    // Labels that begin with 1 have no class 0.
    if classes.is_none() && train.labels.least_index().is_some_and(|least| least > 0) {
        train.labels = train.labels.numbers();
        test = test.map(|test| RawSubset { labels: test.labels.numbers(), ..test });
    }
    Ok((train, test, classes))
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Train,
    Test,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Images,
    Labels,
}

/// A file whose name says that it is one of the four.
struct Candidate {
    path: PathBuf,
    /// What comes before `train` or `test`: "emnist-letters", mostly nothing.
    set: String,
    part: Part,
    content: Kind,
    /// Among several files for the same purpose, the least is read.
    rank: (bool, bool, usize, bool),
}

/// The IDX files in a folder, by their names. Archives sometimes hold a folder with the name of the file, with the file
/// inside.
fn candidates(folder: &Path) -> Vec<Candidate> {
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    };
    let mut found = Vec::new();
    for path in entries(folder) {
        let Some(of_name) = candidate(&path, false) else { continue };
        if !path.is_dir() {
            found.push(of_name);
            continue;
        }
        let inside = entries(&path).into_iter().filter(|path| !path.is_dir());
        found.extend(inside.filter_map(|path| candidate(&path, true)).filter(|file| {
            file.set == of_name.set && file.part == of_name.part && file.content == of_name.content
        }));
    }
    found
}

/// What the name of a file says about it.
fn candidate(path: &Path, in_folder: bool) -> Option<Candidate> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let (name, copied) = without_copy_number(&name);
    let (name, gzipped) = name.strip_suffix(".gz").map_or((name.as_str(), false), |name| (name, true));
    let ends = |suffixes: &[&str]| {
        suffixes
            .iter()
            .enumerate()
            .find_map(|(rank, suffix)| Some((rank, name.strip_suffix(suffix)?.to_owned())))
    };
    let (content, (suffix, stem)) = match ends(IMAGES) {
        Some(of_images) => (Kind::Images, of_images),
        None => (Kind::Labels, ends(LABELS).or_else(|| ends(&[WIDE_LABELS]))?),
    };
    let of_part = |part, words: &[&str]| {
        let (rank, word) = words.iter().enumerate().find(|(_, word)| stem.ends_with(**word))?;
        let set = &stem[..stem.len() - word.len()];
        let set = if set.is_empty() { set } else { set.strip_suffix('-')? };
        Some((part, rank, set.to_owned()))
    };
    let (part, word, set) = of_part(Part::Train, TRAIN).or_else(|| of_part(Part::Test, TEST))?;
    let rank = (in_folder, copied, word * IMAGES.len() + suffix, gzipped);
    Some(Candidate { path: path.to_owned(), set, part, content, rank })
}

/// The name without the number that browsers add if a file is downloaded again: `labels (1).gz`, `labels(1).gz`.
fn without_copy_number(name: &str) -> (String, bool) {
    let number = |name: &str| {
        let (before, after) = name.rsplit_once('(')?;
        let (digits, after) = after.split_once(')')?;
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        (is_number && matches!(after, "" | ".gz")).then(|| format!("{}{after}", before.trim_end()))
    };
    match number(name) {
        Some(name) => (name, true),
        None => (name.to_owned(), false),
    }
}

/// The class names given in the folder, if any.
fn classes(folder: &Path) -> Result<Option<Classes>> {
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

/// The possible names of the images of a training set.
pub(super) fn training_names() -> String {
    names(TRAIN, IMAGES).join(", ")
}

fn missing(folder: &Path, prefixes: &[&str], suffixes: &[&str]) -> Error {
    let names = names(prefixes, suffixes).join(", ");
    let remedy = "Put the files there, or name another folder; `--data mnist` needs no files.";
    let found = none_of_them(&super::sibling_files::files(folder));
    Error::format(folder, found, format!("one of {names}"), remedy)
}

/// What a folder has instead of the files looked for.
pub(super) fn none_of_them(files: &[PathBuf]) -> String {
    let names: Vec<String> = files.iter().map(|path| super::sibling_files::file_name(path)).collect();
    match names.len() {
        0 => "none of the expected files".to_owned(),
        _ => format!("none of the expected files, but {}", super::raw_subset::some_of(&names)),
    }
}

/// EMNIST's class names for a split such as "emnist-letters", as its mapping files list them.
fn emnist_classes(set: &str) -> Option<Classes> {
    const BY_CLASS: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const MERGED: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt";
    let letters = match set {
        "emnist-letters" => "abcdefghijklmnopqrstuvwxyz",
        "emnist-byclass" => BY_CLASS,
        "emnist-bymerge" | "emnist-balanced" => MERGED,
        _ => return None,
    };
    Some(Classes::new(letters.chars().map(String::from), LabelType::Text))
}

/// Whether a file is one of EMNIST's, by its name. Their images are stored column by column.
fn is_emnist(path: &Path) -> bool {
    super::sibling_files::file_name(path).to_lowercase().starts_with("emnist-")
}

/// Transposes images from column-major to row-major.
fn upright(shape: ImageShape, pixels: &[u8]) -> Features {
    let (width, height) = (shape.height, shape.width);
    let mut all = Vec::with_capacity(pixels.len());
    for image in pixels.chunks_exact(shape.features()) {
        all.extend((0..height).flat_map(|y| (0..width).map(move |x| image[x * height + y])));
    }
    Features::Pixels(ImageShape::gray(width, height), all)
}

/// The features in an IDX file, EMNIST's images upright.
pub(super) fn read_images(path: &Path) -> Result<Features> {
    Ok(match read_stored_images(path)? {
        Features::Pixels(shape, pixels) if is_emnist(path) && shape.channels == 1 => upright(shape, &pixels),
        Features::MappedPixels(shape, pixels) if is_emnist(path) && shape.channels == 1 => {
            upright(shape, &pixels)
        }
        features => features,
    })
}

/// The features in an IDX file, as they are.
fn read_stored_images(path: &Path) -> Result<Features> {
    if let Some((dimensions, pixels)) = super::idx::mapped(path)?
        && let Some((shape, false)) = dimensions.get(1..).and_then(image_shape)
    {
        return Ok(Features::MappedPixels(shape, pixels));
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
    Ok(match (values, &dimensions[1..]) {
        // Bytes with any number of channels are pixels.
        (Values::U8(pixels), &[height, width, channels]) if image_shape(&dimensions[1..]).is_none() => {
            Features::Pixels(ImageShape { width, height, channels }, pixels)
        }
        (Values::U8(pixels), _) => Numbers::U8(pixels).features(&dimensions),
        (Values::F32(values), _) => Numbers::F32(values).features(&dimensions),
        (Values::F64(values), _) => Numbers::F64(values).features(&dimensions),
    })
}

/// The labels in an IDX file: one number for each example, or QMNIST's eight, of which the first is the class. EMNIST's
/// letters are counted from 1.
pub(super) fn read_labels(path: &Path) -> Result<Labels> {
    let (dimensions, labels) = match super::idx::read_integers(path)? {
        Some(labels) => labels,
        None => {
            let remedy = "Write the labels as class indices in bytes (element type 0x08).";
            return Err(Error::format(path, "labels that are not bytes", "labels of type u8", remedy));
        }
    };
    let columns = match dimensions[..] {
        [_] | [_, 1] => 1,
        [_, QMNIST_COLUMNS] => QMNIST_COLUMNS,
        _ => {
            let remedy = "This looks like a file of images: check the names of the files.";
            let found = format!("{} dimensions", dimensions.len());
            return Err(Error::format(path, found, "1, since a label is one number", remedy));
        }
    };
    let labels = labels.into_iter().step_by(columns);
    let indices: Option<Vec<u32>> = labels.clone().map(|label| u32::try_from(label).ok()).collect();
    let Some(indices) = indices else { return Ok(Labels::Numbers(labels.map(i64::from).collect())) };
    let labels = Labels::Indices(indices);
    let name = super::sibling_files::file_name(path).to_lowercase();
    let is_from_one =
        name.starts_with("emnist-letters") && labels.least_index().is_some_and(|least| least > 0);
    Ok(if is_from_one { labels.less_one() } else { labels })
}

/// The class, the NIST series, the writer, the image of the writer, the glyph, its index, and two columns of zeros.
const QMNIST_COLUMNS: usize = 8;

pub(super) fn read_classes(path: &Path) -> Result<Classes> {
    let mut text = Vec::new();
    let file = fs::File::open(path).map_err(Error::file("open", path))?;
    file.take(CLASSES_LIMIT + 1).read_to_end(&mut text).map_err(Error::file("read", path))?;
    let refuse = |found: String, expected: &str| {
        Err(Error::format(
            path,
            found,
            expected,
            "Write the names of the classes, one per line, class 0 first.",
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
