//! A picture made as MNIST's were.
//!
//! Y. LeCun, C. Cortes and C. Burges, "The MNIST database": the digits were "size normalized to fit in a 20x20
//! pixel box while preserving their aspect ratio", grey from anti-aliasing, and "centered in a 28x28 image by
//! computing the center of mass of the pixels, and translating the image so as to position this point at the
//! center of the 28x28 field".

use super::ImageShape;
use super::prepare::{Stage, Step};
use super::{Picture, ink, scale};
use crate::Result;

/// The longer side that a picture is reduced to before anything else: detail enough for a box of 20 pixels around
/// a digit that fills a tenth of a photograph, and quick.
const LONGEST: usize = 1024;

/// A centred picture, whether it was so from the start, and the stages on the way.
pub(super) type Centred = (Picture, bool, Vec<Stage>);

/// Makes any grey picture as MNIST's were.
///
/// A picture that [`is_centred`] already, or whose negative is, keeps its pixels exactly.
///
/// # Errors
/// A picture without ink.
pub(super) fn centre(gray: &Picture, target: ImageShape) -> Result<Centred> {
    if is_centred(gray, target) {
        return Ok((gray.clone(), true, Vec::new()));
    }
    let negative = gray.negative();
    if is_centred(&negative, target) {
        let stage = Stage { step: Step::Inverted, picture: negative.clone() };
        return Ok((negative, true, vec![stage]));
    }

    let mut stages = Vec::new();
    let mut keep = |step, picture: &Picture| stages.push(Stage { step, picture: picture.clone() });

    let ink = ink::find(&reduced(gray))?;
    keep(if ink.was_dark { Step::Inverted } else { Step::Ink }, &ink.picture);

    // `ink::find` gives at least one pixel of full ink, so that there is a box and a centre of mass.
    let bounds = ink_box(&ink.picture).expect("ink was found");
    let cropped = ink.picture.crop(bounds.left, bounds.top, bounds.width, bounds.height);
    keep(Step::Cropped, &cropped);

    let (box_width, box_height) = (box_side(target.width), box_side(target.height));
    let ratio = (box_width as f64 / bounds.width as f64).min(box_height as f64 / bounds.height as f64);
    let side = |old: usize, most: usize| ((old as f64 * ratio).round() as usize).clamp(1, most);
    let (width, height) = (side(bounds.width, box_width), side(bounds.height, box_height));
    let scaled = strengthened(scale::scale(&cropped, width, height));
    keep(Step::Scaled, &scaled);

    let (x, y) = centre_of_mass(&scaled);
    // Whole pixels, as in MNIST: a fraction would blur. A digit with nearly all of its ink on one side would leave
    // the picture; it is moved only as far as its box allows.
    let shift = |mass: f64, side: usize, taken: usize| {
        ((middle(side) - mass).round().max(0.0) as usize).min(side - taken)
    };
    let (left, top) = (shift(x, target.width, width), shift(y, target.height, height));
    let mut pixels = vec![0; target.features()];
    for (row, line) in scaled.pixels().chunks_exact(width).enumerate() {
        pixels[(top + row) * target.width + left..][..width].copy_from_slice(line);
    }
    let centred = Picture::known(target, pixels);
    keep(Step::Centred, &centred);
    Ok((centred, false, stages))
}

/// Whether a picture is one that MNIST could hold: the right size, paper of exactly 0, ink in a box of 20 × 20 that
/// is at least 16 long and has a pixel of at least 128, and its centre of mass at most 1 pixel from the centre,
/// across and down. (In all of MNIST's own test images the box is 19 or 20 long and that distance at most ½.)
fn is_centred(gray: &Picture, target: ImageShape) -> bool {
    if gray.shape() != target {
        return false;
    }
    let Some(bounds) = ink_box(gray) else { return false };
    let (box_width, box_height) = (box_side(target.width), box_side(target.height));
    let fits = bounds.width <= box_width && bounds.height <= box_height;
    let fills = 5 * bounds.width >= 4 * box_width || 5 * bounds.height >= 4 * box_height;
    let (x, y) = centre_of_mass(gray);
    let near = |mass: f64, side: usize| (mass - middle(side)).abs() <= 1.0;
    let strong = gray.pixels().iter().any(|&v| v >= 128);
    fits && fills && strong && near(x, target.width) && near(y, target.height)
}

/// The side of the box that ink is scaled into: 20 of 28.
fn box_side(side: usize) -> usize {
    (side * 20).div_ceil(28)
}

/// Where MNIST puts the centre of mass, counted from the middle of the first pixel: 14 of 28, the first pixel of
/// the second half.
fn middle(side: usize) -> f64 {
    (side / 2) as f64
}

/// The smallest rectangle that holds all ink.
struct Bounds {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

fn ink_box(gray: &Picture) -> Option<Bounds> {
    let (mut bottom, mut left, mut right, mut top) = (0, usize::MAX, 0, None);
    for (y, row) in gray.pixels().chunks_exact(gray.shape().width).enumerate() {
        let Some(first) = row.iter().position(|&v| v > 0) else { continue };
        let last = row.iter().rposition(|&v| v > 0).unwrap_or(first);
        top = top.or(Some(y));
        (bottom, left, right) = (y, left.min(first), right.max(last));
    }
    let top = top?;
    Some(Bounds { left, top, width: right - left + 1, height: bottom - top + 1 })
}

/// The mean position of the ink, each pixel counted by its value, from the middle of the first pixel; the first
/// pixel where there is no ink.
pub(super) fn centre_of_mass(gray: &Picture) -> (f64, f64) {
    let width = gray.shape().width;
    let (mut x, mut y, mut mass) = (0.0, 0.0, 0.0);
    for (p, &v) in gray.pixels().iter().enumerate().filter(|(_, v)| **v > 0) {
        let v = f64::from(v);
        (x, y, mass) = (x + v * (p % width) as f64, y + v * (p / width) as f64, mass + v);
    }
    if mass > 0.0 { (x / mass, y / mass) } else { (0.0, 0.0) }
}

/// The picture with its aspect kept and neither side above [`LONGEST`].
fn reduced(gray: &Picture) -> Picture {
    let ImageShape { width, height, .. } = gray.shape();
    let longest = width.max(height);
    let side = |old: usize| (old * LONGEST).div_ceil(longest.max(LONGEST));
    scale::area(gray, side(width), side(height))
}

/// The picture with its ink raised to full ink again. A thin stroke fades when it is made small, and MNIST's strokes,
/// which a wide pen drew, do not.
fn strengthened(gray: Picture) -> Picture {
    let strength: Vec<f32> = gray.pixels().iter().map(|&v| f32::from(v)).collect();
    let full = ink::full_ink(&strength);
    // All pixels alike, such as a filled rectangle, leave no threshold to be above.
    let full = if full > 0.0 { full } else { strength.iter().copied().fold(1.0, f32::max) };
    let raise = |v: &f32| (v * 255.0 / full).round().min(255.0) as u8;
    Picture::known(gray.shape(), strength.iter().map(raise).collect())
}
