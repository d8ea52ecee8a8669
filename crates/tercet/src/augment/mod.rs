//! On-the-fly augmentation: training sees a randomly modified version of each picture every time.
//!
//! A six rotated by five degrees is still a six. A network that sees each picture slightly shifted, rotated, scaled,
//! sheared and distorted, differently every time, learns the invariant features rather than the pixels. All of these
//! are combined into one map from the new picture to the old one, so that a picture is interpolated only once:
//!
//! ```text
//! new(q) = old(p),    p = c + M (R S H)⁻¹ (q − c − t) + d(q)
//!
//! t   the shift, each side uniform in ±shift pixels
//! R   a rotation by an angle uniform in ±rotate degrees
//! S   diag(s, s'), each side's factor uniform in 1 ± scale
//! H   a shear [[1, h], [0, 1]], h uniform in ±shear
//! M   diag(−1, 1) with probability ½, if mirror is set: a horizontal flip
//! d   elastic displacements, a smooth random field
//! c   the centre of the picture
//! ```
//!
//! Between pixels the old picture is interpolated bilinearly, outside it is 0. The new picture is rounded to integers,
//! so it is a picture again, with zeros where nothing is drawn.
//!
//! # Elastic displacements
//!
//! Both components of d are white noise smoothed by a Gaussian with a standard deviation of σ pixels (Simard,
//! Steinkraus and Platt 2003). The setting is the root-mean-square displacement of a pixel, √E(dx² + dy²), in pixels.
//! The paper uses a factor α instead, for noise that is uniform in ±1, so the meaning of α depends on the normalisation
//! of the Gaussian. With weights that sum to 1, as in common implementations,
//!
//! ```text
//! rms = α / (σ √(6π))
//! ```
//!
//! and the paper's α = 34 and σ = 4 correspond to an rms of 1.96 pixels, 1.38 in each direction.
//!
//! A smooth field needs few random numbers. Here they are those of a lattice with points σ apart, each spread over the
//! pixels by a Gaussian truncated at 4 σ, normalised so that every pixel has the same variance, including those at the
//! border. The covariance of such a field differs from that of smoothed white noise by a factor of 1 ± 2 e^(−π²) along
//! each side, a ten-thousandth. Each number is the sum of two random bytes minus its mean; since about six points
//! contribute to a pixel, their sum is very nearly normal.
//!
//! # Reproducibility
//!
//! The augmentation of a picture depends only on the settings, the size of the picture, the batch size, the seed, the
//! step and the position in the batch. Each picture has its own segment of [`Stream::Augment`](crate::random::Stream):
//! at position p of step s, it starts at word (s B + p) W, where W is the number of words needed per picture, rounded
//! up to a multiple of 16. The first seven words are the shift (x, y), the angle, the factors (x, y), the shear, and
//! whether the picture is mirrored; they are drawn whether they are used or not. The lattice starts at word 16, row by
//! row.

mod augmenter;
mod field;
mod variations;

use serde::{Deserialize, Serialize};

pub use augmenter::Augmenter;
pub use variations::variations;

use crate::data::Dataset;
use crate::{Error, Result};

/// The augmentation of training pictures. There is none by default.
///
/// ```
/// use tercet::augment::{Augment, Elastic};
///
/// let augment = Augment { rotate: 10.0, elastic: Some(Elastic { rms: 1.5, sigma: 4.0 }), ..Augment::default() };
/// assert!(augment.validate().is_ok());
/// assert_eq!(augment.to_string(), "rotation ±10°, elastic 1.5 px (σ 4 px)");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// The largest shift along each side, in pixels.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shift: f32,
    /// The largest rotation, in degrees.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rotate: f32,
    /// The maximum deviation of each side's factor from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub scale: f32,
    /// The largest shear: pixels to the side for each pixel up or down.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shear: f32,
    /// Whether to flip pictures horizontally with probability ½: for subjects without left and right, such as clothes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mirror: bool,
    /// Elastic displacements of the pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic: Option<Elastic>,
}

/// A smooth random field of displacements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elastic {
    /// √E(dx² + dy²): the root-mean-square displacement, in pixels.
    pub rms: f32,
    /// σ, the standard deviation of the Gaussian that smooths the field, in pixels.
    pub sigma: f32,
}

fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

impl Augment {
    /// Whether pictures are left unchanged.
    pub fn is_none(&self) -> bool {
        *self == Augment::default()
    }

    /// Rejects invalid settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first invalid setting.
    pub fn validate(&self) -> Result<()> {
        let Augment { shift, rotate, scale, shear, mirror: _, elastic } = *self;
        for (name, value, most, expected) in [
            ("augment.shift", shift, 1e4, "a number of pixels from 0 to 10,000, such as 2"),
            ("augment.rotate", rotate, 180.0, "a number of degrees from 0 to 180, such as 10"),
            ("augment.scale", scale, 0.9, "a part of 1 from 0 to 0.9, such as 0.1"),
            ("augment.shear", shear, 10.0, "a number from 0 to 10, such as 0.1"),
        ] {
            if !(0.0..=most).contains(&value) {
                return Err(Error::setting(name, value, expected));
            }
        }
        let Some(Elastic { rms, sigma }) = elastic else { return Ok(()) };
        for (name, value, range, expected) in [
            ("augment.elastic.rms", rms, 0.0..=1e4, "a number of pixels from 0 to 10,000, such as 1.5"),
            ("augment.elastic.sigma", sigma, 1.0..=1e4, "a number of pixels from 1 to 10,000, such as 4"),
        ] {
            if !range.contains(&value) {
                return Err(Error::setting(name, value, expected));
            }
        }
        Ok(())
    }

    /// Rejects data that cannot be augmented, if any augmentation is set.
    ///
    /// # Errors
    /// Examples that are not images.
    pub fn check_fit(&self, data: &Dataset) -> Result<()> {
        if self.is_none() || data.image_shape().is_some() {
            return Ok(());
        }
        let expected = "images, to be augmented: leave [train.augment] out for features";
        Err(Error::mismatch(format!("examples of {}", data.name()), "features", expected))
    }
}

impl std::fmt::Display for Augment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Augment { shift, rotate, scale, shear, mirror, elastic } = *self;
        let words = [
            (shift > 0.0).then(|| format!("shift ±{shift} px")),
            (rotate > 0.0).then(|| format!("rotation ±{rotate}°")),
            (scale > 0.0).then(|| format!("scale 1 ± {scale}")),
            (shear > 0.0).then(|| format!("shear ±{shear}")),
            mirror.then(|| "mirrored".to_owned()),
            elastic.map(|Elastic { rms, sigma }| format!("elastic {rms} px (σ {sigma} px)")),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        f.write_str(if words.is_empty() { "none" } else { "" })?;
        f.write_str(&words.join(", "))
    }
}

#[cfg(test)]
mod tests;
