//! Image folders with one folder per class: `cat/1.png`, `cat/2.jpg`, `dog/1.png`, optionally under `train` and `test`.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::ReadOptions;
use super::raw_subset::{Features, Labels, RawSubset};
use crate::image::{self, ImageShape, Picture, scale};
use crate::{Error, Result};

/// The extensions of picture files.
const ENDINGS: [&str; 12] =
    ["png", "jpg", "jpeg", "webp", "gif", "tif", "tiff", "bmp", "pgm", "ppm", "pbm", "pnm"];

/// The extensions of pictures that cannot be read.
const UNREADABLE: [&str; 9] = ["heic", "heif", "avif", "jp2", "jxl", "svg", "psd", "dng", "tga"];

const TRAIN: [&str; 2] = ["train", "training"];
const TEST: [&str; 5] = ["test", "testing", "val", "valid", "validation"];

/// The folder of the training set and that of the test set, if there are pictures by class.
pub(super) fn folders(folder: &Path) -> Option<(PathBuf, Option<PathBuf>)> {
    let under = |names: &[&str]| names.iter().map(|name| folder.join(name)).find(|path| has_classes(path));
    match under(&TRAIN) {
        Some(train) => Some((train, under(&TEST))),
        None => has_classes(folder).then(|| (folder.to_owned(), None)),
    }
}

/// Whether a subfolder holds pictures.
fn has_classes(folder: &Path) -> bool {
    let all = [&ENDINGS[..], &UNREADABLE].concat();
    let is_class = |class: &PathBuf| {
        class.is_dir() && with_ending(class, &all).is_ok_and(|pictures| !pictures.is_empty())
    };
    entries(folder).is_ok_and(|entries| entries.iter().any(is_class))
}

/// The entries of a folder, in order, without hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file("open the folder", folder))? {
        let entry = entry.map_err(Error::file("read the folder", folder))?;
        let name = entry.file_name();
        // Archives made on macOS have a folder of metadata beside those of the pictures.
        if !name.to_string_lossy().starts_with('.') && name != "__MACOSX" {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

fn entries_of_pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    with_ending(folder, &ENDINGS)
}

/// The files of a folder that have one of these extensions.
fn with_ending(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let has_it = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        endings.contains(&ending.as_str()) && path.is_file()
    };
    Ok(entries(folder)?.into_iter().filter(has_it).collect())
}

/// Reads all pictures of a folder of classes.
pub(super) fn read(name: String, folder: &Path, options: &ReadOptions) -> Result<RawSubset> {
    let mut files = Vec::new();
    for class in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let pictures = entries_of_pictures(&class)?;
        // Leaving some of the pictures out would change the data without a word.
        if let [first, ..] = &with_ending(&class, &UNREADABLE)?[..] {
            let ending = first.extension().unwrap_or_default().to_string_lossy().to_uppercase();
            let expected = "pictures in PNG, JPEG, WebP, GIF, TIFF, BMP, PGM or PPM";
            let remedy = "Convert all pictures of this kind to PNG or JPEG, or remove them.";
            return Err(Error::format(first, format!("a picture in {ending}"), expected, remedy));
        }
        let name = class.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if pictures.is_empty() {
            let remedy = "Add pictures or remove the folder: every folder is a class.";
            return Err(Error::format(&class, "no picture", format!("pictures of {name}"), remedy));
        }
        files.extend(pictures.into_iter().map(|path| (path, name.clone())));
    }
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
    Ok(RawSubset { name, labels_path: path.clone(), path, features: Features::Pixels(shape, pixels), labels })
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
