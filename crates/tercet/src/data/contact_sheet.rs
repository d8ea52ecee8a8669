//! Contact sheets: a few images of each class, as an image and as text for a terminal.

use std::fmt::Write;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};

use super::{Dataset, Examples};
use crate::image::ImageShape;
use crate::{Error, Result};

/// The maximum number of images side by side.
const MOST_COLUMNS: usize = 100;

/// The background of a sheet.
const PAPER: Rgb<u8> = Rgb([236, 236, 232]);
/// Space between images, in pixels.
const GAP: u32 = 4;
/// Margin around the sheet, in pixels.
const MARGIN: u32 = 12;
/// The minimum width of an image in text, in characters.
const FEWEST: usize = 4;
/// Small images are enlarged to about this side; images larger than twice that are scaled down.
const SIDE: u32 = 56;

/// An image with one row per class that has examples, in order: its first `columns` images.
///
/// # Errors
/// Data that is not images, and a number of columns that is 0 or above 100.
pub fn contact_sheet(set: &Dataset, columns: usize) -> Result<RgbImage> {
    let shape = check(set, columns, || format!("examples of {}", set.name()))?;
    let rows = examples(set, columns);
    let (width, height) = tile_size(shape);
    let columns = rows.iter().map(|(_, examples)| examples.len()).max().unwrap_or(0) as u32;
    let mut sheet = RgbImage::from_pixel(
        2 * MARGIN + (columns * (width + GAP)).saturating_sub(GAP),
        2 * MARGIN + (rows.len() as u32 * (height + GAP)).saturating_sub(GAP),
        PAPER,
    );
    for (y, (_, examples)) in (0..).zip(&rows) {
        for (x, &example) in (0..).zip(examples) {
            let image = resized(&picture(set, example, shape), width, height);
            let (x, y) = (MARGIN + x * (width + GAP), MARGIN + y * (height + GAP));
            imageops::replace(&mut sheet, &image, i64::from(x), i64::from(y));
        }
    }
    Ok(sheet)
}

/// Whether text may use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    /// Characters only: five shades of the terminal's text colour.
    None,
    /// 24-bit colours (ANSI escape sequences).
    Ansi,
}

/// The same as lines of text of at most `width` characters: the name of each class, and next to it its first `columns`
/// images, with two pixels per character, one above the other.
///
/// # Errors
/// Those of [`contact_sheet`], and a width that leaves an image fewer than four characters.
pub fn contact_sheet_text(set: &Dataset, columns: usize, width: usize, colours: Colours) -> Result<String> {
    const LONGEST_NAME: usize = 12;
    let shape = check(set, columns, || format!("examples of {}", set.name()))?;
    let rows = examples(set, columns);
    let name_of = |class: usize| set.classes()[class].chars().take(LONGEST_NAME).collect::<String>();
    let margin = rows.iter().map(|&(class, _)| name_of(class).chars().count()).max().unwrap_or(0);

    // Each image has a space to its left. Images are not enlarged, which would add no information.
    let each = (width.saturating_sub(margin) / columns).saturating_sub(1).min(shape.width.max(FEWEST));
    if each < FEWEST {
        let expected = format!("at most {} for {width} characters a line", width.saturating_sub(margin) / 5);
        return Err(Error::setting("columns", columns, expected));
    }
    let (tile_width, tile_height) = text_size(shape, each);

    let mut text = String::new();
    for (class, examples) in rows {
        let tiles: Vec<RgbImage> = examples
            .iter()
            .map(|&example| resized(&picture(set, example, shape), tile_width, tile_height))
            .collect();
        for (y, pixels) in lines_of(&tiles, each, colours).into_iter().enumerate() {
            let name = if y == 0 { name_of(class) } else { String::new() };
            push_line(&mut text, &format!("{name:>margin$}{pixels}"));
        }
    }
    Ok(text)
}

/// All images of a set as lines of text of at most `width` characters (of at least 5): side by side, each under its
/// caption, in as many rows as needed. A caption wider than its image is truncated.
///
/// # Errors
/// Data that is not images, and a number of captions other than that of the images.
pub fn side_by_side_text(
    set: &Examples,
    captions: &[String],
    width: usize,
    colours: Colours,
) -> Result<String> {
    /// Wide enough to tell digits apart, and narrow enough for four side by side in 80 characters.
    const WIDEST: usize = 19;
    let shape = check(set, 1, || "examples".to_owned())?;
    if captions.len() != set.len() {
        return Err(Error::mismatch(
            "captions",
            captions.len(),
            format!("{}, one for each image", set.len()),
        ));
    }
    let each = shape.width.clamp(FEWEST, WIDEST).min(width.saturating_sub(1).max(FEWEST));
    let longest = captions.iter().map(|caption| caption.chars().count()).max().unwrap_or(0);
    let cell = longest.clamp(each, WIDEST.min(width.saturating_sub(1)).max(each));
    let columns = (width / (cell + 1)).max(1);
    let (tile_width, tile_height) = text_size(shape, each);
    let mut text = String::new();
    for from in (0..set.len()).step_by(columns) {
        let row = from..set.len().min(from + columns);
        let caption = |i: usize| captions[i].chars().take(cell).collect::<String>();
        push_line(&mut text, &row.clone().map(|i| format!(" {:cell$}", caption(i))).collect::<String>());
        let tiles: Vec<RgbImage> =
            row.map(|i| resized(&picture(set, i, shape), tile_width, tile_height)).collect();
        for line in lines_of(&tiles, cell, colours) {
            push_line(&mut text, &line);
        }
    }
    Ok(text)
}

fn check(set: &Examples, columns: usize, what: impl Fn() -> String) -> Result<ImageShape> {
    if columns == 0 || columns > MOST_COLUMNS {
        return Err(Error::setting("columns", columns, format!("1 to {MOST_COLUMNS}")));
    }
    match set.image_shape() {
        Some(shape) if set.is_pixels() => Ok(shape),
        _ => Err(Error::mismatch(what(), "features", "images, to be shown")),
    }
}

/// The classes that have examples, each with its first `columns` examples.
fn examples(set: &Dataset, columns: usize) -> Vec<(usize, Vec<usize>)> {
    let mut rows = vec![Vec::new(); set.class_count()];
    for i in 0..set.len() {
        let row = &mut rows[set.label(i) as usize];
        if row.len() < columns {
            row.push(i);
        }
    }
    rows.into_iter().enumerate().filter(|(_, row)| !row.is_empty()).collect()
}

/// Example `i` as an image. With two or four channels, the last is the opacity and is left out.
fn picture(set: &Examples, i: usize, shape: ImageShape) -> RgbImage {
    let pixels = set.pixels(i).expect("`check` let images pass and nothing else");
    RgbImage::from_fn(shape.width as u32, shape.height as u32, |x, y| {
        let at = (y as usize * shape.width + x as usize) * shape.channels;
        match pixels[at..][..shape.channels] {
            [red, green, blue, ..] => Rgb([red, green, blue]),
            [gray, ..] => Rgb([gray; 3]),
            [] => PAPER,
        }
    })
}

/// The size of an image on the sheet: an integer multiple of its own size, so that each pixel stays a square, or
/// smaller.
fn tile_size(shape: ImageShape) -> (u32, u32) {
    let (width, height) = (shape.width as u32, shape.height as u32);
    let side = width.max(height).max(1);
    if side > 2 * SIDE {
        let smaller = |n: u32| (u64::from(n) * u64::from(2 * SIDE) / u64::from(side)).max(1) as u32;
        (smaller(width), smaller(height))
    } else {
        let times = (SIDE / side).max(1);
        (width * times, height * times)
    }
}

/// The size of an image in text that is `columns` characters wide. A character is twice as high as wide, so half of one
/// is a square pixel.
fn text_size(shape: ImageShape, columns: usize) -> (u32, u32) {
    let pixels =
        (columns as f64 * shape.height as f64 / shape.width as f64).round().clamp(2.0, 2.0 * columns as f64);
    (columns as u32, (pixels as u32).next_multiple_of(2))
}

/// Images of the same size side by side as lines of text, each in a cell of `cell` characters with a space to its left.
fn lines_of(tiles: &[RgbImage], cell: usize, colours: Colours) -> Vec<String> {
    let height = tiles.first().map_or(0, RgbImage::height);
    let line = |y| {
        let mut line = String::new();
        for tile in tiles {
            line.push(' ');
            for x in 0..tile.width() {
                let (top, bottom) = (*tile.get_pixel(x, y), *tile.get_pixel(x, y + 1));
                match colours {
                    Colours::None => line.push(shade(light(top), light(bottom))),
                    Colours::Ansi => coloured(&mut line, top, bottom),
                }
            }
            if colours == Colours::Ansi {
                line.push_str("\x1b[0m");
            }
            line.extend(std::iter::repeat_n(' ', cell.saturating_sub(tile.width() as usize)));
        }
        line
    };
    (0..height).step_by(2).map(line).collect()
}

/// Adds a line without trailing spaces.
fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn resized(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    if width >= image.width() && height >= image.height() {
        imageops::resize(image, width, height, FilterType::Nearest)
    } else {
        imageops::thumbnail(image, width, height)
    }
}

/// The perceived lightness of a pixel (ITU-R BT.601), 0 to 255.
fn light(Rgb([red, green, blue]): Rgb<u8>) -> u32 {
    (299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue)) / 1000
}

/// The character nearest to two pixels: a half block if they differ, one of five shades if not.
fn shade(top: u32, bottom: u32) -> char {
    const CONTRAST: u32 = 96;
    if top > bottom + CONTRAST {
        '▀'
    } else if bottom > top + CONTRAST {
        '▄'
    } else {
        [' ', '░', '▒', '▓', '█'][((top + bottom) * 5 / 512) as usize]
    }
}

/// The upper pixel as the foreground of an upper half block, the lower one as its background.
fn coloured(line: &mut String, Rgb([r, g, b]): Rgb<u8>, Rgb([r2, g2, b2]): Rgb<u8>) {
    write!(line, "\x1b[38;2;{r};{g};{b};48;2;{r2};{g2};{b2}m▀").expect("a String takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class 0 has three images of a white pixel above a black one, class 1 none, class 2 one image.
    fn set() -> Dataset {
        let pixels = [[255, 0], [255, 0], [0, 255], [255, 0]].concat();
        let classes = ["up", "never", "down"].map(str::to_owned).to_vec();
        Dataset::from_pixels("x", ImageShape::gray(1, 2), pixels, vec![0, 0, 2, 0], classes).unwrap()
    }

    #[test]
    fn the_sheet_has_a_row_for_each_class_with_examples() {
        let sheet = contact_sheet(&set(), 2).unwrap();
        // 1 × 2 is enlarged to 28 × 56; two columns, two rows.
        assert_eq!(sheet.dimensions(), (12 + 28 + 4 + 28 + 12, 12 + 56 + 4 + 56 + 12));
        let at = |x, y| sheet.get_pixel(x, y).0;
        assert_eq!((at(12, 12), at(12, 12 + 28)), ([255; 3], [0; 3]));
        assert_eq!((at(12, 72), at(12, 72 + 28)), ([0; 3], [255; 3]));
        assert_eq!((at(0, 0), at(44, 72)), (PAPER.0, PAPER.0));
    }

    #[test]
    fn large_images_are_scaled_down_and_flat_ones_do_not_vanish() {
        assert_eq!(tile_size(ImageShape::gray(1120, 560)), (112, 56));
        assert_eq!(tile_size(ImageShape::gray(100_000, 1)), (112, 1));
        assert_eq!(tile_size(ImageShape::gray(28, 28)), (56, 56));
        assert_eq!(tile_size(ImageShape::gray(100, 60)), (100, 60));
    }

    #[test]
    fn images_of_awkward_shapes_are_shown() {
        for (width, height) in [(1, 1), (1, 300), (300, 1), (3, 200), (57, 113), (7, 2)] {
            let shape = ImageShape::gray(width, height);
            let set = Dataset::from_pixels("x", shape, vec![255; width * height], vec![0], vec!["a".into()]);
            let set = set.unwrap();
            // All white, including the edges, regardless of resizing.
            let sheet = contact_sheet(&set, 1).unwrap();
            let (right, bottom) = (sheet.width() - MARGIN - 1, sheet.height() - MARGIN - 1);
            assert_eq!(sheet.get_pixel(MARGIN, MARGIN).0, [255; 3], "{shape}");
            assert_eq!(sheet.get_pixel(right, bottom).0, [255; 3], "{shape}");
            let text = contact_sheet_text(&set, 1, 80, Colours::None).unwrap();
            assert!(text.chars().all(|c| "a █\n".contains(c)), "{shape}: {text}");
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{shape}: {text}");
        }
    }

    #[test]
    fn colours_survive() {
        let shape = ImageShape { width: 1, height: 1, channels: 3 };
        let set = Dataset::from_pixels("x", shape, vec![9, 90, 200], vec![0], vec!["a".into()]).unwrap();
        assert_eq!(contact_sheet(&set, 1).unwrap().get_pixel(20, 20).0, [9, 90, 200]);
        let text = contact_sheet_text(&set, 1, 80, Colours::Ansi).unwrap();
        assert!(text.contains("\x1b[38;2;9;90;200;48;2;9;90;200m▀"), "{text:?}");
        assert!(text.lines().all(|line| line.ends_with("\x1b[0m")));
    }

    #[test]
    fn text_shows_names_once_and_stays_within_its_width() {
        let text = contact_sheet_text(&set(), 3, 40, Colours::None).unwrap();
        assert!(text.starts_with("  up ████ ████ ████\n"), "{text}");
        assert_eq!(text.matches("down").count(), 1);
        assert!(text.lines().all(|line| line.chars().count() <= 40));
    }

    #[test]
    fn images_are_side_by_side_under_their_captions() {
        let captions = ["one", "two", "three", "four"].map(str::to_owned);
        let text = side_by_side_text(&set(), &captions, 18, Colours::None).unwrap();
        // 1 × 2 pixels become 4 × 8; three cells of five characters and a space fit.
        let first: Vec<&str> = text.lines().take(5).collect();
        assert_eq!(
            first,
            [" one   two   three", " ████  ████", " ████  ████", "             ████", "             ████"]
        );
        assert!(text.lines().all(|line| line.chars().count() <= 18), "{text}");
        assert_eq!(text.lines().count(), 2 * 5);
        assert!(text.contains("\n four\n ████\n"), "{text}");
        assert!(side_by_side_text(&set(), &captions[1..], 18, Colours::None).is_err());
        for width in 5..40 {
            let text = side_by_side_text(&set(), &captions, width, Colours::None).unwrap();
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}: {text}");
        }
    }

    #[test]
    fn two_pixels_become_the_nearest_character() {
        let all = [(0, 0), (255, 255), (255, 0), (0, 255), (60, 70), (128, 128), (200, 190)];
        let shades: String = all.iter().map(|&(top, bottom)| shade(top, bottom)).collect();
        assert_eq!(shades, " █▀▄░▒▓");
    }

    #[test]
    fn invalid_input_of_contact_sheets_is_rejected() {
        let features = Dataset::from_features("x", 1, vec![0.5], vec![0], vec!["a".to_owned()]).unwrap();
        assert!(contact_sheet(&features, 3).unwrap_err().to_string().contains("expected images"));
        assert!(
            contact_sheet(&set(), 0).unwrap_err().to_string().contains("columns is 0; expected 1 to 100")
        );
        let error = contact_sheet_text(&set(), 10, 20, Colours::None).unwrap_err();
        assert_eq!(error.to_string(), "columns is 10; expected at most 3 for 20 characters a line");
    }

    #[test]
    fn an_empty_set_makes_an_empty_sheet() {
        assert_eq!(contact_sheet(&set().subset(&[]), 5).unwrap().dimensions(), (24, 24));
        assert_eq!(contact_sheet_text(&set().subset(&[]), 5, 80, Colours::None).unwrap(), "");
    }
}
