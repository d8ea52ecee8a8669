//! Ink: digits, letters and scribbles drawn with a round pen, and handwritten digits enlarged.

use super::random::Random;

/// The amount of ink of every pixel, from 0 to 1.
pub struct Mask {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

type Point = (f32, f32);

/// An arc of an ellipse as a line, angles in degrees, 0 to the right and 90 down.
fn arc(centre: Point, radii: Point, from: f32, to: f32) -> Vec<Point> {
    let at = |i: u32| {
        let angle = (from + (to - from) * i as f32 / 24.0).to_radians();
        (centre.0 + radii.0 * angle.cos(), centre.1 + radii.1 * angle.sin())
    };
    (0..=24).map(at).collect()
}

fn joined(parts: &[Vec<Point>]) -> Vec<Point> {
    parts.concat()
}

/// The strokes of a digit in a square of side 1, as schools teach it (`variant` 0) or as in many other hands.
pub fn digit(class: usize, variant: usize) -> Vec<Vec<Point>> {
    match (class, variant) {
        (0, 0) => vec![arc((0.5, 0.5), (0.28, 0.4), -80.0, 285.0)],
        (0, _) => vec![arc((0.5, 0.5), (0.2, 0.4), -100.0, 262.0)],
        (1, 0) => vec![vec![(0.52, 0.1), (0.5, 0.9)]],
        (1, _) => vec![vec![(0.3, 0.36), (0.55, 0.1), (0.53, 0.9)]],
        (2, 0) => {
            vec![joined(&[arc((0.5, 0.31), (0.25, 0.21), 190.0, 375.0), vec![(0.24, 0.88), (0.79, 0.87)]])]
        }
        (2, _) => vec![joined(&[
            arc((0.47, 0.3), (0.24, 0.2), 200.0, 390.0),
            vec![(0.3, 0.82), (0.25, 0.74), (0.4, 0.74), (0.6, 0.9), (0.8, 0.82)],
        ])],
        (3, 0) => vec![joined(&[
            arc((0.46, 0.3), (0.24, 0.2), 210.0, 440.0),
            arc((0.46, 0.7), (0.28, 0.21), -80.0, 150.0),
        ])],
        (3, _) => vec![joined(&[
            vec![(0.22, 0.12), (0.74, 0.12), (0.45, 0.42)],
            arc((0.45, 0.66), (0.27, 0.24), -70.0, 150.0),
        ])],
        (4, 0) => vec![vec![(0.56, 0.1), (0.2, 0.62), (0.82, 0.62)], vec![(0.66, 0.4), (0.63, 0.92)]],
        (4, _) => vec![vec![(0.27, 0.1), (0.24, 0.52), (0.74, 0.5)], vec![(0.72, 0.1), (0.68, 0.92)]],
        (5, _) => vec![joined(&[
            vec![(0.76, 0.12), (0.34, 0.13), (0.31, 0.44)],
            arc((0.48, 0.65), (0.27, 0.25), -125.0, 145.0),
        ])],
        (6, _) => vec![joined(&[
            vec![(0.64, 0.1), (0.4, 0.36), (0.28, 0.62)],
            arc((0.5, 0.68), (0.23, 0.22), 190.0, 540.0),
        ])],
        (7, 0) => vec![vec![(0.2, 0.14), (0.8, 0.13), (0.45, 0.9)]],
        (7, _) => vec![vec![(0.2, 0.15), (0.78, 0.14), (0.46, 0.9)], vec![(0.38, 0.52), (0.74, 0.5)]],
        (8, _) => vec![joined(&[
            arc((0.5, 0.3), (0.2, 0.19), 80.0, 440.0),
            arc((0.5, 0.69), (0.25, 0.21), -90.0, 270.0),
        ])],
        _ => vec![joined(&[
            arc((0.48, 0.32), (0.23, 0.22), 0.0, 360.0),
            vec![(0.71, 0.32), (0.67, 0.62), (0.6, 0.9)],
        ])],
    }
}

/// Capital letters that are not like a digit.
pub const LETTERS: [char; 10] = ['F', 'G', 'J', 'N', 'P', 'T', 'U', 'V', 'Y', 'Z'];

/// The strokes of one of [`LETTERS`], and of others for anything else.
pub fn letter(letter: char) -> Vec<Vec<Point>> {
    match letter {
        'F' => vec![vec![(0.78, 0.1), (0.26, 0.1), (0.26, 0.9)], vec![(0.26, 0.48), (0.66, 0.48)]],
        'G' => vec![joined(&[arc((0.52, 0.5), (0.32, 0.4), -40.0, -320.0), vec![(0.8, 0.55), (0.54, 0.55)]])],
        'J' => vec![joined(&[vec![(0.66, 0.1), (0.66, 0.66)], arc((0.46, 0.66), (0.2, 0.24), 0.0, 170.0)])],
        'N' => vec![vec![(0.2, 0.9), (0.2, 0.1), (0.8, 0.9), (0.8, 0.1)]],
        'P' => vec![vec![(0.26, 0.9), (0.26, 0.1)], arc((0.3, 0.3), (0.42, 0.2), -95.0, 95.0)],
        'T' => vec![vec![(0.14, 0.12), (0.86, 0.12)], vec![(0.5, 0.12), (0.5, 0.9)]],
        'U' => vec![joined(&[
            vec![(0.2, 0.1), (0.2, 0.6)],
            arc((0.5, 0.6), (0.3, 0.3), 180.0, 0.0),
            vec![(0.8, 0.1)],
        ])],
        'V' => vec![vec![(0.14, 0.1), (0.5, 0.9), (0.86, 0.1)]],
        'Y' => vec![vec![(0.16, 0.1), (0.5, 0.5), (0.84, 0.1)], vec![(0.5, 0.5), (0.5, 0.9)]],
        _ => vec![vec![(0.18, 0.1), (0.82, 0.1), (0.18, 0.9), (0.82, 0.9)], vec![(0.3, 0.5), (0.7, 0.5)]],
    }
}

/// A face: a circle, two eyes and a mouth.
pub fn face() -> Vec<Vec<Point>> {
    vec![
        arc((0.5, 0.5), (0.42, 0.42), 0.0, 360.0),
        arc((0.35, 0.4), (0.05, 0.05), 0.0, 360.0),
        arc((0.65, 0.4), (0.05, 0.05), 0.0, 360.0),
        arc((0.5, 0.55), (0.22, 0.2), 20.0, 160.0),
    ]
}

/// Lines back and forth without a meaning.
pub fn scribble(random: &mut Random) -> Vec<Vec<Point>> {
    let point = |random: &mut Random| (random.between(0.08, 0.92), random.between(0.08, 0.92));
    let turns: Vec<Point> = (0..random.below(6) + 7).map(|_| point(random)).collect();
    let mut smooth = Vec::new();
    for three in turns.windows(3) {
        let half = |a: Point, b: Point| ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
        let (from, to) = (half(three[0], three[1]), half(three[1], three[2]));
        for i in 0..8 {
            let t = i as f32 / 8.0;
            let along = |a: f32, b: f32, c: f32| (1.0 - t).powi(2) * a + 2.0 * t * (1.0 - t) * b + t * t * c;
            smooth.push((along(from.0, three[1].0, to.0), along(from.1, three[1].1, to.1)));
        }
    }
    vec![smooth]
}

/// Draws strokes with a round pen, each point a little off, the whole slanted and turned a little.
pub fn pen(strokes: &[Vec<Point>], size: usize, nib: f32, random: &mut Random) -> Mask {
    let (tilt, slant) = (random.between(-7.0, 7.0).to_radians(), random.between(-0.1, 0.22));
    let squeeze = random.between(0.78, 1.1);
    let mut lines = Vec::new();
    for stroke in strokes {
        let mut drift = (random.normal() * 0.006, random.normal() * 0.006);
        let mut moved = |&(x, y): &Point| {
            drift = (drift.0 + random.normal() * 0.003, drift.1 + random.normal() * 0.003);
            let (x, y) = ((x - 0.5) * squeeze - slant * (y - 0.5) + drift.0, y - 0.5 + drift.1);
            let (x, y) = (x * tilt.cos() - y * tilt.sin(), x * tilt.sin() + y * tilt.cos());
            ((0.5 + 0.82 * x) * size as f32, (0.5 + 0.82 * y) * size as f32)
        };
        let points: Vec<Point> = stroke.iter().map(&mut moved).collect();
        lines.extend(points.windows(2).map(|two| (two[0], two[1])));
    }
    let mut values = vec![0f32; size * size];
    for (a, b) in lines {
        let reach = nib / 2.0 + 1.0;
        let range = |a: f32, b: f32| {
            let from = (a.min(b) - reach).max(0.0) as usize;
            from..((a.max(b) + reach).max(0.0) as usize + 1).min(size)
        };
        for y in range(a.1, b.1) {
            for x in range(a.0, b.0) {
                let ink =
                    (nib / 2.0 + 0.5 - distance((x as f32 + 0.5, y as f32 + 0.5), a, b)).clamp(0.0, 1.0);
                values[y * size + x] = values[y * size + x].max(ink);
            }
        }
    }
    Mask { width: size, height: size, values }
}

/// From a point to the line between two others.
fn distance(p: Point, a: Point, b: Point) -> f32 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let t = (((p.0 - a.0) * dx + (p.1 - a.1) * dy) / (dx * dx + dy * dy).max(1e-6)).clamp(0.0, 1.0);
    (p.0 - a.0 - t * dx).hypot(p.1 - a.1 - t * dy)
}

/// A handwritten digit of 28 × 28 pixels enlarged, with the sharp edges of a pen.
pub fn enlarged(pixels: &[u8], size: usize) -> Mask {
    let at = |x: i32, y: i32| match (x, y) {
        (0..28, 0..28) => f32::from(pixels[(28 * y + x) as usize]) / 255.0,
        _ => 0.0,
    };
    // A cubic B-spline, which smooths the steps of the pixels.
    let weights = |t: f32| {
        let u = 1.0 - t;
        let near = |t: f32, u: f32| (3.0 * t * t * t - 6.0 * t * t + 4.0) / 6.0 + 0.0 * u;
        [u * u * u / 6.0, near(t, u), near(u, t), t * t * t / 6.0]
    };
    let scale = 28.0 / size as f32;
    let value = |p: usize| {
        let place = |i: usize| (i as f32 + 0.5) * scale - 0.5;
        let (x, y) = (place(p % size), place(p / size));
        let (across, down) = (weights(x - x.floor()), weights(y - y.floor()));
        let mut sum = 0.0;
        for (j, down) in down.iter().enumerate() {
            for (i, across) in across.iter().enumerate() {
                sum += across * down * at(x.floor() as i32 + i as i32 - 1, y.floor() as i32 + j as i32 - 1);
            }
        }
        ((sum - 0.32) / 0.3).clamp(0.0, 1.0)
    };
    Mask { width: size, height: size, values: (0..size * size).map(value).collect() }
}
