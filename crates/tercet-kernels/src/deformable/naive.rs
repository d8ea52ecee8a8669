//! Deformations computed directly from their formulas: the specification of every other kernel in this module.

use super::Warp;

/// `min_s Σ_p |q(p) − x(p + s)|^exponent`, over all pixels of a plane that contains both images.
///
/// # Shapes
/// `q` and `x` are (height, `width`).
pub fn shifted(q: &[u8], x: &[u8], width: usize, shift: usize, exponent: u32) -> u64 {
    let (height, shift) = ((q.len() / width) as isize, shift as isize);
    let mut min = u64::MAX;
    for down in -shift..=shift {
        for across in -shift..=shift {
            let mut sum = 0;
            for row in -shift..height + shift {
                for column in -shift..width as isize + shift {
                    let q = pixel(q, width, row, column);
                    let x = pixel(x, width, row + down, column + across);
                    sum += u64::from(q.abs_diff(x)).pow(exponent);
                }
            }
            min = min.min(sum);
        }
    }
    min
}

/// `Σ_p min_s Σ_c ‖E_q(p + c) − E_x(p + c + s)‖²`.
///
/// # Shapes
/// `q` and `x` are (height, `width`, 2).
pub fn warped(q: &[i8], x: &[i8], width: usize, warp: Warp) -> u64 {
    let height = (q.len() / 2 / width) as isize;
    let (reach, context) = (warp.reach as isize, warp.context as isize);
    let mut total = 0;
    for row in 0..height {
        for column in 0..width as isize {
            let mut min = u64::MAX;
            for down in -reach..=reach {
                for across in -reach..=reach {
                    let mut sum = 0;
                    for r in row - context..=row + context {
                        for c in column - context..=column + context {
                            for channel in 0..2 {
                                let q = edge(q, width, r, c, channel);
                                let x = edge(x, width, r + down, c + across, channel);
                                sum += u64::from(q.abs_diff(x)).pow(2);
                            }
                        }
                    }
                    min = min.min(sum);
                }
            }
            total += min;
        }
    }
    total
}

/// The Sobel masks at a pixel: the brightness gradient across and down.
pub fn sobel(pixels: &[u8], width: usize, row: usize, column: usize) -> (i32, i32) {
    let (mut across, mut down) = (0, 0);
    for r in -1i32..=1 {
        for c in -1i32..=1 {
            let v = i32::from(pixel(pixels, width, row as isize + r as isize, column as isize + c as isize));
            across += v * c * (2 - r.abs());
            down += v * r * (2 - c.abs());
        }
    }
    (across, down)
}

/// A pixel, or 0 beyond the border.
fn pixel(pixels: &[u8], width: usize, row: isize, column: isize) -> u8 {
    if row < 0 || column < 0 || column >= width as isize {
        return 0;
    }
    pixels.get(row as usize * width + column as usize).copied().unwrap_or(0)
}

/// A channel of an edge, or 0 beyond the border.
fn edge(edges: &[i8], width: usize, row: isize, column: isize, channel: usize) -> i8 {
    if row < 0 || column < 0 || column >= width as isize {
        return 0;
    }
    edges.get((row as usize * width + column as usize) * 2 + channel).copied().unwrap_or(0)
}
