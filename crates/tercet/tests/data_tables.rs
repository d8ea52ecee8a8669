//! Tables as spreadsheets, pandas, Weka and web services write them.

#![cfg(feature = "csv")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tercet::data::{Collection, ReadOptions, Row, Source, read_rows};
use tercet::image::ImageShape;

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn open(path: &Path) -> tercet::Result<Collection> {
    Source::Path(path.to_owned()).open()
}

fn read(bytes: &[u8]) -> Collection {
    open(&folder(&[("t.csv", bytes)]).path().join("t.csv")).unwrap()
}

/// The rows and classes of a small table that every test writes in another way.
#[track_caller]
fn is_the_table(set: &Collection, noted: &str) {
    let train = &set.train;
    assert_eq!((train.len(), train.width()), (3, 2));
    let mut row = [0.0; 2];
    train.row(1).write_f64(&mut row);
    assert_eq!((row, train.classes().names()), ([4.25, -3.5], &["groß".to_owned(), "klein".to_owned()][..]));
    assert_eq!(train.labels().to_vec(), [1, 0, 1]);
    let notes = set.notes.join("\n");
    assert!(notes.contains(noted) && notes.contains("; features: 2 columns"), "{notes}");
    let is_unusual = |note: &String| note.contains("read as") || note.contains("commas");
    assert!(!noted.is_empty() || !set.notes.iter().any(is_unusual), "{notes}");
}

const TABLE: &str = "x,z,size\n1.5,2,klein\n4.25,-3.5,groß\n0.5,1,klein\n";

#[test]
fn every_encoding_is_read_and_named() {
    let units: Vec<u16> = std::iter::once(0xfeff).chain(TABLE.encode_utf16()).collect();
    let utf_16: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let latin_1: Vec<u8> = TABLE.chars().map(|c| c as u8).collect();
    is_the_table(&read(TABLE.as_bytes()), "");
    is_the_table(&read(&utf_16), "read as UTF-16");
    is_the_table(&read(&latin_1), "read as Windows-1252");
    is_the_table(&read(format!("\u{feff}{}", TABLE.replace('\n', "\r\n")).as_bytes()), "");
}

#[test]
fn decimal_commas_and_final_delimiters_are_read() {
    let german = TABLE.replace(',', ";").replace('.', ",");
    is_the_table(&read(german.as_bytes()), "decimal commas");
    let headless = "1,5;2,0;klein\n4,25;-3,5;groß\n0,5;1,0;klein\n";
    is_the_table(&read(headless.as_bytes()), "decimal commas");
    is_the_table(&read(TABLE.replace('\n', ",\n").as_bytes()), "");
}

#[test]
fn an_index_is_left_out_and_named() {
    for (name, start) in [("Id", 1), ("", 0), ("Unnamed: 0", 0), ("index", 0), ("SampleId", 1)] {
        let mut lines = TABLE.lines();
        let mut text = format!("{name},{}\n", lines.next().unwrap());
        lines.enumerate().for_each(|(i, line)| text += &format!("{},{line}\n", i + start));
        is_the_table(&read(text.as_bytes()), "is an index that counts the rows");
    }
    // A number that does not count the rows is a feature.
    let other = read(b"id,size\n20000001,a\n20000005,b\n20000003,a\n");
    assert_eq!(other.train.row(0), Row::F64(&[20_000_001.0]));
}

#[test]
fn records_of_json_and_arff_are_tables() {
    let line = |x: &str, y: &str, size: &str| format!("{{\"x\": {x}, \"z\": {y}, \"size\": \"{size}\"}}");
    let records = [line("1.5", "2", "klein"), line("4.25", "-3.5", "groß"), line("0.5", "1", "klein")];
    is_the_table(&read(records.join("\n").as_bytes()), "");
    is_the_table(&read(format!("[{}]", records.join(", ")).as_bytes()), "");
    let arff = "% sizes\n@RELATION sizes\n@attribute x real\n@ATTRIBUTE 'z' NUMERIC\n\
                @attribute size {klein, groß}\n@DATA\n1.5,2,klein\n% half\n4.25,-3.5,groß\n0.5,1,'klein'\n";
    is_the_table(&read(arff.as_bytes()), "");
}

#[test]
fn a_test_set_without_labels_is_left_out() {
    let folder = folder(&[("train.csv", TABLE.as_bytes()), ("test.csv", b"x,z\n1,2\n3,4\n")]);
    let set = open(&folder.path().join("train.csv")).unwrap();
    assert!(set.test.is_none());
    is_the_table(&set, "test.csv: it has no labels");
}

#[test]
fn a_quantity_is_no_class() {
    let rows: String = (0..40).map(|i| format!("{i},{}.25\n", i * 7)).collect();
    let folder = folder(&[("t.csv", format!("area,price\n{rows}").as_bytes())]);
    let options = ReadOptions { label: Some("price".parse().unwrap()), ..ReadOptions::default() };
    let source = Source::Path(folder.path().join("t.csv"));
    let message = source.open_with(&options).unwrap_err().to_string();
    assert!(message.contains("quantity, the target of a regression"), "{message}");
}

#[test]
fn rows_for_a_model_leave_out_labels_and_indices() {
    let folder = folder(&[
        ("rows.csv", b"x,z\n1,2\n3,4\n"),
        ("more.csv", b"Id,x,z,size\n7,1,2,klein\n8,3,4,klein\n"),
        ("few.csv", b"x\n1\n2\n"),
    ]);
    let rows = |name: &str| read_rows(&folder.path().join(name), 2, &[], &ReadOptions::default());
    for (name, notes) in [("rows.csv", 0), ("more.csv", 2)] {
        let read = rows(name).unwrap();
        assert_eq!((read.examples.len(), read.examples.row(1)), (2, Row::F32(&[3.0, 4.0])));
        assert_eq!(read.notes.len(), notes, "{:?}", read.notes);
        let ids = read.ids.map(|ids| (ids.name, ids.values));
        assert_eq!(ids, (notes > 0).then(|| ("Id".to_owned(), vec!["7".to_owned(), "8".to_owned()])));
    }
    // A single column of features is a table too.
    let few = read_rows(&folder.path().join("few.csv"), 1, &[], &ReadOptions::default());
    assert_eq!(few.unwrap().examples.len(), 2);
    let message = rows("few.csv").unwrap_err().to_string();
    assert!(message.contains("2"), "{message}");
}

#[test]
fn columns_of_rows_are_matched_by_the_names_of_the_features() {
    let folder = folder(&[
        ("train.csv", b"x,z,size\n1,2,klein\n3,4,gro\n1,2,klein\n3,4,gro\n"),
        ("other.csv", b"z,note,x,PassengerId\n2,hello,1,81\n4,there,3,17\n"),
        ("less.csv", b"x,y\n1,2\n3,4\n"),
    ]);
    let names = open(&folder.path().join("train.csv")).unwrap().train.feature_names().to_vec();
    assert_eq!(names, ["x", "z"]);
    let rows = |name: &str| read_rows(&folder.path().join(name), 2, &names, &ReadOptions::default());
    let read = rows("other.csv").unwrap();
    assert_eq!((read.examples.row(0), read.examples.row(1)), (Row::F32(&[1.0, 2.0]), Row::F32(&[3.0, 4.0])));
    assert_eq!(read.ids.unwrap().values, ["81", "17"]);
    assert!(
        read.notes[0].contains("2 columns are no features of the model and are left out: note, PassengerId")
    );
    let message = rows("less.csv").unwrap_err().to_string();
    assert!(message.contains("without z; expected the features of the model: x, z"), "{message}");
}

#[test]
fn numbered_columns_of_pixels_are_images_and_small_counts_are_not() {
    let table = |name: &dyn Fn(usize) -> String, value: &dyn Fn(usize) -> String| {
        let row = |f: &dyn Fn(usize) -> String| (0..64).map(f).collect::<Vec<_>>().join(",");
        let lines: String = (0..6).map(|r| format!("{},{}\n", r % 2, row(&|i| value(r * 64 + i)))).collect();
        read(format!("label,{}\n{lines}", row(name)).as_bytes())
    };
    let byte = |i: usize| (i * 37 % 256).to_string();
    let shape = Some(ImageShape::gray(8, 8));
    for set in [
        table(&|i| format!("p{i}"), &byte),
        table(&|i| format!("x_{}_{}", i / 8, i % 8), &byte),
        table(&|i| format!("feature {}", i + 1), &|i| format!("{:.4}", (i * 37 % 256) as f64 / 255.0)),
    ] {
        assert_eq!((set.train.image_shape(), set.train.pixels(0).unwrap()[1]), (shape, 37));
        assert!(set.notes.iter().any(|note| note.contains("pixels of 8 × 8 images")), "{:?}", set.notes);
    }
    let named = table(&|i| format!("{}{i}", ["age", "size"][i % 2]), &byte);
    assert!(
        named.train.image_shape().is_none() && named.notes.iter().any(|note| note.contains("--size 8x8"))
    );
    for value in [&(|i: usize| (i % 2).to_string()) as &dyn Fn(usize) -> String, &|i| (i % 9).to_string()] {
        assert_eq!(table(&|i| format!("p{i}"), value).train.image_shape(), None);
    }
}

#[test]
fn the_header_of_a_label_file_is_no_label() {
    let folder = folder(&[("y.csv", b"species\na\nb\na\n"), ("short.csv", b"species\na\nb\n")]);
    let x = tercet::Matrix::new(3, 1, vec![1.0, 2.0, 3.0]).unwrap();
    let path = folder.path().join("x.npy");
    tercet::data::write_npy(&path, &x).unwrap();
    let read = |labels: &str| {
        let options = ReadOptions { labels: Some(folder.path().join(labels)), ..ReadOptions::default() };
        Source::Path(path.clone()).open_with(&options)
    };
    let set = read("y.csv").unwrap();
    assert_eq!((set.train.labels().to_vec(), set.train.class_count()), (vec![0, 1, 0], 2));
    assert!(set.notes[0].contains("“species” is a header"), "{:?}", set.notes);
    let message = read("short.csv").unwrap_err().to_string();
    assert!(message.contains("looks like a header, and 2 labels below it; expected 3 labels"), "{message}");
}
