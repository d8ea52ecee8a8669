//! Saving a trained model.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tercet::{Model, text};

use crate::output;

/// A model file. `Display` prints its path and size.
pub struct Saved {
    path: PathBuf,
    bytes: usize,
    /// The rest of the document of `--json`.
    document: Value,
}

impl Saved {
    /// Prints the path and size, or with `--json` a document.
    pub fn print(&self, as_json: bool) -> anyhow::Result<()> {
        match as_json {
            true => output::print_files(true, &[&self.path], self.document.clone()),
            false => output::print(self),
        }
    }
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path.display(), text::bytes(self.bytes))
    }
}

/// Saves the model.
pub fn save(path: &Path, model: &Model) -> anyhow::Result<Saved> {
    if let Err(error) = model.save(path) {
        return Err(rescue(model, error));
    }
    let bytes = std::fs::metadata(path).map_or(0, |file| file.len() as usize);
    let document = json!({
        "kind": model.classifier().kind(),
        "bytes": bytes,
        "preprocessing": model.preprocessing().to_string(),
        "settings": model.card.settings,
        "metrics": model.card.metrics,
        "warnings": model.card.warnings,
    });
    Ok(Saved { path: path.to_owned(), bytes, document })
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
