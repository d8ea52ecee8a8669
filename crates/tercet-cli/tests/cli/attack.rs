//! `tercet serve` among clients that mean it ill: half of a hundred connections are hostile, and the others lose nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use image::GrayImage;

use crate::common::Scratch;
use crate::http::{Answer, Server, connect, post};
use crate::serve::{picture, png};

/// How many connections are good, and how many hostile.
const EACH: usize = 50;

/// How long a good client waits between its requests.
const PAUSE: Duration = Duration::from_millis(50);

/// Requests that a hostile client makes once and sends as often as it can.
struct Requests {
    /// A body that is larger than it may be, its length said.
    too_large: Vec<u8>,
    /// The same in one chunk, its length not said before.
    too_large_chunk: Vec<u8>,
    /// The first half of a good one.
    half: Vec<u8>,
    /// Forms that are none.
    forms: [Vec<u8>; 3],
    /// A few bytes that become many pixels, and a few that claim to.
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

/// What hostile clients do, over and over.
const ATTACKS: [fn(SocketAddr, &Requests, &AtomicBool); 9] = [
    // A head that never ends, one byte after the other.
    |address, _, over| trickle(address, b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ", over),
    // A body, likewise.
    |address, _, over| {
        let head = b"POST /v1/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4000000\r\n\r\n";
        trickle(address, head, over);
    },
    |address, requests, _| throw(address, &requests.too_large),
    |address, requests, _| throw(address, &requests.too_large_chunk),
    // Gone in the middle of a body.
    |address, requests, _| {
        let mut stream = connect(address);
        let _ = stream.write_all(&requests.half);
        let _ = stream.shutdown(Shutdown::Both);
    },
    |address, requests, _| requests.forms.iter().for_each(|form| throw(address, form)),
    |address, requests, _| requests.bombs.iter().for_each(|bomb| throw(address, bomb)),
    // An answer of 3 MB that is not read.
    |address, _, over| {
        let mut stream = connect(address);
        let _ = stream.write_all(b"GET /data/train-images-0.zst HTTP/1.1\r\nhost: localhost\r\n\r\n");
        wait(Duration::from_secs(2), over);
    },
    // What is no HTTP.
    |address, _, _| {
        throw(address, &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, b'\n', b'\r', b'\n'])
    },
];

/// Sends a beginning, and then a byte at a time.
fn trickle(address: SocketAddr, beginning: &[u8], over: &AtomicBool) {
    let mut stream = connect(address);
    let _ = stream.write_all(beginning);
    while !over.load(Relaxed) && stream.write_all(b"a").is_ok() {
        wait(Duration::from_secs(1), over);
    }
}

/// Sends all that the server takes, reads what it says, and leaves.
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

/// What came of an attack.
#[derive(Debug)]
struct Outcome {
    /// How long each of the good requests took, in order of length.
    spans: Vec<Duration>,
    /// How often something hostile was done.
    attacks: usize,
    /// The memory that the program had on average in the second third of the time, and in the last: bytes, where the
    /// system says.
    memory: Option<[f64; 2]>,
}

/// Attacks for so long.
fn attack(arguments: &str, span: Duration) -> Outcome {
    let scratch = Scratch::with_model();
    let mut server = Server::start(
        &mut scratch.command(&format!("serve --port 0 --patience 4 {arguments} linear.safetensors")),
    );
    let (address, pid) = (server.address, server.child.id());
    let request = post("/v1/predict", "image/png", &picture());
    let hostile = Requests::new();
    let (over, attacks) = (AtomicBool::new(false), AtomicUsize::new(0));

    let (mut spans, memory) = std::thread::scope(|scope| {
        for i in 0..EACH {
            let (hostile, over, attacks) = (&hostile, &over, &attacks);
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    ATTACKS[i % ATTACKS.len()](address, hostile, over);
                    attacks.fetch_add(1, Relaxed);
                }
            });
        }
        let good: Vec<_> = (0..EACH)
            .map(|_| {
                scope.spawn(|| {
                    let (mut spans, mut stream) = (Vec::new(), connect(address));
                    while !over.load(Relaxed) {
                        let start = Instant::now();
                        let answer = ask(&mut stream, &request).unwrap_or_else(|_| {
                            // A connection that was idle for longer than the server's patience, since this machine was busy
                            // with other things, is closed; any client then takes a new one.
                            stream = connect(address);
                            ask(&mut stream, &request).unwrap()
                        });
                        spans.push(start.elapsed());
                        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                        std::thread::sleep(PAUSE);
                    }
                    spans
                })
            })
            .collect();

        let (start, mut thirds) = (Instant::now(), [(0, 0); 3]);
        while start.elapsed() < span {
            let third = (start.elapsed().as_nanos() * 3 / span.as_nanos()).min(2) as usize;
            thirds[third].0 += resident(pid).unwrap_or(0);
            thirds[third].1 += 1;
            std::thread::sleep(Duration::from_millis(2));
        }
        over.store(true, Relaxed);
        let spans: Vec<Duration> = good.into_iter().flat_map(|client| client.join().unwrap()).collect();
        let mean = |(sum, count): (u64, u64)| sum as f64 / count.max(1) as f64;
        (spans, (thirds[1].0 > 0).then_some([mean(thirds[1]), mean(thirds[2])]))
    });
    assert_eq!(server.child.try_wait().unwrap(), None, "the server is still there");
    spans.sort();
    Outcome { spans, attacks: attacks.into_inner(), memory }
}

/// How much memory a process has now, in bytes.
fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

impl Outcome {
    /// Asserts what must hold however fast the machine is.
    #[track_caller]
    fn holds(&self) {
        assert!(
            self.spans.len() >= EACH && self.attacks >= EACH,
            "{} and {}",
            self.spans.len(),
            self.attacks
        );
        if let Some([before, after]) = self.memory {
            assert!(after <= 1.1 * before, "memory grew from {before:.0} to {after:.0} bytes");
        }
    }
}

#[test]
fn good_clients_lose_no_request_while_half_of_all_are_hostile() {
    attack("", Duration::from_secs(9)).holds();
}

/// The same for minutes, with its figures: `cargo test --release -p tercet-cli --test cli for_minutes -- --ignored --nocapture`.
#[test]
#[ignore = "takes three minutes"]
fn good_clients_lose_no_request_for_minutes() {
    let outcome = attack("", Duration::from_secs(180));
    let at = |share: f64| outcome.spans[(share * (outcome.spans.len() - 1) as f64) as usize];
    println!(
        "{} good requests, all answered, the middle one in {:?}, 99 % in {:?}, the last in {:?}; {} attacks; memory {:.0?}",
        outcome.spans.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        outcome.attacks,
        outcome.memory
    );
    outcome.holds();
}
