//! Replays the seeds and findings of fuzzing: no reader panics, or allocates memory based only on a file's claims.
//!
//! `fuzz/` documents the origin of these files. Runs in a separate process, since its allocations are counted.

#![cfg(all(feature = "csv", feature = "flate2", feature = "image", feature = "toml", feature = "zip"))]

use std::alloc::System;
use std::fs;
use std::path::{Path, PathBuf};

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "../../../fuzz/src/readers.rs"]
mod readers;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The maximum total of allocations for one file of a few kilobytes, whether freed or not.
const MOST: usize = 64 << 20;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The files of a folder, in order; none if it does not exist.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A single test, since the allocations of concurrent tests would be counted as well.
#[test]
fn no_seed_and_no_regression_makes_a_reader_panic_or_take_memory() {
    let folder = tempfile::tempdir().unwrap();
    readers::expect_panics_of_parquet();
    for (name, reader) in readers::ALL {
        let seeds = files(&fuzz().join("seeds").join(name));
        assert!(!seeds.is_empty(), "no seeds for {name}");
        for path in seeds.into_iter().chain(files(&fuzz().join("regressions").join(name))) {
            let bytes = fs::read(&path).unwrap();
            println!("{}", path.display());
            let region = Region::new(ALLOCATOR);
            reader(&bytes, folder.path());
            let allocated = region.change().bytes_allocated;
            assert!(allocated < MOST, "{}: {allocated} bytes allocated", path.display());
        }
    }
}

/// Every target of cargo-fuzz has seeds, and is replayed: here, or for HTTP requests by the tests of the program.
#[test]
fn every_target_is_replayed() {
    for target in files(&fuzz().join("fuzz_targets")) {
        let name = target.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(readers::ALL.iter().any(|(reader, _)| *reader == name) || name == "http", "{name}");
        assert!(!files(&fuzz().join("seeds").join(&name)).is_empty(), "no seeds for {name}");
    }
}
