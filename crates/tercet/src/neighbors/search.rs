//! Search: the k nearest stored rows of every query.
//!
//! Queries are divided into blocks, each processed by one thread. A block is compared with the rows stripe by stripe:
//! the kernel fills a tile with the distances between every query of the block and every row of the stripe, and while
//! the tile is still in the cache, each query scans it for values below its threshold (the worst of the k best so far).
//! The assignment of blocks to threads, and the sizes of blocks and stripes, do not affect the result: the k smallest
//! (distance, index) pairs are the same in whatever order they are found.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use rayon::prelude::*;
use tercet_kernels::distance::{self, Panels, Queries};

use super::NearestNeighbors;
use super::doubles::search_floats;
use super::index::{Rows, pixels, searchable};
use super::metric::{ByteKey, Distance, Key, Measure, MeasureOf, for_metric};
use super::pairwise::{self, Source};
use super::pruned::{PrunedRows, Query, Value};
use super::top_k::TopK;
use crate::Result;
use crate::data::Examples;

/// The neighbours of N queries.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbors {
    /// The number of neighbours per query.
    pub k: usize,
    /// The indices of rows of the fitted data set, (N, k): nearest first, smaller index first on ties.
    pub indices: Vec<u32>,
    /// The distances, (N, k).
    pub distances: Vec<f64>,
}

impl Neighbors {
    /// N, the number of queries.
    pub fn len(&self) -> usize {
        self.indices.len().checked_div(self.k).unwrap_or(0)
    }

    /// Whether there were no queries.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The indices and distances of the neighbours of query `i`, nearest first.
    pub fn of(&self, i: usize) -> (&[u32], &[f64]) {
        (&self.indices[i * self.k..][..self.k], &self.distances[i * self.k..][..self.k])
    }
}

/// The amount of work of a search, summed over all queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pairs that the coarse codes could not prune, so that fine codes were compared.
    pub fine: u64,
    /// Pairs of a query and a row that were compared in full.
    pub rows: u64,
}

/// Called with the number of finished queries and their total number; may stop the search.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) -> ControlFlow<()> + Sync);

/// Maximum number of queries per block: their tile and their packed rows fit in a second-level cache together with the
/// rows of a stripe. A multiple of the queries that any kernel processes at once.
const BLOCK: usize = 96;

/// Rows per stripe, a multiple of the rows per panel.
const STRIPE: usize = 256;

/// Queries that have codes at a time, so that the memory for codes does not depend on the number of queries.
const CODED: usize = 128 * BLOCK;

/// Maximum number of neighbours that a block of queries lists, if it has more than twelve queries.
const LISTED: usize = 1 << 18;

/// Maximum number of neighbours per batch.
const FOUND: usize = 1 << 18;

/// How many values of a tile are compared with the threshold together.
const SCANNED: usize = 16;

impl NearestNeighbors {
    /// The k nearest rows of every query, ordered by (distance, index).
    ///
    /// On pixels they are ordered by exact integers (squared L2, L1; cosines are compared as fractions), so the result
    /// is the same on every processor and for any number of threads. Features of any type, and pixels by the metrics that
    /// have no kernels (from [`Chebyshev`](super::Metric::Chebyshev) on), are ordered by a direct computation in f64 from the numbers as given; for L2, squared distances are compared.
    ///
    /// # Errors
    /// If k = 0 or k > N; if the queries have another width, or are pixels and the rows are not, or vice versa.
    pub fn search(&self, queries: &Examples, k: usize) -> Result<Neighbors> {
        let found = self.search_with(queries, k, &|_, _| ControlFlow::Continue(()))?;
        Ok(found.expect("an uninterrupted search completes"))
    }

    /// [`search`](Self::search) that reports its progress and can be stopped: the result is `None` if any call of
    /// `progress` returned [`ControlFlow::Break`].
    ///
    /// `progress` is called from the threads of the search, after each block of queries; calls may be concurrent and
    /// slightly out of order.
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn search_with(
        &self,
        queries: &Examples,
        k: usize,
        progress: Progress<'_>,
    ) -> Result<Option<Neighbors>> {
        self.check(queries, k)?;
        let queries = &searchable(queries)?;
        match &self.rows {
            Rows::Doubles(rows) => rows.search(queries, k, progress),
            Rows::Defined(data) => {
                let definition = Distance::Named(self.metric).definition();
                let (rows, queries) = (Source::of(data), Source::of(queries));
                Ok(pairwise::search(&*definition, rows, queries, k, progress))
            }
            _ if queries.dtype() == "float64" => search_floats(self, queries, k, progress),
            _ => self.search_run(Run::new(queries, k, progress, &Counting::default())),
        }
    }

    /// [`search`](Self::search) that also counts its work, which is all pairs where features are compared in f64.
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn search_counted(&self, queries: &Examples, k: usize) -> Result<(Neighbors, Counts)> {
        let proceed: Progress<'_> = &|_, _| ControlFlow::Continue(());
        let queries = &searchable(queries)?;
        if matches!(self.rows, Rows::Doubles(_) | Rows::Defined(_)) || queries.dtype() == "float64" {
            let pairs = queries.len() as u64 * self.len() as u64;
            return Ok((self.search(queries, k)?, Counts { fine: 0, rows: pairs }));
        }
        let counts = Counting::default();
        let found = self.search_run(Run::new(queries, k, proceed, &counts))?;
        Ok((found.expect("an uninterrupted search completes"), counts.total()))
    }

    /// [`search`](Self::search) that passes on the neighbours of a batch of queries at a time, in order, with the index
    /// of the batch's first query: it needs memory for one batch, however many queries there are. It reports its
    /// progress and can be stopped, like [`search_with`](Self::search_with).
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// # use tercet::data::Dataset;
    /// # use tercet::image::ImageShape;
    /// # use tercet::neighbors::{Metric, NearestNeighbors};
    /// # let pixels = vec![0, 3, 100, 200];
    /// # let set = Dataset::from_pixels("toy", ImageShape::gray(1, 1), pixels, vec![0; 4], vec!["any".into()])?;
    /// let index = NearestNeighbors::fit(&set, Metric::L1)?;
    /// let mut far = 0.0;
    /// let end = index.search_batched(&set, 2, &|_, _| ControlFlow::Continue(()), |_first, part| {
    ///     far = part.distances.iter().fold(far, |far, &distance| distance.max(far));
    /// })?;
    /// assert_eq!((end, far), (ControlFlow::Continue(()), 100.0));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn search_batched(
        &self,
        queries: &Examples,
        k: usize,
        progress: Progress<'_>,
        mut take: impl FnMut(usize, Neighbors),
    ) -> Result<ControlFlow<()>> {
        self.check(queries, k)?;
        let (n, part) = (queries.len(), (FOUND / k).clamp(1, CODED));
        for first in (0..n).step_by(part) {
            let rows: Vec<usize> = (first..n.min(first + part)).collect();
            let so_far = |done, _| progress(first + done, n);
            let Some(found) = self.search_with(&queries.subset(&rows), k, &so_far)? else {
                return Ok(ControlFlow::Break(()));
            };
            take(first, found);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn search_run(&self, run: Run<'_>) -> Result<Option<Neighbors>> {
        self.check(run.queries, run.k)?;
        Ok(for_metric!(self.metric, M => match &self.rows {
            Rows::Panels(panels) => self.search_panels::<M>(panels, run),
            Rows::PrunedBytes(rows) => self.search_pruned::<u8, M>(rows, run),
            Rows::PrunedFloats(rows) => self.search_pruned::<f32, M>(rows, run),
            Rows::Bytes { values, squares } => self.search_pairs::<u8, M>(values, squares, run),
            Rows::Floats { values, squares } => self.search_pairs::<f32, M>(values, squares, run),
            Rows::Doubles(_) | Rows::Defined(_) => unreachable!("rows that have a search of their own"),
        }))
    }

    /// Search pair by pair. `squares` are ‖x‖² of all rows if the metric needs them.
    fn search_pairs<T: Value, M: Measure + MeasureOf<T>>(
        &self,
        values: &[T],
        squares: &[f64],
        run: Run<'_>,
    ) -> Option<Neighbors> {
        let (isa, width, queries) = (self.isa, self.width(), run.queries);
        let squares_of_queries: Vec<f64> = match M::NEEDS_SQUARES {
            true => (0..queries.len()).map(|q| T::square(isa, T::row(queries, q))).collect(),
            false => Vec::new(),
        };
        run.pairs(self.len(), size_of::<T>() * width, |q, x| {
            let squares = match M::NEEDS_SQUARES {
                true => [squares_of_queries[q], squares[x]],
                false => [f64::NAN; 2],
            };
            <M as MeasureOf<T>>::key(isa, T::row(queries, q), &values[x * width..][..width], squares)
        })
    }

    /// Search with codes, for up to [`CODED`] queries at a time.
    fn search_pruned<T: Value, M: Measure + MeasureOf<T>>(
        &self,
        rows: &PrunedRows<T>,
        run: Run<'_>,
    ) -> Option<Neighbors> {
        let (n, k) = (run.queries.len(), run.k);
        let query = |q| T::row(run.queries, q);
        let mut found = Neighbors { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
        for from in (0..n).step_by(CODED) {
            let count = CODED.min(n - from);
            let sorted = rows.sort(self.isa, count, |i| query(from + i));
            let (mut indices, mut distances) = (vec![0; count * k], vec![0.0; count * k]);
            // If many neighbours are listed, blocks have fewer queries.
            let most = (LISTED / k).next_multiple_of(12).clamp(12, BLOCK);
            let share = count.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(12).min(most);
            let end = run.blocks(
                share,
                &mut indices,
                &mut distances,
                |block, best: &mut [TopK<<M as MeasureOf<T>>::Key>]| {
                    let queries = sorted.order[block].iter().map(|&i| i as usize);
                    let queries: Vec<Query<'_, T>> =
                        queries.map(|i| rows.query(self.isa, &sorted, i, query(from + i))).collect();
                    let (counts, end) = rows.search::<M>(self.isa, &queries, best, || run.check_stopped());
                    run.counts.add(counts);
                    end
                },
            );
            if end.is_break() {
                return None;
            }
            let lists = indices.chunks_exact(k).zip(distances.chunks_exact(k));
            for (&i, (indices, distances)) in sorted.order.iter().zip(lists) {
                let at = (from + i as usize) * k;
                found.indices[at..][..k].copy_from_slice(indices);
                found.distances[at..][..k].copy_from_slice(distances);
            }
        }
        Some(found)
    }

    /// Search with tiles.
    fn search_panels<M: Measure>(&self, panels: &Panels, run: Run<'_>) -> Option<Neighbors> {
        let squares_of_queries: Vec<u64> = match M::NEEDS_SQUARES {
            true => (0..run.queries.len())
                .map(|q| distance::dot(self.isa, pixels(run.queries, q), pixels(run.queries, q)))
                .collect(),
            false => Vec::new(),
        };
        let square = |x| if M::NEEDS_SQUARES { u64::from(panels.square(x)) } else { 0 };
        let stripe = STRIPE / panels.rows_of_a_panel();
        // Small sets of queries still use all threads.
        let share = run.queries.len().div_ceil(4 * rayon::current_num_threads());
        run.all(
            share.next_multiple_of(12).clamp(12, BLOCK),
            self.len(),
            |block, best: &mut [TopK<ByteKey<M>>]| {
                let packed = block.clone().map(|q| pixels(run.queries, q));
                let packed = Queries::new(self.isa, panels.kind(), panels.width(), packed);
                let mut tile = vec![0; block.len() * STRIPE.min(panels.len() * panels.rows_of_a_panel())];
                for from in (0..panels.len()).step_by(stripe) {
                    run.check_stopped()?;
                    let range = from..panels.len().min(from + stripe);
                    let columns = range.len() * panels.rows_of_a_panel();
                    let first = from * panels.rows_of_a_panel();
                    let valid = columns.min(panels.rows() - first);
                    let tile = &mut tile[..block.len() * columns];
                    panels.measure(self.isa, &packed, range, tile);
                    for ((q, best), values) in
                        block.clone().zip(best.iter_mut()).zip(tile.chunks_exact(columns))
                    {
                        let square_of_query = squares_of_queries.get(q).copied().unwrap_or(0);
                        for (i, values) in values[..valid].chunks(SCANNED).enumerate() {
                            let first = first + i * SCANNED;
                            let is_possible = best.threshold().is_none_or(|threshold| {
                                M::any_below(threshold, values, |i| square(first + i))
                            });
                            if is_possible {
                                for (x, &value) in (first..).zip(values) {
                                    best.offer(M::panel_key(value, [square_of_query, square(x)]), x as u32);
                                }
                            }
                        }
                    }
                }
                ControlFlow::Continue(())
            },
        )
    }
}

/// [`Counts`] that several threads add to.
#[derive(Default)]
struct Counting {
    fine: AtomicU64,
    rows: AtomicU64,
}

impl Counting {
    fn add(&self, Counts { fine, rows }: Counts) {
        self.fine.fetch_add(fine, Relaxed);
        self.rows.fetch_add(rows, Relaxed);
    }

    fn total(&self) -> Counts {
        Counts { fine: self.fine.load(Relaxed), rows: self.rows.load(Relaxed) }
    }
}

/// The arguments and state of one search.
struct Run<'a> {
    queries: &'a Examples,
    k: usize,
    progress: Progress<'a>,
    counts: &'a Counting,
    done: AtomicUsize,
    stopped: AtomicBool,
}

impl<'a> Run<'a> {
    fn new(queries: &'a Examples, k: usize, progress: Progress<'a>, counts: &'a Counting) -> Self {
        Run { queries, k, progress, counts, done: AtomicUsize::new(0), stopped: AtomicBool::new(false) }
    }

    /// Continues unless the search has been stopped.
    fn check_stopped(&self) -> ControlFlow<()> {
        if self.stopped.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Calls `search` with each block of queries, and collects the results.
    ///
    /// # Shapes
    /// `indices` and `distances` are (n, k) for n of the queries, which are passed to `search` as ranges of 0 ‥ n.
    fn blocks<K: Key>(
        &self,
        block: usize,
        indices: &mut [u32],
        distances: &mut [f64],
        search: impl Fn(Range<usize>, &mut [TopK<K>]) -> ControlFlow<()> + Sync,
    ) -> ControlFlow<()> {
        let (n, k) = (indices.len() / self.k, self.k);
        let outputs = indices.par_chunks_mut(block * k).zip(distances.par_chunks_mut(block * k)).enumerate();
        outputs.try_for_each(|(b, (indices, distances))| {
            self.check_stopped()?;
            let range = b * block..n.min((b + 1) * block);
            let mut best: Vec<TopK<K>> = range.clone().map(|_| TopK::new(k)).collect();
            search(range.clone(), &mut best)?;
            let outputs = indices.chunks_exact_mut(k).zip(distances.chunks_exact_mut(k));
            for (best, (indices, distances)) in best.into_iter().zip(outputs) {
                best.write(indices, distances);
            }
            let done = self.done.fetch_add(range.len(), Relaxed) + range.len();
            let flow = (self.progress)(done, self.queries.len());
            if flow.is_break() {
                self.stopped.store(true, Relaxed);
            }
            flow
        })
    }

    /// [`blocks`](Self::blocks) of all queries, if every query is compared with all `rows` rows.
    fn all<K: Key>(
        &self,
        block: usize,
        rows: usize,
        search: impl Fn(Range<usize>, &mut [TopK<K>]) -> ControlFlow<()> + Sync,
    ) -> Option<Neighbors> {
        let (n, k) = (self.queries.len(), self.k);
        let mut found = Neighbors { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
        self.counts.add(Counts { fine: 0, rows: rows as u64 * n as u64 });
        let end = self.blocks(block, &mut found.indices, &mut found.distances, search);
        if end.is_break() { None } else { Some(found) }
    }

    /// Search one pair at a time, a few queries against as many rows as fit in the cache.
    fn pairs<K: Key>(
        &self,
        rows: usize,
        bytes_of_a_row: usize,
        key: impl Fn(usize, usize) -> K + Sync,
    ) -> Option<Neighbors> {
        let stripe = (256 * 1024 / bytes_of_a_row).max(1);
        self.all(16, rows, |block, best: &mut [TopK<K>]| {
            for from in (0..rows).step_by(stripe) {
                self.check_stopped()?;
                for (q, best) in block.clone().zip(best.iter_mut()) {
                    for x in from..rows.min(from + stripe) {
                        best.offer(key(q, x), x as u32);
                    }
                }
            }
            ControlFlow::Continue(())
        })
    }
}
