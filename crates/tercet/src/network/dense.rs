//! The fully connected layer.

use rand::Rng;
use tercet_kernels::Isa;
use tercet_kernels::descent::{self, Step};
use tercet_kernels::matmul::{self, Start, View, ViewMut};
use tercet_kernels::sparse::{self, Rows, scatter_width, transposed_product};

use super::parameters::squares;
use super::zeros::Zeros;
use super::{Gradient, Init, Input};
use crate::parallel::{ROWS_TOGETHER, product, sparse_product};
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

    /// From `Z = b + X · W`: `dW = Xᵀ · dZ`, and db is the sum of the rows of dZ. Where dW stays as its
    /// factors, only they are made ready.
    ///
    /// # Shapes
    /// `x` is (B, D), `dz` is (B, H); dW is (D, H), db is (H).
    pub(super) fn backward_parameters(
        &self,
        x: Input<'_>,
        zeros: &mut Zeros,
        dz: &[f32],
        keeps_factors: bool,
        gradient: &mut Gradient,
    ) {
        if !keeps_factors {
            weight_gradient(x, zeros, dz, self.outputs, &mut gradient.dw);
        } else if let Input::Sparse(_) = zeros.seen(x) {
            zeros.turned(x);
        }
        bias_gradient(dz, &mut gradient.db);
    }

    /// From `Z = b + X · W`: `dX = dZ · Wᵀ`.
    ///
    /// # Shapes
    /// `dz` is (B, H), `dx` is (B, D).
    pub(super) fn backward_input(&self, dz: &[f32], zeros: &mut Zeros, dx: &mut [f32]) {
        let w = View::new(&self.w, self.inputs, self.outputs).t();
        match zeros.look(Input::Dense(dz), self.outputs, self.inputs) {
            Input::Sparse(dz) => sparse_product(dz, w, Start::Zero, dx),
            Input::Dense(dz) => {
                product(View::new(dz, dz.len() / self.outputs, self.outputs), w, Start::Zero, dx);
            }
        }
    }

    /// Whether the gradient of the weights is so large that it had better not be written down.
    pub(super) fn is_large(&self) -> bool {
        self.w.len() >= LARGE && self.outputs > scatter_width(Isa::active())
    }

    /// Σ W², summed in f64 in a fixed order.
    pub fn squared_weights(&self) -> f64 {
        squares(&self.w)
    }
}

/// From so many weights on a layer is large.
const LARGE: usize = 1 << 16;

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

/// The two factors of a weight gradient, `dW = Xᵀ · dZ`, for a step that multiplies them piece by piece.
///
/// The gradient of a layer of 2048 × 2048 is 17 MB, which go to memory and come back for the step. A piece of it, made and
/// followed at once, stays in the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors<'a> {
    /// Xᵀ, (D, B).
    pub(super) xt: Transposed<'a>,
    /// dZ, (B, H).
    pub(super) dz: View<'a>,
}

/// Xᵀ, with or without its zeros.
#[derive(Clone, Copy, Debug)]
pub(super) enum Transposed<'a> {
    Dense(View<'a>),
    Sparse(&'a Rows),
}

impl<'a> Factors<'a> {
    /// Of a layer of so many inputs and outputs, after the backward pass.
    pub(super) fn new(
        x: Input<'a>,
        zeros: &'a Zeros,
        dz: &'a [f32],
        (inputs, outputs): (usize, usize),
    ) -> Self {
        let examples = dz.len() / outputs;
        let xt = match zeros.seen(x) {
            Input::Sparse(_) => Transposed::Sparse(zeros.turned_before()),
            Input::Dense(x) => Transposed::Dense(View::new(x, examples, inputs).t()),
        };
        Factors { xt, dz: View::new(dz, examples, outputs) }
    }

    /// H.
    pub(crate) fn outputs(self) -> usize {
        self.dz.columns()
    }
}

/// How many columns of the weights take their step together, where sums of theirs must be kept.
const COLUMNS_TOGETHER: usize = 256;

/// The step of gradient descent of some rows of W, from number `first` on, along `dW = Σ Xᵀ · dZ`, the sum over the shares of
/// a batch. Returns Σ W² of these weights before the step, or 0 where `reg` is 0.
///
/// # Shapes
/// `w` is (rows, H), and with momentum `velocity` too.
pub(crate) fn descend_rows<'a>(
    factors: impl Iterator<Item = Factors<'a>> + Clone,
    first: usize,
    outputs: usize,
    step: Step,
    w: &mut [f32],
    velocity: &mut [f32],
) -> f64 {
    let isa = Isa::active();
    let mut squares = 0.0;
    if step.reg != 0.0 {
        squares = descent::squares(isa, w);
    }
    let count = w.len() / outputs;
    let mut w = ViewMut::new(w, count, outputs);
    let mut velocity = (step.momentum != 0.0).then(|| ViewMut::new(velocity, count, outputs));

    let mut all = factors.clone();
    if let (Some(Factors { xt: Transposed::Sparse(xt), dz }), None) = (all.next(), all.next())
        && xt.columns() <= sparse::AT_ONCE
    {
        let rows = first..first + count;
        let nothing = ViewMut::new(&mut [], 0, 0);
        sparse::product_step(isa, xt, rows, dz, Start::Zero, nothing, step, (w, velocity));
        return squares;
    }

    let mut buffer = [0.0; ROWS_TOGETHER * COLUMNS_TOGETHER];
    for from_row in (0..count).step_by(ROWS_TOGETHER) {
        let own = from_row..count.min(from_row + ROWS_TOGETHER);
        let rows = first + own.start..first + own.end;
        for from in (0..outputs).step_by(COLUMNS_TOGETHER) {
            let columns = from..outputs.min(from + COLUMNS_TOGETHER);
            let mut w = w.row_range(own.clone()).column_range(columns.clone());
            let mut velocity =
                velocity.as_mut().map(|all| all.row_range(own.clone()).column_range(columns.clone()));
            let mut dw = ViewMut::new(&mut buffer[..own.len() * columns.len()], own.len(), columns.len());
            let (mut start, mut left) = (Start::Zero, factors.clone().peekable());
            while let Some(Factors { xt, dz }) = left.next() {
                let (rows, dz) = (rows.clone(), dz.column_range(columns.clone()));
                let (is_last, dw) = (left.peek().is_none(), dw.reborrow());
                match xt {
                    Transposed::Sparse(xt) if is_last => {
                        let weights = (w.reborrow(), velocity.as_mut().map(ViewMut::reborrow));
                        sparse::product_step(isa, xt, rows, dz, start, dw, step, weights);
                    }
                    Transposed::Sparse(xt) => sparse::product_into(isa, xt, rows, dz, start, dw),
                    Transposed::Dense(xt) => {
                        let mut dw = dw;
                        matmul::product_into(isa, xt.row_range(rows), dz, start, dw.reborrow());
                        for i in (0..own.len()).filter(|_| is_last) {
                            let velocity = velocity.as_mut().map_or(&mut [][..], |all| all.row(i));
                            descent::step(isa, step, w.row(i), dw.row(i), velocity);
                        }
                    }
                }
                start = Start::Keep;
            }
        }
    }
    squares
}

/// The step of gradient descent along `dW = Xᵀ · dZ`, which is written down nowhere. Returns Σ W² of the weights before the
/// step, which means nothing where `reg` is 0.
///
/// # Shapes
/// `x` is (B, D), `dz` is (B, H), `w` is (D, H), and with momentum `velocity` too.
pub(crate) fn weight_step(
    x: Input<'_>,
    zeros: &mut Zeros,
    (dz, outputs): (&[f32], usize),
    step: Step,
    w: &mut [f32],
    velocity: &mut [f32],
) -> f64 {
    let isa = Isa::active();
    if let Input::Sparse(_) = zeros.seen(x) {
        if outputs <= scatter_width(isa) {
            let (x, sums) = zeros.seen_with_sums(x);
            return sparse::descend(isa, x, dz, step, w, velocity, sums);
        }
        zeros.turned(x);
    }
    let factors = Factors::new(x, zeros, dz, (w.len() / outputs, outputs));
    descend_rows(std::iter::once(factors), 0, outputs, step, w, velocity)
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
