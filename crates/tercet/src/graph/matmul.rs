//! The matrix product.

use super::operation::{Derivative, Flaw, Names};
use super::value::{Shape, Value};

/// (M, K) and (K, N) → (M, N).
pub(super) fn shape(a: Shape, b: Shape) -> Result<Shape, Flaw> {
    if a.1 == b.0 {
        return Ok((a.0, b.1));
    }
    Err(Flaw::new(
        format!("matrix A with dimensions {a:?}, matrix B with dimensions {b:?}"),
        format!("inner dimensions that match, but {} is not {}", a.1, b.0),
    ))
}

/// `z[i][j] = Σ_k a[i][k] · b[k][j]`
pub(super) fn product(a: &Value, b: &Value) -> Value {
    let ((rows, inner), columns) = (a.shape(), b.shape().1);
    let mut z = Value::filled((rows, columns), 0.0);
    for i in 0..rows {
        let sums = &mut z.numbers_mut()[i * columns..][..columns];
        for k in 0..inner {
            let a = a.numbers()[i * inner + k];
            let b = &b.numbers()[k * columns..][..columns];
            sums.iter_mut().zip(b).for_each(|(sum, b)| *sum += a * b);
        }
    }
    z
}

/// From `z = a · b`: `da = dz · bᵀ` and `db = aᵀ · dz`.
pub(super) fn derivative(operand: usize, a: &Value, b: &Value, names: &Names<'_>, dz: &Value) -> Derivative {
    if operand == 0 {
        let symbol = format!("{}ᵀ", names.operands[1]);
        Derivative::Product {
            formula: format!("{{}} · {symbol}"), symbol, value: product(dz, &transpose(b))
        }
    } else {
        let symbol = format!("{}ᵀ", names.operands[0]);
        Derivative::Product {
            formula: format!("{symbol} · {{}}"), symbol, value: product(&transpose(a), dz)
        }
    }
}

/// The transpose.
fn transpose(a: &Value) -> Value {
    let (rows, columns) = a.shape();
    let mut t = Value::filled((columns, rows), 0.0);
    for row in 0..rows {
        for column in 0..columns {
            t.numbers_mut()[column * rows + row] = a.numbers()[row * columns + column];
        }
    }
    t
}
