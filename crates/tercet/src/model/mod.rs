//! The model file: everything that a trained model needs to be used anywhere, and to be believed.
//!
//! It is a [safetensors](https://github.com/huggingface/safetensors) file: tensors, and one JSON document under the
//! metadata key `tercet`. (One key, because the order of several would change from file to file.) The same model
//! always gives the same bytes.
//!
//! ```text
//! kind        architecture in the document                     tensors
//! neighbors   { features, width, examples, metric, k, vote }   rows (N, D) U8 or F32, labels (N) U32
//!             from format 2 on priors and weighted, too        where weighted, weights (N) F32
//!             from format 3 on deformation, too
//! linear      one dense layer                                  w1 (D, C), b1 (C)
//! network     a list of layers; from format 3 on others than   w1, b1, w2, b2, … for each dense or conv2d layer;
//!             dense and relu, too                              gamma1, beta1, mean1, variance1, … for each batch-norm
//! ```
//!
//! Layers that read images take the image of the card's input contract. The weights of a conv2d layer are
//! (kernel_height · kernel_width · channels, filters), the numbers of a patch in the order row, column, channel.
//!
//! # What the version means
//!
//! The document begins with `"format": 1`; with 2 where neighbours have weights or priors; and with 3 where a network has
//! other layers than dense ones and ReLU, where neighbours are deformed, and where the input contract cleans its pictures.
//! The number grows when a program that knows only the old one would
//! misread or refuse a new file: another meaning of a field, a new kind, a new layer. It does not grow for a field
//! that an older program may ignore; such a field is ignored, and lost when that program saves the model again.
//! A program reads every version up to its own, and refuses a later one by its number before it looks at anything
//! else. It writes a model in the earliest version that holds all of it, so that older programs read what they can.
//!
//! # What loading checks
//!
//! Nothing in a file is believed: kind, architecture, tensors, their types and shapes, the input contract and the
//! classes must agree, every weight must be finite (that of an example not below 0, nor a variance) and every label a
//! class. A name that stands twice is refused, as are tensors that overlap or leave bytes between them.
//!
//! The header is read first, and its claims are held against the length of the file and against one another before anything
//! behind it is read: memory is taken only for tensors whose bytes are in the file. Nothing in a file is code.

mod card;
mod document;
mod header;
mod parts;
mod state_dict;
pub(crate) mod tensors;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use card::{Card, DataRecord};
pub use document::FORMAT;
pub use parts::Classifier;
pub use state_dict::{StateDict, StateTensor};

use crate::data::Dataset;
use crate::{Error, Matrix, Result};

/// The largest model file that is read: 16 GiB.
pub const MAX_BYTES: u64 = 16 << 30;

/// A trained model with everything that is known about it.
///
/// ```
/// use tercet::image::Contract;
/// use tercet::linear::LinearClassifier;
/// use tercet::model::{Card, Classifier, ModelFile};
/// use tercet::network::Dense;
///
/// let dense = Dense { inputs: 2, outputs: 2, w: vec![1.0, 0.0, 0.0, 1.0], b: vec![0.0, 0.5] };
/// let card = Card::new(vec!["cat".into(), "dog".into()], Contract::features(2));
/// let model = ModelFile { card, classifier: Classifier::Linear(LinearClassifier::from_dense(dense)?) };
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("pets.tercet");
/// model.save(&path)?;
/// assert_eq!(ModelFile::load(&path)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// What is known about the model.
    pub card: Card,
    /// What classifies.
    pub classifier: Classifier,
}

impl ModelFile {
    /// Writes the model to a file: all of it or none of it. A file that was there before stays as it was until the
    /// new one is complete and on the disk.
    ///
    /// # Errors
    /// A model that [`load`](ModelFile::load) would refuse, a folder that isn't there, and what the operating system
    /// refuses.
    pub fn save(&self, path: &Path) -> Result<()> {
        crate::file::replace(path, &self.to_bytes()?)
    }

    /// Reads a model from a file.
    ///
    /// # Errors
    /// A file that cannot be read, and everything that [`from_bytes`](ModelFile::from_bytes) refuses.
    pub fn load(path: &Path) -> Result<ModelFile> {
        let file = File::open(path).map_err(Error::file("read", path))?;
        let about = file.metadata().map_err(Error::file("read", path))?;
        // A pipe has no length that could be known before it was read.
        let length = about.is_file().then_some(about.len());
        let refuse = |flaw: Flaw| Error::format(path, flaw.found, flaw.expected, flaw.remedy);
        let mut bytes = Vec::new();
        let read = |bytes: &mut Vec<u8>, count: u64| {
            (&file).take(count).read_to_end(bytes).map(drop).map_err(Error::file("read", path))
        };
        read(&mut bytes, 8)?;
        if let Some(first) = bytes.first_chunk() {
            let header = header::length(*first, length).map_err(refuse)?;
            read(&mut bytes, header)?;
            let whole = header::length_of_file(&bytes[8..]).map_err(refuse)?;
            if whole > MAX_BYTES {
                let expected = format!("at most {} GiB", MAX_BYTES >> 30);
                return Err(refuse(Flaw::new(format!("a header that claims {whole} bytes"), expected)));
            }
            if let Some(length) = length.filter(|&length| length != whole) {
                let expected = format!("{whole} bytes, as its header says");
                return Err(refuse(Flaw::new(format!("a file of {length} bytes"), expected)));
            }
            // One byte more than there should be is enough to know that there are too many.
            let there = bytes.len() as u64;
            read(&mut bytes, (whole + 1).saturating_sub(there))?;
        }
        ModelFile::from_bytes(&bytes, path)
    }

    /// The bytes of the model file.
    ///
    /// # Errors
    /// A model whose parts contradict one another, or that holds a number that is not finite.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check().map_err(|flaw| Error::mismatch("the model to be saved", flaw.found, flaw.expected))?;
        let document = document::write(self)?;
        tensors::write(self, document)
    }

    /// The model in the bytes of a file. `path` is only what errors call it.
    ///
    /// # Errors
    /// [`Error::Format`] for a file of another format or version, a truncated one, and one whose parts contradict
    /// one another.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<ModelFile> {
        let read = || {
            let model = tensors::read(bytes)?;
            model.check()?;
            Ok(model)
        };
        read().map_err(|flaw: Flaw| Error::format(path, flaw.found, flaw.expected, flaw.remedy))
    }

    /// The scores of a whole set as it was read, (N, C): cleaned as the contract says, then classified.
    ///
    /// # Errors
    /// Examples that the contract cannot clean, and those of [`Classifier::scores`].
    pub fn scores(&self, data: &Dataset) -> Result<Matrix> {
        self.classifier.scores(&self.card.contract.clean(data)?)
    }

    /// Whether the parts agree with one another.
    fn check(&self) -> Result<(), Flaw> {
        self.card.check()?;
        self.classifier.check(&self.card)
    }
}

/// What is wrong with a model, before it is known whether it was read or is to be written.
#[derive(Debug)]
struct Flaw {
    found: String,
    expected: String,
    remedy: &'static str,
}

impl Flaw {
    /// A part that contradicts another, which no program of ours writes.
    fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        const REMEDY: &str = "The file was damaged or changed: copy it again, or train the model again.";
        Flaw { found: found.into(), expected: expected.into(), remedy: REMEDY }
    }

    fn with_remedy(self, remedy: &'static str) -> Self {
        Flaw { remedy, ..self }
    }
}

impl From<Error> for Flaw {
    fn from(error: Error) -> Self {
        match error {
            Error::Mismatch { what, found, expected } | Error::Layers { place: what, found, expected } => {
                Flaw::new(format!("{what}: {found}"), expected)
            }
            Error::Setting { setting, found, expected } => {
                Flaw::new(format!("{setting} = {found}"), expected)
            }
            other => Flaw::new(other.to_string(), "parts that agree with one another"),
        }
    }
}
