//! What a single neuron can learn, and what requires several: OR and XOR.
//!
//! ```text
//! OR                XOR
//! 1 | 1  1          1 | 1  0
//! 0 | 0  1          0 | 0  1
//!   +-----            +-----
//!     0  1              0  1
//! ```
//!
//! A straight line separates the ones of OR from its zero. No line does that for XOR, whose ones are on opposite
//! corners. A two-layer network has a non-linear decision boundary, and learns both.

use tercet::data::Dataset;
use tercet::network::{Init, Network};
use tercet::perceptron::Perceptron;
use tercet::train::{Length, Plan, Settings, train};
use tercet::{Matrix, Result};

const EPOCHS: usize = 1000;

fn main() -> Result<()> {
    // One row per pair of inputs.
    let x = Matrix::new(4, 2, vec![0., 0., 0., 1., 1., 0., 1., 1.])?;

    // ANCHOR: perceptron
    let mut or = Perceptron::new(2);
    let settled_on_or = or.fit(&x, &[false, true, true, true], EPOCHS)?;

    let mut xor = Perceptron::new(2);
    let settled_on_xor = xor.fit(&x, &[false, true, true, false], EPOCHS)?;
    // ANCHOR_END: perceptron

    println!("A perceptron learns OR:");
    describe(&or, settled_on_or, &x);
    println!("\nThe same perceptron on XOR:");
    describe(&xor, settled_on_xor, &x);

    // ANCHOR: network
    let classes = vec!["0".to_owned(), "1".to_owned()];
    let pairs = Dataset::from_features("XOR", 2, x.values().to_vec(), vec![0, 1, 1, 0], classes)?;
    let mut network = Network::fully_connected(2, &[8], 2, Init::He, 0)?;
    let settings = Settings { batch: 4, length: Length::Epochs(300), ..Settings::lecture() };
    let training = train(&mut network, &Plan::new(&pairs, settings, 0))?;
    // ANCHOR_END: network

    let scores = network.scores(&pairs)?;
    let losses = training.history.losses;
    println!("\nA network of two layers on XOR, {network}:");
    println!("  its loss went from {:.2} to {:.2} in {} steps", losses[0], losses[299], losses.len());
    for (i, y) in scores.argmax().into_iter().enumerate() {
        println!("  {} and {} give {y}", x.row(i)[0], x.row(i)[1]);
    }

    assert_eq!(settled_on_or, Some(4));
    assert_eq!(answers(&or, &x), [0.0, 1.0, 1.0, 1.0]);
    assert_eq!(settled_on_xor, None);
    assert_ne!(answers(&xor, &x), [0.0, 1.0, 1.0, 0.0]);
    assert_eq!(scores.argmax(), [0, 1, 1, 0]);
    Ok(())
}

/// The perceptron's output for each pair of inputs.
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
