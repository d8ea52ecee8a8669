//! [`prepare`]: from a picture to what a model sees.

use super::{Contract, Picture, Preparation, Range, centred, scale};
use crate::{Error, Result};

/// What was done to a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Colour became grey, or grey colour.
    Recoloured,
    /// Dark ink on light paper became light ink on dark paper; the paper is 0 now and the ink 255.
    Inverted,
    /// The ink was light already; the paper is 0 now and the ink 255.
    Ink,
    /// Cut to the box that holds the ink.
    Cropped,
    /// Scaled into the model's box, aspect kept.
    Scaled,
    /// Placed so that the centre of mass is the centre.
    Centred,
    /// Scaled to the model's size, whatever the aspect was.
    Resized,
    /// Slanted writing was set upright.
    Deskewed,
    /// Scaled so that the spread of the ink came nearer to a standard.
    Evened,
    /// Blurred by a Gaussian.
    Blurred,
}

/// A picture on its way, after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What was done last.
    pub step: Step,
    /// What it looked like then.
    pub picture: Picture,
}

/// A picture as the model sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The pixels, in the model's shape.
    pub picture: Picture,
    /// Whether the picture met the contract as it was (or its negative did), so that no pixel was computed anew.
    pub unchanged: bool,
    /// Every step that was taken, in order; the last one's picture is the result. None for a picture that met the
    /// contract as it was.
    pub stages: Vec<Stage>,
}

impl Prepared {
    /// The numbers that enter the model, as the contract's range says.
    ///
    /// # Shapes
    /// (D)
    pub fn inputs(&self, contract: &Contract) -> Vec<f32> {
        let divisor = if contract.range == Range::ZeroToOne { 255.0 } else { 1.0 };
        self.picture.pixels().iter().map(|&v| f32::from(v) / divisor).collect()
    }
}

/// Makes a picture keep a model's contract.
///
/// ```
/// use tercet::image::{prepare, Contract, ImageShape, Picture, Preparation};
///
/// // A dark bar in a corner of white paper.
/// let paper = ImageShape::gray(100, 80);
/// let bar = |p: usize| (5..15).contains(&(p % 100)) && (10..50).contains(&(p / 100));
/// let drawn = Picture::new(paper, (0..8000).map(|p| if bar(p) { 0 } else { 255 }).collect())?;
///
/// let mnist = Contract::images(ImageShape::gray(28, 28), Preparation::Centred);
/// let prepared = prepare(&drawn, &mnist)?;
/// // 10 × 40 pixels have become 5 × 20, light, and lie in the middle.
/// assert_eq!(prepared.picture.pixels().iter().filter(|v| **v == 255).count(), 5 * 20);
/// assert_eq!(prepared.picture.pixels()[14 * 28 + 14], 255);
/// assert_eq!(prepared.inputs(&mnist)[14 * 28 + 14], 1.0);
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// A contract for features that are no picture, for images of 2 or 4 channels, or one that contradicts itself; a picture without ink where ink is
/// to be centred; a picture of another size where nothing may be done to it.
pub fn prepare(picture: &Picture, contract: &Contract) -> Result<Prepared> {
    contract.check()?;
    let Some(target) = contract.image else {
        return Err(Error::mismatch(
            "picture for a model of features",
            picture.shape(),
            format!("{} numbers that are no picture", contract.features),
        ));
    };

    if target.channels != 1 && target.channels != 3 {
        let expected = format!("an image of {} channels; pictures are grey or in colour", target.channels);
        return Err(Error::mismatch("picture for a model of other images", picture.shape(), expected));
    }

    let mut stages = Vec::new();
    let mut picture = picture.clone();
    if picture.shape().channels != target.channels {
        picture = if target.channels == 1 { picture.to_gray() } else { picture.to_color() };
        stages.push(Stage { step: Step::Recoloured, picture: picture.clone() });
    }

    let mut unchanged = true;
    match contract.preparation {
        Preparation::Centred => {
            let (centred, was_centred, more) = centred::centre(&picture, target)?;
            (picture, unchanged) = (centred, was_centred);
            stages.extend(more);
        }
        Preparation::Resize if picture.shape() != target => {
            picture = scale::scale(&picture, target.width, target.height);
            unchanged = false;
            stages.push(Stage { step: Step::Resized, picture: picture.clone() });
        }
        Preparation::AsIs if picture.shape() != target => {
            return Err(Error::mismatch("size of the picture", picture.shape(), target));
        }
        Preparation::Resize | Preparation::AsIs => {}
    }
    picture = contract.cleaning.picture(picture, |step, picture| {
        unchanged = false;
        stages.push(Stage { step, picture: picture.clone() });
    });
    Ok(Prepared { picture, unchanged, stages })
}
