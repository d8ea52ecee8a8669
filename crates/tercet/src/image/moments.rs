//! Image moments: position and spread of the ink, and size normalisation based on them.

use super::Picture;

/// The moments of the ink of a grey picture, each pixel weighted by its value: exact integers.
pub(super) struct Moments {
    /// Σ v.
    mass: i128,
    /// Σ v y and Σ v x.
    first: [i128; 2],
    /// Σ v y², Σ v x² and Σ v y x.
    second: [i128; 3],
}

impl Moments {
    pub fn of(gray: &Picture) -> Self {
        // Pictures of up to 2¹⁴ pixels a side keep all sums below 2⁶⁴, and products of two of them below 2¹²⁷.
        let mut moments = Moments { mass: 0, first: [0; 2], second: [0; 3] };
        for (y, row) in gray.pixels().chunks_exact(gray.shape().width).enumerate() {
            let (mut sum, mut xs, mut xx) = (0u64, 0u64, 0u64);
            for (x, &v) in (0u64..).zip(row) {
                let v = u64::from(v);
                (sum, xs, xx) = (sum + v, xs + v * x, xx + v * x * x);
            }
            let (y, sum, xs) = (y as i128, i128::from(sum), i128::from(xs));
            moments.mass += sum;
            moments.first[0] += y * sum;
            moments.first[1] += xs;
            moments.second[0] += y * y * sum;
            moments.second[1] += i128::from(xx);
            moments.second[2] += y * xs;
        }
        moments
    }

    /// The centre of mass: vertical and horizontal.
    pub fn centre(&self) -> [f64; 2] {
        self.first.map(|first| first as f64 / self.mass as f64)
    }

    /// Cov(y, x) / Var(y): how far the ink moves to the right per row. `None` if it lies in a single row, or there is
    /// no ink.
    pub fn slope(&self) -> Option<f64> {
        let variance = self.mass * self.second[0] - self.first[0] * self.first[0];
        let covariance = self.mass * self.second[2] - self.first[0] * self.first[1];
        (variance != 0).then(|| covariance as f64 / variance as f64)
    }

    /// Var(y) and Var(x). `None` if there is no ink.
    fn variances(&self) -> Option<[f64; 2]> {
        let square = self.mass as f64 * self.mass as f64;
        let variance =
            |i: usize| (self.mass * self.second[i] - self.first[i] * self.first[i]) as f64 / square;
        (self.mass > 0).then(|| [variance(0), variance(1)])
    }
}

/// The target standard deviations of the ink, as fractions of the height and width of the picture. For MNIST 5.6 and
/// 4.2 pixels.
const STANDARD: [f64; 2] = [0.2, 0.15];

/// The minimum and maximum distance between two new pixels, in old pixels.
const STEPS: [f64; 2] = [0.6, 1.6];

/// Scales the picture vertically and horizontally about its centre of mass, which moves to the centre of the picture,
/// so that the standard deviations of its ink come three quarters of the way to the target, by ratio:
///
/// ```text
/// new (y, x) = old (ȳ + (y − h/2) s_y,  x̄ + (x − w/2) s_x)        s = (σ / standard)^¾, 0.6 ≤ s ≤ 1.6
/// ```
///
/// Values between pixels are interpolated bilinearly; outside the picture is paper, 0. A picture without ink is left
/// unchanged.
///
/// A bounding box around the ink, by which MNIST was scaled, depends only on the outermost stroke; moments depend on
/// all of the ink. Scaling all the way would make a 1 as wide as an 8.
///
/// Source: R. G. Casey, "Moment normalization of handprinted characters", IBM Journal of Research and Development 14
/// (1970); C.-L. Liu, K. Nakashima, H. Sako and H. Fujisawa, "Handwritten digit recognition: investigation of
/// normalization and feature extraction techniques", Pattern Recognition 37 (2004).
pub(crate) fn size_normalize(gray: &Picture) -> Picture {
    let (width, height) = (gray.shape().width, gray.shape().height);
    let moments = Moments::of(gray);
    let Some(variances) = moments.variances() else { return gray.clone() };
    let centre = moments.centre();
    let sides = [height, width];
    // For each new row and column: the old one before it, and the fractional distance from that.
    let lines = [0, 1].map(|i| {
        let ratio = variances[i].sqrt() / (STANDARD[i] * sides[i] as f64);
        // Square roots only, which IEEE 754 defines to the last bit.
        let scale = (ratio.sqrt() * ratio.sqrt().sqrt()).clamp(STEPS[0], STEPS[1]);
        let line = |at: usize| {
            let from = centre[i] + (at as f64 - (sides[i] / 2) as f64) * scale;
            (from.floor() as i64, from - from.floor())
        };
        (0..sides[i]).map(line).collect::<Vec<_>>()
    });
    let at = |y: i64, x: i64| match (usize::try_from(y), usize::try_from(x)) {
        (Ok(y), Ok(x)) if y < height && x < width => f64::from(gray.pixels()[y * width + x]),
        _ => 0.0,
    };
    let mut pixels = Vec::with_capacity(width * height);
    for &(y, below) in &lines[0] {
        for &(x, behind) in &lines[1] {
            let row = |y| (1.0 - behind) * at(y, x) + behind * at(y, x + 1);
            pixels.push(((1.0 - below) * row(y) + below * row(y + 1)).round() as u8);
        }
    }
    Picture::known(gray.shape(), pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    /// A filled ellipse with smooth edges in 28 × 28 pixels.
    fn ellipse(centre: [f64; 2], radii: [f64; 2]) -> Picture {
        let value = |p: usize| {
            let (y, x) = ((p / 28) as f64 - centre[0], (p % 28) as f64 - centre[1]);
            let distance = ((y / radii[0]).powi(2) + (x / radii[1]).powi(2)).sqrt();
            (255.0 * (4.0 * (1.0 - distance)).clamp(0.0, 1.0)).round() as u8
        };
        Picture::new(ImageShape::gray(28, 28), (0..784).map(value).collect()).unwrap()
    }

    fn deviations(picture: &Picture) -> [f64; 2] {
        Moments::of(picture).variances().unwrap().map(f64::sqrt)
    }

    #[test]
    fn ink_is_centred_and_scaled_most_of_the_way_to_the_target() {
        for (centre, radii) in [([11.0, 16.5], [7.0, 6.0]), ([15.0, 13.0], [9.0, 10.0])] {
            let picture = ellipse(centre, radii);
            let evened = size_normalize(&picture);
            let [y, x] = Moments::of(&evened).centre();
            assert!((y - 14.0).abs() < 0.1 && (x - 14.0).abs() < 0.1, "{y}, {x}");
            let (before, after) = (deviations(&picture), deviations(&evened));
            for (i, standard) in [5.6, 4.2].into_iter().enumerate() {
                let wanted = before[i].powf(0.25) * f64::powf(standard, 0.75);
                assert!((after[i] - wanted).abs() < 0.15, "{before:?} became {after:?}");
            }
        }
    }

    #[test]
    fn no_side_grows_or_shrinks_beyond_the_limits() {
        // Without the limits, a dot of this size would become almost five times as wide.
        let dot = ellipse([14.0, 14.0], [1.5, 1.5]);
        let (before, after) = (deviations(&dot), deviations(&size_normalize(&dot)));
        assert!(after[0] / before[0] < 2.1, "{before:?} became {after:?}");
    }

    #[test]
    fn empty_paper_and_a_single_pixel_work() {
        let paper = Picture::new(ImageShape::gray(4, 3), vec![0; 12]).unwrap();
        assert_eq!(size_normalize(&paper), paper);
        let one = Picture::new(ImageShape::gray(1, 1), vec![9]).unwrap();
        assert_eq!(size_normalize(&one).pixels(), [9]);
    }
}
