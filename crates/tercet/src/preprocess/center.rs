//! Brings a picture into the layout of the training pictures.
//!
//! With [`Layout::MNIST`] this is how MNIST was made: Y. LeCun, C. Cortes and C. Burges, "The MNIST database": the
//! digits were "size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", grey from
//! anti-aliasing, and "centered in a 28x28 image by computing the center of mass of the pixels, and translating the
//! image so as to position this point at the center of the 28x28 field".

use super::layout::{Anchor, Layout, Paper};
use super::{Stage, StageName};
use crate::Result;
use crate::image::{ImageShape, Picture, find_ink, full_ink, scale};

/// The longer side to which a picture is reduced first: enough detail for a box of 20 pixels around a digit that fills
/// a tenth of a photograph, and fast.
const LONGEST: usize = 1024;

/// The maximum difference between the aspect ratios of a picture and of the model's input for the picture to be only
/// resized.
const SAME_ASPECT: f64 = 0.02;

/// A picture in the layout of the training pictures, whether it had that layout already, and the intermediate stages.
pub(super) type Centered = (Picture, bool, Vec<Stage>);

/// Brings a grey picture into a layout, with all of its ink.
///
/// # Errors
/// A picture without ink.
pub(super) fn center(gray: &Picture, target: ImageShape, layout: &Layout) -> Result<Centered> {
    if let Some(example) = as_example(gray, target, layout) {
        return Ok(example);
    }
    let ink = find_ink(&reduced(gray))?;
    Ok(place(&ink.picture, ink.was_dark, target, layout))
}

/// A picture that is an example already, but for its size.
///
/// A picture of the model's size that already has the layout, or whose negative has it, keeps its pixels exactly. So
/// does any picture of that size if the training pictures have no uniform layout.
pub(super) fn as_example(gray: &Picture, target: ImageShape, layout: &Layout) -> Option<Centered> {
    let of_size = gray.shape() == target;
    if !of_size && !has_aspect_of(gray.shape(), target) {
        return None;
    }
    let resized = if of_size { gray.clone() } else { scale(gray, target.width, target.height) };
    let stages = |name: Option<StageName>, picture: &Picture| {
        let resize = (!of_size).then(|| Stage { name: StageName::Resized, picture: resized.clone() });
        let then = name.map(|name| Stage { name, picture: picture.clone() });
        resize.into_iter().chain(then).collect::<Vec<Stage>>()
    };
    if layout.fits(&resized) {
        return Some((resized.clone(), of_size, stages(None, &resized)));
    }
    if layout.uniform || !of_size {
        let negative = resized.negative();
        if layout.fits(&negative) {
            let stages = stages(Some(StageName::Inverted), &negative);
            return Some((negative, of_size, stages));
        }
    }
    (of_size && !layout.uniform).then(|| (gray.clone(), true, Vec::new()))
}

fn has_aspect_of(shape: ImageShape, target: ImageShape) -> bool {
    let ratio = (shape.width * target.height) as f64 / (shape.height * target.width) as f64;
    (ratio - 1.0).abs() <= SAME_ASPECT
}

/// Scales ink, light on 0, into the layout's box and puts its anchor in position. `was_dark` tells whether it is the
/// negative of the picture.
pub(super) fn place(ink: &Picture, was_dark: bool, target: ImageShape, layout: &Layout) -> Centered {
    let mut stages = Vec::new();
    let mut keep = |name, picture: &Picture| stages.push(Stage { name, picture: picture.clone() });
    keep(if was_dark { StageName::Inverted } else { StageName::Ink }, ink);

    // There is at least one pixel of full ink, so there is a bounding box and a centre of mass.
    let bounds = ink_box(ink).expect("ink was found");
    let cropped = ink.crop(bounds.left, bounds.top, bounds.width, bounds.height);
    keep(StageName::Cropped, &cropped);

    let (box_width, box_height) = (layout.width.min(target.width), layout.height.min(target.height));
    let across = box_width as f64 / bounds.width as f64;
    let down = box_height as f64 / bounds.height as f64;
    let (across, down) = if layout.stretch { (across, down) } else { (across.min(down), across.min(down)) };
    let side = |old: usize, ratio: f64, most: usize| ((old as f64 * ratio).round() as usize).clamp(1, most);
    let (width, height) = (side(bounds.width, across, box_width), side(bounds.height, down, box_height));
    let scaled = strengthened(scale(&cropped, width, height));
    keep(StageName::Scaled, &scaled);

    let (x, y) = match layout.anchor {
        Anchor::CenterOfMass => center_of_mass(&scaled),
        Anchor::BoxCenter => ((width - 1) as f64 / 2.0, (height - 1) as f64 / 2.0),
    };
    // Whole pixels, as in MNIST: a fraction would blur. A digit with nearly all of its ink on one side would leave the
    // picture, so it is moved only as far as its box allows.
    let shift = |position: f64, anchor: f64, side: usize, taken: usize| {
        ((position - anchor).round().max(0.0) as usize).min(side - taken)
    };
    let left = shift(layout.position[0], x, target.width, width);
    let top = shift(layout.position[1], y, target.height, height);
    let mut pixels = vec![0; target.features()];
    for (row, line) in scaled.pixels().chunks_exact(width).enumerate() {
        pixels[(top + row) * target.width + left..][..width].copy_from_slice(line);
    }
    let mut centered = Picture::known(target, pixels);
    keep(StageName::Centered, &centered);
    if layout.paper == Paper::Light {
        centered = centered.negative();
        keep(StageName::Inverted, &centered);
    }
    (centered, false, stages)
}

/// The bounding box of the ink.
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

/// The mean position of the ink, each pixel weighted by its value, relative to the centre of the first pixel; that
/// pixel if there is no ink.
fn center_of_mass(gray: &Picture) -> (f64, f64) {
    let width = gray.shape().width;
    let (mut x, mut y, mut mass) = (0.0, 0.0, 0.0);
    for (p, &v) in gray.pixels().iter().enumerate().filter(|(_, v)| **v > 0) {
        let v = f64::from(v);
        (x, y, mass) = (x + v * (p % width) as f64, y + v * (p / width) as f64, mass + v);
    }
    if mass > 0.0 { (x / mass, y / mass) } else { (0.0, 0.0) }
}

/// The picture, reduced with its aspect ratio kept, so that neither side exceeds [`LONGEST`].
fn reduced(gray: &Picture) -> Picture {
    let ImageShape { width, height, .. } = gray.shape();
    let longest = width.max(height);
    let side = |old: usize| (old * LONGEST).div_ceil(longest.max(LONGEST));
    scale(gray, side(width), side(height))
}

/// The picture with its ink raised to full strength again. A thin stroke fades when it is scaled down, whereas MNIST's
/// strokes, drawn with a wide pen, do not.
fn strengthened(gray: Picture) -> Picture {
    let strength: Vec<f32> = gray.pixels().iter().map(|&v| f32::from(v)).collect();
    let full = full_ink(&strength);
    // If all pixels are equal, such as those of a filled rectangle, no threshold separates them.
    let full = if full > 0.0 { full } else { strength.iter().copied().fold(1.0, f32::max) };
    let raise = |v: &f32| (v * 255.0 / full).round().min(255.0) as u8;
    Picture::known(gray.shape(), strength.iter().map(raise).collect())
}
