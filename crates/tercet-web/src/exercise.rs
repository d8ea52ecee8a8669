//! Understand, the exercise: the lecture's cat–dog–bird network, with every product.

use serde::{Deserialize, Serialize};
use tercet::loss::Loss;
use tercet::matrix::argmax;
use tercet::network::{Activation, Dense, Layer, Network, Workspace};

/// The numbers of a two-layer network and of one example.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Numbers {
    /// (D).
    pub x: Vec<f32>,
    /// (D, H).
    pub w1: Vec<Vec<f32>>,
    /// (H).
    pub b1: Vec<f32>,
    /// (H, C).
    pub w2: Vec<Vec<f32>>,
    /// (C).
    pub b2: Vec<f32>,
    /// The true class.
    pub label: u32,
}

/// The result of the forward pass.
#[derive(Debug, Serialize)]
pub struct Worked {
    /// `X · W1 + b1`, (H).
    pub z: Vec<f32>,
    /// `max(0, z)`, (H).
    pub h: Vec<f32>,
    /// `H · W2 + b2`, (C).
    pub scores: Vec<f32>,
    /// The class with the largest score.
    pub class: u32,
    /// x_i · W1_ij, (D, H).
    pub products1: Vec<Vec<f32>>,
    /// h_j · W2_jc, (H, C).
    pub products2: Vec<Vec<f32>>,
    /// The SVM loss and the softmax loss for the true class.
    pub losses: (f32, f32),
}

/// Computes the exercise.
///
/// # Errors
/// Numbers of other shapes, non-finite numbers, and a class that does not exist.
pub fn work(numbers: &Numbers) -> Result<Worked, String> {
    let say = |error: tercet::Error| error.to_string();
    let dense = |w: &[Vec<f32>], b: &[f32]| {
        Layer::Dense(Dense { inputs: w.len(), outputs: b.len(), w: w.concat(), b: b.to_vec() })
    };
    let all = [&numbers.w1.concat(), &numbers.w2.concat(), &numbers.b1, &numbers.b2, &numbers.x];
    if all.iter().any(|array| array.iter().any(|v| !v.is_finite())) {
        return Err("a field is empty or not a number; expected a number such as −0.5".to_owned());
    }
    let first = dense(&numbers.w1, &numbers.b1);
    // The same network, ended after its first, its second and its third layer.
    let upto_z = Network::new(vec![first.clone()]).map_err(say)?;
    let network =
        Network::new(vec![first, Layer::Activation(Activation::Relu), dense(&numbers.w2, &numbers.b2)])
            .map_err(say)?;
    if numbers.x.len() != network.inputs() {
        return Err(format!("x has {} numbers; expected {}", numbers.x.len(), network.inputs()));
    }
    if numbers.label as usize >= network.classes() {
        return Err(format!("the class is {}; expected one of {}", numbers.label, network.classes()));
    }
    let z = upto_z.forward(&numbers.x, &mut Workspace::new()).to_vec();
    let mut workspace = Workspace::new();
    let scores = network.forward(&numbers.x, &mut workspace).to_vec();
    let h = workspace.output(1).to_vec();
    let products = |x: &[f32], w: &[Vec<f32>]| {
        x.iter().zip(w).map(|(x, row)| row.iter().map(|w| x * w).collect()).collect()
    };
    let loss = |loss: Loss| loss.loss(&scores, &[numbers.label]);
    Ok(Worked {
        class: argmax(&scores),
        products1: products(&numbers.x, &numbers.w1),
        products2: products(&h, &numbers.w2),
        losses: (loss(Loss::SVM), loss(Loss::Softmax)),
        z,
        h,
        scores,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lecture_s_image_is_a_dog() {
        let numbers = Numbers {
            x: vec![56., 231., 24., 2.],
            w1: vec![
                vec![0.2, -0.2, 1.1, -1.9],
                vec![-0.5, 0.0, 0.7, 1.0],
                vec![0.1, 0.4, -0.9, 0.9],
                vec![2.0, 1.3, -0.2, 2.1],
            ],
            b1: vec![9.1, 7.3, -27., 2.1],
            w2: vec![vec![0.8, 0.3, 0.6], vec![0.9, -0.3, 0.7], vec![0.0, 2.2, -0.1], vec![1.4, -1.2, -0.6]],
            b2: vec![-32., 14., 19.],
            label: 1,
        };
        let worked = work(&numbers).unwrap();
        assert_eq!(worked.class, 1);
        assert_eq!(worked.h[0], 0.0);
        let close = |found: f32, printed: f32| assert!((found - printed).abs() < 0.005, "{found} {printed}");
        worked.scores.iter().zip([188.97, 211.97, -84.12]).for_each(|(&s, printed)| close(s, printed));
        // Every score is the sum of its products and its bias.
        let sum: f32 = worked.products2.iter().map(|row| row[1]).sum();
        close(sum + 14.0, worked.scores[1]);
        let error = work(&Numbers { b1: vec![0.0; 3], ..numbers }).unwrap_err();
        assert!(error.contains("expected"), "{error}");
    }
}
