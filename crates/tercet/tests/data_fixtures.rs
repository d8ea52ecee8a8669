//! Files that NumPy and PyArrow wrote, read as `--data` reads them.

#![cfg(feature = "zip")]

use std::path::Path;

use tercet::data::{Collection, ReadOptions, Row, Source};

fn open(name: &str) -> tercet::Result<Collection> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    Source::Path(path).open_with(&ReadOptions::default())
}

#[test]
fn arrays_of_numpy() {
    let f16 = open("f16-x.npy").unwrap().train;
    let mut values = [0.0; 4];
    f16.row(0).write_f64(&mut values[..2]);
    f16.row(1).write_f64(&mut values[2..]);
    assert_eq!((f16.dtype(), values), ("float16", [1.5, -2.0, 0.25, 3.0]));
    assert_eq!(
        (f16.labels().to_vec(), f16.classes().names()),
        (vec![1, 0], &["0".to_owned(), "1".to_owned()][..])
    );
    let big = open("big-x.npy").unwrap().train;
    assert_eq!((big.row(0), big.row(1)), (Row::F32(&[1.5, -2.0]), Row::F32(&[0.25, 3.0])));
    assert_eq!(
        (big.labels().to_vec(), big.classes().names()),
        (vec![1, 0], &["-5".to_owned(), "300".to_owned()][..])
    );
    let fortran = open("fortran-x.npy").unwrap().train;
    assert_eq!((fortran.row(0), fortran.row(1)), (Row::F32(&[1.0, 2.0, 3.0]), Row::F32(&[4.0, 5.0, 6.0])));
    assert_eq!((fortran.labels().to_vec(), &*fortran.classes()[1]), (vec![1, 0], "naïve"));
    let bool = open("bool-x.npy").unwrap().train;
    assert_eq!((bool.row(0), bool.labels().to_vec()), (Row::F32(&[1.0, 0.0]), vec![1, 0]));
}

#[test]
fn an_archive_as_keras_has_it() {
    let keras = open("keras.npz").unwrap();
    assert_eq!(keras.train.pixels(1), Some(&[9, 10, 11, 12, 13, 14, 15, 16, 17][..]));
    let test = keras.test.unwrap().open(&mut Vec::new(), "a test");
    assert_eq!((keras.train.labels().to_vec(), test.labels().to_vec()), (vec![1, 0], vec![1]));
}

#[cfg(feature = "parquet")]
#[test]
fn tables_of_pyarrow() {
    let hf = open("hf").unwrap();
    assert_eq!(
        (hf.train.labels().to_vec(), hf.train.classes().names()),
        (vec![1, 0, 0], &["cat".into(), "dog".into()][..])
    );
    assert_eq!((hf.train.image_shape().unwrap().width, hf.train.pixels(2)), (4, Some(&[30; 12][..])));
    let test = hf.test.unwrap().open(&mut Vec::new(), "a test");
    assert_eq!((test.labels().to_vec(), test.pixels(1)), (vec![1, 1], Some(&[50; 12][..])));

    let columns = open("columns.parquet").unwrap().train;
    assert_eq!((columns.row(1), columns.labels().to_vec()), (Row::F32(&[2.5, 2.0]), vec![1, 0, 1]));
    let lists = open("lists.parquet").unwrap().train;
    assert_eq!(
        (lists.row(1), lists.classes().names()),
        (Row::F32(&[3.0, 4.0]), &["3".to_owned(), "7".to_owned()][..])
    );
    let error = open("null.parquet").unwrap_err().to_string();
    assert!(
        error.contains("null.parquet: found no value in row 1, column “w”; expected a finite number"),
        "{error}"
    );
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_parquet_says_so() {
    let error = open("columns.parquet").unwrap_err().to_string();
    assert!(error.contains("found a Parquet file") && error.contains("the feature `parquet`"), "{error}");
}
