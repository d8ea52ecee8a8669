//! `tercet serve`: the page, and an interface over HTTP that asks models about pictures.
//!
//! ```text
//! connection  accepts, and takes leave of clients that hold it up
//! gate        who may ask: the token, the name that this machine is called by
//! page        the files of the page
//! models      GET /v1/models
//! predict     POST /v1/predict: body → work → the same steps as `tercet predict`
//! ```
//!
//! One thread serves all connections and only passes bytes on; what computes does so elsewhere ([`work`]). Every refusal is
//! a [`problem::Problem`]. `openapi.json` describes the interface and is itself served.

mod body;
mod connection;
mod gate;
mod models;
mod page;
mod predict;
mod problem;
mod token;
mod work;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::{Value, json};

use self::models::Models;
use self::page::Page;
use self::problem::Problem;
use self::token::Token;
use self::work::Work;

pub use self::connection::listen;

/// The description of the interface.
const OPENAPI: &str = include_str!("openapi.json");

/// Everything that answering takes.
pub struct Server {
    models: Models,
    page: Page,
    token: Option<Token>,
    budget: body::Budget,
    work: Work,
    patience: Duration,
}

impl Server {
    /// Reads the models and the token. Without a token that was given, one is generated where `host` can be reached from
    /// other machines.
    pub fn new(
        models: &[PathBuf],
        host: IpAddr,
        token_file: Option<&Path>,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let token = match Token::given(token_file)? {
            None if !host.is_loopback() => Some(Token::generate()?),
            given => given,
        };
        Ok(Server {
            models: Models::open(models)?,
            page: Page::new(),
            token,
            budget: body::Budget::new(),
            work: Work::new(rayon::current_num_threads()),
            patience,
        })
    }

    /// How long a client may take over anything.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// How many models there are to ask.
    pub fn model_count(&self) -> usize {
        self.models.len()
    }

    /// Where the page is, with the token that opens it.
    pub fn address(&self, bound: SocketAddr) -> String {
        match &self.token {
            None => format!("http://{bound}/"),
            Some(token) => format!("http://{bound}/?token={}", token.secret()),
        }
    }

    /// All paths with what answers there.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/v1/predict", only(post(predict::predict), "POST"))
            .route("/v1/models", only(get(models::list), "GET, HEAD"))
            .route("/v1/health", only(get(health), "GET, HEAD"))
            .route("/v1/openapi.json", only(get(openapi), "GET, HEAD"))
            .fallback(file)
            .layer(from_fn_with_state(self.clone(), gate::pass))
            .with_state(self)
    }
}

/// A path that has these methods and refuses others.
fn only(methods: MethodRouter<Arc<Server>>, allowed: &'static str) -> MethodRouter<Arc<Server>> {
    methods.fallback(move |State(server): State<Arc<Server>>, request: Request| async move {
        let problem = Problem::method(request.method(), allowed);
        server.budget.drain(request.into_body()).await;
        problem
    })
}

/// An answer in JSON, which is nobody's to keep.
fn json_response(status: StatusCode, document: &Value) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, document.to_string()).into_response()
}

async fn health(State(server): State<Arc<Server>>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    let document = json!({ "status": "ok", "version": version, "models": server.models.len() });
    json_response(StatusCode::OK, &document)
}

async fn openapi() -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], Body::from(OPENAPI)).into_response()
}

/// A file of the page, or that there is none.
async fn file(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let problem = if server.page.file(path).is_none() {
        Problem::new(
            StatusCode::NOT_FOUND,
            format!(
                "found nothing at {path}; expected a file of the page, or what /v1/openapi.json describes"
            ),
        )
    } else if !matches!(head.method, Method::GET | Method::HEAD) {
        Problem::method(&head.method, "GET, HEAD")
    } else {
        // To compress a file for the first time takes a while.
        let (headers, path) = (head.headers, path.to_owned());
        let answered =
            tokio::task::spawn_blocking(move || Some(server.page.file(&path)?.answer(&headers))).await;
        let response =
            answered.ok().flatten().ok_or_else(|| Problem::busy("the page is not there: try again"))?;
        return Ok(response);
    };
    server.budget.drain(body).await;
    Err(problem)
}
