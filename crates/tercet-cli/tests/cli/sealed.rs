//! The test set has no influence on training and tuning.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tercet::data::{Idx, Values, read_idx, write_idx};

use crate::common::Scratch;

const IMAGES: &str = "small/t10k-images-idx3-ubyte";
const LABELS: &str = "small/t10k-labels-idx1-ubyte";

/// Everything except durations.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, _| !key.contains("seconds"));
            map.values_mut().for_each(without_times);
        }
        Value::Array(values) => values.iter_mut().for_each(without_times),
        _ => {}
    }
}

/// The results of training and tuning, byte by byte.
fn outcomes(scratch: &Scratch) -> Vec<Vec<u8>> {
    let mut outcomes = Vec::new();
    for train in ["neighbors -k auto", "linear", "network --hidden 8 --epochs 2"] {
        scratch.run(&format!("train {train} --data small --out model.st")).succeeds();
        outcomes.push(scratch.read("model.st"));
    }
    for tune in ["neighbors -k 1,3 --folds 3", "network --hidden 4,8 --lr 0.1 --epochs 1"] {
        let mut json = scratch.run(&format!("tune {tune} --data small --json")).succeeds().json();
        without_times(&mut json);
        assert!(json["trials"].as_array().is_some_and(|trials| trials.len() >= 2), "{json}");
        outcomes.push(json.to_string().into_bytes());
    }
    outcomes
}

#[test]
fn training_and_tuning_are_the_same_with_any_test_set_and_with_none() {
    let scratch = Scratch::new();
    let as_it_is = outcomes(&scratch);
    let evaluated = scratch.run("evaluate model.st --data small --json").succeeds().json();

    // Other labels, and inverted pictures.
    let (labels, images) = (scratch.path(LABELS), scratch.path(IMAGES));
    let changed = |path: &Path, change: &dyn Fn(u8) -> u8| {
        let Idx { dimensions, values: Values::U8(values) } = read_idx(path).unwrap() else { panic!("bytes") };
        let values = Values::U8(values.into_iter().map(change).collect());
        write_idx(path, &Idx { dimensions, values }).unwrap();
    };
    changed(&labels, &|label| (label + 1) % 3);
    changed(&images, &|pixel| 255 - pixel);
    assert!(outcomes(&scratch) == as_it_is, "the test set made a difference");
    // An evaluation notices the change.
    let other = scratch.run("evaluate model.st --data small --json").succeeds().json();
    assert_ne!(evaluated["models"][0]["evaluation"], other["models"][0]["evaluation"]);

    fs::remove_file(labels).unwrap();
    fs::remove_file(images).unwrap();
    assert!(outcomes(&scratch) == as_it_is, "a missing test set made a difference");
}

/// Only these commands unseal the test set: add others here.
#[test]
fn the_commands_that_unseal_the_test_set_are_known() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut opening = Vec::new();
    let mut folders = vec![sources.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read_to_string(&path).is_ok_and(|text| text.contains("open(&mut ")) {
                opening.push(path.strip_prefix(&sources).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    opening.sort();
    assert_eq!(
        opening,
        ["compare", "data/check", "data/convert", "data/info", "data/show", "evaluate", "export", "graph"]
            .map(|command| format!("commands/{command}.rs"))
    );
}
