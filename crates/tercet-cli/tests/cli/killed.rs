//! A program that is killed at any moment of training, saving, converting and reporting leaves every file
//! either old or new, but complete. Temporary files that it leaves behind cause no errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Instant;

use crate::checkpoints::step_of;
use crate::common::Scratch;

/// A run whose checkpoints contain everything.
const TRAIN: &str = "train network --data small --hidden 40,20 --optimizer adamw --schedule one-cycle --dropout 0.2 \
                     --patience 90 --validate-every 50 --batch 16 --iterations 1500 --seed 3 --threads 2 \
                     --checkpoint-every 7 --out m.safetensors";

/// A task, and the files that it writes.
struct Task {
    command: &'static str,
    files: &'static [&'static str],
    whole: fn(&[u8], &[u8]) -> bool,
}

/// Whether a file is the same as that of an uninterrupted run.
fn same(found: &[u8], expected: &[u8]) -> bool {
    found == expected
}

/// Whether a report is complete. It contains times, so it differs each time.
fn whole_page(found: &[u8], _: &[u8]) -> bool {
    let text = String::from_utf8_lossy(found);
    text.starts_with("<!DOCTYPE html>") && text.trim_end().ends_with("</html>")
}

const TASKS: [Task; 5] = [
    Task { command: TRAIN, files: &["m.safetensors"], whole: same },
    Task {
        command: "train neighbors --data small --out n.safetensors",
        files: &["n.safetensors"],
        whole: same,
    },
    Task {
        command: "data convert small converted-train.csv",
        files: &["converted-train.csv", "converted-test.csv"],
        whole: same,
    },
    Task {
        command: "evaluate linear.safetensors --data small --report page.html",
        files: &["page.html"],
        whole: whole_page,
    },
    Task { command: "data convert small pictures --format pictures", files: &[], whole: same },
];

/// The checkpoint file of [`TRAIN`].
const CHECKPOINT: &str = "m.checkpoint.safetensors";

/// The content of every file before the first run.
const OLD: &[u8] = b"an older file, which is as good as a new one";

/// How many kills came before the end of the task, by command.
type Hits = BTreeMap<&'static str, usize>;

/// Kills the program this often before its end, each task in turn, at moments that are spread over its
/// duration.
fn kill(kills: usize) -> Hits {
    let undisturbed = Scratch::with_model();
    let mut spans = Vec::new();
    for task in &TASKS {
        let begun = Instant::now();
        undisturbed.run(task.command).succeeds();
        spans.push(begun.elapsed());
    }
    let longest = spans.clone();
    let expected = |name: &str| undisturbed.read(name);

    let scratch = Scratch::with_model();
    for name in TASKS.iter().flat_map(|task| task.files) {
        scratch.write(name, OLD);
    }
    let of_work = |path: &Path| {
        let path = path.strip_prefix(scratch.path("")).unwrap();
        path == Path::new(CHECKPOINT)
            || TASKS.iter().flat_map(|task| task.files).any(|name| path == Path::new(name))
    };
    let others = |files: BTreeMap<PathBuf, Vec<u8>>| {
        let inside = |path: &Path| is_debris(path.strip_prefix(scratch.path("")).unwrap());
        files.into_iter().filter(|(path, _)| !of_work(path) && !inside(path)).collect::<BTreeMap<_, _>>()
    };
    let before = others(scratch.files());

    let (mut hits, mut last_step) = (Hits::new(), 0);
    // A small generator (of Numerical Recipes) chooses different moments.
    let mut state = 7u32;
    for round in 0.. {
        if hits.values().sum::<usize>() == kills {
            break;
        }
        assert!(round < 20 * kills, "nearly all tasks ended before they were killed");
        let (task, span) = (&TASKS[round % TASKS.len()], &mut spans[round % TASKS.len()]);
        let resume = task.command == TRAIN && scratch.path(CHECKPOINT).exists();
        let command = format!("{}{}", task.command, if resume { " --resume" } else { "" });
        let mut child = scratch.command(&command).spawn().unwrap();
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        sleep(span.mul_f64(f64::from(state >> 8) / f64::from(1 << 24)));
        let finished = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        *hits.entry(task.command).or_default() += usize::from(!finished);
        // The machine may be faster than it was when the duration was measured: then the next kill comes
        // sooner.
        *span =
            if finished { span.mul_f64(0.7) } else { longest[round % TASKS.len()].min(span.mul_f64(1.1)) };

        for name in task.files {
            let found = scratch.read(name);
            assert!(
                found == OLD || (task.whole)(&found, &expected(name)),
                "{name} after kill {round} of {}: {} bytes",
                task.command,
                found.len()
            );
        }
        if resume || scratch.path(CHECKPOINT).exists() {
            let step = step_of(&scratch.read(CHECKPOINT));
            assert!(step >= last_step, "step {step} after {last_step}");
            last_step = step;
        }
        // A finished run is restarted, so that the next kills interrupt one.
        if finished && task.command == TRAIN {
            std::fs::remove_file(scratch.path(CHECKPOINT)).unwrap();
            scratch.write(task.files[0], OLD);
            last_step = 0;
        }
        // The folder is complete, or does not exist. The next conversion would reject an existing folder.
        if scratch.path("pictures").exists() {
            assert!(
                pictures(&scratch) == pictures(&undisturbed),
                "the folder of pictures after kill {round}"
            );
            std::fs::remove_dir_all(scratch.path("pictures")).unwrap();
        }
        assert!(others(scratch.files()) == before, "another file came, went or changed in kill {round}");
    }

    // Files that were left behind cause no errors.
    for task in &TASKS {
        let resume = if task.command == TRAIN && last_step > 0 { " --resume" } else { "" };
        scratch.run(&format!("{}{resume}", task.command)).succeeds();
        for name in task.files {
            assert!((task.whole)(&scratch.read(name), &expected(name)), "{name} in the end");
        }
    }
    assert!(scratch.read(CHECKPOINT) == expected(CHECKPOINT), "the checkpoint of the end");
    assert!(pictures(&scratch) == pictures(&undisturbed), "the folder of pictures in the end");
    hits
}

/// The files in the folder of pictures, by relative path.
fn pictures(scratch: &Scratch) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = scratch.path("pictures");
    let inside = |path: &Path| path.strip_prefix(&folder).ok().map(Path::to_owned);
    scratch.files().into_iter().filter_map(|(path, bytes)| Some((inside(&path)?, bytes))).collect()
}

/// Whether a file is temporary or in a temporary folder: the names start with a dot and end in `.tmp`.
fn is_debris(path: &Path) -> bool {
    let is_temporary = |name: &str| name.starts_with('.') && name.ends_with(".tmp");
    path.iter().any(|name| is_temporary(name.to_str().unwrap()))
}

#[test]
fn a_kill_at_any_moment_leaves_whole_files() {
    kill(15);
}

/// 200 kills: `cargo test --release -p tercet-cli --test cli two_hundred -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn two_hundred_kills_leave_whole_files() {
    let hits = kill(200);
    for (command, hits) in &hits {
        println!("{hits} kills before the end of: {command}");
    }
    assert!(hits.values().all(|&hits| hits > 0), "some task always ended before it was killed");
}

/// The system fails writes beyond a limit, as it does on a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_nothing_is_lost() {
    let scratch = Scratch::with_model();
    for name in ["m.safetensors", "n.safetensors", "a.csv", "r.html", "l.csv"] {
        scratch.write(name, OLD);
    }
    for (command, name) in [
        ("train neighbors --data small --out n.safetensors", "n.safetensors"),
        ("train network --data small --hidden 300 --iterations 3 --out m.safetensors", "m.safetensors"),
        ("data convert small a.csv --train-only", "a.csv"),
        ("evaluate linear.safetensors --data small --report r.html", "r.html"),
    ] {
        let words = [&*format!("cannot write {name}"), "File too large"];
        scratch.rejects_command(&mut limited(&scratch, command), 3, &words);
    }
}

/// The program with a limit of about 8 KiB for files. The signal is ignored, so that the write fails.
#[cfg(target_os = "linux")]
fn limited(scratch: &Scratch, arguments: &str) -> std::process::Command {
    let plain = scratch.command(arguments);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]).arg(plain.get_program());
    shell.args(plain.get_args()).current_dir(scratch.path(""));
    // There is no room in the folder for temporary files either.
    shell.env("TMPDIR", scratch.path("")).env_remove("TERCET_ISA").env_remove("RAYON_NUM_THREADS");
    shell.stdin(std::process::Stdio::null());
    shell
}

/// The folder of the model disappears during training, and the model is saved elsewhere.
#[test]
fn a_model_is_saved_although_its_folder_disappears() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("gone")).unwrap();
    std::fs::create_dir(scratch.path("temporary")).unwrap();
    let train = "train linear --data small --iterations 20000 --seed 1";
    let mut command = scratch.command(&format!("{train} --out gone/m.safetensors --log-steps steps.jsonl"));
    let pipe = std::process::Command::new("mkfifo").arg(scratch.path("steps.jsonl")).status();
    assert!(pipe.unwrap().success());
    let child = command.env("TMPDIR", scratch.path("temporary")).spawn().unwrap();
    // The program opens its log after it has checked the folder. The log is a pipe, which holds less than
    // training writes, so training cannot end before the folder is gone and the log is read.
    let mut log = std::fs::File::open(scratch.path("steps.jsonl")).unwrap();
    std::fs::remove_dir_all(scratch.path("gone")).unwrap();
    std::io::copy(&mut log, &mut std::io::sink()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for words in
        ["cannot write gone/m.safetensors", "there is no folder gone", "The trained model is saved in "]
    {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let kept = std::fs::read_dir(scratch.path("temporary")).unwrap().next().unwrap().unwrap().path();
    scratch.run(train).succeeds();
    assert!(std::fs::read(kept).unwrap() == scratch.read("linear.safetensors"), "the same model");
}
