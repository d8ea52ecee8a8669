//! Search: the k nearest of the remembered rows, for every query.
//!
//! Queries are dealt out in blocks, each to one thread. A block goes through the rows stripe by stripe: the kernel
//! fills a tile with what lies between every query of the block and every row of the stripe, and while the tile is
//! still in the cache, each query looks for numbers below its bar (the worst of the k best so far). Which thread
//! takes which block, and how long blocks and stripes are, decides nothing: the k smallest (distance, index)
//! pairs are the same ones in whatever order they are found.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use rayon::prelude::*;
use tercet_kernels::distance::{self, Panels, Queries, floats};

use super::best::Best;
use super::index::{Rows, features, pixels, searchable};
use super::metric::{
    ByteCosine, ByteDot, ByteL1, ByteL2, ByteL3, Float, FloatCubed, FloatSquared, Key, float_cosine,
    float_dot,
};
use super::pruned::{
    ByteCosines, ByteSquares, Exact, FloatCosines, FloatProducts, FloatSquares, PrunedRows, Query, Value,
};
use super::{Metric, NearestNeighbors};
use crate::Result;
use crate::data::Examples;

/// The neighbours of N queries.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbors {
    /// How many for each query.
    pub k: usize,
    /// Which rows of the fitted data set, (N, k): nearest first, the smaller index first where distances are equal.
    pub indices: Vec<u32>,
    /// How far away, (N, k).
    pub distances: Vec<f64>,
}

impl Neighbors {
    /// N, the number of queries.
    pub fn len(&self) -> usize {
        self.indices.len().checked_div(self.k).unwrap_or(0)
    }

    /// Whether there was no query.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The rows and distances of the neighbours of query `i`, nearest first.
    pub fn of(&self, i: usize) -> (&[u32], &[f64]) {
        (&self.indices[i * self.k..][..self.k], &self.distances[i * self.k..][..self.k])
    }
}

/// How much work a search was, summed over all queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pairs whose coarse codes could not rule out that the row is a neighbour, so that fine ones were compared.
    pub fine: u64,
    /// Pairs of a query and a row that were compared in full.
    pub rows: u64,
}

/// Told how many queries are done, of how many; may stop the search.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) -> ControlFlow<()> + Sync);

/// The most queries of a block: their tile and their packed rows fit in a second-level cache beside the rows of a
/// stripe. A multiple of what any kernel takes at once.
const BLOCK: usize = 96;

/// Rows of a stripe, a multiple of the rows of any panel.
const STRIPE: usize = 256;

/// Queries that have codes at a time, so that codes need the same memory however many queries there are.
const CODED: usize = 128 * BLOCK;

/// Neighbours that a block of queries lists at most, where it has more than twelve queries.
const LISTED: usize = 1 << 18;

/// The most neighbours of a part.
const FOUND: usize = 1 << 18;

/// How many numbers of a tile are looked at together.
const GLANCE: usize = 16;

impl NearestNeighbors {
    /// The k nearest rows of every query, ordered by (distance, index).
    ///
    /// On pixels the order is that of exact integers (squared L2, L1; cosines are compared as fractions), the same
    /// on every processor and for any number of threads. On f32 features it is that of a direct computation in
    /// f64. It is the squared L2 that is compared.
    ///
    /// # Errors
    /// k = 0 or k > N; queries of another width, or pixels against features.
    pub fn search(&self, queries: &Examples, k: usize) -> Result<Neighbors> {
        let found = self.search_with(queries, k, &|_, _| ControlFlow::Continue(()))?;
        Ok(found.expect("a search that nobody stops comes to its end"))
    }

    /// [`search`](Self::search) that tells how far it is and can be stopped: `None` where `progress` said
    /// [`ControlFlow::Break`], at whatever call.
    ///
    /// `progress` is called from the threads of the search, after each block of queries; calls may come at the same
    /// time and, by a little, out of order.
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn search_with(
        &self,
        queries: &Examples,
        k: usize,
        progress: Progress<'_>,
    ) -> Result<Option<Neighbors>> {
        let counts = Counting::default();
        self.search_run(Run::new(&searchable(queries)?, k, progress, &counts))
    }

    /// [`search`](Self::search) that says how much work it was.
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn search_counted(&self, queries: &Examples, k: usize) -> Result<(Neighbors, Counts)> {
        let counts = Counting::default();
        let found =
            self.search_run(Run::new(&searchable(queries)?, k, &|_, _| ControlFlow::Continue(()), &counts))?;
        Ok((found.expect("a search that nobody stops comes to its end"), counts.total()))
    }

    /// [`search`](Self::search) that hands the neighbours over a part of the queries at a time, in order, with the
    /// number of the part's first query: it needs the memory of a part, however many queries there are. Tells how far
    /// it is and can be stopped, like [`search_with`](Self::search_with).
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
    /// let end = index.search_in_parts(&set, 2, &|_, _| ControlFlow::Continue(()), |_first, part| {
    ///     far = part.distances.iter().fold(far, |far, &distance| distance.max(far));
    /// })?;
    /// assert_eq!((end, far), (ControlFlow::Continue(()), 100.0));
    /// # Ok::<(), tercet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`search`](Self::search).
    pub fn search_in_parts(
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
        let (queries, k) = (run.queries, run.k);
        self.check(queries, k)?;
        let (isa, width) = (self.isa, self.width());
        Ok(match &self.rows {
            Rows::Panels(panels) => match self.metric {
                Metric::L2 => {
                    let below = |bar: ByteL2, values: &[u32], _| any_below(bar.0, values);
                    self.search_panels(panels, run, below, |_, value, _| ByteL2(u64::from(value)))
                }
                Metric::L1 => {
                    let below = |bar: ByteL1, values: &[u32], _| any_below(bar.0, values);
                    self.search_panels(panels, run, below, |_, value, _| ByteL1(u64::from(value)))
                }
                Metric::L3 => unreachable!("bytes that are compared by L3 are kept row by row"),
                Metric::Dot => {
                    let above = |bar: ByteDot, values: &[u32], _| any_above(bar.0.0, values);
                    self.search_panels(panels, run, above, |_, value, _| ByteDot::new(u64::from(value)))
                }
                Metric::Cosine => {
                    let squares =
                        squares(queries, |q| distance::dot(isa, pixels(queries, q), pixels(queries, q)));
                    let row = |x| u64::from(panels.square(x));
                    let nearer = |bar, dots: &[u32], first| any_nearer(bar, dots, |i| row(first + i));
                    self.search_panels(panels, run, nearer, |q, dot, x| ByteCosine {
                        dot: u64::from(dot),
                        row: row(x),
                        query: squares[q],
                    })
                }
            },
            Rows::PrunedBytes(rows) => match self.metric {
                Metric::Cosine => self.search_pruned(rows, run, &ByteCosines, |q| pixels(queries, q)),
                _ => self.search_pruned(rows, run, &ByteSquares, |q| pixels(queries, q)),
            },
            Rows::PrunedFloats(rows) => match self.metric {
                Metric::Cosine => self.search_pruned(rows, run, &FloatCosines, |q| features(queries, q)),
                Metric::Dot => {
                    let exact = FloatProducts { longest: rows.longest() };
                    self.search_pruned(rows, run, &exact, |q| features(queries, q))
                }
                _ => self.search_pruned(rows, run, &FloatSquares, |q| features(queries, q)),
            },
            Rows::Bytes { values, squares: rows } => {
                let pair = |q, x: usize| (pixels(queries, q), &values[x * width..][..width]);
                match self.metric {
                    Metric::L2 => run.pairs(self.len(), width, |q, x| {
                        let (q, x) = pair(q, x);
                        ByteL2(distance::l2_squared(isa, q, x))
                    }),
                    Metric::L1 => run.pairs(self.len(), width, |q, x| {
                        let (q, x) = pair(q, x);
                        ByteL1(distance::l1(isa, q, x))
                    }),
                    Metric::L3 => run.pairs(self.len(), width, |q, x| {
                        let (q, x) = pair(q, x);
                        ByteL3(distance::l3_cubed(isa, q, x))
                    }),
                    Metric::Dot => run.pairs(self.len(), width, |q, x| {
                        let (q, x) = pair(q, x);
                        ByteDot::new(distance::dot(isa, q, x))
                    }),
                    Metric::Cosine => {
                        let queries = squares(queries, |q| distance::dot(isa, pair(q, 0).0, pair(q, 0).0));
                        run.pairs(self.len(), width, |q, x| {
                            let (a, b) = pair(q, x);
                            ByteCosine { dot: distance::dot(isa, a, b), row: rows[x], query: queries[q] }
                        })
                    }
                }
            }
            Rows::Floats { values, squares: rows } => {
                let pair = |q, x: usize| (features(queries, q), &values[x * width..][..width]);
                match self.metric {
                    Metric::L2 => run.pairs(self.len(), 4 * width, |q, x| {
                        let (q, x) = pair(q, x);
                        FloatSquared(floats::l2_squared(isa, q, x))
                    }),
                    Metric::L1 => run.pairs(self.len(), 4 * width, |q, x| {
                        let (q, x) = pair(q, x);
                        Float(floats::l1(isa, q, x))
                    }),
                    Metric::L3 => run.pairs(self.len(), 4 * width, |q, x| {
                        let (q, x) = pair(q, x);
                        FloatCubed(floats::l3_cubed(isa, q, x))
                    }),
                    Metric::Dot => run.pairs(self.len(), 4 * width, |q, x| {
                        let (q, x) = pair(q, x);
                        float_dot(floats::dot(isa, q, x))
                    }),
                    Metric::Cosine => {
                        let queries = squares(queries, |q| floats::dot(isa, pair(q, 0).0, pair(q, 0).0));
                        run.pairs(self.len(), 4 * width, |q, x| {
                            let (a, b) = pair(q, x);
                            float_cosine(floats::dot(isa, a, b), rows[x], queries[q])
                        })
                    }
                }
            }
        })
    }

    /// Search by codes, for so many queries at a time.
    fn search_pruned<'q, T: Value, E: Exact<T>>(
        &self,
        rows: &PrunedRows<T>,
        run: Run<'_>,
        exact: &E,
        query: impl Fn(usize) -> &'q [T] + Sync,
    ) -> Option<Neighbors> {
        let (n, k) = (run.queries.len(), run.k);
        let mut found = Neighbors { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
        for from in (0..n).step_by(CODED) {
            let count = CODED.min(n - from);
            let sorted = rows.sort(self.isa, count, |i| query(from + i));
            let (mut indices, mut distances) = (vec![0; count * k], vec![0.0; count * k]);
            // Lists of many neighbours are held for fewer queries at a time.
            let most = (LISTED / k).next_multiple_of(12).clamp(12, BLOCK);
            let share = count.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(12).min(most);
            let end = run.blocks(share, &mut indices, &mut distances, |block, best: &mut [Best<E::Key>]| {
                let queries = sorted.order[block].iter().map(|&i| i as usize);
                let queries: Vec<Query<'_, T>> =
                    queries.map(|i| rows.query(self.isa, &sorted, i, query(from + i))).collect();
                let (counts, end) = rows.search(self.isa, exact, &queries, best, || run.go_on());
                run.counts.add(counts);
                end
            });
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

    /// Search by tiles. `may_enter(bar, values, first row)` says whether any of a few values could be below the bar;
    /// `key(query, value, row)` makes an exact key of one.
    fn search_panels<K: Key>(
        &self,
        panels: &Panels,
        run: Run<'_>,
        may_enter: impl Fn(K, &[u32], usize) -> bool + Sync,
        key: impl Fn(usize, u32, usize) -> K + Sync,
    ) -> Option<Neighbors> {
        let stripe = STRIPE / panels.rows_of_a_panel();
        // Small sets of queries still keep every thread busy.
        let share = run.queries.len().div_ceil(4 * rayon::current_num_threads());
        run.all(share.next_multiple_of(12).clamp(12, BLOCK), self.len(), |block, best: &mut [Best<K>]| {
            let packed = block.clone().map(|q| pixels(run.queries, q));
            let packed = Queries::new(self.isa, panels.kind(), panels.width(), packed);
            let mut tile = vec![0; block.len() * STRIPE.min(panels.len() * panels.rows_of_a_panel())];
            for from in (0..panels.len()).step_by(stripe) {
                run.go_on()?;
                let range = from..panels.len().min(from + stripe);
                let columns = range.len() * panels.rows_of_a_panel();
                let first = from * panels.rows_of_a_panel();
                let real = columns.min(panels.rows() - first);
                let tile = &mut tile[..block.len() * columns];
                panels.measure(self.isa, &packed, range, tile);
                for ((q, best), values) in block.clone().zip(best.iter_mut()).zip(tile.chunks_exact(columns))
                {
                    for (i, values) in values[..real].chunks(GLANCE).enumerate() {
                        let first = first + i * GLANCE;
                        if best.bar().is_none_or(|bar| may_enter(bar, values, first)) {
                            for (x, &value) in (first..).zip(values) {
                                best.offer(key(q, value, x), x as u32);
                            }
                        }
                    }
                }
            }
            ControlFlow::Continue(())
        })
    }
}

/// Whether any of the values is below the bar. Without a branch for each, so that it is done in registers.
#[inline(always)]
fn any_below(bar: u64, values: &[u32]) -> bool {
    // A bar came out of a tile, so it fits.
    let bar = bar as u32;
    values.iter().fold(false, |any, &value| any | (value < bar))
}

/// Whether any of the values is above the bar.
#[inline(always)]
fn any_above(bar: u64, values: &[u32]) -> bool {
    // A bar came out of a tile, so it fits.
    let bar = bar as u32;
    values.iter().fold(false, |any, &value| any | (value > bar))
}

/// Whether any of the rows could be nearer than the bar by cosine, judged by rounded numbers that may say yes too
/// often and never no where it should be yes.
///
/// Row x is nearer where `(q·x)² > ‖x‖² · (q·b)² / ‖b‖²`. In f64 the left side is rounded once, the right side three
/// times (square, quotient, product), each time by at most 2⁻⁵³ of itself, together less than 5 · 2⁻⁵³ < 10⁻¹⁵.
/// The left side gets ten times that for a start. A row of zeros can't be nearer than anything.
#[inline(always)]
fn any_nearer(bar: ByteCosine, dots: &[u32], square: impl Fn(usize) -> u64) -> bool {
    let bar_dot = bar.dot as f64;
    let ratio = bar_dot * bar_dot / bar.row.max(1) as f64;
    dots.iter().enumerate().fold(false, |any, (i, &dot)| {
        let dot = f64::from(dot);
        any | (dot * dot * (1.0 + 1e-14) > ratio * square(i) as f64)
    })
}

/// ‖q‖² of every query.
fn squares<T>(queries: &Examples, square: impl Fn(usize) -> T) -> Vec<T> {
    (0..queries.len()).map(square).collect()
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

/// One search.
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

    /// Whether nobody has stopped the search.
    fn go_on(&self) -> ControlFlow<()> {
        if self.stopped.load(Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Gives each block of queries to `search`, and gathers what it found.
    ///
    /// # Shapes
    /// `indices` and `distances` are (n, k) for n of the queries, which `search` is given as ranges of 0 ‥ n.
    fn blocks<K: Key>(
        &self,
        block: usize,
        indices: &mut [u32],
        distances: &mut [f64],
        search: impl Fn(Range<usize>, &mut [Best<K>]) -> ControlFlow<()> + Sync,
    ) -> ControlFlow<()> {
        let (n, k) = (indices.len() / self.k, self.k);
        let outputs = indices.par_chunks_mut(block * k).zip(distances.par_chunks_mut(block * k)).enumerate();
        outputs.try_for_each(|(b, (indices, distances))| {
            self.go_on()?;
            let range = b * block..n.min((b + 1) * block);
            let mut best: Vec<Best<K>> = range.clone().map(|_| Best::new(k)).collect();
            search(range.clone(), &mut best)?;
            let outputs = indices.chunks_exact_mut(k).zip(distances.chunks_exact_mut(k));
            for (best, (indices, distances)) in best.into_iter().zip(outputs) {
                best.write(indices, distances);
            }
            let done = self.done.fetch_add(range.len(), Relaxed) + range.len();
            let answer = (self.progress)(done, self.queries.len());
            if answer.is_break() {
                self.stopped.store(true, Relaxed);
            }
            answer
        })
    }

    /// [`blocks`](Self::blocks) of all queries, where every query is compared with all of so many rows.
    fn all<K: Key>(
        &self,
        block: usize,
        rows: usize,
        search: impl Fn(Range<usize>, &mut [Best<K>]) -> ControlFlow<()> + Sync,
    ) -> Option<Neighbors> {
        let (n, k) = (self.queries.len(), self.k);
        let mut found = Neighbors { k, indices: vec![0; n * k], distances: vec![0.0; n * k] };
        self.counts.add(Counts { fine: 0, rows: rows as u64 * n as u64 });
        let end = self.blocks(block, &mut found.indices, &mut found.distances, search);
        if end.is_break() { None } else { Some(found) }
    }

    /// Search one pair at a time, a few queries against as many rows as stay in the cache.
    fn pairs<K: Key>(
        &self,
        rows: usize,
        bytes_of_a_row: usize,
        key: impl Fn(usize, usize) -> K + Sync,
    ) -> Option<Neighbors> {
        let stripe = (256 * 1024 / bytes_of_a_row).max(1);
        self.all(16, rows, |block, best: &mut [Best<K>]| {
            for from in (0..rows).step_by(stripe) {
                self.go_on()?;
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
