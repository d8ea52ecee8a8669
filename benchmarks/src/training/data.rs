//! The training data: real images, most of whose pixels are zero, and features without zeros.

use anyhow::{Context, Result};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tercet::data::{Classes, Dataset, Source};

/// The source of the examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// The digits: 60,000 training and 10,000 test images.
    Mnist,
    /// The same number of vectors of 768 numbers in clusters, like embeddings.
    Features,
}

/// A training and a test set.
#[derive(Clone, Debug)]
pub struct Sets {
    /// The training set.
    pub train: Dataset,
    /// The test set.
    pub test: Dataset,
}

impl Data {
    /// Opens or generates the data; only a tenth if `quick`.
    ///
    /// # Errors
    /// Invalid data.
    pub fn open(self, quick: bool) -> Result<Sets> {
        let (train, test) = if quick { (6_000, 1_000) } else { (60_000, 10_000) };
        match self {
            Data::Mnist => {
                let mnist = Source::Mnist.open()?;
                let sealed = mnist.test.context("MNIST has a test set")?;
                let opened = sealed.open(&mut Vec::new(), "benchmark of training");
                // Whole sets are not sliced: a slice is a view, which is a little slower to read.
                let part = |set: Dataset, n| if n < set.len() { set.first(n) } else { set };
                Ok(Sets { train: part(mnist.train, train), test: part(opened, test) })
            }
            Data::Features => clustered(train, test),
        }
    }
}

/// D of the features, as for many language models.
const WIDTH: usize = 768;
const CLASSES: usize = 10;
/// Clusters per class.
const CLUSTERS: usize = 20;
/// The typical distance of values from 0: about that of MNIST's pixels, so that the same learning rate is suitable.
const SPREAD: f32 = 0.3;
/// The fraction of a vector's variance that comes from its cluster; the rest is individual.
const OF_CLUSTER: f32 = 0.1;

/// Vectors of normal numbers around the centres of clusters, each of which belongs to one class.
fn clustered(train: usize, test: usize) -> Result<Sets> {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let centres: Vec<f32> = (0..CLASSES * CLUSTERS * WIDTH).map(|_| random.sample(StandardNormal)).collect();
    Ok(Sets {
        train: draw("features", train, &centres, &mut random)?,
        test: draw("features to test with", test, &centres, &mut random)?,
    })
}

fn draw(name: &str, examples: usize, centres: &[f32], random: &mut impl Rng) -> Result<Dataset> {
    let (of_cluster, own) = (SPREAD * OF_CLUSTER.sqrt(), SPREAD * (1.0 - OF_CLUSTER).sqrt());
    let (mut values, mut labels) = (Vec::with_capacity(examples * WIDTH), Vec::with_capacity(examples));
    for _ in 0..examples {
        let cluster = random.random_range(0..CLASSES * CLUSTERS);
        labels.push((cluster % CLASSES) as u32);
        for centre in &centres[cluster * WIDTH..][..WIDTH] {
            let value = of_cluster * centre + own * random.sample::<f32, _>(StandardNormal);
            // There must be no zero, not even by chance.
            values.push(if value == 0.0 { f32::MIN_POSITIVE } else { value });
        }
    }
    Ok(Dataset::from_features(name, WIDTH, values, labels, Classes::numbered(CLASSES))?)
}

#[cfg(test)]
mod tests {
    use tercet::data::Row;

    use super::*;

    #[test]
    fn features_have_no_zeros_their_spread_and_all_classes() {
        let sets = clustered(300, 20).unwrap();
        assert_eq!((sets.train.len(), sets.test.len(), sets.train.width()), (300, 20, 768));
        let mut squares = 0.0;
        for i in 0..300 {
            let Row::F32(row) = sets.train.row(i) else { panic!("a set of floats") };
            assert!(row.iter().all(|&value| value != 0.0));
            squares += row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
        }
        let spread = (squares / (300.0 * 768.0)).sqrt();
        assert!((spread - 0.3).abs() < 0.01, "{spread}");
        let labels = sets.train.labels();
        assert!((0..10).all(|class| labels.contains(&class)), "{labels:?}");
    }

    #[test]
    fn an_example_is_nearer_to_its_cluster_than_to_others_on_average() {
        // The rows of a class's clusters resemble each other; otherwise there would be nothing to learn.
        let sets = clustered(400, 1).unwrap();
        let row = |i| match sets.train.row(i) {
            Row::F32(row) => row,
            _ => unreachable!("a set of floats"),
        };
        let (mut same, mut other) = (Vec::new(), Vec::new());
        for i in 0..400 {
            for j in 0..i {
                let dot: f32 = row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
                if sets.train.label(i) == sets.train.label(j) { same.push(dot) } else { other.push(dot) }
            }
        }
        let mean = |dots: &[f32]| dots.iter().sum::<f32>() / dots.len() as f32;
        assert!(mean(&same) > mean(&other) + 0.05, "{} and {}", mean(&same), mean(&other));
    }
}
