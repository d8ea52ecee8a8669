//! Damaged files, and paths that cannot be written: exit code 3.

use crate::common::Scratch;

const IMAGES: &str = "small/train-images-idx3-ubyte";
const LABELS: &str = "small/train-labels-idx1-ubyte";

/// Every command that reads data rejects the small data set.
const READERS: [&str; 6] = [
    "data info --data small",
    "data show --data small --out sheet.png",
    "compare --data small",
    "train neighbors --data small",
    "train linear --data small --out model.safetensors",
    "tune neighbors --data small",
];

#[track_caller]
fn all_reject(scratch: &Scratch, words: &[&str]) {
    // An existing model, which must not be changed.
    scratch.write("model.safetensors", "a good model");
    for reader in READERS {
        scratch.rejects(reader, 3, words);
    }
}

#[test]
fn a_folder_that_is_not_a_data_set() {
    let scratch = Scratch::empty();
    all_reject(&scratch, &["small", "No such file or directory"]);
    scratch.write("small", "a file");
    all_reject(
        &scratch,
        &["small: found one column, “a file” in its first row; expected at least two columns"],
    );
    std::fs::remove_file(scratch.path("small")).unwrap();
    std::fs::create_dir(scratch.path("small")).unwrap();
    all_reject(&scratch, &["none of the expected files", "train-images-idx3-ubyte"]);
}

#[test]
fn files_of_the_wrong_length() {
    let scratch = Scratch::new();
    for file in [IMAGES, LABELS] {
        let whole = scratch.read(file);
        scratch.write(file, &whole[..whole.len() - 1]);
        all_reject(&scratch, &[file, "damaged or truncated"]);
        scratch.write(file, [&whole[..], b"x"].concat());
        all_reject(&scratch, &[file, "too long"]);
        scratch.write(file, &whole[..5]);
        all_reject(&scratch, &[file, "5 bytes"]);
        scratch.write(file, "");
        all_reject(&scratch, &[file, "an empty file (0 bytes)"]);
        scratch.write(file, whole);
    }
}

#[test]
fn files_with_the_wrong_magic() {
    let scratch = Scratch::new();
    let whole = scratch.read(IMAGES);
    scratch.write(IMAGES, "a,b,c\n1,2,3\n");
    all_reject(&scratch, &[IMAGES, "no IDX file"]);
    // An unknown element type.
    scratch.write(IMAGES, [&[0, 0, 7][..], &whole[3..]].concat());
    all_reject(&scratch, &[IMAGES, "element type 0x07"]);
    // Labels instead of images.
    scratch.write(IMAGES, scratch.read(LABELS));
    all_reject(&scratch, &[IMAGES, "1 dimension"]);
    // A header that claims more than memory holds.
    scratch.write(IMAGES, [&whole[..4], &[0xff; 12]].concat());
    all_reject(&scratch, &[IMAGES, "4294967295"]);
}

#[test]
fn images_and_labels_that_do_not_match() {
    let scratch = Scratch::new();
    let labels = scratch.read(LABELS);
    let mut fewer = labels[..labels.len() - 1].to_vec();
    fewer[4..8].copy_from_slice(&599u32.to_be_bytes());
    scratch.write(LABELS, fewer);
    all_reject(&scratch, &[LABELS, "599 labels", "600"]);
    std::fs::remove_file(scratch.path(LABELS)).unwrap();
    all_reject(&scratch, &["train-labels-idx1-ubyte"]);
}

#[test]
fn a_label_outside_the_classes() {
    let scratch = Scratch::new();
    scratch.write("small/classes.txt", "rows\ncolumns\n");
    all_reject(&scratch, &[LABELS, "label 2", "a class from 0 to 1", "classes.txt"]);
    std::fs::remove_file(scratch.path("small/classes.txt")).unwrap();

    // Without names, the training labels define the classes.
    let test_labels = "small/t10k-labels-idx1-ubyte";
    let mut labels = scratch.read(test_labels);
    labels[8 + 7] = 9;
    scratch.write(test_labels, labels);
    all_reject(&scratch, &[test_labels, "label 9 (example 7)", "a class from 0 to 2"]);
}

#[test]
fn files_that_are_not_models() {
    let scratch = Scratch::with_model();
    scratch.write("p.png", "never read");
    let whole = scratch.read("linear.safetensors");
    // The document of a model is JSON in a string of JSON.
    let with = |old: &str, new: &str| {
        let (old, new) = (old.replace('"', "\\\""), new.replace('"', "\\\""));
        let at = whole.windows(old.len()).position(|bytes| bytes == old.as_bytes()).expect(&old);
        [&whole[..at], new.as_bytes(), &whole[at + old.len()..]].concat()
    };
    for (bytes, words) in [
        (Vec::new(), ["m.safetensors", "expected"].as_slice()),
        (b"a text".to_vec(), &["m.safetensors", "tercet train"]),
        (whole[..whole.len() - 1].to_vec(), &["m.safetensors", "damaged or changed"]),
        (with(r#""format":4"#, r#""format":9"#), &["model format 9", "update this one"]),
        (
            with(r#""kind":"linear""#, r#""kind":"forest""#),
            &["kind “forest”", "neighbors, linear or network"],
        ),
        (with(r#""features":144"#, r#""features":143"#), &["m.safetensors", "143"]),
        (with(r#""outputs":3"#, r#""outputs":4"#), &["m.safetensors", "4"]),
    ] {
        scratch.write("m.safetensors", bytes);
        scratch.rejects("evaluate m.safetensors --data small", 3, words);
        scratch.rejects("evaluate linear.safetensors m.safetensors --data small", 3, words);
        scratch.rejects("predict m.safetensors p.png", 3, words);
    }
    scratch.rejects("evaluate nowhere.safetensors --data small", 3, &["cannot read nowhere.safetensors"]);
    scratch.rejects("evaluate small --data small", 3, &["small"]);
    let said = scratch.run("predict nowhere.safetensors p.png").fails(3, &[]).stderr;
    assert_eq!(said.matches("No such file").count(), 1, "said once: {said}");
}

/// Every command that writes a file, up to its name.
const WRITERS: [&str; 9] = [
    "train neighbors --data small --out",
    "train linear --data small --out",
    "train network --data small --losses",
    "train --recipe linear --data small --out",
    "compare --data small --report",
    "evaluate linear.safetensors --data small --report",
    "tune neighbors --data small --report",
    "data show --data small --out",
    "predict linear.safetensors p.png --prepared",
];

#[test]
fn paths_that_cannot_be_written() {
    let scratch = Scratch::with_model();
    scratch.write("p.png", "never read");
    scratch.write("file", "not a folder");
    for writer in WRITERS {
        scratch.rejects(&format!("{writer} nowhere/out"), 3, &["nowhere", "create it first"]);
        scratch.rejects(&format!("{writer} file/out"), 3, &["file", "there is no folder"]);
        if !writer.ends_with("--prepared") {
            scratch.rejects(&format!("{writer} small"), 3, &["cannot write small: that is a folder"]);
        }
    }
}

/// A file must not replace a device: without /dev/null, the whole machine would be broken.
#[cfg(unix)]
#[test]
fn a_device_is_not_replaced() {
    let scratch = Scratch::with_model();
    for writer in WRITERS.iter().filter(|writer| !writer.ends_with("--prepared")) {
        scratch.rejects(&format!("{writer} /dev/null"), 3, &["/dev/null", "device"]);
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_is_read_only() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::with_model();
    scratch.write("p.png", "never read");
    let locked = scratch.path("locked");
    std::fs::create_dir(&locked).unwrap();
    let allow = |mode| std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    // Root may write everywhere.
    if std::fs::write(locked.join("probe"), "").is_err() {
        for writer in WRITERS {
            let name = if writer.ends_with("--prepared") { "locked" } else { "locked/out" };
            scratch.rejects(&format!("{writer} {name}"), 3, &["locked", "denied"]);
        }
    }
    allow(0o755);
}

/// Not even root can create a file in /proc.
#[cfg(target_os = "linux")]
#[test]
fn a_file_system_without_new_files() {
    let scratch = Scratch::with_model();
    scratch.write("p.png", "never read");
    for writer in WRITERS {
        let name = if writer.ends_with("--prepared") { "/proc" } else { "/proc/out" };
        scratch.rejects(&format!("{writer} {name}"), 3, &["cannot write", "/proc"]);
    }
}
