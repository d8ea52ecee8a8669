//! The complete MNIST database of handwritten digits as a crate: 60,000 training images and 10,000 test images, each a
//! grey picture of 28 × 28 pixels, with their labels.
//!
//! ```
//! let mnist = tercet_mnist::open()?;
//! assert_eq!(mnist.train_labels[..5], [5, 0, 4, 1, 9]);
//! assert_eq!(mnist.train_images.len(), tercet_mnist::TRAIN * tercet_mnist::PIXELS);
//! # Ok::<(), tercet_mnist::Error>(())
//! ```
//!
//! The pixels and labels are those of the four original IDX files, bit for bit, and are checked against the SHA-256 of
//! those files whenever they are opened. They are by Yann LeCun and Corinna Cortes, derived from NIST's special databases
//! 1 and 3, and under the licence CC BY-SA 3.0, unlike the code of this crate. `files/README.md` describes how they were
//! compressed.

use std::sync::Mutex;

use rayon::prelude::*;
use ruzstd::decoding::FrameDecoder;
use sha2::{Digest, Sha256};

/// The number of training examples.
pub const TRAIN: usize = 60_000;
/// The number of test examples.
pub const TEST: usize = 10_000;
/// Pixels in a row of an image.
pub const WIDTH: usize = 28;
/// Rows of an image.
pub const HEIGHT: usize = 28;
/// Pixels of an image.
pub const PIXELS: usize = WIDTH * HEIGHT;
/// The number of classes: the digits 0 to 9, each labelled with itself.
pub const CLASSES: usize = 10;

/// The whole database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// (60,000, 28, 28): the training images one after the other, row by row; 0 is paper, 255 is ink.
    pub train_images: Vec<u8>,
    /// (60,000): the digit that each training image shows.
    pub train_labels: Vec<u8>,
    /// (10,000, 28, 28): the test images.
    pub test_images: Vec<u8>,
    /// (10,000): the digit that each test image shows.
    pub test_labels: Vec<u8>,
}

/// Why the data could not be opened. Errors of [`open()`] mean that the program itself is damaged, since the data is part
/// of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The compressed data is not Zstandard's.
    #[error(
        "MNIST's {file}, which is built into this program, cannot be decompressed: {reason}. Build or install \
         the program again"
    )]
    Compressed {
        /// The name of the original file.
        file: &'static str,
        /// What the decoder said.
        reason: String,
    },

    /// The number of pieces is wrong.
    #[error("MNIST's {file} came in {found} pieces; expected {expected}")]
    Pieces {
        /// The name of the original file.
        file: &'static str,
        /// The number of pieces.
        found: usize,
        /// The number of pieces that the file was cut into.
        expected: usize,
    },

    /// A piece is shorter than it should be.
    #[error(
        "MNIST's {file}, which is built into this program, holds a piece of {found} bytes; expected {expected}. \
         Build or install the program again"
    )]
    Length {
        /// The name of the original file.
        file: &'static str,
        /// Its length in bytes.
        found: usize,
        /// The length that it should have.
        expected: usize,
    },

    /// The data differs from the original.
    #[error(
        "MNIST's {file}, which is built into this program, has the SHA-256 {found}; expected {expected}. Build or \
         install the program again"
    )]
    Digest {
        /// The name of the original file.
        file: &'static str,
        /// The digest of the decompressed data.
        found: String,
        /// The digest of the original.
        expected: &'static str,
    },
}

/// One of the four original files.
struct File<'a> {
    name: &'static str,
    /// The counts in its header: examples, and for images rows and columns.
    dimensions: &'static [u32],
    /// Of the whole original file, header included.
    sha256: &'static str,
    /// The data after the header, cut into pieces of equal length that are compressed separately.
    pieces: &'a [&'a [u8]],
}

// `static`, not `const`: a constant is copied into every piece of code that uses it, 9.6 MB each time.
static TRAIN_IMAGES: File<'static> = File {
    name: "train-images-idx3-ubyte",
    dimensions: &[TRAIN as u32, HEIGHT as u32, WIDTH as u32],
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    pieces: &[
        include_bytes!("../files/train-images-0.zst"),
        include_bytes!("../files/train-images-1.zst"),
        include_bytes!("../files/train-images-2.zst"),
        include_bytes!("../files/train-images-3.zst"),
    ],
};

static TRAIN_LABELS: File<'static> = File {
    name: "train-labels-idx1-ubyte",
    dimensions: &[TRAIN as u32],
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    pieces: &[include_bytes!("../files/train-labels.zst")],
};

static TEST_IMAGES: File<'static> = File {
    name: "t10k-images-idx3-ubyte",
    dimensions: &[TEST as u32, HEIGHT as u32, WIDTH as u32],
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    pieces: &[include_bytes!("../files/test-images.zst")],
};

static TEST_LABELS: File<'static> = File {
    name: "t10k-labels-idx1-ubyte",
    dimensions: &[TEST as u32],
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    pieces: &[include_bytes!("../files/test-labels.zst")],
};

/// The embedded data: the name of every compressed file, such as `train-images-0.zst`, with its bytes, to serve or copy
/// them as they are. `files/README.md` says how the pieces of a file make the original.
///
/// ```
/// let (name, bytes) = tercet_mnist::compressed().next().unwrap();
/// assert_eq!(name, "train-images-0.zst");
/// // The number that begins a frame of Zstandard.
/// assert_eq!(bytes[..4], [0x28, 0xb5, 0x2f, 0xfd]);
/// ```
pub fn compressed() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let parts = [Part::TrainImages, Part::TrainLabels, Part::TestImages, Part::TestLabels];
    parts.into_iter().flat_map(|part| part.pieces().iter().copied().zip(part.file().pieces.iter().copied()))
}

/// One of the four files in the folder `files` of this crate, for programs that have the compressed pieces from elsewhere,
/// such as a web page that downloads them.
///
/// ```
/// use tercet_mnist::Part;
/// assert_eq!(Part::TrainImages.pieces()[3], "train-images-3.zst");
/// assert!(Part::TestLabels.open(&[b"no Zstandard"]).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// [`Mnist::train_images`].
    TrainImages,
    /// [`Mnist::train_labels`].
    TrainLabels,
    /// [`Mnist::test_images`].
    TestImages,
    /// [`Mnist::test_labels`].
    TestLabels,
}

impl Part {
    /// The embedded file.
    fn file(self) -> &'static File<'static> {
        match self {
            Part::TrainImages => &TRAIN_IMAGES,
            Part::TrainLabels => &TRAIN_LABELS,
            Part::TestImages => &TEST_IMAGES,
            Part::TestLabels => &TEST_LABELS,
        }
    }

    /// The names of the compressed pieces, in order.
    pub fn pieces(self) -> &'static [&'static str] {
        match self {
            Part::TrainImages => {
                &["train-images-0.zst", "train-images-1.zst", "train-images-2.zst", "train-images-3.zst"]
            }
            Part::TrainLabels => &["train-labels.zst"],
            Part::TestImages => &["test-images.zst"],
            Part::TestLabels => &["test-labels.zst"],
        }
    }

    /// Decompresses the pieces and checks that they are the original.
    ///
    /// # Errors
    /// Another number of pieces, and data that is not MNIST, bit for bit.
    pub fn open(self, pieces: &[&[u8]]) -> Result<Vec<u8>, Error> {
        let &File { name, dimensions, sha256, .. } = self.file();
        let (found, expected) = (pieces.len(), self.pieces().len());
        if found != expected {
            return Err(Error::Pieces { file: name, found, expected });
        }
        File { name, dimensions, sha256, pieces }.open(&Decoders::default())
    }
}

/// Decompresses the data and checks it.
///
/// # Errors
/// Data that is not MNIST, bit for bit, which happens only if the program is damaged.
pub fn open() -> Result<Mnist, Error> {
    let decoders = &Decoders::default();
    let ((train_images, test_images), (train_labels, test_labels)) = rayon::join(
        || rayon::join(|| TRAIN_IMAGES.open(decoders), || TEST_IMAGES.open(decoders)),
        || (TRAIN_LABELS.open(decoders), TEST_LABELS.open(decoders)),
    );
    Ok(Mnist {
        train_images: train_images?,
        train_labels: train_labels?,
        test_images: test_images?,
        test_labels: test_labels?,
    })
}

/// Idle decoders. The window of a decoder grows up to the length of a piece, so reusing decoders saves memory.
#[derive(Default)]
struct Decoders(Mutex<Vec<FrameDecoder>>);

impl Decoders {
    fn take(&self) -> FrameDecoder {
        self.0.lock().ok().and_then(|mut idle| idle.pop()).unwrap_or_default()
    }

    fn give_back(&self, decoder: FrameDecoder) {
        if let Ok(mut idle) = self.0.lock() {
            idle.push(decoder);
        }
    }
}

impl File<'_> {
    /// The data after the header, decompressed and checked.
    fn open(&self, decoders: &Decoders) -> Result<Vec<u8>, Error> {
        let length = self.dimensions.iter().map(|&n| n as usize).product::<usize>();
        let mut body = vec![0; length];
        body.par_chunks_mut(length / self.pieces.len())
            .zip(self.pieces)
            .try_for_each(|(piece, compressed)| self.decompress(decoders, compressed, piece))?;

        // The digest is of the original file, and so begins with its header.
        let mut sha = Sha256::new();
        sha.update(self.header());
        sha.update(&body);
        let found: String = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if found != self.sha256 {
            return Err(Error::Digest { file: self.name, found, expected: self.sha256 });
        }
        Ok(body)
    }

    fn decompress(&self, decoders: &Decoders, compressed: &[u8], piece: &mut [u8]) -> Result<(), Error> {
        let expected = piece.len();
        let mut decoder = decoders.take();
        let found = decoder
            .decode_all(compressed, piece)
            .map_err(|error| Error::Compressed { file: self.name, reason: error.to_string() })?;
        decoders.give_back(decoder);
        if found != expected {
            return Err(Error::Length { file: self.name, found, expected });
        }
        Ok(())
    }

    /// The IDX header: two zeros, the type (8: unsigned bytes), the number of dimensions, and each dimension as a
    /// big-endian u32.
    fn header(&self) -> Vec<u8> {
        let mut header = vec![0, 0, 8, self.dimensions.len() as u8];
        header.extend(self.dimensions.iter().flat_map(|n| n.to_be_bytes()));
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_database_opens_with_its_known_counts_and_labels() {
        let mnist = open().unwrap();
        assert_eq!(mnist.train_images.len(), TRAIN * PIXELS);
        assert_eq!(mnist.test_images.len(), TEST * PIXELS);
        assert_eq!((mnist.train_labels.len(), mnist.test_labels.len()), (TRAIN, TEST));
        assert_eq!(mnist.train_labels[..5], [5, 0, 4, 1, 9]);
        assert_eq!(mnist.test_labels[..5], [7, 2, 1, 0, 4]);

        let count = |labels: &[u8], class| labels.iter().filter(|&&y| y == class).count();
        let train: Vec<usize> = (0..10).map(|class| count(&mnist.train_labels, class)).collect();
        assert_eq!(train, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
        let test: Vec<usize> = (0..10).map(|class| count(&mnist.test_labels, class)).collect();
        assert_eq!(test, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    }

    #[test]
    fn images_lie_row_by_row_and_upright() {
        // The first test image is a 7: a wide bar above, a narrow foot below, and paper around.
        let mnist = open().unwrap();
        let ink = |row: usize| mnist.test_images[row * WIDTH..][..WIDTH].iter().filter(|&&p| p > 0).count();
        assert_eq!((ink(6), ink(7), ink(26), ink(27)), (0, 6, 4, 0));
        assert!(ink(8) > 3 * ink(26), "bar {}, foot {}", ink(8), ink(26));
    }

    #[test]
    fn a_corrupted_byte_is_caught_wherever_it_is() {
        let original = TEST_LABELS.pieces[0];
        for at in [0, 5, 40, original.len() / 3, original.len() / 2, original.len() - 1] {
            let mut bytes = original.to_vec();
            bytes[at] ^= 0x10;
            let error = with_pieces(bytes).open(&Decoders::default()).unwrap_err();
            assert!(error.to_string().contains("t10k-labels-idx1-ubyte"), "byte {at}: {error}");
        }
    }

    #[test]
    fn data_that_decompresses_but_differs_is_caught_by_its_digest() {
        let digest_of_another = File { sha256: TRAIN_LABELS.sha256, ..TEST_LABELS };
        let error = digest_of_another.open(&Decoders::default()).unwrap_err();
        assert!(matches!(&error, Error::Digest { found, .. } if found == TEST_LABELS.sha256), "{error}");
    }

    #[test]
    fn a_piece_that_was_cut_short_is_caught() {
        let original = TEST_LABELS.pieces[0];
        for length in [0, 3, 12, original.len() - 1] {
            assert!(
                with_pieces(original[..length].to_vec()).open(&Decoders::default()).is_err(),
                "{length} bytes"
            );
        }
    }

    /// The test labels with other compressed bytes. They are leaked, as the real ones live as long as the program.
    fn with_pieces(bytes: Vec<u8>) -> File<'static> {
        let pieces: &'static [&'static [u8]] = vec![&*bytes.leak()].leak();
        File { pieces, ..TEST_LABELS }
    }
}
