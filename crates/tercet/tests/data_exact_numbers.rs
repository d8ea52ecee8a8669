//! Tables and LIBSVM files keep every digit of their numbers.

#![cfg(feature = "csv")]

use tercet::Dataset;
use tercet::data::{Format, Row, Source, Summary};

fn read(name: &str, text: &str) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    Source::Path(path).open().unwrap().train
}

#[test]
fn numbers_that_f32_would_round_are_read_as_f64() {
    let times = "seconds,kind\n1600000001,a\n1600000002,b\n1600000003,a\n";
    for set in [read("t.csv", times), read("t.svm", "1 1:1600000001\n2 1:1600000002\n1 1:1600000003\n")] {
        assert_eq!((set.row(0), set.row(1)), (Row::F64(&[1_600_000_001.0]), Row::F64(&[1_600_000_002.0])));
        let range = Summary::of(&set).values.unwrap();
        assert_eq!((range.minimum, range.maximum), (1_600_000_001.0, 1_600_000_003.0));
    }
    let places = read("p.csv", "north,east,kind\n52.520006,13.404954,a\n52.520007,13.404955,b\n");
    assert_eq!(places.row(1), Row::F64(&[52.520007, 13.404955]));
}

#[test]
fn numbers_that_f32_represents_stay_f32() {
    let set = read("t.csv", "x,kind\n0.5,a\n16777216,b\n");
    assert_eq!((set.row(0), set.row(1)), (Row::F32(&[0.5]), Row::F32(&[16_777_216.0])));
}

#[test]
fn f32_features_are_the_same_when_written_and_read_back() {
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let set = Dataset::from_features("x", 1, vec![0.1, 1.0 / 3.0, 1e-30], vec![0, 1, 0], classes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("x.csv", Format::Csv), ("x.svm", Format::Libsvm)] {
        let path = folder.path().join(name);
        tercet::data::write(&path, format, &set, None).unwrap();
        let back = Source::Path(path).open().unwrap().train;
        assert!((0..3).all(|i| back.row(i) == set.row(i)), "{name}");
    }
}
