//! Per-channel operations: the mean over all pixels of a channel, and repeating one number per channel over all its
//! pixels. Batch normalisation is composed of them.

use super::operation::{Derivative, Flaw};
use super::value::{Shape, Value};

/// (B, pixels · C) → (1, C).
pub(super) fn mean_shape(channels: usize, x: Shape) -> Result<Shape, Flaw> {
    if channels > 0 && x.1.is_multiple_of(channels) {
        return Ok((1, channels));
    }
    Err(Flaw::new(format!("images of {} numbers", x.1), format!("whole pixels of {channels} channels")))
}

/// `m[c] = 1/(B · pixels) · Σ x[b][p][c]`
pub(super) fn mean(channels: usize, x: &Value) -> Value {
    let share = 1.0 / (x.numbers().len() / channels) as f64;
    let mut mean = vec![0.0; channels];
    for pixel in x.numbers().chunks_exact(channels) {
        mean.iter_mut().zip(pixel).for_each(|(mean, x)| *mean += share * x);
    }
    Value::row(mean)
}

/// From the formula of [`mean`]: every pixel gets an equal share of the gradient.
pub(super) fn mean_derivative(channels: usize, x: &Value, dm: &Value) -> Derivative {
    let count = x.numbers().len() / channels;
    let mut dx = x.clone();
    for pixel in dx.numbers_mut().chunks_exact_mut(channels) {
        pixel.iter_mut().zip(dm.numbers()).for_each(|(dx, dm)| *dx = dm / count as f64);
    }
    Derivative::Product {
        formula: format!("{{}} / {count} to each pixel"),
        symbol: format!("1/{count}"),
        value: dx,
    }
}

/// (B, C) → (B, times · C).
pub(super) fn repeat_shape(times: usize, x: Shape) -> Result<Shape, Flaw> {
    match x.1.checked_mul(times) {
        Some(columns) if columns > 0 => Ok((x.0, columns)),
        _ => Err(Flaw::new(
            format!("{} columns {times} times", x.1),
            "a positive number that does not overflow",
        )),
    }
}

/// `y[b][p][c] = x[b][c]`
pub(super) fn repeat(times: usize, x: &Value) -> Value {
    let (rows, columns) = x.shape();
    let mut y = Value::filled((rows, times * columns), 0.0);
    let each = y.numbers_mut().chunks_exact_mut(times * columns);
    for (y, x) in each.zip(x.numbers().chunks_exact(columns)) {
        y.chunks_exact_mut(columns).for_each(|y| y.copy_from_slice(x));
    }
    y
}

/// From the formula of [`repeat`]: the gradient is the sum over all copies.
pub(super) fn repeat_derivative(times: usize, x: &Value, dy: &Value) -> Derivative {
    let columns = x.shape().1;
    let mut dx = Value::filled(x.shape(), 0.0);
    let each = dx.numbers_mut().chunks_exact_mut(columns);
    for (dx, dy) in each.zip(dy.numbers().chunks_exact(times * columns)) {
        for dy in dy.chunks_exact(columns) {
            dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
        }
    }
    Derivative::Product { formula: "Σ {} over the copies".to_owned(), symbol: "1".to_owned(), value: dx }
}
