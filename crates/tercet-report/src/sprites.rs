//! The pictures of a page, side by side in one PNG: a page with a thousand small images loads a single file.

use std::collections::HashMap;

use base64::Engine as _;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use maud::{Markup, html};

use tercet::image::ImageShape;
use tercet::{Error, Result};

/// The maximum number of bytes of raw pixels per sheet. MNIST digits compress to about a third of that.
const BUDGET: usize = 4 << 20;

/// Pictures per row of the sheet.
const COLUMNS: usize = 40;

/// The maximum length of a picture's longer side on the page; larger ones are scaled down.
const LONGEST_SIDE: usize = 96;

/// A sheet of pictures, as many as the budget allows.
pub(super) struct Sprites {
    /// The original shape of the pictures.
    from: ImageShape,
    /// The shape of the pictures on the sheet.
    tile: ImageShape,
    tiles: Vec<Vec<u8>>,
    places: HashMap<usize, usize>,
}

impl Sprites {
    /// An empty sheet for pictures of this shape; `None` if they are neither greyscale nor RGB.
    pub fn new(shape: ImageShape) -> Option<Self> {
        if !matches!(shape.channels, 1 | 3) || shape.width == 0 || shape.height == 0 {
            return None;
        }
        let longest = shape.width.max(shape.height);
        let scaled = |side: usize| {
            if longest <= LONGEST_SIDE { side } else { (side * LONGEST_SIDE / longest).max(1) }
        };
        let tile = ImageShape { width: scaled(shape.width), height: scaled(shape.height), ..shape };
        Some(Sprites { from: shape, tile, tiles: Vec::new(), places: HashMap::new() })
    }

    /// The position of test example `index`, which is added if it is not on the sheet yet; `None` if the sheet is full.
    pub fn add_test(&mut self, index: usize, pixels: &[u8]) -> Option<usize> {
        if let Some(&place) = self.places.get(&index) {
            return Some(place);
        }
        let place = self.add(pixels)?;
        self.places.insert(index, place);
        Some(place)
    }

    /// Adds a picture that is not a test example; `None` if the sheet is full or the picture has another shape.
    pub fn add(&mut self, pixels: &[u8]) -> Option<usize> {
        if pixels.len() != self.from.features() || (self.tiles.len() + 1) * self.tile.features() > BUDGET {
            return None;
        }
        self.tiles.push(self.shrunk(pixels)?);
        Some(self.tiles.len() - 1)
    }

    /// The number of pictures per row, and the number of rows.
    pub fn grid(&self) -> (usize, usize) {
        let columns = self.tiles.len().clamp(1, COLUMNS);
        (columns, self.tiles.len().div_ceil(columns).max(1))
    }

    /// The position of test example `index`, if it is on the sheet.
    pub fn place(&self, index: usize) -> Option<usize> {
        self.places.get(&index).copied()
    }

    /// The test examples on the sheet with their positions, ordered by example.
    pub fn places(&self) -> Vec<(usize, usize)> {
        let mut places: Vec<_> = self.places.iter().map(|(&index, &place)| (index, place)).collect();
        places.sort_unstable();
        places
    }

    fn shrunk(&self, pixels: &[u8]) -> Option<Vec<u8>> {
        if self.tile == self.from {
            return Some(pixels.to_vec());
        }
        let (from, to) = (self.from, self.tile);
        let (width, height) = (u32::try_from(from.width).ok()?, u32::try_from(from.height).ok()?);
        let (smaller_width, smaller_height) = (to.width as u32, to.height as u32);
        Some(if from.channels == 1 {
            let picture = image::GrayImage::from_raw(width, height, pixels.to_vec())?;
            image::imageops::thumbnail(&picture, smaller_width, smaller_height).into_raw()
        } else {
            let picture = image::RgbImage::from_raw(width, height, pixels.to_vec())?;
            image::imageops::thumbnail(&picture, smaller_width, smaller_height).into_raw()
        })
    }

    /// The picture at a position of the sheet, for a page with the style sheet [`style`](Self::style).
    pub fn tile_at(&self, place: usize, description: &str) -> Markup {
        let (columns, _) = self.grid();
        html! {
            span.tile role="img" aria-label=(description)
                style={ "--x:" (place % columns) ";--y:" (place / columns) } {}
        }
    }

    /// CSS that makes the sheet the background of every tile. Call it after all pictures have been added.
    pub fn style(&self) -> Result<String> {
        let ImageShape { width, height, .. } = self.tile;
        let (columns, _) = self.grid();
        let scale = (56 / width.max(height)).max(1);
        let uri = self.data_uri()?;
        Ok(format!(
            ":root{{--w:{width};--h:{height};--columns:{columns};--s:{scale}}}.tile{{background-image:url({uri})}}"
        ))
    }

    /// The sheet as a PNG in a `data:` URL.
    pub fn data_uri(&self) -> Result<String> {
        let (columns, rows) = self.grid();
        let ImageShape { width, height, channels } = self.tile;
        let line = columns * width * channels;
        let mut sheet = vec![0; rows * height * line];
        for (place, tile) in self.tiles.iter().enumerate() {
            let corner = place / columns * height * line + place % columns * width * channels;
            for (y, row) in tile.chunks_exact(width * channels).enumerate() {
                sheet[corner + y * line..][..row.len()].copy_from_slice(row);
            }
        }
        let color = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        png(&sheet, columns * width, rows * height, color)
    }
}

/// A PNG in a `data:` URL.
pub(super) fn png(pixels: &[u8], width: usize, height: usize, color: ExtendedColorType) -> Result<String> {
    let file = png_file(pixels, width, height, color)?;
    Ok(format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(&file)))
}

/// The bytes of a PNG file.
pub(super) fn png_file(
    pixels: &[u8],
    width: usize,
    height: usize,
    color: ExtendedColorType,
) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let refused =
        |error: image::ImageError| Error::mismatch("picture for the report", error, "one that PNG can hold");
    // Digits are mostly runs of equal bytes, which filters would break up; colour images benefit from filters.
    let filter = if color == ExtendedColorType::L8 { FilterType::NoFilter } else { FilterType::Adaptive };
    PngEncoder::new_with_quality(&mut file, CompressionType::Best, filter)
        .write_image(pixels, width as u32, height as u32, color)
        .map_err(refused)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_added_only_once() {
        let mut sprites = Sprites::new(ImageShape::gray(2, 2)).unwrap();
        assert_eq!(sprites.add_test(7, &[1; 4]), Some(0));
        assert_eq!(sprites.add(&[2; 4]), Some(1));
        assert_eq!(sprites.add_test(7, &[1; 4]), Some(0));
        assert_eq!(sprites.add_test(3, &[1; 4]), Some(2));
        assert_eq!(sprites.places(), [(3, 2), (7, 0)]);
    }

    #[test]
    fn a_full_sheet_and_a_picture_of_another_shape_are_rejected() {
        let shape = ImageShape { width: 96, height: 96, channels: 3 };
        let mut sprites = Sprites::new(shape).unwrap();
        let fit = BUDGET / shape.features();
        for index in 0..fit {
            assert!(sprites.add_test(index, &vec![0; shape.features()]).is_some());
        }
        assert_eq!(sprites.add_test(fit, &vec![0; shape.features()]), None);
        assert_eq!(Sprites::new(shape).unwrap().add(&[1, 2, 3]), None);
    }

    #[test]
    fn large_pictures_are_scaled_down_with_their_aspect_ratio() {
        let shape = ImageShape { width: 400, height: 100, channels: 3 };
        let mut sprites = Sprites::new(shape).unwrap();
        assert_eq!(sprites.tile, ImageShape { width: 96, height: 24, channels: 3 });
        sprites.add(&vec![200; shape.features()]).unwrap();
        assert!(sprites.tiles[0].iter().all(|&v| v == 200));
        assert!(sprites.data_uri().unwrap().starts_with("data:image/png;base64,iVBOR"));
    }

    #[test]
    fn pictures_with_other_channels_have_no_sheet() {
        assert!(Sprites::new(ImageShape { width: 2, height: 2, channels: 4 }).is_none());
    }

    #[test]
    fn tiles_are_placed_on_the_grid() {
        let mut sprites = Sprites::new(ImageShape::gray(1, 1)).unwrap();
        for value in 0..50 {
            sprites.add(&[value]).unwrap();
        }
        assert_eq!(sprites.grid(), (40, 2));
        let uri = sprites.data_uri().unwrap();
        let encoded = uri.strip_prefix("data:image/png;base64,").unwrap();
        let file = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap();
        let sheet = image::load_from_memory(&file).unwrap().to_luma8();
        assert_eq!((sheet.dimensions(), sheet.get_pixel(9, 1).0), ((40, 2), [49]));
    }
}
