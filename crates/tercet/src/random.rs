//! The one source of randomness: ChaCha8, seeded, with a named stream for each purpose.
//!
//! The same seed gives the same numbers on every platform. Each purpose has a separate stream of the generator, so that
//! drawing more numbers for one (a larger network) does not shift another (the order of the batches).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator used for all random choices of this crate.
pub type Generator = ChaCha8Rng;

/// The purpose of random numbers. The number of a stream is part of what makes a run reproducible: it never changes,
/// and a retired number is not reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Stream {
    /// The validation split, and the folds of cross-validation.
    Split = 0,
    /// Initial weights.
    Weights = 1,
    /// The examples of the batches.
    Batches = 2,
    /// The settings tried by a random search.
    Search = 3,
    /// The initial search directions of nearest neighbours. They affect its speed but not the result.
    Sketch = 4,
    /// The hidden units that dropout drops.
    Dropout = 5,
    /// Augmentation of pictures.
    Augment = 6,
    /// The inputs that dropout drops.
    InputDropout = 7,
    /// The order in which the dual solver visits the examples.
    Visits = 8,
    /// The image patches that become filters.
    Patches = 9,
    /// The corruption of images in tests of robustness.
    Corruption = 10,
}

/// The generator for a purpose.
///
/// ```
/// use rand::Rng;
/// use tercet::random::{Stream, generator};
/// assert_eq!(generator(7, Stream::Split).next_u64(), generator(7, Stream::Split).next_u64());
/// assert_ne!(generator(7, Stream::Split).next_u64(), generator(7, Stream::Weights).next_u64());
/// ```
pub fn generator(seed: u64, stream: Stream) -> Generator {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    generator.set_stream(stream as u64);
    generator
}
