//! Convolutions, forward and backward, with what usually follows them done on the way.
//!
//! | pass | formula |
//! |---|---|
//! | [`forward`] | `y[oy][ox][co] = b[co] + Σ x[oy·s + ky − p][ox·s + kx − p][ci] · w[ky][kx][ci][co]` |
//! | [`forward_relu`] | `y = max(0, …)` |
//! | [`forward_pooled`] | `y` = the largest of each 2 × 2 outputs and 0 |
//! | [`backward_weights`] | `dw[ky][kx][ci][co] = Σ x[…][…][ci] · dy[oy][ox][co]`, `db[co] = Σ dy[oy][ox][co]` |
//! | [`backward_input`] | `dx[iy][ix][ci] = Σ dy[oy][ox][co] · w[ky][kx][ci][co]` |
//!
//! with s the stride and p the padding, beyond which x is 0. An image is (height, width, channels), channels last; the
//! weights are a matrix (inputs, outputs) like any other: a row for each (ky, kx, ci), a column for each filter.
//!
//! A kernel of 3 × 3 over at least 16 channels is applied by minimal filtering, with a quarter of the multiplications; an
//! output is then off by up to 2·10⁻⁶ of the sum of its absolute products instead of 2·10⁻⁷. Which way is taken depends on
//! the shape, and for the gradient of the weights also on how many gradients are zero. Terms of zero are left out, so they
//! do not spread what is not finite.
//!
//! A number of the output, and one of `dx`, depends on its own example alone, so cutting the batch changes no bit of
//! them. The gradients of the weights are sums over the batch, in an order that depends on the arguments alone: whoever
//! cuts a batch into pieces of a fixed size and adds the pieces up in their order gets the same bits every time.

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

/// The place of a pooled output that no number won: ReLU gave 0, and no gradient goes through.
pub const NO_GRADIENT: u8 = 255;

/// Panics where the lengths are not those of a batch.
fn check(shape: &Shape, x: usize, y: usize, w: usize, b: Option<usize>) {
    check_examples(shape, x, y, shape.outputs());
    check_weights(shape, w, b);
}

/// Panics where the lengths are not those of the weights and biases.
fn check_weights(shape: &Shape, w: usize, b: Option<usize>) {
    assert_eq!(w, shape.weights(), "the weights are ({}, {})", shape.patch(), shape.filters);
    assert!(b.is_none_or(|b| b == shape.filters), "one bias for each of {} filters", shape.filters);
}

/// Panics where the lengths are not those of a batch behind a pool.
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
/// `x` is (B, height, width, channels), `w` is (kernel_height · kernel_width · channels, filters), `b` is (filters), `y`
/// is (B, output_height, output_width, filters).
///
/// # Panics
/// Where the shapes do not fit.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::convolution::{Scratch, Shape, forward};
///
/// // The difference of neighbours in a row of four pixels.
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

/// `y = max(0, forward(x))`; NaN stays NaN. The gradient of the convolution's output is `dy` where `y` is not 0, else 0.
///
/// # Shapes
/// Those of [`forward`].
///
/// # Panics
/// Where the shapes do not fit.
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

/// The convolution, ReLU and a 2 × 2 maximum in one pass: the largest of each 2 × 2 numbers of `forward(x)` and 0, and in
/// `argmax` which of the four it was, in reading order, the first among equals; [`NO_GRADIENT`] where it was the 0. NaN
/// counts as the largest. A last row or column of an odd size is left out, as in PyTorch.
///
/// # Shapes
/// `x`, `w` and `b` are those of [`forward`], `y` and `argmax` are (B, pooled_height, pooled_width, filters).
///
/// # Panics
/// Where the shapes do not fit.
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

/// `dw[ky][kx][ci][co] = Σ x[oy·s + ky − p][ox·s + kx − p][ci] · dy[oy][ox][co]` and `db[co] = Σ dy[oy][ox][co]`, over the
/// batch and all (oy, ox). `dy` is the gradient of the convolution's own output: behind ReLU it is 0 where that was.
///
/// # Shapes
/// `x` is (B, height, width, channels), `dy` is (B, output_height, output_width, filters), `dw` and `db` are those of the
/// weights and biases.
///
/// # Panics
/// Where the shapes do not fit.
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

/// `dx[iy][ix][ci] = Σ dy[oy][ox][co] · w[ky][kx][ci][co]`, over all outputs that the input is part of.
///
/// # Shapes
/// `dy` is (B, output_height, output_width, filters), `w` is the weights, `dx` is (B, height, width, channels).
///
/// # Panics
/// Where the shapes do not fit.
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

/// `dw` and `db` of [`forward_pooled`], from the gradient of what it gave.
///
/// # Shapes
/// `x` is (B, height, width, channels), `dy` and `argmax` are (B, pooled_height, pooled_width, filters), `dw` and `db` are
/// those of the weights and biases.
///
/// # Panics
/// Where the shapes do not fit, or a place is neither 0 to 3 nor [`NO_GRADIENT`].
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
/// // The last of four outputs was the largest.
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

/// `dx` of [`forward_pooled`], from the gradient of what it gave.
///
/// # Shapes
/// `dy` and `argmax` are (B, pooled_height, pooled_width, filters), `w` is the weights, `dx` is (B, height, width,
/// channels).
///
/// # Panics
/// Where the shapes do not fit, or a place is neither 0 to 3 nor [`NO_GRADIENT`].
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
