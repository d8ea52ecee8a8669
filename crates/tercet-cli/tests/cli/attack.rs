//! `tercet serve` under attack: half of a hundred clients are hostile, and the others lose no request.
//!
//! Nothing here depends on how fast the machine is or what else it does: a round is a fixed number of
//! requests, and the memory of the server is measured between rounds, once it has finished all of them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use image::GrayImage;

use crate::common::Scratch;
use crate::http::{Answer, Server, connect, post};
use crate::serve::{picture, png};

/// How many clients are good.
const GOOD: usize = 50;

/// How many requests each of them makes in a round.
const REQUESTS: usize = 4;

/// How many clients attack in every round, each several times.
const ATTACKERS: usize = 38;
const ATTACKS_OF_EACH: usize = 2;

/// How many clients hold connections open throughout.
const HOLDERS: usize = 12;

/// How many rounds the server has before its memory counts: buffers and threads that it keeps are created in
/// the first.
const WARM_UP: usize = 2;

/// Growth from one round to the next that is not counted as such, in bytes: less than 4 KiB per attack.
const NOISE: u64 = 256 << 10;

/// The largest growth over all rounds, in bytes. One picture or body that leaks in every round is more.
const MOST: u64 = 16 << 20;

/// The requests of attackers.
struct Requests {
    /// A body that is too large, with its length in the header.
    too_large: Vec<u8>,
    /// The same as one chunk, without a length in the header.
    too_large_chunk: Vec<u8>,
    /// The first half of a good request.
    half: Vec<u8>,
    /// Malformed forms.
    forms: [Vec<u8>; 3],
    /// A few bytes that decode to many pixels, and a few that claim to.
    bombs: [Vec<u8>; 2],
}

impl Requests {
    fn new() -> Self {
        let predict = |kind: &str, body: &[u8]| post("/v1/predict", kind, body);
        let chunk =
            b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nfffffff\r\n";
        let mut half = predict("image/png", &picture());
        half.truncate(half.len() / 2);
        Requests {
            too_large: predict("image/png", &vec![0; 8 << 20]),
            too_large_chunk: [&chunk[..], &vec![0; 8 << 20]].concat(),
            half,
            forms: [
                &b"--b\r\n\r\n"[..],
                b"--b\r\ncontent-disposition: form-data; name=\"picture\"\r\n\r\n\xff",
                b"\0",
            ]
            .map(|body| predict("multipart/form-data; boundary=b", body)),
            bombs: [
                predict("image/png", &png(&GrayImage::new(4096, 4096))),
                predict("image/x-portable-anymap", b"P5 4000 4000 255\n1"),
            ],
        }
    }
}

/// Attacks that come to an end.
const ATTACKS: [fn(SocketAddr, &Requests); 6] = [
    |address, requests| throw(address, &requests.too_large),
    |address, requests| throw(address, &requests.too_large_chunk),
    // Disconnects in the middle of a body.
    |address, requests| {
        let mut stream = connect(address);
        let _ = stream.write_all(&requests.half);
        let _ = stream.shutdown(Shutdown::Both);
    },
    |address, requests| requests.forms.iter().for_each(|form| throw(address, form)),
    |address, requests| requests.bombs.iter().for_each(|bomb| throw(address, bomb)),
    // Not HTTP.
    |address, _| throw(address, &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, b'\n', b'\r', b'\n']),
];

/// Ways to hold a connection open until `over`.
const HOLDS: [fn(SocketAddr, &AtomicBool); 3] = [
    // A head that never ends, byte by byte.
    |address, over| trickle(address, b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ", over),
    // A body that never ends.
    |address, over| {
        let head = b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4000000\r\n\r\n";
        trickle(address, head, over);
    },
    // An answer of 3 MB that is never read.
    |address, over| {
        let mut stream = connect(address);
        let _ = stream.write_all(b"GET /data/train-images-0.zst HTTP/1.1\r\nhost: localhost\r\n\r\n");
        wait(Duration::from_secs(2), over);
    },
];

/// Sends the beginning of a request, and then one byte at a time.
fn trickle(address: SocketAddr, beginning: &[u8], over: &AtomicBool) {
    let mut stream = connect(address);
    let _ = stream.write_all(beginning);
    while !over.load(Relaxed) && stream.write_all(b"a").is_ok() {
        wait(Duration::from_millis(500), over);
    }
}

/// Sends as much as the server takes, reads the beginning of the answer, and disconnects.
fn throw(address: SocketAddr, request: &[u8]) {
    let mut stream = connect(address);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(3)));
    let _ = stream.write_all(request);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 1024]);
}

fn wait(span: Duration, over: &AtomicBool) {
    let until = Instant::now() + span;
    while Instant::now() < until && !over.load(Relaxed) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ask(stream: &mut TcpStream, request: &[u8]) -> std::io::Result<Answer> {
    stream.write_all(request)?;
    Answer::read(stream, false)
}

/// The requests of a good client, all of which must be answered. Returns how long each took.
fn good_client(address: SocketAddr, request: &[u8]) -> Vec<Duration> {
    let mut stream = connect(address);
    let requests = (0..REQUESTS).map(|_| {
        let start = Instant::now();
        let answer = ask(&mut stream, request).unwrap_or_else(|_| {
            // On a busy machine, the connection may have been idle for longer than the server's timeout, and
            // been closed.
            stream = connect(address);
            ask(&mut stream, request).unwrap()
        });
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        start.elapsed()
    });
    requests.collect()
}

/// Waits until the server has finished all work: large pictures are processed in order, so the answer to one
/// comes after all the others.
fn wait_until_idle(server: &Server, requests: &Requests) {
    loop {
        let answer = server.send(&requests.bombs[0]);
        match answer.status {
            503 => std::thread::sleep(Duration::from_millis(50)),
            status => return assert!(status < 500, "{}", String::from_utf8_lossy(&answer.body)),
        }
    }
}

/// The result of an attack.
#[derive(Debug)]
struct Outcome {
    /// How long each of the good requests took, in ascending order.
    spans: Vec<Duration>,
    /// The memory of the server after each round but the first ones, in bytes; empty where the system does
    /// not tell.
    memory: Vec<u64>,
}

fn attack(rounds: usize) -> Outcome {
    let scratch = Scratch::with_model();
    let mut server = Server::start(&mut scratch.command("serve --port 0 --timeout 10 linear.safetensors"));
    let (address, pid) = (server.address, server.child.id());
    let (good, hostile) = (post("/v1/predict", "image/png", &picture()), Requests::new());
    let (mut spans, mut memory) = (Vec::new(), Vec::new());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for i in 0..HOLDERS {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    HOLDS[i % HOLDS.len()](address, over);
                }
            });
        }
        // Whatever happens in the rounds, the holders end.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for round in 0..WARM_UP + rounds {
                spans.extend(one_round(address, &good, &hostile));
                wait_until_idle(&server, &hostile);
                memory.extend(resident(pid).filter(|_| round >= WARM_UP));
            }
        }));
        over.store(true, Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    assert_eq!(server.child.try_wait().unwrap(), None, "the server has ended");
    spans.sort();
    Outcome { spans, memory }
}

fn one_round(address: SocketAddr, good: &[u8], hostile: &Requests) -> Vec<Duration> {
    std::thread::scope(|scope| {
        for i in 0..ATTACKERS {
            scope.spawn(move || {
                (0..ATTACKS_OF_EACH).for_each(|_| ATTACKS[i % ATTACKS.len()](address, hostile));
            });
        }
        let clients: Vec<_> = (0..GOOD).map(|_| scope.spawn(|| good_client(address, good))).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

/// The memory of a process, in bytes.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// Whether memory grows from round to round, or too much in all.
fn grows(memory: &[u64]) -> bool {
    let (Some(first), Some(last)) = (memory.first(), memory.last()) else { return false };
    memory.windows(2).all(|pair| pair[1] > pair[0] + NOISE) || *last > first + MOST
}

#[test]
fn good_clients_lose_no_request_while_half_of_all_are_hostile() {
    let Outcome { memory, .. } = attack(6);
    assert!(!grows(&memory), "memory after each round: {memory:?}");
}

#[test]
fn memory_that_grows_is_noticed() {
    let grown = |by: u64| (0..6).map(|round| 50_000_000 + round * by).collect::<Vec<u64>>();
    assert!(grows(&grown(1 << 20)) && grows(&grown(NOISE + 1)) && grows(&[0, MOST / 2, MOST + 1, MOST + 1]));
    // A buffer that is created late and then kept is not growth, nor is noise.
    assert!(!grows(&grown(0)) && !grows(&[50_000_000, 58_000_000, 58_000_000, 58_000_000]));
    assert!(!grows(&[50_000_000, 53_000_000, 51_000_000, 54_000_000]) && !grows(&[]));
}

/// Many rounds, with figures: `cargo test --release -p tercet-cli --test cli for_minutes -- --ignored
/// --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn good_clients_lose_no_request_for_minutes() {
    let Outcome { spans, memory } = attack(100);
    let at = |share: f64| spans[(share * (spans.len() - 1) as f64) as usize];
    println!(
        "{} good requests, all answered, the median in {:?}, 99 % in {:?}, the last in {:?}; memory \
         {memory:?}",
        spans.len(),
        at(0.5),
        at(0.99),
        at(1.0),
    );
    assert!(!grows(&memory), "memory after each round: {memory:?}");
}
