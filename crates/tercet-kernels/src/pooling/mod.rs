//! Pooling: reduces each window of an image to one number per channel, its maximum or its mean.
//!
//! Images are (height, width, channels), channels last, as in [`convolution`](crate::convolution), whose fused passes
//! are faster when a 2 × 2 max pool follows a convolution and its ReLU.
//!
//! A pool takes a small part of the time of the convolution before it. The loops are plain Rust over contiguous
//! channels, which the compiler vectorises for each instruction set, and every sum is taken in the same order as in the
//! naive version: all instruction sets give the same bits.

mod body;
pub mod naive;
mod window;

pub use window::{UnfitWindow, Window};

use crate::Isa;
use body::Pass;

/// Panics if the lengths do not match a batch.
fn check(window: &Window, x: usize, y: usize, argmax: Option<usize>) {
    if let Err(error) = window.check() {
        panic!("{error}");
    }
    assert!(x.is_multiple_of(window.inputs()), "x has {x} numbers: images have {} each", window.inputs());
    let examples = x / window.inputs();
    assert_eq!(y, examples * window.outputs(), "y has the numbers of {examples} pooled images");
    assert!(argmax.is_none_or(|argmax| argmax == y), "one argmax per value of y");
}

/// `y[oy][ox][c] = max_{ky, kx} x[oy·stride + ky][ox·stride + kx][c]`, and in `argmax` its index ky · size + kx, the
/// first one on ties. NaN counts as the maximum.
///
/// # Shapes
/// `x` is (B, height, width, channels), `y` and `argmax` are (B, output_height, output_width, channels).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::pooling::{Window, max_backward, max_forward};
///
/// let window = Window { height: 2, width: 4, channels: 1, size: 2, stride: 2 };
/// let x = [1.0, 5.0, 2.0, 2.0, 3.0, 4.0, 0.0, 2.0];
/// let (mut y, mut argmax, mut dx) = ([0.0; 2], [0; 2], [0.0; 8]);
/// max_forward(Isa::active(), &window, &x, &mut y, &mut argmax);
/// assert_eq!((y, argmax), ([5.0, 2.0], [1, 0]));
/// max_backward(Isa::active(), &window, &[10.0, 20.0], &argmax, &mut dx);
/// assert_eq!(dx, [0.0, 10.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
/// ```
pub fn max_forward(isa: Isa, window: &Window, x: &[f32], y: &mut [f32], argmax: &mut [u8]) {
    check(window, x.len(), y.len(), Some(argmax.len()));
    body::run(isa, window, Pass::MaxForward { x, y, argmax });
}

/// `dx` of [`max_forward`]: each gradient goes to the argmax; where windows overlap, gradients are summed.
///
/// # Shapes
/// `dy` and `argmax` are (B, output_height, output_width, channels), `dx` is (B, height, width, channels).
///
/// # Panics
/// If the shapes do not match, or an argmax is outside its window.
pub fn max_backward(isa: Isa, window: &Window, dy: &[f32], argmax: &[u8], dx: &mut [f32]) {
    check(window, dx.len(), dy.len(), Some(argmax.len()));
    body::run(isa, window, Pass::MaxBackward { dy, argmax, dx });
}

/// `y[oy][ox][c] = Σ_{ky, kx} x[oy·stride + ky][ox·stride + kx][c] / size²`.
///
/// # Shapes
/// `x` is (B, height, width, channels), `y` is (B, output_height, output_width, channels).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::pooling::{Window, average_backward, average_forward};
///
/// let window = Window { height: 2, width: 2, channels: 1, size: 2, stride: 2 };
/// let (mut y, mut dx) = ([0.0], [0.0; 4]);
/// average_forward(Isa::active(), &window, &[1.0, 5.0, 2.0, 4.0], &mut y);
/// assert_eq!(y, [3.0]);
/// average_backward(Isa::active(), &window, &[2.0], &mut dx);
/// assert_eq!(dx, [0.5; 4]);
/// ```
pub fn average_forward(isa: Isa, window: &Window, x: &[f32], y: &mut [f32]) {
    check(window, x.len(), y.len(), None);
    body::run(isa, window, Pass::AverageForward { x, y });
}

/// `dx` of [`average_forward`]: each gradient is divided equally over its window; where windows overlap, gradients are
/// summed.
///
/// # Shapes
/// `dy` is (B, output_height, output_width, channels), `dx` is (B, height, width, channels).
///
/// # Panics
/// If the shapes do not match.
pub fn average_backward(isa: Isa, window: &Window, dy: &[f32], dx: &mut [f32]) {
    check(window, dx.len(), dy.len(), None);
    body::run(isa, window, Pass::AverageBackward { dy, dx });
}
