//! The fully connected layer.

use std::ops::Range;

use rand::Rng;
use tercet_kernels::Isa;
use tercet_kernels::matmul::{self, Start, View, ViewMut};
use tercet_kernels::optimizer;
use tercet_kernels::sparse::{self, CsrMatrix, scatter_width, transposed_product};

use super::parameters::squares;
use super::sparsity::Sparsity;
use super::{Gradient, Init, Input};
use crate::optimizer::FusedStep;
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

    /// Rejects a layer whose arrays have the wrong shapes. `number` is its position in the network, counted from one.
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

    /// `Z = b + X · W`. The sparsity found in X is kept for the backward pass.
    ///
    /// # Shapes
    /// `x` is (B, D), `z` is (B, H).
    pub(super) fn forward(&self, x: Input<'_>, sparsity: &mut Sparsity, z: &mut [f32]) {
        forward(x, sparsity, (&self.w, self.outputs), Start::Bias(&self.b), z);
    }

    /// From `Z = b + X · W`: `dW = Xᵀ · dZ`, and db is the sum of the rows of dZ. If dW is kept in factored form, only
    /// its factors are prepared.
    ///
    /// # Shapes
    /// `x` is (B, D), `dz` is (B, H); dW is (D, H), db is (H).
    pub(super) fn backward_parameters(
        &self,
        x: Input<'_>,
        sparsity: &mut Sparsity,
        dz: &[f32],
        keeps_factors: bool,
        gradient: &mut Gradient,
    ) {
        if !keeps_factors {
            weight_gradient(x, sparsity, dz, self.outputs, &mut gradient.dw);
        } else if let Input::Sparse(_) = sparsity.view(x) {
            sparsity.transpose(x);
        }
        bias_gradient(dz, &mut gradient.db);
    }

    /// From `Z = b + X · W`: `dX = dZ · Wᵀ`.
    ///
    /// # Shapes
    /// `dz` is (B, H), `dx` is (B, D).
    pub(super) fn backward_input(&self, dz: &[f32], sparsity: &mut Sparsity, dx: &mut [f32]) {
        let w = View::new(&self.w, self.inputs, self.outputs).t();
        match sparsity.compress(Input::Dense(dz), self.outputs, self.inputs) {
            Input::Sparse(dz) => sparse_product(dz, w, Start::Zero, dx),
            Input::Dense(dz) => {
                product(View::new(dz, dz.len() / self.outputs, self.outputs), w, Start::Zero, dx);
            }
        }
    }

    /// Whether the weight gradient is too large to materialise.
    pub(super) fn is_large(&self) -> bool {
        self.w.len() >= LARGE && self.outputs > scatter_width(Isa::active())
    }

    /// Σ W², summed in f64 in a fixed order.
    pub fn squared_weights(&self) -> f64 {
        squares(&self.w)
    }
}

/// The number of weights from which a layer counts as large.
const LARGE: usize = 1 << 16;

/// `Z = start + X · W`, for all inputs of a layer or some of them. The sparsity found in X is kept for the backward
/// pass.
///
/// # Shapes
/// `x` is (B, D), `w` is (D, H), `z` is (B, H).
pub(crate) fn forward(
    x: Input<'_>,
    sparsity: &mut Sparsity,
    (w, outputs): (&[f32], usize),
    start: Start<'_>,
    z: &mut [f32],
) {
    let inputs = w.len() / outputs;
    let w = View::new(w, inputs, outputs);
    match sparsity.compress(x, inputs, outputs) {
        Input::Sparse(x) => sparse_product(x, w, start, z),
        Input::Dense(x) => product(View::new(x, z.len() / outputs, inputs), w, start, z),
    }
}

/// From `Z = start + X · W`: `dW = Xᵀ · dZ`.
///
/// # Shapes
/// `x` is (B, D), `dz` is (B, H), dW is (D, H).
pub(crate) fn weight_gradient(
    x: Input<'_>,
    sparsity: &mut Sparsity,
    dz: &[f32],
    outputs: usize,
    dw: &mut [f32],
) {
    let (inputs, examples) = (dw.len() / outputs, dz.len() / outputs);
    let dz_view = View::new(dz, examples, outputs);
    match sparsity.view(x) {
        Input::Sparse(_) if outputs <= scatter_width(Isa::active()) => {
            let (x, sums) = sparsity.view_with_accumulators(x);
            transposed_product(Isa::active(), x, dz, dw, sums);
        }
        Input::Sparse(_) => sparse_product(sparsity.transpose(x), dz_view, Start::Zero, dw),
        Input::Dense(x) => product(View::new(x, examples, inputs).t(), dz_view, Start::Zero, dw),
    }
}

/// The two factors of a weight gradient, `dW = Xᵀ · dZ`, for an optimizer step that multiplies them block by block.
///
/// The gradient of a layer of 2048 × 2048 is 17 MB, which would be written to memory and read back for the step. A
/// block of it that is computed and applied at once stays in the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factors<'a> {
    /// Xᵀ, (D, B).
    pub(super) xt: Transposed<'a>,
    /// dZ, (B, H).
    pub(super) dz: View<'a>,
}

/// Xᵀ, dense or sparse.
#[derive(Clone, Copy, Debug)]
pub(super) enum Transposed<'a> {
    Dense(View<'a>),
    Sparse(&'a CsrMatrix),
}

impl<'a> Factors<'a> {
    /// The factors for a layer with the given numbers of inputs and outputs, after the backward pass.
    pub(super) fn new(
        x: Input<'a>,
        sparsity: &'a Sparsity,
        dz: &'a [f32],
        (inputs, outputs): (usize, usize),
    ) -> Self {
        let examples = dz.len() / outputs;
        let xt = match sparsity.view(x) {
            Input::Sparse(_) => Transposed::Sparse(sparsity.transposed()),
            Input::Dense(x) => Transposed::Dense(View::new(x, examples, inputs).t()),
        };
        Factors { xt, dz: View::new(dz, examples, outputs) }
    }

    /// H.
    pub(crate) fn outputs(self) -> usize {
        self.dz.columns()
    }
}

/// How many columns of the weights are updated together if the optimizer keeps moments for them.
const COLUMNS_TOGETHER: usize = 256;

/// The optimizer step for some rows of W, starting at row `first`, with `dW = Σ Xᵀ · dZ`, summed over the shards of a
/// batch. Returns Σ W² of these weights before the step, or 0 if `reg` is 0.
///
/// # Shapes
/// `w` is (rows, H), and so are the optimizer's moments, if any.
pub(crate) fn optimizer_step_rows<'a>(
    factors: impl Iterator<Item = Factors<'a>> + Clone,
    (first, outputs): (usize, usize),
    step: &FusedStep,
    w: &mut [f32],
    moments: [&mut [f32]; 2],
) -> f64 {
    let isa = Isa::active();
    let squares = if step.reg() == 0.0 { 0.0 } else { optimizer::sum_of_squares(isa, w) };
    let count = w.len() / outputs;
    let mut w = ViewMut::new(w, count, outputs);
    let mut moments = moments.map(|moment| {
        let is_kept = !moment.is_empty();
        is_kept.then(|| ViewMut::new(moment, count, outputs))
    });

    let mut all = factors.clone();
    if let (Some(Factors { xt: Transposed::Sparse(xt), dz }), None) = (all.next(), all.next())
        && let FusedStep::Sgd(step) = step
        && xt.columns() <= sparse::MAX_COLUMNS_IN_REGISTERS
    {
        let (rows, nothing, [velocity, _]) = (first..first + count, ViewMut::new(&mut [], 0, 0), moments);
        sparse::product_sgd(isa, xt, rows, dz, Start::Zero, nothing, *step, (w, velocity));
        return squares;
    }

    let mut buffer = [0.0; ROWS_TOGETHER * COLUMNS_TOGETHER];
    for from_row in (0..count).step_by(ROWS_TOGETHER) {
        let own = from_row..count.min(from_row + ROWS_TOGETHER);
        for from in (0..outputs).step_by(COLUMNS_TOGETHER) {
            let columns = from..outputs.min(from + COLUMNS_TOGETHER);
            let dw = ViewMut::new(&mut buffer[..own.len() * columns.len()], own.len(), columns.len());
            let rows = first + own.start..first + own.end;
            let factors = factors.clone().map(|Factors { xt, dz }| (xt, dz.column_range(columns.clone())));
            let of_part = |all| ViewMut::column_range(ViewMut::row_range(all, own.clone()), columns.clone());
            let moments = moments.each_mut().map(|moment| moment.as_mut().map(of_part));
            optimizer_step_block(factors, rows, step, dw, of_part(&mut w), moments);
        }
    }
    squares
}

/// The optimizer step for a block of rows and columns of W. `dw` is scratch space for its gradient.
fn optimizer_step_block<'a>(
    factors: impl Iterator<Item = (Transposed<'a>, View<'a>)>,
    rows: Range<usize>,
    step: &FusedStep,
    mut dw: ViewMut<'_>,
    mut w: ViewMut<'_>,
    mut moments: [Option<ViewMut<'_>>; 2],
) {
    let isa = Isa::active();
    let (mut start, mut factors) = (Start::Zero, factors.peekable());
    while let Some((xt, dz)) = factors.next() {
        match (xt, step) {
            (Transposed::Sparse(xt), FusedStep::Sgd(step)) if factors.peek().is_none() => {
                let [velocity, _] = moments;
                return sparse::product_sgd(isa, xt, rows, dz, start, dw, *step, (w, velocity));
            }
            (Transposed::Sparse(xt), _) => {
                sparse::product_into(isa, xt, rows.clone(), dz, start, dw.reborrow());
            }
            (Transposed::Dense(xt), _) => {
                matmul::product_into(isa, xt.row_range(rows.clone()), dz, start, dw.reborrow());
            }
        }
        start = Start::Keep;
    }
    for i in 0..rows.len() {
        let moments = moments.each_mut().map(|all| all.as_mut().map_or(&mut [][..], |all| all.row(i)));
        step.apply(w.row(i), dw.row(i), moments);
    }
}

/// The optimizer step for the weights with `dW = Xᵀ · dZ`, which is never materialised as a whole. Returns Σ W² of the
/// weights before the step, or 0 if `reg` is 0.
///
/// # Shapes
/// `x` is (B, D), `dz` is (B, H), `w` is (D, H), and so are the optimizer's moments, if any.
pub(crate) fn weight_step(
    x: Input<'_>,
    sparsity: &mut Sparsity,
    (dz, outputs): (&[f32], usize),
    step: &FusedStep,
    w: &mut [f32],
    moments: [&mut [f32]; 2],
) -> f64 {
    if let Input::Sparse(_) = sparsity.view(x) {
        if let (FusedStep::Sgd(step), true) = (step, outputs <= scatter_width(Isa::active())) {
            let (x, sums) = sparsity.view_with_accumulators(x);
            let [velocity, _] = moments;
            return sparse::transposed_product_sgd(Isa::active(), x, dz, *step, w, velocity, sums);
        }
        sparsity.transpose(x);
    }
    let factors = Factors::new(x, sparsity, dz, (w.len() / outputs, outputs));
    optimizer_step_rows(std::iter::once(factors), (0, outputs), step, w, moments)
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
