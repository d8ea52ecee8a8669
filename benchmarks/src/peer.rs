//! A peer: a process that lives as long as the benchmark and answers commands, one line of JSON each.
//!
//! Starting an interpreter, importing libraries and reading data take seconds that have nothing to do with the work,
//! so a peer does them once and is then asked again and again. It runs its own clock around the work alone. While it
//! waits for a command it does nothing, so that only one engine computes at any time.

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
    /// None once it is told to end.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// What became of starting a peer.
#[derive(Debug)]
enum Started {
    /// It waits for commands.
    Ready(Peer),
    /// Something that it is made of is not installed here, and what.
    Missing(String),
}

impl Peer {
    /// Starts those of a benchmark, which are written in Python: `peers/BENCHMARK.py`. One whose package is not there
    /// for this machine is left out, and that is said.
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

    /// Starts a process whose first line says which version it is of, or what it misses.
    ///
    /// # Errors
    /// A program that cannot be started or says something else.
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

    /// Gives a command whose answer says what each of `count` pieces of it took.
    ///
    /// # Errors
    /// What went wrong there, and an answer without so many seconds.
    pub fn time_each(&mut self, command: &Value, count: usize) -> Result<Vec<f64>> {
        let answer = self.ask(command)?;
        let seconds = answer["seconds"].as_array().into_iter().flatten().map(|seconds| seconds.as_f64());
        let seconds: Option<Vec<f64>> = seconds.collect();
        match seconds {
            Some(seconds) if seconds.len() == count => Ok(seconds),
            _ => bail!("{} answers {answer}; expected {count} times", self.name),
        }
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
