//! The linear classifier, its loss, and the perceptron.

use tercet::perceptron::Perceptron;
use tercet::{Matrix, Result};

use super::{Exercise, graph};

/// Two examples of three features, three classes.
const VALUES: &str =
    "x = [1, 2, 0; 0, 1, 3], w = [0.5, -1, 0.2; 1, 0.3, -0.4; -0.2, 0.8, 1], b = [0.1, -0.2, 0.3]";

/// The same with W transposed.
const TRANSPOSED: &str =
    "x = [1, 2, 0; 0, 1, 3], w = [0.5, 1, -0.2; -1, 0.3, 0.8; 0.2, -0.4, 1], b = [0.1, -0.2, 0.3]";

/// Three rows of scores, and the true class of each.
const SCORES: [(&str, usize); 3] = [("3.2, 5.1, -1.7", 0), ("1.3, 4.9, 2.0", 1), ("2.2, 2.5, -3.1", 2)];

/// Σ W² and reg of the same exercise.
const SQUARES: f64 = 12.0;
const REG: f64 = 0.1;

pub const EXERCISES: &[Exercise] = &[
    Exercise {
        name: "linear",
        chapter: "linear",
        question: "\
Two examples of three features, three classes:

    X = 1  2  0      W =  0.5  -1.0   0.2      b = 0.1  -0.2  0.3
        0  1  3           1.0   0.3  -0.4
                         -0.2   0.8   1.0

Compute scores = X · W + b, row by row, and then the class of each example,
counted from 0.",
        entries: &["s[0,0]", "s[0,1]", "s[0,2]", "s[1,0]", "s[1,1]", "s[1,2]", "class[0]", "class[1]"],
        tolerance: 0.005,
        answer: || scores("s = x @ w + b", VALUES),
        mistakes: &[
            (|| scores("s = x @ w + 0 * b", VALUES), "the bias is missing: add b to every row of scores"),
            (
                || scores("s = x @ w + b", TRANSPOSED),
                "that is X · Wᵀ: W has one row per feature and one column per class",
            ),
            (
                || {
                    let mut all = scores("s = x @ w + b", VALUES)?;
                    all[6..].iter_mut().for_each(|class| *class += 1.0);
                    Ok(all)
                },
                "the scores are correct, but classes are counted from 0",
            ),
        ],
    },
    Exercise {
        name: "svm-loss",
        chapter: "svm-loss",
        question: "\
The scores of three examples for three classes, and the true class y of each,
counted from 0:

    3.2  5.1  -1.7     y = 0
    1.3  4.9   2.0     y = 1
    2.2  2.5  -3.1     y = 2

Compute the SVM loss of each example with Δ = 1, their mean, and the loss with
regularisation, with Σ W² = 12 and reg = 0.1.",
        entries: &["L[0]", "L[1]", "L[2]", "mean", "with regularisation"],
        tolerance: 0.01,
        answer: || losses(|loss| loss, REG * SQUARES),
        mistakes: &[
            (
                || losses(|loss| loss + 1.0, REG * SQUARES),
                "the true class was included, which adds Δ each time: the sum is over i ≠ y",
            ),
            (
                || losses(|loss| loss / 3.0, REG * SQUARES),
                "the losses were divided by the number of classes, as in PyTorch: the lecture's loss is the \
                 sum",
            ),
            (
                || losses(|loss| loss, 0.5 * REG * SQUARES),
                "the regularisation is reg · Σ W², without a factor ½",
            ),
            (
                || {
                    let mut all = losses(|loss| loss, 0.0)?;
                    all[3] *= 3.0;
                    all[4] = all[3] + REG * SQUARES;
                    Ok(all)
                },
                "that is the sum over the examples; the loss of a batch is the mean",
            ),
        ],
    },
    Exercise {
        name: "perceptron",
        chapter: "perceptron",
        question: "\
A perceptron with two inputs starts with w = (0, 0) and b = 0 and learns AND
with η = 1, one example after another:

    x = (0, 0), (0, 1), (1, 0), (1, 1)     t = 0, 0, 0, 1

step(z) is 1 if z ≥ 0, and 0 otherwise. Give w1, w2 and b after the first pass
over the four examples and after the second, and then the number of passes up to
and including the first pass without a mistake.",
        entries: &[
            "w1 after 1",
            "w2 after 1",
            "b after 1",
            "w1 after 2",
            "w2 after 2",
            "b after 2",
            "passes",
        ],
        tolerance: 0.001,
        answer: || perceptron(false),
        mistakes: &[(
            || perceptron(true),
            "step(0) is 1 here: with all weights zero, the first example is already a mistake",
        )],
    },
];

fn scores(expression: &str, values: &str) -> Result<Vec<f64>> {
    let mut all = graph(&format!("{expression}; f = sum(s)"), values, &["s"])?;
    let rows = Matrix::new(2, 3, all.iter().map(|&s| s as f32).collect())?;
    all.extend(rows.argmax().into_iter().map(f64::from));
    Ok(all)
}

/// The loss of each example, with or without a mistake; their mean; and the mean with the regularisation.
fn losses(mistake: fn(f64) -> f64, regularisation: f64) -> Result<Vec<f64>> {
    let of_one = |(scores, class): (&str, usize)| {
        Ok(mistake(graph(&format!("L = svm_loss(s, {class})"), &format!("s = [{scores}]"), &["L"])?[0]))
    };
    let mut all: Vec<f64> = SCORES.into_iter().map(of_one).collect::<Result<_>>()?;
    let mean = all.iter().sum::<f64>() / 3.0;
    all.extend([mean, mean + regularisation]);
    Ok(all)
}

/// The weights after two passes, and the number of passes; with `strict`, step(0) is 0.
fn perceptron(strict: bool) -> Result<Vec<f64>> {
    let x = Matrix::new(4, 2, vec![0., 0., 0., 1., 1., 0., 1., 1.])?;
    let targets = [false, false, false, true];
    let mut all = Vec::new();
    let mut neuron = Perceptron::new(2);
    for pass in 1.. {
        let mut mistakes = 0;
        for (row, &target) in targets.iter().enumerate() {
            // Less than the smallest sum of integers.
            neuron.b -= if strict { 0.25 } else { 0.0 };
            mistakes += u32::from(neuron.learn(x.row(row), target, 1.0));
            neuron.b += if strict { 0.25 } else { 0.0 };
        }
        if pass <= 2 {
            all.extend([neuron.w[0], neuron.w[1], neuron.b].map(f64::from));
        }
        if mistakes == 0 || pass == 100 {
            all.push(f64::from(pass));
            break;
        }
    }
    Ok(all)
}
