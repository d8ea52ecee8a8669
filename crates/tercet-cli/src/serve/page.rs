//! The files of the web page, which are built into the program, and MNIST.
//!
//! A path is looked up in a table, so that no request reaches the files of the machine.

use std::collections::HashMap;
use std::io::Write;
use std::sync::OnceLock;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// The name and the bytes of each file.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// Files below this size are not compressed.
const WORTH_COMPRESSING: usize = 1 << 10;

/// All files, by path.
pub struct Page(HashMap<String, File>);

/// A file of the page.
pub struct File {
    bytes: &'static [u8],
    kind: &'static str,
    tag: OnceLock<String>,
    compressed: OnceLock<Bytes>,
}

impl Page {
    /// The files that are built into the program.
    pub fn new() -> Self {
        let page = FILES.iter().map(|&(name, bytes)| (format!("/{name}"), bytes));
        let data = tercet_mnist::compressed().map(|(name, bytes)| (format!("/data/{name}"), bytes));
        let mut files: HashMap<String, File> =
            page.chain(data).map(|(path, bytes)| (path.clone(), File::new(&path, bytes))).collect();
        if let Some(index) = files.get("/index.html") {
            let index = File::new("/index.html", index.bytes);
            files.insert("/".to_owned(), index);
        }
        Page(files)
    }

    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }
}

impl File {
    fn new(path: &str, bytes: &'static [u8]) -> Self {
        File { bytes, kind: media_type(path), tag: OnceLock::new(), compressed: OnceLock::new() }
    }

    /// The file, or `304 Not Modified` if the client has it already.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let names = |name, wanted: &dyn Fn(&str) -> bool| {
            headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(wanted)
        };
        let gzip = self.is_worth_compressing()
            && names(ACCEPT_ENCODING, &|list| list.split(',').any(|coding| is_gzip(coding.trim())));
        let tag = self.tag();
        let tag = if gzip { format!("\"{tag}-gzip\"") } else { format!("\"{tag}\"") };
        let known = names(IF_NONE_MATCH, &|list| {
            list.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
        });

        let mut response = match known {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false if gzip => Body::from(self.compressed()).into_response(),
            false => Body::from(Bytes::from_static(self.bytes)).into_response(),
        };
        let of_response = response.headers_mut();
        // A newer program may have another page, so the browser must check whether its copy is current.
        of_response.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        of_response.insert(VARY, HeaderValue::from_static("accept-encoding"));
        of_response.extend(HeaderValue::from_str(&tag).ok().map(|tag| (ETAG, tag)));
        if !known {
            of_response.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
            if gzip {
                of_response.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }

    fn is_worth_compressing(&self) -> bool {
        let text = ["text/", "application/json", "application/wasm", "image/svg"];
        self.bytes.len() >= WORTH_COMPRESSING && text.iter().any(|kind| self.kind.starts_with(kind))
    }

    fn tag(&self) -> &str {
        self.tag.get_or_init(|| {
            Sha256::digest(self.bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
        })
    }

    fn compressed(&self) -> Bytes {
        let compress = || {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(self.bytes).expect("writing to memory cannot fail");
            encoder.finish().expect("writing to memory cannot fail").into()
        };
        self.compressed.get_or_init(compress).clone()
    }
}

/// Whether an entry of `Accept-Encoding` accepts gzip.
fn is_gzip(coding: &str) -> bool {
    let mut parts = coding.split(';').map(str::trim);
    let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
    let rejected = |part: &str| part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0);
    named && !parts.any(rejected)
}

/// The media type of a file, by its extension.
fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        "zst" => "application/zstd",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_with_mnist_beside_it() {
        let page = Page::new();
        assert_eq!(page.file("/").unwrap().kind, "text/html; charset=utf-8");
        for (name, bytes) in tercet_mnist::compressed() {
            assert_eq!(page.file(&format!("/data/{name}")).unwrap().bytes, bytes);
        }
        for path in ["", "/../Cargo.toml", "//index.html", "/data", "/data/", "/index.html/", "/.."] {
            assert!(page.file(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_client_that_knows_a_file_is_not_sent_it_again() {
        let file = File::new("/a.css", Vec::leak(vec![b'a'; 10_000]));
        let ask = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            file.answer(&headers)
        };
        let plain = ask(ACCEPT_ENCODING, "br, gzip;q=0");
        assert_eq!((plain.status(), plain.headers().get(CONTENT_ENCODING)), (StatusCode::OK, None));
        let gzip = ask(ACCEPT_ENCODING, "br, gzip");
        assert_eq!(gzip.headers()[CONTENT_ENCODING], "gzip");
        assert_ne!(plain.headers()[ETAG], gzip.headers()[ETAG]);
        let tag = plain.headers()[ETAG].to_str().unwrap();
        for known in [tag.to_owned(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            assert_eq!(ask(IF_NONE_MATCH, &known).status(), StatusCode::NOT_MODIFIED, "{known}");
        }
        assert_eq!(ask(IF_NONE_MATCH, "\"x\"").status(), StatusCode::OK);
    }
}
