//! Digits drawn with a round pen.

use tercet::image::{ImageShape, Picture};

type Points = &'static [(f32, f32)];

/// Digits as lines between points, x and y from 0 to 1.
pub const DIGITS: [(char, &[Points]); 5] = [
    ('1', &[&[(0.45, 0.0), (0.55, 1.0)]]),
    ('3', &[&[(0.1, 0.05), (0.8, 0.1), (0.4, 0.45), (0.85, 0.7), (0.5, 1.0), (0.1, 0.9)]]),
    ('4', &[&[(0.2, 0.0), (0.1, 0.6), (0.9, 0.55)], &[(0.7, 0.2), (0.65, 1.0)]]),
    ('7', &[&[(0.1, 0.0), (0.9, 0.05), (0.4, 1.0)]]),
    (
        '8',
        &[&[
            (0.5, 0.45),
            (0.2, 0.2),
            (0.5, 0.0),
            (0.8, 0.2),
            (0.2, 0.8),
            (0.5, 1.0),
            (0.8, 0.8),
            (0.5, 0.45),
        ]],
    ),
];

/// The pen and the paper.
#[derive(Clone, Copy)]
pub struct Pen {
    pub paper: u8,
    pub ink: u8,
    /// Width and height of the paper.
    pub size: (usize, usize),
    /// The position of the digit's upper left corner.
    pub place: (f32, f32),
    /// Pixels per unit length.
    pub scale: f32,
    /// Width of the strokes in pixels.
    pub width: f32,
}

/// Draws the digit on paper with smooth edges: the ink of a pixel depends on how far its centre is inside the stroke.
pub fn draw(strokes: &[Points], pen: &Pen) -> Picture {
    let on_paper = |(x, y): (f32, f32)| (pen.place.0 + x * pen.scale, pen.place.1 + y * pen.scale);
    let lines: Vec<_> =
        strokes.iter().flat_map(|s| s.windows(2)).map(|w| (on_paper(w[0]), on_paper(w[1]))).collect();
    let value = |p: usize| {
        let centre = ((p % pen.size.0) as f32 + 0.5, (p / pen.size.0) as f32 + 0.5);
        let nearest = lines.iter().map(|&(a, b)| distance(centre, a, b)).fold(f32::MAX, f32::min);
        let ink = (pen.width / 2.0 + 0.5 - nearest).clamp(0.0, 1.0);
        (f32::from(pen.paper) + ink * (f32::from(pen.ink) - f32::from(pen.paper))).round() as u8
    };
    let pixels = (0..pen.size.0 * pen.size.1).map(value).collect();
    Picture::new(ImageShape::gray(pen.size.0, pen.size.1), pixels).unwrap()
}

/// From a point to the line between two others.
fn distance(p: (f32, f32), a: (f32, f32), b: (f32, f32)) -> f32 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let t = (((p.0 - a.0) * dx + (p.1 - a.1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (p.0 - a.0 - t * dx).hypot(p.1 - a.1 - t * dy)
}
