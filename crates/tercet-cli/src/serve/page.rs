//! The files of the web page, which are built into the program, and MNIST.
//!
//! A path is looked up in a table, so that no request reaches the files of the machine.

use std::collections::HashMap;
use std::io::Read;
use std::sync::OnceLock;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// The name and the bytes of each file, and whether they are compressed by gzip: as the build script stores them.
static FILES: &[(&str, &[u8], bool)] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// All files, by path.
pub struct Page(HashMap<String, File>);

/// A file of the page.
pub struct File {
    stored: &'static [u8],
    /// Whether it is stored compressed.
    is_gzip: bool,
    kind: &'static str,
    tag: OnceLock<String>,
    plain: OnceLock<Bytes>,
}

impl Page {
    /// The files that are built into the program.
    pub fn new() -> Self {
        let page = FILES.iter().map(|&(name, stored, is_gzip)| (format!("/{name}"), stored, is_gzip));
        let data = tercet_mnist::compressed().map(|(name, bytes)| (format!("/data/{name}"), bytes, false));
        let files = page.chain(data).map(|(path, stored, is_gzip)| {
            let file = File::new(&path, stored, is_gzip);
            (path, file)
        });
        let mut files: HashMap<String, File> = files.collect();
        if let Some(&File { stored, is_gzip, .. }) = files.get("/index.html") {
            files.insert("/".to_owned(), File::new("/index.html", stored, is_gzip));
        }
        Page(files)
    }

    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }
}

impl File {
    fn new(path: &str, stored: &'static [u8], is_gzip: bool) -> Self {
        File { stored, is_gzip, kind: media_type(path), tag: OnceLock::new(), plain: OnceLock::new() }
    }

    /// The file, or `304 Not Modified` if the client has it already.
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let names = |name, wanted: &dyn Fn(&str) -> bool| {
            headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).any(wanted)
        };
        let gzip = self.is_gzip
            && names(ACCEPT_ENCODING, &|list| list.split(',').any(|coding| is_gzip(coding.trim())));
        let tag = self.tag();
        let tag = if gzip { format!("\"{tag}-gzip\"") } else { format!("\"{tag}\"") };
        let known = names(IF_NONE_MATCH, &|list| {
            list.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
        });

        let mut response = match known {
            true => StatusCode::NOT_MODIFIED.into_response(),
            false if gzip => Body::from(Bytes::from_static(self.stored)).into_response(),
            false => Body::from(self.plain()).into_response(),
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

    fn tag(&self) -> &str {
        self.tag.get_or_init(|| {
            Sha256::digest(self.stored).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
        })
    }

    /// The contents, for a client that does not accept gzip.
    fn plain(&self) -> Bytes {
        let decompress = || {
            let mut plain = Vec::new();
            let mut decoder = flate2::read::GzDecoder::new(self.stored);
            decoder.read_to_end(&mut plain).expect("the build script compressed it");
            plain.into()
        };
        match self.is_gzip {
            true => self.plain.get_or_init(decompress).clone(),
            false => Bytes::from_static(self.stored),
        }
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
    use std::io::Write;

    use super::*;

    #[test]
    fn the_page_is_there_with_mnist_beside_it() {
        let page = Page::new();
        assert_eq!(page.file("/").unwrap().kind, "text/html; charset=utf-8");
        for (name, bytes) in tercet_mnist::compressed() {
            assert_eq!(page.file(&format!("/data/{name}")).unwrap().plain(), bytes);
        }
        for (path, start) in [("/", &b"<!doctype html>"[..]), ("/tercet.wasm", b"\0asm")] {
            let file = page.file(path).unwrap();
            assert!(file.is_gzip && file.stored.starts_with(&[0x1f, 0x8b]), "{path}");
            assert!(file.plain()[..start.len()].eq_ignore_ascii_case(start), "{path}");
        }
        for path in ["", "/../Cargo.toml", "//index.html", "/data", "/data/", "/index.html/", "/.."] {
            assert!(page.file(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_client_that_knows_a_file_is_not_sent_it_again() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&[b'a'; 10_000]).unwrap();
        let file = File::new("/a.css", Vec::leak(encoder.finish().unwrap()), true);
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
