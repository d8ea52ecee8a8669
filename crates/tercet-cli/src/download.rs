//! Files from the net: only when asked, resumed where they broke off, and kept only when their digest is right.
//!
//! `curl` does the download. A client with TLS of its own would take longer to build than anything else in this program, for the
//! one command that needs it.

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

/// How often a mirror that breaks off is asked to go on.
const ATTEMPTS: usize = 4;

/// How long nothing may come before a mirror is given up, in seconds.
const PATIENCE: &str = "30";

/// How often it is looked how much has come.
const LOOK: Duration = Duration::from_millis(50);

/// What curl says by its exit code of a server that cannot go on in the middle of a file.
const NO_RANGES: i32 = 33;

/// What is fetched.
pub struct Wanted<'a> {
    /// The addresses, of which any will do.
    pub addresses: Vec<String>,
    /// Where it goes.
    pub path: &'a Path,
    /// SHA-256, in hexadecimal.
    pub sha256: &'a str,
    /// Its length, where that is known.
    pub bytes: Option<u64>,
}

/// What came of it.
#[derive(PartialEq)]
pub enum Outcome {
    /// The file was there already, and is what it should be.
    WasThere,
    /// It is there now.
    Fetched,
    /// Ctrl-C; what has come so far is kept for the next time.
    Interrupted,
}

/// Fetches a file.
pub fn fetch(wanted: &Wanted<'_>) -> anyhow::Result<Outcome> {
    let path = wanted.path;
    if path.is_file() && digest(path)? == wanted.sha256 {
        return Ok(Outcome::WasThere);
    }
    let part = part_of(path);
    let stage = Stage::new(name_of(path), wanted.bytes.unwrap_or(0) as usize);
    let mut refusals = Vec::new();
    for address in &wanted.addresses {
        match from(address, wanted, &part, &stage)? {
            Tried::Whole => {
                // On the disk before it has its name.
                File::open(&part)?.sync_all()?;
                fs::rename(&part, path).with_context(|| format!("cannot write {}", path.display()))?;
                stage.done(&text::bytes(fs::metadata(path)?.len() as usize));
                return Ok(Outcome::Fetched);
            }
            Tried::Interrupted => return Ok(Outcome::Interrupted),
            Tried::Failed(why) => {
                if refusals.len() + 1 < wanted.addresses.len() {
                    stage.say(format!("{address}: {why}; trying the next mirror"));
                }
                refusals.push(format!("{address}: {why}"));
            }
        }
    }
    let kept = fs::metadata(&part).map_or(0, |about| about.len());
    let kept = match kept {
        0 => String::new(),
        some => format!(
            "; {} have come and are kept, so that the next time goes on there",
            text::bytes(some as usize)
        ),
    };
    anyhow::bail!("cannot fetch {}{kept}: {}", name_of(path), refusals.join("; "))
}

/// How one mirror did.
enum Tried {
    Whole,
    Interrupted,
    Failed(String),
}

fn from(address: &str, wanted: &Wanted<'_>, part: &Path, stage: &Stage) -> anyhow::Result<Tried> {
    let mut why = String::new();
    let mut began_anew = false;
    for attempt in 0..ATTEMPTS {
        let before = size(part);
        // A file that is whole already would only be refused: there is nothing behind its end.
        if wanted.bytes.is_none_or(|bytes| before != bytes) {
            match run(address, wanted, part, stage)? {
                Ended::Interrupted => return Ok(Tried::Interrupted),
                Ended::TooLong => {
                    fs::remove_file(part)?;
                    let expected = wanted.bytes.map_or(String::new(), |bytes| format!(" than {bytes} bytes"));
                    return Ok(Tried::Failed(format!("longer{expected}, and so something else")));
                }
                Ended::Code(0, _) => {}
                Ended::Code(NO_RANGES, _) if !began_anew => {
                    // It cannot go on in the middle, so from the start.
                    fs::remove_file(part)?;
                    began_anew = true;
                    continue;
                }
                Ended::Code(code, words) => {
                    why = if words.is_empty() { format!("curl ended with code {code}") } else { words };
                    // Whoever says no says it again; who broke off may go on.
                    if attempt + 1 < ATTEMPTS && size(part) > before {
                        stage.say(format!(
                            "{address}: {why}; going on at {}",
                            text::bytes(size(part) as usize)
                        ));
                        continue;
                    }
                    return Ok(Tried::Failed(why));
                }
            }
        }
        if digest(part)? == wanted.sha256 {
            return Ok(Tried::Whole);
        }
        why = what_is_wrong(part, wanted.bytes)?;
        fs::remove_file(part)?;
        // What was there before may have been of something else.
        if before == 0 || began_anew {
            return Ok(Tried::Failed(why));
        }
        began_anew = true;
    }
    Ok(Tried::Failed(why))
}

/// How a run of curl ended.
enum Ended {
    Code(i32, String),
    TooLong,
    Interrupted,
}

/// Runs curl, which writes behind what is there already.
fn run(address: &str, wanted: &Wanted<'_>, part: &Path, stage: &Stage) -> anyhow::Result<Ended> {
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
    .args(["--speed-limit", "1", "--speed-time", PATIENCE])
    .arg("--output")
    .arg(part)
    // Whatever an address begins with, it is one.
    .args(["--url", address])
    .stdin(Stdio::null())
    .stdout(Stdio::null())
    .stderr(Stdio::piped());
    let mut child = match curl.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let by_hand = wanted.addresses.join("\n  ");
            anyhow::bail!(
                "there is no program `curl` here, which does the download: install it, or fetch {} yourself from\n  {by_hand}\n\
                 and put it into {}",
                name_of(wanted.path),
                wanted.path.parent().unwrap_or(Path::new(".")).display()
            )
        }
        Err(error) => return Err(error).context("cannot start curl"),
    };
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let come = size(part);
        stage.at(come as usize);
        if interrupt::was_asked() {
            stop(&mut child);
            return Ok(Ended::Interrupted);
        }
        if wanted.bytes.is_some_and(|bytes| come > bytes) {
            stop(&mut child);
            return Ok(Ended::TooLong);
        }
        std::thread::sleep(LOOK);
    };
    if interrupt::was_asked() {
        return Ok(Ended::Interrupted);
    }
    let mut words = String::new();
    if let Some(errors) = child.stderr.take() {
        errors.take(4096).read_to_string(&mut words).unwrap_or_default();
    }
    let words = words.trim();
    // `curl: (22) The requested URL returned error: 404`
    let words = words.split_once(") ").map_or(words, |(_, words)| words).replace('\n', "; ");
    Ok(Ended::Code(status.code().unwrap_or(-1), words))
}

fn stop(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// What a file of another digest is, as far as can be seen.
fn what_is_wrong(part: &Path, bytes: Option<u64>) -> anyhow::Result<String> {
    let mut start = Vec::new();
    File::open(part)?.take(512).read_to_end(&mut start)?;
    let start = String::from_utf8_lossy(&start).trim_start().to_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<?xml") {
        return Ok("it sent a web page instead of the file".to_owned());
    }
    let found = size(part);
    Ok(match bytes {
        Some(bytes) if bytes != found => format!("{found} bytes came instead of {bytes}"),
        _ => "what came has another SHA-256 than it should".to_owned(),
    })
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |about| about.len())
}

/// Where a file is until it is whole.
fn part_of(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}.part", name_of(path)))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// SHA-256 of a file, in hexadecimal.
fn digest(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut sha, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).with_context(|| format!("cannot read {}", path.display()))? {
            0 => break,
            count => sha.update(&piece[..count]),
        }
    }
    Ok(sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Takes a `.tar.gz` apart, which was held against its digest.
pub fn untar(archive: &Path, folder: &Path) -> anyhow::Result<()> {
    let status = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(folder).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => anyhow::bail!("`tar` could not unpack {} ({status})", archive.display()),
        Err(error) => {
            say(format!("{} is there", archive.display()));
            Err(error)
                .context("cannot start `tar`, which unpacks the archive: unpack it yourself, in its folder")
        }
    }
}
