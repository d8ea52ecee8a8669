//! The fully connected layer.

use rand::Rng;
use tercet_kernels::Isa;
use tercet_kernels::matmul::{Start, View};
use tercet_kernels::sparse::{scatter_width, transposed_product};

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
        match zeros.look(x, self.inputs, self.outputs) {
            Input::Sparse(x) => sparse_product(x, self.w_view(), Start::Bias(&self.b), z),
            Input::Dense(x) => {
                let x = View::new(x, z.len() / self.outputs, self.inputs);
                product(x, self.w_view(), Start::Bias(&self.b), z);
            }
        }
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
        let examples = dz.len() / self.outputs;
        let dw = &mut gradient.dw;
        match zeros.seen(x) {
            Input::Sparse(_) if self.outputs <= scatter_width(Isa::active()) => {
                let (x, sums) = zeros.seen_with_sums(x);
                transposed_product(Isa::active(), x, dz, dw, sums);
            }
            Input::Sparse(_) => {
                sparse_product(zeros.turned(x), View::new(dz, examples, self.outputs), Start::Zero, dw);
            }
            Input::Dense(x) => {
                let (x, dz) = (View::new(x, examples, self.inputs), View::new(dz, examples, self.outputs));
                product(x.t(), dz, Start::Zero, dw);
            }
        }
        gradient.db.fill(0.0);
        for dz in dz.chunks_exact(self.outputs) {
            gradient.db.iter_mut().zip(dz).for_each(|(db, dz)| *db += dz);
        }
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

    fn w_view(&self) -> View<'_> {
        View::new(&self.w, self.inputs, self.outputs)
    }
}
