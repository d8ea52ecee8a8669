//! Hand-made files that are not what they should be, one or two mistakes each: `hostile/`, with the message that each must
//! give in `hostile/messages.txt`.
//!
//! A line there is the path of a file, a colon and the message. Files that others go with (labels, a folder's pictures) have
//! none.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tercet::data::Source;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")
}

/// The message of every file, by its path.
fn messages() -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder().join("messages.txt")).unwrap();
    let line = |line: &str| {
        let (path, message) = line.split_once(": ").unwrap_or_else(|| panic!("no message in {line:?}"));
        (path.to_owned(), message.to_owned())
    };
    text.lines().filter(|text| !text.is_empty()).map(line).collect()
}

/// What is to be opened: every file that no other opens, and every folder of pictures.
fn openings(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let of_others = name.ends_with("-y.npy") || name.contains("-labels-idx1") || name == "messages.txt";
        if path.is_dir() && path.parent().unwrap().file_name().unwrap() != "pictures" {
            openings(&path, found);
        } else if !of_others {
            found.push(path);
        }
    }
}

#[test]
fn every_hostile_file_is_refused_with_its_message() {
    let messages = messages();
    let mut paths = Vec::new();
    openings(&folder(), &mut paths);
    paths.sort();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in paths {
        let name = path.strip_prefix(folder()).unwrap().to_str().unwrap().replace('\\', "/");
        if name.starts_with("parquet/") && !cfg!(feature = "parquet") {
            seen += 1;
            continue;
        }
        let source = Source::Path(path.clone());
        let message = match source.open() {
            Ok(_) => "it was read as if it were good".to_owned(),
            // Paths of this machine are not part of the message.
            Err(error) => error.to_string().replace(&format!("{}/", folder().display()), ""),
        };
        match messages.get(&name) {
            Some(expected) if *expected == message => seen += 1,
            _ => wrong.push(format!("{name}: {message}")),
        }
    }
    assert!(wrong.is_empty(), "other messages than expected:\n{}", wrong.join("\n"));
    assert_eq!(seen, messages.len(), "a message for a file that is not there");
}
