//! Whether a layer's input has so many zeros that leaving them out pays, decided by counting them.
//!
//! The sparse products and the dense ones give the same bits (see [`tercet_kernels::sparse`]), so that this is a matter
//! of time alone, and the answer may be another for every batch.

use tercet_kernels::Isa;
use tercet_kernels::sparse::{Accumulators, CsrMatrix, scatter_width};

use super::Input;

/// Whether a product with `outputs` columns should leave out the zeros of its left factor, which has `non_zeros`
/// numbers that are not zero among `all`.
///
/// A non-zero of a sparse product costs up to twice a number of a dense one, and a product of few columns is over
/// before the non-zeros are found.
pub(super) fn is_worthwhile(non_zeros: usize, all: usize, outputs: usize) -> bool {
    match outputs {
        0..16 => 3 * non_zeros < all,
        16..64 => 2 * non_zeros < all,
        _ => 8 * non_zeros < 5 * all,
    }
}

/// What is known of the zeros of a layer's input: how it was read on the way forward is how it is read on the way back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sparsity {
    /// Whether `rows` holds the input.
    is_sparse: bool,
    rows: CsrMatrix,
    /// The transpose of a sparse input.
    transposed: CsrMatrix,
    /// Room for the sums of a weight gradient.
    sums: Accumulators,
}

impl Sparsity {
    /// The input as it should be read by a layer of so many inputs and outputs.
    pub(crate) fn compress<'a>(&'a mut self, x: Input<'a>, inputs: usize, outputs: usize) -> Input<'a> {
        self.is_sparse = false;
        if let Input::Dense(x) = x {
            // Whether zeros are found is another question for every batch, so that the room is made for any answer.
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

    /// The input as the last [`compress`](Sparsity::compress) at it said.
    pub(crate) fn view<'a>(&'a self, x: Input<'a>) -> Input<'a> {
        if self.is_sparse { Input::Sparse(&self.rows) } else { x }
    }

    /// The non-zeros of an input that was read as sparse, and room for sums.
    pub(crate) fn view_with_accumulators<'a>(
        &'a mut self,
        x: Input<'a>,
    ) -> (&'a CsrMatrix, &'a mut Accumulators) {
        match x {
            Input::Sparse(x) => (x, &mut self.sums),
            Input::Dense(_) => (&self.rows, &mut self.sums),
        }
    }

    /// The transpose of an input that was read as sparse.
    pub(crate) fn transpose(&mut self, x: Input<'_>) -> &CsrMatrix {
        match x {
            Input::Sparse(x) => self.transposed.transpose(x),
            Input::Dense(_) => self.transposed.transpose(&self.rows),
        }
        &self.transposed
    }

    /// The same, once more.
    pub(crate) fn transposed(&self) -> &CsrMatrix {
        &self.transposed
    }
}
