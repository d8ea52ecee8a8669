//! Image folders with one folder per class: `cat/1.png`, `cat/2.jpg`, `dog/1.png`, optionally under `train`, `val` and
//! `test`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::ReadOptions;
use super::raw_subset::{Features, Labels, RawSubset, some_of};
use super::sibling_files::{TEST, TRAIN, VALIDATION, file_name, has};
use crate::image::{self, EXTENSIONS, ImageShape, Picture, scale};
use crate::text::shortened;
use crate::{Error, Result};

/// The extensions of pictures that cannot be read.
const UNREADABLE: [&str; 9] = ["heic", "heif", "avif", "jp2", "jxl", "svg", "psd", "dng", "tga"];

/// What systems leave in folders, in lower case; files that begin with a dot are hidden anyway.
const OF_SYSTEMS: [&str; 5] = ["thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "__macosx"];

/// Words of folder names that are no classes.
const GENERAL: [&str; 14] = [
    "image", "images", "img", "imgs", "picture", "pictures", "photo", "photos", "pic", "pics", "data", "set",
    "files", "seg",
];

/// The file that names the classes of folders: a line for each, with the name of the folder, a tab, and the class.
pub(super) const CLASS_NAMES: &str = "classes.tsv";

/// How many folders may be around those of the classes.
const DEEPEST: usize = 3;

/// Folders of pictures by class.
pub(super) struct Parts {
    pub train: PathBuf,
    pub validation: Option<PathBuf>,
    pub test: Option<PathBuf>,
    pub notes: Vec<String>,
}

/// The folders of a data set, if there are pictures by class. Without a test set, the validation set serves as one.
pub(super) fn folders(folder: &Path) -> Option<Parts> {
    let inside = entries(folder).ok()?;
    let with_classes: Vec<(String, PathBuf)> = inside
        .iter()
        .filter_map(|path| Some((file_name(path).to_lowercase(), with_classes(path, DEEPEST)?)))
        .collect();
    let of_part = |words: &[&str]| {
        let exact = with_classes.iter().find(|(name, _)| words.contains(&name.as_str()));
        let found = exact.or_else(|| with_classes.iter().find(|(name, _)| has(name, words)));
        found.map(|(_, path)| path.clone())
    };
    if let Some(train) = of_part(&TRAIN) {
        let (mut validation, mut test) = (of_part(&VALIDATION), of_part(&TEST));
        let mut notes = Vec::new();
        if test.is_none()
            && let Some(only) = validation.take()
        {
            notes.push(format!("{} is used as the test set, since there is no other", only.display()));
            test = Some(only);
        }
        let used = [Some(&train), validation.as_ref(), test.as_ref()];
        let unused = with_classes.iter().filter(|(_, path)| !used.contains(&Some(path)));
        notes.extend(unused.map(|(_, path)| format!("{} is not used", path.display())));
        return Some(Parts { train, validation, test, notes });
    }
    let classes = class_names(folder);
    let alone = |train| Parts { train, validation: None, test: None, notes: Vec::new() };
    match (&classes[..], &with_classes[..]) {
        ([], [(_, only)]) => folders(only).map(|parts| Parts {
            notes: [vec![format!("the data is in {}", only.display())], parts.notes].concat(),
            ..parts
        }),
        ([], _) => None,
        _ if are_undivided(&classes) => None,
        _ => Some(alone(folder.to_owned())),
    }
}

/// The names of the folders that hold pictures.
fn class_names(folder: &Path) -> Vec<String> {
    let inside = entries(folder).unwrap_or_default();
    inside.iter().filter(|path| has_pictures(path)).map(|path| file_name(path)).collect()
}

/// Whether folders are called like parts of a data set instead of classes: `train`, `test_images`.
fn are_undivided(classes: &[String]) -> bool {
    let known = |word: &str| [&TRAIN[..], &VALIDATION, &TEST, &GENERAL].concat().contains(&word);
    let is_part = |name: &String| {
        let lower = name.to_lowercase();
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).all(known)
    };
    classes.iter().all(is_part)
}

/// Whether the pictures of a folder are divided into several classes.
#[cfg(feature = "csv")]
pub(super) fn is_divided(folder: &Path) -> bool {
    class_names(folder).len() > 1
}

/// Rejects folders for training and test whose pictures are not divided into classes.
pub(super) fn refuse_undivided(folder: &Path) -> Result<()> {
    let classes = class_names(folder);
    if classes.is_empty() || !are_undivided(&classes) {
        return Ok(());
    }
    let found = format!("pictures without classes in {}", some_of(&classes));
    let remedy = "Put the pictures of each class into a folder of its own, as in train/cat and train/dog, or add a table \
                  of file names and labels, as in labels.csv.";
    Err(Error::format(folder, found, "a folder for each class", remedy))
}

/// The folder itself, or the only one in it and so on, if it has classes.
fn with_classes(folder: &Path, depth: usize) -> Option<PathBuf> {
    if has_classes(folder) {
        return Some(folder.to_owned());
    }
    let inside: Vec<PathBuf> = entries(folder).ok()?.into_iter().filter(|path| path.is_dir()).collect();
    match &inside[..] {
        [only] if depth > 0 => with_classes(only, depth - 1),
        _ => None,
    }
}

/// Whether a subfolder holds pictures.
fn has_classes(folder: &Path) -> bool {
    folder.is_dir() && entries(folder).is_ok_and(|entries| entries.iter().any(|path| has_pictures(path)))
}

/// Whether a folder holds pictures.
fn has_pictures(folder: &Path) -> bool {
    let all = [&EXTENSIONS[..], &UNREADABLE].concat();
    folder.is_dir() && with_ending(folder, &all).is_ok_and(|pictures| !pictures.is_empty())
}

/// The entries of a folder, in order, without hidden files.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file("open the folder", folder))? {
        let entry = entry.map_err(Error::file("read the folder", folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !OF_SYSTEMS.contains(&name.to_lowercase().as_str()) {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

/// Whether the name of a file is that of a picture.
pub(super) fn is_picture(path: &Path) -> bool {
    has_ending(path, &EXTENSIONS)
}

/// Rejects the first picture of a format that cannot be read: leaving it out would change the data without a word.
pub(super) fn refuse_unreadable<'a>(mut files: impl Iterator<Item = &'a PathBuf>) -> Result<()> {
    let Some(first) = files.find(|path| has_ending(path, &UNREADABLE)) else { return Ok(()) };
    let ending = first.extension().unwrap_or_default().to_string_lossy().to_uppercase();
    let expected = "pictures in PNG, JPEG, WebP, GIF, TIFF, BMP, PGM or PPM";
    let remedy = "Convert all pictures of this kind to PNG or JPEG, or remove them.";
    Err(Error::format(first, format!("a picture in {ending}"), expected, remedy))
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    endings.contains(&ending.as_str())
}

/// The files of a folder that have one of these extensions.
fn with_ending(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let has_it = |path: &PathBuf| has_ending(path, endings) && path.is_file();
    Ok(entries(folder)?.into_iter().filter(has_it).collect())
}

/// The classes of the folders that are not called like their class, if there is a list of them here or one folder above.
fn names_of_classes(folder: &Path) -> Result<HashMap<String, String>> {
    let above = folder.parent().map(|above| above.join(CLASS_NAMES));
    let paths = [Some(folder.join(CLASS_NAMES)), above];
    let Some(path) = paths.into_iter().flatten().find(|path| path.is_file()) else {
        return Ok(HashMap::new());
    };
    let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
    let mut names = HashMap::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let (folder, class) = line.split_once('\t').ok_or_else(|| {
            let found = format!("“{}” in line {}", shortened(line), i + 1);
            let remedy = "Write a line for each folder, or remove the file.";
            Error::format(&path, found, "the name of a folder, a tab, and the name of its class", remedy)
        })?;
        names.insert(folder.to_owned(), class.to_owned());
    }
    Ok(names)
}

/// Reads all pictures of a folder of classes, and adds the files that it skips to the notes.
pub(super) fn read(
    name: String,
    folder: &Path,
    options: &ReadOptions,
    notes: &mut Vec<String>,
) -> Result<RawSubset> {
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    let names = names_of_classes(folder)?;
    for class in entries(folder)? {
        if !class.is_dir() {
            if file_name(&class) != CLASS_NAMES {
                skipped.push(class);
            }
            continue;
        }
        let inside = entries(&class)?;
        refuse_unreadable(inside.iter())?;
        let name = file_name(&class);
        let name = names.get(&name).cloned().unwrap_or(name);
        let (pictures, others): (Vec<PathBuf>, Vec<PathBuf>) =
            inside.into_iter().partition(|path| is_picture(path) && path.is_file());
        if pictures.is_empty() {
            let remedy = "Add pictures or remove the folder: every folder is a class.";
            return Err(Error::format(&class, "no picture", format!("pictures of {name}"), remedy));
        }
        skipped.extend(others);
        files.extend(pictures.into_iter().map(|path| (path, name.clone())));
    }
    if !skipped.is_empty() {
        let names: Vec<String> = skipped
            .iter()
            .map(|path| path.strip_prefix(folder).unwrap_or(path).display().to_string())
            .collect();
        let are = if names.len() == 1 { "1 is".to_owned() } else { format!("{} are", names.len()) };
        let (folder, names) = (folder.display(), some_of(&names));
        notes.push(format!("{folder}: {are} skipped, which no class has as a picture: {names}"));
    }
    read_files(name, folder, files, options)
}

/// Reads pictures, each with its class. `folder` is used in error messages.
pub(super) fn read_files(
    name: String,
    folder: &Path,
    files: Vec<(PathBuf, String)>,
    options: &ReadOptions,
) -> Result<RawSubset> {
    let read = |(path, _): &(PathBuf, String)| Ok((fitted(image::open(path)?, options), path.clone()));
    let pictures: Vec<(Picture, PathBuf)> = files.par_iter().map(read).collect::<Result<_>>()?;
    let coloured = !options.gray && pictures.iter().any(|(picture, _)| picture.shape().channels == 3);
    let channels = if coloured { 3 } else { 1 };
    let shape = ImageShape { channels, ..pictures[0].0.shape() };
    let mut pixels = Vec::with_capacity(pictures.len() * shape.features());
    for (picture, path) in &pictures {
        let picture = if coloured { picture.to_color() } else { picture.to_gray() };
        if picture.shape() != shape {
            let expected = format!("{} × {}, as {} has", shape.width, shape.height, pictures[0].1.display());
            let found = format!("a picture of {} × {} pixels", picture.shape().width, picture.shape().height);
            let remedy = "Give a size to scale all pictures to, such as `--size 32x32`.";
            return Err(Error::format(path, found, expected, remedy));
        }
        pixels.extend_from_slice(picture.pixels());
    }
    let labels = Labels::of_names(files.into_iter().map(|(_, class)| class));
    let path = folder.to_owned();
    Ok(RawSubset::new(name, path.clone(), path, Features::Pixels(shape, pixels), labels))
}

/// A picture, converted to grey and scaled as the options say.
pub(super) fn fitted(mut picture: Picture, options: &ReadOptions) -> Picture {
    if options.gray || options.size.is_some_and(|size| size.channels == Some(1)) {
        picture = picture.to_gray();
    }
    match options.size {
        Some(size) if (size.width, size.height) != (picture.shape().width, picture.shape().height) => {
            scale(&picture, size.width, size.height)
        }
        _ => picture,
    }
}
