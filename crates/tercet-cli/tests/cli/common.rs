//! A scratch folder with a small data set, and the program running in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tercet::data::{Idx, Values, write_idx};

/// The width of the images of the small data set, and its numbers of examples and classes.
pub const SIDE: usize = 12;
pub const TRAIN: usize = 600;
pub const TEST: usize = 200;
pub const CLASSES: usize = 3;

/// A temporary folder for one test, in which the program runs.
pub struct Scratch(TempDir);

impl Scratch {
    /// An empty folder.
    pub fn empty() -> Self {
        Scratch(tempfile::tempdir().unwrap())
    }

    /// A folder with the small data set in `small/`.
    pub fn new() -> Self {
        let scratch = Scratch::empty();
        write_data(&scratch.path("small"), SIDE);
        scratch
    }

    /// A folder with the small data set, and a linear model of it in `linear.safetensors`.
    pub fn with_model() -> Self {
        let scratch = Scratch::new();
        scratch.run("train linear --data small").succeeds();
        scratch
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The content of a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Every file in the folder and below, with its content.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn collect(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, files);
                } else {
                    files.insert(path.clone(), fs::read(&path).unwrap());
                }
            }
        }
        let mut files = BTreeMap::new();
        collect(self.0.path(), &mut files);
        files
    }

    /// The program with these arguments, separated by spaces, in this folder and without a terminal.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tercet"));
        command
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .env_remove("TERCET_ISA")
            .env_remove("RAYON_NUM_THREADS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program.
    pub fn run(&self, arguments: &str) -> Outcome {
        Outcome::of(&mut self.command(arguments))
    }

    /// Runs the program with this standard input.
    pub fn run_with_input(&self, arguments: &str, input: &[u8]) -> Outcome {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Outcome::from(child.wait_with_output().unwrap())
    }

    /// Asserts that the program fails with this exit code and these words in its message, prints nothing to
    /// standard output, and changes no file.
    #[track_caller]
    pub fn rejects(&self, arguments: &str, code: i32, words: &[&str]) {
        self.rejects_command(&mut self.command(arguments), code, words);
    }

    /// [`rejects`](Self::rejects) for a command with an environment.
    #[track_caller]
    pub fn rejects_command(&self, command: &mut Command, code: i32, words: &[&str]) {
        let before = self.files();
        Outcome::of(command).fails(code, words);
        let after = self.files();
        assert!(before.keys().eq(after.keys()), "files were created or removed: {:?}", after.keys());
        assert!(before == after, "a file was changed");
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<std::process::Output> for Outcome {
    /// In any case, there must be no panic, and no escape sequences without a terminal.
    #[track_caller]
    fn from(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text in UTF-8");
        let outcome =
            Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
        for text in [&outcome.stdout, &outcome.stderr] {
            assert!(!text.contains('\u{1b}') && !text.contains('\r'), "escape sequences in {text:?}");
        }
        outcome
    }
}

impl Outcome {
    #[track_caller]
    pub fn of(command: &mut Command) -> Self {
        Outcome::from(command.output().unwrap())
    }

    #[track_caller]
    pub fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "");
        assert!(self.stderr.lines().any(|line| line.starts_with("error: ")), "{}", self.stderr);
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {}", self.stderr);
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Asserts that standard output has these words.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stdout.contains(word), "no {word:?} in {}", self.stdout);
        }
        self
    }
}

/// Writes a data set of noisy patterns (rows, columns, diagonals), too difficult for 100 % accuracy.
pub fn write_data(folder: &Path, side: usize) {
    fs::create_dir(folder).unwrap();
    write_part(folder, "train", side, TRAIN);
    write_part(folder, "t10k", side, TEST);
}

fn write_part(folder: &Path, prefix: &str, side: usize, examples: usize) {
    // The same noise every time, from Knuth's MMIX generator.
    let mut state = examples as u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for example in 0..examples {
        let class = example % CLASSES;
        labels.push(class as u8);
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let ink = [y % 6 < 3, x % 6 < 3, (x + y) % 6 < 3][class];
            let pattern = if ink { 200 } else { 50 };
            pixels.push(if noise() < 80 { pattern } else { noise() });
        }
    }
    let images = Idx { dimensions: vec![examples, side, side], values: Values::U8(pixels) };
    let labels = Idx { dimensions: vec![examples], values: Values::U8(labels) };
    write_idx(&folder.join(format!("{prefix}-images-idx3-ubyte")), &images).unwrap();
    write_idx(&folder.join(format!("{prefix}-labels-idx1-ubyte")), &labels).unwrap();
}
