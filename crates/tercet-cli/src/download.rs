//! Downloads: resumed after an interruption, tried from several mirrors, and kept only if the digest is
//! right.
//!
//! `curl` transfers the bytes. A client with its own TLS would take longer to build than the rest of this
//! program, for a single command.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use sha2::{Digest, Sha256};
use tercet::text;

use crate::interrupt;
use crate::progress::{Stage, say};

/// How often a mirror is tried if it breaks off.
const ATTEMPTS: usize = 4;

/// How long a mirror may send nothing, in seconds.
const TIMEOUT: &str = "30";

/// How often the progress is updated.
const POLL: Duration = Duration::from_millis(50);

/// curl's exit code for a server that cannot send a part of a file.
const NO_RANGES: i32 = 33;

/// A file to download.
pub struct Download<'a> {
    /// URLs of the file, in the order in which they are tried.
    pub urls: Vec<String>,
    /// The file to write.
    pub path: &'a Path,
    /// SHA-256, in hexadecimal.
    pub sha256: &'a str,
    /// Its length, if known.
    pub bytes: Option<u64>,
}

/// How a download ended.
#[derive(PartialEq)]
pub enum Outcome {
    /// The file existed, with the right digest.
    Present,
    /// The file has been downloaded.
    Downloaded,
    /// Ctrl-C; the partial file is kept for the next time.
    Interrupted,
}

/// Downloads a file.
pub fn fetch(download: &Download<'_>) -> anyhow::Result<Outcome> {
    let path = download.path;
    if path.is_file() && digest(path)? == download.sha256 {
        return Ok(Outcome::Present);
    }
    let part = part_of(path);
    let stage = Stage::new(name_of(path), download.bytes.unwrap_or(0) as usize);
    let mut failures = Vec::new();
    for url in &download.urls {
        match try_mirror(url, download, &part, &stage)? {
            Tried::Complete => {
                // Synced before the rename, so that the name never stands for half a file.
                File::open(&part)?.sync_all()?;
                fs::rename(&part, path).with_context(|| format!("cannot write {}", path.display()))?;
                stage.done(&text::bytes(fs::metadata(path)?.len() as usize));
                return Ok(Outcome::Downloaded);
            }
            Tried::Interrupted => return Ok(Outcome::Interrupted),
            Tried::Failed(why) => {
                if failures.len() + 1 < download.urls.len() {
                    stage.say(format!("{url}: {why}; trying the next mirror"));
                }
                failures.push(format!("{url}: {why}"));
            }
        }
    }
    let kept = match size(&part) {
        0 => String::new(),
        some => format!("; {} are kept, and the next attempt resumes there", text::bytes(some as usize)),
    };
    anyhow::bail!("cannot download {}{kept}: {}", name_of(path), failures.join("; "))
}

/// How an attempt with one mirror ended.
enum Tried {
    Complete,
    Interrupted,
    Failed(String),
}

fn try_mirror(url: &str, download: &Download<'_>, part: &Path, stage: &Stage) -> anyhow::Result<Tried> {
    let mut why = String::new();
    let mut restarted = false;
    for attempt in 0..ATTEMPTS {
        let before = size(part);
        // A server rejects a request for the bytes after the end of a complete file.
        if download.bytes.is_none_or(|bytes| before != bytes) {
            match run_curl(url, download, part, stage)? {
                Ended::Interrupted => return Ok(Tried::Interrupted),
                Ended::TooLong => {
                    fs::remove_file(part)?;
                    let expected =
                        download.bytes.map_or(String::new(), |bytes| format!(" than {bytes} bytes"));
                    return Ok(Tried::Failed(format!(
                        "the file is longer{expected}, so it is a different one"
                    )));
                }
                Ended::Code(0, _) => {}
                Ended::Code(NO_RANGES, _) if !restarted => {
                    fs::remove_file(part)?;
                    restarted = true;
                    continue;
                }
                Ended::Code(code, message) => {
                    why = if message.is_empty() {
                        format!("curl failed with exit code {code}")
                    } else {
                        message
                    };
                    // Only a connection that made progress is worth another attempt.
                    if attempt + 1 < ATTEMPTS && size(part) > before {
                        stage.say(format!("{url}: {why}; resuming at {}", text::bytes(size(part) as usize)));
                        continue;
                    }
                    return Ok(Tried::Failed(why));
                }
            }
        }
        if digest(part)? == download.sha256 {
            return Ok(Tried::Complete);
        }
        why = what_is_wrong(part, download.bytes)?;
        fs::remove_file(part)?;
        // If the part was there before, it may have been the beginning of another file.
        if before == 0 || restarted {
            return Ok(Tried::Failed(why));
        }
        restarted = true;
    }
    Ok(Tried::Failed(why))
}

/// How a run of curl ended.
enum Ended {
    /// The exit code, and the error message.
    Code(i32, String),
    TooLong,
    Interrupted,
}

/// Runs curl, which appends to the part that exists.
fn run_curl(url: &str, download: &Download<'_>, part: &Path, stage: &Stage) -> anyhow::Result<Ended> {
    let mut child = match curl(url, part).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            anyhow::bail!(
                "the program `curl`, which downloads files, is not installed: install it, or download {} \
                 yourself from\n  {}\nand put it into {}",
                name_of(download.path),
                download.urls.join("\n  "),
                download.path.parent().unwrap_or(Path::new(".")).display()
            )
        }
        Err(error) => return Err(error).context("cannot start curl"),
    };
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let received = size(part);
        stage.at(received as usize);
        if interrupt::was_asked() {
            stop(&mut child);
            return Ok(Ended::Interrupted);
        }
        if download.bytes.is_some_and(|bytes| received > bytes) {
            stop(&mut child);
            return Ok(Ended::TooLong);
        }
        std::thread::sleep(POLL);
    };
    if interrupt::was_asked() {
        return Ok(Ended::Interrupted);
    }
    let mut message = String::new();
    if let Some(errors) = child.stderr.take() {
        errors.take(4096).read_to_string(&mut message).unwrap_or_default();
    }
    // `curl: (22) The requested URL returned error: 404`
    let message = message.trim();
    let message = message.split_once(") ").map_or(message, |(_, message)| message).replace('\n', "; ");
    Ok(Ended::Code(status.code().unwrap_or(-1), message))
}

fn curl(url: &str, part: &Path) -> Command {
    let mut curl = Command::new("curl");
    curl.args([
        "--fail",
        "--location",
        "--silent",
        "--show-error",
        "--continue-at",
        "-",
        "--max-redirs",
        "10",
    ])
    .args(["--proto", "=http,https", "--proto-redir", "=http,https", "--connect-timeout", "20"])
    .args(["--speed-limit", "1", "--speed-time", TIMEOUT])
    .arg("--output")
    .arg(part)
    // A URL, even if it looks like an option.
    .args(["--url", url])
    .stdin(Stdio::null())
    .stdout(Stdio::null())
    .stderr(Stdio::piped());
    curl
}

fn stop(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// What is wrong with a file that has the wrong digest.
fn what_is_wrong(part: &Path, bytes: Option<u64>) -> anyhow::Result<String> {
    let mut start = Vec::new();
    File::open(part)?.take(512).read_to_end(&mut start)?;
    let start = String::from_utf8_lossy(&start).trim_start().to_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<?xml") {
        return Ok("it sent a web page instead of the file".to_owned());
    }
    let found = size(part);
    Ok(match bytes {
        Some(bytes) if bytes != found => format!("it sent {found} bytes instead of {bytes}"),
        _ => "the file has the wrong SHA-256".to_owned(),
    })
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// The file that holds the bytes until the download is complete.
fn part_of(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}.part", name_of(path)))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// SHA-256 of a file, in hexadecimal.
fn digest(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut sha, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).with_context(|| format!("cannot read {}", path.display()))? {
            0 => break,
            count => sha.update(&buffer[..count]),
        }
    }
    Ok(sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Unpacks a `.tar.gz` whose digest has been verified.
pub fn untar(archive: &Path, folder: &Path) -> anyhow::Result<()> {
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => anyhow::bail!("`tar` could not unpack {} ({status})", archive.display()),
        Err(error) => {
            say(format!("the archive is {}", archive.display()));
            Err(error).context("cannot start `tar`: unpack the archive yourself, in its folder")
        }
    }
}
