//! Preparing pictures for a model: drawn digits of every size and position, on every kind of paper.

#![cfg(feature = "image")]

mod strokes;

use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageFormat};
use strokes::{DIGITS, Pen, draw};
use tercet::image::{ImageShape, Picture, decode, open};
use tercet::preprocess::{Input, Layout, Learner, Prepared, Preprocessing, StageName, Step};

/// The preprocessing of a model trained on MNIST.
fn mnist() -> Preprocessing {
    let steps = vec![Step::Grayscale, Step::Center { layout: Layout::MNIST }];
    Preprocessing::from_steps(Input::pixels(ImageShape::gray(28, 28)), Learner::Weights, steps).unwrap()
}

fn prepare(picture: &Picture) -> tercet::Result<Prepared> {
    mnist().picture(picture)
}

fn encoded(picture: &Picture, format: ImageFormat) -> Vec<u8> {
    let (w, h) = (picture.shape().width as u32, picture.shape().height as u32);
    let image = DynamicImage::from(GrayImage::from_raw(w, h, picture.pixels().to_vec()).unwrap());
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn decoded(bytes: &[u8]) -> Picture {
    decode(bytes, Path::new("digit")).unwrap()
}

/// Centre of mass, and the bounding box of the ink as (left, top, right, bottom).
fn measure(picture: &Picture) -> ((f64, f64), [usize; 4]) {
    let (mut x, mut y, mut mass) = (0.0, 0.0, 0.0);
    let mut bounds = [usize::MAX, usize::MAX, 0, 0];
    for (p, &v) in picture.pixels().iter().enumerate().filter(|(_, v)| **v > 0) {
        let (px, py, v) = (p % 28, p / 28, f64::from(v));
        (x, y, mass) = (x + v * px as f64, y + v * py as f64, mass + v);
        bounds = [bounds[0].min(px), bounds[1].min(py), bounds[2].max(px), bounds[3].max(py)];
    }
    ((x / mass, y / mass), bounds)
}

fn mean_difference(a: &Picture, b: &Picture) -> f64 {
    assert_eq!(a.shape(), b.shape());
    let sum: u32 = a.pixels().iter().zip(b.pixels()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    f64::from(sum) / a.pixels().len() as f64
}

/// The mean difference if `a` may be shifted by a pixel: a centre of mass halfway between two pixels may go to either.
fn mean_difference_within_a_pixel(a: &Picture, b: &Picture) -> f64 {
    let shifted = |dx: usize, dy: usize| {
        let at = |p: usize| a.pixels().get((p + 28 * dy + dx).wrapping_sub(29)).copied().unwrap_or(0);
        Picture::new(a.shape(), (0..784).map(at).collect()).unwrap()
    };
    let shifts = (0..3).flat_map(|dy| (0..3).map(move |dx| (dx, dy)));
    shifts.map(|(dx, dy)| mean_difference(&shifted(dx, dy), b)).fold(f64::MAX, f64::min)
}

/// Every digit drawn with every pen.
fn drawings() -> impl Iterator<Item = (String, Picture)> {
    let plain = Pen { paper: 255, ink: 0, size: (200, 160), place: (60.0, 40.0), scale: 80.0, width: 8.0 };
    let pens = [
        ("plain", plain),
        ("in a corner", Pen { place: (5.0, 5.0), ..plain }),
        ("thin", Pen { width: 1.5, ..plain }),
        ("thick", Pen { width: 16.0, ..plain }),
        ("small", Pen { scale: 12.0, width: 2.0, ..plain }),
        ("large", Pen { size: (600, 500), scale: 400.0, width: 30.0, place: (90.0, 60.0), ..plain }),
        ("light on dark", Pen { paper: 0, ink: 255, ..plain }),
        ("grey on grey", Pen { paper: 150, ink: 90, ..plain }),
    ];
    pens.into_iter().flat_map(|(name, pen)| {
        DIGITS.iter().map(move |(digit, strokes)| (format!("{digit}, {name}"), draw(strokes, &pen)))
    })
}

#[test]
fn every_drawing_ends_in_the_box_with_its_mass_in_the_centre() {
    for (name, picture) in drawings() {
        let prepared = prepare(&picture).unwrap();
        let ((x, y), [left, top, right, bottom]) = measure(&prepared.picture);
        assert!((x - 14.0).abs() <= 0.5 && (y - 14.0).abs() <= 0.5, "{name}: centre of mass at {x}, {y}");
        let (width, height) = (right - left + 1, bottom - top + 1);
        assert!(width <= 20 && height <= 20 && width.max(height) >= 19, "{name}: {width} × {height}");
        assert!(prepared.picture.pixels().contains(&255), "{name}: faint");
        let dark = !name.contains("light on dark");
        let names: Vec<StageName> = prepared.stages.iter().map(|stage| stage.name).collect();
        let first = if dark { StageName::Inverted } else { StageName::Ink };
        assert_eq!(names, [first, StageName::Cropped, StageName::Scaled, StageName::Centered], "{name}");
        assert_eq!(prepared.stages[3].picture, prepared.picture);
    }
}

#[test]
fn a_drawing_and_its_negative_are_the_same_to_a_model() {
    for (name, picture) in drawings() {
        let (a, b) = (prepare(&picture).unwrap(), prepare(&picture.negative()).unwrap());
        assert!(mean_difference(&a.picture, &b.picture) <= 0.5, "{name}");
    }
}

#[test]
fn place_and_size_hardly_matter() {
    let pen = Pen { paper: 255, ink: 0, size: (400, 400), place: (20.0, 30.0), scale: 100.0, width: 10.0 };
    for (digit, strokes) in DIGITS {
        let reference = prepare(&draw(strokes, &pen)).unwrap().picture;
        let elsewhere = Pen { place: (201.0, 170.0), ..pen };
        let larger = Pen { scale: 200.0, width: 20.0, ..pen };
        let moved = prepare(&draw(strokes, &elsewhere)).unwrap().picture;
        let grown = prepare(&draw(strokes, &larger)).unwrap().picture;
        assert_eq!(moved, reference, "{digit}");
        assert!(mean_difference(&grown, &reference) < 4.0, "{digit}");
    }
}

#[test]
fn slanting_light_and_jpeg_noise_hardly_matter() {
    let pen = Pen { paper: 210, ink: 40, size: (300, 260), place: (90.0, 60.0), scale: 120.0, width: 12.0 };
    for (digit, strokes) in DIGITS {
        let clean = draw(strokes, &pen);
        let reference = prepare(&clean).unwrap().picture;

        let jpeg = decoded(&encoded(&clean, ImageFormat::Jpeg));
        assert_ne!(jpeg, clean);
        let from_jpeg = prepare(&jpeg).unwrap().picture;
        let difference = mean_difference_within_a_pixel(&from_jpeg, &reference);
        assert!(difference < 4.0, "{digit}, JPEG: {difference}");

        let light = |p: usize| 0.55 + 0.6 * (p % 300) as f32 / 300.0 - 0.2 * (p / 300) as f32 / 260.0;
        let lit = clean.pixels().iter().enumerate().map(|(p, &v)| (f32::from(v) * light(p)) as u8).collect();
        let lit = decoded(&encoded(&Picture::new(clean.shape(), lit).unwrap(), ImageFormat::Jpeg));
        let from_lit = prepare(&lit).unwrap().picture;
        let difference = mean_difference_within_a_pixel(&from_lit, &reference);
        assert!(difference < 5.0, "{digit}, slanting light: {difference}");
    }
}

#[test]
fn centred_pictures_and_their_negatives_are_unchanged() {
    for (name, picture) in drawings() {
        let once = prepare(&picture).unwrap().picture;
        let png = prepare(&decoded(&encoded(&once, ImageFormat::Png))).unwrap();
        assert!(png.unchanged && png.stages.is_empty() && png.picture == once, "{name}");
        let negative = prepare(&once.negative()).unwrap();
        assert!(negative.unchanged && negative.picture == once, "{name}");
        assert_eq!(negative.stages.len(), 1);
    }
}

#[test]
fn a_centred_image_enlarged_and_pasted_on_white_paper_comes_back() {
    for (name, picture) in drawings() {
        let original = prepare(&picture).unwrap().picture;
        let (width, height) = (400, 300);
        let mut paper = vec![255; width * height];
        for (y, row) in original.pixels().chunks_exact(28).enumerate() {
            for (x, v) in row.iter().enumerate() {
                for p in 0..25 {
                    paper[(31 + 5 * y + p / 5) * width + 203 + 5 * x + p % 5] = 255 - v;
                }
            }
        }
        let paper = Picture::new(ImageShape::gray(width, height), paper).unwrap();
        let back = prepare(&paper).unwrap();
        let difference = mean_difference_within_a_pixel(&back.picture, &original);
        assert!(!back.unchanged && difference < 8.0, "{name}: {difference}");
    }
}

#[test]
fn a_picture_without_ink_and_one_of_another_size_are_rejected() {
    let blank = Picture::new(ImageShape::gray(50, 40), vec![240; 2000]).unwrap();
    assert!(prepare(&blank).unwrap_err().to_string().contains("no ink"));

    let preprocessing = |input| Preprocessing::from_steps(input, Learner::Weights, Vec::new()).unwrap();
    let none = preprocessing(Input::pixels(ImageShape::gray(28, 28)));
    let error = none.picture(&blank).unwrap_err().to_string();
    let words = "shape of the picture: found 50 × 40; expected 28 × 28: no step of the model's preprocessing changes that";
    assert_eq!(error, words);
    assert!(preprocessing(Input::features(784)).picture(&blank).is_err());
}

#[test]
fn a_colour_model_gets_colour_at_its_size() {
    let shape = ImageShape { width: 32, height: 32, channels: 3 };
    let steps = vec![Step::Color, Step::Resize];
    let color = Preprocessing::from_steps(Input::pixels(shape), Learner::Weights, steps).unwrap();
    let gray = Picture::new(ImageShape::gray(100, 7), vec![90; 700]).unwrap();
    let prepared = color.picture(&gray).unwrap();
    assert_eq!(prepared.picture, Picture::new(shape, vec![90; 3072]).unwrap());
}

#[test]
fn every_format_is_told_by_its_content() {
    let drawing = drawings().next().unwrap().1;
    for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Pnm] {
        let read = decoded(&encoded(&drawing, format));
        assert_eq!(read.to_gray(), drawing, "{format:?}");
    }
    let plain = decode(b"P2 # by hand\n2 2 15\n0 15 3 7\n", Path::new("x")).unwrap();
    assert_eq!(plain.pixels(), [0, 255, 51, 119]);
}

#[test]
fn transparency_lies_on_white_paper() {
    let mut bytes = Cursor::new(Vec::new());
    let rgba = image::RgbaImage::from_raw(3, 1, vec![0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 51]).unwrap();
    DynamicImage::from(rgba).write_to(&mut bytes, ImageFormat::Png).unwrap();
    assert_eq!(decoded(bytes.get_ref()).pixels(), [255, 255, 255, 0, 0, 0, 255, 204, 204]);
}

#[test]
fn files_that_are_not_pictures_are_rejected_with_a_reason() {
    let drawing = drawings().next().unwrap().1;
    let png = encoded(&drawing, ImageFormat::Png);
    let says = |bytes: &[u8], expected: &str| {
        let error = decode(bytes, Path::new("a.png")).unwrap_err().to_string();
        assert!(error.starts_with("a.png: ") && error.contains(expected), "{error}");
    };
    says(b"", "an empty file");
    says(b"Dear Sir or Madam", "not a picture");
    says(b"GIF89a\x01\x00\x01\x00", "damaged or truncated");
    says(&png[..png.len() / 2], "damaged or truncated");
    says(b"P5 60000 60000 255\n", "60000 × 60000 pixels");
    says(b"P5 16000 16000 255\n1234", "claimed by a file of 23 bytes");
    says(b"P5 4 4 255\n1234", "damaged or truncated");
    for format in [ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Pnm, ImageFormat::Png] {
        let whole = encoded(&drawing, format);
        // The last 12 bytes of a PNG are its end marker; without them the pixels are still complete.
        for cut in [3, 20, whole.len() / 2, whole.len() - 13] {
            assert!(decode(&whole[..cut], Path::new("cut")).is_err(), "{format:?} cut to {cut}");
        }
    }
    let missing = open(Path::new("no such picture.png")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read no such picture.png"), "{missing}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(start in 0usize..6, tail in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let starts: [&[u8]; 6] = [b"", b"\x89PNG\r\n\x1a\n", &[0xff, 0xd8, 0xff], b"BM", b"P5 ", b"P2 9 9 255\n"];
        let bytes = [starts[start], &tail].concat();
        let _ = decode(&bytes, Path::new("random"));
    }

    #[test]
    fn no_damage_makes_it_panic(format in 0usize..4, at in 0.0..1.0f64, value in proptest::num::u8::ANY) {
        let formats = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Pnm];
        let pen = Pen { paper: 255, ink: 0, size: (24, 24), place: (3.0, 3.0), scale: 16.0, width: 2.0 };
        let mut bytes = encoded(&draw(DIGITS[0].1, &pen), formats[format]);
        let at = (at * bytes.len() as f64) as usize;
        bytes[at] = value;
        if let Ok(picture) = decode(&bytes, Path::new("damaged")) {
            let _ = prepare(&picture);
        }
    }

    #[test]
    fn no_picture_makes_it_panic(width in 1usize..40, height in 1usize..40, seed in proptest::num::u32::ANY) {
        let noise = (0..width * height).map(|p| ((p as u32 ^ seed).wrapping_mul(2_654_435_761) >> 24) as u8);
        let picture = Picture::new(ImageShape::gray(width, height), noise.collect()).unwrap();
        let _ = prepare(&picture);
    }
}
