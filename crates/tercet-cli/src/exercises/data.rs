//! The input of a model.

use tercet::Result;
use tercet::data::Examples;
use tercet::image::ImageShape;

use super::Exercise;

pub const EXERCISES: &[Exercise] = &[Exercise {
    name: "pixels",
    chapter: "data",
    question: "\
A grey image has 2 rows of 3 pixels:

      0   51  102
    153  204  255

Which numbers are the input of a network or a linear classifier, and in which
order?",
    entries: &["x[0]", "x[1]", "x[2]", "x[3]", "x[4]", "x[5]"],
    tolerance: 0.001,
    answer: || inputs(vec![0, 51, 102, 153, 204, 255]),
    mistakes: &[
        (
            || inputs(vec![0, 153, 51, 204, 102, 255]),
            "those are the pixels column by column; images are stored row by row",
        ),
        (
            || Ok(inputs(vec![0, 51, 102, 153, 204, 255])?.iter().map(|x| x * 255.0).collect()),
            "pixels are scaled to value / 255, so ink is 1",
        ),
        (
            || Ok(inputs(vec![0, 51, 102, 153, 204, 255])?.iter().map(|x| x * 255.0 / 256.0).collect()),
            "the largest pixel, 255, becomes 1: divide by 255, not by 256",
        ),
        (
            || Ok(inputs(vec![0, 51, 102, 153, 204, 255])?.iter().map(|x| 1.0 - x).collect()),
            "0 is paper and 255 is ink: do not invert the image",
        ),
    ],
}];

/// The inputs of a model.
fn inputs(pixels: Vec<u8>) -> Result<Vec<f64>> {
    let mut x = vec![0.0; pixels.len()];
    Examples::from_pixels(ImageShape::gray(3, 2), pixels)?.write_inputs(&[0], &mut x);
    Ok(x.into_iter().map(f64::from).collect())
}
