//! Lists the files of the page, so that they become a part of the program.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let variable = |name| PathBuf::from(std::env::var_os(name).expect("cargo sets it"));
    let page = variable("CARGO_MANIFEST_DIR").join("page");
    println!("cargo::rerun-if-changed=page");
    let mut files = Vec::new();
    collect(&page, &mut files)?;
    files.sort();

    let mut list = "&[\n".to_owned();
    for file in files {
        let name = file.strip_prefix(&page).expect("it was found there").to_string_lossy().replace('\\', "/");
        writeln!(list, "    ({name:?}, include_bytes!({:?})),", file.display().to_string())
            .expect("memory to write into");
    }
    list.push(']');
    std::fs::write(variable("OUT_DIR").join("page.rs"), list)
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
