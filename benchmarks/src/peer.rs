//! A peer: a process that lives as long as the benchmark and answers commands, one line of JSON each.
//!
//! Starting an interpreter, importing libraries and reading data take seconds that have nothing to do with the work,
//! so a peer does them once and is then asked again and again. It runs its own clock around the work alone. While it
//! waits for a command it does nothing, so that only one engine computes at any time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// How long to wait after a turn: threads of OpenMP look for more work for up to a fifth of a second before they
/// sleep, and would take the next engine's processor.
pub const PAUSE: Duration = Duration::from_millis(300);

/// A process that waits for commands.
#[derive(Debug)]
pub struct Peer {
    name: String,
    version: String,
    process: Child,
    /// None once it is told to end.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What became of starting a peer.
#[derive(Debug)]
pub enum Started {
    /// It waits for commands.
    Ready(Peer),
    /// Something that it is made of is not installed here, and what.
    Missing(String),
}

impl Peer {
    /// Starts a process whose first line says which version it is of, or what it misses.
    ///
    /// # Errors
    /// A program that cannot be started or says something else.
    pub fn start(name: &str, mut command: Command) -> Result<Started> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("standard output is a pipe"));
        let mut peer = Peer { name: name.to_owned(), version: String::new(), process, commands, answers };
        let first = peer.answer()?;
        if let Some(missing) = first["missing"].as_str() {
            return Ok(Started::Missing(missing.to_owned()));
        }
        peer.version =
            first["version"].as_str().with_context(|| format!("{name} tells no version"))?.to_owned();
        Ok(Started::Ready(peer))
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the library.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Gives a command and waits for the answer.
    ///
    /// # Errors
    /// What went wrong there.
    pub fn ask(&mut self, command: &Value) -> Result<Value> {
        let commands = self.commands.as_mut().expect("it ends when it is dropped");
        let sent = writeln!(commands, "{command}").and_then(|()| commands.flush());
        sent.with_context(|| format!("{} has ended; what it said last stands above", self.name))?;
        self.answer().with_context(|| format!("asked for {command}"))
    }

    /// Gives a command whose answer says what it took.
    ///
    /// # Errors
    /// What went wrong there, and an answer without seconds.
    pub fn time(&mut self, command: &Value) -> Result<f64> {
        let answer = self.ask(command)?;
        answer["seconds"]
            .as_f64()
            .with_context(|| format!("{} answers {answer}; expected seconds", self.name))
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .with_context(|| format!("cannot read what {} answers", self.name))?;
        if line.is_empty() {
            bail!("{} ended without an answer; what it said last stands above", self.name);
        }
        let answer: Value = serde_json::from_str(&line)
            .with_context(|| format!("{} answers {:?}; expected JSON", self.name, line.trim()))?;
        if answer["error"] != json!(null) {
            bail!("{} says: {}", self.name, answer["error"].as_str().unwrap_or("an error"));
        }
        Ok(answer)
    }
}

impl Drop for Peer {
    /// Closing its input ends it.
    fn drop(&mut self) {
        self.commands = None;
        // It is only waited for so that it does not outlive this program.
        let _ = self.process.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A peer in the one language that every Unix has.
    fn shell(script: &str) -> Result<Started> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Peer::start("a peer", command)
    }

    fn ready(script: &str) -> Peer {
        match shell(script).unwrap() {
            Started::Ready(peer) => peer,
            Started::Missing(what) => panic!("{what}"),
        }
    }

    #[test]
    fn commands_are_answered_in_turn() {
        let mut peer = ready(
            "echo '{\"version\": \"7\"}'; while read line; do echo \"{\\\"seconds\\\": 2, \\\"was\\\": $line}\"; done",
        );
        assert_eq!((peer.name(), peer.version()), ("a peer", "7"));
        let command = json!({"do": "fit"});
        assert_eq!(peer.ask(&command).unwrap()["was"], command);
        assert_eq!(peer.time(&command).unwrap(), 2.0);
    }

    #[test]
    fn what_goes_wrong_over_there_is_told_here() {
        let missing = shell("echo '{\"missing\": \"no module\"}'").unwrap();
        assert!(matches!(missing, Started::Missing(what) if what == "no module"));

        let mut peer =
            ready("echo '{\"version\": \"7\"}'; read line; echo '{\"error\": \"k too large\"}'; read line");
        let error = format!("{:#}", peer.ask(&json!({"do": "fit"})).unwrap_err());
        assert_eq!(error, "asked for {\"do\":\"fit\"}: a peer says: k too large");
        let error = format!("{:#}", peer.ask(&json!({})).unwrap_err());
        assert!(error.contains("a peer ended without an answer"), "{error}");

        for script in ["exit 3", "echo hello", "echo '{}'"] {
            assert!(shell(script).is_err(), "{script}");
        }
    }
}
