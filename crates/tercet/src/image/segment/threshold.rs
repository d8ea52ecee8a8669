//! The strength of the ink at every pixel: how far its colour is from the paper's, in the direction of the ink's colour.

use super::illumination::paper;
use super::plane::{Mask, Plane, median};
use crate::image::{Picture, full_ink};

/// Ink fainter than this, out of 255, is noise even in a picture without any.
const FAINTEST: f32 = 14.0;

/// The largest factor by which ink in the shade is strengthened.
const BRIGHTEN: f32 = 3.0;

/// The ink of a picture.
pub(super) struct Strength {
    /// From 0, the paper, to 255.
    pub plane: Plane<f32>,
    /// The standard deviation of the paper.
    pub noise: f32,
    /// Whether ink is darker than the paper.
    pub is_dark: bool,
    /// The picture with the paper made even.
    pub even: Picture,
}

impl Strength {
    /// The threshold above which a pixel may be ink, for the first search.
    pub fn faintest(&self) -> f32 {
        FAINTEST.max(4.5 * self.noise)
    }
}

/// The channels of a picture, one plane each.
fn channels(picture: &Picture) -> Vec<Plane<f32>> {
    let shape = picture.shape();
    let channel = |c: usize| {
        let values = picture.pixels().iter().skip(c).step_by(shape.channels);
        Plane { width: shape.width, height: shape.height, values: values.map(|&v| f32::from(v)).collect() }
    };
    (0..shape.channels).map(channel).collect()
}

/// Compares every pixel with the paper around it.
///
/// The differences from the [`paper`], one number for each channel, are scaled as if the paper were lit evenly, and
/// projected on the direction in which they are largest: black ink differs in brightness, red ink on green paper in
/// colour only. The sign is that of the larger sum of squares.
pub(super) fn strength(picture: &Picture, sheet: &Mask) -> Strength {
    let channels = channels(picture);
    let papers: Vec<Plane<f32>> = channels.iter().map(|channel| paper(channel, sheet)).collect();
    let count = channels.len();
    let mean = |p: usize| papers.iter().map(|paper| paper.values[p]).sum::<f32>() / count as f32;
    let brightest = (0..sheet.values.len()).filter(|&p| sheet.values[p]).map(mean).fold(1.0, f32::max);
    let mut differences = vec![[0f32; 3]; sheet.values.len()];
    let mut even = picture.pixels().to_vec();
    for (p, difference) in differences.iter_mut().enumerate().filter(|(p, _)| sheet.values[*p]) {
        let light = (brightest / mean(p).max(1.0)).min(BRIGHTEN);
        for (c, d) in difference.iter_mut().enumerate().take(count) {
            let away = channels[c].values[p] - papers[c].values[p];
            *d = if brightest > 100.0 { away * light } else { away };
            even[p * count + c] = (brightest + *d).clamp(0.0, 255.0) as u8;
        }
    }
    let inside = || differences.iter().zip(&sheet.values).filter(|(_, is)| **is).map(|(d, _)| d);
    let size = |d: &[f32; 3]| (d.iter().map(|v| v * v).sum::<f32>() / count as f32).sqrt();
    let noise = (1.4826 * median(inside().map(size).collect())).max(0.5);
    let direction = principal(inside().filter(|d| size(d) > (4.0 * noise).max(10.0)), count);
    let along = |d: &[f32; 3]| d.iter().zip(&direction).map(|(a, b)| a * b).sum::<f32>();
    // Colours that differ in one channel are as strong as a difference of that size in all.
    let scale = 1.0 / (count as f32).sqrt().min(1.0 / direction.iter().map(|v| v.abs()).fold(0.1, f32::max));
    let values = differences.iter().map(|d| (along(d) * scale).clamp(0.0, 255.0)).collect();
    let plane = Plane { width: sheet.width, height: sheet.height, values };
    let is_dark = direction.iter().sum::<f32>() < 0.0;
    Strength { plane, noise, is_dark, even: Picture::known(picture.shape(), even) }
}

/// The unit vector along which the differences are largest, towards most of them: power iteration on the matrix of
/// their products. For one channel, 1 or −1.
fn principal<'a>(differences: impl Iterator<Item = &'a [f32; 3]>, count: usize) -> [f32; 3] {
    let mut products = [[0f64; 3]; 3];
    let mut sums = [0f64; 3];
    for d in differences {
        let size = d.iter().map(|v| f64::from(v * v)).sum::<f64>().sqrt();
        for i in 0..3 {
            (0..3).for_each(|j| products[i][j] += f64::from(d[i] * d[j]));
            // Strong differences decide the sign.
            sums[i] += f64::from(d[i]) * size;
        }
    }
    let grey = 1.0 / (count as f64).sqrt();
    let mut v: [f64; 3] = std::array::from_fn(|i| if i < count { grey } else { 0.0 });
    let dot = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    // A start that is not orthogonal to the answer.
    if dot(&sums, &sums) > 0.0 {
        let length = dot(&sums, &sums).sqrt();
        v = sums.map(|s| s / length);
    }
    for _ in 0..20 {
        let next: [f64; 3] = std::array::from_fn(|i| dot(&products[i], &v));
        let length = dot(&next, &next).sqrt();
        if length < 1e-9 {
            break;
        }
        v = next.map(|x| x / length);
    }
    let sign = if dot(&v, &sums) < 0.0 { -1.0 } else { 1.0 };
    v.map(|x| (sign * x) as f32)
}

/// The strength of full ink among the pixels of a mask; 0 if there are none.
pub(super) fn full(strength: &Plane<f32>, mask: &Mask) -> f32 {
    let inked: Vec<f32> =
        strength.values.iter().zip(&mask.values).filter(|(_, is)| **is).map(|(s, _)| *s).collect();
    if inked.is_empty() {
        return 0.0;
    }
    // Half of all pixels are paper, so that there are two classes to separate.
    let mut both = inked.clone();
    both.resize(2 * inked.len(), 0.0);
    full_ink(&both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    fn square(ground: [u8; 3], ink: [u8; 3]) -> Strength {
        let is_ink = |p: usize| (40..60).contains(&(p % 100)) && (20..60).contains(&(p / 100));
        let pixels = (0..8000).flat_map(|p| if is_ink(p) { ink } else { ground }).collect();
        let shape = ImageShape { width: 100, height: 80, channels: 3 };
        strength(&Picture::new(shape, pixels).unwrap(), &Plane::filled(100, 80, true))
    }

    #[test]
    fn ink_of_the_same_brightness_as_the_paper_is_seen_by_its_colour() {
        for (ground, ink) in [([60, 120, 60], [200, 60, 60]), ([60, 110, 200], [150, 95, 40])] {
            let found = square(ground, ink);
            assert!(found.plane.at(50, 40) > 60.0 && found.plane.at(10, 10) < 1.0);
        }
    }

    #[test]
    fn light_and_dark_ink_are_told_apart() {
        assert!(square([240; 3], [20; 3]).is_dark && !square([10; 3], [250; 3]).is_dark);
        assert!(square([240; 3], [20; 3]).plane.at(50, 40) > 200.0);
    }
}
