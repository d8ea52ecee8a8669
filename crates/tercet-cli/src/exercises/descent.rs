//! Gradient descent: one step, several steps, and initial weights.

use tercet::Result;
use tercet::loss::Loss;
use tercet::network::Init;
use tercet::optimizer::{Moments, Optimizer};
use tercet::random::{Stream, generator};

use super::{Exercise, graph};

/// One example of two features and three classes; its class is 0.
const VALUES: &str = "x = [1, 2], w = [0.1, 0.4, -0.3; 0.2, 0.3, 0.1], b = [0, 0, 0]";
const LOSS: &str = "L = svm_loss(x @ w + b, 0) + 0.1 * sum(w * w)";

pub const EXERCISES: &[Exercise] = &[
    Exercise {
        name: "gradient",
        chapter: "gradient-descent",
        question: "\
One example of two features and three classes, whose true class is 0:

    x = 1  2     W = 0.1  0.4  -0.3     b = 0  0  0     Δ = 1, reg = 0.1
                     0.2  0.3   0.1

L is the SVM loss with reg · Σ W². Give dW row by row, db, and then W after one
step of gradient descent with a learning rate of 0.1.",
        entries: &[
            "dW[0,0]", "dW[0,1]", "dW[0,2]", "dW[1,0]", "dW[1,1]", "dW[1,2]", "db[0]", "db[1]", "db[2]",
            "W[0,0]", "W[0,1]", "W[0,2]", "W[1,0]", "W[1,1]", "W[1,2]",
        ],
        tolerance: 0.005,
        answer: || step(LOSS, 0.1),
        mistakes: &[
            (
                || step("L = svm_loss(x @ w + b, 0)", 0.1),
                "the gradient of the regularisation is missing: + 2 reg W",
            ),
            (
                || step("L = svm_loss(x @ w + b, 0) + 0.05 * sum(w * w)", 0.1),
                "the gradient of reg · Σ W² is 2 reg W: the 2 is missing",
            ),
            (|| step(LOSS, -0.1), "that step increases the loss: W − lr · dW"),
        ],
    },
    Exercise {
        name: "momentum",
        chapter: "training",
        question: "\
The loss is f(w) = w², w starts at 1 and V at 0. Give V and w after each of the
first three steps of gradient descent with momentum, V ← μ V − η dW and
w ← w + V, with μ = 0.9 and a learning rate of η = 0.1: six numbers.",
        entries: &["V, step 1", "w, step 1", "V, step 2", "w, step 2", "V, step 3", "w, step 3"],
        tolerance: 0.001,
        answer: || rolls(Optimizer::Sgd { momentum: 0.9 }),
        mistakes: &[
            (|| rolls(Optimizer::Nesterov { momentum: 0.9 }), "those are the steps of Nesterov momentum"),
            (
                || rolls(Optimizer::Sgd { momentum: 0.1 }),
                "μ = 0.9 is the fraction of V that remains, not the fraction that is lost",
            ),
        ],
    },
    Exercise {
        name: "learning-rates",
        chapter: "curves",
        question: "\
The loss is f(w) = w², and w starts at 1. Give w after each of the first three
steps of gradient descent, with learning rates of 0.1, 0.5 and 1.1: nine
numbers.",
        entries: &[
            "lr 0.1, step 1",
            "lr 0.1, step 2",
            "lr 0.1, step 3",
            "lr 0.5, step 1",
            "lr 0.5, step 2",
            "lr 0.5, step 3",
            "lr 1.1, step 1",
            "lr 1.1, step 2",
            "lr 1.1, step 3",
        ],
        tolerance: 0.001,
        answer: || slides("f = w * w", 1.0),
        mistakes: &[
            (|| slides("f = 0.5 * w * w", 1.0), "the derivative of w² is 2w"),
            (|| slides("f = w * w", -1.0), "those steps increase the loss: w − lr · dw"),
        ],
    },
    Exercise {
        name: "initial-weights",
        chapter: "initial-weights",
        question: "\
The network is 784-36-10. By which factors does He initialisation scale standard
normal numbers for W1 and for W2? What is the loss before the first step, when
all scores are nearly 0: the SVM loss with Δ = 1, and the softmax loss?",
        entries: &["scale of W1", "scale of W2", "SVM loss", "softmax loss"],
        tolerance: 0.001,
        answer: || starts(|scale| scale),
        mistakes: &[
            (
                || starts(|scale| scale / 2_f64.sqrt()),
                "that is √(1 / inputs); ReLU sets half of the values to 0, so He initialisation uses √(2 / \
                 inputs)",
            ),
            (
                || starts(|scale| scale * scale),
                "that is the variance: the factor is its square root, √(2 / inputs)",
            ),
        ],
    },
];

/// dW, db, and W after one step.
fn step(loss: &str, learning_rate: f32) -> Result<Vec<f64>> {
    let mut all = graph(loss, VALUES, &["dw", "db"])?;
    let dw: Vec<f32> = all[..6].iter().map(|&d| d as f32).collect();
    let mut w: Vec<f32> = graph(loss, VALUES, &["w"])?.into_iter().map(|w| w as f32).collect();
    descend(learning_rate, &mut w, &dw);
    all.extend(w.into_iter().map(f64::from));
    Ok(all)
}

fn descend(learning_rate: f32, w: &mut [f32], dw: &[f32]) {
    let optimizer = Optimizer::Sgd { momentum: 0.0 };
    optimizer.step(1, learning_rate, w, dw, &mut Moments::new(optimizer, w.len()));
}

// ANCHOR: slides
/// The values of w in three steps, for each of three learning rates.
fn slides(loss: &str, direction: f32) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for learning_rate in [0.1, 0.5, 1.1] {
        let mut w = [1.0];
        for _ in 0..3 {
            let dw = graph(loss, &format!("w = {}", w[0]), &["dw"])?[0] as f32;
            descend(direction * learning_rate, &mut w, &[dw]);
            all.push(f64::from(w[0]));
        }
    }
    Ok(all)
}
// ANCHOR_END: slides

/// V and w after each of three steps.
fn rolls(optimizer: Optimizer) -> Result<Vec<f64>> {
    let (mut w, mut moments) = ([1.0], Moments::new(optimizer, 1));
    let mut all = Vec::new();
    for t in 1..=3 {
        let before = w[0];
        let dw = graph("f = w * w", &format!("w = {before}"), &["dw"])?[0] as f32;
        optimizer.step(t, 0.1, &mut w, &[dw], &mut moments);
        all.extend([f64::from(w[0] - before), f64::from(w[0])]);
    }
    Ok(all)
}

/// The factors of both layers, with or without a mistake, and both losses.
fn starts(mistake: fn(f64) -> f64) -> Result<Vec<f64>> {
    let drawn = |init: Init, inputs| {
        let mut w = [0.0];
        init.draw(inputs, &mut w, &mut generator(0, Stream::Weights));
        f64::from(w[0])
    };
    // The same random number, with and without the factor.
    let scale = |inputs| mistake(drawn(Init::He, inputs) / drawn(Init::Normal(1.0), inputs));
    let loss = |loss: Loss| f64::from(loss.at_equal_scores(10));
    Ok(vec![scale(784), scale(36), loss(Loss::Svm { margin: 1.0 }), loss(Loss::Softmax)])
}
