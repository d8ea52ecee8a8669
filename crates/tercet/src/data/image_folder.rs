//! Image folders with one folder per class: `cat/1.png`, `cat/2.jpg`, `dog/1.png`, optionally under `train` and `test`.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::ReadOptions;
use super::raw_subset::{Features, Labels, RawSubset};
use crate::image::{self, ImageShape, Picture, scale};
use crate::{Error, Result};

/// The extensions of picture files.
const ENDINGS: [&str; 8] = ["png", "jpg", "jpeg", "bmp", "pgm", "ppm", "pbm", "pnm"];

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
    entries(folder).is_ok_and(|entries| {
        entries.iter().any(|class| {
            class.is_dir() && entries_of_pictures(class).is_ok_and(|pictures| !pictures.is_empty())
        })
    })
}

/// The entries of a folder, in order, without hidden files.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::file("open the folder", folder))? {
        let entry = entry.map_err(Error::file("read the folder", folder))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

fn entries_of_pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_picture = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        ENDINGS.contains(&ending.as_str()) && path.is_file()
    };
    Ok(entries(folder)?.into_iter().filter(is_picture).collect())
}

/// Reads all pictures of a folder of classes.
pub(super) fn read(name: String, folder: &Path, options: &ReadOptions) -> Result<RawSubset> {
    let mut files = Vec::new();
    for class in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let pictures = entries_of_pictures(&class)?;
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
