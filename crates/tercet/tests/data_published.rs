//! Data sets in the folders and under the names in which people have them, and files of other kinds.

#![cfg(all(feature = "flate2", feature = "zip"))]

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use tercet::data::{Collection, Idx, Row, Source, Values, write_idx};

/// Two training images and one test image of 2 × 2 pixels.
const IMAGES: [&[u8]; 2] = [&[1, 2, 3, 4, 5, 6, 7, 8], &[9, 10, 11, 12]];
const LABELS: [&[u8]; 2] = [&[1, 0], &[1]];

fn idx(values: &[u8], is_images: bool) -> Idx {
    let dimensions = if is_images { vec![values.len() / 4, 2, 2] } else { vec![values.len()] };
    Idx { dimensions, values: Values::U8(values.to_vec()) }
}

/// Writes the four files under the paths that `name` makes of their usual names.
fn write_four(folder: &Path, name: impl Fn(&str) -> String) {
    for (i, part) in ["train", "t10k"].into_iter().enumerate() {
        for (usual, file) in [("images-idx3", idx(IMAGES[i], true)), ("labels-idx1", idx(LABELS[i], false))] {
            let path = folder.join(name(&format!("{part}-{usual}-ubyte")));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_idx(&path, &file).unwrap();
        }
    }
}

fn open(path: &Path) -> tercet::Result<Collection> {
    Source::Path(path.to_owned()).open()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[track_caller]
fn is_read(path: &Path) {
    let data = open(path).unwrap();
    assert_eq!((data.train.pixels(1), data.train.labels()), (Some(&[5, 6, 7, 8][..]), &[1, 0][..]));
    assert_eq!(data.test.unwrap().len(), 1);
}

#[track_caller]
fn is_rejected(path: &Path, says: &[&str]) {
    let message = open(path).unwrap_err().to_string();
    for part in says {
        assert!(message.contains(part), "no \"{part}\" in: {message}");
    }
}

#[test]
fn torchvisions_folders_are_read_from_any_of_them() {
    let folder = tempfile::tempdir().unwrap();
    write_four(folder.path(), |name| format!("MNIST/raw/{name}"));
    for below in ["", "MNIST", "MNIST/raw"] {
        is_read(&folder.path().join(below));
    }
    write_four(folder.path(), |name| format!("KMNIST/raw/{name}"));
    is_rejected(
        folder.path(),
        &["several data sets", "MNIST/raw", "KMNIST/raw", "Name one of these folders"],
    );
}

#[test]
fn folders_with_the_name_of_the_file_inside_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write_four(folder.path(), |name| format!("{name}/{name}"));
    is_read(folder.path());
    // Kaggle's archive has the files under other names beside them.
    write_four(folder.path(), |name| name.replace("-idx", ".idx"));
    is_read(folder.path());
}

#[test]
fn copies_that_browsers_number_are_read_unless_there_is_an_original() {
    let folder = tempfile::tempdir().unwrap();
    write_four(folder.path(), |name| format!("{name} (1).gz"));
    is_read(folder.path());
    fs::write(folder.path().join("train-images-idx3-ubyte(2).gz"), "damaged").unwrap();
    write_four(folder.path(), |name| format!("{name}.gz"));
    is_read(folder.path());
}

#[test]
fn files_compressed_twice_and_files_that_are_not_compressed_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write_four(folder.path(), |name| name.to_owned());
    for entry in fs::read_dir(folder.path()).unwrap().flatten() {
        let bytes = fs::read(entry.path()).unwrap();
        fs::remove_file(entry.path()).unwrap();
        let bytes =
            if entry.path().to_string_lossy().contains("images") { gzip(&gzip(&bytes)) } else { bytes };
        fs::write(format!("{}.gz", entry.path().display()), bytes).unwrap();
    }
    is_read(folder.path());
}

#[test]
fn qmnists_labels_are_the_first_of_eight_numbers() {
    let folder = tempfile::tempdir().unwrap();
    for (i, part) in ["train", "test"].into_iter().enumerate() {
        let images = folder.path().join(format!("qmnist-{part}-images-idx3-ubyte"));
        write_idx(&images, &idx(IMAGES[i], true)).unwrap();
        let rows = LABELS[i].len() as u32;
        let mut bytes = [&[0, 0, 12, 2][..], &rows.to_be_bytes(), &8u32.to_be_bytes()].concat();
        for &label in LABELS[i] {
            let row = [i32::from(label), 4, 3600, 70_000, 30, 7, 0, 0];
            bytes.extend(row.iter().flat_map(|number| number.to_be_bytes()));
        }
        fs::write(folder.path().join(format!("qmnist-{part}-labels-idx2-int.gz")), gzip(&bytes)).unwrap();
    }
    is_read(folder.path());
}

fn emnist(folder: &TempDir, split: &str) {
    write_four(folder.path(), |name| format!("emnist-{split}-{}.gz", name.replace("t10k", "test")));
}

#[test]
fn emnist_is_transposed_and_its_letters_are_counted_from_1() {
    let folder = tempfile::tempdir().unwrap();
    emnist(&folder, "letters");
    for (part, labels) in [("train", vec![2, 1]), ("test", vec![26])] {
        let path = folder.path().join(format!("emnist-letters-{part}-labels-idx1-ubyte.gz"));
        write_idx(&path, &idx(&labels, false)).unwrap();
    }
    let data = open(folder.path()).unwrap();
    assert_eq!((data.train.pixels(1), data.train.labels()), (Some(&[5, 7, 6, 8][..]), &[1, 0][..]));
    assert_eq!((data.train.class_count(), &*data.train.classes()[25]), (26, "z"));

    emnist(&folder, "digits");
    is_rejected(folder.path(), &["several data sets: emnist-digits, emnist-letters", "those of one"]);
    let folder = tempfile::tempdir().unwrap();
    emnist(&folder, "balanced");
    let data = open(folder.path()).unwrap();
    assert_eq!((data.train.labels(), data.train.class_count()), (&[1, 0][..], 47));
}

#[test]
fn labels_that_begin_with_1_have_no_class_0() {
    let folder = tempfile::tempdir().unwrap();
    write_four(folder.path(), |name| name.to_owned());
    for (part, labels) in [("train", vec![2, 1]), ("t10k", vec![2])] {
        write_idx(&folder.path().join(format!("{part}-labels-idx1-ubyte")), &idx(&labels, false)).unwrap();
    }
    let data = open(folder.path()).unwrap();
    assert_eq!(
        (data.train.labels(), data.train.classes().names()),
        (&[1, 0][..], &["1", "2"].map(String::from)[..])
    );
}

#[test]
fn idx_files_keep_integers_and_doubles_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let write = |values| {
        let images = Idx { dimensions: vec![2, 2], values };
        write_idx(&folder.path().join("train-images.idx"), &images).unwrap();
        open(folder.path()).unwrap().train
    };
    write_idx(&folder.path().join("train-labels.idx"), &idx(&[1, 0], false)).unwrap();
    let exact = vec![1.7e9 + 1.0, 16_777_217.0, 0.1, 52.520_006_6];
    assert_eq!(write(Values::F64(exact.clone())).row(1), Row::F64(&exact[2..]));
    assert_eq!(write(Values::F64(vec![0.5, 1.0, 2.0, 3.0])).row(1), Row::F32(&[2.0, 3.0]));
}

#[test]
fn files_of_other_kinds_are_rejected_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.csv");
    let page = b"<!DOCTYPE html>\n<html><body>Sign in, please</body></html>";
    let mut tar = [0; 1024];
    tar[..9].copy_from_slice(b"train.csv");
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, name) in [
        (&b"\x89HDF\r\n\x1a\n"[..], "found an HDF5 file"),
        (page, "found a web page (HTML) instead of data"),
        (&tar, "found a tar archive"),
        (&gzip(&tar), "found a tar archive"),
        (&gzip(b"\x80\x02}q\0."), "found a Python pickle"),
        (b"Rar!\x1a\x07\0", "found a RAR archive"),
    ] {
        fs::write(&path, bytes).unwrap();
        is_rejected(&path, &["train.csv: ", name]);
    }
    // In a folder, under the name of an IDX file.
    fs::remove_file(&path).unwrap();
    write_four(folder.path(), |name| name.to_owned());
    fs::write(folder.path().join("train-images-idx3-ubyte"), page).unwrap();
    is_rejected(
        folder.path(),
        &["train-images-idx3-ubyte: found a web page", "Download".to_lowercase().as_str()],
    );
    // In a folder without any of the files looked for.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mnist.pkl"), b"\x80\x02}q\0.").unwrap();
    is_rejected(folder.path(), &["mnist.pkl, which is a Python pickle"]);
    fs::remove_file(folder.path().join("mnist.pkl")).unwrap();
    fs::write(folder.path().join("data_batch_1"), b"\x80\x02}q\0.").unwrap();
    is_rejected(folder.path(), &["data_batch_1: found no batch of CIFAR-10's Python version"]);
    fs::write(folder.path().join("data_batch_1"), "hello").unwrap();
    is_rejected(folder.path(), &["none of the expected files, but data_batch_1"]);
}

#[test]
fn zip_archives_without_arrays_are_named_by_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive.zip");
    for (name, says) in [
        ("weights.bin", "none of the expected files, but weights.bin"),
        ("word/document.xml", "found an Office document"),
        ("archive/data.pkl", "found a file of PyTorch"),
    ] {
        let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.finish().unwrap();
        is_rejected(&path, &[says]);
    }
}

#[test]
fn misspelt_names_of_sets_are_corrected() {
    for (text, name) in
        [("cifar-10", "`cifar10`"), ("MNIST", "`mnist`"), ("fashion_mnist", "`fashion-mnist`")]
    {
        is_rejected(Path::new(text), &[text, "did you mean", name]);
    }
    assert_eq!("set:kmnist".parse::<Source>().unwrap(), "kmnist".parse().unwrap());
    let message = "set:kmnits".parse::<Source>().unwrap_err().to_string();
    assert!(message.contains("did you mean kmnist?"), "{message}");
}
