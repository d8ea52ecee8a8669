//! [`RawSubset`]: the training or the test set of a file or folder, before its labels are mapped to the classes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use half::f16;
use tercet_kernels::mmap::Mapped;

use super::{Classes, Collection, Dataset, Examples, LabelType, ReadOptions, SealedTest};
use crate::image::{ImageShape, Picture, scale};
use crate::{Error, Result};

/// A set with more different labels than this is rejected, unless each occurs twice on average.
const MOST_RARE_CLASSES: usize = 1000;

/// Examples with the labels as stored in the file.
pub(super) struct RawSubset {
    pub name: String,
    /// The file of the features, for error messages.
    pub path: PathBuf,
    /// The file of the labels, which may be the same.
    pub labels_path: PathBuf,
    pub features: Features,
    pub labels: Labels,
    /// How many of the last examples form the validation set that the data has.
    pub validation: usize,
    /// The names of the features, if they have any.
    pub columns: Vec<String>,
}

/// (N, D) numbers.
#[derive(Debug)]
pub(super) enum Features {
    Pixels(ImageShape, Vec<u8>),
    /// Integers from 0 to 255 that are not known to be pixels.
    Bytes(usize, Vec<u8>),
    Numbers(usize, Vec<f32>),
    /// Half-precision numbers.
    Halves(usize, Vec<f16>),
    /// Numbers that f32 would round.
    Doubles(usize, Vec<f64>),
    /// Memory-mapped pixels of a large file.
    MappedPixels(ImageShape, Mapped<u8>),
    MappedNumbers(usize, Mapped<f32>),
}

/// One label per example.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Labels {
    /// Class indices, in a format that defines them as such.
    Indices(Vec<u32>),
    /// Integers, one for each class.
    Numbers(Vec<i64>),
    /// Names, not all of them integers: all distinct names, and the index of each example's name.
    Names(Vec<String>, Vec<u32>),
}

/// The kind and shape of the examples of a subset.
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

impl Features {
    fn shape(&self) -> Shape {
        match self {
            Features::Pixels(shape, _) | Features::MappedPixels(shape, _) => Shape::Pixels(*shape),
            Features::Bytes(width, _)
            | Features::Numbers(width, _)
            | Features::Halves(width, _)
            | Features::Doubles(width, _)
            | Features::MappedNumbers(width, _) => Shape::Features(*width),
        }
    }

    /// The same, in memory.
    fn loaded(self) -> Self {
        match self {
            Features::MappedPixels(shape, pixels) => Features::Pixels(shape, pixels.to_vec()),
            Features::MappedNumbers(width, values) => Features::Numbers(width, values.to_vec()),
            other => other,
        }
    }

    /// D
    pub fn width(&self) -> usize {
        match self.shape() {
            Shape::Pixels(shape) => shape.features(),
            Shape::Features(width) => width,
        }
    }

    /// N
    pub fn count(&self) -> usize {
        let values = match self {
            Features::Pixels(_, values) | Features::Bytes(_, values) => values.len(),
            Features::Numbers(_, values) => values.len(),
            Features::Halves(_, values) => values.len(),
            Features::Doubles(_, values) => values.len(),
            Features::MappedPixels(_, values) => values.len(),
            Features::MappedNumbers(_, values) => values.len(),
        };
        values.checked_div(self.width()).unwrap_or(0)
    }

    /// All values in f32, unless that would round them.
    pub fn floats(&self) -> Option<Vec<f32>> {
        match self {
            Features::Pixels(_, values) | Features::Bytes(_, values) => {
                Some(values.iter().copied().map(f32::from).collect())
            }
            Features::Numbers(_, values) => Some(values.clone()),
            Features::Halves(_, values) => Some(values.iter().copied().map(f16::to_f32).collect()),
            Features::Doubles(..) => None,
            Features::MappedPixels(_, values) => Some(values.iter().copied().map(f32::from).collect()),
            Features::MappedNumbers(_, values) => Some(values.to_vec()),
        }
    }

    /// All values in f64.
    pub fn doubles(&self) -> Vec<f64> {
        match (self, self.floats()) {
            (Features::Doubles(_, values), _) => values.clone(),
            (_, floats) => floats.unwrap_or_default().into_iter().map(f64::from).collect(),
        }
    }

    /// Converts the numbers to examples. Errors name the file.
    pub fn examples(self, path: &Path) -> Result<Examples> {
        let examples = match self {
            Features::Pixels(shape, pixels) => Examples::from_pixels(shape, pixels),
            Features::Bytes(width, bytes) => {
                Examples::from_features(width, bytes.into_iter().map(f32::from).collect())
            }
            Features::Numbers(width, values) => Examples::from_features(width, values),
            Features::Halves(width, values) => Examples::from_f16(width, values),
            Features::Doubles(width, values) => Examples::from_f64(width, values),
            Features::MappedPixels(shape, pixels) => Examples::from_mapped_pixels(shape, pixels),
            Features::MappedNumbers(width, values) => Examples::from_mapped_features(width, values),
        };
        examples.map_err(|error| match error {
            Error::Mismatch { what, found, expected } => {
                let remedy = "Correct the value where the file was made.";
                Error::format(path, format!("{found} at {what}"), expected, remedy)
            }
            other => other,
        })
    }

    /// Applies the image options given by the user.
    fn sized(self, options: &ReadOptions, path: &Path) -> Result<Self> {
        let is_changed = options.plain || options.size.is_some() || options.gray;
        let features = match (if is_changed { self.loaded() } else { self }, options.size) {
            (features, _) if options.plain => match features {
                Features::Pixels(shape, values) => Features::Bytes(shape.features(), values),
                other => other,
            },
            (Features::Pixels(shape, pixels), Some(size)) => {
                let wanted = ImageShape { width: size.width, height: size.height, ..shape };
                let pixels = if shape == wanted { pixels } else { scaled(shape, &pixels, wanted, path)? };
                Features::Pixels(wanted, pixels)
            }
            (Features::Bytes(width, values), Some(size)) => {
                let shape = size.of_features(width).ok_or_else(|| not_of_size(width, size, path))?;
                Features::Pixels(shape, values)
            }
            (Features::Numbers(width, values), Some(size)) => {
                let shape = size.of_features(width).ok_or_else(|| not_of_size(width, size, path))?;
                let values = values.into_iter().map(f64::from);
                Features::Pixels(shape, as_pixels(values, width, path)?)
            }
            (Features::Halves(width, values), Some(size)) => {
                let shape = size.of_features(width).ok_or_else(|| not_of_size(width, size, path))?;
                Features::Pixels(shape, as_pixels(values.into_iter().map(f64::from), width, path)?)
            }
            (Features::Doubles(width, values), Some(size)) => {
                let shape = size.of_features(width).ok_or_else(|| not_of_size(width, size, path))?;
                Features::Pixels(shape, as_pixels(values.into_iter(), width, path)?)
            }
            (features, _) => features,
        };
        match features {
            Features::Pixels(shape, pixels) if options.gray && shape.channels == 3 => {
                let (gray, _) = (ImageShape { channels: 1, ..shape }, ());
                Ok(Features::Pixels(
                    gray,
                    Picture::new(joined(shape, &pixels), pixels)?.to_gray().into_pixels(),
                ))
            }
            other => Ok(other),
        }
    }
}

/// Numbers as pixels, or an error that names the first that is none.
fn as_pixels(values: impl Iterator<Item = f64>, width: usize, path: &Path) -> Result<Vec<u8>> {
    let pixel = |(at, value): (usize, f64)| {
        let pixel = value as u8;
        if f64::from(pixel) == value {
            return Ok(pixel);
        }
        let found = format!("{value} at row {}, column {}", at / width, at % width);
        let expected = "whole numbers from 0 to 255, the pixels of images";
        let remedy = "Leave out the size of the images: these numbers are not pixels.";
        Err(Error::format(path, found, expected, remedy))
    };
    values.enumerate().map(pixel).collect()
}

/// All images stacked vertically into one.
fn joined(shape: ImageShape, pixels: &[u8]) -> ImageShape {
    ImageShape { height: pixels.len() / (shape.width * shape.channels), ..shape }
}

fn scaled(shape: ImageShape, pixels: &[u8], wanted: ImageShape, path: &Path) -> Result<Vec<u8>> {
    if shape.channels != 1 && shape.channels != 3 {
        let found = format!("images of {} channels", shape.channels);
        return Err(Error::format(path, found, "1 or 3, to be scaled", "Leave out the size of the images."));
    }
    let mut all = Vec::new();
    for image in pixels.chunks_exact(shape.features()) {
        let picture = Picture::new(shape, image.to_vec())?;
        all.extend(scale(&picture, wanted.width, wanted.height).into_pixels());
    }
    Ok(all)
}

fn not_of_size(width: usize, size: super::ImageSize, path: &Path) -> Error {
    let expected = format!("as many as images of {size} pixels have");
    let remedy = "Give the actual image size, or leave it out.";
    Error::format(path, format!("{width} features an example"), expected, remedy)
}

impl Labels {
    pub fn len(&self) -> usize {
        match self {
            Labels::Indices(labels) => labels.len(),
            Labels::Numbers(labels) => labels.len(),
            Labels::Names(_, labels) => labels.len(),
        }
    }

    /// Labels from a sequence of names.
    pub fn of_names(names: impl Iterator<Item = String>) -> Self {
        let mut interned = Interned::default();
        let labels = names.map(|name| interned.index(&name)).collect();
        interned.labels(labels)
    }

    /// Converts 1-based class indices to 0-based ones. (A 0 becomes an invalid index.)
    pub fn less_one(self) -> Self {
        match self {
            Labels::Indices(labels) => {
                Labels::Indices(labels.into_iter().map(|label| label.wrapping_sub(1)).collect())
            }
            other => other,
        }
    }

    /// The smallest class index, if these are class indices.
    pub fn least_index(&self) -> Option<u32> {
        match self {
            Labels::Indices(labels) => labels.iter().min().copied(),
            _ => None,
        }
    }

    /// Class indices as numbers, of which only those that occur are classes.
    pub fn numbers(self) -> Self {
        match self {
            Labels::Indices(labels) => Labels::Numbers(labels.into_iter().map(i64::from).collect()),
            other => other,
        }
    }

    /// The label of an example as written in its file.
    fn shown(&self, i: usize) -> String {
        match self {
            Labels::Indices(labels) => labels[i].to_string(),
            Labels::Numbers(labels) => labels[i].to_string(),
            Labels::Names(names, labels) => format!("“{}”", names[labels[i] as usize]),
        }
    }

    /// The names of the classes that occur in these labels, in order.
    fn classes(&self) -> Classes {
        match self {
            Labels::Indices(labels) => {
                Classes::numbered(labels.iter().max().map_or(0, |&most| most as usize + 1))
            }
            Labels::Numbers(labels) => {
                let mut values = labels.clone();
                values.sort_unstable();
                values.dedup();
                Classes::new(values.iter().map(i64::to_string), LabelType::Integer)
            }
            Labels::Names(names, _) => {
                let mut names = names.clone();
                names.sort();
                Classes::from(names)
            }
        }
    }

    /// The class index of every label, or the first example whose label is not a class.
    fn places(&self, classes: &[String], named: bool) -> Result<Vec<u32>, usize> {
        let places: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let below = |label: usize| (label < classes.len()).then_some(label as u32);
        let each = |n: usize, place: &mut dyn FnMut(usize) -> Option<u32>| {
            (0..n).map(|i| place(i).ok_or(i)).collect::<Result<Vec<u32>, usize>>()
        };
        match self {
            Labels::Indices(labels) => each(labels.len(), &mut |i| below(labels[i] as usize)),
            // If the user named the classes, numbers are indices into that list.
            Labels::Numbers(labels) if named => {
                each(labels.len(), &mut |i| below(usize::try_from(labels[i]).ok()?))
            }
            Labels::Numbers(labels) => {
                let mut known: HashMap<i64, Option<u32>> = HashMap::new();
                each(labels.len(), &mut |i| {
                    *known
                        .entry(labels[i])
                        .or_insert_with(|| places.get(labels[i].to_string().as_str()).copied())
                })
            }
            Labels::Names(names, labels) => {
                let of_name: Vec<Option<u32>> =
                    names.iter().map(|name| places.get(name.as_str()).copied()).collect();
                each(labels.len(), &mut |i| of_name[labels[i] as usize])
            }
        }
    }
}

/// Names, each stored once.
#[derive(Default)]
pub(super) struct Interned {
    names: Vec<String>,
    places: HashMap<String, u32>,
}

impl Interned {
    /// The index of a name, which is added if it is new.
    pub fn index(&mut self, name: &str) -> u32 {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        place
    }

    /// Labels from such indices: numbers if all names are numbers.
    pub fn labels(self, labels: Vec<u32>) -> Labels {
        let numbers: Option<Vec<i64>> = self.names.iter().map(|name| whole(name)).collect();
        match numbers {
            Some(numbers) => Labels::Numbers(labels.iter().map(|&label| numbers[label as usize]).collect()),
            None => Labels::Names(self.names, labels),
        }
    }
}

/// The integer that a text represents, even if written as `3.0`.
pub(super) fn whole(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

impl RawSubset {
    /// Examples without a validation set, whose features have no names.
    pub fn new(
        name: String,
        path: PathBuf,
        labels_path: PathBuf,
        features: Features,
        labels: Labels,
    ) -> Self {
        RawSubset { name, path, labels_path, features, labels, validation: 0, columns: Vec::new() }
    }

    /// Rejects features and labels that do not match in number.
    pub fn check(&self) -> Result<()> {
        let examples = self.features.count();
        if examples != self.labels.len() {
            let expected = format!("{examples}, one for each of {}", self.path.display());
            let remedy = "The two do not belong together, or the features are transposed: expected one \
                          row for each example.";
            let found = format!("{} labels", self.labels.len());
            return Err(Error::format(&self.labels_path, found, expected, remedy));
        }
        if examples == 0 {
            let remedy = "The file holds no data: copy or make it again.";
            return Err(Error::format(&self.path, "no examples", "at least one", remedy));
        }
        Ok(())
    }

    pub fn dataset(self, classes: &Classes, named: bool) -> Result<Dataset> {
        let labels = self.labels.places(classes, named).map_err(|at| {
            let found = format!("label {} (example {at})", self.labels.shown(at));
            let (expected, remedy) = if named || matches!(self.labels, Labels::Indices(_)) {
                let remedy = "The labels are damaged, or classes are missing: `classes.txt` in the same folder \
                              names them all, one per line.";
                (format!("a class from 0 to {}", classes.len().saturating_sub(1)), remedy)
            } else {
                let remedy = "A class without a training example cannot be learned: leave its test examples out.";
                (format!("one of the training set's classes: {}", some_of(classes)), remedy)
            };
            Error::format(&self.labels_path, found, expected, remedy)
        })?;
        let examples = self.features.examples(&self.path)?;
        let set = Dataset::new(self.name, examples, labels, classes.clone())?;
        Ok(set.with_validation(self.validation).with_feature_names(self.columns))
    }
}

/// Whether labels are the numbers of a quantity, such as a price: most of them different, or many with decimals.
fn is_quantity(classes: &Classes, labels: &Labels) -> bool {
    let examples = labels.len();
    // Indices of classes may leave some out.
    if let Labels::Indices(indices) = labels
        && indices.iter().collect::<std::collections::HashSet<_>>().len() * 2 <= examples.max(40)
    {
        return false;
    }
    let all_numbers = are_numbers(classes);
    let with_decimals = classes.iter().any(|name| whole(name).is_none());
    let most_differ = classes.len() * 2 > examples;
    all_numbers && ((classes.len() > 20 && most_differ) || (classes.len() > 10 && with_decimals))
}

fn are_numbers(classes: &Classes) -> bool {
    classes.iter().all(|name| name.parse::<f64>().is_ok())
}

/// A list of names, truncated if it is long.
pub(super) fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len() {
        0..=SHOWN => names.join(", "),
        n => format!("{}, … ({n} in all)", names[..SHOWN].join(", ")),
    }
}

/// A training set and an optional test set as a collection. If the user did not name the classes, they come from the
/// training labels.
pub(super) fn collect(
    name: String,
    mut train: RawSubset,
    test: Option<RawSubset>,
    classes: Option<Classes>,
    options: &ReadOptions,
) -> Result<Collection> {
    train.check()?;
    train.features = train.features.sized(options, &train.path)?;
    let test = match test {
        Some(mut test) => {
            test.check()?;
            test.features = test.features.sized(options, &test.path)?;
            if test.features.shape() != train.features.shape() {
                let remedy = "Training and test set must come from the same source, prepared alike.";
                let expected = format!("{}, as in {}", train.features.shape(), train.path.display());
                return Err(Error::format(&test.path, test.features.shape(), expected, remedy));
            }
            Some(test)
        }
        None => None,
    };
    let named = classes.is_some();
    let classes = classes.unwrap_or_else(|| train.labels.classes());
    let examples = train.labels.len();
    if !named && is_quantity(&classes, &train.labels) {
        let found = format!("{} different numbers as labels of {examples} examples", classes.len());
        let expected = "classes, each with several examples";
        let remedy = "The labels look like a quantity, the target of a regression: group them into a few classes, or \
                      choose another label.";
        return Err(Error::format(&train.labels_path, found, expected, remedy));
    }
    if !named && classes.len() > MOST_RARE_CLASSES && classes.len() * 2 > examples {
        let found = format!("{} different labels for {examples} examples", classes.len());
        let remedy =
            "Name the column or file of the labels: these look like numbers of something, or measurements.";
        return Err(Error::format(&train.labels_path, found, "classes that come more than once", remedy));
    }
    let mut notes = Vec::new();
    if !named && classes.len() > 20 && classes.len() * 10 > examples && are_numbers(&classes) {
        notes.push(format!(
            "{}: the labels are {} different numbers, each of few examples: if they are a quantity, group them into a few \
             classes",
            train.labels_path.display(),
            classes.len()
        ));
    }
    let train = train.dataset(&classes, named)?;
    let test = test.map(|test| test.dataset(&classes, named)).transpose()?.map(SealedTest::new);
    Ok(Collection { name, train, test, notes })
}
