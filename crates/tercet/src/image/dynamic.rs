//! Conversions from and to `image::DynamicImage`, with the feature `image`.

use image::{DynamicImage, GrayImage, RgbImage, Rgba};

use super::{ImageShape, Picture};
use crate::{Error, Result};

/// Grey stays grey and colour stays colour, with 8 bits per channel. Transparent parts are composited on white, like
/// paper; or on black, if what is visible is so light that it would disappear on white.
///
/// ```
/// use image::{DynamicImage, GrayImage};
/// use tercet::image::{ImageShape, Picture};
///
/// let image = DynamicImage::ImageLuma8(GrayImage::from_raw(2, 1, vec![7, 200]).unwrap());
/// let picture = Picture::try_from(image)?;
/// assert_eq!(picture, Picture::new(ImageShape::gray(2, 1), vec![7, 200])?);
/// # Ok::<(), tercet::Error>(())
/// ```
///
/// # Errors
/// An image without pixels.
impl TryFrom<DynamicImage> for Picture {
    type Error = Error;

    fn try_from(image: DynamicImage) -> Result<Self> {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let color = image.color();
        let channels = if color.has_color() { 3 } else { 1 };
        let ground = if color.has_alpha() && is_light(&image) { 0 } else { 255 };
        // alpha · value + (1 − alpha) · ground, rounded to the nearest integer.
        let over = |value: u8, alpha: u8| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * alpha + ground * (255 - alpha) + 127) / 255) as u8
        };
        let pixels = match (color.has_color(), color.has_alpha()) {
            (false, false) => image.into_luma8().into_raw(),
            (true, false) => image.into_rgb8().into_raw(),
            (false, true) => image.into_luma_alpha8().pixels().map(|p| over(p[0], p[1])).collect(),
            (true, true) => {
                let composite = |p: &Rgba<u8>| [over(p[0], p[3]), over(p[1], p[3]), over(p[2], p[3])];
                image.into_rgba8().pixels().flat_map(composite).collect()
            }
        };
        Picture::new(ImageShape { width, height, channels }, pixels)
    }
}

/// Brighter than this, on average, is what would disappear on white paper.
const LIGHT: u64 = 216;

/// Whether a picture has transparent parts, and all that is visible is light: the mean brightness, weighted by alpha.
fn is_light(image: &DynamicImage) -> bool {
    let (mut sum, mut weight, mut transparent) = (0u64, 0u64, false);
    for pixel in image.to_luma_alpha8().pixels() {
        let alpha = u64::from(pixel[1]);
        (sum, weight) = (sum + alpha * u64::from(pixel[0]), weight + alpha);
        transparent |= alpha < 128;
    }
    transparent && weight > 0 && sum > LIGHT * weight
}

/// The same pixels, as `ImageLuma8` or `ImageRgb8`.
impl From<Picture> for DynamicImage {
    fn from(picture: Picture) -> Self {
        let ImageShape { width, height, channels } = picture.shape();
        let (width, height, pixels) = (width as u32, height as u32, picture.into_pixels());
        let image = match channels {
            3 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
            _ => GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        };
        image.expect("a picture's pixels fill its shape")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_survive_the_way_there_and_back() {
        let gray = Picture::new(ImageShape::gray(3, 2), vec![0, 1, 2, 3, 254, 255]).unwrap();
        assert_eq!(Picture::try_from(DynamicImage::from(gray.clone())).unwrap(), gray);
        let color = gray.to_color().negative();
        assert_eq!(Picture::try_from(DynamicImage::from(color.clone())).unwrap(), color);
    }

    #[test]
    fn light_ink_on_transparent_ground_lies_on_black() {
        let white = image::RgbaImage::from_raw(2, 1, vec![255, 255, 255, 0, 255, 255, 255, 255]).unwrap();
        let picture = Picture::try_from(DynamicImage::from(white)).unwrap();
        assert_eq!(picture.pixels(), [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn an_image_without_pixels_is_rejected() {
        assert!(Picture::try_from(DynamicImage::new_luma8(0, 4)).is_err());
    }
}
