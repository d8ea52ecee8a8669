//! Which tables hold the pixels of images.
//!
//! The columns of pixels are as many as a square image has, and are called pixels, numbered in order (`p0`, `p1`, …;
//! `x_0_0`, `x_0_1`, …), or have no names. Their numbers are whole ones from 0 to 255, or such numbers divided by 255.

use super::ReadOptions;
use super::array;
use super::raw_subset::Features;
use super::table_layout::Layout;
use crate::image::ImageShape;

/// The least side of images in columns that are not called pixels.
const LEAST_SIDE: usize = 8;

/// Pixels are brighter than this somewhere, which small counts and 0/1 flags are not.
const DARK: u8 = 127;

/// How far numbers in text may be from a pixel / 255, times 255: programs write four decimals or more.
const ROUNDING_OF_TEXT: f64 = 0.03;

/// The shape of the images, if the rows of a table are images, and a note about what was decided.
pub(super) fn image_of(
    layout: &Layout,
    features: &Features,
    options: &ReadOptions,
) -> (Option<ImageShape>, Option<String>) {
    let width = features.width();
    let Some(shape) = square(width).filter(|_| !options.plain && options.size.is_none()) else {
        return (None, None);
    };
    let names = layout.feature_names();
    let called_pixels = !names.is_empty() && names.iter().all(|name| is_called_pixel(name));
    let is_bright = match features {
        Features::Bytes(_, values) => values.iter().any(|&value| value > DARK),
        Features::Numbers(..) | Features::Doubles(..) => scaled(features).is_some(),
        _ => false,
    };
    if called_pixels && (is_bright || matches!(features, Features::Bytes(..))) {
        return (Some(shape), None);
    }
    if !is_bright || shape.width < LEAST_SIDE {
        return (None, None);
    }
    let size = format!("{} × {}", shape.width, shape.height);
    let holds = format!("the {width} columns of features hold numbers like the pixels of {size} images");
    if !names.is_empty() && !are_numbered(&names) {
        let size = format!("{}x{}", shape.width, shape.height);
        return (None, Some(format!("{holds}; `--size {size}` reads them as such")));
    }
    let numbered = if names.is_empty() { "" } else { " and are numbered" };
    (Some(shape), Some(format!("{holds}{numbered}: they are read as such; `--plain` reads them as features")))
}

/// The features as the pixels of images, if they are.
pub(super) fn as_pixels(features: Features, shape: Option<ImageShape>) -> Features {
    match (shape, features) {
        (Some(shape), Features::Bytes(_, pixels)) => Features::Pixels(shape, pixels),
        (Some(shape), features) => match scaled(&features) {
            Some(pixels) => Features::Pixels(shape, pixels),
            None => features,
        },
        (None, features) => features,
    }
}

/// Numbers as pixels, if all of them are pixels / 255.
fn scaled(features: &Features) -> Option<Vec<u8>> {
    match features {
        Features::Numbers(_, values) => array::pixels(values, ROUNDING_OF_TEXT),
        Features::Doubles(_, values) => array::pixels(values, ROUNDING_OF_TEXT),
        _ => None,
    }
}

/// The square image that has `width` values, grey or in colour.
fn square(width: usize) -> Option<ImageShape> {
    let (side, colour) = (width.isqrt(), (width / 3).isqrt());
    match () {
        () if side * side == width => Some(ImageShape::gray(side, side)),
        () if 3 * colour * colour == width => Some(ImageShape { width: colour, height: colour, channels: 3 }),
        () => None,
    }
}

/// Whether a column is called a pixel: `pixel7`, `px_1_2`, or `1x1`.
fn is_called_pixel(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let row_and_column =
        name.split_once('x').is_some_and(|(row, column)| is_number(row) && is_number(column));
    name.starts_with("pixel") || name.starts_with("px") || row_and_column
}

/// Whether all names are the same text with numbers that count up: one from 0 or 1 in steps of 1, or several in order.
fn are_numbered(names: &[String]) -> bool {
    let parts: Option<Vec<(String, Vec<u64>)>> = names.iter().map(|name| numbers_in(name)).collect();
    let Some(parts) = parts else { return false };
    let Some((text, start)) = parts.first() else { return false };
    let same_text = parts.iter().all(|(other, numbers)| other == text && numbers.len() == start.len());
    if !same_text {
        return false;
    }
    match start[..] {
        [] => false,
        [from] => from <= 1 && parts.iter().zip(from..).all(|((_, numbers), n)| numbers[0] == n),
        _ => start.iter().all(|&n| n <= 1) && parts.windows(2).all(|two| two[0].1 < two[1].1),
    }
}

/// A name with `#` in place of its numbers, and the numbers.
fn numbers_in(name: &str) -> Option<(String, Vec<u64>)> {
    let (mut text, mut numbers) = (String::new(), Vec::new());
    let mut rest = name;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let end =
            rest[start..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |length| start + length);
        text += &rest[..start];
        text.push('#');
        numbers.push(rest[start..end].parse().ok()?);
        rest = &rest[end..];
    }
    Some((text + rest, numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: impl Fn(usize) -> String) -> Vec<String> {
        (0..64).map(name).collect()
    }

    #[test]
    fn columns_are_numbered_in_any_style() {
        assert!(are_numbered(&names(|i| format!("p{i}"))));
        assert!(are_numbered(&names(|i| (i + 1).to_string())));
        assert!(are_numbered(&names(|i| format!("V{:03}_value", i + 1))));
        assert!(are_numbered(&names(|i| format!("x_{}_{}", i / 8, i % 8))));
        assert!(!are_numbered(&names(|i| format!("p{}", 2 * i))));
        assert!(!are_numbered(&names(|i| format!("p{}", 63 - i))));
        assert!(!are_numbered(&names(|i| if i == 7 { "age".to_owned() } else { format!("p{i}") })));
        assert!(!are_numbered(&names(|_| "p".to_owned())));
    }

    #[test]
    fn scaled_pixels_in_text_are_pixels() {
        let all: Vec<u8> = (0..=255).chain(0..=255).collect();
        let text = |decimals: usize| {
            let number = |&v: &u8| format!("{:.decimals$}", f64::from(v) / 255.0).parse::<f64>().unwrap();
            as_pixels(Features::Doubles(64, all.iter().map(number).collect()), Some(ImageShape::gray(8, 8)))
        };
        for decimals in [4, 6, 16] {
            assert!(matches!(text(decimals), Features::Pixels(_, pixels) if pixels == all), "{decimals}");
        }
        assert!(matches!(text(2), Features::Doubles(..)));
    }
}
