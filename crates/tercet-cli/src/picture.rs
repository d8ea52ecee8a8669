//! The pictures of the user.

use std::io::Read;
use std::path::{Path, PathBuf};

use tercet::Model;
use tercet::image::{self, Picture};

/// Rejects a model whose input is not images.
pub fn check_input(model: &Model, path: &Path) -> anyhow::Result<()> {
    let input = model.preprocessing().input();
    if input.image.is_some() && input.pixels {
        return Ok(());
    }
    let (what, found) = (format!("input of {}", path.display()), input.to_string());
    Err(tercet::Error::mismatch(what, found, "images; this model does not read pictures").into())
}

/// Reads a picture, or `-` for standard input.
pub fn read(path: &Path) -> anyhow::Result<Picture> {
    Ok(if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(image::MAX_BYTES + 1).read_to_end(&mut bytes)?;
        image::decode(&bytes, Path::new("standard input"))?
    } else {
        image::open(path)?
    })
}

/// All pictures in a folder and in those below, in order of their names.
pub fn in_folder(folder: &Path) -> tercet::Result<Vec<PathBuf>> {
    let mut pictures = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(tercet::Error::file("open the folder", &folder))? {
            let entry = entry.map_err(tercet::Error::file("read the folder", &folder))?;
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            // Links to folders may lead back up.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if has_extension(&path, &image::EXTENSIONS) {
                pictures.push(path);
            }
        }
    }
    pictures.sort();
    if pictures.is_empty() {
        let expected = format!("pictures ({})", image::EXTENSIONS.join(", "));
        let remedy = "Name the folder of the pictures, or files.";
        return Err(tercet::Error::format(folder, "a folder without pictures", expected, remedy));
    }
    Ok(pictures)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .is_some_and(|extension| extensions.contains(&&*extension.to_string_lossy().to_lowercase()))
}
