//! Pictures of the user's, as a model sees them.

use std::io::Read;
use std::path::Path;

use tercet::image::{self, Prepared};
use tercet::model::ModelFile;

/// Refuses a model that reads no pictures.
pub fn check_contract(model: &ModelFile, path: &Path) -> anyhow::Result<()> {
    let contract = &model.card.contract;
    if contract.image.is_some() {
        return Ok(());
    }
    let (what, found) = (format!("input of {}", path.display()), format!("{} features", contract.features));
    Err(tercet::Error::mismatch(what, found, "images; this model reads no pictures").into())
}

/// Reads a picture, `-` from standard input, and makes it what the model was trained on.
pub fn read(model: &ModelFile, path: &Path) -> anyhow::Result<Prepared> {
    let picture = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(image::MAX_BYTES + 1).read_to_end(&mut bytes)?;
        image::decode(&bytes, Path::new("standard input"))?
    } else {
        image::open(path)?
    };
    image::prepare(&picture, &model.card.contract)
        .map_err(|error| anyhow::Error::new(error).context(path.display().to_string()))
}
