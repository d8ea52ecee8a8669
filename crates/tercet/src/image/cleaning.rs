//! [`Cleaning`]: what is done to every picture, of a data set or a user's, before a model learns from it or sees it.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::ImageShape;
use super::prepare::Step;
use super::{Contract, Picture, blur, deskew, moments};
use crate::data::Dataset;
use crate::{Error, Result};

/// What is done to every picture once it has the model's shape, in this order. Nothing, unless something is asked for.
///
/// It is part of the input [`Contract`], so that it is done to the examples that a model learns from, to those it is
/// judged by, and to every picture that it is shown later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cleaning {
    /// Slanted writing is set upright: row y is moved by α (y − ȳ), where α = Cov(y, x) / Var(y) of the ink.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deskew: bool,
    /// Writing is brought towards one size: scaled down and across by (standard / σ)^¾, σ being the standard deviations of the
    /// ink, and centred.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub even: bool,
    /// The standard deviation of a Gaussian blur, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blur: Option<f32>,
}

impl Cleaning {
    /// Nothing is done.
    pub const NONE: Cleaning = Cleaning { deskew: false, even: false, blur: None };

    /// Whether nothing is done.
    pub fn is_none(&self) -> bool {
        *self == Cleaning::NONE
    }

    /// Refuses what cannot be done to pictures of a shape; features that are no picture have none.
    ///
    /// # Errors
    /// A blur that is not above 0 and at most 16 pixels; anything at all where there is no picture, or one in colour.
    pub fn check(&self, shape: Option<ImageShape>) -> Result<()> {
        if let Some(sigma) = self.blur.filter(|sigma| !(*sigma > 0.0 && *sigma <= blur::MOST)) {
            return Err(Error::setting("blur", sigma, format!("above 0 and at most {} pixels", blur::MOST)));
        }
        match shape {
            _ if self.is_none() => Ok(()),
            Some(shape) if shape.channels == 1 => Ok(()),
            Some(shape) => {
                Err(Error::setting("cleaning", self, format!("none for pictures in colour, {shape}")))
            }
            None => Err(Error::setting("cleaning", self, "none for features that are no picture")),
        }
    }

    /// Cleans a grey picture, and tells `keep` of every step.
    pub(super) fn picture(&self, picture: Picture, mut keep: impl FnMut(Step, &Picture)) -> Picture {
        let mut picture = picture;
        if self.deskew {
            picture = deskew::deskew(&picture);
            keep(Step::Deskewed, &picture);
        }
        if self.even {
            picture = moments::even(&picture);
            keep(Step::Evened, &picture);
        }
        if let Some(sigma) = self.blur {
            picture = blur::blur(&picture, sigma);
            keep(Step::Blurred, &picture);
        }
        picture
    }
}

/// `deskew, even, blur 0.5`, or `none`.
impl std::fmt::Display for Cleaning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let step = |asked: bool, name: &str| asked.then(|| name.to_owned());
        let blur = self.blur.map(|sigma| format!("blur {sigma}"));
        let steps = [step(self.deskew, "deskew"), step(self.even, "even"), blur];
        let steps = steps.into_iter().flatten().collect::<Vec<_>>().join(", ");
        f.pad(if steps.is_empty() { "none" } else { &steps })
    }
}

impl Contract {
    /// The examples of a data set as a model of this contract sees them: cleaned as it says. The set itself where
    /// nothing is to be done.
    ///
    /// ```
    /// use tercet::data::Dataset;
    /// use tercet::image::{Cleaning, Contract, ImageShape, Preparation};
    ///
    /// // A stroke that leans to the right by a pixel a row.
    /// let shape = ImageShape::gray(3, 3);
    /// let slash = Dataset::from_pixels("x", shape, vec![0, 0, 9, 0, 9, 0, 9, 0, 0], vec![0], vec!["any".into()])?;
    /// let cleaning = Cleaning { deskew: true, ..Cleaning::NONE };
    /// let contract = Contract { cleaning, ..Contract::images(shape, Preparation::AsIs) };
    /// assert_eq!(contract.clean(&slash)?.pixels(0), Some(&[0, 9, 0, 0, 9, 0, 0, 9, 0][..]));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// A cleaning that cannot be done to such examples, and images of another shape than the contract's.
    pub fn clean(&self, data: &Dataset) -> Result<Dataset> {
        if self.cleaning.is_none() {
            return Ok(data.clone());
        }
        self.cleaning.check(data.image_shape().filter(|_| data.is_pixels()))?;
        let Some(shape) = self.image.filter(|shape| data.image_shape() == Some(*shape)) else {
            let words =
                |shape: Option<ImageShape>| shape.map_or("none".to_owned(), |shape| shape.to_string());
            return Err(Error::mismatch(
                "images to be cleaned",
                words(data.image_shape()),
                words(self.image),
            ));
        };
        let mut pixels = vec![0; data.len() * shape.features()];
        pixels.par_chunks_mut(shape.features()).enumerate().for_each(|(i, new)| {
            let old = data.pixels(i).unwrap_or_default().to_vec();
            new.copy_from_slice(self.cleaning.picture(Picture::known(shape, old), |_, _| {}).pixels());
        });
        Dataset::from_pixels(data.name(), shape, pixels, data.labels(), data.classes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Preparation, prepare};

    const ALL: Cleaning = Cleaning { deskew: true, even: true, blur: Some(0.7) };

    #[test]
    fn the_words_in_a_file_are_fixed_and_unknown_ones_refused() {
        let json = |cleaning: &Cleaning| serde_json::to_string(cleaning).unwrap();
        assert_eq!(json(&ALL), r#"{"deskew":true,"even":true,"blur":0.7}"#);
        assert_eq!(json(&Cleaning::NONE), "{}");
        for cleaning in [ALL, Cleaning::NONE] {
            assert_eq!(serde_json::from_str::<Cleaning>(&json(&cleaning)).unwrap(), cleaning);
        }
        // A step that this program does not know must not be left out in silence.
        assert!(serde_json::from_str::<Cleaning>(r#"{"sharpen":1}"#).is_err());
    }

    #[test]
    fn what_cannot_be_cleaned_is_refused() {
        let gray = Some(ImageShape::gray(3, 3));
        let color = Some(ImageShape { width: 3, height: 3, channels: 3 });
        assert!(
            ALL.check(gray).is_ok()
                && Cleaning::NONE.check(color).is_ok()
                && Cleaning::NONE.check(None).is_ok()
        );
        let words = |cleaning: Cleaning, shape| cleaning.check(shape).unwrap_err().to_string();
        assert_eq!(
            words(ALL, None),
            "cleaning is deskew, even, blur 0.7; expected none for features that are no picture"
        );
        assert!(words(ALL, color).contains("in colour, 3 × 3 × 3"));
        for sigma in [0.0, -1.0, 17.0, f32::NAN, f32::INFINITY] {
            let cleaning = Cleaning { blur: Some(sigma), ..Cleaning::NONE };
            assert!(words(cleaning, gray).contains("above 0 and at most 16 pixels"), "{sigma}");
        }
    }

    #[test]
    fn examples_and_pictures_are_cleaned_alike_and_every_step_is_kept() {
        let shape = ImageShape::gray(28, 28);
        let pixels: Vec<u8> =
            (0..784).map(|p| if (p / 28 + p % 28 + 3) % 29 < 3 { 200 } else { 0 }).collect();
        let set = Dataset::from_pixels("x", shape, pixels.clone(), vec![0], vec!["any".to_owned()]).unwrap();
        let contract = Contract { cleaning: ALL, ..Contract::images(shape, Preparation::AsIs) };
        let prepared = prepare(&Picture::new(shape, pixels).unwrap(), &contract).unwrap();
        assert_eq!(contract.clean(&set).unwrap().pixels(0), Some(prepared.picture.pixels()));
        let steps: Vec<Step> = prepared.stages.iter().map(|stage| stage.step).collect();
        assert_eq!(steps, [Step::Deskewed, Step::Evened, Step::Blurred]);
        assert!(!prepared.unchanged);
        let other = Contract { image: Some(ImageShape::gray(14, 56)), ..contract };
        assert!(other.clean(&set).unwrap_err().to_string().contains("found 28 × 28; expected 14 × 56"));
    }
}
