//! TensorBoard event files, which the step `tensorboard` of `cargo xtask test` reads with TensorBoard's own
//! reader, and the dashboard, which the step `dashboard` runs in a terminal.

use crate::common::Scratch;

const TRAIN: &str = "train network --data small --hidden 8 --epochs 3 --seed 2";

/// How many event files a folder has.
fn events(scratch: &Scratch, folder: &str) -> usize {
    let names = std::fs::read_dir(scratch.path(folder)).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("events.out.tfevents.")).count()
}

#[test]
fn event_files_change_no_bit_of_the_model() {
    let scratch = Scratch::new();
    scratch.run(&format!("{TRAIN} --out plain.safetensors")).succeeds();
    scratch.run(&format!("{TRAIN} --out m.safetensors --tensorboard runs/first")).succeeds();
    assert!(scratch.read("m.safetensors") == scratch.read("plain.safetensors"));
    assert_eq!(events(&scratch, "runs/first"), 1);
}

#[test]
fn a_resumed_run_adds_a_file_and_another_run_is_rejected() {
    let scratch = Scratch::new();
    let train = format!("{TRAIN} --tensorboard runs --checkpoint-every 10");
    scratch.run(&train).succeeds();
    scratch.rejects(&train, 3, &["runs has the event files of an earlier run", "name another folder"]);
    scratch.run(&format!("{train} --resume")).succeeds();
    assert_eq!(events(&scratch, "runs"), 2);
}

#[test]
fn event_files_that_cannot_be_written_are_rejected() {
    let scratch = Scratch::new();
    scratch.write("file", "");
    scratch.rejects(
        &format!("{TRAIN} --tensorboard file"),
        3,
        &["file is a file; --tensorboard takes a folder"],
    );
    for kind in ["neighbors", "linear --solver dual"] {
        let words = ["--tensorboard belongs to training by gradient descent"];
        scratch.rejects(&format!("train {kind} --data small --tensorboard runs"), 2, &words);
    }
}

#[test]
fn a_dashboard_without_a_terminal_is_rejected() {
    let scratch = Scratch::new();
    let words =
        ["--dashboard needs a terminal", "standard error is not a terminal", "--log-steps or --tensorboard"];
    scratch.rejects(&format!("{TRAIN} --dashboard"), 2, &words);
    scratch.rejects(&format!("{TRAIN} --dashboard --quiet"), 2, &["leave out one of them"]);
    scratch.rejects("train --recipe lecture --data small --dashboard", 2, &words);
    for kind in ["neighbors", "linear --solver dual"] {
        let words = ["--dashboard belongs to training by gradient descent"];
        scratch.rejects(&format!("train {kind} --data small --dashboard"), 2, &words);
    }
}
