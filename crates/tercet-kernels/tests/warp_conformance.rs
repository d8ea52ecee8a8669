//! Warped images and smooth fields against the naive ones, on every instruction set that this processor has.

mod common;
mod interpreted;

use tercet_kernels::Isa;
use tercet_kernels::warp::{Affine, Interpolation, Source, TAPS, field, naive, padded_row, warp};

use common::numbers;
use interpreted::few;

/// Width, height and channels: whole chunks, remainders, and the smallest sizes.
const SHAPES: [(usize, usize, usize); 9] =
    [(28, 28, 1), (1, 1, 1), (1, 9, 1), (16, 2, 1), (17, 3, 1), (33, 5, 2), (7, 7, 3), (32, 4, 4), (0, 3, 1)];

fn pixels(count: usize, seed: u32) -> Vec<u8> {
    numbers(count, seed).iter().map(|&x| if x < 0.0 { 0 } else { (x * 255.9) as u8 }).collect()
}

/// Maps that rotate, shrink, enlarge and translate, also far outside the image.
fn maps(width: usize, height: usize) -> Vec<Affine> {
    let (w, h) = (width as f32, height as f32);
    vec![
        Affine::IDENTITY,
        Affine { x0: -1.0, y0: 2.0, ..Affine::IDENTITY },
        Affine { x0: 0.25, y0: -0.7, ..Affine::IDENTITY },
        Affine { xx: 0.9, xy: -0.3, x0: 0.1 * w, yx: 0.3, yy: 0.9, y0: -0.1 * h },
        Affine { xx: -1.0, xy: 0.0, x0: w - 1.0, yx: 0.0, yy: 1.0, y0: 0.0 },
        Affine { xx: 2.5, xy: 0.1, x0: -w, yx: -0.2, yy: 3.0, y0: -0.4 * h },
        Affine { x0: 1e30, y0: -1e30, ..Affine::IDENTITY },
        Affine { x0: -w - 0.5, ..Affine::IDENTITY },
    ]
}

#[test]
fn a_warped_image_matches_the_naive_one() {
    for (width, height, channels) in few(&SHAPES, 3) {
        let mut source = Source::new(width, height, channels);
        let room = height * padded_row(width);
        let (dx, dy) = (numbers(room, 3), numbers(room, 4).iter().map(|d| 3.0 * d).collect::<Vec<_>>());
        for seed in few(&[0, 1, 2], 1) {
            let old = pixels(width * height * channels, seed);
            source.fill(&old);
            for map in maps(width, height) {
                for displacement in [None, Some([&dx[..], &dy[..]])] {
                    let mut expected = vec![9; old.len()];
                    naive::warp(&source, map, displacement, &mut expected);
                    if map == Affine::IDENTITY && displacement.is_none() {
                        assert_eq!(expected, old);
                    }
                    let mut first: Option<Vec<u8>> = None;
                    for isa in Isa::available() {
                        let mut new = vec![7; old.len()];
                        warp(isa, &source, map, displacement, &mut new);
                        for (i, (&new, &expected)) in new.iter().zip(&expected).enumerate() {
                            let near = new.abs_diff(expected) <= 1;
                            assert!(near, "{isa:?} {width} × {height} {map:?}: {new} at {i}, not {expected}");
                        }
                        let first = first.get_or_insert_with(|| new.clone());
                        assert!(*first == new, "{isa:?} {width} × {height} {map:?}: other bits");
                    }
                }
            }
        }
    }
}

#[test]
fn integer_shifts_and_mirroring_are_exact() {
    let (width, height) = (19, 6);
    let mut source = Source::new(width, height, 1);
    let old = pixels(width * height, 8);
    source.fill(&old);
    let at = |x: i32, y: i32| match (0..width as i32).contains(&x) && (0..height as i32).contains(&y) {
        true => old[y as usize * width + x as usize],
        false => 0,
    };
    for isa in Isa::available() {
        for (x0, y0) in [(0, 0), (1, 0), (-3, 2), (18, -5), (19, 0), (40, 40)] {
            for mirrored in [false, true] {
                let xx = if mirrored { -1.0 } else { 1.0 };
                let map = Affine { xx, x0: x0 as f32, y0: y0 as f32, ..Affine::IDENTITY };
                let mut new = vec![0; old.len()];
                warp(isa, &source, map, None, &mut new);
                for (i, &new) in new.iter().enumerate() {
                    let (x, y) = ((i % width) as i32, (i / width) as i32);
                    let from = if mirrored { x0 - x } else { x0 + x };
                    assert_eq!(new, at(from, y + y0), "{isa:?} {x0} {y0} {mirrored}: {x}, {y}");
                }
            }
        }
    }
}

#[test]
fn no_displacement_reads_outside_the_image() {
    let mut source = Source::new(5, 3, 1);
    source.fill(&[255; 15]);
    for wild in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN] {
        let displacements = vec![wild; 3 * padded_row(5)];
        for isa in Isa::available() {
            let mut new = vec![1; 15];
            warp(isa, &source, Affine::IDENTITY, Some([&displacements, &displacements]), &mut new);
            assert_eq!(new, [0; 15], "{isa:?} {wild}");
        }
    }
}

/// Weights that depend on the pixel, with the first point advancing every `every` pixels.
fn spread(pixels: usize, every: usize, seed: u32) -> Interpolation {
    let weights = numbers(pixels * TAPS, seed);
    let (weights, _) = weights.as_chunks::<TAPS>();
    Interpolation::new((0..pixels).map(|i| (i / every, weights[i])))
}

#[test]
fn a_smooth_field_matches_the_naive_one() {
    for (width, height) in few(&[(1, 1), (0, 2), (28, 28), (16, 3), (17, 40), (100, 2), (3, 0)], 3) {
        for every in [1, 4, 50] {
            let (columns, rows) = (spread(width, every, 1), spread(height, every, 2));
            let lattice = numbers(columns.points() * rows.points(), 3);
            let room = padded_row(width);
            let mut expected = vec![0.0; height * room];
            naive::field(&lattice, &columns, &rows, &mut expected);
            let mut first: Option<Vec<f32>> = None;
            for isa in Isa::available() {
                let (mut between, mut out) = (vec![5.0; rows.points() * room], vec![6.0; height * room]);
                field(isa, &lattice, &columns, &rows, &mut between, &mut out);
                for (i, (out, expected)) in out.iter().zip(&expected).enumerate() {
                    let near = (out - expected).abs() < 1e-5;
                    assert!(near, "{isa:?} {width} × {height}: {out} at {i}, not {expected}");
                }
                let first = first.get_or_insert_with(|| out.clone());
                assert!(*first == out, "{isa:?} {width} × {height}: other bits");
            }
        }
    }
}
