//! Pooling: an image becomes a smaller one, of the largest value or of the mean of each window.
//!
//! ```text
//! y[i, j, c] = max over ky, kx of x[i · stride + ky, j · stride + kx, c]        or the mean over them
//! ```

use super::Pool;
use crate::data::ImageShape;

/// Windows of an image that are walked over: the image that goes in and the one that comes out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) pool: Pool,
    pub(super) input: ImageShape,
    pub(super) output: ImageShape,
}

impl Windows {
    /// Where the pixel at the upper left of a window begins among the values of its image.
    fn corner(self, row: usize, column: usize) -> usize {
        (row * self.pool.stride * self.input.width + column * self.pool.stride) * self.input.channels
    }

    /// How far the pixel at a place of a window lies behind its corner. Places are counted row by row.
    fn offset(self, place: usize) -> usize {
        let (row, column) = (place / self.pool.size, place % self.pool.size);
        (row * self.input.width + column) * self.input.channels
    }

    /// Calls `each` for every window of every image with the number of its first output and of its first input.
    fn walk(self, images: usize, mut each: impl FnMut(usize, usize)) {
        for image in 0..images {
            let (from, to) = (image * self.input.features(), image * self.output.features());
            for row in 0..self.output.height {
                for column in 0..self.output.width {
                    let window = (row * self.output.width + column) * self.output.channels;
                    each(to + window, from + self.corner(row, column));
                }
            }
        }
    }
}

/// The largest value of each window, and its place there: the first of equals. NaN is larger than anything, so that a
/// network which diverges is noticed.
///
/// # Shapes
/// `x` is (B, height, width, channels), `y` and `places` are the same with the height and width of the output.
pub(super) fn forward_max(windows: Windows, x: &[f32], y: &mut [f32], places: &mut [u8]) {
    let (size, channels) = (windows.pool.size, windows.input.channels);
    windows.walk(y.len() / windows.output.features(), |to, from| {
        let (y, places) = (&mut y[to..to + channels], &mut places[to..to + channels]);
        y.copy_from_slice(&x[from..from + channels]);
        places.fill(0);
        for place in 1..size * size {
            let x = &x[from + windows.offset(place)..][..channels];
            for ((y, at), &x) in y.iter_mut().zip(places.iter_mut()).zip(x) {
                // Written so that NaN, which is never less or equal, takes the place of a number and keeps it.
                let larger = !(x <= *y) && !y.is_nan();
                *y = if larger { x } else { *y };
                *at = if larger { place as u8 } else { *at };
            }
        }
    });
}

/// From `y`, the largest of each window: dy goes to the value that was the largest, and nothing to the others.
///
/// # Shapes
/// `places` and `dy` are as y, `dx` is as x.
pub(super) fn backward_max(windows: Windows, places: &[u8], dy: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    let channels = windows.input.channels;
    windows.walk(dy.len() / windows.output.features(), |to, from| {
        for c in 0..channels {
            dx[from + windows.offset(places[to + c].into()) + c] += dy[to + c];
        }
    });
}

/// The mean of each window.
///
/// # Shapes
/// `x` is (B, height, width, channels), `y` the same with the height and width of the output.
pub(super) fn forward_average(windows: Windows, x: &[f32], y: &mut [f32]) {
    let (size, channels) = (windows.pool.size, windows.input.channels);
    let share = 1.0 / (size * size) as f32;
    windows.walk(y.len() / windows.output.features(), |to, from| {
        let y = &mut y[to..to + channels];
        y.fill(0.0);
        for place in 0..size * size {
            let x = &x[from + windows.offset(place)..][..channels];
            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        }
        y.iter_mut().for_each(|y| *y *= share);
    });
}

/// From `y`, the mean of each window: every value of a window gets its share of dy.
///
/// # Shapes
/// `dy` is as y, `dx` as x.
pub(super) fn backward_average(windows: Windows, dy: &[f32], dx: &mut [f32]) {
    dx.fill(0.0);
    let (size, channels) = (windows.pool.size, windows.input.channels);
    let share = 1.0 / (size * size) as f32;
    windows.walk(dy.len() / windows.output.features(), |to, from| {
        for place in 0..size * size {
            let dx = &mut dx[from + windows.offset(place)..][..channels];
            dx.iter_mut().zip(&dy[to..to + channels]).for_each(|(dx, dy)| *dx += share * dy);
        }
    });
}
