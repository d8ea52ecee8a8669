//! What goes into a layer, and how it is read from a data set.

use std::ops::Range;

use tercet_kernels::sparse::Rows;
use tercet_kernels::{Isa, prefetch, prefetch_for_later};

use super::{InputDropout, Layer, Network, zeros};
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

/// How many bytes of a batch to come are asked for while another is worked at: no more than the caches have room for beside it.
const MOST_ASKED_FOR: usize = 128 << 10;

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
        let columns = self.columns.clone();
        self.read_rows(rows.len(), columns.len(), |place| data.row(rows[place]).part(columns.clone()))
    }

    /// Asks the memory for the examples at `rows`, which will be read soon: they lie anywhere, and are on their way while other
    /// work is done.
    pub(crate) fn ask_for(&self, data: &Dataset, rows: &[usize]) {
        let mut bytes = 0;
        for &i in rows {
            bytes += match data.row(i).part(self.columns.clone()) {
                Row::U8(pixels) => {
                    prefetch_for_later(pixels);
                    size_of_val(pixels)
                }
                Row::F32(values) => {
                    prefetch_for_later(values);
                    size_of_val(values)
                }
            };
            if bytes > MOST_ASKED_FOR {
                break;
            }
        }
    }

    /// Pictures of `width` pixels each, as a data set of them would be read.
    ///
    /// # Shapes
    /// `pixels` is (B, `width`).
    pub(crate) fn read_pixels(&mut self, pixels: &[u8], width: usize) -> Input<'_> {
        self.read_rows(pixels.len() / width, width, |place| Row::U8(&pixels[place * width..][..width]))
    }

    /// What was read last, less the inputs that are dropped.
    pub(crate) fn drop_some(&mut self, dropout: &mut InputDropout) -> Input<'_> {
        if self.is_sparse {
            dropout.drop_sparse(&mut self.sparse);
            Input::Sparse(&self.sparse)
        } else {
            dropout.drop(&mut self.dense);
            Input::Dense(&self.dense)
        }
    }

    /// So many rows of `width` features.
    fn read_rows<'d>(&mut self, count: usize, width: usize, row: impl Fn(usize) -> Row<'d>) -> Input<'_> {
        let rows = (0..count).map(&row);
        if self.read.is_multiple_of(MEASURED_EVERY) {
            let non_zeros = rows.clone().map(|row| match row {
                Row::U8(pixels) => pixels.iter().filter(|&&pixel| pixel != 0).count(),
                Row::F32(values) => values.iter().filter(|&&value| value != 0.0).count(),
            });
            let non_zeros = non_zeros.sum();
            self.is_sparse =
                self.outputs.is_some_and(|outputs| zeros::pay(non_zeros, count * width, outputs));
        }
        self.read += 1;
        // The rows of a batch lie anywhere: those to come are on their way while one is read.
        let rows = rows.enumerate().inspect(|(place, _)| {
            let ahead = place + ASKED_AHEAD;
            if let Some(Row::U8(pixels)) = (ahead < count).then(|| row(ahead)) {
                prefetch(pixels);
            }
        });
        if self.is_sparse {
            self.sparse.make_room(count, width);
            self.sparse.clear(width);
            let isa = Isa::active();
            for (_, row) in rows {
                match row {
                    Row::U8(pixels) => self.sparse.push_pixels(isa, pixels),
                    Row::F32(values) => self.sparse.push(isa, values),
                }
            }
            Input::Sparse(&self.sparse)
        } else {
            self.dense.resize(count * width, 0.0);
            rows.zip(self.dense.chunks_exact_mut(width)).for_each(|((_, row), x)| row.write_input(x));
            Input::Dense(&self.dense)
        }
    }

    /// What was read last.
    pub(crate) fn last(&self) -> Input<'_> {
        if self.is_sparse { Input::Sparse(&self.sparse) } else { Input::Dense(&self.dense) }
    }
}
