//! Writing a trained model.

use std::path::Path;

use tercet::{Model, text};

/// Writes the model, and returns where it is and how large.
pub fn save(path: &Path, model: &Model) -> anyhow::Result<String> {
    if let Err(error) = model.save(path) {
        return Err(rescue(model, error));
    }
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len() as usize);
    Ok(format!("{} ({})", path.display(), text::bytes(bytes)))
}

/// What could be written to when the training began may be full or gone when it ends. Hours of work are not: the model is
/// kept among the temporary files, and the error says where.
fn rescue(model: &Model, error: tercet::Error) -> anyhow::Error {
    let elsewhere = std::env::temp_dir().join(format!("tercet-{}.safetensors", std::process::id()));
    match model.save(&elsewhere) {
        Ok(()) => {
            anyhow::anyhow!(
                "{error}. The trained model is kept in {}: move it from there",
                elsewhere.display()
            )
        }
        Err(_) => error.into(),
    }
}
