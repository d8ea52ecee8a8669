//! `tercet serve`: the web page, and an HTTP API for predictions.
//!
//! ```text
//! connection  accepts connections, and closes those of slow clients
//! gate        access control: the token, and the host name of the request
//! page        the files of the page
//! models      GET /v1/models
//! predict     POST /v1/predict: body → work → the same steps as `tercet predict`
//! ```
//!
//! One thread serves all connections and only transfers bytes; other threads compute ([`work`]). Every
//! rejection is a [`problem::Problem`]. `openapi.json` describes the API and is served as well.

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

/// The description of the API.
const OPENAPI: &str = include_str!("openapi.json");

/// The state that all requests share.
pub struct Server {
    models: Models,
    page: Page,
    token: Option<Token>,
    budget: body::Budget,
    work: Work,
    timeout: Duration,
}

impl Server {
    /// Loads the models and reads the token. If no token is given, and other machines can connect to `host`,
    /// one is generated.
    pub fn new(
        models: &[PathBuf],
        host: IpAddr,
        token_file: Option<&Path>,
        timeout: Duration,
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
            timeout,
        })
    }

    /// The time limit for a client to send a request, and to receive the answer.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The number of models.
    pub fn model_count(&self) -> usize {
        self.models.len()
    }

    /// The address of the page, with the token.
    pub fn address(&self, bound: SocketAddr) -> String {
        match &self.token {
            None => format!("http://{bound}/"),
            Some(token) => format!("http://{bound}/?token={}", token.secret()),
        }
    }

    /// The routes.
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

/// A route with these methods, which rejects others.
fn only(methods: MethodRouter<Arc<Server>>, allowed: &'static str) -> MethodRouter<Arc<Server>> {
    methods.fallback(move |State(server): State<Arc<Server>>, request: Request| async move {
        let problem = Problem::method(request.method(), allowed);
        server.budget.drain(request.into_body()).await;
        problem
    })
}

/// A JSON response, which must not be cached.
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

/// A file of the page, or an error if there is none.
async fn file(State(server): State<Arc<Server>>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let problem = if server.page.file(path).is_none() {
        Problem::new(
            StatusCode::NOT_FOUND,
            format!(
                "found nothing at {path}; expected a file of the page, or a path described in \
                 /v1/openapi.json"
            ),
        )
    } else if !matches!(head.method, Method::GET | Method::HEAD) {
        Problem::method(&head.method, "GET, HEAD")
    } else {
        // Compressing a file for the first time takes a while.
        let (headers, path) = (head.headers, path.to_owned());
        let answered =
            tokio::task::spawn_blocking(move || Some(server.page.file(&path)?.answer(&headers))).await;
        let response =
            answered.ok().flatten().ok_or_else(|| Problem::busy("the page is not available: try again"))?;
        return Ok(response);
    };
    server.budget.drain(body).await;
    Err(problem)
}
