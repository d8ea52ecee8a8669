//! Parquet tables with every type of column, and rejected tables.
#![cfg(feature = "parquet")]

use std::fs::File;
use std::sync::Arc;

use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;
use tercet::data::{Collection, ReadOptions, Row, Source};

type Group<'a> = SerializedRowGroupWriter<'a, File>;

/// The next column, with the definition and repetition levels of its values if given.
fn column<T: DataType>(group: &mut Group<'_>, values: &[T::T], levels: Option<(&[i16], &[i16])>) {
    let mut column = group.next_column().unwrap().unwrap();
    let (definition, repetition) = levels.unzip();
    column.typed::<T>().write_batch(values, definition, repetition).unwrap();
    column.close().unwrap();
}

/// A file with these columns.
fn table(schema: &str, write: impl FnOnce(&mut Group<'_>)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let schema = Arc::new(parse_message_type(&format!("message m {{ {schema} }}")).unwrap());
    let file = File::create(folder.path().join("t.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
    let mut group = writer.next_row_group().unwrap();
    write(&mut group);
    group.close().unwrap();
    writer.close().unwrap();
    folder
}

fn read(folder: &TempDir, reading: &ReadOptions) -> tercet::Result<Collection> {
    Source::Path(folder.path().join("t.parquet")).open_with(reading)
}

fn labelled(name: &str) -> ReadOptions {
    ReadOptions { label: Some(name.parse().unwrap()), ..ReadOptions::default() }
}

#[track_caller]
fn refused(folder: &TempDir, reading: &ReadOptions, says: &str) {
    let message = read(folder, reading).unwrap_err().to_string();
    assert!(message.contains(says), "no \"{says}\" in: {message}");
}

fn text(values: &[&str]) -> Vec<ByteArray> {
    values.iter().map(|&value| ByteArray::from(value)).collect()
}

fn png(width: u32, height: u32) -> ByteArray {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::GrayImage::from_fn(width, height, |x, y| image::Luma([(10 * y + x) as u8]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    ByteArray::from(bytes.into_inner())
}

#[test]
fn every_type_of_numbers_is_read() {
    let schema = "required boolean label; required boolean a; required int32 b (INT_8); required int32 c (INT_16); \
                  required int32 d; required int64 e; required int32 f (UINT_8); required int32 g (UINT_16); \
                  required int32 h (UINT_32); required int64 i (UINT_64); required double j; \
                  required fixed_len_byte_array(2) k (FLOAT16);";
    let folder = table(schema, |group| {
        column::<BoolType>(group, &[true, false], None);
        column::<BoolType>(group, &[true, false], None);
        column::<Int32Type>(group, &[-128, 127], None);
        column::<Int32Type>(group, &[-300, 300], None);
        column::<Int32Type>(group, &[-70_000, 7], None);
        column::<Int64Type>(group, &[-(1 << 40), 7], None);
        column::<Int32Type>(group, &[255, 7], None);
        column::<Int32Type>(group, &[65_535, 7], None);
        column::<Int32Type>(group, &[i32::MIN, 7], None);
        column::<Int64Type>(group, &[i64::MIN, 7], None);
        column::<DoubleType>(group, &[0.5, 7.0], None);
        let half = |bits: u16| FixedLenByteArray::from(ByteArray::from(bits.to_le_bytes().to_vec()));
        column::<FixedLenByteArrayType>(group, &[half(0xc000), half(0x3555)], None);
    });
    let set = read(&folder, &ReadOptions::default()).unwrap().train;
    let large = [2f32.powi(31), 2f32.powi(63)];
    let first =
        [1.0, -128.0, -300.0, -70_000.0, -(2f32.powi(40)), 255.0, 65_535.0, large[0], large[1], 0.5, -2.0];
    assert_eq!(set.row(0), Row::F32(&first));
    assert_eq!(set.row(1), Row::F32(&[0.0, 127.0, 300.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 0.333_251_95]));
    assert_eq!(
        (set.labels().to_vec(), set.classes().names()),
        (vec![1, 0], &["0".to_owned(), "1".to_owned()][..])
    );
}

#[test]
fn the_label_column_may_be_given() {
    let folder = table("required int32 a; required int32 b; required int32 c;", |group| {
        column::<Int32Type>(group, &[1, 2], None);
        column::<Int32Type>(group, &[3, 4], None);
        column::<Int32Type>(group, &[5, 6], None);
    });
    for (label, row, classes) in
        [("first", [3.0, 5.0], ["1", "2"]), ("b", [1.0, 5.0], ["3", "4"]), ("last", [1.0, 3.0], ["5", "6"])]
    {
        let set = read(&folder, &labelled(label)).unwrap().train;
        assert_eq!(
            (set.row(0), set.classes().names()),
            (Row::F32(&row), &classes.map(str::to_owned)[..]),
            "{label}"
        );
    }
    refused(&folder, &labelled("z"), "found the columns a, b, c; expected a column z");
    refused(&folder, &ReadOptions::default(), "found the columns a, b, c; expected a column of labels");
}

#[test]
fn pictures_may_be_plain_bytes_in_their_column() {
    let pictures = |sizes: [(u32, u32); 2]| {
        table("required binary image; required binary label (UTF8);", move |group| {
            column::<ByteArrayType>(group, &sizes.map(|(width, height)| png(width, height)), None);
            column::<ByteArrayType>(group, &text(&["cat", "dog"]), None);
        })
    };
    let set = read(&pictures([(3, 2), (3, 2)]), &ReadOptions::default()).unwrap().train;
    assert_eq!((set.pixels(1), set.labels().to_vec()), (Some(&[0, 1, 2, 10, 11, 12][..]), vec![0, 1]));
    let folder = pictures([(3, 2), (2, 3)]);
    refused(
        &folder,
        &ReadOptions::default(),
        "found a picture of 2 × 3 pixels (example 1); expected 3 × 2, as the first has",
    );
    let reading = ReadOptions { size: Some("2x2".parse().unwrap()), ..ReadOptions::default() };
    assert_eq!(read(&folder, &reading).unwrap().train.width(), 4);
}

#[test]
fn a_test_set_given_by_the_caller_replaces_those_found() {
    let of = |labels: &[&str]| {
        let schema = "required binary label (UTF8); required int32 a;";
        table(schema, |group| {
            column::<ByteArrayType>(group, &text(labels), None);
            column::<Int32Type>(group, &vec![1; labels.len()], None);
        })
    };
    let (folder, elsewhere) = (of(&["cat", "dog"]), of(&["dog", "dog", "cat"]));
    std::fs::rename(folder.path().join("t.parquet"), folder.path().join("train-0.parquet")).unwrap();
    std::fs::copy(folder.path().join("train-0.parquet"), folder.path().join("test-0.parquet")).unwrap();
    let labels = |reading: &ReadOptions| {
        let read = Source::Path(folder.path().join("train-0.parquet")).open_with(reading).unwrap();
        read.test.unwrap().open(&mut Vec::new(), "a test").labels().to_vec()
    };
    assert_eq!(labels(&ReadOptions::default()), [0, 1]);
    let test = Some(Source::Path(elsewhere.path().join("t.parquet")));
    assert_eq!(labels(&ReadOptions { test, ..ReadOptions::default() }), [1, 1, 0]);
}

#[test]
fn tables_without_features_or_with_too_many_are_rejected() {
    let folder = table("required binary label (UTF8);", |group| {
        column::<ByteArrayType>(group, &text(&["cat"]), None);
    });
    refused(
        &folder,
        &ReadOptions::default(),
        "found labels alone; expected columns of numbers, lists or pictures",
    );
    let folder = table("required binary label (UTF8); required binary a; required binary b;", |group| {
        column::<ByteArrayType>(group, &text(&["cat"]), None);
        column::<ByteArrayType>(group, &[png(1, 1)], None);
        column::<ByteArrayType>(group, &[png(1, 1)], None);
    });
    refused(&folder, &ReadOptions::default(), "found several columns of features: a, b; expected one column");
    let folder = table("required binary label (UTF8); required int32 a;", |group| {
        column::<ByteArrayType>(group, &[], None);
        column::<Int32Type>(group, &[], None);
    });
    refused(&folder, &ReadOptions::default(), "found no examples; expected at least one");
}

/// A row of `labels` and lists, whose values have these definition and repetition levels.
fn lists(labels: &[&str], values: &[i32], definition: &[i16], repetition: &[i16]) -> TempDir {
    let schema = "required binary label (UTF8); optional group x (LIST) { repeated group list { \
                  required int32 element; } }";
    table(schema, |group| {
        column::<ByteArrayType>(group, &text(labels), None);
        column::<Int32Type>(group, values, Some((definition, repetition)));
    })
}

#[test]
fn lists_are_of_one_length() {
    let set =
        read(&lists(&["b", "a"], &[1, 2, 3, 4], &[2; 4], &[0, 1, 0, 1]), &ReadOptions::default()).unwrap();
    assert_eq!((set.train.row(1), set.train.labels().to_vec()), (Row::F32(&[3.0, 4.0]), vec![1, 0]));
    let folder = lists(&["b", "a"], &[1, 2, 3], &[2; 3], &[0, 1, 0]);
    refused(&folder, &ReadOptions::default(), "found 1 numbers in row 1; expected 2, as in the first row");
    let folder = lists(&["b", "a"], &[1, 2], &[2, 2, 0], &[0, 1, 0]);
    refused(
        &folder,
        &ReadOptions::default(),
        "found no value in row 1, column “x”; expected a list of numbers",
    );
    let folder = lists(&["b"], &[], &[1], &[0]);
    refused(&folder, &ReadOptions::default(), "found 0 numbers in row 0");
}

#[test]
fn a_label_is_a_text_or_a_number() {
    let label = |value: &'static str| {
        table("required binary label (UTF8); required int32 a;", move |group| {
            column::<ByteArrayType>(group, &text(&["cat", value]), None);
            column::<Int32Type>(group, &[1, 2], None);
        })
    };
    assert_eq!(read(&label("dog"), &ReadOptions::default()).unwrap().train.classes(), ["cat", "dog"]);
    let says = "found “\"c·t\"” in row 1, column “label”; expected a class: text or a whole number";
    refused(&label("c\tt"), &ReadOptions::default(), says);
}
