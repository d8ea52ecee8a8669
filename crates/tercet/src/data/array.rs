//! Arrays of numbers as features: images, if their shape and their values say so.
//!
//! ```text
//! (N, D)                       D features
//! (N, height, width)           grey images
//! (N, height, width, 1 or 3)   images, channels last
//! (N, 1 or 3, height, width)   images, channels first, as PyTorch stores them
//! ```
//!
//! Bytes of these shapes are pixels. Other numbers are pixels if all of them are whole numbers from 0 to 255, or all of
//! them are such numbers divided by 255, as most programs scale pixels.

use half::f16;
use rayon::prelude::*;
use tercet_kernels::mmap::Mapped;

use super::raw_subset::Features;
use crate::image::ImageShape;

/// How far a number of 0 to 1 may be from a pixel / 255, times 255. Half precision has larger steps near 1.
const ROUNDING: f64 = 1e-3;
const ROUNDING_OF_HALVES: f64 = 0.13;

/// The elements of an array, as they are stored, or in the smallest type that holds them exactly.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    U8(Vec<u8>),
    F16(Vec<f16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Numbers {
    /// In f32 if it represents all of them exactly.
    pub fn of_doubles(values: Vec<f64>) -> Self {
        let is_exact = |&value: &f64| f64::from(value as f32) == value || value.is_nan();
        match values.par_iter().all(is_exact) {
            true => Numbers::F32(values.into_iter().map(|value| value as f32).collect()),
            false => Numbers::F64(values),
        }
    }

    /// Features of an array with these dimensions, the first of which is N.
    pub fn features(self, dimensions: &[usize]) -> Features {
        let images = match &self {
            Numbers::U8(_) => None,
            Numbers::F16(values) => images(values, dimensions, ROUNDING_OF_HALVES),
            Numbers::F32(values) => images(values, dimensions, ROUNDING),
            Numbers::F64(values) => images(values, dimensions, ROUNDING),
        };
        let width = dimensions[1..].iter().product();
        match (images, self) {
            (Some(images), _) => images,
            (None, Numbers::U8(values)) => match image_shape(&dimensions[1..]) {
                Some((shape, false)) => Features::Pixels(shape, values),
                Some((shape, true)) => Features::Pixels(shape, channels_last(shape, &values)),
                None => Features::Bytes(width, values),
            },
            (None, Numbers::F16(values)) => Features::Halves(width, values),
            (None, Numbers::F32(values)) => Features::Numbers(width, values),
            (None, Numbers::F64(values)) => Features::Doubles(width, values),
        }
    }
}

/// Memory-mapped floats of an array with these dimensions.
pub(super) fn mapped_features(values: Mapped<f32>, dimensions: &[usize]) -> Features {
    let images = images(&values, dimensions, ROUNDING);
    images.unwrap_or_else(|| Features::MappedNumbers(dimensions[1..].iter().product(), values))
}

/// The images in an array with these dimensions, if its shape is that of images and all numbers are pixels.
fn images<T: Copy + Sync + Into<f64>>(values: &[T], dimensions: &[usize], rounding: f64) -> Option<Features> {
    let (shape, channels_first) = image_shape(&dimensions[1..])?;
    let pixels = pixels(values, rounding)?;
    Some(Features::Pixels(shape, if channels_first { channels_last(shape, &pixels) } else { pixels }))
}

/// The shape of the images in an array with these dimensions after the first, and whether a channel is stored as a
/// whole before the next.
pub(super) fn image_shape(dimensions: &[usize]) -> Option<(ImageShape, bool)> {
    Some(match *dimensions {
        [height, width] => (ImageShape::gray(width, height), false),
        [height, width, channels @ (1 | 3)] => (ImageShape { width, height, channels }, false),
        [channels @ (1 | 3), height, width] => (ImageShape { width, height, channels }, channels > 1),
        _ => return None,
    })
}

/// The numbers as pixels, if all of them are: whole numbers from 0 to 255, or such numbers divided by 255.
pub(super) fn pixels<T: Copy + Sync + Into<f64>>(values: &[T], rounding: f64) -> Option<Vec<u8>> {
    let times = |scale: f64, rounding: f64| {
        let is_pixel = |&value: &T| {
            let value: f64 = value.into() * scale;
            (value - value.round()).abs() <= rounding && (0.0..=255.0).contains(&value.round())
        };
        let pixel = |&value: &T| (value.into() * scale).round() as u8;
        values.par_iter().all(is_pixel).then(|| values.par_iter().map(pixel).collect())
    };
    let to_1 = values.par_iter().all(|&value| value.into() <= 1.0);
    if to_1 { times(255.0, rounding) } else { times(1.0, 0.0) }
}

/// Images with the channels of each pixel adjacent.
fn channels_last(shape: ImageShape, planes: &[u8]) -> Vec<u8> {
    let area = shape.width * shape.height;
    let mut pixels = Vec::with_capacity(planes.len());
    for image in planes.chunks_exact(shape.features()) {
        pixels.extend((0..area).flat_map(|p| (0..shape.channels).map(move |c| image[c * area + p])));
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dimensions: &[usize], numbers: Numbers) -> Features {
        numbers.features(dimensions)
    }

    #[test]
    fn channels_first_and_last_give_the_same_images() {
        let last = read(&[1, 1, 2, 3], Numbers::U8(vec![1, 2, 3, 4, 5, 6]));
        let first = read(&[1, 3, 1, 2], Numbers::U8(vec![1, 4, 2, 5, 3, 6]));
        for features in [last, first] {
            let Features::Pixels(shape, pixels) = features else { panic!("images") };
            assert_eq!(
                (shape, pixels),
                (ImageShape { width: 2, height: 1, channels: 3 }, vec![1, 2, 3, 4, 5, 6])
            );
        }
        let one = read(&[1, 1, 3, 2], Numbers::U8(vec![1, 2, 3, 4, 5, 6]));
        let Features::Pixels(shape, _) = one else { panic!("images") };
        assert_eq!(shape, ImageShape::gray(2, 3));
    }

    #[test]
    fn scaled_pixels_are_pixels_and_other_numbers_are_not() {
        let all: Vec<u8> = (0..=255).collect();
        let to_1 = all.iter().map(|&v| f32::from(v) / 255.0).collect();
        let halves = all.iter().map(|&v| f16::from_f32(f32::from(v) / 255.0)).collect();
        let doubles: Vec<f64> = all.iter().map(|&v| f64::from(v) / 255.0).collect();
        let to_255 = all.iter().map(|&v| f32::from(v)).collect();
        for numbers in
            [Numbers::F32(to_1), Numbers::F16(halves), Numbers::of_doubles(doubles), Numbers::F32(to_255)]
        {
            let Features::Pixels(_, pixels) = read(&[1, 16, 16], numbers) else { panic!("pixels") };
            assert_eq!(pixels, all);
        }
        for other in
            [vec![0.5f32, 0.25], vec![-1.0, 0.0], vec![1.5, 2.0], vec![256.0, 0.0], vec![f32::NAN, 0.0]]
        {
            assert!(matches!(read(&[1, 1, 2], Numbers::F32(other)), Features::Numbers(2, _)));
        }
        assert!(matches!(read(&[1, 2], Numbers::F32(vec![1.0, 2.0])), Features::Numbers(2, _)));
    }

    #[test]
    fn numbers_that_f32_would_round_stay_f64() {
        assert_eq!(Numbers::of_doubles(vec![0.5, 16_777_216.0]), Numbers::F32(vec![0.5, 16_777_216.0]));
        for exact in [16_777_217.0, 0.1, 1e300] {
            assert_eq!(Numbers::of_doubles(vec![0.5, exact]), Numbers::F64(vec![0.5, exact]));
        }
    }
}
