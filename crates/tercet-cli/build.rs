//! Lists the files of the page, compressed, so that they become part of the program.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Files below this size are not compressed.
const WORTH_COMPRESSING: usize = 1 << 10;

fn main() -> std::io::Result<()> {
    let variable = |name| PathBuf::from(std::env::var_os(name).expect("cargo sets it"));
    let (page, out) = (variable("CARGO_MANIFEST_DIR").join("page"), variable("OUT_DIR"));
    println!("cargo::rerun-if-changed=page");
    let mut files = Vec::new();
    collect(&page, &mut files)?;
    files.sort();

    let mut list = "&[\n".to_owned();
    for (number, file) in files.into_iter().enumerate() {
        let name = file.strip_prefix(&page).expect("it was found there").to_string_lossy().replace('\\', "/");
        let (stored, is_gzip) = match gzip(&std::fs::read(&file)?)? {
            Some(compressed) => {
                let path = out.join(format!("{number}.gz"));
                std::fs::write(&path, compressed)?;
                (path, true)
            }
            None => (file, false),
        };
        let stored = stored.display().to_string();
        writeln!(list, "    ({name:?}, include_bytes!({stored:?}), {is_gzip}),")
            .expect("memory to write into");
    }
    list.push(']');
    std::fs::write(out.join("page.rs"), list)
}

/// The compressed bytes of a file, if they are fewer: models are compressed already.
fn gzip(bytes: &[u8]) -> std::io::Result<Option<Vec<u8>>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    let compressed = encoder.finish()?;
    let pays = bytes.len() >= WORTH_COMPRESSING && compressed.len() < bytes.len();
    Ok(pays.then_some(compressed))
}

/// Every file in a folder and below, but for hidden ones.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => collect(&entry.path(), files)?,
            false => files.push(entry.path()),
        }
    }
    Ok(())
}
