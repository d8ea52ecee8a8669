//! Checkpoints: a run that is killed at any moment is resumed to the same file.

use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use crate::common::{Outcome, Scratch};

/// A run whose checkpoints contain everything: the moments of Adam, the schedule, dropout, the best weights.
const TRAIN: &str = "train network --data small --hidden 40,20 --optimizer adamw --schedule one-cycle --dropout 0.2 \
                     --class-weights balanced --clip 1 --patience 90 --stop-by loss --validate-every 50 \
                     --batch 16 --iterations 6000 --seed 3";

fn kill(mut child: Child) -> bool {
    let finished = child.try_wait().unwrap().is_some();
    child.kill().unwrap();
    child.wait().unwrap();
    finished
}

#[test]
fn a_killed_run_is_resumed_to_the_same_bytes() {
    let scratch = Scratch::new();
    scratch.run(&format!("{TRAIN} --out whole.safetensors --log-steps whole.jsonl")).succeeds();

    let command = format!("{TRAIN} --out m.safetensors --checkpoint-every 7 --log-steps m.jsonl");
    let checkpoint = scratch.path("m.checkpoint.safetensors");
    let (mut kills, mut last_step, mut attempts) = (0, 0, 0);
    // A small generator (of Numerical Recipes) chooses different moments.
    let mut state = 1u32;
    while kills < 8 {
        let resume = if checkpoint.exists() { " --resume" } else { "" };
        let mut child = scratch.command(&format!("{command}{resume}")).spawn().unwrap();
        while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
            sleep(Duration::from_millis(1));
        }
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        sleep(Duration::from_micros(u64::from(state >> 14)));
        if kill(child) {
            if kills > 0 {
                break;
            }
            // It ended before it could be killed, as happens on a busy machine: once more from the start.
            attempts += 1;
            assert!(attempts < 100, "training always ended before it could be killed");
            std::fs::remove_file(&checkpoint).unwrap();
            continue;
        }
        kills += 1;
        // The checkpoint is always complete, and not older than the one before.
        let step = step_of(&scratch.read("m.checkpoint.safetensors"));
        assert!(step >= last_step && step.is_multiple_of(7), "step {step} after {last_step}");
        last_step = step;
    }
    let outcome = scratch.run(&format!("{command} --resume --threads 1")).succeeds();
    assert!(outcome.stderr.contains("m.checkpoint.safetensors: resuming after step "), "{}", outcome.stderr);
    assert!(scratch.read("m.safetensors") == scratch.read("whole.safetensors"), "after {kills} kills");
    assert!(scratch.read("m.jsonl") == scratch.read("whole.jsonl"), "the log has every step, too");

    // Resuming from the last checkpoint gives the same model.
    let again = format!("{TRAIN} --resume --checkpoint m.checkpoint.safetensors --out again.safetensors");
    scratch.run(&again).succeeds();
    assert!(scratch.read("again.safetensors") == scratch.read("whole.safetensors"));
}

/// The step in the header of a checkpoint, whose length must agree with its header.
pub fn step_of(bytes: &[u8]) -> usize {
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let end = header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__");
    let end = end.map(|(_, tensor)| tensor["data_offsets"][1].as_u64().unwrap()).max().unwrap();
    assert_eq!(bytes.len(), 8 + length + end as usize);
    let document = header["__metadata__"]["tercet-checkpoint"].as_str().unwrap();
    let document: serde_json::Value = serde_json::from_str(document).unwrap();
    document["step"].as_u64().unwrap() as usize
}

#[test]
fn ctrl_c_leaves_a_checkpoint_of_the_last_step() {
    let scratch = Scratch::new();
    let train = "train linear --data small --batch 30 --epochs";
    scratch.run(&format!("{train} 3000 --out whole.safetensors")).succeeds();
    let outcome = crate::interrupt::interrupt(
        &scratch,
        &format!("{train} 3000 --checkpoint-every 1000000"),
        "iteration ",
    );
    // If training ended before the signal, there is nothing to resume, and the result must be the same.
    assert!(matches!(outcome.code, Some(130 | 0)), "{outcome:?}");
    scratch.run(&format!("{train} 3000 --resume")).succeeds();
    assert!(scratch.read("linear.safetensors") == scratch.read("whole.safetensors"));
}

#[test]
fn a_recipe_is_resumed_as_well() {
    let scratch = Scratch::new();
    let train = "train --recipe lecture --validation 60 --data small";
    scratch.run(&format!("{train} --checkpoint c --checkpoint-every 400 --out whole.safetensors")).succeeds();
    scratch.run(&format!("{train} --checkpoint c --resume --out again.safetensors")).succeeds();
    assert!(scratch.read("again.safetensors") == scratch.read("whole.safetensors"));
    scratch.rejects(
        &format!("{train} --checkpoint c --resume --seed 1"),
        3,
        &["a checkpoint with seed = 0; expected 1"],
    );
}

#[test]
fn what_cannot_be_resumed_is_rejected() {
    let scratch = Scratch::new();
    let train = "train network --data small --hidden 8 --epochs 2";
    scratch.rejects(
        &format!("{train} --resume"),
        3,
        &["cannot read network.checkpoint.safetensors", "leave out --resume", "--checkpoint"],
    );
    scratch.run(&format!("{train} --checkpoint-every 5")).succeeds();
    for (options, words) in [
        ("--resume --lr 0.01", ["a checkpoint with settings.learning_rate = 0.1; expected 0.01"].as_slice()),
        ("--resume --hidden 9", &["a checkpoint of the layers dense "]),
        ("--resume --validation 60", &["a checkpoint of another training set"]),
        ("--resume --checkpoint network.safetensors", &["the same file name"]),
        ("--resume --checkpoint small/train-labels-idx1-ubyte", &["expected a checkpoint"]),
        ("--resume --checkpoint network.safetensors --out m.safetensors", &["not a checkpoint"]),
        ("--checkpoint-every 5 --checkpoint nowhere/c", &["there is no folder nowhere"]),
    ] {
        let hidden =
            if options.contains("--hidden") { "train network --data small --epochs 2" } else { train };
        let code = if words[0] == "the same file name" { 2 } else { 3 };
        scratch.rejects(&format!("{hidden} {options}"), code, words);
    }
    // Another data set of the same shape.
    let other = Scratch::new();
    let mut labels = other.read("small/train-labels-idx1-ubyte");
    let last = labels.len() - 1;
    labels[last] = (labels[last] + 1) % 3;
    scratch.write("small/train-labels-idx1-ubyte", labels);
    scratch.rejects(&format!("{train} --resume"), 3, &["of another ", "set; expected the same data"]);

    scratch.rejects(&format!("{train} --checkpoint c"), 2, &["--checkpoint-every"]);
    let none = Outcome::of(&mut scratch.command(&format!("{train} --checkpoint-every 0")));
    assert_eq!(none.code, Some(2), "{}", none.stderr);
    scratch.rejects(
        "train neighbors --data small --resume",
        2,
        &["--resume belongs to training by gradient"],
    );
}

#[test]
fn an_older_checkpoint_is_named_before_it_is_replaced() {
    let scratch = Scratch::new();
    let train = "train linear --data small --epochs 1 --checkpoint-every 2";
    let outcome = scratch.run(train).succeeds();
    assert!(!outcome.stderr.contains("checkpoint"), "{}", outcome.stderr);
    let outcome = scratch.run(train).succeeds();
    assert!(outcome.stderr.contains("linear.checkpoint.safetensors: this checkpoint of an earlier run"));
}
