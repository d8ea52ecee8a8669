//! [`Problem`]: a rejection, in the format of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).

use std::fmt::Display;

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A rejected request: the status, and in words what was found, what was expected and what to do.
#[derive(Debug)]
pub struct Problem {
    /// The status of the response.
    pub status: StatusCode,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A rejection with a status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem { status, detail: detail.into(), header: None }
    }

    /// A malformed request.
    pub fn bad(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// A well-formed request with content that the model cannot process.
    pub fn content(error: &(impl Display + ?Sized)) -> Self {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }

    /// An overloaded server.
    pub fn busy(detail: impl Into<String>) -> Self {
        let header = Some((RETRY_AFTER, HeaderValue::from_static("1")));
        Problem { header, ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// A request without the right token.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        let header = Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tercet\"")));
        Problem { header, ..Problem::new(StatusCode::UNAUTHORIZED, detail) }
    }

    /// A method that a path does not have; `allowed` lists the methods that it has.
    pub fn method(found: impl Display, allowed: &'static str) -> Self {
        let detail = format!("found the method {found}; expected {allowed}");
        let header = Some((ALLOW, HeaderValue::from_static(allowed)));
        Problem { header, ..Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    /// A client that was too slow.
    pub fn slow(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let kind = [(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        let mut response = (self.status, kind, document.to_string()).into_response();
        response.headers_mut().extend(self.header);
        response
    }
}
