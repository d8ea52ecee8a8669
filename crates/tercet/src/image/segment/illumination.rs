//! The brightness of the paper at every pixel: light falls unevenly, and shadows lie on it.

use super::plane::{Mask, Plane, median};

/// The longer side of the picture in which the paper is estimated.
const LONGEST: usize = 128;

/// The radius of the median filter, as a fraction of the longer side.
const RADIUS: f32 = 0.25;

/// The paper without what is written on it.
///
/// A quadratic surface is fitted to the pixels of the sheet, again and again without those that differ most: the ink.
/// It follows lamps, windows and lenses. What differs from it over a large area is a shadow: the median of the rest in
/// a large window. A median keeps the edge of a shadow, and ignores strokes that cover less than half of the window.
pub(super) fn paper(channel: &Plane<f32>, sheet: &Mask) -> Plane<f32> {
    let step = channel.width.max(channel.height).div_ceil(LONGEST).max(1);
    let (width, height) = (channel.width.div_ceil(step), channel.height.div_ceil(step));
    let cell = |p: usize| {
        let (x0, y0) = (p % width * step, p / width * step);
        let rows = y0..(y0 + step).min(channel.height);
        let of_row = |y: usize| (x0..(x0 + step).min(channel.width)).map(move |x| (x, y));
        let inside = rows.flat_map(of_row).filter(|&(x, y)| sheet.at(x, y));
        let values: Vec<f32> = inside.map(|(x, y)| channel.at(x, y)).collect();
        if values.is_empty() { f32::NAN } else { median(values) }
    };
    let cells = Plane { width, height, values: (0..width * height).map(cell).collect() };
    let surface = quadratic(&cells);
    let place = |i: usize, n: usize| (2 * i + 1) as f32 / n as f32 - 1.0;
    let smooth = |x: usize, y: usize| value(&surface, place(x, width), place(y, height));
    let rest: Vec<f32> =
        cells.values.iter().enumerate().map(|(p, v)| v - smooth(p % width, p / width)).collect();
    let shadows = windowed_median(&Plane { width, height, values: rest });
    let interpolated = |p: usize| {
        let (x, y) = (p % channel.width, p / channel.width);
        let (x, y) = ((x as f32 + 0.5) / step as f32 - 0.5, (y as f32 + 0.5) / step as f32 - 0.5);
        let light =
            value(&surface, (2.0 * x + 1.0) / width as f32 - 1.0, (2.0 * y + 1.0) / height as f32 - 1.0);
        (light + between(&shadows, x, y)).clamp(0.0, 255.0)
    };
    let values = (0..channel.values.len()).map(interpolated).collect();
    Plane { width: channel.width, height: channel.height, values }
}

/// Bilinear interpolation.
fn between(plane: &Plane<f32>, x: f32, y: f32) -> f32 {
    let (x, y) = (x.clamp(0.0, (plane.width - 1) as f32), y.clamp(0.0, (plane.height - 1) as f32));
    let (left, top) = (x as usize, y as usize);
    let (right, bottom) = ((left + 1).min(plane.width - 1), (top + 1).min(plane.height - 1));
    let (across, down) = (x - left as f32, y - top as f32);
    let row = |y: usize| plane.at(left, y) * (1.0 - across) + plane.at(right, y) * across;
    row(top) * (1.0 - down) + row(bottom) * down
}

/// The median in a square window, without NaN; 0 where there is nothing. Values are counted in 512 bins, and bins
/// enter and leave the counts as the window moves along a row.
fn windowed_median(plane: &Plane<f32>) -> Plane<f32> {
    let (width, height) = (plane.width, plane.height);
    let radius = (RADIUS * width.max(height) as f32).ceil() as usize;
    let bins: Vec<Option<usize>> =
        plane.values.iter().map(|v| (!v.is_nan()).then(|| (v + 256.0).clamp(0.0, 511.0) as usize)).collect();
    let mut values = Vec::with_capacity(width * height);
    for y in 0..height {
        let rows = y.saturating_sub(radius)..(y + radius + 1).min(height);
        let (mut counts, mut total) = ([0u32; 512], 0u32);
        let column = |counts: &mut [u32; 512], total: &mut u32, x: usize, add: bool| {
            for bin in rows.clone().filter_map(|y| bins[y * width + x]) {
                if add {
                    (counts[bin], *total) = (counts[bin] + 1, *total + 1);
                } else {
                    (counts[bin], *total) = (counts[bin] - 1, *total - 1);
                }
            }
        };
        (0..radius.min(width)).for_each(|x| column(&mut counts, &mut total, x, true));
        let mut middle = 256;
        for x in 0..width {
            if x + radius < width {
                column(&mut counts, &mut total, x + radius, true);
            }
            if x > radius {
                column(&mut counts, &mut total, x - radius - 1, false);
            }
            middle = if total == 0 { 256 } else { median_bin(&counts, total, middle) };
            values.push(middle as f32 - 255.5);
        }
    }
    Plane { width, height, values }
}

/// The first bin up to which half of all values are counted. `near` is where the search begins.
fn median_bin(counts: &[u32; 512], total: u32, near: usize) -> usize {
    let half = total.div_ceil(2);
    let (mut bin, mut below) = (near, counts[..near].iter().sum::<u32>());
    while below >= half {
        bin -= 1;
        below -= counts[bin];
    }
    while below + counts[bin] < half {
        below += counts[bin];
        bin += 1;
    }
    bin
}

type Surface = [f64; 6];

fn basis(x: f32, y: f32) -> Surface {
    let (x, y) = (f64::from(x), f64::from(y));
    [1.0, x, y, x * x, x * y, y * y]
}

fn value(surface: &Surface, x: f32, y: f32) -> f32 {
    surface.iter().zip(basis(x, y)).map(|(a, b)| a * b).sum::<f64>() as f32
}

/// The quadratic surface through most of the values.
fn quadratic(cells: &Plane<f32>) -> Surface {
    let place = |i: usize, n: usize| (2 * i + 1) as f32 / n as f32 - 1.0;
    let samples: Vec<(f32, f32, f32)> = (cells.values.iter().enumerate())
        .filter(|(_, v)| !v.is_nan())
        .map(|(p, v)| (place(p % cells.width, cells.width), place(p / cells.width, cells.height), *v))
        .collect();
    let level = median(samples.iter().map(|s| s.2).collect());
    let mut surface = [f64::from(level), 0.0, 0.0, 0.0, 0.0, 0.0];
    for _ in 0..6 {
        let away = |s: &(f32, f32, f32)| (s.2 - value(&surface, s.0, s.1)).abs();
        let spread = median(samples.iter().map(away).collect());
        let near = samples.iter().filter(|s| away(s) <= (2.5 * spread).max(3.0));
        let Some(better) = least_squares(near) else { break };
        surface = better;
    }
    surface
}

/// The least-squares surface, by Gaussian elimination on the normal equations; `None` if the samples do not determine
/// it.
fn least_squares<'a>(samples: impl Iterator<Item = &'a (f32, f32, f32)>) -> Option<Surface> {
    let mut m = [[0f64; 7]; 6];
    for &(x, y, v) in samples {
        let basis = basis(x, y);
        for i in 0..6 {
            (0..6).for_each(|j| m[i][j] += basis[i] * basis[j]);
            m[i][6] += basis[i] * f64::from(v);
        }
    }
    for i in 0..6 {
        let pivot = (i..6).max_by(|&a, &b| m[a][i].abs().total_cmp(&m[b][i].abs()))?;
        m.swap(i, pivot);
        if m[i][i].abs() < 1e-6 {
            return None;
        }
        let row = m[i];
        for other in (0..6).filter(|&other| other != i) {
            let factor = m[other][i] / row[i];
            m[other].iter_mut().zip(row).for_each(|(a, b)| *a -= factor * b);
        }
    }
    Some(std::array::from_fn(|i| m[i][6] / m[i][i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest_error(light: impl Fn(f32, f32) -> f32) -> f32 {
        let (width, height) = (320, 240);
        let at = |p: usize| light((p % width) as f32 / width as f32, (p / width) as f32 / height as f32);
        let is_ink = |p: usize| (100..220).contains(&(p % width)) && (100..125).contains(&(p / width));
        let seen = |p: usize| if is_ink(p) { 30.0 } else { at(p) };
        let channel = Plane { width, height, values: (0..width * height).map(seen).collect() };
        let found = paper(&channel, &Plane::filled(width, height, true));
        (0..width * height).map(|p| (found.values[p] - at(p)).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn slanting_light_and_vignettes_are_followed_below_the_ink() {
        assert!(largest_error(|x, y| 230.0 - 60.0 * x + 20.0 * y) < 3.0);
        let vignette = |x: f32, y: f32| 235.0 * (1.0 - 0.8 * ((x - 0.5).powi(2) + (y - 0.5).powi(2)));
        assert!(largest_error(vignette) < 3.0);
    }

    #[test]
    fn half_a_picture_in_shadow_keeps_its_edge() {
        let shadow = |p: usize| if p % 320 < 150 { 120.0 } else { 230.0 };
        let channel = Plane { width: 320, height: 240, values: (0..320 * 240).map(shadow).collect() };
        let found = paper(&channel, &Plane::filled(320, 240, true));
        let wrong = (0..320 * 240).filter(|&p| (found.values[p] - shadow(p)).abs() > 15.0).count();
        assert!(wrong < 320 * 240 / 25, "{wrong}");
    }
}
