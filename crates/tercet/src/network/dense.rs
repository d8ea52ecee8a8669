//! The fully connected layer.

use rand::Rng;
use tercet_kernels::Isa;
use tercet_kernels::descent::{self, Step};
use tercet_kernels::matmul::{Start, View};
use tercet_kernels::sparse::{self, scatter_width, transposed_product};

use super::parameters::squares;
use super::zeros::Zeros;
use super::{Gradient, Init, Input};
use crate::parallel::{product, sparse_product, transpose};
use crate::{Error, Result};

/// `Z = X · W + b`: every output is connected to every input.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// D, the number of inputs.
    pub inputs: usize,
    /// H, the number of outputs.
    pub outputs: usize,
    /// W, (inputs, outputs), row-major.
    pub w: Vec<f32>,
    /// b, (outputs).
    pub b: Vec<f32>,
}

impl Dense {
    /// A layer with random weights and biases of zero.
    pub fn random(inputs: usize, outputs: usize, init: Init, generator: &mut impl Rng) -> Self {
        let mut w = vec![0.0; inputs * outputs];
        init.draw(inputs, &mut w, generator);
        Dense { inputs, outputs, w, b: vec![0.0; outputs] }
    }

    /// Refuses a layer whose arrays do not have their shapes. `number` is its place, counted from one.
    pub(super) fn validate(&self, number: usize) -> Result<()> {
        let Dense { inputs, outputs, .. } = *self;
        if inputs == 0 || outputs == 0 {
            let what = format!("dimensions of layer {number}");
            return Err(Error::mismatch(what, format!("({inputs}, {outputs})"), "at least (1, 1)"));
        }
        if Some(self.w.len()) != inputs.checked_mul(outputs) {
            let what = format!("weights of layer {number}");
            return Err(Error::mismatch(what, self.w.len(), format!("{inputs} × {outputs}")));
        }
        if self.b.len() != outputs {
            return Err(Error::mismatch(format!("biases of layer {number}"), self.b.len(), outputs));
        }
        Ok(())
    }

    /// `Z = b + X · W`. What is found out about the zeros of X is kept for the way back.
    ///
    /// # Shapes
    /// `x` is (B, D), `z` is (B, H).
    pub(super) fn forward(&self, x: Input<'_>, zeros: &mut Zeros, z: &mut [f32]) {
        forward(x, zeros, (&self.w, self.outputs), Start::Bias(&self.b), z);
    }

    /// From `Z = b + X · W`: `dW = Xᵀ · dZ`, and db is the sum of the rows of dZ.
    ///
    /// # Shapes
    /// `x` is (B, D), `dz` is (B, H); dW is (D, H), db is (H).
    pub(super) fn backward_parameters(
        &self,
        x: Input<'_>,
        zeros: &mut Zeros,
        dz: &[f32],
        gradient: &mut Gradient,
    ) {
        weight_gradient(x, zeros, dz, self.outputs, &mut gradient.dw);
        bias_gradient(dz, &mut gradient.db);
    }

    /// From `Z = b + X · W`: `dX = dZ · Wᵀ`. `turned` becomes Wᵀ.
    ///
    /// # Shapes
    /// `dz` is (B, H), `dx` is (B, D).
    pub(super) fn backward_input(
        &self,
        dz: &[f32],
        zeros: &mut Zeros,
        turned: &mut Vec<f32>,
        dx: &mut [f32],
    ) {
        turned.resize(self.w.len(), 0.0);
        transpose(&self.w, self.outputs, turned);
        let w = View::new(turned, self.outputs, self.inputs);
        match zeros.look(Input::Dense(dz), self.outputs, self.inputs) {
            Input::Sparse(dz) => sparse_product(dz, w, Start::Zero, dx),
            Input::Dense(dz) => {
                product(View::new(dz, dz.len() / self.outputs, self.outputs), w, Start::Zero, dx);
            }
        }
    }

    /// Σ W², summed in f64 in a fixed order.
    pub fn squared_weights(&self) -> f64 {
        squares(&self.w)
    }
}

/// `Z = start + X · W`, for all inputs of a layer or some of them. What is found out about the zeros of X is kept for the
/// way back.
///
/// # Shapes
/// `x` is (B, D), `w` is (D, H), `z` is (B, H).
pub(crate) fn forward(
    x: Input<'_>,
    zeros: &mut Zeros,
    (w, outputs): (&[f32], usize),
    start: Start<'_>,
    z: &mut [f32],
) {
    let inputs = w.len() / outputs;
    let w = View::new(w, inputs, outputs);
    match zeros.look(x, inputs, outputs) {
        Input::Sparse(x) => sparse_product(x, w, start, z),
        Input::Dense(x) => product(View::new(x, z.len() / outputs, inputs), w, start, z),
    }
}

/// From `Z = start + X · W`: `dW = Xᵀ · dZ`.
///
/// # Shapes
/// `x` is (B, D), `dz` is (B, H), dW is (D, H).
pub(crate) fn weight_gradient(x: Input<'_>, zeros: &mut Zeros, dz: &[f32], outputs: usize, dw: &mut [f32]) {
    let (inputs, examples) = (dw.len() / outputs, dz.len() / outputs);
    let dz_view = View::new(dz, examples, outputs);
    match zeros.seen(x) {
        Input::Sparse(_) if outputs <= scatter_width(Isa::active()) => {
            let (x, sums) = zeros.seen_with_sums(x);
            transposed_product(Isa::active(), x, dz, dw, sums);
        }
        Input::Sparse(_) => sparse_product(zeros.turned(x), dz_view, Start::Zero, dw),
        Input::Dense(x) => product(View::new(x, examples, inputs).t(), dz_view, Start::Zero, dw),
    }
}

/// The step of gradient descent along that gradient, which is written to `dw` only where it must be. Returns Σ W² of the
/// weights before the step, which means nothing where `reg` is 0.
///
/// # Shapes
/// `x` is (B, D), `dz` is (B, H), `w` and `dw` are (D, H), and with momentum `velocity` too.
pub(crate) fn weight_step(
    x: Input<'_>,
    zeros: &mut Zeros,
    (dz, outputs): (&[f32], usize),
    step: Step,
    (w, velocity): (&mut [f32], &mut [f32]),
    dw: &mut [f32],
) -> f64 {
    let isa = Isa::active();
    match zeros.seen(x) {
        Input::Sparse(_) if outputs <= scatter_width(isa) => {
            let (x, sums) = zeros.seen_with_sums(x);
            sparse::descend(isa, x, dz, step, w, velocity, sums)
        }
        _ => {
            weight_gradient(x, zeros, dz, outputs, dw);
            descent::step(isa, step, w, dw, velocity)
        }
    }
}

/// From `Z = b + X · W`: db is the sum of the rows of dZ.
///
/// # Shapes
/// `dz` is (B, H), db is (H).
pub(crate) fn bias_gradient(dz: &[f32], db: &mut [f32]) {
    db.fill(0.0);
    for dz in dz.chunks_exact(db.len()) {
        db.iter_mut().zip(dz).for_each(|(db, dz)| *db += dz);
    }
}
