//! Named data sets: their folders, their terms, and the extraction of their archives. Finding them by environment
//! variables is tested with the program.

#![cfg(all(feature = "flate2", feature = "mnist", feature = "zip"))]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use tercet::data::{NamedSet, Source};

#[test]
fn every_set_is_searched_in_its_own_folder_first_and_in_torchvisions() {
    for (set, folder) in [
        (NamedSet::Mnist, "MNIST/raw"),
        (NamedSet::FashionMnist, "FashionMNIST/raw"),
        (NamedSet::Kmnist, "KMNIST/raw"),
        (NamedSet::EmnistLetters, "EMNIST/raw"),
        (NamedSet::Cifar10, "cifar-10-batches-bin"),
    ] {
        let places = set.places();
        for root in ["data", "datasets"] {
            assert!(places.contains(&Path::new(root).join(folder)), "{set}: {places:?}");
        }
        if let Some(own) = set.folder() {
            assert!(own.ends_with(set.name()) && places[0] == own, "{set}: {places:?}");
        }
    }
    let ends = |set: NamedSet, with: &str| set.places().iter().any(|place| place.ends_with(with));
    assert!(
        ends(NamedSet::Mnist, "datasets/mnist.npz") && ends(NamedSet::FashionMnist, "datasets/fashion-mnist")
    );
}

#[test]
fn every_set_says_who_made_it_and_is_printed_as_it_is_typed() {
    for (set, word) in [
        (NamedSet::Mnist, "LeCun"),
        (NamedSet::FashionMnist, "Zalando"),
        (NamedSet::Kmnist, "Humanities"),
        (NamedSet::EmnistLetters, "NIST"),
        (NamedSet::Cifar10, "Krizhevsky"),
    ] {
        assert!(set.terms().contains(word), "{set}: {}", set.terms());
    }
    for typed in ["fashion-mnist", "digits/2026", "./mnist"] {
        assert_eq!(typed.parse::<Source>().unwrap().to_string(), typed);
    }
    #[cfg(feature = "mnist")]
    assert_eq!(" mnist ".parse::<Source>().unwrap().to_string(), "mnist");
}

#[test]
fn letters_are_taken_out_of_their_archive_and_other_sets_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("gzip.zip");
    let (set, to) = (NamedSet::EmnistLetters, folder.path().join("letters"));
    fs::create_dir(&to).unwrap();
    let parts = ["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"];
    let write = |parts: &[&str]| {
        let mut zip = zip::ZipWriter::new(File::create(&archive).unwrap());
        for part in parts {
            let name = format!("gzip/emnist-letters-{part}-ubyte.gz");
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(part.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    };
    write(&parts[..3]);
    let error = set.unpack(&archive, &to).unwrap_err().to_string();
    assert!(
        error.contains("found an archive without gzip/emnist-letters-test-labels-idx1-ubyte.gz"),
        "{error}"
    );
    assert!(!set.is_fetched(&to));
    write(&parts);
    let paths = set.unpack(&archive, &to).unwrap();
    let read: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    assert_eq!(read, parts);
    assert!(set.is_fetched(&to));

    fs::write(&archive, "no archive").unwrap();
    assert!(set.unpack(&archive, &to).unwrap_err().to_string().contains("expected the archive of the set"));
    assert!(NamedSet::Kmnist.unpack(&archive, &to).unwrap().is_empty());
    // Names alone do not tell whether all of several files are present.
    assert!(!NamedSet::Kmnist.is_fetched(&to) && !NamedSet::Cifar10.is_fetched(&to));
}
