//! Convolution computed directly from its formulas, for f32 and f64.
//!
//! The arguments, their shapes and their meaning are those of the functions of the same name in [`convolution`](super),
//! without the instruction set and the scratch memory.

use std::ops::{Add, AddAssign, Mul};

use super::{NO_GRADIENT, Shape};

/// The arithmetic that the formulas need.
pub trait Number: Copy + Default + PartialOrd + Add<Output = Self> + Mul<Output = Self> + AddAssign {}

impl Number for f32 {}
impl Number for f64 {}

/// The index of the first channel of the pixel that the kernel's (ky, kx) covers at the output (oy, ox), or `None` if
/// it is padding.
fn pixel(shape: &Shape, (oy, ox): (usize, usize), (ky, kx): (usize, usize)) -> Option<usize> {
    let y = (oy * shape.stride + ky).checked_sub(shape.padding).filter(|&y| y < shape.height)?;
    let x = (ox * shape.stride + kx).checked_sub(shape.padding).filter(|&x| x < shape.width)?;
    Some((y * shape.width + x) * shape.channels)
}

/// Calls `visit` for each output element and each input element that it depends on, with the indices of the output, the
/// input and the weight, in the order of summation.
fn each_product(shape: &Shape, mut visit: impl FnMut(usize, usize, usize)) {
    let (height, width) = (shape.output_height(), shape.output_width());
    for oy in 0..height {
        for ox in 0..width {
            for ky in 0..shape.kernel_height {
                for kx in 0..shape.kernel_width {
                    let Some(pixel) = pixel(shape, (oy, ox), (ky, kx)) else { continue };
                    for ci in 0..shape.channels {
                        let row = (ky * shape.kernel_width + kx) * shape.channels + ci;
                        for co in 0..shape.filters {
                            let output = (oy * width + ox) * shape.filters + co;
                            visit(output, pixel + ci, row * shape.filters + co);
                        }
                    }
                }
            }
        }
    }
}

/// `y[oy][ox][co] = b[co] + Σ_{ky, kx, ci} x[oy·stride + ky − padding][ox·stride + kx − padding][ci] · w[ky][kx][ci][co]`.
///
/// # Panics
/// If the shapes do not match.
pub fn forward<T: Number>(shape: &Shape, x: &[T], w: &[T], b: &[T], y: &mut [T]) {
    super::check(shape, x.len(), y.len(), w.len(), Some(b.len()));
    for (x, y) in x.chunks_exact(shape.inputs()).zip(y.chunks_exact_mut(shape.outputs())) {
        y.chunks_exact_mut(shape.filters).for_each(|y| y.copy_from_slice(b));
        each_product(shape, |output, input, weight| y[output] += x[input] * w[weight]);
    }
}

/// `y = max(0, forward(x))`; NaN stays NaN.
///
/// # Panics
/// If the shapes do not match.
pub fn forward_relu<T: Number>(shape: &Shape, x: &[T], w: &[T], b: &[T], y: &mut [T]) {
    forward(shape, x, w, b, y);
    for y in y {
        if *y <= T::default() {
            *y = T::default();
        }
    }
}

/// The maximum of each 2 × 2 outputs of `forward` and 0, and which of them it was: 0 to 3 in reading order, the first
/// one on ties, or [`NO_GRADIENT`] if it was the 0. NaN counts as the maximum.
///
/// # Panics
/// If the shapes do not match.
pub fn forward_pooled<T: Number>(shape: &Shape, x: &[T], w: &[T], b: &[T], y: &mut [T], argmax: &mut [u8]) {
    super::check_pooled(shape, x.len(), y.len(), argmax.len());
    let mut z = vec![T::default(); x.len() / shape.inputs() * shape.outputs()];
    forward(shape, x, w, b, &mut z);
    y.fill(T::default());
    argmax.fill(NO_GRADIENT);
    for (example, z) in z.chunks_exact(shape.outputs()).enumerate() {
        for pooled in 0..shape.pooled() {
            let at = example * shape.pooled() + pooled;
            for quarter in 0..4 {
                let z = z[unpooled(shape, pooled, quarter)];
                #[allow(clippy::eq_op, reason = "NaN alone is not equal to itself")]
                if z > y[at] || z != z {
                    (y[at], argmax[at]) = (z, quarter as u8);
                }
            }
        }
    }
}

/// The index in an output of one of the four elements that a pooled element is the maximum of.
fn unpooled(shape: &Shape, pooled: usize, quarter: usize) -> usize {
    let (pixel, filter) = (pooled / shape.filters, pooled % shape.filters);
    let (y, x) = (pixel / shape.pooled_width(), pixel % shape.pooled_width());
    ((2 * y + quarter / 2) * shape.output_width() + 2 * x + quarter % 2) * shape.filters + filter
}

/// `dz`, the gradient of the output, from that of the pooled output: each element goes to the output that won, or
/// nowhere if ReLU returned 0.
///
/// # Panics
/// If the shapes do not match, or an argmax is neither 0 to 3 nor [`NO_GRADIENT`].
pub fn unpool<T: Number>(shape: &Shape, dy: &[T], argmax: &[u8], dz: &mut [T]) {
    assert!(dz.len().is_multiple_of(shape.outputs()), "dz is (B, {})", shape.outputs());
    assert_eq!(dy.len(), dz.len() / shape.outputs() * shape.pooled(), "dy is (B, {})", shape.pooled());
    assert_eq!(dy.len(), argmax.len(), "one argmax per gradient");
    dz.fill(T::default());
    for (at, (&dy, &argmax)) in dy.iter().zip(argmax).enumerate() {
        if argmax != NO_GRADIENT {
            assert!(argmax < 4, "argmax {argmax}: expected 0 to 3 or {NO_GRADIENT}");
            let (example, pooled) = (at / shape.pooled(), at % shape.pooled());
            dz[example * shape.outputs() + unpooled(shape, pooled, usize::from(argmax))] = dy;
        }
    }
}

/// `unpool` into a new array.
fn unpooled_gradient<T: Number>(shape: &Shape, x: usize, dy: &[T], argmax: &[u8]) -> Vec<T> {
    super::check_pooled(shape, x, dy.len(), argmax.len());
    let mut dz = vec![T::default(); x / shape.inputs() * shape.outputs()];
    unpool(shape, dy, argmax, &mut dz);
    dz
}

/// `dw[ky][kx][ci][co] = Σ x[…][…][ci] · dy[oy][ox][co]` and `db[co] = Σ dy[oy][ox][co]`, over the batch and all (oy,
/// ox).
///
/// # Panics
/// If the shapes do not match.
pub fn backward_weights<T: Number>(shape: &Shape, x: &[T], dy: &[T], dw: &mut [T], db: &mut [T]) {
    super::check(shape, x.len(), dy.len(), dw.len(), Some(db.len()));
    dw.fill(T::default());
    db.fill(T::default());
    for (x, dy) in x.chunks_exact(shape.inputs()).zip(dy.chunks_exact(shape.outputs())) {
        each_product(shape, |output, input, weight| dw[weight] += x[input] * dy[output]);
        for dy in dy.chunks_exact(shape.filters) {
            db.iter_mut().zip(dy).for_each(|(db, &dy)| *db += dy);
        }
    }
}

/// `dx[iy][ix][ci] = Σ dy[oy][ox][co] · w[ky][kx][ci][co]`, over all outputs that depend on the input element.
///
/// # Panics
/// If the shapes do not match.
pub fn backward_input<T: Number>(shape: &Shape, dy: &[T], w: &[T], dx: &mut [T]) {
    super::check(shape, dx.len(), dy.len(), w.len(), None);
    dx.fill(T::default());
    for (dx, dy) in dx.chunks_exact_mut(shape.inputs()).zip(dy.chunks_exact(shape.outputs())) {
        each_product(shape, |output, input, weight| dx[input] += dy[output] * w[weight]);
    }
}

/// [`backward_weights`] for a pooled convolution.
///
/// # Panics
/// If the shapes do not match.
pub fn backward_weights_pooled<T: Number>(
    shape: &Shape,
    x: &[T],
    dy: &[T],
    argmax: &[u8],
    dw: &mut [T],
    db: &mut [T],
) {
    backward_weights(shape, x, &unpooled_gradient(shape, x.len(), dy, argmax), dw, db);
}

/// [`backward_input`] for a pooled convolution.
///
/// # Panics
/// If the shapes do not match.
pub fn backward_input_pooled<T: Number>(shape: &Shape, dy: &[T], argmax: &[u8], w: &[T], dx: &mut [T]) {
    backward_input(shape, &unpooled_gradient(shape, dx.len(), dy, argmax), w, dx);
}
