//! Ensembles: scores averaged over small shifts of the pictures (test-time augmentation), or over several models.

use crate::data::Examples;
use crate::image::ImageShape;
use crate::loss::probabilities;
use crate::{Error, Matrix, Result};

/// The mean scores of five views of each picture: unchanged, and shifted by this many pixels to the left, right, up and
/// down, with zeros shifted in. `scores` is called five times.
///
/// # Shapes
/// (N, C)
///
/// # Errors
/// Examples that are not images, a shift of 0 or by a whole side, and the errors of `scores`.
///
/// ```
/// use tercet::data::Examples;
/// use tercet::image::ImageShape;
/// use tercet::evaluate::mean_over_shifts;
/// use tercet::network::{Init, Network};
///
/// let set = Examples::from_pixels(ImageShape::gray(4, 4), vec![9; 32])?;
/// let network = Network::fully_connected(16, &[8], 2, Init::He, 0)?;
/// let scores = mean_over_shifts(&set, 1, |shifted| network.scores(shifted))?;
/// assert_eq!((scores.rows(), scores.columns()), (2, 2));
/// # Ok::<(), tercet::Error>(())
/// ```
pub fn mean_over_shifts(
    set: &Examples,
    pixels: usize,
    mut scores: impl FnMut(&Examples) -> Result<Matrix>,
) -> Result<Matrix> {
    let Some(shape) = set.image_shape().filter(|_| set.is_pixels()) else {
        return Err(Error::mismatch("examples", "features", "images, to be shifted"));
    };
    let side = shape.width.min(shape.height);
    if pixels == 0 || pixels >= side {
        let expected = format!("at least 1 pixel and less than {side}, the shorter side of the images");
        return Err(Error::setting("shifts", pixels, expected));
    }
    let mut sum = scores(set)?;
    let by = pixels as isize;
    for (right, down) in [(-by, 0), (by, 0), (0, -by), (0, by)] {
        let mut shifted = vec![0; set.len() * shape.features()];
        for (i, new) in shifted.chunks_exact_mut(shape.features()).enumerate() {
            shift(set.pixels(i).expect("images are pixels"), shape, right, down, new);
        }
        add(&mut sum, &scores(&Examples::from_pixels(shape, shifted)?)?);
    }
    divide(&mut sum, 5);
    Ok(sum)
}

/// The mean probabilities of several models, from the scores of each: softmax of the logits, or the scores themselves
/// if they are probabilities already. Networks that make different errors make fewer as an ensemble.
///
/// # Shapes
/// All (N, C).
///
/// # Errors
/// No models, and scores of different shapes.
pub fn mean_probabilities(models: Vec<(Matrix, Scores)>) -> Result<Matrix> {
    let count = models.len();
    let mut sum: Option<Matrix> = None;
    for (mut scores, are) in models {
        if are == Scores::Logits {
            let classes = scores.columns();
            scores.values_mut().chunks_exact_mut(classes).for_each(probabilities);
        }
        match &mut sum {
            None => sum = Some(scores),
            Some(sum) => {
                let shape = |scores: &Matrix| format!("({}, {})", scores.rows(), scores.columns());
                if shape(sum) != shape(&scores) {
                    return Err(Error::mismatch("scores of a model", shape(&scores), shape(sum)));
                }
                add(sum, &scores);
            }
        }
    }
    let Some(mut sum) = sum else { return Err(Error::mismatch("models of an ensemble", 0, "at least 1")) };
    divide(&mut sum, count);
    Ok(sum)
}

/// The meaning of a model's scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// Log-probabilities, up to a constant that is the same for all classes: inputs of a softmax.
    Logits,
    /// Fractions that sum to 1: of votes.
    Shares,
}

/// Shifts a picture to the right and down by this many pixels, or in the opposite direction if negative, and fills in
/// zeros.
fn shift(old: &[u8], shape: ImageShape, right: isize, down: isize, new: &mut [u8]) {
    let (row, channels) = (shape.width * shape.channels, shape.channels);
    let (from, to) = ((-right).max(0) as usize * channels, right.max(0) as usize * channels);
    let length = row - from.max(to);
    for (y, new) in new.chunks_exact_mut(row).enumerate() {
        let source = y as isize - down;
        if (0..shape.height as isize).contains(&source) {
            let old = &old[source as usize * row..][..row];
            new[to..to + length].copy_from_slice(&old[from..from + length]);
        }
    }
}

fn add(sum: &mut Matrix, other: &Matrix) {
    sum.values_mut().iter_mut().zip(other.values()).for_each(|(sum, other)| *sum += other);
}

fn divide(sum: &mut Matrix, count: usize) {
    sum.values_mut().iter_mut().for_each(|sum| *sum /= count as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;

    fn set(shape: ImageShape, pixels: Vec<u8>) -> Dataset {
        let n = pixels.len() / shape.features();
        Dataset::from_pixels("x", shape, pixels, vec![0; n], vec!["a".into()]).unwrap()
    }

    #[test]
    fn pixels_move_by_the_given_shift_and_zeros_move_in() {
        let shape = ImageShape { width: 3, height: 2, channels: 2 };
        let old: Vec<u8> = (1..=12).collect();
        for (right, down, expected) in [
            (1, 0, [0, 0, 1, 2, 3, 4, 0, 0, 7, 8, 9, 10]),
            (-1, 0, [3, 4, 5, 6, 0, 0, 9, 10, 11, 12, 0, 0]),
            (0, 1, [0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]),
            (0, -1, [7, 8, 9, 10, 11, 12, 0, 0, 0, 0, 0, 0]),
        ] {
            let mut new = [0; 12];
            shift(&old, shape, right, down, &mut new);
            assert_eq!(new, expected, "{right}, {down}");
        }
    }

    #[test]
    fn five_views_are_averaged() {
        // A single bright pixel; its score is the sum over the pixels of pixel · index.
        let shape = ImageShape::gray(5, 5);
        let mut pixels = vec![0; 50];
        (pixels[12], pixels[25]) = (1, 1);
        let score = |set: &Examples| {
            let of =
                |i| set.pixels(i).unwrap().iter().zip(0..).map(|(&p, at)| f32::from(p) * at as f32).sum();
            Matrix::new(set.len(), 1, (0..set.len()).map(of).collect())
        };
        let mean = mean_over_shifts(&set(shape, pixels), 2, score).unwrap();
        // In the centre: 12, 10, 14, 2 and 22. In the corner: 0, 2 and 10; in the other two views the pixel has been
        // shifted out.
        assert_eq!(mean.values(), [12.0, 12.0 / 5.0]);
    }

    #[test]
    fn shifts_that_leave_nothing_and_features_are_rejected() {
        let none = |_: &Examples| unreachable!();
        let images = set(ImageShape::gray(3, 2), vec![0; 6]);
        for pixels in [0, 2, 5] {
            let error = mean_over_shifts(&images, pixels, none).unwrap_err().to_string();
            assert!(error.starts_with(&format!("shifts is {pixels}; expected at least 1 pixel")), "{error}");
        }
        let features = Dataset::from_features("x", 1, vec![0.5], vec![0], vec!["a".into()]).unwrap();
        assert!(mean_over_shifts(&features, 1, none).unwrap_err().to_string().contains("to be shifted"));
    }

    #[test]
    fn probabilities_are_averaged_and_not_scores() {
        let logits = Matrix::new(1, 2, vec![3f32.ln(), 0.0]).unwrap();
        let shares = Matrix::new(1, 2, vec![0.25, 0.75]).unwrap();
        let both = [(logits, Scores::Logits), (shares, Scores::Shares)];
        let mean = mean_probabilities(both.to_vec()).unwrap();
        assert!((mean.values()[0] - 0.5).abs() < 1e-6 && (mean.values()[1] - 0.5).abs() < 1e-6);
        let one = mean_probabilities(both[1..].to_vec()).unwrap();
        assert_eq!(one.values(), [0.25, 0.75]);
        let other = (Matrix::zeros(2, 2), Scores::Shares);
        let error = mean_probabilities(vec![both[0].clone(), other]).unwrap_err().to_string();
        assert!(error.contains("found (2, 2); expected (1, 2)"), "{error}");
        assert!(mean_probabilities(Vec::new()).is_err());
    }
}
