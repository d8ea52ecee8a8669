//! The served models, and `GET /v1/models`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Server, json_response};
use crate::ensemble::Ensemble;
use crate::{evaluation, exit, prediction};

/// A model, and its name in requests.
pub struct Served {
    /// The name of its file, without the extension.
    pub name: String,
    /// The model.
    pub ensemble: Ensemble,
}

/// All served models.
pub struct Models(Vec<Arc<Served>>);

impl Models {
    /// Loads the model files.
    pub fn open(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let mut models: Vec<Arc<Served>> = Vec::new();
        for path in paths {
            let name = name(path);
            if models.iter().any(|model| model.name == name) {
                return Err(exit::usage(format!(
                    "found two models called {name}; expected different names, since requests name a model \
                     by its file: rename one"
                )));
            }
            let ensemble = Ensemble::from(crate::ensemble::load(path)?);
            models.push(Arc::new(Served { name, ensemble }));
        }
        Ok(Models(models))
    }

    /// The number of models.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The model of this name, or the first one if no name is given.
    pub fn find(&self, name: Option<&str>) -> Result<Arc<Served>, Problem> {
        let names = || self.0.iter().map(|model| model.name.as_str()).collect::<Vec<_>>().join(", ");
        match (name, &self.0[..]) {
            (_, []) => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "found no model; start the program with model files: tercet serve MODEL…",
            )),
            (None, [first, ..]) => Ok(first.clone()),
            (Some(name), models) => {
                models.iter().find(|model| model.name == name).cloned().ok_or_else(|| {
                    let detail =
                        format!("found the model {name:?} in the query; expected one of {}", names());
                    Problem::new(StatusCode::NOT_FOUND, detail)
                })
            }
        }
    }
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Lists the models.
pub async fn list(State(server): State<Arc<Server>>) -> Response {
    let models: Vec<Value> = server.models.0.iter().map(|model| to_json(model)).collect();
    json_response(StatusCode::OK, &json!({ "models": models }))
}

fn to_json(served: &Served) -> Value {
    let model = served.ensemble.first();
    let (card, preprocessing) = (&model.card, model.preprocessing());
    json!({
        "name": served.name,
        "kind": model.classifier().kind(),
        "about": evaluation::kind(model.classifier()),
        "classes": card.classes.names(),
        "score_kind": prediction::score_name(&served.ensemble),
        "features": preprocessing.input().features,
        "image": preprocessing.input().image,
        "preprocessing": prediction::steps(preprocessing),
        "metrics": card.metrics,
    })
}
