//! The training set of MNIST, which the page downloads in several files.

use tercet::data::{Classes, Dataset, Split, default_validation, split};
use tercet::image::ImageShape;
use tercet_mnist::Part;

/// The seed of the split: the default of the program, so that both hold out the same examples.
const SPLIT_SEED: u64 = 0;

/// The training set of MNIST, once all its files have been added.
#[derive(Debug, Default)]
pub struct Data {
    files: Vec<(String, Vec<u8>)>,
    all: Option<Dataset>,
    split: Option<Split>,
}

/// The names of the files.
pub fn files() -> Vec<&'static str> {
    [Part::TrainLabels, Part::TrainImages].iter().flat_map(|part| part.pieces()).copied().collect()
}

impl Data {
    /// Adds a compressed file. After the last one the data set is decompressed and its digest is checked.
    /// Returns whether the data set is complete.
    ///
    /// # Errors
    /// An unknown name, and data that is not MNIST.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) -> Result<bool, String> {
        if self.all.is_some() {
            return Ok(true);
        }
        if !files().contains(&name) {
            return Err(format!("unknown data file {name}; expected one of {}", files().join(", ")));
        }
        self.files.retain(|(known, _)| known != name);
        self.files.push((name.to_owned(), bytes));
        if self.files.len() < files().len() {
            return Ok(false);
        }
        // If this fails, all files have to be downloaded again.
        let files = std::mem::take(&mut self.files);
        let open = |part: Part| {
            let compressed = |name: &&str| files.iter().find(|(known, _)| known == name).map(|(_, b)| &b[..]);
            let compressed: Vec<&[u8]> = part.pieces().iter().filter_map(compressed).collect();
            part.open(&compressed).map_err(|error| {
                format!("{error}. The files under data/ are not those of this page: copy them again")
            })
        };
        let (images, labels) = (open(Part::TrainImages)?, open(Part::TrainLabels)?);
        let all = mnist(images, labels.into_iter().map(u32::from).collect())?;
        let split = split(&all, default_validation(all.len()), SPLIT_SEED).map_err(|e| e.to_string())?;
        (self.all, self.split) = (Some(all), Some(split));
        Ok(true)
    }

    /// All 60,000 training examples.
    ///
    /// # Errors
    /// Files that have not been added yet.
    pub fn all(&self) -> Result<&Dataset, String> {
        self.all.as_ref().ok_or_else(|| "MNIST has not been loaded yet".to_owned())
    }

    /// The same, split into 55,000 examples for training and 5,000 for validation.
    ///
    /// # Errors
    /// Files that have not been added yet.
    pub fn split(&self) -> Result<&Split, String> {
        self.split.as_ref().ok_or_else(|| "MNIST has not been loaded yet".to_owned())
    }
}

/// The data set, with the name and classes that it has in the program.
fn mnist(pixels: Vec<u8>, labels: Vec<u32>) -> Result<Dataset, String> {
    let shape = ImageShape::gray(tercet_mnist::WIDTH, tercet_mnist::HEIGHT);
    let classes = Classes::numbered(tercet_mnist::CLASSES);
    Dataset::from_pixels("MNIST train", shape, pixels, labels, classes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tercet-mnist/files/");

    #[test]
    fn files_in_any_order_give_the_data_set_of_the_program() {
        let mut data = Data::default();
        assert!(data.all().is_err());
        for (number, name) in files().into_iter().rev().enumerate() {
            let complete = data.add(name, std::fs::read(format!("{FOLDER}{name}")).unwrap()).unwrap();
            assert_eq!(complete, number == 4, "{name}");
        }
        let program = tercet::data::Source::Mnist.open().unwrap().train;
        assert_eq!(data.all().unwrap().digest(), program.digest());
        assert_eq!(data.all().unwrap().classes(), program.classes());
        let split = split(&program, 5000, 0).unwrap();
        assert_eq!(data.split().unwrap().train.digest(), split.train.digest());
    }

    #[test]
    fn damaged_and_unknown_files_are_rejected() {
        let mut data = Data::default();
        let error = data.add("cats.zst", Vec::new()).unwrap_err();
        assert!(error.starts_with("unknown data file cats.zst"), "{error}");
        let mut rejected = None;
        for name in files() {
            rejected = data.add(name, b"no Zstandard".to_vec()).err();
        }
        assert!(rejected.unwrap().contains("copy them again"));
        assert!(data.all().is_err());
    }
}
