//! MNIST, as it arrives: piece by piece, checked as a whole.

use tercet::data::{Dataset, Split, default_validation, split};
use tercet::image::ImageShape;
use tercet_mnist::Part;

/// The seed by which examples are held out: that of the program, so that both hold out the same.
const SPLIT_SEED: u64 = 0;

/// MNIST's training set, once it is here.
#[derive(Debug, Default)]
pub struct Data {
    pieces: Vec<(String, Vec<u8>)>,
    whole: Option<Dataset>,
    parts: Option<Split>,
}

/// The names of the pieces that [`Data::add`] waits for.
pub fn pieces() -> Vec<&'static str> {
    [Part::TrainLabels, Part::TrainImages].iter().flat_map(|part| part.pieces()).copied().collect()
}

impl Data {
    /// Takes a compressed piece. With the last one the whole is opened and checked against its digest; says whether that
    /// has been done.
    ///
    /// # Errors
    /// A piece of another name, and data that is not MNIST, bit for bit.
    pub fn add(&mut self, name: &str, bytes: Vec<u8>) -> Result<bool, String> {
        if self.whole.is_some() {
            return Ok(true);
        }
        if !pieces().contains(&name) {
            return Err(format!("unknown data file {name}; expected one of {}", pieces().join(", ")));
        }
        self.pieces.retain(|(known, _)| known != name);
        self.pieces.push((name.to_owned(), bytes));
        if self.pieces.len() < pieces().len() {
            return Ok(false);
        }
        // Whatever comes of it, the pieces are not needed again.
        let pieces = std::mem::take(&mut self.pieces);
        let open = |part: Part| {
            let compressed =
                |name: &&str| pieces.iter().find(|(known, _)| known == name).map(|(_, b)| &b[..]);
            let compressed: Vec<&[u8]> = part.pieces().iter().filter_map(compressed).collect();
            part.open(&compressed).map_err(|error| {
                format!("{error}. The files under data/ are not those of this page: copy them again")
            })
        };
        let (images, labels) = (open(Part::TrainImages)?, open(Part::TrainLabels)?);
        let whole = mnist(images, labels.into_iter().map(u32::from).collect())?;
        let parts = split(&whole, default_validation(whole.len()), SPLIT_SEED).map_err(|e| e.to_string())?;
        (self.whole, self.parts) = (Some(whole), Some(parts));
        Ok(true)
    }

    /// All 60,000 training examples.
    ///
    /// # Errors
    /// Where they have not come yet.
    pub fn whole(&self) -> Result<&Dataset, String> {
        self.whole.as_ref().ok_or_else(|| "MNIST has not been loaded yet".to_owned())
    }

    /// The same without those that are held out, and these.
    ///
    /// # Errors
    /// Where they have not come yet.
    pub fn parts(&self) -> Result<&Split, String> {
        self.parts.as_ref().ok_or_else(|| "MNIST has not been loaded yet".to_owned())
    }
}

/// A set of digits, named as the program names it.
fn mnist(pixels: Vec<u8>, labels: Vec<u32>) -> Result<Dataset, String> {
    let shape = ImageShape::gray(tercet_mnist::WIDTH, tercet_mnist::HEIGHT);
    let classes = (0..tercet_mnist::CLASSES).map(|class| class.to_string()).collect();
    Dataset::from_pixels("MNIST train", shape, pixels, labels, classes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tercet-mnist/files/");

    #[test]
    fn the_pieces_in_any_order_are_the_program_s_data() {
        let mut data = Data::default();
        assert!(data.whole().is_err());
        for (number, name) in pieces().into_iter().rev().enumerate() {
            let whole = data.add(name, std::fs::read(format!("{FOLDER}{name}")).unwrap()).unwrap();
            assert_eq!(whole, number == 4, "{name}");
        }
        let program = tercet::data::Source::Mnist.open().unwrap().train;
        assert_eq!(data.whole().unwrap().digest(), program.digest());
        let parts = split(&program, 5000, 0).unwrap();
        assert_eq!(data.parts().unwrap().train.digest(), parts.train.digest());
    }

    #[test]
    fn damaged_and_foreign_pieces_are_refused() {
        let mut data = Data::default();
        let error = data.add("cats.zst", Vec::new()).unwrap_err();
        assert!(error.starts_with("unknown data file cats.zst"), "{error}");
        let mut refused = None;
        for name in pieces() {
            refused = data.add(name, b"no Zstandard".to_vec()).err();
        }
        assert!(refused.unwrap().contains("copy them again"));
        assert!(data.whole().is_err());
    }
}
