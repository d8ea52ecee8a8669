//! A trained model and its file: everything needed to use it anywhere, and to trust it.
//!
//! A [`Model`] is a [`Preprocessing`], a classifier and a [`Card`]. Its file is a
//! [safetensors](https://github.com/huggingface/safetensors) file: tensors, and one JSON document under the metadata
//! key `tercet`. (There is only one key, because the order of several would vary from file to file.) The same model
//! always gives the same bytes.
//!
//! ```text
//! kind        architecture in the document                                      tensors
//! neighbors   { features, width, examples, metric, k, vote, priors, weighted,   rows (N, D) U8 or F32, labels (N) U32,
//!               deformation }                                                    weights (N) F32 if weighted
//! linear      one dense layer                                                   w1 (D, C), b1 (C)
//! network     a list of layers                                                  w1, b1, w2, b2, … for each dense or conv2d
//!                                                                               layer; gamma1, beta1, mean1, variance1, …
//!                                                                               for each batch norm
//! ```
//!
//! Layers that read images take the image shape of the preprocessing's input. The weights of a conv2d layer are
//! (kernel_height · kernel_width · channels, filters), the values of a patch in the order row, column, channel.
//!
//! The document begins with the version of the format, `"format": 4`; files of other versions are rejected before
//! anything else is read.
//!
//! # What loading checks
//!
//! A file is not trusted: kind, architecture, tensors, their types and shapes, the preprocessing and the classes must
//! agree, every number must be finite (example weights and variances also not negative) and every label must be a
//! class. Duplicate names are rejected, as are tensors that overlap or leave gaps between them.
//!
//! The header is read first, and its claims are compared with the length of the file and with one another before
//! anything after it is read: memory is only allocated for tensors whose bytes are in the file. Files contain no code.

mod card;
mod classifier;
mod document;
mod fold;
mod header;
mod state_dict;
pub(crate) mod tensors;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::OnceLock;

pub use card::{Card, DataRecord, ScoreKind};
pub use classifier::{AnyClassifier, Classifier};
pub use document::FORMAT;
pub use state_dict::{StateDict, StateTensor};

use crate::data::{Classes, Examples};
use crate::image::Picture;
use crate::network::Network;
use crate::preprocess::{Prepared, Preprocessing, Step};
use crate::{Error, Matrix, Result};

/// The maximum size of a model file: 16 GiB.
pub const MAX_BYTES: u64 = 16 << 30;

/// A trained model: preprocessing, classifier and card.
///
/// ```
/// use tercet::data::Examples;
/// use tercet::linear::LinearClassifier;
/// use tercet::model::{Card, Model, ScoreKind};
/// use tercet::network::Dense;
/// use tercet::preprocess::{Input, Learner, Preprocessing};
///
/// let dense = Dense { inputs: 2, outputs: 2, w: vec![1.0, 0.0, 0.0, 1.0], b: vec![0.0, 0.5] };
/// let preprocessing = Preprocessing::from_steps(Input::features(2), Learner::Weights, Vec::new())?;
/// let card = Card::new(vec!["cat".to_owned(), "dog".to_owned()], ScoreKind::Margins);
/// let model = Model::new(preprocessing, LinearClassifier::from_dense(dense)?, card);
///
/// let examples = Examples::from_features(2, vec![3.0, 1.0, 1.0, 1.0])?;
/// assert_eq!(model.predict(&examples)?, [0, 1]);
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("pets.safetensors");
/// model.save(&path)?;
/// assert_eq!(Model::load(&path)?, model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Model {
    preprocessing: Preprocessing,
    classifier: AnyClassifier,
    /// Information about the model.
    pub card: Card,
    /// The network with standardisation folded into its first layer, if possible; computed on first use.
    folded: OnceLock<Option<Network>>,
}

impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        let Model { preprocessing, classifier, card, folded: _ } = self;
        *preprocessing == other.preprocessing && *classifier == other.classifier && *card == other.card
    }
}

impl Model {
    /// Combines the parts of a model. Their consistency is checked when the model is saved.
    pub fn new(preprocessing: Preprocessing, classifier: impl Into<AnyClassifier>, card: Card) -> Self {
        Model { preprocessing, classifier: classifier.into(), card, folded: OnceLock::new() }
    }

    /// The preprocessing of every example before the classifier.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// The classifier.
    pub fn classifier(&self) -> &AnyClassifier {
        &self.classifier
    }

    /// The preprocessing, the classifier and the card.
    pub fn into_parts(self) -> (Preprocessing, AnyClassifier, Card) {
        (self.preprocessing, self.classifier, self.card)
    }

    /// The classes, and the original type of their labels.
    pub fn classes(&self) -> &Classes {
        &self.card.classes
    }

    /// The scores of every class for every example, before preprocessing.
    ///
    /// # Shapes
    /// (N, C)
    ///
    /// # Errors
    /// Those of [`Preprocessing::apply`] and [`Classifier::scores`].
    pub fn scores(&self, examples: &Examples) -> Result<Matrix> {
        match self.folded().filter(|_| examples.dtype() == "float32") {
            Some(network) => {
                self.preprocessing.check_input(examples)?;
                network.scores(examples)
            }
            None => self.classifier.scores(&self.preprocessing.apply(examples)?),
        }
    }

    /// The class of every example: an index into [`classes`](Model::classes).
    ///
    /// # Errors
    /// Those of [`scores`](Model::scores).
    pub fn predict(&self, examples: &Examples) -> Result<Vec<u32>> {
        Ok(self.scores(examples)?.argmax())
    }

    /// The probability of every class for every example.
    ///
    /// # Shapes
    /// (N, C); every row sums to 1.
    ///
    /// # Errors
    /// A model whose scores are not probabilities or logits, such as one trained with the SVM loss; those of
    /// [`scores`](Model::scores).
    pub fn predict_proba(&self, examples: &Examples) -> Result<Matrix> {
        let mut scores = self.scores(examples)?;
        self.to_probabilities(&mut scores)?;
        Ok(scores)
    }

    /// Converts the scores of this model to probabilities.
    ///
    /// # Errors
    /// A model whose scores are not probabilities or logits.
    pub fn to_probabilities(&self, scores: &mut Matrix) -> Result<()> {
        match self.card.scores {
            ScoreKind::Probabilities => {}
            ScoreKind::Logits => {
                let classes = scores.columns();
                scores.values_mut().chunks_exact_mut(classes).for_each(crate::loss::probabilities);
            }
            ScoreKind::Values => {
                let expected = "scores of classes: the model predicts values";
                return Err(Error::mismatch("outputs of the model", "values of targets", expected));
            }
            ScoreKind::Margins => {
                let expected = "logarithms of probabilities: train with the softmax loss";
                return Err(Error::mismatch("scores of the model", "margins", expected));
            }
        }
        Ok(())
    }

    /// Converts a picture of any size to an example, as [`Preprocessing::picture`] does.
    ///
    /// # Errors
    /// Those of [`Preprocessing::picture`].
    pub fn prepare(&self, picture: &Picture) -> Result<Prepared> {
        self.preprocessing.picture(picture)
    }

    /// The network that computes the scores from raw input: value / 255 for pixels, and unchanged features. `None` for
    /// nearest neighbours and for numeric steps that cannot be folded into the first layer.
    pub(crate) fn network_of_raw_input(&self) -> Option<&Network> {
        let numeric = self.preprocessing.steps().iter();
        let numeric: Vec<&Step> =
            numeric.filter(|step| matches!(step, Step::Scale { .. } | Step::Standardize(_))).collect();
        match (numeric.as_slice(), self.preprocessing.input().pixels) {
            ([Step::Scale { divisor: 255.0 }], true) | ([], false) => self.classifier.network(),
            _ => self.folded(),
        }
    }

    fn folded(&self) -> Option<&Network> {
        let network = self.classifier.network()?;
        self.folded.get_or_init(|| fold::fold(&self.preprocessing, network)).as_ref()
    }

    /// Writes the model to a file, completely or not at all. An existing file is kept until the new one is complete and
    /// on the disk.
    ///
    /// # Errors
    /// A model that [`load`](Model::load) would reject, a folder that does not exist, and errors of the operating
    /// system.
    pub fn save(&self, path: &Path) -> Result<()> {
        crate::file::replace(path, &self.to_bytes()?)
    }

    /// Reads a model from a file.
    ///
    /// # Errors
    /// A file that cannot be read, and everything that [`from_bytes`](Model::from_bytes) rejects.
    pub fn load(path: &Path) -> Result<Model> {
        let file = File::open(path).map_err(Error::file("read", path))?;
        let about = file.metadata().map_err(Error::file("read", path))?;
        // The length of a pipe is unknown before it is read.
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
            // One extra byte is enough to detect a file that is too long.
            let there = bytes.len() as u64;
            read(&mut bytes, (whole + 1).saturating_sub(there))?;
        }
        Model::from_bytes(&bytes, path)
    }

    /// The bytes of the model file.
    ///
    /// # Errors
    /// A model whose parts are inconsistent, or that contains a non-finite number.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        self.check().map_err(|flaw| Error::mismatch("the model to be saved", flaw.found, flaw.expected))?;
        let document = document::write(self)?;
        tensors::write(self, document)
    }

    /// Parses the bytes of a model file. `path` is only used in errors.
    ///
    /// # Errors
    /// [`Error::Format`] for a file of another format or version, a truncated one, and one whose parts are
    /// inconsistent.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Model> {
        let read = || {
            let model = tensors::read(bytes)?;
            model.check()?;
            Ok(model)
        };
        read().map_err(|flaw: Flaw| Error::format(path, flaw.found, flaw.expected, flaw.remedy))
    }

    /// Checks that the parts are consistent.
    fn check(&self) -> Result<(), Flaw> {
        self.card.check()?;
        self.preprocessing.check()?;
        self.classifier.check(self.preprocessing.input(), self.card.classes.len())
    }
}

/// What is wrong with a model, independent of whether it is being read or written.
#[derive(Debug)]
struct Flaw {
    found: String,
    expected: String,
    remedy: &'static str,
}

impl Flaw {
    /// An inconsistency, which our programs never write.
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
