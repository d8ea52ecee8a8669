//! `tercet data fetch` from a local server that is slow, breaks off, redirects, or sends a web page; and data
//! sets in the folders of other programs.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tercet::data::{Idx, Values, write_idx};

use crate::common::{Outcome, Scratch};

/// The file, and its SHA-256 by `sha256sum`.
const LENGTH: usize = 200_000;
const SHA256: &str = "a45477d9b0449be9fc0229ca0f104e8c0a389ddf9768221b3a34beb0287e92f7";

fn content() -> Vec<u8> {
    (0..LENGTH).map(|i| (i * i % 251) as u8).collect()
}

/// A server for a test, and the requests that it received: the path, and the first byte.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<(String, usize)>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                // Errors of a client do not matter.
                std::thread::spawn(move || drop(answer(stream, &log)));
            }
        });
        Server { address, asked }
    }

    fn asked(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// Downloads one of its files.
    fn fetch(&self, scratch: &Scratch, path: &str) -> Outcome {
        scratch.run(&format!("data fetch {}/{path}/file.bin --sha256 {SHA256}", self.address))
    }
}

fn answer(mut stream: TcpStream, asked: &Mutex<Vec<(String, usize)>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let path = lines.next().unwrap_or(Ok(String::new()))?.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut from = 0;
    for line in lines.by_ref() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().unwrap();
        }
    }
    asked.lock().unwrap().push((path.clone(), from));
    let all = content();
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n")
    };
    let rest = |from: usize| match from {
        0 => head("200 OK", LENGTH),
        _ => format!(
            "{}Content-Range: bytes {from}-{}/{LENGTH}\r\n",
            head("206 Partial Content", LENGTH - from),
            LENGTH - 1
        ),
    };
    match path.split('/').nth(1).unwrap_or_default() {
        "whole" => {
            write!(stream, "{}\r\n", rest(from))?;
            stream.write_all(&all[from..])
        }
        "slow" => {
            write!(stream, "{}\r\n", rest(from))?;
            all[from..].chunks(LENGTH / 8).try_for_each(|piece| {
                std::thread::sleep(Duration::from_millis(60));
                stream.write_all(piece)?;
                stream.flush()
            })
        }
        "breaks" => {
            write!(stream, "{}\r\n", rest(from))?;
            stream.write_all(&all[from..LENGTH.min(from + LENGTH / 3)])
        }
        "no-ranges" => {
            // It breaks off the first time, and always sends the file from the start.
            let some = if asked.lock().unwrap().len() == 1 { LENGTH / 2 } else { LENGTH };
            write!(stream, "{}\r\n", head("200 OK", LENGTH))?;
            stream.write_all(&all[..some])
        }
        "redirect" => write!(stream, "{}Location: /whole/file.bin\r\n\r\n", head("302 Found", 0)),
        "round" => write!(stream, "{}Location: /round/file.bin\r\n\r\n", head("302 Found", 0)),
        "page" => {
            let page = "<!DOCTYPE html><title>Sign in</title>";
            write!(stream, "{}\r\n{page}", head("200 OK", page.len()))
        }
        "other" => write!(stream, "{}\r\nother", head("200 OK", 5)),
        _ => write!(stream, "{}\r\n", head("404 Not Found", 0)),
    }
}

/// Whether curl is installed.
fn has_curl() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: no curl here");
    }
    found
}

#[test]
fn a_file_is_complete_from_servers_that_are_slow_break_off_or_redirect() {
    if !has_curl() {
        return;
    }
    let server = Server::start();
    for path in ["whole", "slow", "redirect", "no-ranges"] {
        let scratch = Scratch::empty();
        server.asked();
        server.fetch(&scratch, path).succeeds().says(&["file.bin"]);
        assert_eq!(scratch.read("file.bin"), content(), "{path}");
        assert_eq!(scratch.files().len(), 1, "{path} leaves something");
    }
    let scratch = Scratch::empty();
    server.asked();
    let outcome = server.fetch(&scratch, "breaks").succeeds();
    assert!(outcome.stderr.contains("resuming at 67 kB"), "{}", outcome.stderr);
    let third = LENGTH / 3;
    let from: Vec<usize> = server.asked().into_iter().map(|(_, from)| from).collect();
    assert_eq!(from, [0, third, 2 * third, 3 * third], "each request resumes where the last one broke off");
    assert_eq!(scratch.read("file.bin"), content());

    // An existing file is not downloaded again.
    let outcome = server.fetch(&scratch, "whole").succeeds();
    assert!(outcome.stderr.contains("exists already") && server.asked().is_empty());
    // A partial file is resumed, and the beginning of another file is replaced.
    for (begun, first) in [(content()[..1234].to_vec(), 1234), (vec![7; 99], 99)] {
        let scratch = Scratch::empty();
        scratch.write("file.bin.part", begun);
        server.fetch(&scratch, "whole").succeeds();
        assert_eq!(scratch.read("file.bin"), content());
        assert_eq!(server.asked()[0].1, first);
    }
}

#[test]
fn a_wrong_file_is_not_kept() {
    if !has_curl() {
        return;
    }
    let server = Server::start();
    for (path, words) in [
        ("page", "it sent a web page instead of the file"),
        ("other", "the wrong SHA-256"),
        ("missing", "404"),
        ("round", "redirects"),
    ] {
        let scratch = Scratch::empty();
        scratch.write("file.bin", "an older one");
        let outcome = server.fetch(&scratch, path).fails(3, &["cannot download file.bin", words]);
        assert_eq!(scratch.read("file.bin"), b"an older one", "{}", outcome.stderr);
        assert_eq!(scratch.files().len(), 1, "{path} leaves something");
    }
    // A data set, whose length is known: the first mirror does not have it, the second sends a web page.
    let scratch = Scratch::empty();
    let set = format!("data fetch kmnist --out k --mirror {0}/missing --mirror {0}/page", server.address);
    let words = ["cannot download train-images-idx3-ubyte.gz", "404", "a web page"];
    scratch.run(&set).fails(3, &words);
    assert!(scratch.files().is_empty());
    let asked: Vec<String> = server.asked().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        asked[asked.len() - 2..],
        ["/missing/train-images-idx3-ubyte.gz", "/page/train-images-idx3-ubyte.gz"]
    );

    let gone = format!("data fetch {}/whole/file.bin --sha256 {SHA256}", server.address);
    scratch.rejects_command(scratch.command(&gone).env("PATH", ""), 3, &["the program `curl`", "install it"]);
}

#[test]
fn invalid_requests_download_nothing() {
    let scratch = Scratch::empty();
    scratch.rejects("data fetch", 2, &["NAME|URL"]);
    scratch.rejects("data fetch cifar", 2, &["fashion-mnist", "cifar10"]);
    scratch.rejects("data fetch http://a/b.npz", 2, &["--sha256"]);
    scratch.rejects("data fetch http://a/b.npz --sha256 12", 2, &["64 hexadecimal digits"]);
    scratch.rejects(&format!("data fetch http://a/ --sha256 {SHA256}"), 2, &["a file name"]);
    scratch.rejects(&format!("data fetch http://a --sha256 {SHA256}"), 2, &["a file name"]);
    scratch.rejects(&format!("data fetch kmnist --sha256 {SHA256}"), 2, &["data sets are built in"]);
    scratch.rejects(&format!("data fetch http://a/b --sha256 {SHA256} --out nowhere"), 3, &["nowhere"]);
    scratch.rejects(&format!("data fetch file:///etc/passwd --sha256 {SHA256}"), 2, &["are built in"]);
}

#[test]
fn data_sets_are_found_in_the_folders_of_other_programs() {
    let pixels =
        |count: usize| Idx { dimensions: vec![count, 4, 4], values: Values::U8(vec![9; count * 16]) };
    let labels =
        |count: usize| Idx { dimensions: vec![count], values: Values::U8((0..count as u8).collect()) };
    let find = |scratch: &Scratch, set: &str| {
        let mut command = scratch.command(&format!("data info --data {set}"));
        for (name, value) in
            [("HOME", "."), ("TERCET_DATA", "own"), ("KERAS_HOME", "keras"), ("HF_HOME", "hub")]
        {
            command.env(name, scratch.path(value));
        }
        for name in ["HF_HUB_CACHE", "XDG_DATA_HOME"] {
            command.env_remove(name);
        }
        Outcome::of(&mut command)
    };
    for (set, folder, title, class) in [
        ("fashion-mnist", "own/fashion-mnist", "Fashion-MNIST", "Ankle boot"),
        ("fashion-mnist", "keras/datasets/fashion-mnist", "Fashion-MNIST", "T-shirt/top"),
        ("fashion-mnist", "data/FashionMNIST/raw", "Fashion-MNIST", "Sneaker"),
        ("kmnist", "datasets/KMNIST/raw", "KMNIST", "tsu"),
    ] {
        let scratch = Scratch::empty();
        let path = scratch.path(folder);
        std::fs::create_dir_all(&path).unwrap();
        for (part, count) in [("train", 10), ("t10k", 3)] {
            write_idx(&path.join(format!("{part}-images-idx3-ubyte.gz")), &pixels(count)).unwrap();
            write_idx(&path.join(format!("{part}-labels-idx1-ubyte.gz")), &labels(count)).unwrap();
        }
        find(&scratch, set).succeeds().says(&[title, class]);
    }
    let scratch = Scratch::empty();
    let words = [
        "cifar10",
        "none on this machine",
        "own/cifar10",
        "keras/datasets/cifar-10-batches-bin",
        "hub/hub/datasets--uoft-cs--cifar10",
        "tercet data fetch cifar10",
        "171 MB",
    ];
    find(&scratch, "cifar10").fails(3, &words);
    let folder = scratch.path("data/cifar-10-batches-bin");
    std::fs::create_dir_all(&folder).unwrap();
    let record: Vec<u8> = std::iter::once(3).chain(std::iter::repeat_n(100, 3072)).collect();
    for file in ["data_batch_1.bin", "test_batch.bin"] {
        std::fs::write(folder.join(file), &record).unwrap();
    }
    find(&scratch, "cifar10").succeeds().says(&["CIFAR-10", "cat"]);
}
