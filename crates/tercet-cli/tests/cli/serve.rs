//! `tercet serve`.

use std::io::{Read, Write};

use image::{GrayImage, ImageFormat, Luma};
use serde_json::{Value, json};

use crate::common::Scratch;
use crate::http::{Answer, Server, post};

/// Dark rows on white paper, larger than the model's input.
pub fn picture() -> Vec<u8> {
    let picture = GrayImage::from_fn(40, 40, |x, y| {
        let ink = (8..32).contains(&x) && (8..32).contains(&y) && y % 12 < 6;
        Luma([if ink { 20 } else { 240 }])
    });
    png(&picture)
}

/// A picture as the bytes of a file.
pub fn png(picture: &GrayImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn serve(scratch: &Scratch, arguments: &str) -> Server {
    Server::start(&mut scratch.command(&format!("serve --port 0 {arguments}")))
}

fn form(picture: &[u8]) -> Vec<u8> {
    let before =
        b"--b\r\ncontent-disposition: form-data; name=\"note\"\r\n\r\nx\r\n--b\r\ncontent-disposition: \
        form-data; name=\"picture\"; filename=\"p.png\"\r\n\r\n";
    [&before[..], picture, b"\r\n--b--\r\n"].concat()
}

#[test]
fn every_kind_of_model_gives_the_answer_of_predict() {
    let scratch = Scratch::with_model();
    scratch.run("train neighbors --data small").succeeds();
    scratch.run("train network --data small").succeeds();
    scratch.write("p.png", picture());
    let server = serve(&scratch, "linear.safetensors neighbors.safetensors network.safetensors");
    for (kind, number) in [("linear", "score"), ("neighbors", "votes"), ("network", "probability")] {
        let json = scratch.run(&format!("predict {kind}.safetensors p.png --json")).succeeds().json();
        let expected = json!({
            "model": kind,
            "class": json[0]["class"],
            "score": json[0][number],
            "score_kind": number,
            "scores": json[0]["scores"],
            "preprocessing": json[0]["preprocessing"],
        });
        let path = format!("/v1/predict?model={kind}");
        for (content_type, body) in
            [("image/png", picture()), ("multipart/form-data; boundary=b", form(&picture()))]
        {
            let answer = server.post(&path, content_type, body);
            assert_eq!((answer.status, answer.json()), (200, expected.clone()), "{kind}, {content_type}");
        }
    }
    let pixels: Vec<Value> = (0..144).map(|p| json!(if p % 12 < 6 { 200 } else { 0 })).collect();
    let body = json!({ "pixels": pixels, "width": 12 }).to_string();
    let answer = server.post("/v1/predict", "application/json; charset=utf-8", body);
    assert_eq!((answer.status, &answer.json()["model"]), (200, &json!("linear")), "the first one");

    let models = server.get("/v1/models").json();
    let names: Vec<&Value> =
        models["models"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["linear", "neighbors", "network"]);
    assert_eq!(models["models"][0]["image"], json!({ "width": 12, "height": 12, "channels": 1 }));
    assert_eq!(server.get("/v1/health").json()["models"], 3);
}

#[test]
fn every_rejection_is_a_problem_document() {
    let scratch = Scratch::with_model();
    let server = serve(&scratch, "linear.safetensors");
    let ask = |kind: &str, body: &[u8]| server.post("/v1/predict", kind, body);
    ask("image/png", b"no picture").rejects(422, &["a file that is not a picture"]);
    ask("image/png", b"").rejects(422, &["an empty file"]);
    ask("image/png", &picture()[..100]).rejects(422, &["damaged or truncated"]);
    ask("image/png", &png(&GrayImage::new(5000, 8))).rejects(422, &["5000 × 8", "4096 pixels a side"]);
    ask("image/x-portable-anymap", b"P5 4000 4000 255\n12").rejects(422, &["claimed by a file of 19 bytes"]);
    ask("text/plain", b"a").rejects(415, &["text/plain", "image/png"]);
    ask("multipart/form-data", b"a").rejects(400, &["boundary"]);
    ask("multipart/form-data; boundary=b", b"a").rejects(400, &["the form cannot be read"]);
    ask("multipart/form-data; boundary=b", b"--b\r\n").rejects(400, &["the form cannot be read"]);
    ask("multipart/form-data; boundary=b", b"--b--\r\n").rejects(400, &["a field `picture`"]);
    let json = |text: &str| ask("application/json", text.as_bytes());
    json("{").rejects(400, &["JSON"]);
    json("{}").rejects(400, &["neither pixels nor features"]);
    json(r#"{"pixels":[1],"features":[1]}"#).rejects(400, &["both pixels and features"]);
    json(r#"{"pixels":[256]}"#).rejects(400, &["256"]);
    json(r#"{"pixels":[1],"width":99999,"height":1}"#).rejects(422, &["4096 pixels a side"]);
    json(r#"{"pixels":[1]}"#).rejects(422, &["values of a picture of 12 × 12 pixels"]);
    json(r#"{"features":[1]}"#).rejects(422, &["1 features", "pixels or a picture"]);
    json(&"[".repeat(100_000)).rejects(400, &["JSON"]);

    server.post("/v1/predict?model=other", "image/png", picture()).rejects(404, &["\"other\"", "linear"]);
    server.post("/v1/predict?color=red", "image/png", picture()).rejects(400, &["\"color\""]);
    server.post("/v1/models", "image/png", picture()).rejects(405, &["POST", "GET"]);
    let not_allowed = server.get("/v1/predict").rejects(405, &["GET", "POST"]);
    assert_eq!(not_allowed.header("allow"), Some("POST"));
    server.get("/v1/nothing").rejects(404, &["/v1/nothing"]);

    // A body that is too large, with its length in the header or not; a client that sends all of it receives
    // the rejection.
    let large = vec![0; 6 << 20];
    ask("image/png", &large).rejects(413, &["6291456 bytes", "at most 4194304"]);
    let head = "POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n600000\r\n";
    server.send([head.as_bytes(), &large, b"\r\n0\r\n\r\n"].concat()).rejects(413, &["at most 4194304"]);
}

#[test]
fn only_the_page_is_served() {
    let scratch = Scratch::empty();
    let server = serve(&scratch, "");
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'self';"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let tag = page.header("etag").unwrap();
    let again = server.send(format!("GET / HTTP/1.1\r\nhost: localhost\r\nif-none-match: {tag}\r\n\r\n"));
    assert_eq!((again.status, again.body.len()), (304, 0));
    let head = server.send("HEAD / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(head.header("content-length"), page.header("content-length"));

    let labels = server.get("/data/train-labels.zst");
    assert_eq!((labels.status, &labels.body[..4]), (200, &[0x28, 0xb5, 0x2f, 0xfd][..]));
    for path in [
        "/../Cargo.toml",
        "/data/../../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "//etc/passwd",
        "/data",
        "/data/train-labels.zst/",
    ] {
        server.get(path).rejects(404, &["found nothing at"]);
    }
    let description = server.get("/v1/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    server.post("/v1/predict", "image/png", picture()).rejects(404, &["tercet serve MODEL"]);
    // A foreign page whose host name resolves to this machine has no access.
    server.send("GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n").rejects(421, &["evil.example"]);
}

#[test]
fn other_machines_need_the_token() {
    let scratch = Scratch::with_model();
    let server = serve(&scratch, "--host 0.0.0.0 linear.safetensors");
    let token = server.printed.split_once("/?token=").unwrap().1.to_owned();
    assert_eq!(token.len(), 64);
    for path in ["/", "/v1/models", "/v1/openapi.json", "/nothing", "/?token=guess"] {
        let refused = server.get(path).rejects(401, &["Authorization: Bearer"]);
        assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    let ask = |header: &str| {
        server.send(format!("GET /v1/models HTTP/1.1\r\nhost: lab.example\r\n{header}\r\n\r\n")).status
    };
    assert_eq!(ask("authorization: Bearer guess"), 401);
    assert_eq!(ask(&format!("authorization: Basic {token}")), 401);
    assert_eq!(ask(&format!("authorization: Bearer {token}")), 200);
    assert_eq!(ask(&format!("cookie: a=b; tercet-token={token}")), 200);
    server.post("/v1/predict", "image/png", picture()).rejects(401, &[]);
    assert_eq!(server.get("/v1/health").status, 200);

    let entry = server.get(&format!("/?token={token}"));
    assert_eq!((entry.status, entry.header("location")), (303, Some("/")));
    let cookie = entry.header("set-cookie").unwrap();
    assert!(cookie.contains(&token) && cookie.contains("HttpOnly; SameSite=Strict"));

    let mut command = scratch.command("serve --port 0 linear.safetensors");
    let given = Server::start(command.env("TERCET_TOKEN", "sixteen-letters-at-least"));
    assert!(given.printed.ends_with("/?token=sixteen-letters-at-least"));
    given.get("/").rejects(401, &[]);
    scratch.write("token", "short\n");
    scratch.rejects("serve --token-file token", 2, &["found 5 characters", "16 to 1024"]);
    scratch.rejects("serve --token-file none", 3, &["none"]);
}

#[test]
fn what_cannot_be_served_is_rejected() {
    let scratch = Scratch::with_model();
    let server = serve(&scratch, "linear.safetensors");
    let taken = server.address.port();
    scratch.rejects(&format!("serve --port {taken}"), 3, &["cannot listen on", "--port"]);
    scratch.rejects("serve none.safetensors", 3, &["none.safetensors"]);
    scratch.rejects("serve linear.safetensors linear.safetensors", 2, &["two models called linear"]);
    for arguments in ["serve --host example", "serve --port 99999", "serve --timeout 0"] {
        assert_eq!(scratch.run(arguments).code, Some(2), "{arguments}");
    }
}

/// A client that is too slow is disconnected, and does not delay the others.
#[test]
fn slow_clients_are_disconnected() {
    let scratch = Scratch::with_model();
    let server = serve(&scratch, "--timeout 2 linear.safetensors");
    let mut silent = server.connect();
    let mut unfinished = server.connect();
    unfinished.write_all(b"GET / HTTP/1.1\r\nhost:").unwrap();
    let mut half = server.connect();
    let request = post("/v1/predict", "image/png", &picture());
    half.write_all(&request[..request.len() - 10]).unwrap();
    // On a busy machine, a good client may be too slow for this server as well.
    let good = || {
        let mut stream = server.connect();
        stream.write_all(&request)?;
        Answer::read(&mut stream, false)
    };
    assert!((0..20).any(|_| good().is_ok_and(|answer| answer.status == 200)));
    Answer::read(&mut half, false).unwrap().rejects(408, &["Send it faster"]);
    for stream in [&mut silent, &mut unfinished, &mut half] {
        let mut rest = Vec::new();
        // A reset ends the connection as well.
        let _ = stream.read_to_end(&mut rest);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_after_the_pending_requests() {
    use std::process::Command;

    let scratch = Scratch::with_model();
    let mut server = serve(&scratch, "linear.safetensors");
    let mut idle = server.connect();
    let mut busy = server.connect();
    let request = post("/v1/predict", "image/png", &picture());
    busy.write_all(&request[..request.len() - 10]).unwrap();
    assert_eq!(server.get("/v1/health").status, 200);
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    busy.write_all(&request[request.len() - 10..]).unwrap();
    assert_eq!(Answer::read(&mut busy, false).unwrap().status, 200);
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}
