//! Random numbers for the generator: ChaCha8, seeded by the style and the number of a picture.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers.
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of a picture.
    pub fn of(seed: u64, style: usize, picture: usize) -> Self {
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        stream.set_stream((style as u64) << 32 | picture as u64);
        Random(stream)
    }

    /// Uniform in a range.
    pub fn between(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.0.random::<f32>()
    }

    /// An integer below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    /// Nearly normal, with mean 0 and variance 1: the sum of four uniform numbers, scaled.
    pub fn normal(&mut self) -> f32 {
        let sum: f32 = (0..4).map(|_| self.between(-1.0, 1.0)).sum();
        sum * 0.866
    }
}
