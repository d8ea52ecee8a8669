//! Pictures made smaller and larger.

use image::imageops::{FilterType, resize};
use image::{GrayImage, RgbImage};

use super::ImageShape;
use super::Picture;

/// The picture at `width` × `height`: by [`area`] along a side that shrinks, by linear interpolation along one
/// that grows.
pub(crate) fn scale(picture: &Picture, width: usize, height: usize) -> Picture {
    let shape = picture.shape();
    let shrunk = area(picture, width.min(shape.width), height.min(shape.height));
    if (shrunk.shape().width, shrunk.shape().height) == (width, height) {
        return shrunk;
    }
    let target = ImageShape { width, height, channels: shape.channels };
    let (w, h) = (shrunk.shape().width as u32, shrunk.shape().height as u32);
    let (new_w, new_h, filter) = (width as u32, height as u32, FilterType::Triangle);
    let pixels = shrunk.pixels().to_vec();
    // `None` would mean pixels that do not fill the shape, and a `Picture` always does.
    let grown = if shape.channels == 3 {
        RgbImage::from_raw(w, h, pixels).map(|image| resize(&image, new_w, new_h, filter).into_raw())
    } else {
        GrayImage::from_raw(w, h, pixels).map(|image| resize(&image, new_w, new_h, filter).into_raw())
    };
    Picture::known(target, grown.expect("a picture's pixels fill its shape"))
}

/// The picture made smaller: a new pixel is the mean of the area it covers, where old pixels at its rim count by
/// the part of them that is covered.
///
/// This is what a sensor with larger pixels would have seen, and at a whole-number ratio it undoes an enlargement
/// by repetition exactly. (The library's `thumbnail` takes whole pixels only, and its interpolating filters blur.)
pub(crate) fn area(picture: &Picture, width: usize, height: usize) -> Picture {
    let ImageShape { width: old_width, height: old_height, channels } = picture.shape();
    if (old_width, old_height) == (width, height) {
        return picture.clone();
    }
    let columns = coverage(old_width, width);
    let rows = coverage(old_height, height);
    let mut pixels = vec![0; width * height * channels];
    let mut line = vec![0f32; old_width * channels];
    for ((first, weights), out) in rows.iter().zip(pixels.chunks_exact_mut(width * channels)) {
        line.fill(0.0);
        let sources = picture.pixels().chunks_exact(old_width * channels).skip(*first);
        for (source, weight) in sources.zip(weights) {
            line.iter_mut().zip(source).for_each(|(sum, &v)| *sum += weight * f32::from(v));
        }
        for ((first, weights), out) in columns.iter().zip(out.chunks_exact_mut(channels)) {
            for (channel, out) in out.iter_mut().enumerate() {
                let covered = line[first * channels + channel..].iter().step_by(channels);
                let mean: f32 = covered.zip(weights).map(|(v, weight)| v * weight).sum();
                *out = mean.round() as u8;
            }
        }
    }
    Picture::known(ImageShape { width, height, channels }, pixels)
}

/// For each new pixel of a line: the first old pixel that it covers, and the share of each from there on. The
/// shares of a new pixel sum to 1.
fn coverage(old: usize, new: usize) -> Vec<(usize, Vec<f32>)> {
    // In units of 1/new old pixels everything is a whole number: new pixel i covers i·old to (i + 1)·old.
    let cover = |i: usize| {
        let (start, end) = (i * old, (i + 1) * old);
        let (first, last) = (start / new, end.div_ceil(new));
        let share = |j: usize| (end.min((j + 1) * new) - start.max(j * new)) as f32 / old as f32;
        (first, (first..last).map(share).collect())
    };
    (0..new).map(cover).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_sum_to_one_and_cover_every_old_pixel_alike() {
        for (old, new) in [(5, 3), (7, 7), (100, 20), (21, 20), (3, 1)] {
            let mut seen = vec![0f32; old];
            for (first, weights) in coverage(old, new) {
                assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
                weights.iter().enumerate().for_each(|(j, w)| seen[first + j] += w);
            }
            assert!(
                seen.iter().all(|s| (s - new as f32 / old as f32).abs() < 1e-6),
                "{old} → {new}: {seen:?}"
            );
        }
    }

    #[test]
    fn an_enlargement_by_repetition_is_undone_exactly() {
        let small = Picture::new(ImageShape::gray(3, 2), vec![1, 20, 255, 0, 77, 130]).unwrap();
        let large = (0..10 * 15).map(|p| small.pixels()[p / 15 / 5 * 3 + p % 15 / 5]).collect();
        let large = Picture::new(ImageShape::gray(15, 10), large).unwrap();
        assert_eq!(scale(&large, 3, 2), small);
    }

    #[test]
    fn colour_keeps_its_channels_in_both_directions() {
        let shape = ImageShape { width: 4, height: 2, channels: 3 };
        let red = Picture::new(shape, [200, 0, 9].repeat(8)).unwrap();
        for (width, height) in [(2, 1), (9, 5), (2, 5), (9, 1)] {
            let scaled = scale(&red, width, height);
            assert_eq!(scaled.pixels(), [200, 0, 9].repeat(width * height));
        }
    }
}
