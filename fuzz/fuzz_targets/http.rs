//! The body of a prediction request, processed by the source files of the program.
//!
//! The first line is the media type, the second the query, and the rest the body.

#![no_main]
#![expect(dead_code, reason = "the files of the program have more than what predicts")]

#[path = "../../crates/tercet-cli/src/ensemble.rs"]
mod ensemble;
#[path = "../../crates/tercet-cli/src/exit.rs"]
mod exit;
#[path = "../../crates/tercet-cli/src/output_files.rs"]
mod output_files;
#[path = "../../crates/tercet-cli/src/prediction.rs"]
mod prediction;

/// Progress is not printed.
mod output {
    pub fn tell(_: impl std::fmt::Display) {}
}

/// A description for the list of models, which is not requested here.
mod evaluation {
    pub fn kind(_: &tercet::model::AnyClassifier) -> &'static str {
        ""
    }
}

#[path = "../../crates/tercet-cli/src/serve"]
mod serve {
    use std::sync::Arc;
    use std::time::Duration;

    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Response};

    mod body;
    mod models;
    pub mod predict;
    mod problem;
    mod work;

    pub struct Server {
        models: models::Models,
        budget: body::Budget,
        work: work::Work,
        timeout: Duration,
    }

    impl Server {
        pub fn new(models: &[std::path::PathBuf]) -> Arc<Self> {
            let models = models::Models::open(models).expect("models that were just written");
            let (budget, work) = (body::Budget::new(), work::Work::new(1));
            Arc::new(Server { models, budget, work, timeout: Duration::from_secs(5) })
        }
    }

    fn json_response(status: StatusCode, document: &serde_json::Value) -> Response {
        (status, document.to_string()).into_response()
    }
}

use std::sync::{Arc, OnceLock};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use tercet::image::ImageShape;
use tercet::linear::LinearClassifier;
use tercet::model::{Card, Model, ScoreKind};
use tercet::network::Dense;
use tercet::preprocess::{Input, Layout, Learner, Preprocessing, Step};

/// A model of images and one of plain features.
fn server() -> Arc<serve::Server> {
    static SERVER: OnceLock<Arc<serve::Server>> = OnceLock::new();
    let new = || {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let layout = Layout { width: 6, height: 6, position: [4.0, 4.0], longest: [4, 6], ..Layout::MNIST };
        let center = vec![Step::Grayscale, Step::Center { layout }, Step::Scale { divisor: 255.0 }];
        let inputs = [
            ("images", Input::pixels(ImageShape::gray(8, 8)), center),
            ("features", Input::features(3), Vec::new()),
        ];
        let paths = inputs.map(|(name, input, steps)| {
            let (inputs, outputs) = (input.features, 2);
            let w = (0..inputs * outputs).map(|i| i as f32 / 9.0 - 1.0).collect();
            let dense = Dense { inputs, outputs, w, b: vec![0.0; outputs] };
            let classifier = LinearClassifier::from_dense(dense).expect("a whole layer");
            let preprocessing = Preprocessing::from_steps(input, Learner::Weights, steps);
            let preprocessing = preprocessing.expect("valid steps");
            let card = Card::new(vec!["a".to_owned(), "b".to_owned()], ScoreKind::Margins);
            let path = folder.path().join(format!("{name}.safetensors"));
            Model::new(preprocessing, classifier, card).save(&path).expect("a whole model");
            path
        });
        serve::Server::new(&paths)
    };
    SERVER.get_or_init(new).clone()
}

thread_local! {
    static RUNTIME: tokio::runtime::Runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut lines = bytes.splitn(3, |&byte| byte == b'\n');
    let (kind, query) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let body = lines.next().unwrap_or_default();
    let uri = format!("/v1/predict?{}", String::from_utf8_lossy(query));
    let request = Request::post(uri).header(CONTENT_TYPE, kind).body(Body::from(body.to_vec()));
    // Invalid request heads are rejected before they reach this code.
    let Ok(request) = request else { return };
    let answer = RUNTIME.with(|runtime| runtime.block_on(serve::predict::predict(State(server()), request)));
    let status = answer.map_or_else(IntoResponse::into_response, |response| response).status();
    assert!(status.is_success() || status.is_client_error(), "{status}");
});
