//! Gradient descent: one step, many steps, and where they begin.

use tercet::Result;
use tercet::loss::Loss;
use tercet::network::Init;
use tercet::optimizer::{Moments, Optimizer};
use tercet::random::{Stream, generator};

use super::{Exercise, graph};

/// One example of two features, three classes; the right one is 0.
const VALUES: &str = "x = [1, 2], w = [0.1, 0.4, -0.3; 0.2, 0.3, 0.1], b = [0, 0, 0]";
const LOSS: &str = "L = svm_loss(x @ w + b, 0) + 0.1 * sum(w * w)";

pub const EXERCISES: &[Exercise] = &[
    Exercise {
        name: "gradient",
        chapter: "gradient-descent",
        question: "\
One example of two features and three classes; the right class is 0:

    x = 1  2     W = 0.1  0.4  -0.3     b = 0  0  0     Δ = 1, reg = 0.1
                     0.2  0.3   0.1

L is the SVM loss with reg · Σ W². Give dW row by row, db, and then W after one step of gradient descent with the
learning rate 0.1.",
        entries: &[
            "dW[0,0]", "dW[0,1]", "dW[0,2]", "dW[1,0]", "dW[1,1]", "dW[1,2]", "db[0]", "db[1]", "db[2]", "W[0,0]",
            "W[0,1]", "W[0,2]", "W[1,0]", "W[1,1]", "W[1,2]",
        ],
        tolerance: 0.005,
        answer: || step(LOSS, 0.1),
        mistakes: &[
            (|| step("L = svm_loss(x @ w + b, 0)", 0.1), "the regularisation has a gradient, too: + 2 reg W"),
            (
                || step("L = svm_loss(x @ w + b, 0) + 0.05 * sum(w * w)", 0.1),
                "the gradient of reg · Σ W² is 2 reg W: the 2 is missing",
            ),
            (|| step(LOSS, -0.1), "that step goes uphill: W − lr · dW"),
        ],
    },
    Exercise {
        name: "momentum",
        chapter: "training",
        question: "\
The loss is f(w) = w², w begins at 1 and V at 0. Give V and w after each of the first three steps of gradient descent with
momentum, V ← μ V − η dW and w ← w + V, with μ = 0.9 and the learning rate η = 0.1: six numbers.",
        entries: &["V, step 1", "w, step 1", "V, step 2", "w, step 2", "V, step 3", "w, step 3"],
        tolerance: 0.001,
        answer: || rolls(Optimizer::Sgd { momentum: 0.9 }),
        mistakes: &[
            (|| rolls(Optimizer::Nesterov { momentum: 0.9 }), "those are the steps of Nesterov's momentum"),
            (|| rolls(Optimizer::Sgd { momentum: 0.1 }), "μ is what stays of V: 0.9, not what goes"),
        ],
    },
    Exercise {
        name: "learning-rates",
        chapter: "curves",
        question: "\
The loss is f(w) = w², and w begins at 1. Give w after each of the first three steps of gradient descent, with the
learning rate 0.1, with 0.5, and with 1.1: nine numbers.",
        entries: &[
            "lr 0.1, step 1", "lr 0.1, step 2", "lr 0.1, step 3", "lr 0.5, step 1", "lr 0.5, step 2",
            "lr 0.5, step 3", "lr 1.1, step 1", "lr 1.1, step 2", "lr 1.1, step 3",
        ],
        tolerance: 0.001,
        answer: || slides("f = w * w", 1.0),
        mistakes: &[
            (|| slides("f = 0.5 * w * w", 1.0), "the derivative of w² is 2w"),
            (|| slides("f = w * w", -1.0), "those steps go uphill: w − lr · dw"),
        ],
    },
    Exercise {
        name: "initial-weights",
        chapter: "initial-weights",
        question: "\
The network is 784-36-10. By how much does He's initialisation scale standard normal numbers for W1 and for W2? And what
is the loss before the first step, where all scores are still nearly 0: the SVM loss with Δ = 1, and softmax?",
        entries: &["scale of W1", "scale of W2", "SVM loss", "softmax loss"],
        tolerance: 0.001,
        answer: || starts(|scale| scale),
        mistakes: &[
            (
                || starts(|scale| scale / 2_f64.sqrt()),
                "that is √(1 / inputs); ReLU cuts off half, so that He has √(2 / inputs)",
            ),
            (|| starts(|scale| scale * scale), "that is the variance: the scale is its root, √(2 / inputs)"),
        ],
    },
];

/// dW, db and W after a step.
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
/// Where w goes in three steps with each of three learning rates.
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

/// The scales of both layers, changed by a mistake or not, and both losses.
fn starts(mistake: fn(f64) -> f64) -> Result<Vec<f64>> {
    let drawn = |init: Init, inputs| {
        let mut w = [0.0];
        init.draw(inputs, &mut w, &mut generator(0, Stream::Weights));
        f64::from(w[0])
    };
    // The same draw, scaled and not.
    let scale = |inputs| mistake(drawn(Init::He, inputs) / drawn(Init::Normal(1.0), inputs));
    let loss = |loss: Loss| f64::from(loss.at_equal_scores(10));
    Ok(vec![scale(784), scale(36), loss(Loss::Svm { margin: 1.0 }), loss(Loss::Softmax)])
}
