//! A peer: a process that runs for the whole benchmark and answers commands, one line of JSON each.
//!
//! Starting an interpreter, importing libraries and reading data take seconds that must not be measured, so a peer does
//! this once and then executes many commands. It times only the work itself. While it waits for a command it is idle, so
//! that only one engine computes at any time.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::conditions::Conditions;
use crate::python::Python;

/// A process that waits for commands.
#[derive(Debug)]
pub struct Peer {
    name: String,
    version: String,
    process: Child,
    /// `None` once the process is being stopped.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The result of starting a peer.
#[derive(Debug)]
enum Started {
    /// It waits for commands.
    Ready(Peer),
    /// A package that is not installed here.
    Missing(String),
}

impl Peer {
    /// Starts the peers of a benchmark, which are written in Python: `peers/BENCHMARK.py`. Peers whose package is not
    /// available on this machine are skipped with a message.
    ///
    /// # Errors
    /// No Python, packages that cannot be installed, and a peer that cannot be started.
    pub fn start_all(
        benchmark: &str,
        names: &[String],
        conditions: &Conditions,
        python: &str,
    ) -> Result<Vec<Peer>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let (places, threads) = (&conditions.places, conditions.threads);
        let peers = places.benchmarks.join("peers");
        let folder = places.scratch.join(format!("python-{benchmark}"));
        let python = Python::set_up(&folder, &peers.join(format!("{benchmark}.txt")), python)?;
        let mut running = Vec::new();
        for name in names {
            let mut command = python.script(&peers.join(format!("{benchmark}.py")), threads);
            command.args([name, &threads.to_string()]);
            match Peer::start(name, command)? {
                Started::Ready(peer) => running.push(peer),
                Started::Missing(what) => eprintln!("{name} is left out: {what}"),
            }
        }
        Ok(running)
    }

    /// Starts a process, whose first line contains its version or the missing package.
    ///
    /// # Errors
    /// A program that cannot be started or prints something else.
    fn start(name: &str, mut command: Command) -> Result<Started> {
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

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version of the library.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Sends a command and waits for the answer.
    ///
    /// # Errors
    /// Errors of the peer.
    pub fn ask(&mut self, command: &Value) -> Result<Value> {
        let commands = self.commands.as_mut().expect("it ends when it is dropped");
        let sent = writeln!(commands, "{command}").and_then(|()| commands.flush());
        sent.with_context(|| format!("{} has ended; what it said last stands above", self.name))?;
        self.answer().with_context(|| format!("asked for {command}"))
    }

    /// Sends a command whose answer contains the seconds of each of `count` items.
    ///
    /// # Errors
    /// Errors of the peer, and an answer with another number of seconds.
    pub fn time_each(&mut self, command: &Value, count: usize) -> Result<Vec<f64>> {
        let answer = self.ask(command)?;
        let seconds = answer["seconds"].as_array().into_iter().flatten().map(|seconds| seconds.as_f64());
        let seconds: Option<Vec<f64>> = seconds.collect();
        match seconds {
            Some(seconds) if seconds.len() == count => Ok(seconds),
            _ => bail!("{} answers {answer}; expected {count} times", self.name),
        }
    }

    /// Sends a command whose answer contains its seconds.
    ///
    /// # Errors
    /// Errors of the peer, and an answer without seconds.
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
    /// Closes the input, which ends the process.
    fn drop(&mut self) {
        self.commands = None;
        // Waited for only so that the process does not outlive this program.
        let _ = self.process.wait();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A peer as a shell script, which every Unix can run.
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
