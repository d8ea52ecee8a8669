//! Killed at any moment of training, saving, converting and reporting: every file is the old one or the new one, whole, and
//! whatever else is left behind stands in no one's way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::checkpoints::step_of;
use crate::common::Scratch;

/// A training whose checkpoint has all that one may have.
const TRAIN: &str = "train network --data small --hidden 40,20 --optimizer adamw --schedule one-cycle --dropout 0.2 \
                     --patience 90 --check-every 50 --batch 16 --iterations 1500 --seed 3 --threads 2 \
                     --checkpoint-every 7 --out m.safetensors";

/// A piece of work, and the files that come of it.
struct Work {
    command: &'static str,
    files: &'static [&'static str],
    whole: fn(&[u8], &[u8]) -> bool,
}

/// Whether a file is the one that an undisturbed run writes.
fn same(found: &[u8], expected: &[u8]) -> bool {
    found == expected
}

/// Whether a page is all there: it says when it was made and how long that took, and so is another each time.
fn whole_page(found: &[u8], _: &[u8]) -> bool {
    let text = String::from_utf8_lossy(found);
    text.starts_with("<!DOCTYPE html>") && text.trim_end().ends_with("</html>")
}

const WORKS: [Work; 5] = [
    Work { command: TRAIN, files: &["m.safetensors"], whole: same },
    Work {
        command: "train neighbors --data small --out n.safetensors",
        files: &["n.safetensors"],
        whole: same,
    },
    Work {
        command: "data convert small converted-train.csv",
        files: &["converted-train.csv", "converted-test.csv"],
        whole: same,
    },
    Work {
        command: "evaluate linear.safetensors --data small --report page.html",
        files: &["page.html"],
        whole: whole_page,
    },
    Work { command: "data convert small pictures --format pictures", files: &[], whole: same },
];

/// The file that checkpoints of [`TRAIN`] go to.
const CHECKPOINT: &str = "m.checkpoint.safetensors";

/// What is there before any work is done, in the place of what it writes.
const OLD: &[u8] = b"an older file, which is as good as a new one";

/// How many kills came before the end of the work, by its command.
type Hits = BTreeMap<&'static str, usize>;

/// Kills the program so often before its end, each work in turn, at moments that are spread over how long the work takes.
fn kill(kills: usize) -> Hits {
    let undisturbed = Scratch::with_model();
    let mut spans = Vec::new();
    for work in &WORKS {
        let begun = Instant::now();
        undisturbed.run(work.command).succeeds();
        spans.push(begun.elapsed());
    }
    let expected = |name: &str| undisturbed.read(name);

    let scratch = Scratch::with_model();
    for name in WORKS.iter().flat_map(|work| work.files) {
        scratch.write(name, OLD);
    }
    let of_work = |path: &Path| {
        let path = path.strip_prefix(scratch.path("")).unwrap();
        path == Path::new(CHECKPOINT)
            || WORKS.iter().flat_map(|work| work.files).any(|name| path == Path::new(name))
    };
    let others = |files: BTreeMap<PathBuf, Vec<u8>>| {
        let inside = |path: &Path| is_debris(path.strip_prefix(scratch.path("")).unwrap());
        files.into_iter().filter(|(path, _)| !of_work(path) && !inside(path)).collect::<BTreeMap<_, _>>()
    };
    let before = others(scratch.files());

    let (mut hits, mut last_step) = (Hits::new(), 0);
    // Any moments will do; these come from a small generator (Numerical Recipes'), so that none is like another.
    let mut state = 7u32;
    for round in 0.. {
        if hits.values().sum::<usize>() == kills {
            break;
        }
        assert!(round < 20 * kills, "nearly all work ended before it was killed");
        let (work, span) = (&WORKS[round % WORKS.len()], spans[round % WORKS.len()]);
        let resume = work.command == TRAIN && scratch.path(CHECKPOINT).exists();
        let command = format!("{}{}", work.command, if resume { " --resume" } else { "" });
        let mut child = scratch.command(&command).spawn().unwrap();
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        sleep(span.mul_f64(f64::from(state >> 8) / f64::from(1 << 24)));
        let finished = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        *hits.entry(work.command).or_default() += usize::from(!finished);

        for name in work.files {
            let found = scratch.read(name);
            assert!(
                found == OLD || (work.whole)(&found, &expected(name)),
                "{name} after kill {round} of {}: {} bytes",
                work.command,
                found.len()
            );
        }
        if resume || scratch.path(CHECKPOINT).exists() {
            let step = step_of(&scratch.read(CHECKPOINT));
            assert!(step >= last_step, "step {step} after {last_step}");
            last_step = step;
        }
        // A training that has come to its end begins anew, so that the next kills find one at work.
        if finished && work.command == TRAIN {
            std::fs::remove_file(scratch.path(CHECKPOINT)).unwrap();
            scratch.write(work.files[0], OLD);
            last_step = 0;
        }
        // A folder is there with all that belongs into it, or not at all. The next conversion would refuse to write over it.
        if scratch.path("pictures").exists() {
            assert!(
                pictures(&scratch) == pictures(&undisturbed),
                "the folder of pictures after kill {round}"
            );
            std::fs::remove_dir_all(scratch.path("pictures")).unwrap();
        }
        assert!(others(scratch.files()) == before, "another file came, went or changed in kill {round}");
    }

    // Nothing that was left behind stands in the way.
    for work in &WORKS {
        let resume = if work.command == TRAIN && last_step > 0 { " --resume" } else { "" };
        scratch.run(&format!("{}{resume}", work.command)).succeeds();
        for name in work.files {
            assert!((work.whole)(&scratch.read(name), &expected(name)), "{name} in the end");
        }
    }
    assert!(scratch.read(CHECKPOINT) == expected(CHECKPOINT), "the checkpoint of the end");
    assert!(pictures(&scratch) == pictures(&undisturbed), "the folder of pictures in the end");
    hits
}

/// The files of the folder of pictures, by their paths in it.
fn pictures(scratch: &Scratch) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = scratch.path("pictures");
    let inside = |path: &Path| path.strip_prefix(&folder).ok().map(Path::to_owned);
    scratch.files().into_iter().filter_map(|(path, bytes)| Some((inside(&path)?, bytes))).collect()
}

/// Temporary files and what is in temporary folders: their names begin with a dot and end in `.tmp`.
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
    assert!(hits.values().all(|&hits| hits > 0), "some work always ended before it was killed");
}

/// A disk that takes no more: writing beyond a limit is refused by the system, as it is on a full disk.
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
        scratch.refuses_command(&mut limited(&scratch, command), 3, &words);
    }
}

/// The program where no file may grow beyond 8 KiB or so. The signal that would end it is ignored, so that it is told.
#[cfg(target_os = "linux")]
fn limited(scratch: &Scratch, arguments: &str) -> std::process::Command {
    let plain = scratch.command(arguments);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]).arg(plain.get_program());
    shell.args(plain.get_args()).current_dir(scratch.path(""));
    // Where the model would be kept otherwise, there is no room either.
    shell.env("TMPDIR", scratch.path("")).env_remove("TERCET_ISA").env_remove("RAYON_NUM_THREADS");
    shell.stdin(std::process::Stdio::null());
    shell
}

/// What could be written to when the training began is gone when it ends; the model is not.
#[test]
fn a_folder_that_vanishes_takes_no_model_with_it() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("gone")).unwrap();
    std::fs::create_dir(scratch.path("temporary")).unwrap();
    let train = "train linear --data small --iterations 20000 --seed 1";
    let mut command = scratch.command(&format!("{train} --out gone/m.safetensors --log-steps steps.jsonl"));
    let child = command.env("TMPDIR", scratch.path("temporary")).spawn().unwrap();
    // The log begins once the folder was found to be there.
    while !scratch.path("steps.jsonl").exists() {
        sleep(Duration::from_millis(1));
    }
    std::fs::remove_dir_all(scratch.path("gone")).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for words in
        ["cannot write gone/m.safetensors", "there is no folder gone", "The trained model is kept in "]
    {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let kept = std::fs::read_dir(scratch.path("temporary")).unwrap().next().unwrap().unwrap().path();
    scratch.run(train).succeeds();
    assert!(std::fs::read(kept).unwrap() == scratch.read("linear.safetensors"), "the very model");
}
