//! Saving a trained model.

use std::path::Path;

use tercet::{Model, text};

/// Saves the model, and returns its path and size in words.
pub fn save(path: &Path, model: &Model) -> anyhow::Result<String> {
    if let Err(error) = model.save(path) {
        return Err(rescue(model, error));
    }
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len() as usize);
    Ok(format!("{} ({})", path.display(), text::bytes(bytes)))
}

/// Saves the model to the folder for temporary files, since its own folder may have become full or
/// unavailable during hours of training. The error says where it is.
fn rescue(model: &Model, error: tercet::Error) -> anyhow::Error {
    let elsewhere = std::env::temp_dir().join(format!("tercet-{}.safetensors", std::process::id()));
    match model.save(&elsewhere) {
        Ok(()) => {
            anyhow::anyhow!(
                "{error}. The trained model is saved in {} instead: move it from there",
                elsewhere.display()
            )
        }
        Err(_) => error.into(),
    }
}
