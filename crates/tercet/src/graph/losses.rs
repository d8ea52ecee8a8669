//! The two losses, implemented independently from their formulas: [`loss`](crate::loss) must compute the same.
//!
//! ```text
//! SVM        L = 1/B · Σ_b Σ_{i ≠ y} max(0, f_i − f_y + Δ)
//! softmax    L = 1/B · Σ_b (ln Σ_i exp f_i − f_y)
//! ```

use super::operation::{Derivative, Flaw, Names};
use super::value::{Shape, Value};
use crate::loss::Loss;

/// Scores (B, C) and classes (B, 1) or (1, B) → a scalar.
pub(super) fn shape(scores: Shape, classes: Shape) -> Result<Shape, Flaw> {
    if classes.0 * classes.1 == scores.0 && classes.0.min(classes.1) == 1 {
        return Ok((1, 1));
    }
    Err(Flaw::new(
        format!("scores with dimensions {scores:?} and classes with dimensions {classes:?}"),
        format!("a class for each row of scores, {} in all", scores.0),
    ))
}

/// The classes as column indices.
fn indices(scores: &Value, classes: &Value) -> Result<Vec<usize>, Flaw> {
    let most = scores.shape().1;
    let index = |&class: &f64| match class {
        y if y >= 0.0 && y < most as f64 && y.fract() == 0.0 => Ok(y as usize),
        y => Err(Flaw::new(format!("the class {y}"), format!("an integer from 0 to {}", most - 1))),
    };
    classes.numbers().iter().map(index).collect()
}

/// The mean loss, and for each term of the SVM loss whether it is within the margin.
#[allow(clippy::neg_cmp_op_on_partial_ord, reason = "`!(x <= 0)` is true of NaN, `x > 0` is not")]
pub(super) fn forward(loss: Loss, scores: &Value, classes: &Value) -> Result<(Value, Vec<u32>), Flaw> {
    let (examples, columns) = scores.shape();
    let (mut total, mut sides) = (0.0, Vec::new());
    for (f, y) in scores.numbers().chunks_exact(columns).zip(indices(scores, classes)?) {
        match loss {
            Loss::Svm { margin } => {
                for (i, &of_i) in f.iter().enumerate() {
                    let excess = of_i - f[y] + f64::from(margin);
                    let within = i != y && !(excess <= 0.0);
                    total += if within { excess } else { 0.0 };
                    sides.push(u32::from(within));
                }
            }
            // exp(f_i − f_y) could overflow, so the maximum is subtracted first.
            Loss::Softmax => {
                let largest = f.iter().copied().fold(f[0], f64::max);
                total += f.iter().map(|f| (f - largest).exp()).sum::<f64>().ln() + largest - f[y];
            }
        }
    }
    Ok((Value::scalar(total / examples as f64), sides))
}

/// The derivative with respect to the scores: for the SVM loss 1/B for each class within the margin and minus their
/// number for the true class, for softmax (p − [i = y]) / B.
#[allow(clippy::neg_cmp_op_on_partial_ord, reason = "as above")]
pub(super) fn derivative(loss: Loss, scores: &Value, classes: &Value, names: &Names<'_>) -> Derivative {
    let (examples, columns) = scores.shape();
    let mut value = Value::filled(scores.shape(), 0.0);
    // The forward pass has rejected invalid classes.
    let classes = indices(scores, classes).unwrap_or_default();
    let rows = scores.numbers().chunks_exact(columns).zip(value.numbers_mut().chunks_exact_mut(columns));
    for ((f, df), y) in rows.zip(classes) {
        match loss {
            Loss::Svm { margin } => {
                for i in (0..columns).filter(|&i| i != y) {
                    if !(f[i] - f[y] + f64::from(margin) <= 0.0) {
                        df[i] += 1.0 / examples as f64;
                        df[y] -= 1.0 / examples as f64;
                    }
                }
            }
            Loss::Softmax => {
                let largest = f.iter().copied().fold(f[0], f64::max);
                let sum: f64 = f.iter().map(|f| (f - largest).exp()).sum();
                for i in 0..columns {
                    let p = (f[i] - largest).exp() / sum;
                    df[i] = (p - f64::from(u8::from(i == y))) / examples as f64;
                }
            }
        }
    }
    let (f, y) = (names.operands[0], names.operands[1]);
    let mean = if examples == 1 { String::new() } else { format!("/{examples}") };
    let symbol = match loss {
        Loss::Svm { .. } => format!("([within the margin] − their number at {y}){mean}"),
        Loss::Softmax => format!("(softmax({f}) − [i = {y}]){mean}"),
    };
    Derivative::Local { symbol, value }
}
