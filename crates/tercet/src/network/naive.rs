//! The network as its formulas say it: plain loops, on f32 or f64. The specification that the fast passes are
//! held against, and short enough to be read beside the lecture.

use num_traits::Float;

use crate::loss::{Loss, naive::loss_and_gradient};

/// The parameters of a dense layer.
#[derive(Clone, Debug)]
pub struct Dense<T> {
    /// D, the number of inputs.
    pub inputs: usize,
    /// H, the number of outputs.
    pub outputs: usize,
    /// W, (inputs, outputs).
    pub w: Vec<T>,
    /// b, (outputs).
    pub b: Vec<T>,
}

/// What [`loss_and_gradients`] gives: the loss, and dW and db for each layer.
pub type LossAndGradients<T> = (T, Vec<(Vec<T>, Vec<T>)>);

/// `z[i][j] = b[j] + Σ_d x[i][d] · w[d][j]`.
///
/// # Shapes
/// `x` is (B, D); returns (B, H).
pub fn dense_forward<T: Float>(layer: &Dense<T>, x: &[T]) -> Vec<T> {
    let mut z = Vec::new();
    for x in x.chunks_exact(layer.inputs) {
        for j in 0..layer.outputs {
            let mut sum = layer.b[j];
            for (d, &x) in x.iter().enumerate() {
                sum = sum + x * layer.w[d * layer.outputs + j];
            }
            z.push(sum);
        }
    }
    z
}

/// From `z = b + x · w`: `dx[i][d] = Σ_j dz[i][j] · w[d][j]`, `dw[d][j] = Σ_i x[i][d] · dz[i][j]`,
/// `db[j] = Σ_i dz[i][j]`.
///
/// # Shapes
/// `x` is (B, D), `dz` is (B, H); returns dx (B, D), dw (D, H), db (H).
pub fn dense_backward<T: Float>(layer: &Dense<T>, x: &[T], dz: &[T]) -> (Vec<T>, Vec<T>, Vec<T>) {
    let (inputs, outputs) = (layer.inputs, layer.outputs);
    let mut dx = vec![T::zero(); x.len()];
    let mut dw = vec![T::zero(); layer.w.len()];
    let mut db = vec![T::zero(); layer.b.len()];
    for i in 0..x.len() / inputs {
        for j in 0..outputs {
            let dz = dz[i * outputs + j];
            db[j] = db[j] + dz;
            for d in 0..inputs {
                dx[i * inputs + d] = dx[i * inputs + d] + dz * layer.w[d * outputs + j];
                dw[d * outputs + j] = dw[d * outputs + j] + x[i * inputs + d] * dz;
            }
        }
    }
    (dx, dw, db)
}

/// `max(0, z)`, element by element.
pub fn relu<T: Float>(z: &[T]) -> Vec<T> {
    z.iter().map(|&z| z.max(T::zero())).collect()
}

/// From `y = max(0, z)`: dz is dy where z > 0, else 0.
pub fn relu_backward<T: Float>(z: &[T], dy: &[T]) -> Vec<T> {
    z.iter().zip(dy).map(|(&z, &dy)| if z > T::zero() { dy } else { T::zero() }).collect()
}

/// The mean loss of a batch through dense layers with ReLU between them, `reg · Σ W²` included, and its gradients
/// by dW and db of each layer: `nn_svm_loss` and `nn_svm_grad` of the lecture, for any number of layers.
///
/// # Shapes
/// `x` is (B, D), `labels` is (B).
pub fn loss_and_gradients<T: Float>(
    layers: &[Dense<T>],
    x: &[T],
    labels: &[u32],
    loss: Loss,
    reg: T,
) -> LossAndGradients<T> {
    // Forward, keeping what went into each layer and what came out before the ReLU.
    let (mut inputs, mut sums) = (vec![x.to_vec()], Vec::new());
    for (l, layer) in layers.iter().enumerate() {
        let z = dense_forward(layer, &inputs[l]);
        inputs.push(relu(&z));
        sums.push(z);
    }
    let scores = sums.last().expect("at least one layer");

    let mut dz = vec![T::zero(); scores.len()];
    let mut total = loss_and_gradient(loss, scores, labels, &mut dz);

    // Backward, last layer first.
    let mut gradients = Vec::new();
    for (l, layer) in layers.iter().enumerate().rev() {
        let (dx, mut dw, db) = dense_backward(layer, &inputs[l], &dz);
        for (dw, &w) in dw.iter_mut().zip(&layer.w) {
            total = total + reg * w * w;
            *dw = *dw + (reg + reg) * w;
        }
        gradients.insert(0, (dw, db));
        if l > 0 {
            dz = relu_backward(&sums[l - 1], &dx);
        }
    }
    (total, gradients)
}
