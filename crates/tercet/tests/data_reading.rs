//! Read options, files that belong together, and rejected files.

#![cfg(all(feature = "csv", feature = "flate2", feature = "image", feature = "mnist", feature = "zip"))]

use std::fs;
use std::io::Write;
use std::path::Path;

use tempfile::TempDir;
use tercet::data::{
    Collection, Format, Idx, ReadOptions, Row, Source, Values, read_features, write, write_idx, write_npy,
    write_npy_doubles, write_npy_indices,
};
use tercet::image::ImageShape;
use tercet::{Dataset, Matrix};

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn open(path: &Path, reading: &ReadOptions) -> tercet::Result<Collection> {
    Source::Path(path.to_owned()).open_with(reading)
}

/// The training set of a folder's file.
fn train(folder: &TempDir, name: &str, reading: &ReadOptions) -> tercet::Result<Dataset> {
    Ok(open(&folder.path().join(name), reading)?.train)
}

/// Asserts that the file is rejected with a message that contains this text.
#[track_caller]
fn refused(folder: &TempDir, name: &str, reading: &ReadOptions, says: &str) {
    let message = train(folder, name, reading).unwrap_err().to_string();
    assert!(message.contains(says), "no \"{says}\" in: {message}");
}

fn sized(size: &str) -> ReadOptions {
    ReadOptions { size: Some(size.parse().unwrap()), ..ReadOptions::default() }
}

fn labelled(name: &str) -> ReadOptions {
    ReadOptions { label: Some(name.parse().unwrap()), ..ReadOptions::default() }
}

fn bytes(folder: &TempDir, name: &str, dimensions: &[usize]) {
    let count = dimensions.iter().product();
    let values = Values::U8((0..count).map(|i: usize| (i * 7 % 256) as u8).collect());
    write_idx(&folder.path().join(name), &Idx { dimensions: dimensions.to_vec(), values }).unwrap();
}

/// An NPY file: its header, followed by the numbers.
fn npy(descr: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(numbers);
    file
}

/// Uncompressed deflate, so that truncating the file truncates the content.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn features_alone_are_rows_without_labels() {
    let folder =
        folder(&[("rows.npy", &npy("<f4", "2, 1", &[0, 0, 128, 63, 0, 0, 0, 64])), ("t.csv", b"1,2\n")]);
    bytes(&folder, "images.idx", &[2, 1, 3]);
    let rows = read_features(&folder.path().join("rows.npy")).unwrap();
    assert_eq!((rows.row(0), rows.row(1)), (Row::F32(&[1.0]), Row::F32(&[2.0])));
    let images = read_features(&folder.path().join("images.idx")).unwrap();
    assert_eq!(
        (images.pixels(1), images.image_shape()),
        (Some(&[21, 28, 35][..]), Some(ImageShape::gray(3, 1)))
    );
    let error = read_features(&folder.path().join("t.csv")).unwrap_err().to_string();
    assert!(
        error.contains("t.csv: found another format; expected a file of features: NPY or IDX"),
        "{error}"
    );
}

#[test]
fn labels_may_be_in_a_text_file() {
    let features = npy("|u1", "3, 2", &[1, 2, 3, 4, 5, 6]);
    let folder = folder(&[
        ("a.npy", &features),
        ("names.txt", "\u{feff}cat\r\n\ndog\ncat\n".as_bytes()),
        ("two.txt", b"cat\ndog,1\ncat\n"),
        ("control.txt", b"cat\n\x1b[2J\ncat\n"),
        ("short.txt", b"cat\ndog\n"),
    ]);
    let reading =
        |name: &str| ReadOptions { labels: Some(folder.path().join(name)), ..ReadOptions::default() };
    let set = train(&folder, "a.npy", &reading("names.txt")).unwrap();
    assert_eq!(
        (set.labels().to_vec(), set.classes().names()),
        (vec![0, 1, 0], &["cat".to_owned(), "dog".to_owned()][..])
    );
    refused(
        &folder,
        "a.npy",
        &reading("two.txt"),
        "two.txt: found “dog” and more in line 2; expected one label a line",
    );
    refused(&folder, "a.npy", &reading("control.txt"), "control.txt: found “·[2J” and more in line 2");
    refused(&folder, "a.npy", &reading("short.txt"), "found 2 labels; expected 3");
    refused(&folder, "a.npy", &reading("a.npy"), "found 2 dimensions; expected 1");
}

#[test]
fn separate_labels_for_a_file_with_labels_are_rejected() {
    let folder = folder(&[("t.csv", b"1,2,a\n3,4,b\n"), ("t.svm", b"1 1:2\n"), ("y.txt", b"a\nb\n")]);
    let reading = ReadOptions { labels: Some(folder.path().join("y.txt")), ..ReadOptions::default() };
    refused(&folder, "t.csv", &reading, "y.txt: found a file of labels beside a table; expected none, for ");
    refused(&folder, "t.svm", &reading, "found a file of labels beside a LIBSVM file");
}

#[test]
fn several_files_are_ambiguous() {
    let folder = folder(&[("a.csv", b"1,2,a\n"), ("b.csv", b"1,2,a\n3,4,b\n"), ("notes.md", b"x")]);
    let error = open(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("found the files a.csv, b.csv; expected one file to learn from"), "{error}");
    fs::rename(folder.path().join("b.csv"), folder.path().join("b-train.csv")).unwrap();
    assert_eq!(open(folder.path(), &ReadOptions::default()).unwrap().train.len(), 2);
}

#[test]
fn sparse_rows_are_as_wide_as_the_numbers_that_they_are_tested_on() {
    let folder = folder(&[("a.svm", b"0 1:1\n1 2:5\n"), ("t.csv", b"4,5,9,0\n6,7,8,1\n")]);
    let reading = |width: &str| ReadOptions {
        test: Some(Source::Path(folder.path().join("t.csv"))),
        label: Some("last".parse().unwrap()),
        ..sized(width)
    };
    let read = open(&folder.path().join("a.svm"), &reading("3x1")).unwrap();
    let test = read.test.unwrap().open(&mut Vec::new(), "a test");
    assert_eq!((read.train.row(1), test.row(0)), (Row::U8(&[0, 5, 0]), Row::U8(&[4, 5, 9])));
    let reading = ReadOptions { size: None, ..reading("3x1") };
    refused(&folder, "a.svm", &reading, "found examples of 3 features; expected examples of 2 features");
}

#[cfg(feature = "mnist")]
#[test]
fn models_of_other_data_may_be_tested_on_mnist() {
    let folder = tempfile::tempdir().unwrap();
    bytes(&folder, "train-images.idx", &[10, 28, 28]);
    let labels = Values::U8((0..10).collect());
    write_idx(&folder.path().join("train-labels.idx"), &Idx { dimensions: vec![10], values: labels })
        .unwrap();
    let reading = ReadOptions { test: Some("mnist".parse().unwrap()), ..ReadOptions::default() };
    let read = open(folder.path(), &reading).unwrap();
    let test = read.test.unwrap().open(&mut Vec::new(), "a test");
    assert_eq!((read.train.len(), test.len()), (10, 10_000));
    assert_eq!(test.labels()[..5], [7, 2, 1, 0, 4]);
}

#[test]
fn pixels_are_scaled_converted_to_grey_and_read_as_features_on_request() {
    let folder = tempfile::tempdir().unwrap();
    write_idx(
        &folder.path().join("train-images.idx"),
        &Idx {
            dimensions: vec![2, 1, 2, 3],
            values: Values::U8(vec![9, 9, 9, 30, 30, 30, 7, 7, 7, 200, 200, 200]),
        },
    )
    .unwrap();
    write_idx(
        &folder.path().join("train-labels.idx"),
        &Idx { dimensions: vec![2], values: Values::U8(vec![0, 1]) },
    )
    .unwrap();
    let read = |reading: &ReadOptions| open(folder.path(), reading).map(|read| read.train);
    let gray = read(&ReadOptions { gray: true, ..ReadOptions::default() }).unwrap();
    assert_eq!((gray.image_shape(), gray.row(1)), (Some(ImageShape::gray(2, 1)), Row::U8(&[7, 200])));
    let plain = read(&ReadOptions { plain: true, ..ReadOptions::default() }).unwrap();
    assert_eq!((plain.image_shape(), plain.row(0)), (None, Row::F32(&[9.0, 9.0, 9.0, 30.0, 30.0, 30.0])));
    let larger = read(&sized("4x2")).unwrap();
    assert_eq!(larger.image_shape(), Some(ImageShape { width: 4, height: 2, channels: 3 }));
    // Each image is scaled separately: no pixel mixes those of two images.
    let range = |i: usize| larger.pixels(i).map(|p| (*p.iter().min().unwrap(), *p.iter().max().unwrap()));
    assert_eq!((range(0), range(1)), (Some((9, 30)), Some((7, 200))));

    bytes(&folder, "train-images.idx", &[2, 2, 2, 2]);
    let error = read(&sized("4x4")).unwrap_err().to_string();
    assert!(error.contains("found images of 2 channels; expected 1 or 3, to be scaled"), "{error}");
    assert_eq!(read(&sized("2x2")).unwrap().image_shape().unwrap().channels, 2);
}

#[test]
fn numbers_become_pixels_only_where_all_of_them_can() {
    let floats = |values: [f32; 4]| npy("<f4", "2, 2", &values.map(f32::to_le_bytes).concat());
    let folder = folder(&[
        ("x.npy", &floats([0.0, 255.0, 3.0, 4.0])),
        ("x-halves.npy", &floats([0.0, 255.0, 3.0, 4.5])),
        ("y.npy", &npy("<i8", "2", &[0u64, 1].map(u64::to_le_bytes).concat())),
        ("y-halves.npy", &npy("<i8", "2", &[0u64, 1].map(u64::to_le_bytes).concat())),
    ]);
    let set = train(&folder, "x.npy", &sized("2x1")).unwrap();
    assert_eq!((set.image_shape(), set.pixels(0)), (Some(ImageShape::gray(2, 1)), Some(&[0, 255][..])));
    assert_eq!(train(&folder, "x.npy", &ReadOptions::default()).unwrap().row(1), Row::F32(&[3.0, 4.0]));
    refused(
        &folder,
        "x-halves.npy",
        &sized("2x1"),
        "found 4.5 at row 1, column 1; expected whole numbers from 0 to 255",
    );
    refused(
        &folder,
        "x.npy",
        &sized("3x1"),
        "found 2 features an example; expected as many as images of 3 × 1 pixels",
    );
}

#[test]
fn a_column_that_is_not_there_is_not_the_label() {
    let long = "x".repeat(50);
    let folder = folder(&[
        ("names.csv", b"w,h,y\n1,2,a\n3,4,b\n"),
        ("bare.csv", b"1,2,0.5\n3,4,7.5\n"),
        ("front.csv", b"0,1.5,2.5\n1,3.5,4.5\n0,5.5,6.5\n1,7.5,8.5\n"),
        ("long.csv", format!("1,2,a\n3,{long},b\n").as_bytes()),
        ("missing.csv", b"1,2,a\n3,,b\n"),
    ]);
    refused(&folder, "names.csv", &labelled("z"), "found the columns w, h, y; expected a column z");
    refused(&folder, "bare.csv", &labelled("z"), "found columns without names; expected a column z");
    assert_eq!(train(&folder, "front.csv", &ReadOptions::default()).unwrap().row(1), Row::F32(&[3.5, 4.5]));
    // Long fields are truncated in messages, and columns without names are numbered.
    let shown = format!("found “{}…” in line 2, column 2; expected a finite number", &long[..40]);
    refused(&folder, "long.csv", &labelled("last"), &shown);
    refused(
        &folder,
        "missing.csv",
        &labelled("last"),
        "found no value in line 2, column 2; expected a number",
    );
}

#[test]
fn a_line_of_a_million_columns_is_not_a_table() {
    let line = "1,".repeat((1 << 20) + 1);
    let folder = folder(&[("t.csv", format!("{line}1\n").as_bytes())]);
    refused(&folder, "t.csv", &labelled("last"), "found 1048578 columns; expected at most 1048576");
}

#[test]
fn a_test_set_without_rows_is_rejected() {
    let says = [
        (
            "train.csv",
            "test.csv",
            &b""[..],
            "test.csv: found an empty file (0 bytes); expected a table of examples",
        ),
        ("train.csv", "test.csv", b"\n , \n", "test.csv: found no rows; expected a table of examples"),
        ("a", "a.t", b"# nothing\n", "a.t: found no examples; expected at least one"),
    ];
    for (name, test, content, says) in says {
        let start: &[u8] = if name == "a" { b"0 1:1\n1 1:2\n" } else { b"w,h,y\n1,2,a\n3,4,b\n" };
        let folder = folder(&[(name, start), (test, content)]);
        refused(&folder, name, &ReadOptions::default(), says);
    }
}

#[test]
fn unknown_test_labels_are_shown_in_errors() {
    let rows: String = (0..30).map(|i| format!("{i},0,{}\n", 100 + i / 2)).collect();
    let folder = folder(&[("train.csv", rows.as_bytes()), ("test.csv", b"1,2,100\n3,4,7\n")]);
    let says = "found label 7 (example 1); expected one of the training set's classes: 100, 101, 102, 103, 104, 105, \
                106, 107, 108, 109, 110, 111, … (15 in all)";
    refused(&folder, "train.csv", &labelled("last"), says);
}

#[test]
fn invalid_libsvm_files_are_rejected_by_line() {
    let good = "1 1:2\n0 2:1\n".repeat(1000);
    let folder = folder(&[
        ("no-text.svm", &[good.as_bytes(), b"1 1:\xff\n"].concat()),
        ("fraction.svm", b"1.0 1:2\n2.5 1:1\n"),
        ("no-end.svm", good.as_bytes()),
    ]);
    refused(
        &folder,
        "no-text.svm",
        &ReadOptions::default(),
        "found bytes that are not text in line 2001; expected text",
    );
    // 1.0 is accepted as an integer.
    refused(&folder, "fraction.svm", &ReadOptions::default(), "found the label 2.5; expected whole numbers");
    // The file is sparse and takes no space on disk.
    let hole = fs::File::options().write(true).open(folder.path().join("no-end.svm")).unwrap();
    hole.set_len(good.len() as u64 + (1 << 26) + 1).unwrap();
    refused(&folder, "no-end.svm", &ReadOptions::default(), "found no end in line 2001");
}

#[test]
fn a_batch_of_cifar_holds_whole_records() {
    let folder = folder(&[("data_batch_1.bin", &[0; 3072])]);
    let error = open(folder.path(), &ReadOptions::default()).unwrap_err().to_string();
    assert!(error.contains("data_batch_1.bin: found 3072 bytes; expected a multiple of 3073"), "{error}");
}

#[test]
fn gzip_that_ends_early_is_rejected_wherever_it_ends() {
    let long = "1,2,a\n3,4,b\n".repeat(2000);
    let sparse = "1 1:2\n0 2:1\n".repeat(2000);
    let mut header = npy("<f4", "1, 1", &[0; 4]);
    let end = header.len() - 5;
    header.splice(end..end, std::iter::repeat_n(b' ', 20_000));
    let length = (header.len() - 4 - 10) as u16;
    header[8..10].copy_from_slice(&length.to_le_bytes());
    let cut = |bytes: &[u8]| gzip(bytes)[..9000].to_vec();
    let folder = folder(&[
        ("t.csv.gz", &cut(long.as_bytes())),
        ("t.svm.gz", &cut(sparse.as_bytes())),
        ("x-header.npy", &cut(&header)),
        ("x-bytes.npy", &cut(&npy("|u1", "4000, 5", &[0; 20_000]))),
        ("x-numbers.npy", &cut(&npy("<i4", "1000, 5", &[0; 20_000]))),
    ]);
    for name in ["t.csv.gz", "t.svm.gz", "x-header.npy", "x-bytes.npy", "x-numbers.npy"] {
        refused(
            &folder,
            name,
            &ReadOptions::default(),
            "found gzipped data that ends early; expected all of it",
        );
    }
}

#[test]
fn formats_are_told_by_name_and_by_ending() {
    for (name, ending, format) in [
        ("npz", "a.NPZ", Format::Npz),
        ("npy", "a.npy", Format::Npy),
        ("csv", "b/a.csv", Format::Csv),
        ("libsvm", "a.svmlight", Format::Libsvm),
        ("idx", "digits", Format::Idx),
    ] {
        assert_eq!(name.parse::<Format>().unwrap(), format);
        assert_eq!(Format::of(Path::new(ending)).unwrap(), format);
    }
    assert_eq!("pictures".parse::<Format>().unwrap(), Format::Pictures);
    let error = "xlsx".parse::<Format>().unwrap_err().to_string();
    assert_eq!(error, "format is xlsx; expected one of idx, npz, npy, csv, libsvm, pictures");
    let error = Format::of(Path::new("a.xlsx")).unwrap_err().to_string();
    assert!(error.starts_with("the ending of the file to write is .xlsx; expected .npz, .npy"), "{error}");
    // It is a folder, whatever its extension.
    let folder = tempfile::Builder::new().suffix(".csv").tempdir().unwrap();
    assert_eq!(Format::of(folder.path()).unwrap(), Format::Idx);
}

#[test]
fn files_and_folders_do_not_replace_each_other() {
    let folder = folder(&[("digits", b"mine")]);
    let error = Format::Idx.check(&folder.path().join("digits")).unwrap_err().to_string();
    assert!(error.contains("that is a file; name a folder"), "{error}");
    let error = Format::Csv.check(folder.path()).unwrap_err().to_string();
    assert!(error.contains("that is a folder; add the name of a file"), "{error}");
}

#[test]
fn arrays_of_numbers_are_written_for_numpy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.npy");
    let written = |descr: &str, shape: &str, numbers: &[u8]| {
        let file = fs::read(&path).unwrap();
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
        assert!(file[10..].starts_with(header.as_bytes()), "{}", String::from_utf8_lossy(&file));
        assert_eq!((file.len() - numbers.len()) % 64, 0);
        assert!(file.ends_with(numbers));
    };
    write_npy(&path, &Matrix::new(1, 2, vec![1.5, -2.0]).unwrap()).unwrap();
    written("<f4", "1, 2", &[1.5f32, -2.0].map(f32::to_le_bytes).concat());
    write_npy_indices(&path, &[7, 1 << 30, 9, 10, 11, 12], 3).unwrap();
    written("<u4", "2, 3", &[7u32, 1 << 30, 9, 10, 11, 12].map(u32::to_le_bytes).concat());
    write_npy_doubles(&path, &[0.1, 0.2], 1).unwrap();
    written("<f8", "2, 1", &[0.1f64, 0.2].map(f64::to_le_bytes).concat());
}

#[test]
fn a_set_may_be_written_alone_and_a_class_without_pictures_has_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
    let shape = ImageShape::gray(2, 1);
    let set = Dataset::from_pixels("x", shape, vec![1, 2, 3, 4], vec![0, 2], classes).unwrap();
    let table = folder.path().join("any.csv");
    assert_eq!(write(&table, Format::Csv, &set, None).unwrap(), std::slice::from_ref(&table));
    assert_eq!(fs::read_to_string(&table).unwrap(), "label,pixel0,pixel1\na,1,2\nc,3,4\n");
    let pictures = folder.path().join("pictures");
    write(&pictures, Format::Pictures, &set, None).unwrap();
    let mut folders: Vec<_> =
        fs::read_dir(pictures.join("train")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    folders.sort();
    assert_eq!(folders, ["a", "c"]);
    assert_eq!(open(&pictures, &ReadOptions::default()).unwrap().train.pixels(1), Some(&[3, 4][..]));
}

#[test]
fn a_test_set_must_match_the_training_set_to_be_written() {
    let set = |shape: ImageShape, classes: [&str; 2]| {
        let pixels = vec![7; 2 * shape.features()];
        Dataset::from_pixels("x", shape, pixels, vec![0, 1], classes.map(str::to_owned).to_vec()).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let train = set(ImageShape::gray(2, 3), ["a", "b"]);
    let refused = |test: Dataset| {
        let path = folder.path().join("new");
        write(&path, Format::Pictures, &train, Some(&test)).unwrap_err().to_string()
    };
    let error = refused(set(ImageShape::gray(2, 3), ["a", "../../b"]));
    let expected =
        "classes of the test set to write: found a, ../../b; expected those of the training set: a, b";
    assert_eq!(error, expected);
    let error = refused(set(ImageShape::gray(3, 2), ["a", "b"]));
    assert!(
        error.contains("found images of 3 × 2 pixels; expected those of the training set: images of 2 × 3"),
        "{error}"
    );
    let plain = Dataset::from_features("x", 6, vec![0.5; 6], vec![0], train.classes().to_vec()).unwrap();
    assert!(refused(plain).contains("found examples of 6 features; expected those of the training set"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn classes_of_any_name_survive_as_folders() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["A", "T-shirt/top", "a", "..", "c:", "CON", " z ", "T-shirt-top", "é\\ü"];
    let labels: Vec<u32> = (0..names.len() as u32).collect();
    let pixels: Vec<u8> = (0..names.len() as u8).collect();
    let classes = names.map(str::to_owned).to_vec();
    let set = Dataset::from_pixels("x", ImageShape::gray(1, 1), pixels, labels, classes).unwrap();
    let path = folder.path().join("new");
    let written = write(&path, Format::Pictures, &set, Some(&set)).unwrap();
    assert_eq!(written, [path.clone(), path.join("classes.tsv")]);
    let read = open(&path, &ReadOptions::default()).unwrap();
    let name = |i: usize| read.train.classes()[read.train.label(i) as usize].clone();
    let mut found: Vec<(u8, String)> =
        (0..names.len()).map(|i| (read.train.pixels(i).unwrap()[0], name(i))).collect();
    found.sort();
    assert_eq!(found, (0..).zip(names.map(str::to_owned)).collect::<Vec<(u8, String)>>());
    assert_eq!(read.test.unwrap().len(), names.len());
}

#[test]
fn what_a_format_cannot_hold_is_rejected_before_anything_is_written() {
    let set = |classes: Vec<String>| {
        Dataset::from_pixels("x", ImageShape::gray(1, 1), vec![1, 2], vec![0, 1], classes).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let refused = |format: Format, classes: Vec<String>| {
        write(&folder.path().join("new"), format, &set(classes), None).unwrap_err().to_string()
    };
    let many = (0..257).map(|class| class.to_string()).collect();
    let error = refused(Format::Idx, many);
    assert!(error.contains("found 257; expected at most 256, since a label is a byte"), "{error}");
    for name in ["no\0name", "two\nlines", "a\ttab"] {
        let error = refused(Format::Pictures, vec!["fine".to_owned(), name.to_owned()]);
        assert!(error.contains("a class to write as a folder: found "), "{name}: {error}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let error =
        write_idx(&folder.path().join("x.idx"), &Idx { dimensions: vec![1; 5], values: Values::U8(vec![1]) });
    assert!(error.unwrap_err().to_string().contains("found 5; expected 1 to 4"));
    assert!(Values::F32(Vec::new()).is_empty() && !Values::U8(vec![1]).is_empty());
}
