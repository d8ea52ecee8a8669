//! Ctrl-C: the work stops cleanly, and results so far are saved.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};

use tercet::Model;

use crate::common::{Outcome, Scratch};

/// Runs the program, sends SIGINT as soon as it prints `words`, and waits for its end.
#[track_caller]
pub fn interrupt(scratch: &Scratch, arguments: &str, words: &str) -> Outcome {
    let mut child = scratch.command(arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(words) {
        assert_ne!(lines.read_line(&mut said).unwrap(), 0, "it ended before it said {words:?}: {said}");
    }
    signal(&child);
    // The pipes are read one after the other, since standard output fits into its pipe.
    lines.read_to_string(&mut said).unwrap();
    let mut output = child.wait_with_output().unwrap();
    output.stderr = said.into_bytes();
    Outcome::from(output)
}

fn signal(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn training_saves_the_current_model() {
    let scratch = Scratch::new();
    let outcome = interrupt(&scratch, "train network --data small --epochs 10000000", "iteration ");
    assert_eq!(outcome.code, Some(130), "{outcome:?}");
    assert!(outcome.stderr.contains("interrupted: the current model will be saved"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("interrupted after "), "{}", outcome.stderr);
    assert!(outcome.stdout.starts_with("network.safetensors ("), "{}", outcome.stdout);
    let model = Model::load(&scratch.path("network.safetensors")).unwrap();
    assert!(model.card.metrics["validation accuracy"] > 0.0);
    scratch.run("evaluate network.safetensors --data small").succeeds();
    assert_eq!(scratch.files().len(), 5, "four files of data and the model");
}

#[test]
fn compare_writes_no_report() {
    let scratch = Scratch::new();
    scratch.write("report.html", "an older report");
    let arguments = "compare --data small --hidden 2000,2000,2000";
    let outcome = interrupt(&scratch, arguments, "linear classifier: ");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(130), ""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("interrupted: stopping; nothing is written"), "{}", outcome.stderr);
    assert_eq!(scratch.read("report.html"), b"an older report");
    assert_eq!(scratch.files().len(), 5, "four files of data and the older report");
}

/// On all of MNIST, which takes long enough for the signal to arrive.
#[test]
fn choosing_k_writes_nothing() {
    let scratch = Scratch::empty();
    scratch.write("neighbors.safetensors", "an older model");
    scratch.write("neighbors.k.html", "an older plot");
    let outcome =
        interrupt(&scratch, "train neighbors -k auto --metric cosine", "each classified by its 15 nearest");
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(130), ""), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("interrupted: stopping; nothing is written"), "{}", outcome.stderr);
    assert_eq!(scratch.read("neighbors.safetensors"), b"an older model");
    assert_eq!(scratch.read("neighbors.k.html"), b"an older plot");
    assert_eq!(scratch.files().len(), 2);
}

#[test]
fn tuning_reports_the_trials_so_far() {
    let scratch = Scratch::new();
    let arguments =
        "tune network --data small --random 90000 --lr 0.001..0.1 --hidden 4..200 --epochs 1 --json";
    let outcome = interrupt(&scratch, arguments, "3 of 90000: ");
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    let json = outcome.json();
    assert_eq!(json["complete"], false);
    assert!(json["trials"].as_array().unwrap().len() >= 3);
    assert!(scratch.path("tuning.html").is_file());
}
