//! Drawings that are no digits, for the verdict to be tried on: lines, letters, shapes, scribbles and noise.

use std::f32::consts::PI;

use rand::RngExt;
use tercet::image::{ImageShape, Picture};
use tercet::random::Generator;

/// The side of a drawing, as on the page.
const SIDE: usize = 280;

/// The kinds of drawings.
pub const KINDS: [&str; 5] = ["scribbles", "letters", "shapes", "hatching", "noise"];

/// The points of a line.
type Line = Vec<(f32, f32)>;

/// A drawing of a kind, dark on white.
pub fn drawing(kind: &str, generator: &mut Generator) -> tercet::Result<Picture> {
    let mut any = |low: f32, high: f32| generator.random_range(low..high);
    let width = any(10.0, 30.0);
    let mut pixels = vec![255; SIDE * SIDE];
    let lines = match kind {
        "scribbles" => {
            vec![(0..any(8.0, 20.0) as usize).map(|_| (any(50.0, 230.0), any(50.0, 230.0))).collect()]
        }
        "letters" => letter(&mut any),
        "shapes" => polygon_or_star(&mut any),
        "hatching" => hatching(&mut any),
        _ => {
            noise(&mut any, &mut pixels);
            Vec::new()
        }
    };
    for line in &lines {
        for segment in line.windows(2) {
            ink(&mut pixels, segment[0], segment[1], width / 2.0);
        }
    }
    Picture::new(ImageShape::gray(SIDE, SIDE), pixels)
}

/// A letter, scaled and tilted.
fn letter(any: &mut impl FnMut(f32, f32) -> f32) -> Vec<Line> {
    let letter = LETTERS[any(0.0, LETTERS.len() as f32) as usize];
    let (scale, tilt) = (any(0.8, 1.4), any(-0.25, 0.25));
    let turned = |&(x, y): &(f32, f32)| {
        let (x, y) = ((x - 50.0) * scale, (y - 50.0) * scale);
        let (sin, cos) = tilt.sin_cos();
        (140.0 + x * cos - y * sin, 140.0 + x * sin + y * cos)
    };
    letter.iter().map(|line| line.iter().map(turned).collect()).collect()
}

/// The outline of a polygon or a star, some of them with eyes.
fn polygon_or_star(any: &mut impl FnMut(f32, f32) -> f32) -> Vec<Line> {
    let (corners, radius, turn) = (any(3.0, 6.0) as usize, any(60.0, 110.0), any(0.0, PI));
    let star = any(0.0, 1.0) < 0.5;
    let count = if star { 2 * corners + 4 } else { corners };
    let corner = |i: usize| {
        let angle = turn + 2.0 * PI * i as f32 / count as f32;
        let far = if star && i % 2 == 1 { radius * 0.45 } else { radius };
        (140.0 + far * angle.cos(), 140.0 + far * angle.sin())
    };
    let mut lines = vec![(0..=count).map(corner).collect()];
    if any(0.0, 1.0) < 0.3 {
        lines.extend([(110.0, 120.0), (170.0, 120.0)].map(|(x, y)| vec![(x, y), (x + 1.0, y)]));
    }
    lines
}

/// Parallel lines, half of them with two more across.
fn hatching(any: &mut impl FnMut(f32, f32) -> f32) -> Vec<Line> {
    let (count, slant) = (any(3.0, 7.0) as usize, any(-40.0, 40.0));
    let line = |i: usize| {
        let x = 60.0 + 160.0 * i as f32 / (count - 1) as f32;
        vec![(x, 60.0), (x + slant, 220.0)]
    };
    let mut lines: Vec<Line> = (0..count).map(line).collect();
    if any(0.0, 1.0) < 0.5 {
        lines.push(vec![(50.0, 110.0), (230.0, 100.0)]);
        lines.push(vec![(50.0, 170.0), (230.0, 180.0)]);
    }
    lines
}

/// Black squares at random.
fn noise(any: &mut impl FnMut(f32, f32) -> f32, pixels: &mut [u8]) {
    let share = any(0.02, 0.5);
    for block in 0..28 * 28 {
        if any(0.0, 1.0) < share {
            for p in 0..100 {
                pixels[(block / 28 * 10 + p / 10) * SIDE + block % 28 * 10 + p % 10] = 0;
            }
        }
    }
}

/// Darkens what lies within a radius of a segment.
fn ink(pixels: &mut [u8], (ax, ay): (f32, f32), (bx, by): (f32, f32), radius: f32) {
    let (dx, dy) = (bx - ax, by - ay);
    let length = (dx * dx + dy * dy).max(1e-6);
    for (p, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = ((p % SIDE) as f32 + 0.5, (p / SIDE) as f32 + 0.5);
        let t = (((x - ax) * dx + (y - ay) * dy) / length).clamp(0.0, 1.0);
        let distance = (x - ax - t * dx).hypot(y - ay - t * dy);
        let light = ((distance - radius + 0.5).clamp(0.0, 1.0) * 255.0) as u8;
        *pixel = light.min(*pixel);
    }
}

/// Letters that no digit looks like, in a square of 100.
const LETTERS: [&[&[(f32, f32)]]; 10] = [
    &[&[(20., 90.), (50., 10.), (80., 90.)], &[(32., 60.), (68., 60.)]],
    &[&[(80., 10.), (25., 10.), (25., 90.), (80., 90.)], &[(25., 50.), (70., 50.)]],
    &[&[(25., 10.), (25., 90.)], &[(75., 10.), (75., 90.)], &[(25., 50.), (75., 50.)]],
    &[&[(25., 10.), (25., 90.)], &[(75., 10.), (25., 55.), (78., 90.)]],
    &[&[(15., 90.), (15., 10.), (50., 60.), (85., 10.), (85., 90.)]],
    &[&[(20., 90.), (20., 10.), (80., 90.), (80., 10.)]],
    &[&[(25., 90.), (25., 10.), (70., 15.), (75., 40.), (25., 55.), (78., 90.)]],
    &[&[(10., 10.), (30., 90.), (50., 30.), (70., 90.), (90., 10.)]],
    &[&[(15., 10.), (85., 90.)], &[(85., 10.), (15., 90.)]],
    &[&[(10., 15.), (90., 15.)], &[(50., 15.), (50., 90.)], &[(20., 90.), (80., 90.)]],
];
