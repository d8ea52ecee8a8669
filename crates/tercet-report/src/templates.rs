//! Weights as images: the weight of each pixel.

use image::ExtendedColorType;
use maud::{Markup, PreEscaped, html};

use super::numbers::{grouped, three_digits};
use super::record::Templates;
use super::sprites::{png, png_file};
use tercet::Result;
use tercet::image::ImageShape;

/// The maximum number of images shown per layer.
const MOST: usize = 64;

/// Images per row of the sheet.
const COLUMNS: usize = 16;

/// In a separate file: the largest magnification of a pixel, and the gap between two images in pixels.
const ENLARGED: usize = 4;
const GAP: usize = 6;

/// The maximum number of pixels on a sheet.
const BUDGET: usize = 1 << 20;

/// The colours of the two extremes. They fade to transparent at 0, so that 0 has the page's colour, light or dark.
const NEGATIVE: [u8; 3] = [0x3f, 0x86, 0xf5];
const POSITIVE: [u8; 3] = [0xf2, 0x62, 0x1a];

/// Images side by side, RGBA.
struct Sheet {
    pixels: Vec<u8>,
    shape: ImageShape,
    /// The number of images in total, and per row.
    shown: usize,
    grid: usize,
    /// The absolute weight that has full opacity.
    largest: f32,
}

/// The columns of W as images on a common scale. `None` if the weights are missing or do not have the shape of images.
fn sheet(templates: &Templates) -> Option<Sheet> {
    let shape = templates.shape.filter(|shape| matches!(shape.channels, 1 | 3))?;
    let (columns, pixels) = (templates.names.len(), shape.width * shape.height);
    if columns == 0 || pixels == 0 || templates.weights.len() != shape.features() * columns {
        return None;
    }
    let shown = columns.min(MOST).min(BUDGET / pixels);
    if shown == 0 {
        return None;
    }
    let finite = templates.weights.iter().filter(|w| w.is_finite());
    let largest = finite.fold(0.0f32, |largest, w| largest.max(w.abs()));
    let grid = shown.min(COLUMNS);
    let rows = shown.div_ceil(grid);
    let line = 4 * grid * shape.width;
    let mut sheet = vec![0; rows * shape.height * line];
    for column in 0..shown {
        let corner = column / grid * shape.height * line + column % grid * 4 * shape.width;
        for pixel in 0..pixels {
            let at = corner + pixel / shape.width * line + pixel % shape.width * 4;
            let weight = |channel| templates.weights[(pixel * shape.channels + channel) * columns + column];
            sheet[at..at + 4].copy_from_slice(&color(shape, weight, largest));
        }
    }
    Some(Sheet { pixels: sheet, shape, shown, grid, largest })
}

/// The images as a separate PNG on white, magnified up to [`ENLARGED`] times, with gaps between them.
pub(super) fn picture(templates: &Templates) -> Result<Option<Vec<u8>>> {
    let Some(Sheet { pixels, shape, shown, grid, .. }) = sheet(templates) else { return Ok(None) };
    let enlarged = ENLARGED.min((560 / (grid * shape.width)).max(1) * 2);
    let (across, down) = (shape.width * enlarged + GAP, shape.height * enlarged + GAP);
    let (width, height) = (grid * across + GAP, shown.div_ceil(grid) * down + GAP);
    let mut picture = vec![255; 3 * width * height];
    for (at, to) in picture.chunks_exact_mut(3).enumerate() {
        let (x, y) = (at % width, at / width);
        let inside = |at: usize, step: usize| at.checked_sub(GAP).filter(|at| at % step < step - GAP);
        let (Some(x), Some(y)) = (inside(x, across), inside(y, down)) else { continue };
        if y / down * grid + x / across >= shown {
            continue;
        }
        let column = x / across * shape.width + x % across / enlarged;
        let row = y / down * shape.height + y % down / enlarged;
        let from = 4 * (row * grid * shape.width + column);
        let opacity = f32::from(pixels[from + 3]) / 255.0;
        for (to, &from) in to.iter_mut().zip(&pixels[from..from + 3]) {
            *to = (255.0 + opacity * (f32::from(from) - 255.0)).round() as u8;
        }
    }
    png_file(&picture, width, height, ExtendedColorType::Rgb8).map(Some)
}

/// The sheet with the names of its images; `None` if there is no sheet.
pub(super) fn gallery(templates: &Templates, id: &str) -> Result<Option<Markup>> {
    let Some(Sheet { pixels, shape, shown, grid, largest }) = sheet(templates) else { return Ok(None) };
    let columns = templates.names.len();
    let rows = shown.div_ceil(grid);
    let uri = png(&pixels, grid * shape.width, rows * shape.height, ExtendedColorType::Rgba8)?;
    let side = if shown <= 12 { 84 } else { 56 };
    let scale = (side / shape.width.max(shape.height)).max(1);
    Ok(Some(html! {
        h3 { (templates.title) }
        style { (PreEscaped(format!("#{id} .tile{{background-image:url({uri})}}"))) }
        div.gallery.weights id=(id)
            style={ "--w:" (shape.width) ";--h:" (shape.height) ";--columns:" (grid) ";--s:" (scale) }
        {
            @for (i, name) in templates.names.iter().take(shown).enumerate() {
                figure {
                    span.tile role="img" aria-label={ "weights of " (name) }
                        style={ "--x:" (i % grid) ";--y:" (i / grid) } {}
                    figcaption { (name) }
                }
            }
        }
        p.note {
            @if shape.channels == 1 {
                span.ramp aria-hidden="true" {}
                "Weights from −" (three_digits(largest.into())) " (blue: a bright pixel lowers the score) through 0 (no colour) to "
                (three_digits(largest.into())) " (red: a bright pixel raises it), on the same scale in all pictures. "
            } @else {
                "Each channel in its own colour. Mid-grey is 0, and the extremes are ±" (three_digits(largest.into())) ". "
            }
            @if shown < columns {
                "The first " (shown) " of " (grouped(columns as u64)) " are shown."
            }
        }
    }))
}

/// One pixel, RGBA. Opacity has 64 levels: more would be indistinguishable, and the file is a third of the size.
fn color(shape: ImageShape, weight: impl Fn(usize) -> f32, largest: f32) -> [u8; 4] {
    // 0/0 and NaN become 0: `as u8` turns NaN into 0, and the comparison below is false for it.
    let share = |channel| weight(channel) / largest;
    if shape.channels == 3 {
        let channel = |c| if share(c).is_finite() { (127.5 + 127.5 * share(c)).round() as u8 } else { 128 };
        return [channel(0), channel(1), channel(2), 255];
    }
    let [r, g, b] = if share(0) > 0.0 { POSITIVE } else { NEGATIVE };
    [r, g, b, (share(0).abs() * 63.0).round() as u8 * 4]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn templates(shape: ImageShape, columns: usize) -> Templates {
        Templates {
            title: "W".into(),
            names: (0..columns).map(|i| format!("unit {i}")).collect(),
            shape: Some(shape),
            weights: (0..shape.features() * columns).map(|i| (i as f32).sin()).collect(),
        }
    }

    #[test]
    fn the_scale_is_symmetric_about_zero() {
        let gray = ImageShape::gray(1, 1);
        assert_eq!(color(gray, |_| 0.0, 2.0)[3], 0);
        assert_eq!(color(gray, |_| 2.0, 2.0)[3], color(gray, |_| -2.0, 2.0)[3]);
        assert_eq!(color(gray, |_| 0.0, 0.0)[3], 0);
        assert_eq!(
            color(ImageShape { width: 1, height: 1, channels: 3 }, |_| 0.0, 0.0),
            [128, 128, 128, 255]
        );
    }

    #[test]
    fn no_more_than_64_are_shown_and_the_page_says_so() {
        let markup = gallery(&templates(ImageShape::gray(2, 3), 100), "t").unwrap().unwrap().into_string();
        assert_eq!(markup.matches("role=\"img\"").count(), 64);
        assert!(markup.contains("The first 64 of 100 are shown"));
        let all = gallery(&templates(ImageShape::gray(2, 3), 3), "t").unwrap().unwrap().into_string();
        assert!(!all.contains("are shown"));
    }

    #[test]
    fn separate_images_are_magnified_on_white() {
        let weights =
            Templates { weights: vec![1.0, 0.0, 0.0, -1.0], ..templates(ImageShape::gray(2, 1), 2) };
        let file = picture(&weights).unwrap().unwrap();
        let image = image::load_from_memory(&file).unwrap().into_rgb8();
        assert_eq!(image.dimensions(), (6 + 14 + 14, 6 + 10));
        let at = |x, y| image.get_pixel(x, y).0;
        assert_eq!(
            (at(0, 0), at(11, 7), at(33, 15)),
            ([255; 3], [255; 3], [255; 3]),
            "margin, weight of 0, corner"
        );
        assert!(
            at(6, 6)[0] > at(6, 6)[2] && at(27, 9)[2] > at(27, 9)[0],
            "red raises the score, blue lowers it"
        );
    }

    #[test]
    fn weights_that_are_missing_or_not_images_are_omitted() {
        let mut absent = templates(ImageShape::gray(2, 2), 4);
        absent.weights.clear();
        assert!(gallery(&absent, "t").unwrap().is_none());
        let mut shapeless = templates(ImageShape::gray(2, 2), 4);
        shapeless.shape = None;
        assert!(gallery(&shapeless, "t").unwrap().is_none());
        let colored = ImageShape { width: 2, height: 2, channels: 3 };
        assert!(gallery(&templates(colored, 4), "t").unwrap().is_some());
    }
}
