//! Scaling pictures down and up.

use super::{ImageShape, Picture};

/// The picture scaled to `width` × `height`.
///
/// Along a side that shrinks, a new pixel is the mean of the area it covers, with old pixels at the border weighted by
/// the fraction that is covered. This is what a sensor with larger pixels would record, and at an integer ratio it
/// exactly undoes an enlargement by pixel repetition. Along a side that grows, pixels are interpolated linearly.
pub(crate) fn scale(picture: &Picture, width: usize, height: usize) -> Picture {
    let ImageShape { width: old_width, height: old_height, channels } = picture.shape();
    if (old_width, old_height) == (width, height) {
        return picture.clone();
    }
    let weights = |old, new| if new > old { interpolation(old, new) } else { coverage(old, new) };
    let (columns, rows) = (weights(old_width, width), weights(old_height, height));
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

/// For each new pixel of a longer line: the two old pixels between whose centres its own centre lies, and their
/// weights. Beyond the outermost centres there is only one, with weight 1.
fn interpolation(old: usize, new: usize) -> Vec<(usize, Vec<f32>)> {
    let between = |i: usize| {
        let place = ((i as f64 + 0.5) * old as f64 / new as f64 - 0.5).clamp(0.0, (old - 1) as f64);
        let (first, share) = (place as usize, place.fract() as f32);
        (first, if share > 0.0 { vec![1.0 - share, share] } else { vec![1.0] })
    };
    (0..new).map(between).collect()
}

/// For each new pixel of a line: the first old pixel that it covers, and the weights of the old pixels from there on.
/// The weights of a new pixel sum to 1.
fn coverage(old: usize, new: usize) -> Vec<(usize, Vec<f32>)> {
    // In units of 1/new old pixels all boundaries are integers: new pixel i covers i·old to (i + 1)·old.
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
    fn a_longer_line_is_interpolated_between_the_centres_of_pixels() {
        // The centres of the four new pixels: −¼, ¼, ¾ and 1¼ old pixels from the centre of the first old one.
        let line = Picture::new(ImageShape::gray(2, 1), vec![0, 200]).unwrap();
        assert_eq!(scale(&line, 4, 1).pixels(), [0, 50, 150, 200]);
        assert_eq!(scale(&line, 4, 3).pixels(), [0, 50, 150, 200].repeat(3));
        let dot = Picture::new(ImageShape::gray(1, 1), vec![7]).unwrap();
        assert_eq!(scale(&dot, 5, 2).pixels(), [7; 10]);
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
