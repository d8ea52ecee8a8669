//! Pooling: reduces an image to the maximum or mean of each window.
//!
//! ```text
//! y[i, j, c] = max over ky, kx of x[i · stride + ky, j · stride + kx, c]        or the mean over them
//! ```
//!
//! Images are distributed over the threads, which does not change a bit of the result: each has its own outputs.

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::pooling::{self, Window};

/// Below this many values, splitting the work between two threads takes longer than pooling in one.
const WORTH_A_THREAD: usize = 1 << 17;

/// How many images a thread processes at a time.
fn images_per_task(window: &Window, values: usize) -> usize {
    let images = values / window.inputs();
    let threads = rayon::current_num_threads().min(values / WORTH_A_THREAD).max(1);
    images.div_ceil(threads).max(1)
}

/// The maximum of each window, and its index there: the first one if there are several. NaN counts as larger than any
/// number, so that divergence is noticed.
///
/// # Shapes
/// `x` is (B, height, width, channels), `y` and `argmax` are the same with the height and width of the output.
pub(super) fn forward_max(window: &Window, x: &[f32], y: &mut [f32], argmax: &mut [u8]) {
    let (isa, images) = (Isa::active(), images_per_task(window, x.len()));
    let outputs = images * window.outputs();
    x.par_chunks(images * window.inputs())
        .zip(y.par_chunks_mut(outputs).zip(argmax.par_chunks_mut(outputs)))
        .for_each(|(x, (y, argmax))| pooling::max_forward(isa, window, x, y, argmax));
}

/// From `y`, the maximum of each window: dy goes to the value that was the maximum, and the others get 0.
///
/// # Shapes
/// `argmax` and `dy` have the shape of y, `dx` that of x.
pub(super) fn backward_max(window: &Window, argmax: &[u8], dy: &[f32], dx: &mut [f32]) {
    let (isa, images) = (Isa::active(), images_per_task(window, dx.len()));
    let outputs = images * window.outputs();
    dx.par_chunks_mut(images * window.inputs())
        .zip(dy.par_chunks(outputs).zip(argmax.par_chunks(outputs)))
        .for_each(|(dx, (dy, argmax))| pooling::max_backward(isa, window, dy, argmax, dx));
}

/// The mean of each window.
///
/// # Shapes
/// `x` is (B, height, width, channels), `y` the same with the height and width of the output.
pub(super) fn forward_average(window: &Window, x: &[f32], y: &mut [f32]) {
    let (isa, images) = (Isa::active(), images_per_task(window, x.len()));
    x.par_chunks(images * window.inputs())
        .zip(y.par_chunks_mut(images * window.outputs()))
        .for_each(|(x, y)| pooling::average_forward(isa, window, x, y));
}

/// From `y`, the mean of each window: every value of a window gets an equal fraction of dy.
///
/// # Shapes
/// `dy` has the shape of y, `dx` that of x.
pub(super) fn backward_average(window: &Window, dy: &[f32], dx: &mut [f32]) {
    let (isa, images) = (Isa::active(), images_per_task(window, dx.len()));
    dx.par_chunks_mut(images * window.inputs())
        .zip(dy.par_chunks(images * window.outputs()))
        .for_each(|(dx, dy)| pooling::average_backward(isa, window, dy, dx));
}
