//! Data sets in several parts: training, validation and test set, pictures and their table, archives, compressed files.

#![cfg(all(feature = "csv", feature = "image", feature = "zip"))]

use std::fs;
use std::io::Write;
use std::path::Path;

use tercet::data::{Collection, Source, validation_split};

fn open(path: &Path) -> tercet::Result<Collection> {
    Source::Path(path.to_owned()).open()
}

/// Writes a picture of one grey, and its folder.
fn picture(path: &Path, grey: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::GrayImage::from_pixel(2, 2, image::Luma([grey])).save(path).unwrap();
}

/// Two pictures of cats and one of a dog.
fn classes(folder: &Path, grey: u8) {
    for (i, class) in ["cat", "cat", "dog"].into_iter().enumerate() {
        picture(&folder.join(class).join(format!("{i}.png")), grey + i as u8);
    }
}

#[track_caller]
fn notes(set: &Collection, says: &str) {
    assert!(set.notes.iter().any(|note| note.contains(says)), "{says}: {:?}", set.notes);
}

#[test]
fn the_middle_one_of_three_folders_is_the_validation_set() {
    for names in
        [["train", "val", "test"], ["Training", "Validation", "Testing"], ["train_set", "dev", "test_set"]]
    {
        let folder = tempfile::tempdir().unwrap();
        for (name, grey) in names.into_iter().zip([10, 20, 30]) {
            classes(&folder.path().join(name), grey);
        }
        let set = open(folder.path()).unwrap();
        assert_eq!(
            (set.train.len(), set.train.validation_len(), set.test.as_ref().unwrap().len()),
            (6, 3, 3)
        );
        notes(&set, "its 3 examples are the validation set");
        let parts = set.split(7).unwrap();
        assert_eq!((parts.train.len(), parts.validation.pixels(0)), (3, Some(&[20; 4][..])));
        // A number of examples asks for a random split.
        assert_eq!(validation_split(&set.train, Some(2), 7).unwrap().validation.len(), 2);
    }
}

#[test]
fn a_validation_set_without_a_test_set_is_the_test_set() {
    let folder = tempfile::tempdir().unwrap();
    classes(&folder.path().join("train"), 10);
    classes(&folder.path().join("val"), 20);
    classes(&folder.path().join("extra"), 30);
    let set = open(folder.path()).unwrap();
    assert_eq!((set.train.len(), set.train.validation_len(), set.test.as_ref().unwrap().len()), (3, 0, 3));
    notes(&set, "val is used as the test set");
    notes(&set, "extra is not used");
}

#[test]
fn folders_around_the_data_are_passed() {
    let folder = tempfile::tempdir().unwrap();
    classes(&folder.path().join("archive/train/train"), 10);
    classes(&folder.path().join("archive/test/test"), 20);
    let set = open(folder.path()).unwrap();
    assert_eq!((set.train.class_count(), set.train.len(), set.test.as_ref().unwrap().len()), (2, 3, 3));
}

#[test]
fn folders_called_train_and_test_are_no_classes() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("train/0.png"), 1);
    picture(&folder.path().join("test/0.png"), 2);
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("pictures without classes in test, train"), "{message}");
}

#[test]
fn a_table_names_the_pictures_and_their_classes() {
    for (ending, at) in [(".png", ""), ("", ""), (".png", "images/"), ("", "train/")] {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..4 {
            picture(&folder.path().join(format!("{at}{i}.png")), i);
        }
        picture(&folder.path().join("test/0.png"), 99);
        fs::write(
            folder.path().join("labels.csv"),
            format!("id,breed\n2{ending},dog\n0{ending},cat\n1{ending},dog\n"),
        )
        .unwrap();
        fs::write(folder.path().join("sample_submission.csv"), "id,cat,dog\n0,0.5,0.5\n").unwrap();
        let set = open(folder.path()).unwrap_or_else(|error| panic!("{at}*{ending}: {error}"));
        assert_eq!((set.train.labels().to_vec(), set.train.pixels(0)), (vec![1, 0, 1], Some(&[2; 4][..])));
        notes(
            &set,
            "column “id” names 3 pictures, column “breed” their classes; 1 picture is not in the table",
        );
    }
}

#[test]
fn a_picture_that_a_table_names_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    for i in 0..3 {
        picture(&folder.path().join(format!("{i}.png")), i);
    }
    fs::write(folder.path().join("labels.csv"), "file,label\n0.png,a\n1.png,b\n7.png,a\n").unwrap();
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("the picture “7.png”, which is not there"), "{message}");
    fs::write(folder.path().join("labels.csv"), "file,height,width\n0.png,2,2\n1.png,2,2\n2.png,2,2\n")
        .unwrap();
    let message = open(folder.path()).unwrap_err().to_string();
    assert!(message.contains("--label-column"), "{message}");
}

#[test]
fn tables_have_validation_sets_too() {
    let folder = tempfile::tempdir().unwrap();
    for (name, first) in [("train", 0), ("val", 10), ("test", 20)] {
        let rows = format!("x,label\n{first},a\n{}.5,b\n{},a\n", first + 1, first + 2);
        fs::write(folder.path().join(format!("{name}.csv")), rows).unwrap();
    }
    let set = open(folder.path()).unwrap();
    assert_eq!((set.train.len(), set.train.validation_len(), set.test.as_ref().unwrap().len()), (6, 3, 3));
}

#[test]
fn archives_are_read_like_folders() {
    let folder = tempfile::tempdir().unwrap();
    classes(&folder.path().join("pets/train"), 10);
    classes(&folder.path().join("pets/test"), 20);
    let path = folder.path().join("pets.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for part in ["train", "test"] {
        for file in ["cat/0.png", "cat/1.png", "dog/2.png"] {
            zip.start_file(format!("{part}/{file}"), options).unwrap();
            zip.write_all(&fs::read(folder.path().join("pets").join(part).join(file)).unwrap()).unwrap();
        }
    }
    zip.start_file("train/cat/notes.txt", options).unwrap();
    zip.start_file("../outside.png", options).unwrap();
    zip.finish().unwrap();
    let set = open(&path).unwrap();
    assert_eq!(set.train.digest(), open(&folder.path().join("pets")).unwrap().train.digest());
    assert_eq!((set.name.as_str(), set.test.as_ref().unwrap().len()), ("pets", 3));
    notes(&set, "pets.zip/train: 1 is skipped");
    assert!(!folder.path().join("outside.png").exists());

    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file("train/cat/0.png", options).unwrap();
    zip.write_all(b"hello").unwrap();
    zip.finish().unwrap();
    let message = open(&path).unwrap_err().to_string();
    assert!(message.starts_with(&path.join("train/cat/0.png").display().to_string()), "{message}");
}

/// A ZIP archive of these files.
fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn the_data_of_an_archive_may_be_in_a_folder_beside_a_description_or_in_archives() {
    let folder = tempfile::tempdir().unwrap();
    picture(&folder.path().join("a.png"), 7);
    let png = fs::read(folder.path().join("a.png")).unwrap();
    let path = folder.path().join("pets.zip");
    let [train, test] = ["train", "test"].map(|part| {
        ["cat/0.png", "cat/1.png", "dog/2.png"].map(|file| (format!("pets/{part}/{file}"), &png[..]))
    });
    let mut files: Vec<(&str, &[u8])> =
        train.iter().chain(&test).map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    files.push(("README.txt", b"All pets."));
    fs::write(&path, zipped(&files)).unwrap();
    let set = open(&path).unwrap();
    assert_eq!((set.train.len(), set.test.as_ref().unwrap().len()), (3, 3));
    notes(&set, "the data is in ");

    let part = zipped(&[("cat/0.png", &png), ("cat/1.png", &png), ("dog/2.png", &png)]);
    fs::write(&path, zipped(&[("train.zip", &part), ("test.zip", &part), ("about.txt", b"Pets.")])).unwrap();
    let set = open(&path).unwrap();
    assert_eq!((set.train.len(), set.test.as_ref().unwrap().len()), (3, 3));

    // An archive that is not unpacked is named.
    let inside = folder.path().join("downloads");
    fs::create_dir(&inside).unwrap();
    fs::copy(&path, inside.join("pets.zip")).unwrap();
    let message = open(&inside).unwrap_err().to_string();
    assert!(
        message.contains("found the archive pets.zip") && message.contains("Name the archive"),
        "{message}"
    );
    let deeper = zipped(&[("pets.zip", &zipped(&[("pets.zip", &zipped(&[("pets.zip", &part)]))]))]);
    fs::write(&path, deeper).unwrap();
    let message = open(&path).unwrap_err().to_string();
    assert!(message.contains("found the archive pets.zip"), "{message}");
}

#[test]
fn a_table_in_an_archive_is_named_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.zip");
    let tables: [(&str, &[u8]); 2] =
        [("a/train.csv", b"x,label\n1,a\n2,b\n3,b\n"), ("a/other.csv", b"x,label\n1,a\n2,b\n")];
    fs::write(&path, zipped(&tables)).unwrap();
    assert_eq!(open(&path.join("a/train.csv")).unwrap().train.len(), 3);
    assert_eq!(open(&path.join("a/other.csv")).unwrap().train.len(), 2);
    let message = open(&path.join("a/none.csv")).unwrap_err().to_string();
    assert!(message.contains("set.zip") && message.contains("a/none.csv"), "{message}");
}

#[cfg(feature = "bzip2")]
#[test]
fn tables_may_be_compressed_by_bzip2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv.bz2");
    let mut to = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    to.write_all(b"x,label\n1,a\n2,b\n3,a\n4,b\n").unwrap();
    let bytes = to.finish().unwrap();
    fs::write(&path, &bytes).unwrap();
    assert_eq!(open(&path).unwrap().train.len(), 4);
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let message = open(&path).unwrap_err().to_string();
    assert!(message.contains("bzip2-compressed data"), "{message}");
}

#[cfg(feature = "xz")]
#[test]
fn tables_may_be_compressed_by_xz() {
    // printf 'x,label\n1,a\n2,b\n' | xz --check=crc32
    let bytes = [
        0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36, 0x02, 0x00, 0x21, 0x01, 0x16,
        0x00, 0x00, 0x00, 0x74, 0x2f, 0xe5, 0xa3, 0x01, 0x00, 0x0f, 0x78, 0x2c, 0x6c, 0x61, 0x62, 0x65, 0x6c,
        0x0a, 0x31, 0x2c, 0x61, 0x0a, 0x32, 0x2c, 0x62, 0x0a, 0x00, 0xeb, 0xe0, 0xa5, 0x57, 0x00, 0x01, 0x24,
        0x10, 0xe9, 0x44, 0xd9, 0xcc, 0x90, 0x42, 0x99, 0x0d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a,
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv.xz");
    fs::write(&path, bytes).unwrap();
    assert_eq!(open(&path).unwrap().train.len(), 2);
    fs::write(&path, &bytes[..bytes.len() - 15]).unwrap();
    let message = open(&path).unwrap_err().to_string();
    assert!(message.contains("xz-compressed data"), "{message}");
}

#[cfg(feature = "xlsx")]
#[test]
fn the_first_sheet_of_a_workbook_is_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, cells: &str| {
        let path = folder.path().join(name);
        let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        let sheet = format!(
            "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{cells}\
             </sheetData></worksheet>"
        );
        for (name, text) in [
            (
                "_rels/.rels",
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
                 <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/\
                 relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>",
            ),
            (
                "xl/workbook.xml",
                "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
                 xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>\
                 <sheet name=\"Flowers\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
            ),
            (
                "xl/_rels/workbook.xml.rels",
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
                 <Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/\
                 relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>",
            ),
            ("xl/worksheets/sheet1.xml", &sheet),
        ] {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        path
    };
    let text = |at: &str, text: &str| format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let number = |at: &str, number: &str| format!("<c r=\"{at}\"><v>{number}</v></c>");
    let rows = |second: &str| {
        [
            format!("<row r=\"2\">{}{}{}</row>", text("B2", "x"), text("C2", "y;z"), text("D2", "label")),
            format!("<row r=\"3\">{}{}{}</row>", number("B3", "0.5"), number("C3", "1"), text("D3", "a, b")),
            format!("<row r=\"5\">{}{}{}</row>", number("B5", second), number("C5", "3"), text("D5", "c")),
        ]
        .concat()
    };
    let path = write("train.xlsx", &rows("2.25"));
    write("test.xlsx", &rows("7"));
    let set = open(&path).unwrap();
    assert_eq!((set.train.len(), set.train.feature_names()), (2, &["x".to_owned(), "y;z".to_owned()][..]));
    assert_eq!(set.train.classes().names(), ["a, b", "c"]);
    assert_eq!(set.test.unwrap().len(), 2);
    // Two cells far apart are no reason to allocate all between them.
    let far = format!(
        "<row r=\"1\">{}</row><row r=\"1048576\">{}</row>",
        number("A1", "1"),
        number("XFD1048576", "2")
    );
    assert!(open(&write("far.xlsx", &far)).is_err());
    let message = open(&write("empty.xlsx", "")).unwrap_err().to_string();
    assert!(message.contains("an Excel workbook without values"), "{message}");
}
