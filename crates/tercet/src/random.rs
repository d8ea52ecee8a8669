//! The one source of randomness: ChaCha8, seeded, with a named stream for each purpose.
//!
//! One seed gives the same numbers on every platform. Each purpose draws from its own stream of the generator,
//! so that drawing more for one (a larger network) does not shift another (the order of the batches).

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator that every random choice of this crate is drawn from.
pub type Generator = ChaCha8Rng;

/// What random numbers are drawn for. The number of a stream is part of what makes a run reproducible: it never
/// changes, and a retired number is not used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Stream {
    /// Which examples are held out for validation, and the folds of cross-validation.
    Split = 0,
    /// Initial weights.
    Weights = 1,
    /// Which examples a batch holds.
    Batches = 2,
    /// The settings that a random search tries.
    Search = 3,
    /// The directions that a search of neighbours looks along first. They change its speed and no answer.
    Sketch = 4,
    /// Which hidden units dropout drops.
    Dropout = 5,
    /// What augmentation does to pictures.
    Augment = 6,
    /// Which inputs dropout drops.
    InputDropout = 7,
    /// In which order the dual solver visits the examples.
    Visits = 8,
    /// Which patches of which images become filters.
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
