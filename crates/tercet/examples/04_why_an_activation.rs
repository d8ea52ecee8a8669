//! Why a network needs an activation: without one, two linear layers are a single linear layer.
//!
//! ```text
//! (X · W1 + b1) · W2 + b2 = X · (W1 · W2) + (b1 · W2 + b2) = X · W′ + b′
//! ```
//!
//! In the lecture an image is a column, with W′ = W2 · W1 and b′ = W2 · b1 + b2; here an image is a row and the factors
//! are in the opposite order. With ReLU between the layers, no single W′ is equivalent.

use rand::RngExt;
use tercet::random::{Generator, Stream, generator};
use tercet::{Matrix, Result};

/// N examples, D inputs, H hidden units, C classes.
const N: usize = 200;
const D: usize = 20;
const H: usize = 12;
const C: usize = 5;

fn main() -> Result<()> {
    let mut random = generator(13, Stream::Weights);
    let x = uniform(N, D, &mut random)?;
    let (w1, b1) = (uniform(D, H, &mut random)?, uniform(1, H, &mut random)?);
    let (w2, b2) = (uniform(H, C, &mut random)?, uniform(1, C, &mut random)?);

    // ANCHOR: fold
    // Two layers in sequence …
    let hidden = linear(&x, &w1, &b1)?;
    let two_layers = linear(&hidden, &w2, &b2)?;

    // … and the single layer that is equivalent to them.
    let w = w1.multiply(&w2)?;
    let b = linear(&b1, &w2, &b2)?;
    let one_layer = linear(&x, &w, &b)?;

    // The same two layers with ReLU between them.
    let mut active = hidden.clone();
    active.values_mut().iter_mut().for_each(|h| *h = h.max(0.0));
    let network = linear(&active, &w2, &b2)?;
    // ANCHOR_END: fold

    let folded = largest_difference(&two_layers, &one_layer);
    let bent = largest_difference(&network, &one_layer);
    println!("{N} random examples of {D} inputs through {H} hidden units into {C} scores.");
    println!("W1 is {:?}, W2 is {:?}, and W' = W1 · W2 is {:?}.\n", shape(&w1), shape(&w2), shape(&w));
    println!("largest difference of a score from X · W' + b'");
    println!("  two linear layers:          {folded:.1e}   (rounding)");
    println!("  the same with ReLU between: {bent:.1e}");
    println!("\nWithout an activation, a second layer adds parameters and nothing else.");

    assert!(folded < 1e-4, "the folded layer differs by {folded}");
    assert!(bent > 0.1, "ReLU made a difference of {bent} only");
    Ok(())
}

/// `X · W + b`: the bias, a matrix with one row, is added to every row.
fn linear(x: &Matrix, w: &Matrix, b: &Matrix) -> Result<Matrix> {
    let mut z = x.multiply(w)?;
    for row in z.values_mut().chunks_exact_mut(b.columns()) {
        row.iter_mut().zip(b.values()).for_each(|(z, b)| *z += b);
    }
    Ok(z)
}

/// A matrix of numbers drawn uniformly from −1 to 1.
fn uniform(rows: usize, columns: usize, random: &mut Generator) -> Result<Matrix> {
    Matrix::new(rows, columns, (0..rows * columns).map(|_| random.random_range(-1.0..1.0)).collect())
}

fn shape(matrix: &Matrix) -> (usize, usize) {
    (matrix.rows(), matrix.columns())
}

fn largest_difference(a: &Matrix, b: &Matrix) -> f32 {
    a.values().iter().zip(b.values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
