//! [`Picture`]: pixels and their shape.

use super::ImageShape;
use crate::{Error, Result};

/// A grey or colour picture with 8 bits per channel, without transparency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    shape: ImageShape,
    pixels: Vec<u8>,
}

impl Picture {
    /// A picture from its pixels, row by row, the channels of a pixel adjacent.
    ///
    /// # Shapes
    /// `pixels` is (height, width, channels), with 1 channel (grey) or 3 (red, green, blue).
    ///
    /// # Errors
    /// A picture without pixels, an invalid number of channels, or pixels that do not fill the shape.
    pub fn new(shape: ImageShape, pixels: Vec<u8>) -> Result<Self> {
        if shape.channels != 1 && shape.channels != 3 {
            return Err(Error::mismatch("channels of a picture", shape.channels, "1 (grey) or 3 (colour)"));
        }
        let expected = shape.width.checked_mul(shape.height).and_then(|n| n.checked_mul(shape.channels));
        if pixels.is_empty() || expected != Some(pixels.len()) {
            return Err(Error::mismatch(
                format!("values of a picture of {shape} pixels"),
                pixels.len(),
                "one for each channel of each pixel, and at least one pixel",
            ));
        }
        Ok(Picture { shape, pixels })
    }

    /// For pixels computed by this crate, which are known to fill the shape.
    pub(crate) fn known(shape: ImageShape, pixels: Vec<u8>) -> Self {
        debug_assert_eq!(shape.features(), pixels.len());
        Picture { shape, pixels }
    }

    /// Width, height and channels.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// The pixels, row by row, the channels of a pixel adjacent.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Converts the picture into its pixels.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// The picture in grey: `Y = 0.2126 R + 0.7152 G + 0.0722 B`, rounded down.
    ///
    /// These are the luma weights of Rec. 709, which sRGB pictures are made for. A grey that was stored as colour
    /// (R = G = B) keeps its value exactly.
    ///
    /// ```
    /// use tercet::image::{ImageShape, Picture};
    /// let shape = ImageShape { width: 2, height: 1, channels: 3 };
    /// let picture = Picture::new(shape, vec![255, 0, 0, 77, 77, 77])?;
    /// assert_eq!(picture.to_gray().pixels(), [54, 77]);
    /// # Ok::<(), tercet::Error>(())
    /// ```
    pub fn to_gray(&self) -> Picture {
        if self.shape.channels == 1 {
            return self.clone();
        }
        let luma = |p: &[u8]| {
            let (r, g, b) = (u32::from(p[0]), u32::from(p[1]), u32::from(p[2]));
            ((2126 * r + 7152 * g + 722 * b) / 10_000) as u8
        };
        let shape = ImageShape { channels: 1, ..self.shape };
        Picture::known(shape, self.pixels.chunks_exact(3).map(luma).collect())
    }

    /// The picture in colour; grey becomes R = G = B.
    pub fn to_color(&self) -> Picture {
        if self.shape.channels == 3 {
            return self.clone();
        }
        let shape = ImageShape { channels: 3, ..self.shape };
        Picture::known(shape, self.pixels.iter().flat_map(|&v| [v; 3]).collect())
    }

    /// The negative: every value v becomes 255 − v.
    pub fn negative(&self) -> Picture {
        Picture::known(self.shape, self.pixels.iter().map(|v| 255 - v).collect())
    }

    /// The part that begins at column `left` and row `top`.
    pub(crate) fn crop(&self, left: usize, top: usize, width: usize, height: usize) -> Picture {
        let c = self.shape.channels;
        let row = self.shape.width * c;
        let lines = self.pixels.chunks_exact(row).skip(top).take(height);
        let pixels = lines.flat_map(|line| &line[left * c..(left + width) * c]).copied().collect();
        Picture::known(ImageShape { width, height, channels: c }, pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_that_do_not_fill_the_shape_are_rejected() {
        assert!(Picture::new(ImageShape::gray(2, 2), vec![0; 3]).is_err());
        assert!(Picture::new(ImageShape::gray(0, 2), vec![]).is_err());
        assert!(Picture::new(ImageShape::gray(usize::MAX, 2), vec![0; 3]).is_err());
        assert!(Picture::new(ImageShape { width: 1, height: 1, channels: 4 }, vec![0; 4]).is_err());
    }

    #[test]
    fn every_grey_survives_the_way_through_colour() {
        let gray = Picture::new(ImageShape::gray(16, 16), (0..=255).collect()).unwrap();
        assert_eq!(gray.to_color().to_gray(), gray);
        assert_eq!(gray.negative().negative(), gray);
    }

    #[test]
    fn a_crop_keeps_the_channels_together() {
        let shape = ImageShape { width: 3, height: 2, channels: 3 };
        let picture = Picture::new(shape, (0..18).collect()).unwrap();
        assert_eq!(picture.crop(1, 1, 1, 1).pixels(), [12, 13, 14]);
    }
}
