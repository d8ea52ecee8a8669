//! Convolutions, forward and backward, fused with the operations that usually follow them.
//!
//! | pass | formula |
//! |---|---|
//! | [`forward`] | `y[oy][ox][co] = b[co] + Σ x[oy·s + ky − p][ox·s + kx − p][ci] · w[ky][kx][ci][co]` |
//! | [`forward_relu`] | `y = max(0, …)` |
//! | [`forward_pooled`] | `y` = the maximum of each 2 × 2 outputs and 0 |
//! | [`backward_weights`] | `dw[ky][kx][ci][co] = Σ x[…][…][ci] · dy[oy][ox][co]`, `db[co] = Σ dy[oy][ox][co]` |
//! | [`backward_input`] | `dx[iy][ix][ci] = Σ dy[oy][ox][co] · w[ky][kx][ci][co]` |
//!
//! where s is the stride and p the padding; x is 0 outside the image. An image is (height, width, channels), channels
//! last; the weights are a matrix (inputs, outputs) as for a dense layer: a row for each (ky, kx, ci), a column for
//! each filter.
//!
//! A 3 × 3 kernel over at least 16 channels is applied by minimal filtering, with a quarter of the multiplications; the
//! error of an output is then up to 2·10⁻⁶ of the sum of its absolute products, instead of 2·10⁻⁷. The algorithm is
//! chosen by the shape and, for the gradient of the weights, also by the number of zeros in the gradient. Terms that
//! are zero are skipped, so they do not propagate non-finite values.
//!
//! An element of the output, or of `dx`, depends only on its own example, so splitting the batch does not change a bit
//! of them. The gradients of the weights are sums over the batch, in an order that depends only on the arguments: if a
//! batch is split into parts of a fixed size whose gradients are added in order, the result is always the same to the
//! bit.

mod blocks;
mod gradient_lists;
mod input;
mod max_pool;
pub mod naive;
mod outer;
mod scratch;
mod shape;
mod tile;
mod weights;
mod winograd;

pub use scratch::Scratch;
pub use shape::{Shape, UnfitShape};

use crate::Isa;
use gradient_lists::Gradient;
use input::Input;
use tile::{Epilogue, Forward};
use weights::Weights;

/// The argmax of a pooled output at which no element won: ReLU returned 0, and no gradient is passed on.
pub const NO_GRADIENT: u8 = 255;

/// Panics if the lengths do not match a batch.
fn check(shape: &Shape, x: usize, y: usize, w: usize, b: Option<usize>) {
    check_examples(shape, x, y, shape.outputs());
    check_weights(shape, w, b);
}

/// Panics if the lengths do not match the weights and biases.
fn check_weights(shape: &Shape, w: usize, b: Option<usize>) {
    assert_eq!(w, shape.weights(), "the weights are ({}, {})", shape.patch(), shape.filters);
    assert!(b.is_none_or(|b| b == shape.filters), "one bias for each of {} filters", shape.filters);
}

/// Panics if the lengths do not match a batch of pooled outputs.
fn check_pooled(shape: &Shape, x: usize, y: usize, argmax: usize) {
    check_examples(shape, x, y, shape.pooled());
    assert_eq!(argmax, y, "one argmax per pooled output");
}

fn check_examples(shape: &Shape, x: usize, y: usize, outputs: usize) {
    if let Err(error) = shape.check() {
        panic!("{error}");
    }
    assert!(x.is_multiple_of(shape.inputs()), "{x} numbers: images have {} each", shape.inputs());
    let examples = x / shape.inputs();
    assert_eq!(y, examples * outputs, "{examples} images have outputs of {outputs} numbers each");
}

/// `y[oy][ox][co] = b[co] + Σ_{ky, kx, ci} x[oy·s + ky − p][ox·s + kx − p][ci] · w[ky][kx][ci][co]`.
///
/// # Shapes
/// `x` is (B, height, width, channels), `w` is (kernel_height · kernel_width · channels, filters), `b` is (filters),
/// `y` is (B, output_height, output_width, filters).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::convolution::{Scratch, Shape, forward};
///
/// // The differences between adjacent pixels in a row of four.
/// let shape = Shape {
///     height: 1,
///     width: 4,
///     channels: 1,
///     kernel_height: 1,
///     kernel_width: 2,
///     stride: 1,
///     padding: 0,
///     filters: 1,
/// };
/// let mut y = [0.0; 3];
/// forward(Isa::active(), &shape, &[1.0, 2.0, 5.0, 5.0], &[-1.0, 1.0], &[0.0], &mut y, &mut Scratch::new());
/// assert_eq!(y, [1.0, 3.0, 0.0]);
/// ```
pub fn forward(
    isa: Isa,
    shape: &Shape,
    x: &[f32],
    w: &[f32],
    b: &[f32],
    y: &mut [f32],
    scratch: &mut Scratch,
) {
    check(shape, x.len(), y.len(), w.len(), Some(b.len()));
    tile::run(isa, Forward { shape, x, w, b: Some(b), y, epilogue: Epilogue::Linear, scratch });
}

/// `y = max(0, forward(x))`; NaN stays NaN. The gradient of the convolution's output is `dy` where `y` is not 0, else
/// 0.
///
/// # Shapes
/// Those of [`forward`].
///
/// # Panics
/// If the shapes do not match.
pub fn forward_relu(
    isa: Isa,
    shape: &Shape,
    x: &[f32],
    w: &[f32],
    b: &[f32],
    y: &mut [f32],
    scratch: &mut Scratch,
) {
    check(shape, x.len(), y.len(), w.len(), Some(b.len()));
    tile::run(isa, Forward { shape, x, w, b: Some(b), y, epilogue: Epilogue::Relu, scratch });
}

/// Convolution, ReLU and 2 × 2 max pool in one pass: the maximum of each 2 × 2 elements of `forward(x)` and 0, and in
/// `argmax` which of the four it was, in reading order, the first one on ties; [`NO_GRADIENT`] if it was the 0. NaN
/// counts as the maximum. The last row or column of an odd size is ignored, as in PyTorch.
///
/// # Shapes
/// `x`, `w` and `b` are those of [`forward`], `y` and `argmax` are (B, pooled_height, pooled_width, filters).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::convolution::{NO_GRADIENT, Scratch, Shape, forward_pooled};
///
/// let shape = Shape {
///     height: 2,
///     width: 2,
///     channels: 1,
///     kernel_height: 1,
///     kernel_width: 1,
///     stride: 1,
///     padding: 0,
///     filters: 2,
/// };
/// let (x, w, b) = ([1.0, 3.0, 2.0, 3.0], [1.0, -1.0], [0.5, 0.5]);
/// let (mut y, mut argmax) = ([0.0; 2], [0; 2]);
/// forward_pooled(Isa::active(), &shape, &x, &w, &b, &mut y, &mut argmax, &mut Scratch::new());
/// assert_eq!((y, argmax), ([3.5, 0.0], [1, NO_GRADIENT]));
/// ```
#[allow(clippy::too_many_arguments, reason = "a layer has this many arrays")]
pub fn forward_pooled(
    isa: Isa,
    shape: &Shape,
    x: &[f32],
    w: &[f32],
    b: &[f32],
    y: &mut [f32],
    argmax: &mut [u8],
    scratch: &mut Scratch,
) {
    check_pooled(shape, x.len(), y.len(), argmax.len());
    check_weights(shape, w.len(), Some(b.len()));
    tile::run(isa, Forward { shape, x, w, b: Some(b), y, epilogue: Epilogue::Pooled(argmax), scratch });
}

/// `dw[ky][kx][ci][co] = Σ x[oy·s + ky − p][ox·s + kx − p][ci] · dy[oy][ox][co]` and `db[co] = Σ dy[oy][ox][co]`, over
/// the batch and all (oy, ox). `dy` is the gradient of the convolution's own output: with a ReLU it is 0 wherever that
/// output was 0.
///
/// # Shapes
/// `x` is (B, height, width, channels), `dy` is (B, output_height, output_width, filters), `dw` and `db` are those of
/// the weights and biases.
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::convolution::{Scratch, Shape, backward_weights};
///
/// let shape = Shape {
///     height: 1,
///     width: 3,
///     channels: 1,
///     kernel_height: 1,
///     kernel_width: 2,
///     stride: 1,
///     padding: 0,
///     filters: 1,
/// };
/// let (mut dw, mut db) = ([0.0; 2], [0.0]);
/// backward_weights(Isa::active(), &shape, &[1.0, 2.0, 5.0], &[10.0, 1.0], &mut dw, &mut db, &mut Scratch::new());
/// assert_eq!((dw, db), ([12.0, 25.0], [11.0]));
/// ```
pub fn backward_weights(
    isa: Isa,
    shape: &Shape,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    db: &mut [f32],
    scratch: &mut Scratch,
) {
    check(shape, x.len(), dy.len(), dw.len(), Some(db.len()));
    weights::run(isa, Weights { shape, x, gradient: Gradient { dy, argmax: None }, dw, db, scratch });
}

/// `dx[iy][ix][ci] = Σ dy[oy][ox][co] · w[ky][kx][ci][co]`, over all outputs that depend on the input element.
///
/// # Shapes
/// `dy` is (B, output_height, output_width, filters), `w` is that of [`forward`], `dx` is (B, height, width, channels).
///
/// # Panics
/// If the shapes do not match.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::convolution::{Scratch, Shape, backward_input};
///
/// let shape = Shape {
///     height: 1,
///     width: 3,
///     channels: 1,
///     kernel_height: 1,
///     kernel_width: 2,
///     stride: 1,
///     padding: 0,
///     filters: 1,
/// };
/// let mut dx = [0.0; 3];
/// backward_input(Isa::active(), &shape, &[10.0, 1.0], &[-1.0, 2.0], &mut dx, &mut Scratch::new());
/// assert_eq!(dx, [-10.0, 19.0, 2.0]);
/// ```
pub fn backward_input(isa: Isa, shape: &Shape, dy: &[f32], w: &[f32], dx: &mut [f32], scratch: &mut Scratch) {
    check(shape, dx.len(), dy.len(), w.len(), None);
    input::run(isa, Input { shape, gradient: Gradient { dy, argmax: None }, w, dx, scratch });
}

/// `dw` and `db` of [`forward_pooled`], given the gradient of its output.
///
/// # Shapes
/// `x` is (B, height, width, channels), `dy` and `argmax` are (B, pooled_height, pooled_width, filters), `dw` and `db`
/// are those of the weights and biases.
///
/// # Panics
/// If the shapes do not match, or an argmax is neither 0 to 3 nor [`NO_GRADIENT`].
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::convolution::{Scratch, Shape, backward_input_pooled, backward_weights_pooled};
///
/// let shape = Shape {
///     height: 2,
///     width: 2,
///     channels: 1,
///     kernel_height: 1,
///     kernel_width: 1,
///     stride: 1,
///     padding: 0,
///     filters: 1,
/// };
/// // The last of the four outputs was the largest.
/// let (x, dy, argmax, w, mut scratch) = ([1.0, 2.0, 3.0, 5.0], [10.0], [3], [0.5], Scratch::new());
/// let (mut dw, mut db, mut dx) = ([0.0], [0.0], [0.0; 4]);
/// backward_weights_pooled(Isa::active(), &shape, &x, &dy, &argmax, &mut dw, &mut db, &mut scratch);
/// backward_input_pooled(Isa::active(), &shape, &dy, &argmax, &w, &mut dx, &mut scratch);
/// assert_eq!((dw, db, dx), ([50.0], [10.0], [0.0, 0.0, 0.0, 5.0]));
/// ```
#[allow(clippy::too_many_arguments, reason = "a layer has this many arrays")]
pub fn backward_weights_pooled(
    isa: Isa,
    shape: &Shape,
    x: &[f32],
    dy: &[f32],
    argmax: &[u8],
    dw: &mut [f32],
    db: &mut [f32],
    scratch: &mut Scratch,
) {
    check_pooled(shape, x.len(), dy.len(), argmax.len());
    check_weights(shape, dw.len(), Some(db.len()));
    gradient_lists::check_argmax(argmax);
    weights::run(isa, Weights { shape, x, gradient: Gradient { dy, argmax: Some(argmax) }, dw, db, scratch });
}

/// `dx` of [`forward_pooled`], given the gradient of its output.
///
/// # Shapes
/// `dy` and `argmax` are (B, pooled_height, pooled_width, filters), `w` is that of [`forward`], `dx` is (B, height,
/// width, channels).
///
/// # Panics
/// If the shapes do not match, or an argmax is neither 0 to 3 nor [`NO_GRADIENT`].
pub fn backward_input_pooled(
    isa: Isa,
    shape: &Shape,
    dy: &[f32],
    argmax: &[u8],
    w: &[f32],
    dx: &mut [f32],
    scratch: &mut Scratch,
) {
    check_pooled(shape, dx.len(), dy.len(), argmax.len());
    check_weights(shape, w.len(), None);
    gradient_lists::check_argmax(argmax);
    input::run(isa, Input { shape, gradient: Gradient { dy, argmax: Some(argmax) }, w, dx, scratch });
}
