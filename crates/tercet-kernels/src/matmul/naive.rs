//! The matrix product, computed directly from its formula.

use super::{Start, View, ViewMut};

/// `c[i][j] = start[i][j] + Σ_p a[i][p] · b[p][j]`, p ascending.
///
/// # Panics
/// If the shapes do not match.
pub fn product(a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
    start.check(a, b, &ViewMut::new(c, a.rows(), b.columns()));
    let n = b.columns();
    for i in 0..a.rows() {
        for j in 0..n {
            let mut sum = match start {
                Start::Zero => 0.0,
                Start::Bias(bias) => bias[j],
                Start::Keep => c[i * n + j],
            };
            for p in 0..a.columns() {
                sum += a.at(i, p) * b.at(p, j);
            }
            c[i * n + j] = sum;
        }
    }
}
