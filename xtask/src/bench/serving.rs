//! `cargo xtask bench serving`: the throughput of `tercet serve` in predictions per second, and the latency at half of it.
//!
//! The clients run on the same machine and use some of its CPU time. Each has its own connection and sends one picture
//! of a digit repeatedly. In the first part, each client sends the next request as soon as it has an answer, which
//! gives the throughput. In the second part, requests are due at fixed times, as from independent users, and the latency
//! of each is counted from the time at which it was due.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tercet_record::{Record, machine};

use crate::command::{cargo, program, run as execute};
use crate::repository::Repository;

/// Options of `cargo xtask bench serving`.
#[derive(clap::Args)]
pub struct Arguments {
    /// Number of clients
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    clients: u32,
    /// Duration of each of the two parts
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Side of the picture in pixels
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(i32).range(28..=512))]
    side: i32,
    /// Rate of the second part, in requests per second [default: half of the throughput in the first]
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
}

/// A seven on white paper, as a PGM.
pub fn picture(side: i32) -> Vec<u8> {
    let ink = |x: i32, y: i32| {
        let bar = (60..140).contains(&x) && (38..52).contains(&y);
        let foot = (45..160).contains(&y) && (x - (140 - (y - 45) * 45 / 115)).abs() < 8;
        bar || foot
    };
    // Drawn on a grid of 200 × 200 points, which the pixels sample.
    let pixels =
        (0..side * side).map(|p| if ink(p % side * 200 / side, p / side * 200 / side) { 20 } else { 250 });
    let head = format!("P5 {side} {side} 255\n");
    head.into_bytes().into_iter().chain(pixels).collect()
}

/// A program that is stopped on drop.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Builds the program, trains the two-layer network, serves it, measures, and appends to the record.
pub fn run(arguments: &Arguments, repository: &Repository) -> Result<()> {
    execute(cargo(repository, &["build", "--release"]))?;
    let tercet = program(repository, "release", "tercet")?;
    let scratch = tempfile::tempdir().context("cannot create a scratch folder")?;
    let mut train = Command::new(&tercet);
    train.args(["train", "network", "--quiet"]).current_dir(scratch.path());
    execute(train)?;
    let (_server, address) = serve(&tercet, scratch.path())?;

    let body = picture(arguments.side);
    let head = format!(
        "POST /v1/predict HTTP/1.1\r\nhost: {address}\r\ncontent-type: image/x-portable-graymap\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), &body].concat();
    let span = Duration::from_secs(arguments.seconds);
    let clients = arguments.clients as usize;
    // A warm-up.
    measure(&address, &request, clients, Duration::from_secs(1), None)?;
    let fast = measure(&address, &request, clients, span, None)?;
    let most = fast.len() as f64 / arguments.seconds as f64;
    println!("{clients} clients, as fast as they are answered: {most:.0} predictions a second");
    let rate = arguments.rate.unwrap_or(most / 2.0);
    let due = measure(&address, &request, clients, span, Some(rate))?;
    let at = |share: f64| due[((due.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "at {rate:.0} a second: the middle one {:.2} ms, 99 % within {:.2} ms, 99.9 % within {:.2} ms, the last {:.2} ms",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );

    let mut row = vec![
        ("date".to_owned(), humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        ("commit".to_owned(), machine::commit(repository.root())),
        ("cpu".to_owned(), machine::cpu()),
        ("processors".to_owned(), std::thread::available_parallelism()?.to_string()),
        ("clients".to_owned(), clients.to_string()),
        ("side".to_owned(), arguments.side.to_string()),
        ("predictions a second".to_owned(), format!("{most:.0}")),
        ("rate".to_owned(), format!("{rate:.0}")),
    ];
    for (name, share) in [("p50 ms", 0.5), ("p99 ms", 0.99), ("p99.9 ms", 0.999), ("max ms", 1.0)] {
        row.push((name.to_owned(), format!("{:.2}", at(share))));
    }
    Record::open(&repository.root().join("benchmarks/records/serving.csv"))?.append(&row)
}

/// Starts the server, which prints its address.
fn serve(tercet: &Path, folder: &Path) -> Result<(Running, String)> {
    let mut command = Command::new(tercet);
    command.args(["serve", "network.safetensors", "--port", "0", "--no-open", "--quiet"]);
    command.current_dir(folder).stdout(Stdio::piped());
    let mut server = Running(command.spawn().context("cannot start `tercet serve`")?);
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().context("it has no standard output")?).read_line(&mut line)?;
    let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/'));
    let address =
        address.with_context(|| format!("`tercet serve` printed {line:?}; expected its address"))?;
    Ok((server, address.to_owned()))
}

/// The latencies of all requests, sorted: from sending, or from the time at which the request was due at that rate.
fn measure(
    address: &str,
    request: &[u8],
    clients: usize,
    span: Duration,
    rate: Option<f64>,
) -> Result<Vec<Duration>> {
    let start = Instant::now() + Duration::from_millis(50);
    let one = |client: usize| -> Result<Vec<Duration>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut spans = Vec::new();
        for number in 0.. {
            let due = match rate {
                Some(rate) => start + Duration::from_secs_f64((number * clients + client) as f64 / rate),
                None => Instant::now().max(start),
            };
            if due >= start + span {
                break;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            stream.write_all(request)?;
            expect_seven(&mut stream)?;
            spans.push(due.elapsed());
        }
        Ok(spans)
    };
    let mut spans = std::thread::scope(|scope| {
        let one = &one;
        let running: Vec<_> = (0..clients).map(|client| scope.spawn(move || one(client))).collect();
        running.into_iter().try_fold(Vec::new(), |mut all, client| {
            all.extend(client.join().expect("a client does not panic")?);
            anyhow::Ok(all)
        })
    })?;
    ensure!(!spans.is_empty(), "no request was answered in {span:?}");
    spans.sort();
    Ok(spans)
}

/// Reads an answer, which must be correct.
fn expect_seven(stream: &mut TcpStream) -> Result<()> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "the server closed the connection");
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("an answer without a length")?.parse()?;
        if bytes.len() < end + 4 + length {
            continue;
        }
        let answer: Value = serde_json::from_slice(&bytes[end + 4..])?;
        ensure!(answer["class"] == "7", "the answer is {answer}; expected the class 7");
        return Ok(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_has_as_many_pixels_as_it_says() {
        assert_eq!(picture(200).len(), b"P5 200 200 255\n".len() + 200 * 200);
    }
}
