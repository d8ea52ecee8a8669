//! The formulas, computed pixel by pixel.

use super::{Affine, Interpolation, Source, TAPS, padded_row};

/// The new image: [`warp`](super::warp), in f64.
///
/// # Shapes
/// Those of [`warp`](super::warp).
pub fn warp(source: &Source, map: Affine, displacement: Option<[&[f32]; 2]>, out: &mut [u8]) {
    let Source { width, height, channels, ref pixels } = *source;
    let old = |x: f64, y: f64, channel: usize| {
        let inside = (0.0..width as f64).contains(&x) && (0.0..height as f64).contains(&y);
        // Inside the border of zeros.
        let at = |x: usize, y: usize| ((y + 1) * (width + 3) + x + 1) * channels + channel;
        if inside { f64::from(pixels[at(x as usize, y as usize)]) } else { 0.0 }
    };
    for y in 0..height {
        for x in 0..width {
            let place = y * padded_row(width) + x;
            let [dx, dy] = displacement.map_or([0.0; 2], |d| d.map(|d| f64::from(d[place])));
            let of = |[by_x, by_y, from]: [f32; 3]| {
                f64::from(by_x) * x as f64 + f64::from(by_y) * y as f64 + f64::from(from)
            };
            let (u, v) = (of([map.xx, map.xy, map.x0]) + dx, of([map.yx, map.yy, map.y0]) + dy);
            let (left, top) = (u.floor(), v.floor());
            for channel in 0..channels {
                let mut value = 0.0;
                for (x, share_x) in [(left, 1.0 - (u - left)), (left + 1.0, u - left)] {
                    for (y, share_y) in [(top, 1.0 - (v - top)), (top + 1.0, v - top)] {
                        value += share_x * share_y * old(x, y, channel);
                    }
                }
                out[(y * width + x) * channels + channel] = value.round() as u8;
            }
        }
    }
}

/// One component of a smooth field: [`field`](super::field), in f64. The padding columns are 0.
///
/// # Shapes
/// Those of [`field`](super::field).
pub fn field(lattice: &[f32], columns: &Interpolation, rows: &Interpolation, out: &mut [f32]) {
    let room = padded_row(columns.pixels());
    out.fill(0.0);
    for y in 0..rows.pixels() {
        for x in 0..columns.pixels() {
            let mut sum = 0.0;
            for j in 0..TAPS {
                for i in 0..TAPS {
                    let (row, column) = (rows.first[y] + j, columns.first[x] + i);
                    sum += f64::from(rows.weights[y][j])
                        * f64::from(columns.weights[x][i])
                        * f64::from(lattice[row * columns.points + column]);
                }
            }
            out[y * room + x] = sum as f32;
        }
    }
}
