//! Finds the characters in a photograph of paper.
//!
//! ```text
//! picture → sheet → paper without ink → strength of the ink → lines removed → components → characters
//! ```
//!
//! Every stage is a function of the ones before it, in a file of its own. Everything happens on a picture whose longer
//! side is at most 1024 pixels; boxes are given in pixels of the picture itself.

mod characters;
mod components;
mod illumination;
mod lines;
mod plane;
mod sheet;
mod threshold;

use characters::{Character, characters, depth, is_blob, is_frame};
use components::{Component, components};
use plane::{Mask, Plane};
use threshold::{Strength, full, strength};

use super::{ImageShape, Picture, scale};
use crate::{Error, Result};

/// The longer side to which a picture is reduced first: enough detail for a digit that fills a tenth of a photograph,
/// and fast.
const LONGEST: usize = 1024;

/// Ink that is fainter than this fraction of full ink does not connect strokes.
const CONNECTS: f32 = 0.3;

/// Full ink that is fainter than this, out of 255, is dirt. Handwriting in pencil has 50 or more.
const FAINTEST: f32 = 24.0;

/// Full ink differs from the paper by more than this many standard deviations of the paper.
const OVER_NOISE: f32 = 7.0;

/// The longer side of a character is at least this many pixels, and this fraction of the longer side of the picture.
const SMALLEST: (usize, f32) = (5, 0.012);

/// More characters than this in one picture are a texture or a page of text.
const MOST: usize = 100;

/// A rectangle in a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first column.
    pub left: usize,
    /// The first row.
    pub top: usize,
    /// The number of columns.
    pub width: usize,
    /// The number of rows.
    pub height: usize,
}

/// A character that was found in a picture.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Where, in pixels of the picture.
    pub bounds: Bounds,
    /// The line of writing, from 0.
    pub line: usize,
    /// Its ink alone: 0 is paper and 255 full ink.
    pub ink: Picture,
}

/// What a picture shows, and the stages in which it was found.
pub(crate) struct Segmentation {
    /// The characters, line by line from left to right: at least one.
    pub characters: Vec<Found>,
    /// Whether ink is darker than the paper.
    pub was_dark: bool,
    /// Name and picture of every stage.
    pub stages: Vec<(&'static str, Picture)>,
}

/// Finds the characters in a picture.
///
/// # Errors
/// A picture without ink, one that is covered by it, and one with too many pieces of ink, which is a texture.
pub(crate) fn segment(picture: &Picture) -> Result<Segmentation> {
    let small = reduced(picture);
    let (width, height) = (small.shape().width, small.shape().height);
    let mut stages = vec![("reduced", small.clone())];
    let gray = small.to_gray();
    let luma = Plane { width, height, values: gray.pixels().iter().map(|&v| f32::from(v)).collect() };
    let sheet = sheet::sheet(&luma);
    stages.push(("sheet", masked(&gray, &sheet)));
    let strength = strength(&small, &sheet);
    stages.push(("even", strength.even.clone()));
    let ink = ink(&strength, &sheet, &mut stages)?;
    let characters = characters(ink);
    if characters.is_empty() || characters.len() > MOST {
        return Err(rejected(format!("{} separate pieces of ink, a texture or noise", characters.len())));
    }
    let longest = picture.shape().width.max(picture.shape().height) as f64;
    let ratio = longest / width.max(height) as f64;
    let mut all = Plane::filled(width, height, 0u8);
    let characters =
        characters.iter().map(|character| found(character, &strength, ratio, &mut all)).collect();
    stages.push(("characters", Picture::known(ImageShape::gray(width, height), all.values)));
    Ok(Segmentation { characters, was_dark: strength.is_dark, stages })
}

fn rejected(found: String) -> Error {
    Error::mismatch("picture", found, "something written by hand on a plain ground, with space around it")
}

/// The picture, reduced with its aspect ratio kept, so that neither side exceeds [`LONGEST`].
fn reduced(picture: &Picture) -> Picture {
    let ImageShape { width, height, .. } = picture.shape();
    let longest = width.max(height).max(LONGEST);
    scale(picture, (width * LONGEST).div_ceil(longest), (height * LONGEST).div_ceil(longest))
}

fn masked(gray: &Picture, mask: &Mask) -> Picture {
    let pixels = gray.pixels().iter().zip(&mask.values).map(|(v, is)| if *is { *v } else { v / 4 }).collect();
    Picture::known(gray.shape(), pixels)
}

fn shown(mask: &Mask) -> Picture {
    let pixels = mask.values.iter().map(|is| if *is { 255 } else { 0 }).collect();
    Picture::known(ImageShape::gray(mask.width, mask.height), pixels)
}

/// The components of the ink that may be parts of characters.
///
/// # Errors
/// No ink, or too much.
fn ink(
    strength: &Strength,
    sheet: &Mask,
    stages: &mut Vec<(&'static str, Picture)>,
) -> Result<Vec<Component>> {
    let (width, height) = (sheet.width, sheet.height);
    let area = sheet.count().max(1);
    let above = |threshold: f32| {
        let values = strength.plane.values.iter().zip(&sheet.values).map(|(s, is)| *is && *s > threshold);
        Plane { width, height, values: values.collect() }
    };
    let faintest = strength.faintest();
    let mut mask = above(faintest);
    stages.push(("mask", shown(&mask)));
    if mask.count() == 0 {
        return Err(rejected("no ink: it is the same colour all over (transparent parts are white)".into()));
    }
    let faint_lines = lines::remove_lines(&mut mask);
    // The strength of full ink, without what comes in from outside.
    let rim = sheet.erode(2, false);
    let leaves = |part: &Component| part.pixels.iter().any(|&p| !rim.values[p]);
    let mut inner = mask.clone();
    for part in components(&mask).iter().filter(|part| leaves(part)) {
        part.pixels.iter().for_each(|&p| inner.values[p] = false);
    }
    let inner = if 50 * inner.count() > mask.count() { inner } else { mask };
    let full = full(&strength.plane, &inner);
    if full < FAINTEST.max(OVER_NOISE * strength.noise) {
        return Err(rejected("no ink: nothing in it stands out from the paper and its grain".into()));
    }
    let threshold = faintest.max(CONNECTS * full);
    let mut mask = above(threshold);
    let faint = faint_lines.values.iter();
    mask.values.iter_mut().zip(faint).for_each(|(is, line)| *is &= !line);
    let strong_lines = lines::remove_lines(&mut mask);
    let removed = faint_lines.values.iter().zip(&strong_lines.values).map(|(a, b)| *a || *b).collect();
    stages.push(("lines", shown(&Plane { width, height, values: removed })));
    stages.push(("ink", shown(&mask)));
    if mask.count() > area * 6 / 10 {
        return Err(rejected("a picture that is inked all over".into()));
    }
    plausible(&mask, leaves, area)
}

/// The components without frames, blobs, and whatever reaches the border of the sheet.
fn plausible(mask: &Mask, leaves: impl Fn(&Component) -> bool, area: usize) -> Result<Vec<Component>> {
    let depth = depth(mask);
    let smallest = SMALLEST.0.max((SMALLEST.1 * mask.width.max(mask.height) as f32) as usize);
    let mut all = components(mask);
    // Dirt and grain; a dot that belongs to a character is not needed to read it.
    all.retain(|part| part.width().max(part.height()) >= smallest);
    let size = |part: &Component| part.width().max(part.height());
    let largest = all.iter().map(size).max().unwrap_or(0);
    let (outer, mut inner): (Vec<Component>, Vec<Component>) = all.into_iter().partition(|part| leaves(part));
    let blobs: usize = inner.iter().filter(|part| is_blob(part, &depth)).map(|part| part.pixels.len()).sum();
    let has_strokes = |parts: &[Component]| {
        let stroke =
            |part: &Component| !is_blob(part, &depth) && 12 * size(part) > largest && part.pixels.len() > 6;
        parts.iter().any(stroke)
    };
    if has_strokes(&inner) {
        inner.retain(|part| !is_blob(part, &depth) && !is_frame(part, mask.width));
    } else if has_strokes(&outer) {
        // A digit that the border of the picture cuts.
        inner = outer.into_iter().filter(|part| !is_blob(part, &depth)).collect();
    }
    let found = match () {
        () if !inner.is_empty() && blobs > area / 4 => "a picture that is mostly covered by ink",
        () if inner.is_empty() => "no ink: nothing in it looks like a stroke of a pen",
        () => return Ok(inner),
    };
    Err(rejected(found.into()))
}

/// Cuts a character out, with the soft edges of its strokes.
fn found(character: &Character, strength: &Strength, ratio: f64, all: &mut Plane<u8>) -> Found {
    let (ink, plane) = (&character.ink, &strength.plane);
    let margin = 1 + plane.width.max(plane.height) / 512;
    let (left, top) = (ink.left.saturating_sub(margin), ink.top.saturating_sub(margin));
    let right = (ink.right + margin).min(plane.width - 1);
    let bottom = (ink.bottom + margin).min(plane.height - 1);
    let (width, height) = (right - left + 1, bottom - top + 1);
    let mut own = Plane::filled(width, height, false);
    ink.pixels.iter().for_each(|&p| own.set(p % plane.width - left, p / plane.width - top, true));
    let at = |p: usize| plane.at(left + p % width, top + p / width);
    let cut = Plane { width, height, values: (0..width * height).map(at).collect() };
    let full = full(&cut, &own).max(1.0);
    let noise = (full / 10.0).max(4.0 * strength.noise);
    let near = own.dilate(margin);
    let value = |(s, near): (&f32, &bool)| {
        if *near && *s >= noise { (s * 255.0 / full).round().min(255.0) as u8 } else { 0 }
    };
    let pixels: Vec<u8> = cut.values.iter().zip(&near.values).map(value).collect();
    for (p, v) in pixels.iter().enumerate() {
        let (x, y) = (left + p % width, top + p / width);
        all.set(x, y, all.at(x, y).max(*v));
    }
    let shape = ImageShape::gray(width, height);
    let scaled = |v: usize| (v as f64 * ratio).round() as usize;
    let bounds = Bounds {
        left: scaled(ink.left),
        top: scaled(ink.top),
        width: scaled(ink.width()).max(1),
        height: scaled(ink.height()).max(1),
    };
    Found { bounds, line: character.line, ink: Picture::known(shape, pixels) }
}
