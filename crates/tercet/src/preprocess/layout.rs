//! [`Layout`]: the layout of the training pictures, estimated from the pictures themselves.
//!
//! A model has seen only pictures that were made in one particular way. MNIST's digits are light on dark, scaled into a
//! box of 20 × 20 pixels and placed so that their centre of mass is the centre of 28 × 28; Fashion-MNIST's clothes are
//! light on dark and fill the picture; the digits of another set may be dark on light. A photograph must be brought
//! into the layout of the training pictures, so that layout is measured rather than assumed.

use serde::{Deserialize, Serialize};

use crate::data::Examples;
use crate::image::{ImageShape, Picture};

/// The maximum number of training pictures that are measured, evenly spaced.
const MEASURED: usize = 4096;

/// Differences from the paper up to this value are noise.
const NOISE: u8 = 25;

/// The paper is dark if the median of the outermost pixels is at most this, and light from 255 minus this on.
const DARK: u8 = 96;

/// The fraction of pictures that must have the same paper for the set to have one.
const SAME_PAPER: f64 = 0.75;

/// The fraction of pictures whose ink must reach all four sides for the set to count as cropped to the ink.
const FILLS: f64 = 0.95;

/// Whether the background is dark or light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Paper {
    /// Light ink on a dark background, as in MNIST.
    Dark,
    /// Dark ink on a light background, as on paper.
    Light,
}

/// The point of the ink that has a fixed position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// The centre of mass, each pixel weighted by its value.
    CenterOfMass,
    /// The centre of the bounding box.
    BoxCenter,
}

/// The layout of the training pictures: background, size and position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The background.
    pub paper: Paper,
    /// The width of the box that ink is scaled into, in pixels.
    pub width: usize,
    /// The height of that box.
    pub height: usize,
    /// Whether ink fills that box in both directions, so that its aspect ratio is not kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stretch: bool,
    /// The point of the ink that has a fixed position.
    pub anchor: Anchor,
    /// That position, horizontal and vertical, in pixels from the centre of the first pixel.
    pub position: [f64; 2],
    /// The range (minimum and maximum) of the longer side of the ink's bounding box.
    pub longest: [usize; 2],
    /// The largest distance of the anchor from its position, horizontal or vertical.
    pub offset: f64,
    /// Whether every measured training picture has this layout. Otherwise a picture of the model's own size is never
    /// changed.
    pub uniform: bool,
}

/// The measurements of one picture's ink.
struct Ink {
    width: usize,
    height: usize,
    /// The centre of mass and the centre of the bounding box.
    anchors: [[f64; 2]; 2],
    /// The strongest difference from the paper.
    strongest: u8,
}

impl Ink {
    /// The ink of a grey picture on this paper; `None` if there is none.
    fn of(pixels: &[u8], width: usize, paper: Paper) -> Option<Ink> {
        let strength = |v: u8| if paper == Paper::Dark { v } else { 255 - v };
        let (mut left, mut right, mut top, mut bottom) = (usize::MAX, 0, None, 0);
        let (mut x_sum, mut y_sum, mut mass, mut strongest) = (0u64, 0u64, 0u64, 0);
        for (y, row) in pixels.chunks_exact(width).enumerate() {
            for (x, v) in row.iter().map(|&v| strength(v)).enumerate().filter(|(_, v)| *v > NOISE) {
                (left, right, bottom) = (left.min(x), right.max(x), y);
                top.get_or_insert(y);
                strongest = strongest.max(v);
                let v = u64::from(v);
                (x_sum, y_sum, mass) = (x_sum + v * x as u64, y_sum + v * y as u64, mass + v);
            }
        }
        let top = top?;
        let mean = |sum: u64| sum as f64 / mass as f64;
        let middle = |from: usize, to: usize| (from + to) as f64 / 2.0;
        Some(Ink {
            width: right - left + 1,
            height: bottom - top + 1,
            anchors: [[mean(x_sum), mean(y_sum)], [middle(left, right), middle(top, bottom)]],
            strongest,
        })
    }

    fn longest(&self) -> usize {
        self.width.max(self.height)
    }

    fn anchor(&self, anchor: Anchor) -> [f64; 2] {
        self.anchors[anchor as usize]
    }
}

/// The paper, judging by the outermost pixels of a grey picture, if they are clearly dark or light.
fn paper_of(pixels: &[u8], shape: ImageShape) -> Option<Paper> {
    let (w, h) = (shape.width, shape.height);
    let mut counts = [0usize; 256];
    for x in 0..w {
        counts[usize::from(pixels[x])] += 1;
        counts[usize::from(pixels[(h - 1) * w + x])] += 1;
    }
    for y in 1..h.saturating_sub(1) {
        counts[usize::from(pixels[y * w])] += 1;
        counts[usize::from(pixels[y * w + w - 1])] += 1;
    }
    let (total, mut seen) = (counts.iter().sum::<usize>(), 0);
    let median = counts.iter().position(|count| {
        seen += count;
        2 * seen >= total
    })?;
    match median as u8 {
        v if v <= DARK => Some(Paper::Dark),
        v if v >= 255 - DARK => Some(Paper::Light),
        _ => None,
    }
}

impl Layout {
    /// MNIST's layout: light on dark, the ink in a box of 20 × 20 with its centre of mass in the centre of 28 × 28.
    ///
    /// Y. LeCun, C. Cortes and C. Burges, "The MNIST database".
    pub const MNIST: Layout = Layout {
        paper: Paper::Dark,
        width: 20,
        height: 20,
        stretch: false,
        anchor: Anchor::CenterOfMass,
        position: [14.0, 14.0],
        longest: [17, 20],
        offset: 0.6,
        uniform: true,
    };

    /// The layout of training pictures; `None` for colour pictures, and if most of them do not share a background.
    pub fn estimate(examples: &Examples) -> Option<Layout> {
        let shape = examples.image_shape().filter(|shape| shape.channels == 1)?;
        let step = examples.len().div_ceil(MEASURED).max(1);
        let pictures: Vec<&[u8]> =
            (0..examples.len()).step_by(step).filter_map(|i| examples.pixels(i)).collect();

        let papers: Vec<Option<Paper>> = pictures.iter().map(|pixels| paper_of(pixels, shape)).collect();
        let count = |paper| papers.iter().filter(|&&other| other == Some(paper)).count();
        let (dark, light) = (count(Paper::Dark), count(Paper::Light));
        let (paper, most) = if dark >= light { (Paper::Dark, dark) } else { (Paper::Light, light) };
        if pictures.is_empty() || (most as f64) < SAME_PAPER * pictures.len() as f64 {
            return None;
        }
        let inks: Vec<Ink> =
            pictures.iter().filter_map(|pixels| Ink::of(pixels, shape.width, paper)).collect();
        if inks.is_empty() {
            return None;
        }
        let one_paper = most == pictures.len() && inks.len() == pictures.len();
        Some(Layout::of_inks(&inks, shape, paper, one_paper))
    }

    fn of_inks(inks: &[Ink], shape: ImageShape, paper: Paper, one_paper: bool) -> Layout {
        let [mass, middle] =
            [Anchor::CenterOfMass, Anchor::BoxCenter].map(|anchor| Position::of(inks, anchor));
        let (anchor, place) = if mass.spread <= middle.spread {
            (Anchor::CenterOfMass, mass)
        } else {
            (Anchor::BoxCenter, middle)
        };
        let fills = |ink: &&Ink| ink.width == shape.width && ink.height == shape.height;
        let stretch = inks.iter().filter(fills).count() as f64 >= FILLS * inks.len() as f64;
        let sides = |side: fn(&Ink) -> usize| {
            let mut sides: Vec<usize> = inks.iter().map(side).collect();
            sides.sort_unstable();
            sides
        };
        // A few outliers, such as a mislabelled blot, do not determine the box.
        let nearly_largest = |sides: &[usize]| sides[(sides.len() - 1) * 999 / 1000];
        let longest = sides(Ink::longest);
        let longest = [longest[0], longest[longest.len() - 1]];
        Layout {
            paper,
            width: nearly_largest(&sides(|ink| ink.width)),
            height: nearly_largest(&sides(|ink| ink.height)),
            stretch,
            anchor,
            position: place.mean,
            longest,
            offset: place.largest,
            uniform: one_paper && longest[1] - longest[0] <= 4 && place.largest <= 1.5,
        }
    }

    /// Whether the training pictures look like handwriting, cut out and centred on plain ground, so that characters
    /// should be cut out of a photograph in the same way: they all have this layout, and there is ground around the ink.
    pub fn is_of_characters(&self, shape: ImageShape) -> bool {
        let has_room = self.width < shape.width && self.height < shape.height;
        self.uniform && !self.stretch && has_room && self.longest[1] < shape.width.max(shape.height)
    }

    /// Whether a grey picture of the model's size has the layout of the training pictures.
    pub(super) fn fits(&self, picture: &Picture) -> bool {
        let shape = picture.shape();
        if paper_of(picture.pixels(), shape) != Some(self.paper) {
            return false;
        }
        let Some(ink) = Ink::of(picture.pixels(), shape.width, self.paper) else { return false };
        let [shortest, longest] = self.longest;
        let sized = (shortest.saturating_sub(1)..=longest + 1).contains(&ink.longest());
        let near =
            |axis: usize| (ink.anchor(self.anchor)[axis] - self.position[axis]).abs() <= self.offset + 0.5;
        sized && near(0) && near(1) && ink.strongest >= 128
    }
}

/// The position of an anchor in the training pictures.
struct Position {
    /// Horizontal and vertical, rounded to half pixels.
    mean: [f64; 2],
    /// The total variance, horizontal plus vertical.
    spread: f64,
    /// The largest distance, horizontal or vertical.
    largest: f64,
}

impl Position {
    fn of(inks: &[Ink], anchor: Anchor) -> Position {
        let n = inks.len() as f64;
        let mean = [0, 1].map(|axis| inks.iter().map(|ink| ink.anchor(anchor)[axis]).sum::<f64>() / n);
        let square =
            |axis: usize| inks.iter().map(move |ink| (ink.anchor(anchor)[axis] - mean[axis]).powi(2));
        let spread = (0..2).flat_map(square).sum::<f64>() / n;
        let mean = mean.map(|mean| (2.0 * mean).round() / 2.0);
        let distance =
            |axis: usize| inks.iter().map(move |ink| (ink.anchor(anchor)[axis] - mean[axis]).abs());
        Position { mean, spread, largest: (0..2).flat_map(distance).fold(0.0, f64::max) }
    }
}

/// `light on dark, 20 × 20, centre of mass at 14, 14`.
impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Layout { width, height, position: [x, y], .. } = self;
        let paper = match self.paper {
            Paper::Dark => "light on dark",
            Paper::Light => "dark on light",
        };
        let anchor = match self.anchor {
            Anchor::CenterOfMass => "centre of mass",
            Anchor::BoxCenter => "centre of the box",
        };
        let stretch = if self.stretch { ", filling it" } else { "" };
        write!(f, "{paper}, in a box of {width} × {height}{stretch}, {anchor} at {x}, {y}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bars of 3 × 8 pixels at the given positions, light on dark.
    fn bars(count: usize, place: impl Fn(usize) -> (usize, usize)) -> Vec<u8> {
        let bar = |i: usize, p: usize| {
            let ((left, top), x, y) = (place(i), p % 16, p / 16);
            (left..left + 3).contains(&x) && (top..top + 8).contains(&y)
        };
        (0..count * 256).map(|p| if bar(p / 256, p % 256) { 200 } else { 0 }).collect()
    }

    fn estimate(pixels: Vec<u8>) -> Option<Layout> {
        Layout::estimate(&Examples::from_pixels(ImageShape::gray(16, 16), pixels).unwrap())
    }

    fn picture(pixels: &[u8]) -> Picture {
        Picture::new(ImageShape::gray(16, 16), pixels.to_vec()).unwrap()
    }

    #[test]
    fn polarity_size_and_position_are_measured() {
        let centred = bars(40, |_| (7, 4));
        let layout = estimate(centred.clone()).unwrap();
        assert_eq!((layout.paper, layout.width, layout.height, layout.uniform), (Paper::Dark, 3, 8, true));
        assert_eq!((layout.position, layout.longest), ([8.0, 7.5], [8, 8]));
        let inverted = estimate(centred.iter().map(|v| 255 - v).collect()).unwrap();
        assert_eq!(inverted, Layout { paper: Paper::Light, ..layout });
    }

    #[test]
    fn pictures_with_another_layout_do_not_fit() {
        let layout = estimate(bars(40, |_| (7, 4))).unwrap();
        assert!(layout.fits(&picture(&bars(1, |_| (7, 4)))));
        for (left, top) in [(0, 4), (7, 8), (13, 0)] {
            assert!(!layout.fits(&picture(&bars(1, |_| (left, top)))), "{left}, {top}");
        }
        assert!(!layout.fits(&picture(&bars(1, |_| (7, 4))).negative()));
        assert!(!layout.fits(&picture(&[0; 256])));
    }

    #[test]
    fn a_set_whose_subjects_lie_anywhere_is_not_uniform() {
        let layout = estimate(bars(40, |i| (i % 13, i % 8))).unwrap();
        assert!(!layout.uniform);
        assert!(layout.fits(&picture(&bars(1, |_| (3, 3)))));
    }

    #[test]
    fn a_set_that_is_cropped_to_its_ink_stretches_it() {
        // A ring that reaches all sides, with dark corners.
        let ring = |p: usize| {
            let (x, y) = (p % 16, p / 16);
            (6..10).contains(&x) || (6..10).contains(&y)
        };
        let pixels: Vec<u8> = (0..20 * 256).map(|p| if ring(p % 256) { 255 } else { 0 }).collect();
        let layout = estimate(pixels).unwrap();
        assert!(layout.stretch && layout.uniform);
        assert_eq!((layout.width, layout.height), (16, 16));
    }

    #[test]
    fn colour_and_mixed_backgrounds_have_no_layout() {
        let shape = ImageShape { width: 2, height: 2, channels: 3 };
        assert_eq!(Layout::estimate(&Examples::from_pixels(shape, vec![0; 24]).unwrap()), None);
        let mixed = (0..20 * 256).map(|p| if p / 256 % 2 == 0 { 0 } else { 255 }).collect();
        assert_eq!(estimate(mixed), None);
        assert_eq!(estimate(vec![0; 2560]), None, "no ink");
    }
}
