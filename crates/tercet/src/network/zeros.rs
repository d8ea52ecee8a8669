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
pub(super) fn pay(non_zeros: usize, all: usize, outputs: usize) -> bool {
    match outputs {
        0..16 => 3 * non_zeros < all,
        16..64 => 2 * non_zeros < all,
        _ => 8 * non_zeros < 5 * all,
    }
}

/// What is known of the zeros of a layer's input: how it was read on the way forward is how it is read on the way back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zeros {
    /// Whether `rows` holds the input.
    found: bool,
    rows: CsrMatrix,
    /// The transpose of a sparse input.
    turned: CsrMatrix,
    /// Room for the sums of a weight gradient.
    sums: Accumulators,
}

impl Zeros {
    /// The input as it should be read by a layer of so many inputs and outputs.
    pub(crate) fn look<'a>(&'a mut self, x: Input<'a>, inputs: usize, outputs: usize) -> Input<'a> {
        self.found = false;
        if let Input::Dense(x) = x {
            // Whether zeros are found is another question for every batch, so that the room is made for any answer.
            let examples = x.len() / inputs;
            self.rows.reserve(examples, inputs);
            self.turned.reserve(inputs, examples);
            if outputs <= scatter_width(Isa::active()) {
                self.sums.reserve(inputs, outputs);
            }
            let non_zeros = x.iter().filter(|&&x| x != 0.0).count();
            if pay(non_zeros, x.len(), outputs) {
                self.found = true;
                self.rows.clear(inputs);
                let isa = Isa::active();
                x.chunks_exact(inputs).for_each(|x| self.rows.push(isa, x));
            }
        }
        self.seen(x)
    }

    /// The input as the last [`look`](Zeros::look) at it said.
    pub(crate) fn seen<'a>(&'a self, x: Input<'a>) -> Input<'a> {
        if self.found { Input::Sparse(&self.rows) } else { x }
    }

    /// The non-zeros of an input that was read as sparse, and room for sums.
    pub(crate) fn seen_with_sums<'a>(&'a mut self, x: Input<'a>) -> (&'a CsrMatrix, &'a mut Accumulators) {
        match x {
            Input::Sparse(x) => (x, &mut self.sums),
            Input::Dense(_) => (&self.rows, &mut self.sums),
        }
    }

    /// The transpose of an input that was read as sparse.
    pub(crate) fn turned(&mut self, x: Input<'_>) -> &CsrMatrix {
        match x {
            Input::Sparse(x) => self.turned.transpose(x),
            Input::Dense(_) => self.turned.transpose(&self.rows),
        }
        &self.turned
    }

    /// The same, once more.
    pub(crate) fn turned_before(&self) -> &CsrMatrix {
        &self.turned
    }
}
