//! The seeds and regressions of fuzzing as requests to the real server: no response is a server error.
//!
//! A file in `fuzz/seeds/http` and `fuzz/regressions/http` has a line with the media type, a line with the
//! query, and the body.

use std::fs;
use std::path::Path;

use crate::common::Scratch;
use crate::http::Server;

#[test]
fn no_body_causes_a_server_error() {
    let scratch = Scratch::with_model();
    fs::rename(scratch.path("linear.safetensors"), scratch.path("images.safetensors")).unwrap();
    scratch.write("f.csv", "a,b,c,label\n1,2,3,x\n4,5,7,y\n");
    scratch.run("train linear --data f.csv --validation 0 --epochs 1 --out features.safetensors").succeeds();
    let server =
        Server::start(&mut scratch.command("serve --port 0 images.safetensors features.safetensors"));

    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let folders = ["seeds/http", "regressions/http"].map(|name| fs::read_dir(fuzz.join(name)));
    let mut answers = Vec::new();
    for path in folders.into_iter().flatten().flatten().map(|entry| entry.unwrap().path()) {
        let bytes = fs::read(&path).unwrap();
        let mut lines = bytes.splitn(3, |&byte| byte == b'\n');
        let mut line = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
        let (kind, query) = (line(), line());
        let body = lines.next().unwrap_or_default();
        let answer = server.post(&format!("/v1/predict?{query}"), &kind, body);
        assert!((200..500).contains(&answer.status), "{}: {}", path.display(), answer.status);
        answers.push(answer.status);
    }
    assert!(answers.contains(&200) && answers.contains(&400), "{answers:?}");
}
