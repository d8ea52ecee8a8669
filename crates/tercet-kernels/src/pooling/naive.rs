//! Pooling computed directly from its formulas.

use super::{Window, check};

/// Calls `visit` with the indices of each output element and each element of its window, and the index within the
/// window, in reading order.
fn each(window: &Window, mut visit: impl FnMut(usize, usize, usize)) {
    let channels = window.channels;
    for oy in 0..window.output_height() {
        for ox in 0..window.output_width() {
            for c in 0..channels {
                for at in 0..window.size * window.size {
                    let input = window.pixel((oy, ox), (at / window.size, at % window.size)) + c;
                    visit((oy * window.output_width() + ox) * channels + c, input, at);
                }
            }
        }
    }
}

/// The maximum of each window and its argmax, the first one on ties; NaN counts as the maximum.
///
/// # Panics
/// If the shapes do not match.
pub fn max_forward(window: &Window, x: &[f32], y: &mut [f32], argmax: &mut [u8]) {
    check(window, x.len(), y.len(), Some(argmax.len()));
    let outputs = window.outputs();
    for (n, x) in x.chunks_exact(window.inputs()).enumerate() {
        let (y, argmax) = (&mut y[n * outputs..][..outputs], &mut argmax[n * outputs..][..outputs]);
        each(window, |output, input, at| {
            if at == 0 || x[input] > y[output] || x[input].is_nan() {
                (y[output], argmax[output]) = (x[input], at as u8);
            }
        });
    }
}

/// Adds each gradient at the argmax.
///
/// # Panics
/// If the shapes do not match.
pub fn max_backward(window: &Window, dy: &[f32], argmax: &[u8], dx: &mut [f32]) {
    check(window, dx.len(), dy.len(), Some(argmax.len()));
    let outputs = window.outputs();
    dx.fill(0.0);
    for (n, dx) in dx.chunks_exact_mut(window.inputs()).enumerate() {
        let (dy, argmax) = (&dy[n * outputs..][..outputs], &argmax[n * outputs..][..outputs]);
        each(window, |output, input, at| {
            if usize::from(argmax[output]) == at {
                dx[input] += dy[output];
            }
        });
    }
}

/// The mean of each window.
///
/// # Panics
/// If the shapes do not match.
pub fn average_forward(window: &Window, x: &[f32], y: &mut [f32]) {
    check(window, x.len(), y.len(), None);
    y.fill(0.0);
    for (x, y) in x.chunks_exact(window.inputs()).zip(y.chunks_exact_mut(window.outputs())) {
        each(window, |output, input, _| y[output] += x[input]);
    }
    y.iter_mut().for_each(|y| *y /= (window.size * window.size) as f32);
}

/// Divides each gradient equally over its window.
///
/// # Panics
/// If the shapes do not match.
pub fn average_backward(window: &Window, dy: &[f32], dx: &mut [f32]) {
    check(window, dx.len(), dy.len(), None);
    dx.fill(0.0);
    for (dx, dy) in dx.chunks_exact_mut(window.inputs()).zip(dy.chunks_exact(window.outputs())) {
        each(window, |output, input, _| dx[input] += dy[output] / (window.size * window.size) as f32);
    }
}
