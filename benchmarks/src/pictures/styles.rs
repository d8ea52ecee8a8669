//! The styles of the generator: every [`Scene`] with every tool, numbers of several digits, and pictures of no digit.

use tercet::image::Picture;

use super::paper::{Canvas, Color, Scene};
use super::random::Random;
use super::strokes::{LETTERS, Mask, digit, enlarged, face, letter, pen, scribble};

/// What wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// A digit of MNIST, in a random dark colour.
    Mnist,
    /// A felt pen, as schools teach the digits.
    Pen,
    /// A felt pen in another hand: a flagged 1, a crossed 7, an open 4.
    OtherHand,
    /// A thin ballpoint pen in blue.
    Ballpoint,
    /// A soft pencil.
    Pencil,
}

const TOOLS: [Tool; 5] = [Tool::Mnist, Tool::Pen, Tool::OtherHand, Tool::Ballpoint, Tool::Pencil];

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Digit(Scene, Tool),
    /// A number of 2 to 6 digits.
    Number(Scene, Tool),
    Letter,
    Scribble,
    Face,
    Texture,
    Blank(Scene),
}

/// All styles.
pub fn all() -> Vec<Subject> {
    let digits = Scene::ALL.into_iter().flat_map(|scene| TOOLS.map(|tool| Subject::Digit(scene, tool)));
    let numbers = [Scene::Plain, Scene::Lined]
        .into_iter()
        .flat_map(|scene| [Tool::Mnist, Tool::Pen].map(|tool| Subject::Number(scene, tool)));
    let blank = [Scene::Plain, Scene::Lined, Scene::Squared, Scene::Grain].map(Subject::Blank);
    let others = [Subject::Letter, Subject::Scribble, Subject::Face, Subject::Texture];
    digits.chain(numbers).chain(others).chain(blank).collect()
}

impl Subject {
    /// The name of the style, such as `lined/pen`.
    pub fn name(self) -> String {
        let tool = |tool: Tool| format!("{tool:?}").to_lowercase();
        match self {
            Subject::Digit(scene, with) => format!("{}/{}", scene.name(), tool(with)),
            Subject::Number(scene, with) => format!("number/{}/{}", scene.name(), tool(with)),
            Subject::Blank(scene) => format!("blank/{}", scene.name()),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    /// Draws a picture, and returns the text that it shows; none if it shows no digit. `handwriting` gives a random
    /// digit of MNIST of a class.
    pub fn draw(
        self,
        random: &mut Random,
        handwriting: &dyn Fn(usize, &mut Random) -> Vec<u8>,
    ) -> (Picture, Option<String>) {
        let (width, height) = if random.below(4) == 0 { (480, 640) } else { (640, 480) };
        let scene = match self {
            Subject::Digit(scene, _) | Subject::Number(scene, _) | Subject::Blank(scene) => scene,
            _ => Scene::Plain,
        };
        let mut canvas = Canvas::sheet(scene, width, height, random);
        let side = (random.between(0.36, 0.48) * height.min(width) as f32) as usize;
        let near = |random: &mut Random, room: usize| (room as f32 * random.between(0.44, 0.56)) as usize;
        let (left, top) = (near(random, width - side), near(random, height - side));
        let mut blur = random.below(2);
        let text = match self {
            Subject::Digit(_, tool) => {
                let class = random.below(10);
                let mask = written(class, tool, side, random, handwriting);
                if scene.is_dark() {
                    canvas.ink(&filled(side + side / 3), left - side / 6, top - side / 6, [8.0; 3], 1.0);
                    canvas.ink(&mask, left, top, [250.0; 3], 1.0);
                } else {
                    let (color, strength) = ink(tool, random);
                    canvas.ink(&mask, left, top, color, strength);
                }
                Some(class.to_string())
            }
            Subject::Number(_, tool) => Some(number(&mut canvas, tool, random, handwriting)),
            Subject::Blank(_) => None,
            Subject::Texture => {
                let spots = random.below(400) + 200;
                for _ in 0..spots {
                    let mask = pen(&scribble(random), 40, 3.0, random);
                    let (x, y) = (random.below(width - 40), random.below(height - 40));
                    canvas.ink(&mask, x, y, [80.0; 3], 0.8);
                }
                None
            }
            _ => {
                let strokes = match self {
                    Subject::Letter => letter(LETTERS[random.below(LETTERS.len())]),
                    Subject::Face => face(),
                    _ => scribble(random),
                };
                let nib = side as f32 * random.between(0.04, 0.075);
                canvas.ink(&pen(&strokes, side, nib, random), left, top, [38.0, 38.0, 52.0], 1.0);
                blur = 0;
                None
            }
        };
        canvas.surround(scene, (left, top, side), random);
        (canvas.photograph(blur), text)
    }
}

fn filled(side: usize) -> Mask {
    Mask { width: side, height: side, values: vec![1.0; side * side] }
}

fn written(
    class: usize,
    tool: Tool,
    side: usize,
    random: &mut Random,
    handwriting: &dyn Fn(usize, &mut Random) -> Vec<u8>,
) -> Mask {
    let nib = match tool {
        Tool::Ballpoint => random.between(1.8, 3.0),
        _ => side as f32 * random.between(0.04, 0.08),
    };
    match tool {
        Tool::Mnist | Tool::Pencil => enlarged(&handwriting(class, random), side),
        Tool::OtherHand => pen(&digit(class, 1), side, nib, random),
        Tool::Pen | Tool::Ballpoint => {
            let variant = random.below(2);
            pen(&digit(class, variant), side, nib, random)
        }
    }
}

/// The colour of the ink and how much of it covers the paper.
fn ink(tool: Tool, random: &mut Random) -> (Color, f32) {
    match tool {
        Tool::Ballpoint => ([45.0, 60.0, 150.0], 0.95),
        Tool::Pencil => ([90.0, 90.0, 95.0], random.between(0.38, 0.6)),
        _ => {
            let colors = [[38.0, 38.0, 52.0], [20.0, 20.0, 20.0], [35.0, 45.0, 140.0], [170.0, 30.0, 40.0]];
            (colors[random.below(4)], 1.0)
        }
    }
}

/// Writes a number in the middle of the sheet.
fn number(
    canvas: &mut Canvas,
    tool: Tool,
    random: &mut Random,
    handwriting: &dyn Fn(usize, &mut Random) -> Vec<u8>,
) -> String {
    let count = 2 + random.below(5);
    let side = (canvas.width * 8 / 10 / count).min(150);
    let mut left = (canvas.width - count * side) / 2;
    let (color, strength) = ink(tool, random);
    let mut text = String::new();
    for _ in 0..count {
        let class = random.below(10);
        let mask = written(class, tool, side, random, handwriting);
        let top = canvas.height / 2 - side / 2 + random.below(side / 8 + 1);
        canvas.ink(&mask, left, top, color, strength);
        text += &class.to_string();
        left += side;
    }
    text
}
