//! Folders of IDX files, good and hostile, opened as `--data` opens them.

#![cfg(feature = "flate2")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tercet::data::{Collection, Idx, Row, Source, Values, write_idx};
use tercet::image::ImageShape;

fn write(folder: &TempDir, name: &str, dimensions: &[usize], values: Values) {
    write_idx(&folder.path().join(name), &Idx { dimensions: dimensions.to_vec(), values }).unwrap();
}

fn bytes(count: usize) -> Values {
    Values::U8((0..count).map(|i| i as u8).collect())
}

/// A folder with four training images of 3 × 2 pixels and two test images.
fn toy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "train-images-idx3-ubyte", &[4, 2, 3], bytes(24));
    write(&folder, "train-labels-idx1-ubyte", &[4], Values::U8(vec![0, 2, 1, 2]));
    write(&folder, "t10k-images-idx3-ubyte", &[2, 2, 3], bytes(12));
    write(&folder, "t10k-labels-idx1-ubyte", &[2], Values::U8(vec![1, 0]));
    folder
}

fn open(path: &Path) -> tercet::Result<Collection> {
    path.to_str().unwrap().parse::<Source>()?.open()
}

/// Asserts that the folder is rejected with a message that contains each of these texts.
#[track_caller]
fn refused(path: &Path, says: &[&str]) {
    let message = open(path).unwrap_err().to_string();
    for part in says {
        assert!(message.contains(part), "no \"{part}\" in: {message}");
    }
}

#[test]
fn a_folder_becomes_a_training_set_and_a_sealed_test_set() {
    let folder = toy();
    let data = open(folder.path()).unwrap();
    assert_eq!(data.name, folder.path().file_name().unwrap().to_str().unwrap());
    assert_eq!((data.train.len(), data.train.labels().to_vec()), (4, vec![0, 2, 1, 2]));
    assert_eq!(data.train.image_shape(), Some(ImageShape::gray(3, 2)));
    assert_eq!(data.train.classes(), ["0", "1", "2"]);
    let mut record = Vec::new();
    let test = data.test.unwrap().open(&mut record, "a test");
    assert_eq!((test.labels().to_vec(), test.pixels(1)), (vec![1, 0], Some(&[6, 7, 8, 9, 10, 11][..])));
}

#[test]
fn other_spellings_and_gzip_are_found_and_a_test_set_is_optional() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "train-images.idx3-ubyte.gz", &[1, 1, 2], bytes(2));
    write(&folder, "train-labels-idx1-ubyte.gz", &[1], bytes(1));
    assert!(open(folder.path()).unwrap().test.is_none());
    write(&folder, "test-images.idx", &[1, 1, 2], bytes(2));
    write(&folder, "test-labels.idx1-ubyte", &[1], bytes(1));
    assert_eq!(open(folder.path()).unwrap().test.unwrap().len(), 1);
}

#[test]
fn colour_images_and_plain_features_keep_their_shapes() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "train-labels.idx", &[2], bytes(2));
    write(&folder, "train-images.idx", &[2, 1, 2, 3], bytes(12));
    let colour = Some(ImageShape { width: 2, height: 1, channels: 3 });
    assert_eq!(open(folder.path()).unwrap().train.image_shape(), colour);

    write(&folder, "train-images.idx", &[2, 3], Values::F32(vec![0.5, 1.5, -2.0, 3.0, 4.0, 5.0]));
    let features = open(folder.path()).unwrap().train;
    assert_eq!((features.image_shape(), features.row(0)), (None, Row::F32(&[0.5, 1.5, -2.0])));

    write(&folder, "train-images.idx", &[2, 2], Values::U8(vec![1, 2, 3, 255]));
    assert_eq!(open(folder.path()).unwrap().train.row(1), Row::F32(&[3.0, 255.0]));
}

#[test]
fn classes_have_the_names_that_a_file_gives_them() {
    let folder = toy();
    fs::write(folder.path().join("labels.txt"), "\u{feff}shirt\r\nshoe\r\nbag\r\nnever seen\r\n\r\n")
        .unwrap();
    assert_eq!(open(folder.path()).unwrap().train.classes(), ["shirt", "shoe", "bag", "never seen"]);
    fs::write(folder.path().join("classes.txt"), "a\nb\nc").unwrap();
    assert_eq!(open(folder.path()).unwrap().train.classes(), ["a", "b", "c"]);
}

#[test]
fn class_names_that_cannot_be_used_are_rejected() {
    let folder = toy();
    let path = folder.path().join("classes.txt");
    for (text, says) in [
        (&b""[..], "found no names"),
        (b"a\n\nc\n", "nothing in line 2"),
        (b"a\nb\na\n", "the name \"a\" twice"),
        (b"a\nb\n\x1b[2Jc\n", "a control character in line 3"),
        (b"a\nb\n\xff\xfe\n", "bytes that are not text"),
        (&[b'x'; (1 << 20) + 1], "more than 1 MiB"),
    ] {
        fs::write(&path, text).unwrap();
        refused(folder.path(), &["classes.txt: found", says, "one per line"]);
    }
}

#[test]
fn a_missing_folder_is_rejected_and_a_single_file_is_read() {
    let folder = toy();
    refused(&folder.path().join("nothing"), &["cannot open the data", "nothing"]);
    // A single file is equivalent to the folder, except for the test set, which is not found by its name.
    let alone = open(&folder.path().join("train-images-idx3-ubyte")).unwrap();
    assert_eq!(alone.train.digest(), open(folder.path()).unwrap().train.digest());
    refused(&folder.path().join("train-labels-idx1-ubyte"), &["1 dimension", "a file of labels"]);
}

#[test]
fn a_folder_without_the_files_is_rejected_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let names =
        ["train-images-idx3-ubyte, train-images-idx3-ubyte.gz", "train-images.idx.gz", "--data mnist"];
    refused(folder.path(), &names);
    write(&folder, "train-images-idx3-ubyte", &[1, 1, 1], bytes(1));
    refused(folder.path(), &["train-labels-idx1-ubyte", "train-labels.idx"]);
    write(&folder, "train-labels-idx1-ubyte", &[1], bytes(1));
    write(&folder, "test-images-idx3-ubyte", &[1, 1, 1], bytes(1));
    refused(folder.path(), &["t10k-labels-idx1-ubyte", "test-labels.idx"]);
}

#[test]
fn images_and_labels_that_differ_in_count_are_rejected() {
    let folder = toy();
    write(&folder, "train-labels-idx1-ubyte", &[3], bytes(3));
    refused(folder.path(), &["found 3 labels; expected 4, one for each of", "train-images-idx3-ubyte"]);
}

#[test]
fn a_label_outside_the_classes_is_rejected_in_either_set() {
    let folder = toy();
    // The largest training label is 2, so there are no further classes.
    write(&folder, "t10k-labels-idx1-ubyte", &[2], Values::U8(vec![0, 3]));
    let says = ["t10k-labels-idx1-ubyte: found label 3 (example 1); expected a class from 0 to 2"];
    refused(folder.path(), &says);
    fs::write(folder.path().join("classes.txt"), "a\nb\n").unwrap();
    refused(folder.path(), &["train-labels-idx1-ubyte: found label 2 (example 1)", "from 0 to 1"]);
}

#[test]
fn sets_of_different_shape_are_rejected() {
    let folder = toy();
    write(&folder, "t10k-images-idx3-ubyte", &[2, 3, 2], bytes(12));
    refused(folder.path(), &["found images of 2 × 3 pixels; expected images of 3 × 2 pixels, as in"]);
    write(&folder, "t10k-images-idx3-ubyte", &[2, 6], Values::F32(vec![0.0; 12]));
    refused(folder.path(), &["found examples of 6 features"]);
}

#[test]
fn files_that_were_swapped_are_noticed() {
    let folder = toy();
    write(&folder, "train-labels-idx1-ubyte", &[4, 2, 3], bytes(24));
    refused(folder.path(), &["found 3 dimensions", "looks like a file of images"]);
    let folder = toy();
    write(&folder, "train-images-idx3-ubyte", &[4], bytes(4));
    refused(folder.path(), &["found 1 dimension", "looks like a file of labels"]);
}

#[test]
fn labels_that_are_not_bytes_are_rejected() {
    let folder = toy();
    write(&folder, "train-labels-idx1-ubyte", &[4], Values::F32(vec![0.0; 4]));
    refused(folder.path(), &["labels that are not bytes", "0x08"]);
}

#[test]
fn a_set_without_examples_or_pixels_is_rejected() {
    let folder = toy();
    write(&folder, "train-images-idx3-ubyte", &[0, 2, 3], bytes(0));
    write(&folder, "train-labels-idx1-ubyte", &[0], bytes(0));
    refused(folder.path(), &["the dimensions [0, 2, 3]"]);
    let vast = u32::MAX as usize;
    write(&folder, "train-images-idx3-ubyte", &[0, vast, vast, 1], bytes(0));
    refused(folder.path(), &["[0, 4294967295, 4294967295, 1]"]);
}

#[test]
fn nan_is_rejected_with_its_file_row_and_column() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "train-labels.idx", &[2], bytes(2));
    write(&folder, "train-images.idx", &[2, 2], Values::F32(vec![0.0, 1.0, f32::NAN, 3.0]));
    refused(folder.path(), &["train-images.idx: found NaN at row 1, column 0; expected a finite number"]);
}

#[test]
fn a_damaged_file_is_rejected_by_its_own_name() {
    let folder = toy();
    let path = folder.path().join("t10k-images-idx3-ubyte");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    refused(folder.path(), &["t10k-images-idx3-ubyte: found 27 bytes; expected 28 bytes"]);
}
