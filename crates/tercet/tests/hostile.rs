//! Hand-made invalid files with one or two faults each: `hostile/`, with the message that each must cause in
//! `hostile/messages.txt`.
//!
//! A line there is the path of a file, a colon and the message, with line breaks as `\n`. Auxiliary files (labels, the
//! pictures of a folder) have no line. The folder of a file determines how it is read: there is one each for models,
//! recipes, architecture strings, expressions and single pictures; everything else is data.

#![cfg(all(feature = "csv", feature = "flate2", feature = "image", feature = "toml", feature = "zip"))]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tercet::data::Source;
use tercet::graph::{Graph, Values};
use tercet::image;
use tercet::image::ImageShape;
use tercet::model::Model;
use tercet::network::Architecture;
use tercet::recipe::Recipe;

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

/// What is opened: all files that are not auxiliary, and all folders of pictures.
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

/// Reads a file according to its folder, up to where its numbers would be used.
fn read(name: &str, path: &Path) -> tercet::Result<()> {
    let text = || fs::read_to_string(path).unwrap();
    match name.split('/').next().unwrap() {
        "model" => Model::load(path).map(drop),
        "recipe" => match Recipe::read(path)? {
            Recipe::GradientDescent(recipe) => recipe.untrained(ImageShape::gray(28, 28), 10).map(drop),
            _ => Ok(()),
        },
        "layers" => {
            let layers: Architecture = text().parse()?;
            layers.complete(ImageShape::gray(28, 28), 10).map(drop)
        }
        "expression" => {
            let (graph, _) = Graph::parse(&text())?;
            graph.evaluate(&Values::new()).map(drop)
        }
        "picture" => image::open(path).map(drop),
        _ => Source::Path(path.to_owned()).open().map(drop),
    }
}

#[test]
fn every_hostile_file_is_rejected_with_its_message() {
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
        let message = match read(&name, &path) {
            Ok(()) => "it was read as if it were good".to_owned(),
            // The paths of this machine are not part of the message.
            Err(error) => {
                error.to_string().replace(&format!("{}/", folder().display()), "").replace('\n', "\\n")
            }
        };
        match messages.get(&name) {
            Some(expected) if *expected == message => seen += 1,
            _ => wrong.push(format!("{name}: {message}")),
        }
    }
    assert!(wrong.is_empty(), "other messages than expected:\n{}", wrong.join("\n"));
    assert_eq!(seen, messages.len(), "a message for a file that is not there");
}

/// A sparse file takes no space on disk, but would take it in memory.
#[test]
fn a_model_file_is_not_read_beyond_what_its_header_says() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, first: &[u8], length: u64| {
        let path = folder.path().join(name);
        fs::write(&path, first).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_len(length).unwrap();
        Model::load(&path).unwrap_err().to_string()
    };
    let terabyte = 1 << 40;
    let message = refused("zeros", b"", terabyte);
    assert!(message.contains("found a file that is damaged, truncated or not a model"), "{message}");
    let message = refused("header", &(terabyte - 8).to_le_bytes(), terabyte);
    assert!(message.contains("claims a header of 1099511627768"), "{message}");
    let good = fs::read(folder_of_seeds().join("linear")).unwrap();
    let message = refused("longer", &good, terabyte);
    let expected =
        format!("found a file of {terabyte} bytes; expected {} bytes, as its header says", good.len());
    assert!(message.contains(&expected), "{message}");
}

/// Small valid files of every kind, the seeds for fuzzing.
fn folder_of_seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/model")
}
