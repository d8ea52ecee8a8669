//! [`Standardize`]: features with mean 0 and standard deviation 1.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::data::Examples;

/// Number of rows per block. The sums of the blocks are combined in order, so that they do not depend on the number of
/// threads.
const BLOCK: usize = 1024;

/// Features with mean 0 and standard deviation 1 on the training examples:
///
/// ```text
/// x′ = (x − mean) / deviation
/// ```
///
/// computed in f64 and rounded once. A column that is constant in the training examples carries no information: it
/// always becomes 0, whatever its later values. Multiplying a column by a power of two does not change a bit of the
/// result.
///
/// # Shapes
/// Both lists are (D); or (channels) for images of features, whose pixels share the statistics of their channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardize {
    /// The mean of each column.
    pub mean: Vec<f64>,
    /// The standard deviation of each column; 0 if it is constant.
    pub deviation: Vec<f64>,
}

impl Standardize {
    /// The means and standard deviations of the columns; of the channels if the examples are images.
    pub fn fit(examples: &Examples) -> Self {
        Self::fit_weighted(examples, None)
    }

    /// [`fit`](Standardize::fit) with a weight for each example: an example of weight 2 counts twice.
    ///
    /// # Shapes
    /// `weights` is (N).
    pub fn fit_weighted(examples: &Examples, weights: Option<&[f32]>) -> Self {
        let columns = examples.feature_shape().map_or(examples.width(), |shape| shape.channels);
        let of = |i: usize| weights.map_or(1.0, |weights| f64::from(weights[i]));
        let n = (0..examples.len()).map(of).sum::<f64>() * (examples.width() / columns) as f64;
        let average = |f: &(dyn Fn(usize, f64) -> f64 + Sync)| -> Vec<f64> {
            column_sums(examples, columns, &of, f).into_iter().map(|sum| sum / n).collect()
        };
        let mut mean = average(&|_, x| x);
        // A second pass: the difference of two large numbers would lose significant digits. The mean of the differences
        // corrects the rounding of the mean (Chan, Golub and LeVeque 1983, equation 1.7).
        let first = average(&|column, x| x - mean[column]);
        let second = average(&|column, x| (x - mean[column]).powi(2));
        let mut deviation: Vec<f64> = first
            .iter()
            .zip(&second)
            .map(|(first, second)| (second - first.powi(2)).max(0.0).sqrt())
            .collect();
        for (column, value) in constant_columns(examples, columns).into_iter().enumerate() {
            // The mean of equal values is that value, without rounding.
            if let Some(value) = value {
                (mean[column], deviation[column]) = (value, 0.0);
            }
        }
        Standardize { mean, deviation }
    }

    /// The means and standard deviations of several parts combined, from the statistics and number of examples of each
    /// part: for distributed data. Equal to [`fit`](Standardize::fit) on all examples except for rounding.
    ///
    /// # Panics
    /// If there are no parts, or their numbers of columns differ.
    pub fn pooled(parts: &[(usize, &Standardize)]) -> Self {
        let columns = parts[0].1.mean.len();
        assert!(parts.iter().all(|(_, part)| part.mean.len() == columns), "parts of {columns} columns each");
        let n = parts.iter().map(|(count, _)| *count as f64).sum::<f64>();
        let average = |f: &dyn Fn(&Standardize) -> f64| {
            parts.iter().map(|(count, part)| *count as f64 * f(part)).sum::<f64>() / n
        };
        let column = |column: usize| {
            let value = parts[0].1.mean[column];
            if parts.iter().all(|(_, part)| part.deviation[column] == 0.0 && part.mean[column] == value) {
                return (value, 0.0);
            }
            let mean = average(&|part| part.mean[column]);
            let variance =
                average(&|part| part.deviation[column].powi(2) + (part.mean[column] - mean).powi(2));
            (mean, variance.sqrt())
        };
        let (mean, deviation) = (0..columns).map(column).unzip();
        Standardize { mean, deviation }
    }

    /// The number of constant columns.
    pub fn constant(&self) -> usize {
        self.deviation.iter().filter(|&&deviation| deviation == 0.0).count()
    }

    /// Whether every number is finite, no deviation is negative, and there is one pair for each of the D columns, or
    /// for each of a number of channels that divides D.
    pub(super) fn fits(&self, features: usize) -> bool {
        let columns = self.mean.len();
        columns > 0
            && self.deviation.len() == columns
            && features.is_multiple_of(columns)
            && self.mean.iter().all(|mean| mean.is_finite())
            && self.deviation.iter().all(|deviation| deviation.is_finite() && *deviation >= 0.0)
    }

    /// The standardised features of all examples, row-major.
    ///
    /// # Shapes
    /// (N, D)
    pub fn apply(&self, examples: &Examples) -> Vec<f32> {
        let width = examples.width();
        // Multiplying by the inverse would round twice.
        let mut standardized = vec![0f32; examples.len() * width];
        let columns = self.mean.len();
        standardized.par_chunks_mut(width * BLOCK).enumerate().for_each_init(
            || vec![0f64; width],
            |row, (block, out)| {
                for (i, out) in out.chunks_exact_mut(width).enumerate() {
                    examples.row(block * BLOCK + i).write_f64(row);
                    for (out, x) in out.chunks_exact_mut(columns).zip(row.chunks_exact(columns)) {
                        for (((out, x), mean), deviation) in
                            out.iter_mut().zip(x).zip(&self.mean).zip(&self.deviation)
                        {
                            let scaled = (x - mean) / deviation;
                            *out = if *deviation > 0.0 { scaled as f32 } else { 0.0 };
                        }
                    }
                }
            },
        );
        standardized
    }
}

/// The sum of `weight · f(column, x)` over all values of each column, block by block in order.
fn column_sums(
    examples: &Examples,
    columns: usize,
    weight: &(impl Fn(usize) -> f64 + Sync),
    f: impl Fn(usize, f64) -> f64 + Sync,
) -> Vec<f64> {
    let width = examples.width();
    let blocks: Vec<Vec<f64>> = (0..examples.len().div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let (mut sums, mut row) = (vec![0f64; columns], vec![0f64; width]);
            for i in block * BLOCK..examples.len().min((block + 1) * BLOCK) {
                examples.row(i).write_f64(&mut row);
                let weight = weight(i);
                for x in row.chunks_exact(columns) {
                    let columns = sums.iter_mut().zip(x).enumerate();
                    columns.for_each(|(column, (sum, &x))| *sum += weight * f(column, x));
                }
            }
            sums
        })
        .collect();
    let mut total = vec![0f64; columns];
    for block in blocks {
        total.iter_mut().zip(block).for_each(|(total, sum)| *total += sum);
    }
    total
}

/// For each column, its value if that is the same in all examples.
fn constant_columns(examples: &Examples, columns: usize) -> Vec<Option<f64>> {
    let Some(first) = examples.iter().next() else { return vec![Some(0.0); columns] };
    let mut row = vec![0f64; examples.width()];
    first.write_f64(&mut row);
    let mut constant: Vec<Option<f64>> = row[..columns].iter().copied().map(Some).collect();
    for example in examples.iter() {
        example.write_f64(&mut row);
        for x in row.chunks_exact(columns) {
            for (constant, x) in constant.iter_mut().zip(x) {
                *constant = constant.filter(|value| value == x);
            }
        }
    }
    constant
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standardized(examples: &Examples) -> Vec<f32> {
        Standardize::fit(examples).apply(examples)
    }

    #[test]
    fn columns_get_mean_0_and_deviation_1_and_constant_ones_become_0() {
        let examples = Examples::from_features(3, vec![1.0, 7.0, 10.0, 3.0, 7.0, 30.0]).unwrap();
        let fitted = Standardize::fit(&examples);
        assert_eq!((&fitted.mean[..], &fitted.deviation[..]), (&[2.0, 7.0, 20.0][..], &[1.0, 0.0, 10.0][..]));
        assert_eq!(fitted.apply(&examples), [-1.0, 0.0, -1.0, 1.0, 0.0, 1.0]);
        assert_eq!(fitted.constant(), 1);
        let later = Examples::from_features(3, vec![2.0, 99.0, 20.0]).unwrap();
        assert_eq!(fitted.apply(&later), [0.0; 3]);
    }

    #[test]
    fn an_example_of_weight_2_counts_as_two() {
        let twice = Examples::from_features(2, vec![1.0, 5.0, 1.0, 5.0, 4.0, 9.0, 0.0, 0.5]).unwrap();
        let once = Examples::from_features(2, vec![1.0, 5.0, 4.0, 9.0, 0.0, 0.5]).unwrap();
        assert_eq!(Standardize::fit_weighted(&once, Some(&[2.0, 1.0, 1.0])), Standardize::fit(&twice));
        // Equal weights give the same result as no weights.
        assert_eq!(Standardize::fit_weighted(&once, Some(&[1.0; 3])), Standardize::fit(&once));
    }

    #[test]
    fn parts_are_pooled_to_the_statistics_of_all() {
        // The last column is constant; the mean of its values would be rounded.
        let row = |i: usize| [i as f32 * 0.37 % 1.0, 1e6 + i as f32, 0.1];
        let values: Vec<f32> = (0..90).flat_map(row).collect();
        let fit = |values: &[f32]| Standardize::fit(&Examples::from_features(3, values.to_vec()).unwrap());
        let (whole, first, second) = (fit(&values), fit(&values[..21]), fit(&values[21..]));
        let pooled = Standardize::pooled(&[(7, &first), (83, &second)]);
        for (found, wanted) in [(&pooled.mean, &whole.mean), (&pooled.deviation, &whole.deviation)] {
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted).abs() <= 1e-12 * wanted.abs(), "{found}, not {wanted}");
            }
        }
        assert_eq!((pooled.constant(), pooled.mean[2]), (1, f64::from(0.1f32)));
    }

    #[test]
    fn offsets_far_beyond_f32_keep_their_differences() {
        let times = Examples::from_f64(1, (0..100).map(|i| 1.7e9 + f64::from(i)).collect()).unwrap();
        let plain = Examples::from_f64(1, (0..100).map(f64::from).collect()).unwrap();
        assert_eq!(standardized(&times), standardized(&plain));
    }

    #[test]
    fn a_power_of_two_does_not_change_a_bit() {
        let values: Vec<f64> = (0..5000).map(|i| f64::from(i * 7919 % 1009) / 37.0 - 3.0).collect();
        let scaled = values.iter().map(|x| x * 1024.0).collect();
        let [a, b] = [values, scaled].map(|x| standardized(&Examples::from_f64(2, x).unwrap()));
        assert_eq!(a, b);
    }

    #[test]
    fn images_of_features_are_standardised_by_channel() {
        let shape = crate::image::ImageShape { width: 2, height: 1, channels: 2 };
        let values = vec![0.0, 5.0, 2.0, 5.0, 4.0, 5.0, 6.0, 5.0];
        let images = Examples::from_features(4, values).unwrap().with_image_shape(shape).unwrap();
        let fitted = Standardize::fit(&images);
        assert_eq!((&fitted.mean[..], fitted.deviation[1]), (&[3.0, 5.0][..], 0.0));
        assert!(fitted.fits(4) && !fitted.fits(5));
    }
}
