//! Synthetic embeddings that resemble those of language models.
//!
//! Real embeddings cannot be shipped with a benchmark, and arbitrary synthetic data need not resemble them. So this
//! generator was fitted to the embeddings of two models, all-MiniLM-L6-v2 (384 numbers) and all-mpnet-base-v2 (768), for
//! different sentences from the documentation of Python packages, Debian and Perl, at unit length. For the first there
//! are 24,000 sentences, of which the last 1,000 are queries among the others; for the second, which is slower, 4,800 and
//! 400:
//!
//! | | MiniLM | synthetic | MPNet | synthetic |
//! |---|---|---|---|---|
//! | variance in the leading 10 principal components | 21 % | 22 % | 22 % | 24 % |
//! | … 20 | 32 % | 33 % | 34 % | 35 % |
//! | … 50 | 52 % | 54 % | 53 % | 55 % |
//! | … 100 | 71 % | 73 % | 70 % | 72 % |
//! | … 200 | 91 % | 92 % | 88 % | 88 % |
//! | participation ratio, (Σ λ)² / Σ λ² | 114 | 109 | 110 | 101 |
//! | ‖mean‖² | 0.090 | 0.093 | 0.090 | 0.092 |
//! | distance of the nearest row / mean distance, on average | 0.65 | 0.68 | 0.71 | 0.73 |
//! | … of the 3rd nearest: 5 % of the queries | 0.61 | 0.62 | 0.67 | 0.66 |
//! | … 50 % | 0.72 | 0.73 | 0.76 | 0.80 |
//! | … 95 % | 0.79 | 0.81 | 0.83 | 0.86 |
//! | … of the 10th nearest, on average | 0.76 | 0.77 | 0.80 | 0.83 |
//! | rows that the leading 32 components cannot rule out as farther than the 3rd nearest, median | 85 % | 86 % | 92 % | 96 % |
//! | … 64 | 25 % | 25 % | 44 % | 63 % |
//! | … 128 | 0.6 % | 0.5 % | 3.4 % | 9.7 % |
//! | intrinsic dimension from the two nearest neighbours (Facco 2017) | 19 | 23 | 19 | 22 |
//!
//! The lines about the leading components matter to any search that rules out rows by them. With few rows per topic, as
//! in the columns on the right, the synthetic data has fewer near rows than real text: with 4,800 rows of 384 numbers,
//! 64 components leave 57 % of the rows (MiniLM: 46 %). So it is somewhat harder to search than real text, not easier.
//! Two facts are surprising: the spectrum of a model twice as wide is hardly longer, and the distances of neighbours are
//! close to those of unrelated rows.
//!
//! How a row is generated:
//!
//! 1. One of 500 topics is drawn, whose sizes fall like a power of their rank, and one of 16 phrases of this topic.
//!    Topic, phrase and the rest of the sentence are vectors from one normal distribution, with variances
//!    `(i + 2)^−p · exp(−(i / end)^q)` in column i = 1 … D ([`Spectrum`]): a power law with a cutoff. They are added with
//!    weights whose squares sum to one, so that the spectrum is unchanged. The squared weight of the topic is 0.2 to 0.4,
//!    that of the phrase 0.1 to 0.4 of the rest, the same for all rows of a topic or phrase.
//! 2. The mean, which is the same for all rows, is added.
//! 3. A fixed orthogonal transform is applied, after which every column has about the same variance, as in real
//!    embeddings: no engine gains from the order of the columns.
//! 4. The row is scaled to unit length.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::check::Problem;
use super::data::floats;

const TOPICS: usize = 500;
const PHRASES: usize = 16;
/// ‖mean‖² of the rows.
const MEAN: f64 = 0.09;

/// Rows and queries of a width, the queries from the same topics and phrases. The width should be divisible by a large
/// power of two, which is the number of columns that step 3 mixes at a time.
pub fn make(rows: usize, queries: usize, width: usize) -> Problem {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let maker = Maker::new(width, &mut random);
    let mut examples = |n: usize| {
        let mut values = Vec::with_capacity(n * width);
        let mut row = vec![0.0; width];
        for _ in 0..n {
            maker.make(&mut random, &mut row);
            values.extend(row.iter().map(|&x| x as f32));
        }
        floats(width, values)
    };
    Problem::new(examples(rows), examples(queries))
}

/// A fraction of the variance, and its direction.
struct Centre {
    share: f64,
    direction: Vec<f32>,
}

/// The variances of a row's columns before the transform, `(i + 2)^−power · exp(−(i / end)^sharpness)` in column i = 1 … D.
struct Spectrum {
    power: f64,
    end: f64,
    sharpness: f64,
}

impl Spectrum {
    const MINILM: Spectrum = Spectrum { power: 0.7, end: 268.8, sharpness: 3.0 };
    const MPNET: Spectrum = Spectrum { power: 0.77, end: 340.0, sharpness: 2.0 };

    /// The spectrum of the model with this width, or nearly this width.
    fn of(width: usize) -> Self {
        if width < 576 { Self::MINILM } else { Self::MPNET }
    }

    fn variance(&self, column: usize) -> f64 {
        let i = (column + 1) as f64;
        (i + 2.0).powf(-self.power) * (-(i / self.end).powf(self.sharpness)).exp()
    }
}

struct Maker {
    /// The standard deviation of each column, before the transform.
    deviations: Vec<f64>,
    mean: Vec<f64>,
    /// The fraction of all rows in topics 0 to t.
    up_to: Vec<f64>,
    topics: Vec<Centre>,
    /// The phrases, topic by topic.
    phrases: Vec<Centre>,
    turn: Turn,
}

impl Maker {
    fn new(width: usize, random: &mut ChaCha8Rng) -> Self {
        let spectrum = Spectrum::of(width);
        let all: f64 = (0..width).map(|i| spectrum.variance(i)).sum();
        let deviation = |i| ((1.0 - MEAN) * spectrum.variance(i) / all).sqrt();
        let deviations = (0..width).map(deviation).collect();

        let mut mean: Vec<f64> = (0..width).map(|_| random.sample(StandardNormal)).collect();
        scale_to(MEAN.sqrt(), &mut mean);

        let size = |topic: usize| (topic as f64 + 6.0).powf(-0.8);
        let all: f64 = (0..TOPICS).map(size).sum();
        let mut sum = 0.0;
        let mut grow = |topic| {
            sum += size(topic) / all;
            sum
        };
        let up_to = (0..TOPICS).map(&mut grow).collect();
        let mut centre = |least: f64, most: f64| Centre {
            share: random.random_range(least..most),
            direction: (0..width).map(|_| random.sample(StandardNormal)).collect(),
        };
        let topics = (0..TOPICS).map(|_| centre(0.2, 0.4)).collect();
        let phrases = (0..TOPICS * PHRASES).map(|_| centre(0.1, 0.4)).collect();
        Maker { deviations, mean, up_to, topics, phrases, turn: Turn::new(width, random) }
    }

    fn make(&self, random: &mut impl Rng, row: &mut [f64]) {
        let place: f64 = random.random();
        let topic = self.up_to.partition_point(|&up_to| up_to < place).min(TOPICS - 1);
        let phrase = &self.phrases[topic * PHRASES + random.random_range(0..PHRASES)];
        let topic = &self.topics[topic];
        let of_phrase = (1.0 - topic.share) * phrase.share;
        let weights = [topic.share, of_phrase, 1.0 - topic.share - of_phrase].map(f64::sqrt);
        for (i, value) in row.iter_mut().enumerate() {
            let rest: f64 = random.sample(StandardNormal);
            let [topic, phrase] = [topic, phrase].map(|centre| f64::from(centre.direction[i]));
            let sum = weights[0] * topic + weights[1] * phrase + weights[2] * rest;
            *value = self.deviations[i] * sum + self.mean[i];
        }
        self.turn.apply(row);
        scale_to(1.0, row);
    }
}

fn scale_to(length: f64, row: &mut [f64]) {
    let scale = length / row.iter().map(|x| x * x).sum::<f64>().sqrt();
    row.iter_mut().for_each(|x| *x *= scale);
}

/// An orthogonal transform that spreads each column over all of them: three times, the columns are permuted, their signs
/// are changed at random, and every block of them goes through a Walsh–Hadamard transform.
struct Turn {
    block: usize,
    rounds: Vec<Vec<(usize, f64)>>,
}

impl Turn {
    fn new(width: usize, random: &mut ChaCha8Rng) -> Self {
        let block = 1 << width.trailing_zeros();
        let scale = 1.0 / (block as f64).sqrt();
        let mut round = || {
            let mut order: Vec<usize> = (0..width).collect();
            order.shuffle(random);
            let signed = |column| (column, if random.random() { scale } else { -scale });
            order.into_iter().map(signed).collect()
        };
        Turn { block, rounds: vec![round(), round(), round()] }
    }

    fn apply(&self, row: &mut [f64]) {
        for round in &self.rounds {
            let mixed: Vec<f64> = round.iter().map(|&(column, factor)| factor * row[column]).collect();
            row.copy_from_slice(&mixed);
            row.chunks_exact_mut(self.block).for_each(hadamard);
        }
    }
}

/// The Walsh–Hadamard transform, without its factor: sums and differences of halves, recursively.
fn hadamard(values: &mut [f64]) {
    let half = values.len() / 2;
    if half == 0 {
        return;
    }
    let (a, b) = values.split_at_mut(half);
    for (a, b) in a.iter_mut().zip(b.iter_mut()) {
        (*a, *b) = (*a + *b, *a - *b);
    }
    hadamard(a);
    hadamard(b);
}

#[cfg(test)]
mod tests {
    use tercet::data::{Examples, Row};

    use super::*;
    use crate::neighbors::distance::Measure;

    fn rows(examples: &Examples) -> Vec<&[f32]> {
        let row = |row| match row {
            Row::F32(row) => row,
            _ => unreachable!("rows of floats"),
        };
        examples.iter().map(row).collect()
    }

    #[test]
    fn the_spectrum_is_a_language_models_and_no_column_stands_out() {
        let made = make(3000, 1, 384);
        let rows = rows(&made.rows);
        let n = rows.len() as f64;
        let mean: Vec<f64> =
            (0..384).map(|j| rows.iter().map(|row| f64::from(row[j])).sum::<f64>() / n).collect();
        let mut covariance = vec![0.0; 384 * 384];
        for row in &rows {
            let centred: Vec<f64> = row.iter().zip(&mean).map(|(&x, mean)| f64::from(x) - mean).collect();
            for (a, line) in centred.iter().zip(covariance.chunks_exact_mut(384)) {
                line.iter_mut().zip(&centred).for_each(|(sum, b)| *sum += a * b / n);
            }
        }
        let mut variances: Vec<f64> = (0..384).map(|j| covariance[j * 385]).collect();
        let trace: f64 = variances.iter().sum();
        let participation = trace * trace / covariance.iter().map(|x| x * x).sum::<f64>();
        assert!((90.0..130.0).contains(&participation), "{participation}");
        let length: f64 = mean.iter().map(|x| x * x).sum();
        assert!((0.07..0.12).contains(&length) && (trace + length - 1.0).abs() < 1e-4, "{length}, {trace}");
        variances.sort_by(f64::total_cmp);
        assert!(variances[383] < 2.0 * variances[192], "{} and {}", variances[383], variances[192]);
    }

    #[test]
    fn neighbours_are_nearer_than_strangers_and_not_very_near() {
        let made = make(3000, 50, 384);
        let mut ratios = Vec::new();
        for q in 0..50 {
            let distance = |x| Measure::L2.between(&made.queries, q, &made.rows, x).sqrt();
            let mut distances: Vec<f64> = (0..3000).map(distance).collect();
            distances.sort_by(f64::total_cmp);
            ratios.push(distances[0] / (distances.iter().sum::<f64>() / 3000.0));
        }
        let mean = ratios.iter().sum::<f64>() / 50.0;
        // Among 3,000 rows, the nearest is farther than among the 23,000 of the table.
        assert!((0.65..0.85).contains(&mean), "{mean}");
    }

    #[test]
    fn a_turn_keeps_lengths_and_spreads_a_single_column() {
        let turn = Turn::new(384, &mut ChaCha8Rng::seed_from_u64(1));
        let mut row = vec![0.0; 384];
        row[5] = 3.0;
        turn.apply(&mut row);
        assert!((row.iter().map(|x| x * x).sum::<f64>() - 9.0).abs() < 1e-9);
        assert!(row.iter().all(|x| x.abs() < 1.0), "{row:?}");
    }
}
