//! The data that is searched: real images, realistic embeddings, and worst cases in which no row can be
//! skipped.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tercet::data::{Dataset, Examples, SealedTest, Source};
use tercet::image::ImageShape;

use super::check::Problem;
use super::embeddings;

/// Where Debian's package `dataset-fashion-mnist` puts its files.
pub const FASHION_MNIST: &str = "/usr/share/datasets/fashion-mnist";

/// The source of rows and queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// The digits: 60,000 training images are searched for 10,000 test images.
    Mnist,
    /// The same, with the training images sorted by their distance from the mean of the queries, farthest
    /// first.
    MnistFarthestFirst,
    /// The digits and their copies, shifted by a pixel in four directions: 300,000 rows.
    MnistShifted,
    /// As many pictures of clothes.
    FashionMnist,
    /// Unit vectors like those of a language model, of that width.
    Embeddings(usize),
    /// Independent, uniformly distributed bytes.
    UniformBytes,
    /// Independent, uniformly distributed floats from 0 to 1.
    UniformFloats,
    /// Equal rows of bytes.
    EqualBytes,
    /// Equal rows of floats.
    EqualFloats,
    /// Rows of bytes, nearly every one nearer to all queries than all rows before it.
    ApproachingBytes,
    /// Rows of floats, nearly every one nearer to all queries than all rows before it.
    ApproachingFloats,
}

/// The amount of data, and the folder of its files.
#[derive(Clone, Debug)]
pub struct Supply {
    /// Use a tenth of all rows and queries.
    pub quick: bool,
    /// The folder with Fashion-MNIST's IDX files.
    pub fashion_mnist: PathBuf,
}

/// The widths of synthetic bytes and floats.
const WIDTH: usize = 784;
const FLOAT_WIDTH: usize = 384;

impl Data {
    /// Opens or generates the data; `None` if its folder does not exist.
    ///
    /// # Errors
    /// Invalid files.
    pub fn open(self, supply: &Supply) -> Result<Option<Problem>> {
        let part = if supply.quick { 10 } else { 1 };
        let (rows, queries) = (50_000 / part, 10_000 / part);
        let problem = match self {
            Data::FashionMnist => {
                if !supply.fashion_mnist.is_dir() {
                    return Ok(None);
                }
                fashion_mnist(&supply.fashion_mnist)?
            }
            Data::Mnist => mnist()?,
            Data::MnistFarthestFirst => {
                let mnist = mnist()?;
                Problem::new(farthest_first(&mnist), mnist.queries)
            }
            Data::MnistShifted => {
                let mnist = mnist()?;
                Problem::new(with_shifted_copies(&mnist.rows), mnist.queries)
            }
            Data::Embeddings(width) => return Ok(Some(embeddings::make(rows, queries, width))),
            synthetic => return Ok(Some(synthetic.generate(rows, queries))),
        };
        Ok(Some(if supply.quick {
            let (rows, queries) = (problem.rows.len() / part, problem.queries.len() / part);
            problem.first_rows(rows).first_queries(queries)
        } else {
            problem
        }))
    }

    /// Generates synthetic data.
    fn generate(self, rows: usize, queries: usize) -> Problem {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let mut byte_rows = |n: usize| bytes(WIDTH, (0..n * WIDTH).map(|_| random.random()).collect());
        match self {
            Data::UniformBytes => Problem::new(byte_rows(rows), byte_rows(queries)),
            Data::EqualBytes => {
                let row: Vec<u8> = (0..WIDTH).map(|j| (j % 251) as u8).collect();
                Problem::new(bytes(WIDTH, row.repeat(rows)), byte_rows(queries))
            }
            Data::EqualFloats => {
                let row: Vec<f32> = (0..FLOAT_WIDTH).map(|j| (j % 251) as f32 / 251.0).collect();
                let rows = floats(FLOAT_WIDTH, row.repeat(rows));
                Problem::new(rows, uniform_floats(queries, &mut random))
            }
            Data::ApproachingBytes => approaching_bytes(rows, queries, &mut random),
            Data::ApproachingFloats => approaching_floats(rows, queries, &mut random),
            _ => Problem::new(uniform_floats(rows, &mut random), uniform_floats(queries, &mut random)),
        }
    }

    /// A small amount of synthetic data, for tests.
    #[cfg(test)]
    pub fn small(self) -> Result<Problem> {
        Ok(self.generate(300, 20))
    }
}

/// Rows of bytes.
pub fn bytes(width: usize, values: Vec<u8>) -> Examples {
    let shape = if width == WIDTH { ImageShape::gray(28, 28) } else { ImageShape::gray(width, 1) };
    Examples::from_pixels(shape, values).expect("whole rows")
}

/// Rows of floats.
pub fn floats(width: usize, values: Vec<f32>) -> Examples {
    Examples::from_features(width, values).expect("whole rows of finite numbers")
}

fn mnist() -> Result<Problem> {
    let mnist = Source::Mnist.open()?;
    let test = mnist.test.context("MNIST has a test set")?;
    Ok(of_sets(&mnist.train, test))
}

fn fashion_mnist(folder: &Path) -> Result<Problem> {
    let collection = Source::Path(folder.to_owned()).open()?;
    let test = collection.test.with_context(|| {
        format!("{} has no test images; expected t10k-images-idx3-ubyte", folder.display())
    })?;
    Ok(of_sets(&collection.train, test))
}

/// The examples of a training set, and those of a test set as queries.
fn of_sets(train: &Dataset, test: SealedTest) -> Problem {
    let queries = test.open(&mut Vec::new(), "benchmark of the search").examples().clone();
    Problem { rows: train.examples().clone(), queries, labels: Some(train.labels().to_vec()) }
}

/// The rows, sorted by their distance from the mean of the queries, farthest first: most rows are nearer than
/// those before, so the threshold of a search in this order falls as late as possible.
fn farthest_first(problem: &Problem) -> Examples {
    let (rows, queries) = (&problem.rows, &problem.queries);
    let mut mean = vec![0.0; rows.width()];
    for q in 0..queries.len() {
        for (mean, &pixel) in mean.iter_mut().zip(queries.pixels(q).into_iter().flatten()) {
            *mean += f64::from(pixel) / queries.len() as f64;
        }
    }
    let distance = |x: usize| -> f64 {
        let pixels = rows.pixels(x).into_iter().flatten();
        pixels.zip(&mean).map(|(&pixel, mean)| (f64::from(pixel) - mean).powi(2)).sum()
    };
    let mut order: Vec<(f64, usize)> = (0..rows.len()).map(|x| (distance(x), x)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    rows.subset(&order.into_iter().map(|(_, x)| x).collect::<Vec<_>>())
}

/// The images, followed by copies shifted right, left, down and up by one pixel.
fn with_shifted_copies(images: &Examples) -> Examples {
    const SIDE: usize = 28;
    let mut values = Vec::with_capacity(5 * images.len() * images.width());
    for (right, down) in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)] {
        for image in (0..images.len()).filter_map(|i| images.pixels(i)) {
            for y in 0..SIDE {
                for x in 0..SIDE {
                    let from = (x.checked_add_signed(-right), y.checked_add_signed(-down));
                    values.push(match from {
                        (Some(x), Some(y)) if x < SIDE && y < SIDE => image[y * SIDE + x],
                        _ => 0,
                    });
                }
            }
        }
    }
    bytes(SIDE * SIDE, values)
}

fn uniform_floats(n: usize, random: &mut ChaCha8Rng) -> Examples {
    floats(FLOAT_WIDTH, (0..n * FLOAT_WIDTH).map(|_| random.random()).collect())
}

/// Queries near the centre of the cube, and rows in random directions around it, each a little nearer.
///
/// A row is 128 ± a in every column, with a + 1 in some of them, so that its L1 distance from the centre, and
/// with it the squared L2 distance, falls steadily from the first row to the last. A query differs from the
/// centre by 1 in 16 columns.
fn approaching_bytes(rows: usize, queries: usize, random: &mut ChaCha8Rng) -> Problem {
    let mut values = Vec::with_capacity(rows * WIDTH);
    for i in 0..rows {
        let total = 126 * WIDTH * (rows - i) / rows;
        let (amplitude, rest) = (total / WIDTH, total % WIDTH);
        let first = random.random_range(0..WIDTH);
        for j in 0..WIDTH {
            let offset = (amplitude + usize::from((j + WIDTH - first) % WIDTH < rest)) as u8;
            values.push(if random.random() { 128 + offset } else { 128 - offset });
        }
    }
    let rows = bytes(WIDTH, values);
    let mut values = vec![128; queries * WIDTH];
    for query in values.chunks_exact_mut(WIDTH) {
        for _ in 0..16 {
            query[random.random_range(0..WIDTH)] = if random.random() { 129 } else { 127 };
        }
    }
    Problem::new(rows, bytes(WIDTH, values))
}

/// Queries around the origin, at a distance of 0.0003; rows in random directions, at distances that fall from
/// 1 to 0.1.
fn approaching_floats(rows: usize, queries: usize, random: &mut ChaCha8Rng) -> Problem {
    let mut directions = |n: usize, length: &dyn Fn(usize) -> f64| {
        let mut values = Vec::with_capacity(n * FLOAT_WIDTH);
        for i in 0..n {
            let row: Vec<f64> = (0..FLOAT_WIDTH).map(|_| random.sample(StandardNormal)).collect();
            let scale = length(i) / row.iter().map(|x| x * x).sum::<f64>().sqrt();
            values.extend(row.into_iter().map(|x| (x * scale) as f32));
        }
        floats(FLOAT_WIDTH, values)
    };
    let rows = directions(rows, &|i| 1.0 - 0.9 * i as f64 / rows as f64);
    Problem::new(rows, directions(queries, &|_| 3e-4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::distance::Measure;

    #[test]
    fn approaching_rows_are_mostly_nearer_than_those_before() {
        for data in [Data::ApproachingBytes, Data::ApproachingFloats] {
            let Problem { rows, queries, .. } = data.small().unwrap();
            let mut nearest = f64::INFINITY;
            let nearer = |&x: &usize| {
                let distance = Measure::L2.between(&queries, 0, &rows, x);
                let nearer = distance < nearest;
                nearest = nearest.min(distance);
                nearer
            };
            let count = (0..rows.len()).filter(nearer).count();
            assert!(10 * count > 9 * rows.len(), "{data:?}: {count} of {}", rows.len());
        }
    }

    #[test]
    fn synthetic_data_is_reproducible_and_equal_rows_are_equal() {
        let (a, b) = (Data::UniformBytes.small().unwrap(), Data::UniformBytes.small().unwrap());
        assert_eq!(a.rows.digest(), b.rows.digest());
        assert_ne!(a.rows.row(0), a.queries.row(0));
        for data in [Data::EqualBytes, Data::EqualFloats] {
            let rows = data.small().unwrap().rows;
            assert!((1..rows.len()).all(|x| rows.row(x) == rows.row(0)), "{data:?}");
        }
    }

    #[test]
    fn copies_are_shifted_by_one_pixel_and_the_images_come_first() {
        let mut image = vec![0; 784];
        (image[28 + 2], image[27]) = (9, 7);
        let copies = with_shifted_copies(&bytes(784, image));
        let ink = |i: usize| -> Vec<(usize, usize, u8)> {
            let pixels = copies.pixels(i).unwrap();
            (0..784).filter(|&p| pixels[p] > 0).map(|p| (p % 28, p / 28, pixels[p])).collect()
        };
        assert_eq!(copies.len(), 5);
        assert_eq!(ink(0), [(27, 0, 7), (2, 1, 9)]);
        // Pixels that leave on one side do not enter on the other.
        assert_eq!((ink(1), ink(2)), (vec![(3, 1, 9)], vec![(26, 0, 7), (1, 1, 9)]));
        assert_eq!((ink(3), ink(4)), (vec![(27, 1, 7), (2, 2, 9)], vec![(2, 0, 9)]));
    }

    #[test]
    fn the_farthest_row_comes_first() {
        let problem = Problem::new(bytes(1, vec![5, 90, 40]), bytes(1, vec![4, 8]));
        let ordered = farthest_first(&problem);
        assert_eq!((0..3).map(|i| ordered.pixels(i).unwrap()[0]).collect::<Vec<_>>(), [90, 40, 5]);
    }

    #[test]
    fn a_missing_folder_skips_a_work() {
        let folder = tempfile::tempdir().unwrap();
        let supply = Supply { quick: true, fashion_mnist: folder.path().join("none") };
        assert!(Data::FashionMnist.open(&supply).unwrap().is_none());
        // A folder without the files is an error.
        let supply = Supply { fashion_mnist: folder.path().to_owned(), ..supply };
        assert!(Data::FashionMnist.open(&supply).is_err());
    }
}
