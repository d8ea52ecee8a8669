//! Separates ink from paper: polarity, strength of the ink, and noise.

use super::Picture;
use crate::{Error, Result};

/// Ink with a strength, out of 255, below this is ignored. Handwriting in pencil has 60 or more.
const FAINTEST: f32 = 24.0;

/// A separate patch with less than this fraction of the largest patch's ink is dirt.
const SPECK: f32 = 0.02;

/// The ink of a picture: grey, 0 is paper and 255 is full ink.
pub(crate) struct Ink {
    pub(crate) picture: Picture,
    /// Whether the ink was darker than the paper.
    pub(crate) was_dark: bool,
}

/// Finds the ink in a grey picture.
///
/// 1. The *paper* is estimated from the border of the picture: its median, or a plane through it if the light falls
///    from one side.
/// 2. The *ink* is the difference from the paper. It is dark if the squared differences below the paper sum to more
///    than those above, otherwise light, so that a picture and its negative give the same ink.
/// 3. Otsu's threshold splits the differences in two; the 95th percentile of the upper part is full ink, 255.
/// 4. Differences under 1/10 of full ink, or under four standard deviations of the border, are noise, and so are
///    patches with under 2 % of the ink of the largest.
///
/// Source of the threshold: N. Otsu, "A threshold selection method from gray-level histograms", 1979.
///
/// # Errors
/// A picture without ink.
pub(crate) fn find_ink(gray: &Picture) -> Result<Ink> {
    let paper = Paper::of(gray);
    let width = gray.shape().width;
    let mut strength = paper.differences(gray);

    let (mut below, mut above) = (0f64, 0f64);
    for &d in &strength {
        *(if d < 0.0 { &mut below } else { &mut above }) += f64::from(d * d);
    }
    let was_dark = below > above;
    let sign = if was_dark { -1.0 } else { 1.0 };
    strength.iter_mut().for_each(|d| *d = (sign * *d).max(0.0));

    let full = full_ink(&strength);
    if full < FAINTEST.max(6.0 * paper.deviation) {
        return Err(Error::mismatch(
            "picture",
            "no ink: nothing in it stands out from its rim",
            "something drawn or written that the rim of the picture does not cut through",
        ));
    }
    let noise = (full / 10.0).max(4.0 * paper.deviation);
    let value = |&s: &f32| if s < noise { 0 } else { (s * 255.0 / full).round().min(255.0) as u8 };
    let mut values = strength.iter().map(value).collect::<Vec<u8>>();
    remove_specks(&mut values, width);
    Ok(Ink { picture: Picture::known(gray.shape(), values), was_dark })
}

/// The brightness of the paper: `level + across · x + down · y`, with x and y from −1 to 1.
struct Paper {
    level: f32,
    across: f32,
    down: f32,
    size: (usize, usize),
    /// The standard deviation of the border from the paper, estimated from the median so that ink on the border hardly
    /// counts.
    deviation: f32,
}

impl Paper {
    fn of(gray: &Picture) -> Paper {
        let (width, height) = (gray.shape().width, gray.shape().height);
        // Thin, so that it contains little ink, but thicker in a large picture, so that it averages out more noise.
        let rim = (width.min(height) / 32).max(1);
        let size = (width, height);
        let across: Vec<f32> = (0..width).map(|x| centred(x, 0, size).0).collect();
        let mut samples: Vec<(f32, f32, f32)> = Vec::new();
        for (y, row) in gray.pixels().chunks_exact(width).enumerate() {
            // The rows at the top and bottom belong to the border entirely, the others with both ends.
            let left = if y.min(height - 1 - y) < rim { width } else { rim.min(width) };
            let right = (width - rim.min(width)).max(left);
            let down = centred(0, y, size).1;
            samples.extend((0..left).chain(right..width).map(|x| (across[x], down, f32::from(row[x]))));
        }
        let spread = |paper: &Paper| median(samples.iter().map(|&(x, y, v)| (v - paper.at(x, y)).abs()));

        let level = median(samples.iter().map(|s| s.2));
        let mut best = Paper { level, across: 0.0, down: 0.0, size, deviation: 0.0 };
        let mut best_spread = spread(&best);
        // A plane always fits the border a little better; it has to be much better to be due to the light and not to
        // chance. Each fit leaves out the outliers of the previous one: ink that reaches the border.
        let mut kept = samples.clone();
        for _ in 0..4 {
            let Some(plane) = fit(&kept, size) else { break };
            let plane_spread = spread(&plane);
            kept = samples.clone();
            kept.retain(|&(x, y, v)| (v - plane.at(x, y)).abs() <= (3.0 * plane_spread).max(2.0));
            if plane_spread < 0.5 * best_spread {
                (best, best_spread) = (plane, plane_spread);
            }
        }
        best.deviation = 1.4826 * best_spread;
        best
    }

    /// By how much each pixel is brighter than the paper.
    fn differences(&self, gray: &Picture) -> Vec<f32> {
        let width = gray.shape().width;
        let across: Vec<f32> = (0..width).map(|x| centred(x, 0, self.size).0).collect();
        let mut differences = Vec::with_capacity(gray.pixels().len());
        for (y, row) in gray.pixels().chunks_exact(width).enumerate() {
            let y = centred(0, y, self.size).1;
            differences.extend(row.iter().zip(&across).map(|(&v, &x)| f32::from(v) - self.at(x, y)));
        }
        differences
    }

    /// The brightness at a position, in coordinates from −1 to 1.
    fn at(&self, x: f32, y: f32) -> f32 {
        (self.level + self.across * x + self.down * y).clamp(0.0, 255.0)
    }
}

/// Pixel coordinates from −1 to 1.
fn centred(x: usize, y: usize, (width, height): (usize, usize)) -> (f32, f32) {
    let place = |i: usize, n: usize| (2 * i + 1) as f32 / n as f32 - 1.0;
    (place(x, width), place(y, height))
}

/// The least-squares plane through the samples, by Cramer's rule on its three normal equations; `None` if they are
/// collinear.
fn fit(samples: &[(f32, f32, f32)], size: (usize, usize)) -> Option<Paper> {
    let mut m = [[0f64; 3]; 3];
    let mut rhs = [0f64; 3];
    for &(x, y, v) in samples {
        let basis = [1.0, f64::from(x), f64::from(y)];
        for i in 0..3 {
            rhs[i] += basis[i] * f64::from(v);
            for j in 0..3 {
                m[i][j] += basis[i] * basis[j];
            }
        }
    }
    let determinant = |m: &[[f64; 3]; 3]| -> f64 {
        let minor = |j: usize, k: usize| m[1][j] * m[2][k] - m[1][k] * m[2][j];
        m[0][0] * minor(1, 2) - m[0][1] * minor(0, 2) + m[0][2] * minor(0, 1)
    };
    let whole = determinant(&m);
    if whole.abs() < 1e-6 {
        return None;
    }
    let unknown = |column: usize| {
        let mut replaced = m;
        (0..3).for_each(|row| replaced[row][column] = rhs[row]);
        (determinant(&replaced) / whole) as f32
    };
    Some(Paper { level: unknown(0), across: unknown(1), down: unknown(2), size, deviation: 0.0 })
}

/// The median, the upper one of two; 0 if there are no values.
fn median(values: impl Iterator<Item = f32>) -> f32 {
    let mut values: Vec<f32> = values.collect();
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// The strength of full ink: the 95th percentile of the strengths above Otsu's threshold.
///
/// Not the maximum, which depends on a single bright pixel, and not the mean, which depends on how soft the edges of
/// the strokes are.
pub(crate) fn full_ink(strength: &[f32]) -> f32 {
    let mut counts = [0usize; 256];
    // Most of a picture is paper, and rounding is a function call on processors without an instruction for it.
    for &s in strength {
        counts[if s == 0.0 { 0 } else { s.round().min(255.0) as usize }] += 1;
    }
    let threshold = otsu(&counts);
    let inked: usize = counts[threshold + 1..].iter().sum();
    let mut left = inked / 20;
    for (value, &count) in counts.iter().enumerate().skip(threshold + 1).rev() {
        if count > left {
            return value as f32;
        }
        left -= count;
    }
    0.0
}

/// The value t for which the classes "up to t" and "above t" differ most: it maximises `w₀ · w₁ · (mean₀ − mean₁)²`,
/// where w are the sizes of the classes.
pub(crate) fn otsu(counts: &[usize; 256]) -> usize {
    let total: f64 = counts.iter().map(|&n| n as f64).sum();
    let sum: f64 = counts.iter().enumerate().map(|(v, &n)| v as f64 * n as f64).sum();
    let (mut best, mut best_gap) = (0, 0.0);
    let (mut weight, mut partial) = (0.0, 0.0);
    for (value, &count) in counts.iter().enumerate().take(255) {
        weight += count as f64;
        partial += value as f64 * count as f64;
        let rest = total - weight;
        if weight > 0.0 && rest > 0.0 {
            let gap = partial / weight - (sum - partial) / rest;
            if weight * rest * gap * gap > best_gap {
                (best, best_gap) = (value, weight * rest * gap * gap);
            }
        }
    }
    best
}

/// Clears every patch of connected pixels (including diagonally) that is small compared with the largest.
fn remove_specks(values: &mut [u8], width: usize) {
    let height = values.len() / width;
    let mut seen = vec![false; values.len()];
    let mut patches: Vec<(f32, Vec<usize>)> = Vec::new();
    for start in 0..values.len() {
        if values[start] == 0 || seen[start] {
            continue;
        }
        seen[start] = true;
        let mut patch = vec![start];
        let mut next = 0;
        while next < patch.len() {
            let (x, y) = (patch[next] % width, patch[next] / width);
            next += 1;
            for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let neighbour = ny * width + nx;
                    if values[neighbour] > 0 && !seen[neighbour] {
                        seen[neighbour] = true;
                        patch.push(neighbour);
                    }
                }
            }
        }
        patches.push((patch.iter().map(|&p| f32::from(values[p])).sum(), patch));
    }
    let largest = patches.iter().map(|p| p.0).fold(0.0, f32::max);
    for (_, patch) in patches.iter().filter(|(ink, _)| *ink < SPECK * largest) {
        patch.iter().for_each(|&p| values[p] = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    fn picture(width: usize, height: usize, value: impl Fn(usize, usize) -> u8) -> Picture {
        let pixels = (0..width * height).map(|p| value(p % width, p / width)).collect();
        Picture::new(ImageShape::gray(width, height), pixels).unwrap()
    }

    fn inside(x: usize, y: usize) -> bool {
        (10..20).contains(&x) && (15..30).contains(&y)
    }

    #[test]
    fn uneven_light_is_removed_and_the_ink_is_full() {
        let slanted = picture(40, 50, |x, y| (180 + x + y / 2 - if inside(x, y) { 120 } else { 0 }) as u8);
        let ink = find_ink(&slanted).unwrap();
        assert!(ink.was_dark);
        for (p, &v) in ink.picture.pixels().iter().enumerate() {
            let expected = if inside(p % 40, p / 40) { 248..=255 } else { 0..=0 };
            assert!(expected.contains(&v), "{v} at {p}");
        }
    }

    #[test]
    fn a_picture_and_its_negative_have_the_same_ink() {
        let dark = picture(40, 50, |x, y| if inside(x, y) { 30 } else { 200 + (x * y % 5) as u8 });
        let (a, b) = (find_ink(&dark).unwrap(), find_ink(&dark.negative()).unwrap());
        assert_eq!((a.was_dark, b.was_dark), (true, false));
        assert_eq!(a.picture, b.picture);
    }

    #[test]
    fn a_speck_far_from_the_ink_is_dirt() {
        let dirty = picture(60, 60, |x, y| if inside(x, y) || (x, y) == (50, 50) { 255 } else { 0 });
        let ink = find_ink(&dirty).unwrap().picture;
        assert_eq!((ink.pixels()[50 * 60 + 50], ink.pixels()[20 * 60 + 15]), (0, 255));
    }

    #[test]
    fn a_picture_without_ink_says_so() {
        for empty in [picture(9, 9, |_, _| 255), picture(1, 1, |_, _| 7), picture(50, 9, |x, _| x as u8)] {
            assert!(find_ink(&empty).err().unwrap().to_string().contains("no ink"));
        }
        // Pure noise, from multiplication by a large odd number.
        let hash = |x: usize, y: usize| (x as u32 + 64 * y as u32).wrapping_mul(2_654_435_761) >> 24;
        let noise = picture(64, 64, |x, y| 128 + hash(x, y) as u8 % 40);
        assert!(find_ink(&noise).is_err());
    }
}
