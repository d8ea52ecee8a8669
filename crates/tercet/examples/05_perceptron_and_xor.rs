//! What one neuron can learn, and what it cannot: OR and XOR.
//!
//! ```text
//! OR                XOR
//! 1 | 1  1          1 | 1  0
//! 0 | 0  1          0 | 0  1
//!   +-----            +-----
//!     0  1              0  1
//! ```
//!
//! A straight line parts the ones of OR from its zero. None does that for XOR, whose ones lie across from each other.

use tercet::perceptron::Perceptron;
use tercet::{Matrix, Result};

const EPOCHS: usize = 1000;

fn main() -> Result<()> {
    // One row for each pair of inputs.
    let x = Matrix::new(4, 2, vec![0., 0., 0., 1., 1., 0., 1., 1.])?;
    one_neuron(&x)
}

/// A perceptron learns OR, and never settles on XOR.
fn one_neuron(x: &Matrix) -> Result<()> {
    // ANCHOR: perceptron
    let mut or = Perceptron::new(2);
    let settled_on_or = or.fit(x, &[false, true, true, true], EPOCHS)?;

    let mut xor = Perceptron::new(2);
    let settled_on_xor = xor.fit(x, &[false, true, true, false], EPOCHS)?;
    // ANCHOR_END: perceptron

    println!("A perceptron learns OR:");
    describe(&or, settled_on_or, x);
    println!("\nThe same perceptron on XOR:");
    describe(&xor, settled_on_xor, x);

    assert_eq!(settled_on_or, Some(4));
    assert_eq!(answers(&or, x), [0.0, 1.0, 1.0, 1.0]);
    assert_eq!(settled_on_xor, None);
    assert_ne!(answers(&xor, x), [0.0, 1.0, 1.0, 0.0]);
    Ok(())
}

/// What the perceptron says to each pair of inputs.
fn answers(perceptron: &Perceptron, x: &Matrix) -> Vec<f32> {
    (0..x.rows()).map(|i| perceptron.activate(x.row(i))).collect()
}

fn describe(perceptron: &Perceptron, settled: Option<usize>, x: &Matrix) {
    match settled {
        Some(epochs) => println!("  no mistake left after {epochs} passes over the four pairs"),
        None => println!("  still mistaken after {EPOCHS} passes over the four pairs"),
    }
    println!("  w = {:?}, b = {}", perceptron.w, perceptron.b);
    for (i, y) in answers(perceptron, x).into_iter().enumerate() {
        println!("  {} and {} give {y}", x.row(i)[0], x.row(i)[1]);
    }
}
