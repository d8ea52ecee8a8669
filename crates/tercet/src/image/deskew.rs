//! Deskewing: removes the slant of handwriting.

use super::Picture;
use super::moments::Moments;

/// Shears the picture along its rows until its ink is upright:
///
/// ```text
/// new (y, x) = old (y, x + α (y − ȳ))        α = Cov(y, x) / Var(y)
/// ```
///
/// with each pixel of a grey picture weighted by its value, and ȳ the row of the centre of mass. α is the slope of the
/// least-squares line x(y) through the ink: it becomes upright, and the centre of mass stays in place. Rows are
/// interpolated linearly; outside the picture is paper, 0. Ink in a single row has no slope and is left unchanged.
///
/// The moments are exact integers, and all further operations are defined by IEEE 754, so the pixels are the same on
/// every platform.
///
/// Source: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to document recognition",
/// 1998, section III, where deskewing reduces the error of a linear classifier from 12.0 % to 8.4 %.
pub(crate) fn deskew(gray: &Picture) -> Picture {
    let (width, pixels) = (gray.shape().width, gray.pixels());
    let moments = Moments::of(gray);
    let Some(slope) = moments.slope() else { return gray.clone() };
    let [middle, _] = moments.centre();
    let mut sheared = vec![0; pixels.len()];
    for (y, (row, new)) in pixels.chunks_exact(width).zip(sheared.chunks_exact_mut(width)).enumerate() {
        let shift = slope * (y as f64 - middle);
        let (whole, part) = (shift.floor(), shift - shift.floor());
        // All shifts beyond the edge are equivalent.
        let whole = whole.clamp(-(width as f64) - 1.0, width as f64) as i64;
        let at = |x: i64| usize::try_from(x).ok().and_then(|x| row.get(x)).map_or(0.0, |&v| f64::from(v));
        for (x, new) in (whole..).zip(new) {
            *new = ((1.0 - part) * at(x) + part * at(x + 1)).round() as u8;
        }
    }
    Picture::known(gray.shape(), sheared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageShape;

    /// A stroke of three pixels per row, whose left end is at `start(y)`.
    fn stroke(start: impl Fn(usize) -> usize) -> Picture {
        let mut pixels = vec![0; 28 * 28];
        for y in 4..24 {
            pixels[y * 28 + start(y)..][..3].fill(200);
        }
        Picture::new(ImageShape::gray(28, 28), pixels).unwrap()
    }

    #[test]
    fn a_slanted_stroke_becomes_an_upright_one_with_the_same_centre() {
        // One pixel to the right per row: every shift is half a pixel off an integer.
        let upright = deskew(&stroke(|y| y));
        for y in 4..24 {
            let row = &upright.pixels()[y * 28..][..28];
            let inked: Vec<(usize, u8)> = row.iter().copied().enumerate().filter(|(_, v)| *v > 0).collect();
            assert_eq!(inked, [(13, 100), (14, 200), (15, 200), (16, 100)], "row {y}");
        }
        // The mirrored stroke gives the mirrored result.
        let mirrored = deskew(&stroke(|y| 25 - y));
        let flipped: Vec<u8> =
            mirrored.pixels().chunks_exact(28).flat_map(|row| row.iter().rev().copied()).collect();
        assert_eq!(flipped, upright.pixels());
    }

    #[test]
    fn upright_ink_is_unchanged() {
        let upright = stroke(|_| 11);
        assert_eq!(deskew(&upright), upright);
    }

    #[test]
    fn ink_without_a_slope_stays_as_it_is() {
        let shape = ImageShape::gray(5, 3);
        for pixels in [vec![0; 15], [vec![0; 5], vec![7; 5], vec![0; 5]].concat()] {
            let picture = Picture::new(shape, pixels).unwrap();
            assert_eq!(deskew(&picture), picture);
        }
    }

    #[test]
    fn the_steepest_slope_moves_ink_out_of_the_picture() {
        // Two distant pixels in neighbouring rows: the slope is 40 pixels per row.
        let mut pixels = vec![0; 2 * 41];
        (pixels[0], pixels[81]) = (255, 255);
        let picture = Picture::new(ImageShape::gray(41, 2), pixels).unwrap();
        let inked: Vec<usize> = (0..82).filter(|&p| deskew(&picture).pixels()[p] > 0).collect();
        assert_eq!(inked, [20, 61]);
    }
}
