//! Reproducibility on all of MNIST: for each model and solver, the digest of its file with 1 to 8 threads, in
//! ten runs and two builds; and between instruction sets, the predictions for all 10,000 test images.
//!
//! `crates/tercet/tests/determinism.rs` checks the same on small data, and is fast.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::common::{Outcome, Scratch};

/// The models, by name. A dot stands for a space within an argument.
const TRAININGS: [(&str, &str); 8] = [
    ("nearest neighbours", "neighbors -k 3 --vote distance"),
    ("linear, SVM loss", "linear --epochs 1 --loss svm"),
    ("linear, softmax", "linear --epochs 1 --loss softmax"),
    ("linear, dual of the SVM loss", "linear --solver dual --loss svm --tolerance 0.1"),
    ("linear, dual of softmax", "linear --solver dual --loss softmax --tolerance 0.1"),
    ("network, momentum", "network --epochs 1"),
    (
        "network, AdamW and dropout",
        "network --epochs 1 --optimizer adamw --lr 0.001 --dropout 0.2 --hidden 256,128",
    ),
    (
        "convolutional network",
        "network --epochs 1 --lr 0.02 --layers conv5-8·pool·relu·flatten·dense32·relu·dense10",
    ),
];

/// The largest difference of two scores, relative to the largest score, that counts as a near-tie.
const NEAR: f32 = 1e-4;

/// The program built with the other profile, if it exists.
fn other_build() -> Option<PathBuf> {
    let this = Path::new(env!("CARGO_BIN_EXE_tercet"));
    let profile = if this.parent()?.ends_with("release") { "debug" } else { "release" };
    let other = this.parent()?.parent()?.join(profile).join(this.file_name()?);
    other.is_file().then_some(other)
}

/// The same command, with another program.
fn by(program: &Path, command: &Command) -> Command {
    let mut other = Command::new(program);
    other.args(command.get_args()).current_dir(command.get_current_dir().unwrap());
    other.env_remove("TERCET_ISA").env_remove("RAYON_NUM_THREADS");
    other
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The instruction sets of this processor, slowest first.
fn sets() -> Vec<&'static str> {
    tercet_kernels::Isa::available().iter().map(|isa| isa.name()).collect()
}

/// Prints the table: `cargo test --release -p tercet-cli --test cli one_seed_gives -- --ignored --nocapture`,
/// with the program built in the other profile before.
#[test]
#[ignore = "takes minutes"]
fn one_seed_gives_one_model_on_all_of_mnist() {
    let scratch = Scratch::empty();
    let other = other_build();
    println!(
        "| model | digest | threads 1 to 8 | ten runs | {} |",
        if other.is_some() { "other build" } else { "no other build" }
    );
    for (name, training) in TRAININGS {
        let train = |threads: usize| {
            Outcome::of(&mut command_of(&scratch, training, threads)).succeeds();
            digest(&scratch.read("m.safetensors"))
        };
        let first = train(1);
        // Ten runs with the first: seven by other numbers of threads, and two more.
        for threads in (2..=8).chain([2, 1]) {
            assert_eq!(train(threads), first, "{name} by {threads} threads");
        }
        let mut in_other = "not built";
        if let Some(other) = &other {
            Outcome::of(&mut by(other, &command_of(&scratch, training, 2))).succeeds();
            in_other = if digest(&scratch.read("m.safetensors")) == first { "the same" } else { "another" };
        }
        println!("| {name} | `{first}` | the same | the same | {in_other} |");
    }
}

fn command_of(scratch: &Scratch, training: &str, threads: usize) -> Command {
    let mut command = scratch.command("train");
    command.args(training.split(' ').map(|argument| argument.replace('·', " ")));
    command.args(["--quiet", "--out", "m.safetensors", "--threads", &threads.to_string()]);
    command
}

/// Prints the table: as above, with `instruction_sets_agree`.
#[test]
fn instruction_sets_agree_on_every_test_image() {
    let scratch = Scratch::empty();
    let sets = sets();
    for (name, training) in TRAININGS {
        Outcome::of(&mut command_of(&scratch, training, 2)).succeeds();
        let of: Vec<Vec<f32>> = sets.iter().map(|set| scores(&scratch, set)).collect();
        for (set, scores) in sets.iter().zip(&of).skip(1) {
            let (same, near) = compare(&of[0], scores);
            if name == "nearest neighbours" {
                assert!(same, "{name}: {set} answers otherwise than {}", sets[0]);
            }
            let bits = if same { "the very bits" } else { "other bits" };
            println!("| {name} | {} and {set} | {bits} | {near:?} |", sets[0]);
        }
    }
}

/// The scores of MNIST's test set, by the saved model on an instruction set.
fn scores(scratch: &Scratch, set: &str) -> Vec<f32> {
    let mut command = scratch.command("export m.safetensors --onnx m.onnx --scores scores.npy");
    Outcome::of(command.env("TERCET_ISA", set)).succeeds();
    let bytes = scratch.read("scores.npy");
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let (words, rest) = bytes[10 + header..].as_chunks();
    assert!(rest.is_empty() && words.len() == 100_000, "scores of 10,000 images");
    words.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

/// Whether two sets of scores have the same bits, and the images whose labels differ, all of which must be
/// near-ties.
fn compare(a: &[f32], b: &[f32]) -> (bool, Vec<usize>) {
    let mut near = Vec::new();
    for (image, (a, b)) in a.chunks(10).zip(b.chunks(10)).enumerate() {
        let best = |scores: &[f32]| {
            let most = scores.iter().copied().fold(f32::MIN, f32::max);
            scores.iter().position(|&score| score == most).unwrap()
        };
        let (of_a, of_b) = (best(a), best(b));
        if of_a != of_b {
            let scale = a.iter().fold(0f32, |most, score| most.max(score.abs()));
            assert!((a[of_a] - a[of_b]).abs() < NEAR * scale, "image {image}: {a:?} and {b:?}");
            near.push(image);
        }
    }
    (a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits()), near)
}
