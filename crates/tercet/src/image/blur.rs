//! Gaussian blur.

use super::Picture;

/// The largest standard deviation of a blur, in pixels.
pub const MAX_BLUR: f32 = 16.0;

/// The picture blurred by a Gaussian of standard deviation `sigma`, in pixels, down and then across:
///
/// ```text
/// new (y, x) = Σ_d w_d old (y + d, x),  then likewise along x        w_d ∝ exp(−d² / 2σ²), |d| ≤ 3σ, Σ w = 1
/// ```
///
/// Outside the picture is paper, 0. The weights and the sums are integer multiples of 2⁻¹⁶: exact, and rounded once at
/// the end of each pass.
///
/// Neighbouring pixels become more similar, so distances between pixels tolerate strokes that are shifted by a pixel.
///
/// # Panics
/// If σ is not above 0 and at most [`MAX_BLUR`]: preprocessing is checked first.
pub(crate) fn blur(gray: &Picture, sigma: f32) -> Picture {
    let weights = weights(sigma);
    let radius = weights.len() / 2;
    let (width, height) = (gray.shape().width, gray.shape().height);
    // In units of 1/256; 65,280 is full ink.
    let mut down = vec![0u32; width * height];
    for (y, new) in down.chunks_exact_mut(width).enumerate() {
        for (row, weight) in rows_around(y, height, radius, &weights) {
            let old = &gray.pixels()[row * width..][..width];
            new.iter_mut().zip(old).for_each(|(new, &old)| *new += weight * u32::from(old));
        }
        new.iter_mut().for_each(|new| *new = (*new + (1 << 7)) >> 8);
    }
    let mut pixels = vec![0; width * height];
    for (old, new) in down.chunks_exact(width).zip(pixels.chunks_exact_mut(width)) {
        for (x, new) in new.iter_mut().enumerate() {
            let sum: u32 = rows_around(x, width, radius, &weights).map(|(x, weight)| weight * old[x]).sum();
            *new = ((sum + (1 << 23)) >> 24) as u8;
        }
    }
    Picture::known(gray.shape(), pixels)
}

/// The rows within `radius` of one that are inside the picture, each with its weight.
fn rows_around(
    at: usize,
    count: usize,
    radius: usize,
    weights: &[u32],
) -> impl Iterator<Item = (usize, u32)> {
    let first = at.saturating_sub(radius);
    let skipped = first + radius - at;
    (first..count.min(at + radius + 1)).zip(weights[skipped..].iter().copied())
}

/// The weights in units of 2⁻¹⁶, which add up to exactly 1.
fn weights(sigma: f32) -> Vec<u32> {
    assert!(sigma > 0.0 && sigma <= MAX_BLUR, "a blur of {sigma} pixels");
    let sigma = f64::from(sigma);
    let radius = (3.0 * sigma).ceil() as i32;
    let gaussian = |d: i32| (-f64::from(d * d) / (2.0 * sigma * sigma)).exp();
    let total: f64 = (-radius..=radius).map(gaussian).sum();
    let mut weights: Vec<u32> =
        (-radius..=radius).map(|d| (65536.0 * gaussian(d) / total).round() as u32).collect();
    let rest = 65536 - weights.iter().sum::<u32>() as i32;
    let middle = &mut weights[radius as usize];
    *middle = middle.saturating_add_signed(rest);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    fn dot() -> Picture {
        let mut pixels = vec![0; 15 * 11];
        pixels[5 * 15 + 7] = 255;
        Picture::new(ImageShape::gray(15, 11), pixels).unwrap()
    }

    #[test]
    fn weights_are_a_gaussian_that_sums_to_one() {
        for sigma in [0.1, 0.5, 1.0, 1.7, MAX_BLUR] {
            let weights = weights(sigma);
            assert_eq!(weights.iter().sum::<u32>(), 65536);
            assert!(weights.iter().eq(weights.iter().rev()));
        }
        // 0.3989 and e^−½ of it, except for the truncated tail.
        assert_eq!(weights(1.0), [291, 3539, 15862, 26152, 15862, 3539, 291]);
    }

    #[test]
    fn a_dot_becomes_a_round_spot_and_keeps_its_ink() {
        let spot = blur(&dot(), 1.0);
        let at = |y: usize, x: usize| spot.pixels()[y * 15 + x];
        assert_eq!((at(5, 7), at(5, 8), at(6, 7), at(6, 8)), (41, 25, 25, 15));
        let ink: u32 = spot.pixels().iter().map(|&v| u32::from(v)).sum();
        assert!(ink.abs_diff(255) <= 12, "{ink}");
    }

    #[test]
    fn plain_paper_and_full_ink_away_from_the_rim_stay() {
        let shape = ImageShape::gray(20, 20);
        let full = blur(&Picture::new(shape, vec![255; 400]).unwrap(), 1.5);
        assert_eq!(full.pixels()[10 * 20 + 10], 255);
        assert!(full.pixels()[0] < 128);
        let paper = Picture::new(shape, vec![0; 400]).unwrap();
        assert_eq!(blur(&paper, 1.5), paper);
    }

    #[test]
    fn a_picture_smaller_than_the_blur_works() {
        let tiny = Picture::new(ImageShape::gray(1, 2), vec![255, 255]).unwrap();
        let blurred = blur(&tiny, MAX_BLUR);
        assert_eq!(blurred.pixels()[0], blurred.pixels()[1]);
    }
}
