//! Data for tests of training: noisy images of a few patterns, learnable, but not at once.

use rand::RngExt;
use tercet::Dataset;
use tercet::image::ImageShape;
use tercet::random::{Stream, generator};

/// `n` images, with alternating classes. The patterns are the same for every seed, the noise is not.
pub fn patterns(shape: ImageShape, n: usize, classes: u32, seed: u64) -> Dataset {
    let mut pattern = generator(99, Stream::Weights);
    let patterns: Vec<bool> =
        (0..classes as usize * shape.features()).map(|_| pattern.random_bool(0.3)).collect();
    let mut noise = generator(seed, Stream::Weights);
    let labels: Vec<u32> = (0..n as u32).map(|i| i % classes).collect();
    let mut pixels = Vec::new();
    for &y in &labels {
        for &ink in &patterns[y as usize * shape.features()..][..shape.features()] {
            pixels.push(if ink != noise.random_bool(0.2) { noise.random_range(100..=255) } else { 0 });
        }
    }
    let names = tercet::data::Classes::numbered(classes as usize);
    Dataset::from_pixels("patterns", shape, pixels, labels, names).unwrap()
}
