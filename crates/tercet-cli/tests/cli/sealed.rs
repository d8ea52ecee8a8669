//! The test set has no part in what is trained and tuned, whatever is in it and whether or not there is one.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tercet::data::{Idx, Values, read_idx, write_idx};

use crate::common::Scratch;

const IMAGES: &str = "small/t10k-images-idx3-ubyte";
const LABELS: &str = "small/t10k-labels-idx1-ubyte";

/// Everything but how long it took and where it was.
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

/// What training and tuning leave, to the byte.
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
    let judged = scratch.run("evaluate model.st --data small --json").succeeds().json();

    // Every label another, every picture inverted.
    let (labels, images) = (scratch.path(LABELS), scratch.path(IMAGES));
    let changed = |path: &Path, change: &dyn Fn(u8) -> u8| {
        let Idx { dimensions, values: Values::U8(values) } = read_idx(path).unwrap() else { panic!("bytes") };
        let values = Values::U8(values.into_iter().map(change).collect());
        write_idx(path, &Idx { dimensions, values }).unwrap();
    };
    changed(&labels, &|label| (label + 1) % 3);
    changed(&images, &|pixel| 255 - pixel);
    assert!(outcomes(&scratch) == as_it_is, "the test set made a difference");
    // The change is one that a judgement sees.
    let other = scratch.run("evaluate model.st --data small --json").succeeds().json();
    assert_ne!(judged["models"][0]["evaluation"], other["models"][0]["evaluation"]);

    fs::remove_file(labels).unwrap();
    fs::remove_file(images).unwrap();
    assert!(outcomes(&scratch) == as_it_is, "the test set was missed");
}

/// The seal is broken in these verbs and nowhere else: whoever adds another says so here.
#[test]
fn the_verbs_that_open_the_test_set_are_known() {
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
        ["compare", "data", "evaluate", "export", "graph"].map(|verb| format!("verbs/{verb}.rs"))
    );
}
