//! What goes into a layer, and how it is read from a data set.

use std::ops::Range;

use tercet_kernels::sparse::Rows;
use tercet_kernels::{Isa, prefetch};

use super::{Layer, Network, zeros};
use crate::data::{Dataset, Row};

/// A batch of examples, (B, D), with or without its zeros.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// All numbers.
    Dense(&'a [f32]),
    /// Those that are not zero.
    Sparse(&'a Rows),
}

impl<'a> Input<'a> {
    /// B, for examples of so many features.
    pub(super) fn examples(self, features: usize) -> usize {
        match self {
            Input::Dense(x) => {
                assert!(x.len().is_multiple_of(features), "x holds rows of {features} features");
                x.len() / features
            }
            Input::Sparse(rows) => {
                assert_eq!(rows.columns(), features, "x holds rows of {features} features");
                rows.rows()
            }
        }
    }

    /// The numbers of an input that nothing made sparse.
    pub(super) fn dense(self) -> &'a [f32] {
        match self {
            Input::Dense(x) => x,
            Input::Sparse(_) => unreachable!("only what goes into a dense layer is read as sparse"),
        }
    }
}

/// After how many batches the share of zeros is measured again.
const MEASURED_EVERY: usize = 32;

/// How many examples ahead the memory is asked for.
const ASKED_AHEAD: usize = 4;

/// Reads batches from a data set: their non-zeros alone, straight from the pixels, where there are few of them, else
/// all numbers. Which of the two is decided by counting, now and then. Allocates nothing once it has room for a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    /// Whether the network begins with a layer that takes sparse inputs, and the outputs of that layer.
    outputs: Option<usize>,
    /// Which features are read.
    columns: Range<usize>,
    read: usize,
    is_sparse: bool,
    sparse: Rows,
    dense: Vec<f32>,
}

impl Inputs {
    /// For a network.
    pub(crate) fn new(network: &Network) -> Self {
        let first = network.layers().iter().find(|layer| !matches!(layer, Layer::Flatten));
        let outputs = match first {
            Some(Layer::Dense(dense)) => Some(dense.outputs),
            _ => None,
        };
        Inputs { outputs, columns: 0..network.inputs(), ..Inputs::default() }
    }

    /// For some of the inputs of a network, whose first layer takes sparse ones.
    pub(crate) fn of_columns(network: &Network, columns: Range<usize>) -> Self {
        Inputs { columns, ..Inputs::new(network) }
    }

    /// The examples at `rows`, as [`Dataset::write_inputs`] gives them.
    pub(crate) fn read(&mut self, data: &Dataset, rows: &[usize]) -> Input<'_> {
        let (columns, width) = (self.columns.clone(), self.columns.len());
        if self.read.is_multiple_of(MEASURED_EVERY) {
            let non_zeros = rows.iter().map(|&i| match data.row(i) {
                Row::U8(pixels) => pixels[columns.clone()].iter().filter(|&&pixel| pixel != 0).count(),
                Row::F32(values) => values[columns.clone()].iter().filter(|&&value| value != 0.0).count(),
            });
            let (non_zeros, all) = (non_zeros.sum(), rows.len() * width);
            self.is_sparse = self.outputs.is_some_and(|outputs| zeros::pay(non_zeros, all, outputs));
        }
        self.read += 1;
        if self.is_sparse {
            self.sparse.make_room(rows.len(), width);
            self.sparse.clear(width);
            let isa = Isa::active();
            for (place, &i) in rows.iter().enumerate() {
                // The rows of a batch lie anywhere: those to come are on their way while this one is read.
                if let Some(Row::U8(pixels)) = rows.get(place + ASKED_AHEAD).map(|&i| data.row(i)) {
                    prefetch(&pixels[columns.clone()]);
                }
                match data.row(i) {
                    Row::U8(pixels) => self.sparse.push_pixels(isa, &pixels[columns.clone()]),
                    Row::F32(values) => self.sparse.push(isa, &values[columns.clone()]),
                }
            }
            Input::Sparse(&self.sparse)
        } else {
            self.dense.resize(rows.len() * width, 0.0);
            data.write_columns(rows, columns, &mut self.dense);
            Input::Dense(&self.dense)
        }
    }

    /// What was read last.
    pub(crate) fn last(&self) -> Input<'_> {
        if self.is_sparse { Input::Sparse(&self.sparse) } else { Input::Dense(&self.dense) }
    }
}
