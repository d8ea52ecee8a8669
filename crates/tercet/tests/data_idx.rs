//! IDX files, good and hostile.

#![cfg(feature = "flate2")]

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tercet::Error;
use tercet::data::{Idx, Values, parse_idx, read_idx, write_idx};

/// A header with this element type and these dimensions, followed by this body.
fn idx(code: u8, dimensions: &[u32], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, dimensions.len() as u8];
    bytes.extend(dimensions.iter().flat_map(|n| n.to_be_bytes()));
    bytes.extend(body);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn parse(bytes: &[u8]) -> tercet::Result<Idx> {
    parse_idx(bytes, Path::new("some-file"))
}

/// Asserts that these bytes are rejected with a message that names the file and contains each of these texts.
#[track_caller]
fn refused(bytes: &[u8], says: &[&str]) {
    let error = parse(bytes).unwrap_err();
    assert!(matches!(error, Error::Format { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.starts_with("some-file: found ") && message.ends_with('.'), "{message}");
    for part in says {
        assert!(message.contains(part), "no \"{part}\" in: {message}");
    }
}

#[test]
fn an_empty_file_is_called_empty() {
    refused(b"", &["an empty file (0 bytes)", "at least 8 bytes"]);
    refused(&gzip(b""), &["found 0 bytes"]);
}

#[test]
fn a_header_cut_short_is_rejected_with_both_lengths() {
    refused(&[0, 0, 8], &["found 3 bytes", "the 4 bytes that an IDX file begins with"]);
    refused(&[0, 0, 8, 3, 0, 0], &["found 6 bytes", "a header of 16 bytes", "copy or download it again"]);
}

#[test]
fn a_truncated_body_is_rejected_with_both_lengths() {
    let bytes = idx(8, &[2, 2, 2], &[7; 5]);
    let expected = "expected 24 bytes: a header of 16 and 2 × 2 × 2 elements of 1 each";
    refused(&bytes, &["found 21 bytes", expected, "truncated"]);
    refused(&gzip(&bytes), &["found 21 bytes", expected, "truncated"]);
}

#[test]
fn an_overlong_body_is_rejected_with_both_lengths() {
    let bytes = idx(8, &[4], &[7; 6]);
    refused(&bytes, &["found 14 bytes", "expected 12 bytes", "too long"]);
    refused(&gzip(&bytes), &["found more than 12 bytes", "expected 12 bytes", "too long"]);
}

#[test]
fn another_kind_of_file_is_rejected() {
    refused(b"\x89PNG\r\n\x1a\n0000", &["found a picture (PNG)", "expected an IDX file"]);
    refused(&gzip(b"a,b,c\n1,2,3\n"), &["the bytes 61 2c 62 2c"]);
}

#[test]
fn an_unknown_element_type_is_rejected() {
    refused(&idx(0x0a, &[1], &[1]), &["the element type 0x0a", "0x0d (f32)"]);
}

#[test]
fn too_few_and_too_many_dimensions_are_rejected() {
    refused(&idx(8, &[], &[]), &["0 dimensions"]);
    refused(&idx(8, &[1; 5], &[1]), &["5 dimensions", "(N, height, width, channels)"]);
}

#[test]
fn a_header_that_claims_the_world_is_rejected_before_anything_is_allocated() {
    // 2³⁰ × 2³⁰ = 2⁶⁰ bytes.
    let vast = idx(8, &[1 << 30, 1 << 30], &[0; 100]);
    refused(&vast, &["found 112 bytes", "1073741824 × 1073741824 elements"]);
    refused(&gzip(&vast), &["gzipped data too short to hold that much"]);
    let beyond = idx(0x0e, &[u32::MAX; 4], &[]);
    refused(&beyond, &["4294967295 × 4294967295 × 4294967295 × 4294967295 elements", "fewer than 2⁶⁴ bytes"]);
    // Exactly 2⁶⁴ − 4 bytes of elements; together with the header of 12 they overflow.
    refused(&idx(0x0d, &[u32::MAX / 3, 3], &[]), &["found 12 bytes"]);
}

#[test]
fn gzip_cut_short_is_rejected() {
    let whole = gzip(&idx(8, &[100, 10], &(0..1000).map(|i| (i * i % 251) as u8).collect::<Vec<_>>()));
    for length in [2, 5, 9, 12, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        refused(&whole[..length], &["gzipped data that ends early"]);
    }
}

#[test]
fn a_damaged_gzip_of_the_right_length_is_rejected() {
    let mut bytes = gzip(&idx(8, &[1000], &[3; 1000]));
    let checksum = bytes.len() - 8;
    bytes[checksum] ^= 1;
    refused(&bytes, &["gzipped data that is damaged"]);
}

#[test]
fn garbage_after_gzip_is_rejected() {
    let mut bytes = gzip(&idx(8, &[3], &[1, 2, 3]));
    bytes.extend(b"more than a header of gzip");
    refused(&bytes, &["gzipped data that is damaged", "nothing after it"]);
}

#[test]
fn a_gzip_bomb_is_not_unpacked_beyond_what_its_header_claims() {
    // 64 MiB in 64 KB, with a header that claims 10 bytes.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&idx(8, &[10], &[])).unwrap();
    for _ in 0..64 {
        gzip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let mut bomb = gzip.finish().unwrap();
    // Decompressing all of it would detect that the end is missing.
    bomb.truncate(bomb.len() / 2);
    refused(&bomb, &["found more than 18 bytes", "expected 18 bytes"]);
}

#[test]
fn every_element_type_becomes_the_smallest_float_that_holds_it() {
    let floats = |code, body: &[u8], n| match parse(&idx(code, &[n], body)).unwrap().values {
        Values::F32(values) => values,
        other => panic!("{other:?} instead of f32"),
    };
    assert_eq!(floats(0x09, &[0x80, 0x7f], 2), [-128.0, 127.0]);
    assert_eq!(floats(0x0b, &(-300i16).to_be_bytes(), 1), [-300.0]);
    assert_eq!(floats(0x0c, &70_000i32.to_be_bytes(), 1), [70_000.0]);
    assert_eq!(floats(0x0d, &1.5f32.to_be_bytes(), 1), [1.5]);
    assert_eq!(floats(0x0e, &(-0.5f64).to_be_bytes(), 1), [-0.5]);
    let double = parse(&idx(0x0e, &[1], &(-0.1f64).to_be_bytes())).unwrap().values;
    assert_eq!(double, Values::F64(vec![-0.1]));
    assert_eq!(parse(&idx(8, &[1, 2], &[1, 255])).unwrap().values, Values::U8(vec![1, 255]));
}

#[test]
fn gzip_is_seen_by_content_not_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = idx(8, &[3], &[1, 2, 3]);
    let (plain, packed) = (folder.path().join("plain.gz"), folder.path().join("packed"));
    fs::write(&plain, &bytes).unwrap();
    fs::write(&packed, gzip(&bytes)).unwrap();
    assert_eq!(read_idx(&plain).unwrap(), read_idx(&packed).unwrap());
}

#[test]
fn a_missing_file_and_a_folder_are_reported_with_their_paths() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("nothing"), folder.path().to_owned()] {
        let message = read_idx(&path).unwrap_err().to_string();
        assert!(message.starts_with("cannot ") && message.contains(path.to_str().unwrap()), "{message}");
    }
}

#[test]
fn writing_replaces_a_file_completely_and_leaves_no_temporary_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train-labels.idx");
    fs::write(&path, b"an older and longer file, to be replaced").unwrap();
    let labels = Idx { dimensions: vec![3], values: Values::U8(vec![4, 5, 6]) };
    write_idx(&path, &labels).unwrap();
    assert_eq!(fs::read(&path).unwrap(), idx(8, &[3], &[4, 5, 6]));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn failed_writes_leave_the_old_file_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.idx");
    fs::write(&path, b"old").unwrap();
    let uneven = Idx { dimensions: vec![2, 2], values: Values::U8(vec![1, 2, 3]) };
    assert!(write_idx(&path, &uneven).unwrap_err().to_string().contains("found 3"));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    let nowhere = folder.path().join("no-folder").join("x.idx");
    let scalar = Idx { dimensions: vec![1], values: Values::U8(vec![1]) };
    assert!(write_idx(&nowhere, &scalar).unwrap_err().to_string().starts_with("cannot write "));
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
        let _ = parse(&gzip(&bytes));
    }

    /// Bytes that pass the first checks more often than random ones would.
    #[test]
    fn random_headers_never_panic(
        code in 8u8..=14,
        dimensions in proptest::collection::vec(prop_oneof![0u32..6, any::<u32>()], 0..6),
        body in proptest::collection::vec(any::<u8>(), 0..80),
        flip in any::<proptest::sample::Index>(),
    ) {
        let bytes = idx(code, &dimensions, &body);
        if let Ok(read) = parse(&bytes) {
            prop_assert_eq!(read.dimensions.iter().product::<usize>(), read.values.len());
        }
        let mut packed = gzip(&bytes);
        let at = flip.index(packed.len());
        packed[at] ^= 0x55;
        let _ = parse(&packed);
    }

    #[test]
    fn writing_and_reading_round_trip(
        dimensions in proptest::collection::vec(0usize..5, 1..=4),
        seed in any::<u32>(),
        floats in any::<bool>(),
        packed in any::<bool>(),
    ) {
        let count = dimensions.iter().product();
        let number = |i: usize| (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed);
        let values = if floats {
            Values::F32((0..count).map(|i| number(i) as f32 - 1e9).collect())
        } else {
            Values::U8((0..count).map(|i| number(i) as u8).collect())
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if packed { "array.idx.gz" } else { "array.idx" });
        let idx = Idx { dimensions, values };
        write_idx(&path, &idx).unwrap();
        prop_assert_eq!(fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]), packed);
        prop_assert_eq!(read_idx(&path).unwrap(), idx);
    }
}
