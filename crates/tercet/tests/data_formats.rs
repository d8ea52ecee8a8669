//! Every data format: writing and reading round-trips.

#![cfg(all(feature = "csv", feature = "flate2", feature = "image", feature = "zip"))]

use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::TempDir;
use tercet::Dataset;
use tercet::data::{Collection, Format, LabelColumn, ReadOptions, Row, Source, write};
use tercet::image::ImageShape;

fn open(path: &Path, reading: &ReadOptions) -> tercet::Result<Collection> {
    path.to_str().unwrap().parse::<Source>()?.open_with(reading)
}

fn plain(path: &Path) -> Collection {
    open(path, &ReadOptions::default()).unwrap()
}

fn test_of(collection: &Collection) -> Dataset {
    collection.test.as_ref().unwrap().open(&mut Vec::new(), "a test")
}

/// Images of 8 × 8 pixels with this many channels, of three classes.
fn images(examples: usize, channels: usize) -> Dataset {
    let shape = ImageShape { width: 8, height: 8, channels };
    let pixels = (0..examples * shape.features()).map(|i| (i * i % 251 + i % 5) as u8).collect();
    let labels = (0..examples).map(|i| (i % 3) as u32).collect();
    let classes = ["0", "1", "2"].map(str::to_owned).to_vec();
    Dataset::from_pixels("images", shape, pixels, labels, classes).unwrap()
}

/// Rows of five numbers, of two named classes.
fn numbers(examples: usize) -> Dataset {
    let values = (0..examples * 5).map(|i| (i as f32 * 0.37).sin() * 10f32.powi(i as i32 % 7 - 3)).collect();
    let labels = (0..examples).map(|i| (i % 2) as u32).collect();
    Dataset::from_features("numbers", 5, values, labels, vec!["ham".into(), "spam".into()]).unwrap()
}

/// Asserts that the same numbers, labels and classes are read back.
#[track_caller]
fn survives(name: &str, format: Format, train: &Dataset, test: &Dataset, reading: &ReadOptions) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let written = write(&path, format, train, Some(test)).unwrap();
    assert!(!written.is_empty() && written.iter().all(|path| path.exists()));
    let read = open(&path, reading).unwrap_or_else(|error| panic!("{name}: {error}"));
    let classes = if format == Format::Libsvm && train.classes()[0] == "ham" {
        vec!["0".to_owned(), "1".to_owned()]
    } else {
        train.classes().to_vec()
    };
    assert_eq!(read.train.classes().names(), classes, "{name}");
    assert_eq!(read.train.image_shape(), train.image_shape(), "{name}");
    assert_eq!((read.train.digest(), test_of(&read).digest()), (train.digest(), test.digest()), "{name}");
    // File names can be arbitrary if there is only one set.
    if !matches!(format, Format::Idx | Format::Pictures) {
        assert_eq!(open(folder.path(), reading).unwrap().train.digest(), train.digest(), "{name}");
    }
}

#[test]
fn images_survive_every_format() {
    let reading = ReadOptions::default();
    let (train, test) = (images(12, 1), images(6, 1));
    survives("all.npz", Format::Npz, &train, &test, &reading);
    survives("x_train.npy", Format::Npy, &train, &test, &reading);
    survives("train.csv", Format::Csv, &train, &test, &reading);
    survives("digits", Format::Idx, &train, &test, &reading);
    let sized = ReadOptions { size: Some("8x8".parse().unwrap()), ..ReadOptions::default() };
    survives("train.libsvm", Format::Libsvm, &train, &test, &sized);
    // Pictures are read in the order of their classes.
    let by_class = |set: &Dataset| {
        let mut rows: Vec<usize> = (0..set.len()).collect();
        rows.sort_by_key(|&i| set.label(i));
        set.subset(&rows)
    };
    survives("pictures", Format::Pictures, &by_class(&train), &by_class(&test), &reading);
}

#[test]
fn images_in_colour_survive_every_format() {
    let reading = ReadOptions::default();
    let (train, test) = (images(12, 3), images(6, 3));
    survives("all.npz", Format::Npz, &train, &test, &reading);
    survives("train-images.npy", Format::Npy, &train, &test, &reading);
    survives("train.csv", Format::Csv, &train, &test, &reading);
    survives("digits", Format::Idx, &train, &test, &reading);
}

#[test]
fn numbers_survive_every_format() {
    let reading = ReadOptions::default();
    let (train, test) = (numbers(12), numbers(6));
    survives("all.npz", Format::Npz, &train, &test, &reading);
    survives("train_features.npy", Format::Npy, &train, &test, &reading);
    survives("train.csv", Format::Csv, &train, &test, &reading);
    survives("spam", Format::Idx, &train, &test, &reading);
    survives("train.svm", Format::Libsvm, &train, &test, &reading);
    let folder = tempfile::tempdir().unwrap();
    let error = write(&folder.path().join("p"), Format::Pictures, &train, None).unwrap_err().to_string();
    assert!(error.contains("grey or coloured images"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "a folder that was begun stayed");
}

#[test]
fn a_file_name_must_imply_the_name_of_the_test_set() {
    let folder = tempfile::tempdir().unwrap();
    let (train, test) = (numbers(4), numbers(2));
    for (name, format, says) in [
        ("all.csv", Format::Csv, "`train` in it"),
        ("train.npy", Format::Npy, "`features`"),
        ("nowhere/train.csv", Format::Csv, "create it first"),
    ] {
        let error = write(&folder.path().join(name), format, &train, Some(&test)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(folder.path().join("x"), "").unwrap();
    let error = write(folder.path(), Format::Idx, &train, None).unwrap_err().to_string();
    assert!(error.contains("is not empty"), "{error}");
}

/// A folder with these text files.
fn texts(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn table(text: &str, reading: &ReadOptions) -> tercet::Result<Dataset> {
    let folder = texts(&[("t.csv", text)]);
    Ok(open(&folder.path().join("t.csv"), reading)?.train)
}

#[test]
fn a_table_is_understood_by_what_is_in_it() {
    let reading = ReadOptions::default();
    let first = |set: &Dataset| match set.row(0) {
        Row::F32(values) => values.to_vec(),
        Row::U8(pixels) => pixels.iter().map(|&v| v.into()).collect(),
        other => panic!("{other:?}"),
    };
    for (text, classes, row) in [
        // Text in the last, first and middle column; with and without a header.
        ("1,2.5,b\n3,4,a\n", &["a", "b"][..], &[1.0, 2.5][..]),
        ("b,1,2.5\na,3,4\n", &["a", "b"], &[1.0, 2.5]),
        ("w,kind,h\n1,b,2.5\n3,a,4\n", &["a", "b"], &[1.0, 2.5]),
        // Labels by name, with a byte order mark, Windows line endings, spaces and an empty line.
        ("\u{feff}w; label ; h\r\n 1;7;2.5\r\n\r\n3;5; 4\r\n", &["5", "7"], &[1.0, 2.5]),
        ("w\tClass\th\n1\t10\t2.5\n3\t9\t4\n", &["9", "10"], &[1.0, 2.5]),
        // Numeric labels, written as floats.
        ("0.5,1.0\n0.25,0.0\n0.5,1.0\n0.75,0.0\n", &["0", "1"], &[0.5]),
        // The index that pandas writes, and its names for columns without any.
        (",w,h,y\n0,1,2.5,1\n1,3,4,0\n", &["0", "1"], &[1.0, 2.5]),
        (
            "0,1,2,3\n0.5,1.5,2.5,1\n3.5,4.5,5.5,1\n6.5,7.5,8.5,0\n9.5,1.5,2.5,0\n",
            &["0", "1"],
            &[0.5, 1.5, 2.5],
        ),
        // Quotation marks around a name with a comma.
        ("1,2.5,\"b, or c\"\n3,4,a\n", &["a", "b, or c"], &[1.0, 2.5]),
    ] {
        let set = table(text, &reading).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(set.classes(), classes, "{text:?}");
        assert_eq!(first(&set), row, "{text:?}");
    }
    let named = |name: &str| ReadOptions { label: Some(name.parse().unwrap()), ..ReadOptions::default() };
    let text = "a,b,c\n1,2,3\n1,3,4\n2,2,5\n2,3,6\n";
    assert_eq!(table(text, &named("b")).unwrap().classes(), ["2", "3"]);
    assert_eq!(table(text, &named("first")).unwrap().classes(), ["1", "2"]);
    assert_eq!(table(text, &named("last")).unwrap().classes(), ["3", "4", "5", "6"]);
    assert_eq!(named("last").label, Some(LabelColumn::Last));
    let with_header = ReadOptions { header: Some(false), ..named("last") };
    assert_eq!(table("1,2\n3,4\n", &with_header).unwrap().len(), 2);
}

#[test]
fn a_table_of_pixels_is_one_of_images_unless_it_is_not_to_be() {
    let row = |label: u32| (0..64).fold(label.to_string(), |row, i| format!("{row},{}", i * 4));
    let text = format!("{}\n{}\n{}\n{}\n", row(0), row(1), row(0), row(1));
    let reading = ReadOptions { label: Some(LabelColumn::First), ..ReadOptions::default() };
    assert_eq!(table(&text, &reading).unwrap().image_shape(), Some(ImageShape::gray(8, 8)));
    let plain = ReadOptions { plain: true, ..reading.clone() };
    assert_eq!(table(&text, &plain).unwrap().image_shape(), None);
    let sized = ReadOptions { size: Some("16x4".parse().unwrap()), ..reading.clone() };
    assert_eq!(table(&text, &sized).unwrap().image_shape(), Some(ImageShape::gray(16, 4)));
    let wrong = ReadOptions { size: Some("9x9".parse().unwrap()), ..reading };
    assert!(table(&text, &wrong).unwrap_err().to_string().contains("64 features an example"));
}

#[test]
fn a_test_table_has_the_columns_of_its_training_table() {
    let folder = texts(&[("train.csv", "w,h,y\n1,2,a\n3,4,b\n"), ("test.csv", "w,h,y\n5,6,b\n")]);
    let read = plain(&folder.path().join("train.csv"));
    assert_eq!((read.train.len(), test_of(&read).labels().to_vec()), (2, vec![1]));
    // Columns are found by name.
    fs::write(folder.path().join("test.csv"), "y,note,h,w\nb,new,6,5\n").unwrap();
    let other = test_of(&plain(&folder.path().join("train.csv")));
    assert_eq!(other.row(0), test_of(&read).row(0));
    for (text, says) in [
        ("h,v,y\n5,6,b\n", "those of the training set"),
        ("w,h,y\n5,6,c\n", "label “c” (example 0)"),
        ("w,h,y\n5,6,7,b\n", "4 columns in line 2"),
        ("w,h,y\n5,,b\n", "no value in line 2, column 2 (“h”)"),
    ] {
        fs::write(folder.path().join("test.csv"), text).unwrap();
        let error = open(&folder.path().join("train.csv"), &ReadOptions::default()).unwrap_err().to_string();
        assert!(error.contains("test.csv: found ") && error.contains(says), "{error}");
    }
}

#[test]
fn a_test_set_may_be_anywhere() {
    let folder = texts(&[("a.csv", "1,2,a\n3,4,b\n"), ("b.csv", "5,6,b\n7,8,b\n9,0,a\n")]);
    let test = Some(Source::Path(folder.path().join("b.csv")));
    let read = open(&folder.path().join("a.csv"), &ReadOptions { test, ..ReadOptions::default() }).unwrap();
    assert_eq!((read.train.len(), test_of(&read).labels().to_vec()), (2, vec![1, 1, 0]));
}

#[test]
fn gzipped_tables_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv.gz");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"1,2,a\n3,4,b\n").unwrap();
    fs::write(&path, gzip.finish().unwrap()).unwrap();
    assert_eq!(plain(&path).train.classes(), ["a", "b"]);
}

#[test]
fn sparse_rows_are_filled_with_zeros() {
    let folder = texts(&[
        ("a1a", "-1 2:0.5 # a comment\n+1 1:1 4:2\n# nothing\n-1\n"),
        ("a1a.t", "1 5:3\n"),
        ("zero.svm", "0 0:1 2:3\n1 1:2\n"),
    ]);
    let read = plain(&folder.path().join("a1a"));
    // As wide as the wider of the two files.
    assert_eq!(
        (read.train.width(), read.train.classes().names()),
        (5, &["-1".to_owned(), "1".to_owned()][..])
    );
    assert_eq!(read.train.row(1), Row::F32(&[1.0, 0.0, 0.0, 2.0, 0.0]));
    assert_eq!(read.train.row(2), Row::F32(&[0.0; 5]));
    assert_eq!(test_of(&read).row(0), Row::F32(&[0.0, 0.0, 0.0, 0.0, 3.0]));
    let zero = plain(&folder.path().join("zero.svm")).train;
    assert_eq!((zero.width(), zero.row(0)), (3, Row::F32(&[1.0, 0.0, 3.0])));
}

#[test]
fn cifar_batches_become_images_with_channels_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let record = |label: u8| {
        let mut bytes = vec![label];
        bytes.extend((0..3072).map(|i| (i / 1024 * 100 + i % 32) as u8));
        bytes
    };
    fs::write(folder.path().join("data_batch_1.bin"), [record(3), record(9)].concat()).unwrap();
    fs::write(folder.path().join("data_batch_2.bin"), record(0)).unwrap();
    fs::write(folder.path().join("test_batch.bin"), record(1)).unwrap();
    let read = plain(folder.path());
    assert_eq!((read.train.labels().to_vec(), test_of(&read).labels().to_vec()), (vec![3, 9, 0], vec![1]));
    assert_eq!(read.train.classes()[9], "truck");
    assert_eq!(read.train.image_shape(), Some(ImageShape { width: 32, height: 32, channels: 3 }));
    assert_eq!(read.train.pixels(0).unwrap()[3..9], [1, 101, 201, 2, 102, 202]);
    assert_eq!(plain(&folder.path().join("test_batch.bin")).train.len(), 1);
}

#[test]
fn pictures_by_class_are_scaled_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let picture = |path: &str, width: u32, height: u32| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::from_fn(width, height, |x, _| image::Rgb([x as u8, 7, 9])).save(path).unwrap();
    };
    picture("cat/a.png", 8, 6);
    picture("cat/b.PNG", 8, 6);
    picture("dog/a.bmp", 8, 6);
    fs::write(folder.path().join("cat/.DS_Store"), "x").unwrap();
    fs::write(folder.path().join("cat/notes.txt"), "x").unwrap();
    let read = plain(folder.path());
    assert!(
        read.notes[0].contains("1 is skipped, which no class has as a picture: cat/notes.txt"),
        "{:?}",
        read.notes
    );
    assert_eq!(
        (read.train.labels().to_vec(), read.train.classes().names()),
        (vec![0, 0, 1], &["cat".into(), "dog".into()][..])
    );
    assert_eq!(read.train.image_shape(), Some(ImageShape { width: 8, height: 6, channels: 3 }));

    picture("dog/b.png", 9, 6);
    let error = open(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("b.png: found a picture of 9 × 6 pixels; expected 8 × 6"), "{error}");
    assert!(error.contains("--size"), "{error}");
    let reading = ReadOptions { size: Some("4".parse().unwrap()), gray: true, ..ReadOptions::default() };
    let read = open(folder.path(), &reading).unwrap();
    assert_eq!((read.train.len(), read.train.image_shape()), (4, Some(ImageShape::gray(4, 4))));
    fs::create_dir(folder.path().join("empty")).unwrap();
    let error = open(folder.path(), &reading).unwrap_err().to_string();
    assert!(error.contains("found no picture; expected pictures of empty"), "{error}");
}

#[test]
fn medmnist_has_a_validation_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("toymnist.npz");
    let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, count) in [("train", 3usize), ("val", 2), ("test", 1)] {
        let mut entry = |what: &str, shape: String, descr: &str, bytes: Vec<u8>| {
            archive
                .start_file(format!("{name}_{what}.npy"), zip::write::SimpleFileOptions::default())
                .unwrap();
            let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
            archive.write_all(b"\x93NUMPY\x01\x00").unwrap();
            archive.write_all(&(header.len() as u16).to_le_bytes()).unwrap();
            archive.write_all(header.as_bytes()).unwrap();
            archive.write_all(&bytes).unwrap();
        };
        entry("images", format!("{count}, 2, 2"), "|u1", vec![count as u8; 4 * count]);
        entry("labels", format!("{count}, 1"), "|u1", (0..count as u8).collect());
    }
    archive.finish().unwrap();
    let read = plain(&path);
    assert_eq!(
        (read.train.labels().to_vec(), test_of(&read).labels().to_vec()),
        (vec![0, 1, 2, 0, 1], vec![0])
    );
    assert_eq!(read.train.pixels(4), Some(&[2u8; 4][..]));
    assert_eq!(read.train.validation_len(), 2);
    assert!(read.notes[0].contains("its 2 examples are the validation set"), "{:?}", read.notes);
}
