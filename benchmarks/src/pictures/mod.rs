//! Digits the way people photograph them: a model reads pictures of every style, from a seeded generator.
//!
//! | module | subject |
//! |---|---|
//! | [`styles`] | what is written, with which tool, on which scene |
//! | [`strokes`] | digits, letters and scribbles as ink |
//! | [`paper`] | sheets, light, and everything else in a photograph |

mod paper;
mod random;
mod strokes;
mod styles;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tercet::Model;
use tercet::data::{Dataset, Openings, Source};
use tercet::image::Picture;
use tercet::matrix::argmax;
use tercet_record::Record;

use crate::Places;
use random::Random;

/// Thumbnails of the contact sheet: their width and height, and how many are in a row.
const THUMBNAIL: (u32, u32) = (160, 120);
const COLUMNS: u32 = 10;

/// Options of `cargo xtask bench pictures`.
#[derive(clap::Args)]
pub struct Arguments {
    /// The model that reads the pictures, trained on MNIST
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Pictures of each style
    #[arg(long, default_value_t = 20)]
    each: usize,
    /// The seed of the generator
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only styles whose name contains this
    #[arg(long, default_value = "", value_name = "WORD")]
    only: String,
    /// Use MNIST's training digits instead of its test digits: for tuning, which must not see the test set
    #[arg(long)]
    training_digits: bool,
}

/// The answers to the pictures of one style.
#[derive(Default)]
struct Tally {
    right: usize,
    rejected: usize,
    wrong: usize,
    /// Wrong, every character with a probability above 0.9.
    confident: usize,
}

/// Draws the pictures, has them read, and appends a row for each style to `records/pictures.csv`.
pub fn run(arguments: &Arguments) -> Result<()> {
    let places = Places::of_this_program()?;
    let model = Model::load(&arguments.model)?;
    let digits = handwriting(arguments.training_digits)?;
    let of_class = |class: usize, random: &mut Random| loop {
        let i = random.below(digits.len());
        if digits.labels()[i] as usize == class {
            break digits.pixels(i).unwrap_or_default().to_vec();
        }
    };
    let record = Record::open(&places.benchmarks.join("records/pictures.csv"))?;
    let commit = tercet_record::machine::commit(&places.benchmarks);
    let (mut thumbnails, mut total, mut wanted) = (Vec::new(), Tally::default(), 0);
    let styles = styles::all().into_iter().enumerate();
    for (index, style) in styles.filter(|(_, style)| style.name().contains(&arguments.only)) {
        let mut tally = Tally::default();
        for i in 0..arguments.each {
            let (picture, text) = style.draw(&mut Random::of(arguments.seed, index, i), &of_class);
            tally.add(&model, &picture, text.as_deref());
            if i < 2 {
                thumbnails.push(picture);
            }
        }
        let Tally { right, rejected, wrong, confident } = tally;
        println!(
            "{:28} {right:3} right, {rejected:3} rejected, {wrong:3} wrong, {confident:3} of them sure",
            style.name()
        );
        let row = [
            ("commit", commit.clone()),
            ("seed", arguments.seed.to_string()),
            ("style", style.name()),
            ("pictures", arguments.each.to_string()),
            ("right", right.to_string()),
            ("rejected", rejected.to_string()),
            ("wrong", wrong.to_string()),
            ("wrong_above_0.9", confident.to_string()),
        ];
        record.append(&row.map(|(name, value)| (name.to_owned(), value)))?;
        total.right += right;
        total.confident += confident;
        wanted += arguments.each;
    }
    ensure!(wanted > 0, "no style has {:?} in its name", arguments.only);
    println!("{} of {wanted} right, {} wrong and sure", total.right, total.confident);
    let sheet = places.scratch.join("pictures.png");
    contact_sheet(&thumbnails, &sheet)?;
    println!("contact sheet: {}", sheet.display());
    Ok(())
}

fn handwriting(training: bool) -> Result<Dataset> {
    let collection = "mnist".parse::<Source>()?.open()?;
    if training {
        return Ok(collection.train);
    }
    let test = collection.test.context("MNIST has a test set")?;
    Ok(test.open(&mut Openings::new(), "cargo xtask bench pictures"))
}

impl Tally {
    fn add(&mut self, model: &Model, picture: &Picture, text: Option<&str>) {
        let Ok(answers) = read(model, picture) else {
            // Nothing to read was to be rejected.
            *(if text.is_none() { &mut self.right } else { &mut self.rejected }) += 1;
            return;
        };
        let answer: String = answers.iter().map(|(class, _)| class.as_str()).collect();
        if text == Some(&answer) {
            self.right += 1;
        } else {
            self.wrong += 1;
            self.confident += usize::from(answers.iter().all(|(_, probability)| *probability > 0.9));
        }
    }
}

/// The class and probability of every character of a picture.
fn read(model: &Model, picture: &Picture) -> tercet::Result<Vec<(String, f32)>> {
    let mut answers = Vec::new();
    for character in model.preprocessing().characters(picture)?.characters {
        let probabilities = model.predict_proba(&character.prepared.examples())?;
        let best = argmax(probabilities.row(0)) as usize;
        answers.push((model.classes()[best].clone(), probabilities.row(0)[best]));
    }
    Ok(answers)
}

/// Writes a contact sheet with two pictures of every style.
fn contact_sheet(pictures: &[Picture], path: &Path) -> Result<()> {
    let (width, height) = THUMBNAIL;
    let rows = (pictures.len() as u32).div_ceil(COLUMNS).max(1);
    let mut sheet = image::RgbImage::new(COLUMNS * width, rows * height);
    for (i, picture) in pictures.iter().enumerate() {
        let small = image::DynamicImage::from(picture.clone()).thumbnail(width - 4, height - 4).into_rgb8();
        let (x, y) = (i as u32 % COLUMNS * width, i as u32 / COLUMNS * height);
        image::imageops::replace(&mut sheet, &small, i64::from(x + 2), i64::from(y + 2));
    }
    sheet.save(path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_picture_again_and_there_are_a_hundred_styles() {
        let styles = styles::all();
        assert!(styles.len() >= 100);
        let blank = |_: usize, _: &mut Random| vec![0; 784];
        let draw = |seed| styles[1].draw(&mut Random::of(seed, 1, 0), &blank);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let mut names: Vec<String> = styles.iter().map(|style| style.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), styles.len());
    }
}
