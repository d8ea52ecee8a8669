//! How much memory training takes at most: the data set and 60 MB.

use std::process::Stdio;
use std::time::Duration;

use crate::common::Scratch;

/// MNIST: 70,000 images of 784 bytes, each with a label.
const DATA: u64 = 70_000 * (784 + 1);

/// What training may take in addition.
const EXTRA: u64 = 60_000_000;

/// The peak memory of the program, in bytes, as the system reports it while the program runs. It only grows,
/// so the last sample is that of the whole run except its last milliseconds.
fn peak(scratch: &Scratch, arguments: &str) -> u64 {
    let mut command = scratch.command(arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let file = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let status = loop {
        if let Some(kibibytes) = std::fs::read_to_string(&file).ok().as_deref().and_then(high_water) {
            peak = kibibytes * 1024;
        }
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert!(status.success(), "{arguments}: {status}");
    peak
}

fn high_water(status: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn training_takes_no_more_than_the_data_set_and_60_megabytes() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: only Linux tells the peak memory of another process");
        return;
    }
    let scratch = Scratch::empty();
    for arguments in [
        "train network --epochs 1 --threads 2",
        "train network --epochs 1 --threads 2 --optimizer adam --dropout 0.2 --patience 2",
        "train linear --epochs 1 --threads 2",
        "train linear --solver dual --tolerance 0.1 --threads 2",
        "train linear --solver dual --loss softmax --tolerance 0.1 --threads 2",
        "train linear --solver dual --reg 1e-2,1e-3 --folds 2 --tolerance 0.1 --threads 2",
    ] {
        // On a busy machine, the last sample may be from before the data set was loaded: then once more.
        let mut peaks = (0..20).map(|_| peak(&scratch, arguments));
        let peak = peaks.find(|peak| *peak > DATA).expect("a sample after the data set was loaded");
        assert!(peak < DATA + EXTRA, "{arguments}: {peak} bytes, more than {DATA} and {EXTRA}");
    }
}
