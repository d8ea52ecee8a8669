//! Converts a picture of any size to an example.

use super::{Preprocessing, Step, center, pixels};
use crate::data::Examples;
use crate::image::{Bounds, Found, ImageShape, Picture, scale, segment};
use crate::{Error, Result};

/// The kind of a stage in the preprocessing of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StageName {
    /// Colour was converted to grey.
    Grayscale,
    /// Grey was converted to colour.
    Color,
    /// Light and dark were inverted.
    Inverted,
    /// The ink was light already; now the paper is 0 and the ink 255.
    Ink,
    /// Cropped to the bounding box of the ink.
    Cropped,
    /// Scaled into the box of the layout.
    Scaled,
    /// Moved to the position of the layout.
    Centered,
    /// Scaled to the model's size.
    Resized,
    /// Handwriting was deskewed.
    Deskewed,
    /// The size of handwriting was normalised.
    SizeNormalized,
    /// A Gaussian blur was applied.
    Blurred,
}

impl StageName {
    /// The name in one word, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            StageName::Grayscale => "grayscale",
            StageName::Color => "color",
            StageName::Inverted => "inverted",
            StageName::Ink => "ink",
            StageName::Cropped => "cropped",
            StageName::Scaled => "scaled",
            StageName::Centered => "centered",
            StageName::Resized => "resized",
            StageName::Deskewed => "deskewed",
            StageName::SizeNormalized => "size-normalized",
            StageName::Blurred => "blurred",
        }
    }
}

/// A picture after a stage of preprocessing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The stage.
    pub name: StageName,
    /// The picture after it.
    pub picture: Picture,
}

/// A picture converted to an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The pixels in the model's shape: one example, as a data set would store it. [`apply`](Preprocessing::apply)
    /// converts it to what the classifier reads.
    pub picture: Picture,
    /// Whether the picture (or its negative) already was an example, so that its pixels are unchanged.
    pub unchanged: bool,
    /// Every stage, in order, including those of the pixel steps that [`apply`](Preprocessing::apply) performs
    /// afterwards.
    pub stages: Vec<Stage>,
}

impl Prepared {
    /// The picture as a set of one example.
    pub fn examples(&self) -> Examples {
        let pixels = self.picture.pixels().to_vec();
        Examples::from_pixels(self.picture.shape(), pixels).expect("the pixels of a picture fill its shape")
    }

    /// The picture as the classifier sees it, after all steps on pixels.
    pub fn seen(&self) -> &Picture {
        self.stages.last().map_or(&self.picture, |stage| &stage.picture)
    }
}

/// A character of a picture, converted to an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Character {
    /// Where it is in the picture; `None` if the picture as a whole is the example.
    pub bounds: Option<Bounds>,
    /// The line of writing that it belongs to, from 0.
    pub line: usize,
    /// The example.
    pub prepared: Prepared,
}

/// The characters of a picture, and how they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Characters {
    /// The characters, line by line from left to right: at least one.
    pub characters: Vec<Character>,
    /// The stages of the segmentation with their names, in order; none if the picture as a whole is the example.
    pub stages: Vec<(&'static str, Picture)>,
}

impl Preprocessing {
    /// Finds the characters in a picture and converts each of them to an example.
    ///
    /// Only a model whose training pictures are characters on plain ground, such as MNIST's, cuts characters out of a
    /// picture ([`Layout::is_of_characters`](super::Layout::is_of_characters)). For all other models, and for a picture
    /// that is an example already, the only character is the whole picture, as [`picture`](Self::picture) converts it.
    ///
    /// # Errors
    /// Those of [`picture`](Self::picture), but for several characters.
    pub fn characters(&self, picture: &Picture) -> Result<Characters> {
        let target = self.target(picture)?;
        let layout = self.steps.iter().find_map(|step| match step {
            Step::Center { layout } if layout.is_of_characters(target) => Some(layout),
            _ => None,
        });
        let is_example = |layout| center::as_example(&picture.to_gray(), target, layout).is_some();
        let Some(layout) = layout.filter(|layout| !is_example(layout)) else {
            let prepared = self.whole(picture, target)?;
            return Ok(Characters {
                characters: vec![Character { bounds: None, line: 0, prepared }],
                stages: Vec::new(),
            });
        };
        let found = segment(picture)?;
        let character = |Found { bounds, line, ink }: Found| {
            let (centered, _, stages) = center::place(&ink, found.was_dark, target, layout);
            Character { bounds: Some(bounds), line, prepared: self.finish(centered, false, stages) }
        };
        let characters = found.characters.into_iter().map(character).collect();
        Ok(Characters { characters, stages: found.stages })
    }

    /// Converts a picture to an example by the steps for pictures, in order.
    ///
    /// ```
    /// use tercet::image::{ImageShape, Picture};
    /// use tercet::preprocess::{Input, Layout, Learner, Preprocessing, Step};
    ///
    /// // A dark bar in a corner of white paper.
    /// let paper = ImageShape::gray(100, 80);
    /// let bar = |p: usize| (5..15).contains(&(p % 100)) && (10..50).contains(&(p / 100));
    /// let drawn = Picture::new(paper, (0..8000).map(|p| if bar(p) { 0 } else { 255 }).collect())?;
    ///
    /// let input = Input::pixels(ImageShape::gray(28, 28));
    /// let steps = vec![Step::Grayscale, Step::Center { layout: Layout::MNIST }];
    /// let mnist = Preprocessing::from_steps(input, Learner::Weights, steps)?;
    /// let prepared = mnist.picture(&drawn)?;
    /// // 10 × 40 pixels became 5 × 20, light, in the centre.
    /// assert_eq!(prepared.picture.pixels().iter().filter(|v| **v == 255).count(), 5 * 20);
    /// assert_eq!(prepared.picture.pixels()[14 * 28 + 14], 255);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// A model of features, or of images of 2 or 4 channels; a picture without ink if ink is to be centred; one with
    /// several characters if they are cut out ([`characters`](Self::characters)); a picture of another size or number of
    /// channels if no step changes that.
    pub fn picture(&self, picture: &Picture) -> Result<Prepared> {
        let mut found = self.characters(picture)?.characters;
        match (found.len(), found.pop()) {
            (1, Some(character)) => Ok(character.prepared),
            (count, _) => {
                let found = format!("{count} separate characters");
                Err(Error::mismatch("picture", found, "one: crop the picture to it"))
            }
        }
    }

    /// The shape of the model's images.
    ///
    /// # Errors
    /// A model that does not read pictures.
    fn target(&self, picture: &Picture) -> Result<ImageShape> {
        let Some(target) = self.input.image.filter(|_| self.input.pixels) else {
            let expected = format!("{}, which are not a picture", self.input);
            return Err(Error::mismatch("picture for a model of features", picture.shape(), expected));
        };
        if target.channels != 1 && target.channels != 3 {
            let expected =
                format!("an image of {} channels; pictures are grey or in colour", target.channels);
            return Err(Error::mismatch("picture for a model of other images", picture.shape(), expected));
        }
        Ok(target)
    }

    /// Converts a picture as a whole.
    fn whole(&self, picture: &Picture, target: ImageShape) -> Result<Prepared> {
        let (mut stages, mut unchanged, mut picture) = (Vec::new(), true, picture.clone());
        for step in self.steps.iter().filter(|step| step.is_for_pictures()) {
            match step {
                Step::Grayscale if picture.shape().channels == 3 => {
                    picture = picture.to_gray();
                    stages.push(Stage { name: StageName::Grayscale, picture: picture.clone() });
                }
                Step::Color if picture.shape().channels == 1 => {
                    picture = picture.to_color();
                    stages.push(Stage { name: StageName::Color, picture: picture.clone() });
                }
                Step::Center { layout } if picture.shape().channels == 1 => {
                    let (centered, was_centered, more) = center::center(&picture, target, layout)?;
                    (picture, unchanged) = (centered, was_centered);
                    stages.extend(more);
                }
                Step::Resize if !is_of_size(&picture, target) => {
                    picture = scale(&picture, target.width, target.height);
                    unchanged = false;
                    stages.push(Stage { name: StageName::Resized, picture: picture.clone() });
                }
                _ => {}
            }
        }
        if picture.shape() != target {
            let expected = format!("{target}: no step of the model's preprocessing changes that");
            return Err(Error::mismatch("shape of the picture", picture.shape(), expected));
        }
        Ok(self.finish(picture, unchanged, stages))
    }

    /// Adds the stages of the steps on pixels.
    fn finish(&self, picture: Picture, mut unchanged: bool, mut stages: Vec<Stage>) -> Prepared {
        let (mut seen, paper) = (picture.clone(), pixels::paper(&self.steps));
        for step in self.steps.iter().filter(|step| step.is_for_pixels()) {
            seen = pixels::step(step, seen, paper);
            unchanged = false;
            stages.push(Stage { name: pixel_stage(step), picture: seen.clone() });
        }
        Prepared { picture, unchanged, stages }
    }
}

fn is_of_size(picture: &Picture, target: crate::image::ImageShape) -> bool {
    (picture.shape().width, picture.shape().height) == (target.width, target.height)
}

fn pixel_stage(step: &Step) -> StageName {
    match step {
        Step::Deskew => StageName::Deskewed,
        Step::SizeNormalize => StageName::SizeNormalized,
        Step::Blur { .. } => StageName::Blurred,
        _ => StageName::Inverted,
    }
}
