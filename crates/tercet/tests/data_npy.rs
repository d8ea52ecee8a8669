//! NPY and NPZ files of every type, and large files, which are memory-mapped.

#![cfg(feature = "zip")]

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use tempfile::TempDir;
use tercet::Dataset;
use tercet::data::{Collection, ReadOptions, Row, Source, read_features};
use tercet::image::ImageShape;

/// The header of an NPY file, padded so that the elements begin at byte 128.
fn header(descr: &str, fortran: bool, shape: &str) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': ({shape}), }}");
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{text:117}\n").as_bytes());
    assert_eq!(bytes.len(), 128);
    bytes
}

fn npy(descr: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    [header(descr, false, shape), elements.to_vec()].concat()
}

fn open(path: &Path) -> tercet::Result<Collection> {
    Source::Path(path.to_owned()).open()
}

/// The features `x` with the labels `y`.
fn set(x: &[u8], y: &[u8]) -> tercet::Result<Dataset> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.npy"), x).unwrap();
    fs::write(folder.path().join("y.npy"), y).unwrap();
    Ok(open(&folder.path().join("x.npy"))?.train)
}

/// An archive of these arrays.
fn archive(arrays: &[(&str, Vec<u8>)]) -> (TempDir, tercet::Result<Collection>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npz");
    let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    let read = open(&path);
    (folder, read)
}

fn names(names: &[&str]) -> Vec<u8> {
    let characters = names.iter().flat_map(|name| format!("{name:3}").into_bytes()).collect::<Vec<u8>>();
    npy("|S3", &format!("{},", names.len()), &characters)
}

/// Each type as features and as labels, including the largest and smallest numbers that f32 represents exactly.
#[test]
fn every_type_of_numbers_is_read() {
    fn both<const N: usize>(descr: &str, elements: [[u8; N]; 2], expected: [f32; 2], classes: [&str; 2]) {
        let (x, y) = (npy(descr, "2, 1", &elements.concat()), npy(descr, "2,", &elements.concat()));
        let set = set(&x, &y).unwrap_or_else(|error| panic!("{descr}: {error}"));
        assert_eq!([set.row(0), set.row(1)], [Row::F32(&expected[..1]), Row::F32(&expected[1..])], "{descr}");
        assert_eq!([0, 1].map(|i| &*set.classes()[set.label(i) as usize]), classes, "{descr}");
    }
    both("|i1", [-128i8, 127].map(i8::to_le_bytes), [-128.0, 127.0], ["-128", "127"]);
    both("<i2", [-300i16, 7].map(i16::to_le_bytes), [-300.0, 7.0], ["-300", "7"]);
    both(">i2", [-300i16, 7].map(i16::to_be_bytes), [-300.0, 7.0], ["-300", "7"]);
    both("<i4", [-70_000i32, 7].map(i32::to_le_bytes), [-70_000.0, 7.0], ["-70000", "7"]);
    both("<i8", [-1i64 << 40, 7].map(i64::to_le_bytes), [-(2f32.powi(40)), 7.0], ["-1099511627776", "7"]);
    both("|u1", [0u8, 255].map(u8::to_le_bytes), [0.0, 255.0], ["0", "255"]);
    both("<u2", [65_535u16, 7].map(u16::to_le_bytes), [65_535.0, 7.0], ["65535", "7"]);
    both("<u4", [1u32 << 31, 7].map(u32::to_le_bytes), [2f32.powi(31), 7.0], ["2147483648", "7"]);
    both("<u8", [1u64 << 40, 7].map(u64::to_le_bytes), [2f32.powi(40), 7.0], ["1099511627776", "7"]);
    // Without a byte-order mark, the order is the machine's native one.
    both("f4", [-2.0f32, 7.0].map(f32::to_le_bytes), [-2.0, 7.0], ["-2", "7"]);
    both("<f8", [-2.0f64, 7.0].map(f64::to_le_bytes), [-2.0, 7.0], ["-2", "7"]);
}

/// More numbers than are decoded at a time.
#[test]
fn many_numbers_are_all_read_in_order() {
    let count = 50_001;
    let numbers: Vec<u8> = (0..count).flat_map(|i: i32| (i * 3 - 70_000).to_le_bytes()).collect();
    let labels = vec![[0, 1]; 25_001].concat();
    let x = npy("<i4", &format!("{count}, 1"), &numbers);
    let set = set(&x, &npy("|u1", &format!("{count},"), &labels[..count as usize])).unwrap();
    assert!((0..count).all(|i| set.row(i as usize) == Row::F32(&[(i * 3 - 70_000) as f32])));
}

#[test]
fn columns_first_are_read_whatever_they_are_of() {
    let fortran =
        |descr: &str, shape: &str, elements: &[u8]| [header(descr, true, shape), elements.to_vec()].concat();
    // Two images of 2 × 3 pixels, in column-major order: the index of the image varies fastest.
    let pixels = [0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11];
    let labels = fortran("<i4", "2, 1", &[5i32, 3].map(i32::to_le_bytes).concat());
    let read = set(&fortran("|u1", "2, 2, 3", &pixels), &labels).unwrap();
    assert_eq!(read.pixels(0), Some(&[0, 1, 2, 3, 4, 5][..]));
    assert_eq!(read.pixels(1), Some(&[6, 7, 8, 9, 10, 11][..]));
    assert_eq!((read.labels().to_vec(), &*read.classes()[1]), (vec![1, 0], "5"));
    let labels = fortran("|S1", "2, 1", b"ba");
    assert_eq!(set(&fortran("|u1", "2, 2, 3", &pixels), &labels).unwrap().labels().to_vec(), [1, 0]);
}

#[test]
fn unknown_types_and_text_features_are_rejected() {
    for (descr, says) in [
        ("<i3", "found elements of type <i3; expected numbers of 1 to 8 bytes"),
        ("<u16", "found elements of type <u16; expected numbers of 1 to 8 bytes"),
        ("|S0", "found names of type |S0; expected names of 1 to 4096 characters"),
        ("|S4097", "found names of type |S4097"),
    ] {
        let error = set(&npy(descr, "1, 1", &[0; 16]), &[]).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    let error = set(&npy("|S1", "2, 2", b"abcd"), &npy("|u1", "2,", &[0, 1])).unwrap_err().to_string();
    assert!(error.contains("x.npy: found text; expected features, which are numbers"), "{error}");
}

/// Named like MedMNIST, with features and labels of every kind.
#[test]
fn validation_examples_of_matching_kind_are_used_for_training() {
    let read = |train: [Vec<u8>; 2], val: [Vec<u8>; 2]| {
        let ([x, y], [more_x, more_y]) = (train, val);
        archive(&[("train_images", x), ("train_labels", y), ("val_images", more_x), ("val_labels", more_y)]).1
    };
    let floats = |values: &[f32]| {
        npy(
            "<f4",
            &format!("{}, 1", values.len()),
            &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>(),
        )
    };
    let bytes = |values: &[u8]| npy("|u1", &format!("{}, 1", values.len()), values);
    let learned = |read: tercet::Result<Collection>| {
        let train = read.unwrap().train;
        let rows: Vec<Vec<f32>> = (0..train.len())
            .map(|i| match train.row(i) {
                Row::F32(row) => row.to_vec(),
                other => panic!("nothing says that these are {other:?}"),
            })
            .collect();
        (rows.concat(), train.labels().to_vec(), train.classes().to_vec())
    };
    let of = |classes: &[&str]| classes.iter().map(|class| class.to_string()).collect::<Vec<_>>();
    // The names in the second part differ, and are in another order.
    let found = learned(read(
        [floats(&[0.5, 1.5]), names(&["dog", "cat"])],
        [floats(&[2.5, 3.5]), names(&["emu", "dog"])],
    ));
    assert_eq!(found, (vec![0.5, 1.5, 2.5, 3.5], vec![1, 0, 2, 1], of(&["cat", "dog", "emu"])));
    let found =
        learned(read([bytes(&[5, 6]), npy("|u1", "2,", &[1, 0])], [bytes(&[7]), npy("|u1", "1,", &[1])]));
    assert_eq!(found, (vec![5.0, 6.0, 7.0], vec![1, 0, 1], of(&["0", "1"])));

    // The smallest type that holds all values, and names that are numbers among other names.
    let found = learned(read([floats(&[0.5]), names(&["dog"])], [bytes(&[7]), npy("|u1", "1,", &[1])]));
    assert_eq!(found, (vec![0.5, 7.0], vec![1, 0], of(&["1", "dog"])));

    let wide = npy("|u1", "1, 2", &[7, 7]);
    let found = read([floats(&[0.5]), names(&["dog"])], [wide, names(&["dog"])]).unwrap_err().to_string();
    assert!(
        found.contains("val_images.npy: found other features; expected the same kind and shape as "),
        "{found}"
    );
}

#[test]
fn invalid_class_names_fall_back_to_the_labels() {
    let arrays = |classes: Vec<u8>| {
        let x = npy("<f4", "2, 1", &[0; 8]);
        archive(&[("x", x), ("y", npy("|u1", "2,", &[4, 2])), ("classes", classes)]).1.unwrap().train
    };
    assert_eq!(arrays(npy("|u1", "2,", &[2, 4])).classes(), ["2", "4"]);
    let five = names(&["a", "b", "c", "d", "e"]);
    assert_eq!(arrays(five).labels(), [4, 2], "numbers are places in the list of names");
}

#[test]
fn an_archive_entry_that_is_not_an_array_is_rejected() {
    for (bytes, says) in [
        (&b""[..], "x.npy: found 0 bytes; expected the 8 bytes that an NPY file begins with"),
        (b"a,b,c\n1,2,3\n", "x.npy: found the bytes 61 2c 62 2c 63 0a; expected an NPY file"),
    ] {
        let (_folder, read) = archive(&[("x", bytes.to_vec()), ("y", npy("|u1", "2,", &[0, 1]))]);
        let error = read.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

/// 128 MiB of zeros in a sparse file, with some last bytes.
fn large(folder: &TempDir, name: &str, header: &[u8], last: &[u8]) {
    let mut file = File::create(folder.path().join(name)).unwrap();
    file.write_all(header).unwrap();
    file.seek(SeekFrom::Start(header.len() as u64 + (128 << 20) - last.len() as u64)).unwrap();
    file.write_all(last).unwrap();
}

#[test]
fn numbers_of_large_files_are_read_from_their_positions() {
    let folder = tempfile::tempdir().unwrap();
    large(&folder, "gray.npy", &header("|u1", false, "131072, 32, 32"), &[7, 8]);
    large(&folder, "colour.npy", &header("|u1", false, "262144, 8, 64, 1"), &[7, 8]);
    large(&folder, "floats.npy", &header("<f4", false, "8192, 4096"), &1.5f32.to_le_bytes());
    let idx = |dimensions: &[u32]| {
        let dimensions = dimensions.iter().flat_map(|n| n.to_be_bytes());
        [0, 0, 8, dimensions.clone().count() as u8 / 4].into_iter().chain(dimensions).collect::<Vec<_>>()
    };
    large(&folder, "gray.idx", &idx(&[131_072, 32, 32]), &[7, 8]);
    large(&folder, "colour.idx", &idx(&[262_144, 8, 64, 1]), &[7, 8]);
    let read = |name: &str| read_features(&folder.path().join(name)).unwrap();
    for (name, rows, shape) in [
        ("gray.npy", 131_072, ImageShape::gray(32, 32)),
        ("colour.npy", 262_144, ImageShape::gray(64, 8)),
        ("gray.idx", 131_072, ImageShape::gray(32, 32)),
        ("colour.idx", 262_144, ImageShape::gray(64, 8)),
    ] {
        let set = read(name);
        assert_eq!((set.len(), set.image_shape()), (rows, Some(shape)), "{name}");
        let (first, last) = (set.pixels(0).unwrap(), set.pixels(rows - 1).unwrap());
        assert!(first.iter().all(|&pixel| pixel == 0) && last.ends_with(&[0, 7, 8]), "{name}");
    }
    let floats = read("floats.npy");
    let Row::F32(last) = floats.row(8191) else { panic!("floats are no pixels") };
    assert_eq!((floats.len(), &last[4094..]), (8192, &[0.0, 1.5][..]));

    large(&folder, "labels.idx", &idx(&[1 << 27]), &[1]);
    let error = read_features(&folder.path().join("labels.idx")).unwrap_err().to_string();
    assert!(error.contains("labels.idx: found 1 dimension; expected 2 (N, features)"), "{error}");

    // Data to be modified is loaded into memory.
    let labels = [header("|u1", false, "131072,"), vec![3; 131_072]].concat();
    fs::write(folder.path().join("labels-of-gray.npy"), labels).unwrap();
    let labels = Some(folder.path().join("labels-of-gray.npy"));
    let reading = ReadOptions { size: Some("32x32".parse().unwrap()), labels, ..ReadOptions::default() };
    let gray = Source::Path(folder.path().join("gray.npy")).open_with(&reading).unwrap().train;
    assert_eq!((gray.len(), &gray.pixels(131_071).unwrap()[1021..]), (131_072, &[0, 7, 8][..]));
    let labels = [header("|u1", false, "8192,"), vec![3; 8192]].concat();
    fs::write(folder.path().join("labels.npy"), labels).unwrap();
    let reading =
        ReadOptions { plain: true, labels: Some(folder.path().join("labels.npy")), ..ReadOptions::default() };
    let read = Source::Path(folder.path().join("floats.npy")).open_with(&reading).unwrap().train;
    assert_eq!((read.len(), read.row(8191)), (8192, floats.row(8191)));
}

#[test]
fn numbers_that_f32_would_round_stay_exact() {
    let labels = npy("|u1", "2,", &[0, 1]);
    let read = |descr: &str, elements: [[u8; 8]; 2]| set(&npy(descr, "2, 1", &elements.concat()), &labels);
    let times = [1_700_000_000_001i64, 1_700_000_000_002];
    for (descr, elements) in [("<i8", times.map(i64::to_le_bytes)), (">i8", times.map(i64::to_be_bytes))] {
        let set = read(descr, elements).unwrap();
        assert_eq!(
            [set.row(0), set.row(1)],
            times.map(|time| time as f64).each_ref().map(|t| Row::F64(std::slice::from_ref(t)))
        );
    }
    let set = read("<f8", [0.1, 0.3].map(f64::to_le_bytes)).unwrap();
    assert_eq!((set.row(0), set.row(1)), (Row::F64(&[0.1]), Row::F64(&[0.3])));
    let error = read("<i8", [1, (1i64 << 53) + 1].map(i64::to_le_bytes)).unwrap_err().to_string();
    assert!(error.contains("found the number 9007199254740993; expected integers up to 2⁵³"), "{error}");
}

#[test]
fn half_precision_stays_half_precision() {
    let x = npy("<f2", "2, 1", &[0x00, 0x3c, 0x55, 0x35]);
    let set = set(&x, &npy("|u1", "2,", &[0, 1])).unwrap();
    let Row::F16(row) = set.row(1) else { panic!("{:?}", set.row(1)) };
    assert_eq!((set.dtype(), row[0].to_f32()), ("float16", 0.333_251_95));
}

/// In PyTorch's order, and scaled to 0 to 1.
#[test]
fn arrays_of_the_shape_of_images_are_images() {
    let labels = npy("|u1", "1,", &[0]);
    let bytes = set(&npy("|u1", "1, 3, 1, 2", &[1, 4, 2, 5, 3, 6]), &labels).unwrap();
    assert_eq!(bytes.image_shape(), Some(ImageShape { width: 2, height: 1, channels: 3 }));
    assert_eq!(bytes.pixels(0), Some(&[1, 2, 3, 4, 5, 6][..]));
    for (shape, scale) in
        [("1, 1, 2", 255.0f32), ("1, 1, 1, 2", 255.0), ("1, 1, 2", 1.0), ("1, 1, 2, 1", 1.0)]
    {
        let values: Vec<u8> = [7.0f32, 200.0].iter().flat_map(|v| (v / scale).to_le_bytes()).collect();
        let floats = set(&npy("<f4", shape, &values), &labels).unwrap();
        assert_eq!(
            (floats.image_shape(), floats.pixels(0)),
            (Some(ImageShape::gray(2, 1)), Some(&[7, 200][..]))
        );
    }
    let values: Vec<u8> = [0.5f32, -1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(set(&npy("<f4", "1, 1, 2", &values), &labels).unwrap().row(0), Row::F32(&[0.5, -1.0]));
}
