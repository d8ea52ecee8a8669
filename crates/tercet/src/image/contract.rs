//! [`Contract`]: what a model's input is.

use serde::{Deserialize, Serialize};

use super::ImageShape;
use super::{Cleaning, MAX_SIDE};
use crate::data::Dataset;
use crate::{Error, Result};

/// The most channels of an image: those of a colour picture and one more.
const MAX_CHANNELS: usize = 4;

/// How a picture of any size becomes one that the model knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preparation {
    /// As MNIST was made: light ink on dark paper, the ink scaled into a box of 20/28 of the side, its centre of
    /// mass in the centre. For drawings and writing, in grey.
    Centred,
    /// Scaled to the model's width and height, whatever the aspect was. For photographs.
    Resize,
    /// Not changed; a picture of another size is refused.
    AsIs,
}

/// Which numbers enter the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Range {
    /// Pixels as value / 255.
    ZeroToOne,
    /// Pixels as integers from 0 to 255, for exact neighbours.
    Bytes,
    /// Any finite number: features that are no pixels.
    Any,
}

/// What a model's input is: part of the model file, so that every door feeds it alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    /// D, the number of features of an example.
    pub features: usize,
    /// The shape of the images, where the examples are images.
    pub image: Option<ImageShape>,
    /// Which numbers enter the model.
    pub range: Range,
    /// What is done to a picture first.
    pub preparation: Preparation,
    /// What is done to every picture after that, and to the examples of a data set.
    #[serde(default, skip_serializing_if = "Cleaning::is_none")]
    pub cleaning: Cleaning,
}

impl Contract {
    /// For images whose pixels enter as value / 255. Whether such images can be is for [`check`](Contract::check)
    /// to say.
    pub fn images(shape: ImageShape, preparation: Preparation) -> Self {
        let features = shape.width.saturating_mul(shape.height).saturating_mul(shape.channels);
        Contract {
            features,
            image: Some(shape),
            range: Range::ZeroToOne,
            preparation,
            cleaning: Cleaning::NONE,
        }
    }

    /// For D features that are no picture.
    pub fn features(width: usize) -> Self {
        Contract {
            features: width,
            image: None,
            range: Range::Any,
            preparation: Preparation::AsIs,
            cleaning: Cleaning::NONE,
        }
    }

    /// For models that learn from a data set. The preparation is what the caller knows of how the images were
    /// made; it is kept only where there are images.
    pub fn of(set: &Dataset, preparation: Preparation) -> Self {
        match set.image_shape() {
            Some(shape) => Contract::images(shape, preparation),
            None => Contract::features(set.width()),
        }
    }

    /// Whether the parts agree with one another.
    ///
    /// # Errors
    /// An image whose values are not D, a side of 0 or above [`MAX_SIDE`], no channel or more than 4, pixels of
    /// no image, a centred picture in colour, and a cleaning that cannot be done to such pictures.
    pub fn check(&self) -> Result<()> {
        self.cleaning.check(self.image)?;
        let Some(shape) = self.image else {
            return match self.range {
                Range::Any if self.features > 0 => Ok(()),
                Range::Any => Err(Error::mismatch("features of the input contract", 0, "at least 1")),
                _ => Err(Error::mismatch("range of the input contract", "pixels without an image", "any")),
            };
        };
        let sides = 1..=MAX_SIDE as usize;
        if !sides.contains(&shape.width) || !sides.contains(&shape.height) {
            return Err(Error::mismatch(
                "image of the input contract",
                shape,
                format!("1 to {MAX_SIDE} pixels a side"),
            ));
        }
        if !(1..=MAX_CHANNELS).contains(&shape.channels) {
            let expected = format!("1 to {MAX_CHANNELS}");
            return Err(Error::mismatch("channels of the input contract", shape.channels, expected));
        }
        if shape.features() != self.features {
            return Err(Error::mismatch("features of the input contract", self.features, shape.features()));
        }
        if self.preparation == Preparation::Centred && shape.channels != 1 {
            return Err(Error::mismatch("channels of a centred picture", shape.channels, "1"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_in_a_model_file_are_fixed() {
        let contract = Contract::images(ImageShape::gray(28, 28), Preparation::Centred);
        let json = serde_json::to_string(&contract).unwrap();
        assert_eq!(
            json,
            r#"{"features":784,"image":{"width":28,"height":28,"channels":1},"range":"zero-to-one","preparation":"centred"}"#
        );
        assert_eq!(serde_json::from_str::<Contract>(&json).unwrap(), contract);
        assert!(contract.check().is_ok());
        assert!(Contract::features(3).check().is_ok());
    }

    #[test]
    fn parts_that_contradict_one_another_are_refused() {
        let good = Contract::images(ImageShape::gray(28, 28), Preparation::Centred);
        let huge = ImageShape { width: usize::MAX, height: usize::MAX, channels: 3 };
        for bad in [
            Contract { features: 783, ..good },
            Contract { image: Some(huge), ..good },
            Contract { image: Some(ImageShape { channels: 7, ..ImageShape::gray(28, 4) }), ..good },
            Contract::images(ImageShape { width: 32, height: 32, channels: 3 }, Preparation::Centred),
            Contract { image: None, ..good },
            Contract::features(0),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
