//! The two-layer network, its activation, and backpropagation.

use tercet::Result;

use super::{Exercise, graph};

/// The lecture's network with transposed matrices: here an image is a row.
const VALUES: &str = "x = [56, 231, 24, 2],
    w1 = [0.2, -0.2, 1.1, -1.9; -0.5, 0.0, 0.7, 1.0; 0.1, 0.4, -0.9, 0.9; 2.0, 1.3, -0.2, 2.1],
    b1 = [9.1, 7.3, -27, 2.1],
    w2 = [0.8, 0.3, 0.6; 0.9, -0.3, 0.7; 0.0, 2.2, -0.1; 1.4, -1.2, -0.6],
    b2 = [-32, 14, 19]";

/// The same with W1 as on the slide, which is the transpose.
const AS_ON_THE_SLIDE: &str = "x = [56, 231, 24, 2],
    w1 = [0.2, -0.5, 0.1, 2.0; -0.2, 0.0, 0.4, 1.3; 1.1, 0.7, -0.9, -0.2; -1.9, 1.0, 0.9, 2.1],
    b1 = [9.1, 7.3, -27, 2.1],
    w2 = [0.8, 0.3, 0.6; 0.9, -0.3, 0.7; 0.0, 2.2, -0.1; 1.4, -1.2, -0.6],
    b2 = [-32, 14, 19]";

pub const EXERCISES: &[Exercise] = &[
    Exercise {
        name: "scores",
        chapter: "networks",
        question: "\
The lecture's exercise: an image of four pixels, X = (56, 231, 24, 2), four
hidden units, and the classes cat, dog and bird. As on the slide, where the
image is a column:

    W1 =  0.2  -0.5   0.1   2.0      b1 =   9.1     W2 = 0.8   0.9   0.0   1.4      b2 = -32
         -0.2   0.0   0.4   1.3             7.3          0.3  -0.3   2.2  -1.2            14
          1.1   0.7  -0.9  -0.2           -27            0.6   0.7  -0.1  -0.6            19
         -1.9   1.0   0.9   2.1             2.1

    H = max(0, W1 · X + b1)     scores = W2 · H + b2

Give H, and then the three scores.",
        entries: &["h[1]", "h[2]", "h[3]", "h[4]", "cat", "dog", "bird"],
        tolerance: 0.0005,
        answer: || forward("h = relu(x @ w1 + b1); s = h @ w2 + b2", VALUES),
        mistakes: &[
            (
                || forward("h = x @ w1 + b1; s = h @ w2 + b2", VALUES),
                "the activation is missing: negative numbers in H become 0 before the second layer",
            ),
            (
                || forward("h = relu(x @ w1 + b1); s = (x @ w1 + b1) @ w2 + b2", VALUES),
                "H is correct, but the scores were computed from its values before ReLU",
            ),
            (
                || forward("h = relu(x @ w1 + b1); s = relu(h @ w2 + b2)", VALUES),
                "the last layer has no activation: scores may be negative",
            ),
            (
                || forward("h = relu(x @ w1 + b1); s = h @ w2 + b2", AS_ON_THE_SLIDE),
                "W1 was transposed: h[1] is the first row of the slide's W1 times X",
            ),
            (|| forward("h = relu(x @ w1 + 0 * b1); s = h @ w2 + 0 * b2", VALUES), "both biases are missing"),
        ],
    },
    Exercise {
        name: "collapse",
        chapter: "non-linear",
        question: "\
Two linear layers without an activation between them; an image is a row:

    W1 = 1   2  0     b1 = 1  0  -1     W2 = 2   1     b2 = 0.5  -0.5
         0  -1  1                            0  -1
                                             3   0

    scores = (X · W1 + b1) · W2 + b2 = X · W' + b'

Give W' row by row, and b'.",
        entries: &["W'[0,0]", "W'[0,1]", "W'[1,0]", "W'[1,1]", "b'[0]", "b'[1]"],
        tolerance: 0.001,
        answer: || folded("w = w1 @ w2; b = b1 @ w2 + b2; f = sum(w) + sum(b)"),
        mistakes: &[
            (
                || folded("w = w1 @ w2; b = b2 + 0 * (b1 @ w2); f = sum(w) + sum(b)"),
                "the first bias passes through the second layer as well: b' = b1 · W2 + b2",
            ),
            (
                || folded("w = w1 @ w2; b = b1 @ w2 + 0 * b2; f = sum(w) + sum(b)"),
                "the second bias is missing: b' = b1 · W2 + b2",
            ),
        ],
    },
    Exercise {
        name: "backpropagation",
        chapter: "backpropagation",
        question: "\
    q = x + y     p = q · z     f = p + x · x

at x = 3, y = -5, z = 2. Give q, p and f, and then the derivatives of f with
respect to q, x, y and z.",
        entries: &["q", "p", "f", "df/dq", "df/dx", "df/dy", "df/dz"],
        tolerance: 0.001,
        answer: || backward("q = x + y; p = q * z; f = p + x * x"),
        mistakes: &[
            (
                || {
                    let mut all = backward("q = x + y; p = q * z; f = p + x * x")?;
                    all[4] = backward("q = x + y; p = q * z; f = p + 0 * x")?[4];
                    Ok(all)
                },
                "x reaches f on two paths, through q and through x · x: their gradients add up",
            ),
            (
                || {
                    let mut all = backward("q = x + y; p = q * z; f = p + x * x")?;
                    all[4] -= all[3];
                    Ok(all)
                },
                "x also reaches f through q: the gradients of both paths add up",
            ),
            (
                || {
                    let mut all = backward("q = x + y; p = q * z; f = p + x * x")?;
                    all.swap(3, 6);
                    Ok(all)
                },
                "the derivative of a product with respect to one factor is the other factor: df/dq is z, and \
                 df/dz is q",
            ),
        ],
    },
];

fn forward(expression: &str, values: &str) -> Result<Vec<f64>> {
    graph(&format!("{expression}; f = sum(s)"), values, &["h", "s"])
}

fn folded(expression: &str) -> Result<Vec<f64>> {
    let values = "w1 = [1, 2, 0; 0, -1, 1], b1 = [1, 0, -1], w2 = [2, 1; 0, -1; 3, 0], b2 = [0.5, -0.5]";
    graph(expression, values, &["w", "b"])
}

fn backward(expression: &str) -> Result<Vec<f64>> {
    graph(expression, "x = 3, y = -5, z = 2", &["q", "p", "f", "dq", "dx", "dy", "dz"])
}
