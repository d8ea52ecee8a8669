//! Access control, and the security headers of every response.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_SECURITY_POLICY, COOKIE, HOST, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Server;
use super::problem::Problem;
use super::token::Token;

/// The page loads nothing from other servers, and runs only its own scripts and WebAssembly.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; \
     img-src 'self' data: blob:";

/// The headers of every response.
const ALWAYS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    // The first address of the page contains the token.
    (REFERRER_POLICY, "no-referrer"),
];

/// The cookie with the token.
const TOKEN_COOKIE: &str = "tercet-token";

/// The only path that needs no token: it only reports that the program works.
const OPEN: &str = "/v1/health";

/// Lets a request pass, or rejects it.
pub async fn pass(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let checked = match &server.token {
        None => is_local(&request).map(|()| None),
        Some(_) if request.uri().path() == OPEN => Ok(None),
        Some(token) => check_token(token, &request),
    };
    let mut response = match checked {
        Ok(None) => next.run(request).await,
        Ok(Some(entry)) => entry,
        Err(problem) => {
            server.budget.drain(request.into_body()).await;
            problem.into_response()
        }
    };
    for (name, value) in ALWAYS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Checks that the host name of the request is a local one. A foreign web page may use a host name that
/// resolves to the loopback address (DNS rebinding), and must not have access.
fn is_local(request: &Request) -> Result<(), Problem> {
    let of_header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or(of_header);
    // HTTP/1.0 may leave it out; browsers do not.
    let Some(host) = host else { return Ok(()) };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let local = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match local {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            format!("found the host {name:?}; expected localhost or a loopback address"),
        )),
    }
}

/// Checks the token in a header, in a cookie, or in the address of the page. The latter sets the cookie and
/// redirects to the address without the token.
fn check_token(token: &Token, request: &Request) -> Result<Option<Response>, Problem> {
    let headers = request.headers();
    let given = headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    if given.is_some_and(|guess| token.is(guess)) || cookies(headers).any(|guess| token.is(guess.as_bytes()))
    {
        return Ok(None);
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let query = request.uri().query().unwrap_or_default();
    let in_address = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "token");
    if reads && in_address.is_some_and(|(_, guess)| token.is(guess.as_bytes())) {
        let cookie = format!("{TOKEN_COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", token.secret());
        let to =
            |value: &str| HeaderValue::from_str(value).map_err(|_| Problem::bad("the address is not text"));
        // A path that starts with two slashes would redirect to another host.
        let path = format!("/{}", request.uri().path().trim_start_matches('/'));
        let headers = [(SET_COOKIE, to(&cookie)?), (LOCATION, to(&path)?)];
        return Ok(Some((StatusCode::SEE_OTHER, headers).into_response()));
    }
    let found = if headers.contains_key(AUTHORIZATION) { "a wrong token" } else { "no token" };
    Err(Problem::unauthorized(format!(
        "found {found}; expected the token that the program printed, as `Authorization: Bearer TOKEN`. In a \
         browser, open the address that the program printed"
    )))
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|pairs| pairs.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(TOKEN_COOKIE)?.strip_prefix('='))
}

/// What follows `Bearer`, in upper or lower case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, guess) = value.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(guess)
}
