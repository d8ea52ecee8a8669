//! The lecture's exercise: is this image of four pixels a cat, a dog or a bird?
//!
//! ```text
//! H = max(0, W1 · X + b1)
//! scores = W2 · H + b2
//! ```
//!
//! In the lecture an image is a column; here it is a row, so that several images form a matrix with one example per
//! row. The formulas are transposed accordingly, `H = max(0, X · W1 + b1)`, and every W is the transpose of the
//! lecture's: a column here is a row on the slide.

use tercet::{Matrix, Result};

const CLASSES: [&str; 3] = ["cat", "dog", "bird"];

fn main() -> Result<()> {
    // ANCHOR: parameters
    // (N, D): one image of four pixels.
    let x = Matrix::new(1, 4, vec![56., 231., 24., 2.])?;

    // (D, H): four inputs, four hidden units.
    #[rustfmt::skip]
    let w1 = Matrix::new(4, 4, vec![
         0.2, -0.2,  1.1, -1.9,
        -0.5,  0.0,  0.7,  1.0,
         0.1,  0.4, -0.9,  0.9,
         2.0,  1.3, -0.2,  2.1,
    ])?;
    let b1 = [9.1, 7.3, -27., 2.1];

    // (H, C): four hidden units, three classes.
    #[rustfmt::skip]
    let w2 = Matrix::new(4, 3, vec![
         0.8,  0.3,  0.6,
         0.9, -0.3,  0.7,
         0.0,  2.2, -0.1,
         1.4, -1.2, -0.6,
    ])?;
    let b2 = [-32., 14., 19.];
    // ANCHOR_END: parameters

    // ANCHOR: forward
    // The first layer: a linear score for each hidden unit, then ReLU.
    let mut z = x.multiply(&w1)?;
    for (z, b) in z.values_mut().iter_mut().zip(b1) {
        *z += b;
    }
    let mut h = z.clone();
    for h in h.values_mut() {
        *h = h.max(0.0);
    }

    // The second layer: a linear score for each class.
    let mut scores = h.multiply(&w2)?;
    for (score, b) in scores.values_mut().iter_mut().zip(b2) {
        *score += b;
    }
    let class = scores.argmax()[0] as usize;
    // ANCHOR_END: forward

    println!("W1 · X + b1 = {}", row(&z));
    println!("H           = {}\n", row(&h));
    for (name, score) in CLASSES.iter().zip(scores.values()) {
        println!("{name:>4} {score:8.2}");
    }
    println!("\nPredicted class: {} = {} (counted from one, as in the lecture)", class + 1, CLASSES[class]);

    assert_close(z.values(), &[-88.8, 8.3, 174.3, 152.5]);
    assert_close(h.values(), &[0.0, 8.3, 174.3, 152.5]);
    assert_close(scores.values(), &[188.97, 211.97, -84.12]);
    assert_eq!((class + 1, CLASSES[class]), (2, "dog"));
    Ok(())
}

/// The values of a matrix of one row, as the lecture prints them.
fn row(matrix: &Matrix) -> String {
    matrix.values().iter().map(|v| format!("{v:7.1}")).collect()
}

/// The lecture computes in f64 and prints two decimal places; f32 agrees to within half of the last one.
fn assert_close(found: &[f32], printed: &[f32]) {
    assert_eq!(found.len(), printed.len());
    for (found, printed) in found.iter().zip(printed) {
        assert!((found - printed).abs() < 0.005, "found {found}, the lecture prints {printed}");
    }
}
