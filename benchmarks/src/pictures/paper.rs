//! Paper, light, and everything else that gets into a photograph.

use tercet::image::{ImageShape, Picture};

use super::random::Random;
use super::strokes::{Mask, digit, pen};

/// A colour, each channel from 0 to 255.
pub type Color = [f32; 3];

/// A photograph in the making.
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pixels: Vec<Color>,
}

/// What is on a sheet of paper or around it, apart from the writing. The names are those of the styles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    Plain,
    WarmLight,
    Lined,
    LinedFaint,
    LinedDark,
    LinedTurned,
    Squared,
    SquaredFine,
    Margin,
    LineBelow,
    LineAbove,
    DateStamp,
    Thumb,
    TableEdge,
    DarkTable,
    TurnedSheet,
    BlackFrame,
    Card,
    BlackSquare,
    Shadow,
    Vignette,
    Box,
    Holes,
    Stain,
    Crease,
    Grain,
}

impl Scene {
    pub const ALL: [Scene; 26] = [
        Scene::Plain,
        Scene::WarmLight,
        Scene::Lined,
        Scene::LinedFaint,
        Scene::LinedDark,
        Scene::LinedTurned,
        Scene::Squared,
        Scene::SquaredFine,
        Scene::Margin,
        Scene::LineBelow,
        Scene::LineAbove,
        Scene::DateStamp,
        Scene::Thumb,
        Scene::TableEdge,
        Scene::DarkTable,
        Scene::TurnedSheet,
        Scene::BlackFrame,
        Scene::Card,
        Scene::BlackSquare,
        Scene::Shadow,
        Scene::Vignette,
        Scene::Box,
        Scene::Holes,
        Scene::Stain,
        Scene::Crease,
        Scene::Grain,
    ];

    /// The name, with a hyphen before each capital letter.
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }

    /// Whether ink is light here, on dark ground.
    pub fn is_dark(self) -> bool {
        self == Scene::BlackSquare
    }
}

impl Canvas {
    /// A sheet lit from one side, with the ruling of the scene.
    pub fn sheet(scene: Scene, width: usize, height: usize, random: &mut Random) -> Canvas {
        let tint = match scene {
            Scene::WarmLight => [1.0, 0.88, 0.7],
            _ => [1.0, random.between(0.96, 1.0), random.between(0.9, 1.0)],
        };
        let (angle, shade) = (random.between(0.0, std::f32::consts::TAU), random.between(195.0, 248.0));
        let fall = if scene == Scene::WarmLight { 0.4 } else { random.between(0.02, 0.2) };
        let grain = if scene == Scene::Grain { 9.0 } else { random.between(0.8, 3.0) };
        let mut canvas = Canvas { width, height, pixels: vec![[0.0; 3]; width * height] };
        canvas.change(|x, y, _| {
            let slope = angle.cos() * (x - 0.5) + angle.sin() * (y - 0.5);
            let light = shade * (1.0 - fall * (slope + 0.5)) + random.normal() * grain;
            tint.map(|t| t * light)
        });
        canvas.rule(scene, random);
        canvas
    }

    /// Replaces every pixel; the function gets its position from 0 to 1 and its colour.
    fn change(&mut self, mut new: impl FnMut(f32, f32, Color) -> Color) {
        let (w, h) = (self.width, self.height);
        for (p, pixel) in self.pixels.iter_mut().enumerate() {
            *pixel = new(((p % w) as f32 + 0.5) / w as f32, ((p / w) as f32 + 0.5) / h as f32, *pixel);
        }
    }

    /// Draws parallel lines: `gap` apart, turned by a slope, in a colour of some strength from 0 to 1.
    fn lines(
        &mut self,
        gap: f32,
        first: f32,
        across: bool,
        slope: f32,
        thick: f32,
        (color, strength): (Color, f32),
    ) {
        let (w, h) = (self.width as f32, self.height as f32);
        self.change(|x, y, old| {
            let (along, at) = if across { (x * w, y * h) } else { (y * h, x * w) };
            let at = at - slope * along - first;
            let place = if gap > 0.0 { at.rem_euclid(gap) } else { at };
            let ink = (thick / 2.0 + 0.5 - (place - thick / 2.0).abs()).clamp(0.0, 1.0) * strength;
            mix(old, color, ink)
        });
    }

    fn rule(&mut self, scene: Scene, random: &mut Random) {
        let blue = [random.between(120.0, 165.0), random.between(150.0, 180.0), random.between(205.0, 225.0)];
        let h = self.height as f32;
        let gap = h * random.between(0.065, 0.1);
        let (first, thick) = (random.between(4.0, gap), random.between(1.5, 2.8));
        match scene {
            Scene::Lined => self.lines(gap, first, true, 0.0, thick, (blue, 1.0)),
            Scene::LinedFaint => self.lines(gap, first, true, 0.0, thick, (blue, 0.4)),
            Scene::LinedDark => self.lines(gap, first, true, 0.0, thick, ([95.0, 110.0, 165.0], 1.0)),
            Scene::LinedTurned => {
                self.lines(gap, first, true, random.between(-0.06, 0.06), thick, (blue, 1.0))
            }
            Scene::Squared | Scene::SquaredFine => {
                let gap = if scene == Scene::Squared { gap } else { h * 0.04 };
                let slope = random.between(-0.02, 0.02);
                self.lines(gap, first, true, slope, thick, (blue, 0.9));
                self.lines(gap, first, false, -slope, thick, (blue, 0.9));
            }
            Scene::Margin => {
                let at = self.width as f32 * random.between(0.08, 0.18);
                self.lines(0.0, at, false, 0.0, 2.5, ([215.0, 95.0, 95.0], 1.0));
            }
            Scene::LineBelow => self.lines(0.0, h * random.between(0.84, 0.9), true, 0.0, 2.0, (blue, 1.0)),
            Scene::LineAbove => self.lines(0.0, h * random.between(0.02, 0.06), true, 0.0, 2.0, (blue, 1.0)),
            Scene::Crease => {
                self.lines(0.0, h * 0.5, true, random.between(-0.05, 0.05), 5.0, ([170.0; 3], 0.35));
            }
            _ => {}
        }
    }

    /// Puts ink on the canvas, its upper left corner at a pixel.
    pub fn ink(&mut self, mask: &Mask, left: usize, top: usize, color: Color, strength: f32) {
        for y in 0..mask.height.min(self.height.saturating_sub(top)) {
            for x in 0..mask.width.min(self.width.saturating_sub(left)) {
                let at = (top + y) * self.width + left + x;
                self.pixels[at] = mix(self.pixels[at], color, mask.values[y * mask.width + x] * strength);
            }
        }
    }

    /// Adds what lies on the sheet or around it, after the writing. `inside` is the box of the writing: left, top, side.
    pub fn surround(&mut self, scene: Scene, inside: (usize, usize, usize), random: &mut Random) {
        let (w, h) = (self.width as f32, self.height as f32);
        let table = [random.between(50.0, 95.0), random.between(40.0, 64.0), random.between(30.0, 50.0)];
        let mut noise = Random::of(random.below(1 << 30) as u64, 1, 1);
        let mut wood = |_: f32| table.map(|c| c + noise.normal() * 6.0);
        match scene {
            Scene::DateStamp => self.stamp(random),
            Scene::Thumb => self.change(|x, y, old| {
                let away = ((x * w - 0.04 * w) / (0.2 * w)).powi(2) + ((y * h - h) / (0.25 * h)).powi(2);
                mix(old, [198.0, 148.0, 125.0], 1.0 / (1.0 + ((away - 1.0) * 18.0).exp()))
            }),
            Scene::TableEdge => {
                let (edge, slope) = (random.between(0.05, 0.1), random.between(-0.03, 0.03));
                self.change(|x, y, old| if x < edge + slope * y { wood(x) } else { old });
            }
            Scene::DarkTable | Scene::Card => {
                let (x0, y0) = (random.between(0.06, 0.16), random.between(0.05, 0.1));
                let is_card = scene == Scene::Card;
                self.change(|x, y, old| match (x0..1.0 - x0).contains(&x) && (y0..1.0 - y0).contains(&y) {
                    true => old,
                    false if is_card => [28.0; 3],
                    false => wood(x),
                });
            }
            Scene::TurnedSheet => {
                let angle = random.between(-0.12, 0.12);
                self.change(|x, y, old| {
                    let (x, y) = ((x - 0.5) * w, (y - 0.5) * h);
                    let (u, v) = (x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos());
                    if u.abs() < 0.4 * w && v.abs() < 0.42 * h { old } else { wood(x) }
                });
            }
            Scene::BlackFrame => {
                let thick = random.between(4.0, 14.0);
                self.change(|x, y, old| {
                    let near = (x * w).min(y * h).min((1.0 - x) * w).min((1.0 - y) * h);
                    if near < thick { [0.0; 3] } else { old }
                });
            }
            Scene::Shadow => {
                let (at, soft) = (random.between(0.4, 0.8), random.between(0.006, 0.025));
                let (depth, slope) = (random.between(0.35, 0.55), random.between(-0.6, 0.6));
                self.change(|x, y, old| {
                    let lit = 1.0 / (1.0 + (-(x + slope * (y - 0.5) - at) / soft).exp());
                    old.map(|c| c * (1.0 - depth * (1.0 - lit)))
                });
            }
            Scene::Vignette => {
                let depth = random.between(0.5, 0.75);
                self.change(|x, y, old| {
                    let away = 2.0 * ((x - 0.5).powi(2) + (y - 0.5).powi(2));
                    old.map(|c| c * (1.0 - depth * away))
                });
            }
            Scene::Box => {
                let (left, top, side) = (inside.0 as f32, inside.1 as f32, inside.2 as f32);
                let (room, thick) = (random.between(4.0, 14.0), random.between(2.0, 4.5));
                self.change(|x, y, old| {
                    let (x, y) = (x * w - left - side / 2.0, y * h - top - side / 2.0);
                    let away = x.abs().max(y.abs()) - side / 2.0 - room;
                    if (0.0..thick).contains(&away) { [70.0, 70.0, 80.0] } else { old }
                });
            }
            Scene::Holes => self.change(|x, y, old| {
                let near = |at: f32| (x * w - 0.06 * w).hypot(y * h - at * h) < 0.025 * w;
                if near(0.25) || near(0.75) { [60.0, 50.0, 45.0] } else { old }
            }),
            Scene::Stain => {
                let (x0, y0, radius) = (random.between(0.1, 0.9), random.between(0.1, 0.3), 0.16 * w);
                self.change(|x, y, old| {
                    let away = ((x - x0) * w).hypot((y - y0) * h) / radius;
                    let ring = if away < 1.0 { 0.12 + 0.14 * away.powi(8) } else { 0.0 };
                    mix(old, [150.0, 100.0, 50.0], ring)
                });
            }
            _ => {}
        }
    }

    /// The date in a corner, as cameras print it.
    fn stamp(&mut self, random: &mut Random) {
        let (size, mut left) = (self.height / 20, self.width * 2 / 3);
        let top = self.height - size - self.height / 30;
        for place in 0..8 {
            if place != 2 && place != 5 {
                let mask = pen(&digit(random.below(10), 1), size, size as f32 * 0.12, random);
                self.ink(&mask, left, top, [240.0, 150.0, 40.0], 1.0);
            }
            left += size * 2 / 3;
        }
    }

    /// The photograph: blurred by the lens with a box of this radius, twice, and rounded.
    pub fn photograph(mut self, blur: usize) -> Picture {
        for _ in 0..if blur > 0 { 2 } else { 0 } {
            self.blur_rows(blur);
            self.transpose();
            self.blur_rows(blur);
            self.transpose();
        }
        let shape = ImageShape { width: self.width, height: self.height, channels: 3 };
        let pixels = self.pixels.iter().flatten().map(|v| v.round().clamp(0.0, 255.0) as u8).collect();
        Picture::new(shape, pixels).expect("a canvas is a picture")
    }

    fn blur_rows(&mut self, radius: usize) {
        for row in self.pixels.chunks_mut(self.width) {
            let old = row.to_vec();
            for (x, new) in row.iter_mut().enumerate() {
                let near = &old[x.saturating_sub(radius)..(x + radius + 1).min(old.len())];
                *new = std::array::from_fn(|c| near.iter().map(|p| p[c]).sum::<f32>() / near.len() as f32);
            }
        }
    }

    fn transpose(&mut self) {
        let (w, h) = (self.width, self.height);
        self.pixels = (0..w * h).map(|p| self.pixels[p % h * w + p / h]).collect();
        (self.width, self.height) = (h, w);
    }
}

fn mix(old: Color, new: Color, share: f32) -> Color {
    std::array::from_fn(|c| old[c] * (1.0 - share) + new[c] * share)
}
