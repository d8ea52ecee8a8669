//! The losses as their formulas state them, on f32 or f64.

use num_traits::Float;

use super::Loss;

/// The mean loss of a batch; `dscores` becomes its gradient with respect to the scores.
///
/// # Shapes
/// `scores` and `dscores` are (B, C), `labels` is (B).
#[allow(clippy::neg_cmp_op_on_partial_ord, reason = "`!(x <= 0)` is true of NaN, `x > 0` is not")]
pub fn loss_and_gradient<T: Float>(loss: Loss, scores: &[T], labels: &[u32], dscores: &mut [T]) -> T {
    let number = |x: f32| T::from(x).expect("every f32 is a number of T");
    let (examples, classes) = (labels.len(), scores.len() / labels.len());
    let share = T::one() / number(examples as f32);
    let mut total = T::zero();
    for b in 0..examples {
        let f = &scores[b * classes..][..classes];
        let df = &mut dscores[b * classes..][..classes];
        let y = labels[b] as usize;
        df.fill(T::zero());
        // ANCHOR: loss
        match loss {
            Loss::Svm { margin } => {
                for i in 0..classes {
                    let term = f[i] - f[y] + number(margin);
                    // Not `term > 0`, which would hide NaN.
                    if i != y && !(term <= T::zero()) {
                        total = total + term;
                        df[i] = df[i] + share;
                        df[y] = df[y] - share;
                    }
                }
            }
            Loss::Softmax => {
                let largest = f.iter().copied().fold(f[0], T::max);
                let sum = f.iter().fold(T::zero(), |sum, &f| sum + (f - largest).exp());
                for i in 0..classes {
                    df[i] = (f[i] - largest).exp() / sum * share;
                }
                df[y] = df[y] - share;
                total = total + sum.ln() - (f[y] - largest);
            }
        }
        // ANCHOR_END: loss
    }
    total * share
}
