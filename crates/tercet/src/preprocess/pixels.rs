//! Steps on the pixels of every example.

use rayon::prelude::*;

use super::{Paper, Step};
use crate::Result;
use crate::data::Examples;
use crate::image::{ImageShape, Picture, blur, deskew, size_normalize};

/// One step on a grey picture. Steps that locate the ink assume light ink, so dark ink on light paper is inverted for
/// them.
pub(super) fn step(step: &Step, picture: Picture, paper: Paper) -> Picture {
    let as_light_ink = |change: &dyn Fn(&Picture) -> Picture| match paper {
        Paper::Dark => change(&picture),
        Paper::Light => change(&picture.negative()).negative(),
    };
    match step {
        Step::Invert => picture.negative(),
        Step::Deskew => as_light_ink(&deskew),
        Step::SizeNormalize => as_light_ink(&size_normalize),
        Step::Blur { sigma } => as_light_ink(&|picture| blur(picture, *sigma)),
        _ => picture,
    }
}

/// The paper after the inversion, if any: that of the layout, or its opposite.
pub(super) fn paper(steps: &[Step]) -> Paper {
    let light =
        steps.iter().any(|step| matches!(step, Step::Center { layout } if layout.paper == Paper::Light));
    match light != steps.contains(&Step::Invert) {
        true => Paper::Light,
        false => Paper::Dark,
    }
}

/// Applies all pixel steps of a list to every example; returns the examples themselves if there are none.
///
/// # Errors
/// None for pixels that passed [`check`](super::Preprocessing::check).
pub(super) fn apply(steps: &[Step], examples: &Examples) -> Result<Examples> {
    let paper = paper(steps);
    let steps: Vec<&Step> = steps.iter().filter(|step| step.is_for_pixels()).collect();
    let Some(shape) = examples.image_shape().filter(|_| !steps.is_empty()) else {
        return Ok(examples.clone());
    };
    let mut pixels = vec![0; examples.len() * shape.features()];
    pixels.par_chunks_mut(shape.features()).enumerate().for_each(|(i, new)| {
        let old = Picture::known(shape, examples.pixels(i).unwrap_or_default().to_vec());
        let picture = steps.iter().fold(old, |picture, next| step(next, picture, paper));
        new.copy_from_slice(picture.pixels());
    });
    Examples::from_pixels(shape, pixels)
}

/// How far a number of 0 to 1 may be from a pixel / 255, times 255: half the step of f16 below 1.
const ROUNDING: f64 = 0.13;

/// Features as pixels of images, if every number is an integer from 0 to 255, or such an integer divided by 255.
///
/// # Errors
/// Those of [`Examples::from_pixels`].
pub(super) fn from_numbers(examples: &Examples, shape: ImageShape) -> Result<Option<Examples>> {
    let pixels = scaled(examples, 1.0, 0.0).or_else(|| scaled(examples, 255.0, ROUNDING));
    pixels.map(|pixels| Examples::from_pixels(shape, pixels)).transpose()
}

/// All numbers times `scale`, if each is within `rounding` of an integer from 0 to 255.
fn scaled(examples: &Examples, scale: f64, rounding: f64) -> Option<Vec<u8>> {
    let (mut pixels, mut row) = (Vec::new(), vec![0f64; examples.width()]);
    for example in examples.iter() {
        example.write_f64(&mut row);
        for &x in &row {
            let pixel = (x * scale).round();
            if (x * scale - pixel).abs() > rounding || !(0.0..=255.0).contains(&pixel) {
                return None;
            }
            pixels.push(pixel as u8);
        }
    }
    Some(pixels)
}
