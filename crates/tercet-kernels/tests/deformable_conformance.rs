//! Every deformable distance on every instruction set of this processor, against its naive sibling.

mod interpreted;

use tercet_kernels::Isa;
use tercet_kernels::deformable::{Field, Plane, Strength, Warp, Workspace, edges, naive, shifted, warped};
use tercet_kernels::distance::{l1, l2_squared, l3_cubed};

use interpreted::few;

/// Widths and heights around every block of columns and every border.
const SIZES: [(usize, usize); 12] =
    [(1, 1), (2, 5), (5, 2), (7, 9), (25, 3), (26, 4), (28, 28), (29, 6), (30, 5), (31, 7), (33, 4), (65, 3)];

/// Reproducible bytes: a simple multiplicative generator is sufficient here.
fn bytes(count: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Images of one size that are likely to break something: random, the extremes, blank except for one pixel or a few
/// rows.
fn images(width: usize, height: usize) -> Vec<Vec<u8>> {
    let count = width * height;
    let lone = |at: usize| (0..count).map(|p| if p == at { 255 } else { 0 }).collect();
    let rows = bytes(count, 5).into_iter().enumerate();
    let all = [
        bytes(count, 1),
        bytes(count, 2),
        vec![255; count],
        vec![0; count],
        lone(0),
        lone(count - 1),
        bytes(count, 3).iter().map(|v| if v & 1 == 0 { 0 } else { 255 }).collect(),
        rows.map(|(p, v)| if (p / width) % 5 == 2 { v } else { 0 }).collect(),
    ];
    few(&all, 4)
}

/// The same bytes as signed edges, without −128, which [`edges`] never returns.
fn as_edges(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|&v| v.cast_signed().max(-127)).collect()
}

type Warped = fn(Isa, &Field, &Field, u64, &mut Workspace) -> Option<u64>;

/// The first pair of images for which a kernel differs from its specification, including thresholds.
fn warp_disagreement(kernel: Warped, isa: Isa, width: usize, height: usize, warp: Warp) -> Option<String> {
    let all: Vec<Vec<i8>> = images(2 * width, height).iter().map(|image| as_edges(image)).collect();
    let (mut q, mut x) = (Field::new(width, height, warp), Field::new(width, height, warp));
    let mut workspace = Workspace::new(warp);
    for (i, a) in all.iter().enumerate() {
        q.set(a);
        for (j, b) in all.iter().enumerate() {
            // The fields and the workspace still contain the data of another pair.
            x.set(b);
            let expected = naive::warped(a, b, width, warp);
            for threshold in few(&[u64::MAX, expected.saturating_sub(1), expected, expected / 2, 0], 3) {
                let found = kernel(isa, &q, &x, threshold, &mut workspace);
                if found != (expected <= threshold).then_some(expected) {
                    return Some(format!(
                        "{width} × {height}, {warp:?}, images {i} and {j}, bar {threshold}: {found:?} is not {expected}"
                    ));
                }
            }
        }
    }
    None
}

#[test]
fn warps_of_every_kind() {
    for isa in Isa::available() {
        for (width, height) in few(&SIZES, 3) {
            for (reach, context) in few(&[(1, 1), (0, 0), (2, 1), (0, 2), (3, 0), (1, 3)], 1) {
                // The naive sum of the largest images would take most of the time.
                if width * height > 400 && reach * context != 2 {
                    continue;
                }
                let wrong = warp_disagreement(warped, isa, width, height, Warp { reach, context });
                assert_eq!(wrong, None, "on {}", isa.name());
            }
        }
    }
}

#[test]
fn shifts_of_every_kind() {
    type Pair = fn(Isa, &[u8], &[u8]) -> u64;
    let kernels: [(Pair, u32); 3] = [(l1, 1), (l2_squared, 2), (l3_cubed, 3)];
    for isa in Isa::available() {
        for (width, height) in few(&SIZES, 3) {
            let all = images(width, height);
            for shift in few(&[0, 1, 2, 3], 2) {
                let (mut q, mut x) = (Plane::new(width, height, shift), Plane::new(width, height, shift));
                for (i, a) in all.iter().enumerate() {
                    q.set(a);
                    for (j, b) in all.iter().enumerate().skip(i) {
                        x.set(b);
                        // All exponents use the same code for the plane; one exponent per pair is enough.
                        let (pair, exponent) = kernels[(i + j) % 3];
                        let expected = naive::shifted(a, b, width, shift, exponent);
                        let words =
                            format!("{width} × {height}, ±{shift}, images {i} and {j}, on {}", isa.name());
                        assert_eq!(shifted(isa, pair, &q, &x), expected, "{words}");
                    }
                }
            }
        }
    }
}

#[test]
fn edges_match_the_sobel_masks() {
    for (width, height) in few(&SIZES, 3) {
        for image in images(width, height) {
            let (mut plain, mut root) = (vec![77; 2 * width * height], vec![77; 2 * width * height]);
            edges(&image, width, Strength::Plain, &mut plain);
            edges(&image, width, Strength::Root, &mut root);
            for pixel in 0..width * height {
                let (across, down) = naive::sobel(&image, width, pixel / width, pixel % width);
                let (plain, root) = (&plain[2 * pixel..][..2], &root[2 * pixel..][..2]);
                let eighth = |v: i32| (f64::from(v) / 8.0).round().clamp(-127.0, 127.0) as i8;
                assert_eq!(plain, [eighth(across), eighth(down)], "pixel {pixel} of {width} × {height}");
                let length = f64::from(across).hypot(f64::from(down));
                for (&found, v) in root.iter().zip([across, down]) {
                    let exact = if v == 0 { 0.0 } else { 3.34 * f64::from(v) / length.sqrt() };
                    assert!((f64::from(found) - exact).abs() <= 0.501, "{found} is not {exact}");
                }
            }
        }
    }
}

#[test]
fn wrong_kernels_are_caught() {
    fn looks_the_other_way(isa: Isa, q: &Field, x: &Field, threshold: u64, w: &mut Workspace) -> Option<u64> {
        warped(isa, x, q, threshold, w)
    }
    fn stops_too_early(isa: Isa, q: &Field, x: &Field, threshold: u64, w: &mut Workspace) -> Option<u64> {
        warped(isa, q, x, threshold.saturating_sub(1), w)
    }
    fn never_stops(isa: Isa, q: &Field, x: &Field, _: u64, w: &mut Workspace) -> Option<u64> {
        warped(isa, q, x, u64::MAX, w)
    }
    let planted: [Warped; 3] = [looks_the_other_way, stops_too_early, never_stops];
    for kernel in planted {
        let warp = Warp { reach: 1, context: 1 };
        assert!(warp_disagreement(kernel, Isa::active(), 7, 9, warp).is_some());
    }
}
