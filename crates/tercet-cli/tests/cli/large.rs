//! Files several times larger than the memory for searching them and evaluating on them.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{Outcome, Scratch};

/// The number of rows of the large file, and their size.
const ROWS: usize = 240_000;
const SIDE: usize = 28;
const WIDTH: usize = SIDE * SIDE;

/// The memory limit of the program: a quarter of the file.
const MOST: u64 = (ROWS * WIDTH / 4) as u64;

/// Whether row `i` is dark, which is class 0.
fn is_dark(i: usize) -> bool {
    i.is_multiple_of(3)
}

/// A pixel of row `i`: noise around the level of its class.
fn pixel(i: usize, j: usize) -> u8 {
    let mut noise = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (j as u64 + 1).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    noise ^= noise >> 29;
    let level = if is_dark(i) { 60 } else { 140 };
    level + (noise.wrapping_mul(0x94d0_49bb_1331_11eb) >> 58) as u8
}

/// Writes an NPY file of bytes, a row at a time.
fn write_npy(path: &Path, shape: &str, rows: impl Iterator<Item = Vec<u8>>) {
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({shape}), }}");
    header.extend(std::iter::repeat_n(' ', 117 - header.len()));
    header.push('\n');
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    file.write_all(b"\x93NUMPY\x01\x00").unwrap();
    file.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    rows.for_each(|row| file.write_all(&row).unwrap());
    file.flush().unwrap();
}

/// Writes an IDX file of bytes, a row at a time.
fn write_idx(path: &Path, dimensions: &[usize], rows: impl Iterator<Item = Vec<u8>>) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    file.write_all(&[0, 0, 8, dimensions.len() as u8]).unwrap();
    dimensions.iter().for_each(|&n| file.write_all(&(n as u32).to_be_bytes()).unwrap());
    rows.for_each(|row| file.write_all(&row).unwrap());
    file.flush().unwrap();
}

fn row(i: usize) -> Vec<u8> {
    (0..WIDTH).map(|j| pixel(i, j)).collect()
}

/// Runs the program, and measures its anonymous memory. The system can free mapped pages of files at any
/// time.
fn watched(scratch: &Scratch, arguments: &str) -> (Outcome, u64) {
    let mut command = scratch.command(arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let file = format!("/proc/{}/status", child.id());
    let watch = std::thread::spawn(move || {
        let mut most = 0;
        while let Ok(status) = std::fs::read_to_string(&file) {
            let Some(own) = status.lines().find_map(|line| line.strip_prefix("RssAnon:")) else { break };
            let kibibytes: u64 = own.trim().trim_end_matches(" kB").parse().unwrap();
            most = most.max(kibibytes * 1024);
            std::thread::sleep(Duration::from_millis(2));
        }
        most
    });
    let outcome = Outcome::from(child.wait_with_output().unwrap()).succeeds();
    (outcome, watch.join().unwrap())
}

#[test]
fn a_large_file_is_searched_and_evaluated_on_in_a_quarter_of_its_size() {
    if !cfg!(target_os = "linux") {
        eprintln!("skipped: only Linux tells the anonymous memory of another process");
        return;
    }
    let scratch = Scratch::empty();
    let images = |rows: usize| format!("{rows}, {SIDE}, {SIDE}");
    write_npy(&scratch.path("rows.npy"), &images(ROWS), (0..ROWS).map(row));
    // Rows of the large file are their own nearest neighbours.
    let queries = [ROWS - 1, 0, 177_777, 23_456];
    write_npy(&scratch.path("queries.npy"), &images(queries.len()), queries.iter().map(|&i| row(i)));

    let search = "search rows.npy queries.npy -k 3 --chunk 10000 --distances far.npy --threads 2";
    let (outcome, most) = watched(&scratch, search);
    assert!(
        outcome.stderr.contains("4 queries among 240,000 rows") && outcome.stderr.contains("in 24 chunks")
    );
    assert!(most < MOST, "{most} bytes to search {} bytes", ROWS * WIDTH);
    let (near, far) = (scratch.read("neighbors.npy"), scratch.read("far.npy"));
    let near: Vec<u32> = near[128..].as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let far: Vec<f64> = far[128..].as_chunks().0.iter().map(|word| f64::from_le_bytes(*word)).collect();
    for (i, &place) in queries.iter().enumerate() {
        assert_eq!((near[3 * i] as usize, far[3 * i]), (place, 0.0));
        assert!(far[3 * i + 1] > 0.0 && far[3 * i + 1] <= far[3 * i + 2]);
        let second = near[3 * i + 1] as usize;
        let squares = row(place).into_iter().zip(row(second)).map(|(a, b)| f64::from(a.abs_diff(b)).powi(2));
        assert_eq!(far[3 * i + 1], squares.sum::<f64>().sqrt());
    }

    std::fs::remove_file(scratch.path("rows.npy")).unwrap();
    std::fs::create_dir(scratch.path("set")).unwrap();
    for (part, rows) in [("train", 300), ("t10k", ROWS)] {
        let file = |what: &str| scratch.path(&format!("set/{part}-{what}-ubyte"));
        write_idx(&file("images-idx3"), &[rows, SIDE, SIDE], (0..rows).map(row));
        write_idx(&file("labels-idx1"), &[rows], (0..rows).map(|i| vec![u8::from(!is_dark(i))]));
    }
    scratch.run("train linear --data set --epochs 20").succeeds();
    let (outcome, most) = watched(&scratch, "evaluate linear.safetensors --data set --threads 2");
    assert!(outcome.stdout.contains("in 240,000 examples"), "{}", outcome.stdout);
    assert!(most < MOST, "{most} bytes to evaluate on {} bytes", ROWS * WIDTH);

    scratch.rejects("search queries.npy queries.npy -k 0", 2, &["k is 0"]);
    scratch.rejects("search set/train-labels-idx1-ubyte queries.npy", 3, &["1 dimension"]);
    scratch.rejects("search queries.npy nothing.npy", 3, &["nothing.npy"]);
    scratch.rejects(
        "search queries.npy queries.npy --out a.npy --distances a.npy -k 1",
        2,
        &["are the same file"],
    );
}
