//! Decides whether a layer's input has enough zeros for sparse products, by counting them.
//!
//! The sparse and the dense products give the same bits (see [`tercet_kernels::sparse`]), so this affects only speed,
//! and the decision may differ from batch to batch.

use tercet_kernels::Isa;
use tercet_kernels::sparse::{Accumulators, CsrMatrix, scatter_width};

use super::Input;

/// Whether a product with `outputs` columns should skip the zeros of its left factor, which has `non_zeros` non-zeros
/// among `all` values.
///
/// A non-zero in a sparse product costs up to twice as much as a value in a dense one, and a product with few columns
/// takes less time than finding the non-zeros.
pub(super) fn is_worthwhile(non_zeros: usize, all: usize, outputs: usize) -> bool {
    match outputs {
        0..16 => 3 * non_zeros < all,
        16..64 => 2 * non_zeros < all,
        _ => 8 * non_zeros < 5 * all,
    }
}

/// The sparsity of a layer's input. The backward pass uses the same form, sparse or dense, as the forward pass.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sparsity {
    /// Whether `rows` holds the input.
    is_sparse: bool,
    rows: CsrMatrix,
    /// The transpose of a sparse input.
    transposed: CsrMatrix,
    /// Buffers for the sums of a weight gradient.
    sums: Accumulators,
}

impl Sparsity {
    /// The input in the form, sparse or dense, that suits a layer of the given numbers of inputs and outputs.
    pub(crate) fn compress<'a>(&'a mut self, x: Input<'a>, inputs: usize, outputs: usize) -> Input<'a> {
        self.is_sparse = false;
        if let Input::Dense(x) = x {
            // The decision may differ from batch to batch, so reserve memory for either case.
            let examples = x.len() / inputs;
            self.rows.reserve(examples, inputs);
            self.transposed.reserve(inputs, examples);
            if outputs <= scatter_width(Isa::active()) {
                self.sums.reserve(inputs, outputs);
            }
            let non_zeros = x.iter().filter(|&&x| x != 0.0).count();
            if is_worthwhile(non_zeros, x.len(), outputs) {
                self.is_sparse = true;
                self.rows.clear(inputs);
                let isa = Isa::active();
                x.chunks_exact(inputs).for_each(|x| self.rows.push(isa, x));
            }
        }
        self.view(x)
    }

    /// The input in the form chosen by the last [`compress`](Sparsity::compress).
    pub(crate) fn view<'a>(&'a self, x: Input<'a>) -> Input<'a> {
        if self.is_sparse { Input::Sparse(&self.rows) } else { x }
    }

    /// The non-zeros of a sparse input, and buffers for sums.
    pub(crate) fn view_with_accumulators<'a>(
        &'a mut self,
        x: Input<'a>,
    ) -> (&'a CsrMatrix, &'a mut Accumulators) {
        match x {
            Input::Sparse(x) => (x, &mut self.sums),
            Input::Dense(_) => (&self.rows, &mut self.sums),
        }
    }

    /// Computes the transpose of a sparse input.
    pub(crate) fn transpose(&mut self, x: Input<'_>) -> &CsrMatrix {
        match x {
            Input::Sparse(x) => self.transposed.transpose(x),
            Input::Dense(_) => self.transposed.transpose(&self.rows),
        }
        &self.transposed
    }

    /// The transpose computed last.
    pub(crate) fn transposed(&self) -> &CsrMatrix {
        &self.transposed
    }
}
