//! The pictures of the user.

use std::io::Read;
use std::path::Path;

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
