//! The four passes, over all channels of a pixel at once.

use super::Window;
use crate::Isa;
use crate::dispatch::for_isa;

/// A pass and its arguments.
pub(super) enum Pass<'a> {
    MaxForward { x: &'a [f32], y: &'a mut [f32], argmax: &'a mut [u8] },
    MaxBackward { dy: &'a [f32], argmax: &'a [u8], dx: &'a mut [f32] },
    AverageForward { x: &'a [f32], y: &'a mut [f32] },
    AverageBackward { dy: &'a [f32], dx: &'a mut [f32] },
}

/// Runs a block for each window, with the index and the position of its output pixel. A macro rather than a function
/// that takes a closure, because a closure would be compiled separately, without the target features.
macro_rules! for_each_window {
    ($window:expr, |$pixel:ident, $at:ident| $block:block) => {
        let width = $window.output_width();
        for oy in 0..$window.output_height() {
            for ox in 0..width {
                let ($pixel, $at) = (oy * width + ox, (oy, ox));
                $block
            }
        }
    };
}

#[inline(always)]
fn max_forward(window: &Window, x: &[f32], y: &mut [f32], argmax: &mut [u8]) {
    let (channels, size) = (window.channels, window.size);
    for_each_window!(window, |pixel, at| {
        let y = &mut y[pixel * channels..][..channels];
        let argmax = &mut argmax[pixel * channels..][..channels];
        y.copy_from_slice(&x[window.pixel(at, (0, 0))..][..channels]);
        argmax.fill(0);
        for in_window in 1..size * size {
            let x = &x[window.pixel(at, (in_window / size, in_window % size))..][..channels];
            for ((y, argmax), &x) in y.iter_mut().zip(&mut *argmax).zip(x) {
                let wins = (x > *y) | x.is_nan();
                *y = if wins { x } else { *y };
                *argmax = if wins { in_window as u8 } else { *argmax };
            }
        }
    });
}

#[inline(always)]
fn max_backward(window: &Window, dy: &[f32], argmax: &[u8], dx: &mut [f32]) {
    let (channels, size) = (window.channels, window.size);
    dx.fill(0.0);
    for_each_window!(window, |pixel, at| {
        let (dy, argmax) = (&dy[pixel * channels..][..channels], &argmax[pixel * channels..][..channels]);
        let last = usize::from(argmax.iter().copied().max().unwrap_or(0));
        assert!(last < size * size, "argmax {last} is outside a window of {size} × {size}");
        for in_window in 0..size * size {
            let dx = &mut dx[window.pixel(at, (in_window / size, in_window % size))..][..channels];
            for ((dx, &dy), &argmax) in dx.iter_mut().zip(dy).zip(argmax) {
                *dx += if usize::from(argmax) == in_window { dy } else { 0.0 };
            }
        }
    });
}

#[inline(always)]
fn average_forward(window: &Window, x: &[f32], y: &mut [f32]) {
    let (channels, size) = (window.channels, window.size);
    let count = (size * size) as f32;
    for_each_window!(window, |pixel, at| {
        let y = &mut y[pixel * channels..][..channels];
        y.fill(0.0);
        for in_window in 0..size * size {
            let x = &x[window.pixel(at, (in_window / size, in_window % size))..][..channels];
            y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
        }
        y.iter_mut().for_each(|y| *y /= count);
    });
}

#[inline(always)]
fn average_backward(window: &Window, dy: &[f32], dx: &mut [f32]) {
    let (channels, size) = (window.channels, window.size);
    let count = (size * size) as f32;
    dx.fill(0.0);
    for_each_window!(window, |pixel, at| {
        let dy = &dy[pixel * channels..][..channels];
        for in_window in 0..size * size {
            let dx = &mut dx[window.pixel(at, (in_window / size, in_window % size))..][..channels];
            dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy / count);
        }
    });
}

/// The pass, example by example.
#[inline(always)]
fn body(window: &Window, pass: Pass<'_>) {
    let (inputs, outputs) = (window.inputs(), window.outputs());
    match pass {
        Pass::MaxForward { x, y, argmax } => {
            let y = y.chunks_exact_mut(outputs).zip(argmax.chunks_exact_mut(outputs));
            for (x, (y, argmax)) in x.chunks_exact(inputs).zip(y) {
                max_forward(window, x, y, argmax);
            }
        }
        Pass::MaxBackward { dy, argmax, dx } => {
            let dy = dy.chunks_exact(outputs).zip(argmax.chunks_exact(outputs));
            for (dx, (dy, argmax)) in dx.chunks_exact_mut(inputs).zip(dy) {
                max_backward(window, dy, argmax, dx);
            }
        }
        Pass::AverageForward { x, y } => {
            let pairs = x.chunks_exact(inputs).zip(y.chunks_exact_mut(outputs));
            for (x, y) in pairs {
                average_forward(window, x, y);
            }
        }
        Pass::AverageBackward { dy, dx } => {
            let pairs = dx.chunks_exact_mut(inputs).zip(dy.chunks_exact(outputs));
            for (dx, dy) in pairs {
                average_backward(window, dy, dx);
            }
        }
    }
}

/// The pass, on an instruction set.
pub(super) fn run(isa: Isa, window: &Window, pass: Pass<'_>) {
    for_isa!(isa, body(window: &Window, pass: Pass<'_>));
}
