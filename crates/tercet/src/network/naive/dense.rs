//! The fully connected layer, as straightforward loops.

use num_traits::Float;

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

impl<T: Float> Dense<T> {
    /// `z[i][j] = b[j] + Σ_d x[i][d] · w[d][j]`.
    ///
    /// # Shapes
    /// `x` is (B, D); returns (B, H).
    pub fn forward(&self, x: &[T]) -> Vec<T> {
        let mut z = Vec::new();
        for x in x.chunks_exact(self.inputs) {
            for j in 0..self.outputs {
                let mut sum = self.b[j];
                for (d, &x) in x.iter().enumerate() {
                    sum = sum + x * self.w[d * self.outputs + j];
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
    pub fn backward(&self, x: &[T], dz: &[T]) -> (Vec<T>, Vec<T>, Vec<T>) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let mut dx = vec![T::zero(); x.len()];
        let mut dw = vec![T::zero(); self.w.len()];
        let mut db = vec![T::zero(); self.b.len()];
        for i in 0..x.len() / inputs {
            for j in 0..outputs {
                let dz = dz[i * outputs + j];
                db[j] = db[j] + dz;
                for d in 0..inputs {
                    dx[i * inputs + d] = dx[i * inputs + d] + dz * self.w[d * outputs + j];
                    dw[d * outputs + j] = dw[d * outputs + j] + x[i * inputs + d] * dz;
                }
            }
        }
        (dx, dw, db)
    }
}
