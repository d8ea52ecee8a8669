//! Loads batches of inputs from a data set: sparse if that is faster, augmented and with input dropout in training.

use std::ops::Range;

use tercet_kernels::sparse::CsrMatrix;
use tercet_kernels::{Isa, prefetch, prefetch_for_later};

use super::{InputDropout, Layer, Network, sparsity};
use crate::augment::Augmenter;
use crate::data::{Examples, Row};

/// A batch of examples, (B, D), as a dense or a sparse matrix.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// All values, row by row.
    Dense(&'a [f32]),
    /// The non-zero values only.
    Sparse(&'a CsrMatrix),
}

impl<'a> Input<'a> {
    /// B, given the number of features per example.
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

    /// The values of an input known to be dense.
    pub(super) fn dense(self) -> &'a [f32] {
        match self {
            Input::Dense(x) => x,
            Input::Sparse(_) => unreachable!("only dense layers have sparse inputs"),
        }
    }
}

/// The non-zeros are counted in one of this many batches.
const COUNT_EVERY: usize = 32;

/// How many rows ahead of the current one are prefetched.
const PREFETCH_AHEAD: usize = 4;

/// How many bytes of the next batch are prefetched during a step: no more than fit into the caches along with the
/// current one.
const MOST_PREFETCHED: usize = 128 << 10;

/// Loads batches from a data set: as a sparse matrix, straight from the pixels, if few values are non-zero, otherwise
/// as a dense one. The non-zeros are counted regularly to decide which. Does not allocate once its buffers are large
/// enough for a batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct BatchLoader {
    /// The number of outputs of the first layer, if that is dense and accepts sparse inputs.
    outputs: Option<usize>,
    /// The features that are loaded.
    columns: Range<usize>,
    /// The number of batches loaded so far.
    loaded: usize,
    is_sparse: bool,
    sparse: CsrMatrix,
    dense: Vec<f32>,
    augmented: Option<Augmented>,
    dropout: Option<InputDropout>,
}

/// The augmented images of a batch, (B, D).
#[derive(Clone, Debug)]
struct Augmented {
    augmenter: Augmenter,
    pixels: Vec<u8>,
}

/// Which shard of a batch is loaded, when training splits its batches.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    /// Number of completed steps before the one this batch is for.
    pub step: usize,
    /// The shard's rows within the batch.
    pub range: Range<usize>,
    /// The shard's index, from 0.
    pub number: u64,
    /// The number of shards.
    pub shards: u64,
}

impl BatchLoader {
    /// A loader for the inputs of a network.
    pub(crate) fn new(network: &Network) -> Self {
        let first = network.layers().iter().find(|layer| !matches!(layer, Layer::Flatten));
        let outputs = match first {
            Some(Layer::Dense(dense)) => Some(dense.outputs),
            _ => None,
        };
        BatchLoader { outputs, columns: 0..network.inputs(), ..BatchLoader::default() }
    }

    /// A loader for some of the input columns of a network whose first layer accepts sparse inputs.
    pub(crate) fn of_columns(network: &Network, columns: Range<usize>) -> Self {
        BatchLoader { columns, ..BatchLoader::new(network) }
    }

    /// Adds image augmentation and input dropout, which [`load_shard`](BatchLoader::load_shard) applies.
    pub(crate) fn for_training(
        network: &Network,
        augmenter: Option<Augmenter>,
        dropout: Option<InputDropout>,
    ) -> Self {
        let augmented = augmenter.map(|augmenter| Augmented { augmenter, pixels: Vec::new() });
        BatchLoader { augmented, dropout, ..BatchLoader::new(network) }
    }

    /// Loads the examples at `rows`, as [`Examples::write_inputs`] writes them.
    pub(crate) fn load(&mut self, data: &Examples, rows: &[usize]) -> Input<'_> {
        let columns = self.columns.clone();
        self.load_rows(rows.len(), columns.len(), |place| data.row(rows[place]).columns(columns.clone()))
    }

    /// Loads one shard of the batch at `rows`, with augmentation and input dropout applied.
    pub(crate) fn load_shard(&mut self, data: &Examples, rows: &[usize], shard: Shard) -> Input<'_> {
        let Shard { step, range, number, shards } = shard;
        let (first, rows) = (range.start, &rows[range]);
        // Moved out while the pixels are borrowed.
        if let Some(mut augmented) = self.augmented.take() {
            augmented.write(data, rows, step, first);
            let (pixels, width) = (&augmented.pixels, data.width());
            self.load_rows(rows.len(), width, |place| Row::U8(&pixels[place * width..][..width]));
            self.augmented = Some(augmented);
        } else {
            self.load(data, rows);
        }
        if let Some(dropout) = &mut self.dropout {
            dropout.seek_shard(step as u64, number, shards);
            match self.is_sparse {
                true => dropout.drop_sparse(&mut self.sparse),
                false => dropout.drop(&mut self.dense),
            }
        }
        self.last()
    }

    /// Prefetches the rows of the next batch, which are scattered in memory, to overlap with other work.
    pub(crate) fn prefetch(&self, data: &Examples, rows: &[usize]) {
        let mut bytes = 0;
        for &i in rows {
            bytes += match data.row(i).columns(self.columns.clone()) {
                Row::U8(pixels) => prefetched(pixels),
                Row::F16(values) => prefetched(values),
                Row::F32(values) => prefetched(values),
                Row::F64(values) => prefetched(values),
            };
            if bytes > MOST_PREFETCHED {
                break;
            }
        }
    }

    /// Loads `count` rows of `width` features.
    fn load_rows<'d>(&mut self, count: usize, width: usize, row: impl Fn(usize) -> Row<'d>) -> Input<'_> {
        let rows = (0..count).map(&row);
        if self.loaded.is_multiple_of(COUNT_EVERY) {
            let non_zeros = rows.clone().map(|row| width - row.zeros()).sum();
            self.is_sparse = self
                .outputs
                .is_some_and(|outputs| sparsity::is_worthwhile(non_zeros, count * width, outputs));
        }
        self.loaded += 1;
        // The rows are scattered in memory: the next ones are prefetched while one is converted.
        let rows = rows.enumerate().inspect(|(place, _)| {
            let ahead = place + PREFETCH_AHEAD;
            if let Some(Row::U8(pixels)) = (ahead < count).then(|| row(ahead)) {
                prefetch(pixels);
            }
        });
        if self.is_sparse {
            self.sparse.reserve(count, width);
            self.sparse.clear(width);
            let isa = Isa::active();
            for (_, row) in rows {
                match row {
                    Row::U8(pixels) => self.sparse.push_pixels(isa, pixels),
                    Row::F32(values) => self.sparse.push(isa, values),
                    other => {
                        self.dense.resize(width, 0.0);
                        other.write_input(&mut self.dense);
                        self.sparse.push(isa, &self.dense);
                    }
                }
            }
            Input::Sparse(&self.sparse)
        } else {
            self.dense.resize(count * width, 0.0);
            rows.zip(self.dense.chunks_exact_mut(width)).for_each(|((_, row), x)| row.write_input(x));
            Input::Dense(&self.dense)
        }
    }

    /// The most recently loaded batch.
    pub(crate) fn last(&self) -> Input<'_> {
        if self.is_sparse { Input::Sparse(&self.sparse) } else { Input::Dense(&self.dense) }
    }
}

/// Prefetches a row, and returns its size in bytes.
fn prefetched<T>(row: &[T]) -> usize {
    prefetch_for_later(row);
    size_of_val(row)
}

impl Augmented {
    /// Augments the examples at `rows`, the first of which is at position `first` of its batch.
    fn write(&mut self, examples: &Examples, rows: &[usize], step: usize, first: usize) {
        let width = examples.width();
        self.pixels.resize(rows.len() * width, 0);
        for ((place, &i), out) in (first..).zip(rows).zip(self.pixels.chunks_exact_mut(width)) {
            let pixels = examples.pixels(i).expect("examples with the shape of an image are pixels");
            self.augmenter.write(pixels, step as u64, place, out);
        }
    }
}
