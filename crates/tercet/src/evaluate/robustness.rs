//! Robustness: the accuracy on corrupted images.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tercet_kernels::Isa;
use tercet_kernels::warp::{Affine, Source, warp};

use super::Evaluation;
use crate::data::{Dataset, Examples};
use crate::image::ImageShape;
use crate::interval::Interval;
use crate::random::{Generator, Stream, generator};
use crate::{Error, Result};

/// The number of images that a thread corrupts at a time.
const TOGETHER: usize = 64;

/// The seed of every robustness table: all models are evaluated on the same images.
pub const CORRUPTION_SEED: u64 = 0;

/// A kind of image corruption, with its strength.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Corruption {
    /// A shift by this many pixels to the left, right, up or down, at random for each picture. Zeros are shifted in.
    Shift(u8),
    /// A rotation about the centre by this many degrees, to the left or to the right at random for each picture.
    Rotation(f32),
    /// Gaussian noise with this standard deviation, as a fraction of 255, added to every value and clamped to between 0
    /// and 255.
    Noise(f32),
    /// Every value v becomes m + c (v − m), where m is the mean of the picture and c this factor: less than 1 lowers
    /// the contrast.
    Contrast(f32),
    /// Every value v becomes 255 − v: dark ink on light paper. It has no strength, since half an inversion would be
    /// plain grey.
    Inversion,
}

impl Corruption {
    /// The corruptions of a robustness table, from weak to strong for each kind.
    pub const ALL: [Corruption; 17] = [
        Corruption::Shift(1),
        Corruption::Shift(2),
        Corruption::Shift(3),
        Corruption::Shift(4),
        Corruption::Rotation(10.0),
        Corruption::Rotation(20.0),
        Corruption::Rotation(30.0),
        Corruption::Rotation(45.0),
        Corruption::Noise(0.1),
        Corruption::Noise(0.2),
        Corruption::Noise(0.3),
        Corruption::Noise(0.5),
        Corruption::Contrast(0.75),
        Corruption::Contrast(0.5),
        Corruption::Contrast(0.25),
        Corruption::Contrast(0.1),
        Corruption::Inversion,
    ];

    /// The kind: `shift`, `rotation`, `noise`, `contrast` or `inversion`.
    pub fn kind(self) -> &'static str {
        match self {
            Corruption::Shift(_) => "shift",
            Corruption::Rotation(_) => "rotation",
            Corruption::Noise(_) => "noise",
            Corruption::Contrast(_) => "contrast",
            Corruption::Inversion => "inversion",
        }
    }

    /// The strength, with its unit: `2 px`, `±20°`, `σ 0.2`, `× 0.5`; empty for the inversion.
    pub fn strength(self) -> String {
        match self {
            Corruption::Shift(pixels) => format!("{pixels} px"),
            Corruption::Rotation(degrees) => format!("±{degrees}°"),
            Corruption::Noise(deviation) => format!("σ {deviation}"),
            Corruption::Contrast(factor) => format!("× {factor}"),
            Corruption::Inversion => String::new(),
        }
    }

    fn check(self) -> Result<()> {
        match self {
            Corruption::Rotation(degrees) if !(0.0..=180.0).contains(&degrees) => {
                Err(Error::setting("rotation", degrees, "a number of degrees from 0 to 180"))
            }
            Corruption::Noise(deviation) if !(0.0..=10.0).contains(&deviation) => {
                Err(Error::setting("noise", deviation, "a share of 255 from 0 to 10, such as 0.2"))
            }
            Corruption::Contrast(factor) if !(0.0..=10.0).contains(&factor) => {
                Err(Error::setting("contrast", factor, "a factor from 0 to 10, such as 0.5"))
            }
            _ => Ok(()),
        }
    }
}

impl std::fmt::Display for Corruption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind(), self.strength())
    }
}

/// The accuracy of a model on corrupted images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorruptedEvaluation {
    /// The corruption.
    pub corruption: Corruption,
    /// The fraction of correct predictions.
    pub accuracy: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

impl CorruptedEvaluation {
    /// The result of an evaluation on corrupted images.
    pub fn of(corruption: Corruption, evaluation: &Evaluation) -> Self {
        CorruptedEvaluation { corruption, accuracy: evaluation.accuracy, interval: evaluation.interval }
    }
}

/// The set with every image corrupted; labels and order stay.
///
/// The random numbers of image i depend only on the seed and i: each image has its own 2³² words of
/// [`Stream::Corruption`](crate::random::Stream). So all models are evaluated on the same images, and different
/// strengths of one kind use the same directions and the same noise.
///
/// ```
/// use tercet::data::Dataset;
/// use tercet::image::ImageShape;
/// use tercet::evaluate::{Corruption, corrupt};
///
/// let set = Dataset::from_pixels("x", ImageShape::gray(2, 1), vec![10, 200], vec![0], vec!["a".into()])?;
/// assert_eq!(corrupt(&set, Corruption::Inversion, 0)?.pixels(0), Some(&[245, 55][..]));
/// assert_eq!(corrupt(&set, Corruption::Contrast(0.5), 0)?.pixels(0), Some(&[58, 153][..]));
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// Examples that are not images, and an invalid strength.
pub fn corrupt(set: &Dataset, corruption: Corruption, seed: u64) -> Result<Dataset> {
    corruption.check()?;
    let Some(shape) = set.image_shape().filter(|_| set.is_pixels()) else {
        let what = format!("examples of {}", set.name());
        return Err(Error::mismatch(what, "features", "images, to be corrupted"));
    };
    let width = shape.features();
    let mut pixels = vec![0; set.len() * width];
    pixels.par_chunks_mut(TOGETHER * width).enumerate().for_each(|(block, new)| {
        let mut source = Source::new(shape.width, shape.height, shape.channels);
        let mut generator = generator(seed, Stream::Corruption);
        for (i, new) in (block * TOGETHER..).zip(new.chunks_exact_mut(width)) {
            generator.set_word_pos((i as u128) << 32);
            let old = set.pixels(i).expect("images are pixels");
            one(old, shape, corruption, &mut generator, &mut source, new);
        }
    });
    set.with_examples(Examples::from_pixels(shape, pixels)?)
}

fn one(
    old: &[u8],
    shape: ImageShape,
    corruption: Corruption,
    generator: &mut Generator,
    source: &mut Source,
    new: &mut [u8],
) {
    let mut moved = |map: Affine| {
        source.fill(old);
        warp(Isa::active(), source, map, None, new);
    };
    match corruption {
        Corruption::Shift(pixels) => {
            let by = f32::from(pixels);
            let (x0, y0) = [(by, 0.0), (-by, 0.0), (0.0, by), (0.0, -by)][generator.next_u32() as usize % 4];
            moved(Affine { x0, y0, ..Affine::IDENTITY });
        }
        Corruption::Rotation(degrees) => {
            let sign = if generator.next_u32().is_multiple_of(2) { 1.0 } else { -1.0 };
            let (sin, cos) = (sign * degrees.to_radians()).sin_cos();
            let (x, y) = ((shape.width as f32 - 1.0) / 2.0, (shape.height as f32 - 1.0) / 2.0);
            // c + R (q − c)
            let (x0, y0) = (x - cos * x + sin * y, y - sin * x - cos * y);
            moved(Affine { xx: cos, xy: -sin, x0, yx: sin, yy: cos, y0 });
        }
        Corruption::Noise(deviation) => {
            for (new, &old) in new.iter_mut().zip(old) {
                let noise: f32 = StandardNormal.sample(generator);
                *new = (f32::from(old) + 255.0 * deviation * noise).round() as u8;
            }
        }
        Corruption::Contrast(factor) => {
            let mean = old.iter().map(|&v| f32::from(v)).sum::<f32>() / old.len().max(1) as f32;
            for (new, &old) in new.iter_mut().zip(old) {
                *new = (mean + factor * (f32::from(old) - mean)).round() as u8;
            }
        }
        Corruption::Inversion => new.iter_mut().zip(old).for_each(|(new, &old)| *new = 255 - old),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(shape: ImageShape, pixels: Vec<u8>) -> Dataset {
        let n = pixels.len() / shape.features();
        Dataset::from_pixels("x", shape, pixels, vec![0; n], vec!["a".into()]).unwrap()
    }

    fn all(set: &Dataset) -> Vec<u8> {
        (0..set.len()).flat_map(|i| set.pixels(i).unwrap().to_vec()).collect()
    }

    /// 200 pictures with one bright pixel in the centre.
    fn dots() -> Dataset {
        let one: Vec<u8> = (0..49).map(|at| if at == 24 { 200 } else { 0 }).collect();
        set(ImageShape::gray(7, 7), one.repeat(200))
    }

    #[test]
    fn shifts_go_by_whole_pixels_into_all_four_directions() {
        let shifted = corrupt(&dots(), Corruption::Shift(2), 3).unwrap();
        let mut seen = [0; 4];
        for i in 0..200 {
            let pixels = shifted.pixels(i).unwrap();
            assert_eq!(pixels.iter().filter(|&&v| v > 0).count(), 1);
            let places = [24 - 2, 24 + 2, 24 - 14, 24 + 14];
            let direction = places.iter().position(|&at| pixels[at] == 200).expect("two pixels away");
            seen[direction] += 1;
        }
        assert!(seen.iter().all(|&count| count > 20), "{seen:?}");
    }

    #[test]
    fn rotations_turn_about_the_centre_both_ways() {
        // A pixel to the right of the centre, rotated by 90°, is below or above it.
        let one: Vec<u8> = (0..49).map(|at| if at == 26 { 200 } else { 0 }).collect();
        let turned = corrupt(&set(ImageShape::gray(7, 7), one.repeat(100)), Corruption::Rotation(90.0), 1);
        let turned = turned.unwrap();
        let mut seen = [0; 2];
        for i in 0..100 {
            let pixels = turned.pixels(i).unwrap();
            let way = [24 - 14, 24 + 14].iter().position(|&at| pixels[at] >= 199).expect("above or below");
            seen[way] += 1;
        }
        assert!(seen.iter().all(|&count| count > 20), "{seen:?}");
        let still = corrupt(&dots(), Corruption::Rotation(0.0), 1).unwrap();
        assert_eq!(all(&still), all(&dots()));
    }

    #[test]
    fn noise_has_the_given_deviation_and_is_clamped() {
        let grey = set(ImageShape::gray(50, 50), vec![128; 2500 * 4]);
        let noisy = all(&corrupt(&grey, Corruption::Noise(0.1), 5).unwrap());
        let n = noisy.len() as f64;
        let mean = noisy.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let deviation = (noisy.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt();
        assert!((mean - 128.0).abs() < 1.5 && (deviation - 25.5).abs() < 1.0, "{mean} ± {deviation}");
        assert_ne!(noisy[..2500], noisy[2500..5000], "each picture has its own");
        let black = all(&corrupt(&dots(), Corruption::Noise(1.0), 5).unwrap());
        assert!(black.contains(&0) && black.contains(&255));
    }

    #[test]
    fn random_numbers_depend_only_on_the_seed_and_the_index() {
        let pictures = dots();
        for corruption in Corruption::ALL {
            let whole = corrupt(&pictures, corruption, 7).unwrap();
            let part = corrupt(&pictures.first(70), corruption, 7).unwrap();
            assert_eq!(all(&whole)[..70 * 49], all(&part), "{corruption}");
        }
        let noisy = |seed| all(&corrupt(&pictures, Corruption::Noise(0.2), seed).unwrap());
        assert_ne!(noisy(1), noisy(2));
    }

    #[test]
    fn contrast_keeps_the_mean_and_colours_keep_their_place() {
        let shape = ImageShape { width: 2, height: 1, channels: 3 };
        let colours = set(shape, vec![0, 60, 120, 180, 240, 0]);
        let dull = all(&corrupt(&colours, Corruption::Contrast(0.1), 0).unwrap());
        assert_eq!(dull, [90, 96, 102, 108, 114, 90]);
        assert_eq!(all(&corrupt(&colours, Corruption::Inversion, 0).unwrap()), [255, 195, 135, 75, 15, 255]);
    }

    #[test]
    fn invalid_corruptions_are_rejected() {
        let features = Dataset::from_features("x", 1, vec![0.5], vec![0], vec!["a".into()]).unwrap();
        let error = corrupt(&features, Corruption::Inversion, 0).unwrap_err().to_string();
        assert!(error.contains("found features; expected images"), "{error}");
        for bad in [
            Corruption::Rotation(181.0),
            Corruption::Rotation(f32::NAN),
            Corruption::Noise(-0.1),
            Corruption::Contrast(f32::INFINITY),
        ] {
            assert!(corrupt(&dots(), bad, 0).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_those_of_the_table() {
        let names: Vec<_> = Corruption::ALL.iter().map(ToString::to_string).collect();
        assert!(names.contains(&"shift 2 px".to_owned()) && names.contains(&"rotation ±20°".to_owned()));
        let json = serde_json::to_string(&Corruption::ALL).unwrap();
        assert!(json.contains(r#"{"shift":2}"#) && json.contains(r#""inversion""#), "{json}");
        assert_eq!(serde_json::from_str::<Vec<Corruption>>(&json).unwrap(), Corruption::ALL);
    }

    /// The centre is halfway along each side, and (3, 1) is to the right of it.
    #[test]
    fn rotations_of_non_square_pictures_are_about_their_centre() {
        let one: Vec<u8> = (0..15).map(|at| if at == 5 + 3 { 200 } else { 0 }).collect();
        let pictures = set(ImageShape::gray(5, 3), one.repeat(20));
        let turned = corrupt(&pictures, Corruption::Rotation(90.0), 1).unwrap();
        for i in 0..20 {
            let bright = turned.pixels(i).unwrap().iter().position(|&v| v >= 199).expect("above or below");
            assert!([2, 10 + 2].contains(&bright), "{bright}");
        }
    }

    #[test]
    fn strengths_may_go_to_their_limits_and_no_further() {
        for (good, bad) in [
            (Corruption::Rotation(180.0), Corruption::Rotation(180.1)),
            (Corruption::Noise(10.0), Corruption::Noise(10.1)),
            (Corruption::Contrast(10.0), Corruption::Contrast(10.1)),
            (Corruption::Contrast(0.0), Corruption::Contrast(-0.1)),
        ] {
            assert!(good.check().is_ok() && bad.check().is_err(), "{good}, {bad}");
        }
        let names = [Corruption::Noise(0.2), Corruption::Contrast(0.5), Corruption::Inversion];
        assert_eq!(names.map(|d| d.to_string()), ["noise σ 0.2", "contrast × 0.5", "inversion "]);
    }

    /// As documented, picture by picture, including the 64 that one thread processes together.
    #[test]
    fn every_picture_has_its_own_segment_of_the_stream() {
        let pixels: Vec<u8> = (0..150 * 4).map(|at| (at * 7 % 251) as u8).collect();
        let pictures = set(ImageShape::gray(2, 2), pixels.clone());
        let inverted: Vec<u8> = pixels.iter().map(|v| 255 - v).collect();
        assert_eq!(all(&corrupt(&pictures, Corruption::Inversion, 2).unwrap()), inverted);
        let mut expected = Vec::new();
        let mut generator = generator(2, Stream::Corruption);
        for (i, picture) in pixels.chunks(4).enumerate() {
            generator.set_word_pos((i as u128) << 32);
            for &v in picture {
                let noise: f32 = StandardNormal.sample(&mut generator);
                expected.push((f32::from(v) + 255.0 * 0.25 * noise).round().clamp(0.0, 255.0) as u8);
            }
        }
        assert_eq!(all(&corrupt(&pictures, Corruption::Noise(0.25), 2).unwrap()), expected);
    }
}
