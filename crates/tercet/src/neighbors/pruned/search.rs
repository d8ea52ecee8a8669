//! The search: a block of queries is compared with all stripes of rows.
//!
//! 1. *Scout.* The stripes around the groups of the queries are compared by their coarse codes. The most promising rows
//!    of each query are compared in full in the order of their fine codes, until these prune the rest. The distance of
//!    the k-th best of them, the *threshold*, is close to its final value.
//! 2. *Scan.* All stripes are processed. In each, the rows that the coarse codes do not prune are collected for each
//!    query; of those, the rows that fine codes do not prune either; and these are compared in full. Rows are collected
//!    before they are compared so that many of them can be prefetched at once.
//!
//! If nothing can be pruned (for example, if queries are unlike all rows), codes are useless. A block that detects this
//! compares whole stripes instead, as a search without codes does.
//!
//! The result depends on none of this: every row that is not compared in full was proved to be farther away than k
//! others (see [`sketch`](super::sketch)).

use std::ops::ControlFlow;

use tercet_kernels::distance::{self, Line, PanelKind, Queries};
use tercet_kernels::{Isa, prefetch};

use super::sketch::Side;
use super::{Codes, PrunedRows, STRIPE, Value};
use crate::neighbors::metric::{Measure, MeasureOf};
use crate::neighbors::search::Counts;
use crate::neighbors::top_k::TopK;

/// Minimum number of rows to scout, in addition to four per neighbour.
const MIN_SCOUTED: usize = 64;

/// Number of those whose fine codes are compared, in addition to two per neighbour.
const PROMISING: usize = 12;

/// A block stops using codes once the rows they did not prune have cost this many times as much as comparing all pairs
/// would, so no block takes much more than twice as long as it would without codes.
const PATIENCE: f64 = 1.0;

/// The state of a query during the search.
pub(in crate::neighbors) struct Query<'q, T> {
    pub values: &'q [T],
    /// ‖q‖².
    pub square: f64,
    coarse: &'q [u8],
    fine: &'q [Line],
    errors: [f64; 2],
    group: u16,
}

/// The codes of queries, and an order that places near queries together.
pub(in crate::neighbors) struct SortedQueries {
    codes: Codes,
    groups: Vec<u16>,
    pub order: Vec<u32>,
}

impl<T: Value> PrunedRows<T> {
    /// Computes the codes of queries and sorts them.
    pub fn sort<'q>(&self, isa: Isa, count: usize, query: impl Fn(usize) -> &'q [T] + Sync) -> SortedQueries {
        let codes = self.sketch.codes(isa, Side::Queries, count, query);
        let groups = self.groups.assign(isa, &codes);
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.sort_by_key(|&i| (groups[i as usize], i));
        SortedQueries { codes, groups, order }
    }

    /// One of the sorted queries, given its values.
    pub fn query<'q>(&self, isa: Isa, sorted: &'q SortedQueries, q: usize, values: &'q [T]) -> Query<'q, T> {
        let (coarse, fine) = (self.sketch.coarse.bytes(), self.sketch.fine.lines());
        Query {
            values,
            square: T::square(isa, values),
            coarse: &sorted.codes.coarse[q * coarse..][..coarse],
            fine: &sorted.codes.fine[q * fine..][..fine],
            errors: sorted.codes.errors[q],
            group: sorted.groups[q],
        }
    }

    /// Offers every row that could be among the k nearest rows of the queries of a block.
    pub fn search<M: Measure + MeasureOf<T>>(
        &self,
        isa: Isa,
        queries: &[Query<'_, T>],
        best: &mut [TopK<<M as MeasureOf<T>>::Key>],
        check_stopped: impl Fn() -> ControlFlow<()>,
    ) -> (Counts, ControlFlow<()>) {
        let mut block = Block::<T, M>::new(self, isa, queries, best);
        let end = match block.scout(&check_stopped) {
            ControlFlow::Continue(()) => block.scan(&check_stopped),
            stopped => stopped,
        };
        (block.counts, end)
    }

    /// T of the fine codes of a query and of the row at a place.
    fn fine_square(&self, isa: Isa, query: &Query<'_, T>, place: usize) -> f64 {
        distance::l2_squared_of_lines(isa, query.fine, self.fine(place)) as f64
    }

    /// The panels of a stripe, the place of its first row, and its number of rows.
    fn stripe(&self, s: usize) -> (std::ops::Range<usize>, usize, usize) {
        let panels = STRIPE / self.coarse.rows_of_a_panel();
        let range = s * panels..self.coarse.len().min((s + 1) * panels);
        (range, s * STRIPE, STRIPE.min(self.len() - s * STRIPE))
    }
}

/// The rows with the smallest T so far.
#[derive(Clone)]
struct Promising {
    most: usize,
    /// At least the `most` smallest of those offered, and possibly some more.
    rows: Vec<(u32, u32)>,
    /// Rows with this T or a larger one are rejected.
    worst: u32,
}

impl Promising {
    fn new(most: usize) -> Self {
        Promising { most, rows: Vec::with_capacity(4 * most), worst: u32::MAX }
    }

    /// Offers adjacent rows.
    fn offer(&mut self, squares: &[u32], first: u32) {
        for (squares, first) in squares.chunks(16).zip((first..).step_by(16)) {
            // Branch-free, so that it is vectorised.
            if !squares.iter().fold(false, |any, &t| any | (t < self.worst)) {
                continue;
            }
            let rows = squares.iter().copied().zip(first..);
            self.rows.extend(rows.filter(|&(t, _)| t < self.worst));
            if self.rows.len() > 3 * self.most {
                self.keep_the_smallest();
            }
        }
    }

    fn keep_the_smallest(&mut self) {
        if self.rows.len() > self.most {
            self.worst = self.rows.select_nth_unstable(self.most - 1).1.0;
            self.rows.truncate(self.most);
        }
    }

    /// The `most` smallest, in no particular order.
    fn smallest(&mut self) -> &[(u32, u32)] {
        self.keep_the_smallest();
        &self.rows
    }
}

/// A block of queries.
struct Block<'a, T: Value, M: Measure + MeasureOf<T>> {
    index: &'a PrunedRows<T>,
    isa: Isa,
    queries: &'a [Query<'a, T>],
    best: &'a mut [TopK<<M as MeasureOf<T>>::Key>],
    /// The coarse codes of the queries, packed for the kernels.
    packed: Queries,
    /// The reach of each query's threshold; infinite until there is a threshold.
    reach: Vec<f64>,
    /// The places that were compared in full while scouting, ascending, for each query.
    scouted: Vec<Vec<u32>>,
    counts: Counts,
}

impl<'a, T: Value, M: Measure + MeasureOf<T>> Block<'a, T, M> {
    fn new(
        index: &'a PrunedRows<T>,
        isa: Isa,
        queries: &'a [Query<'a, T>],
        best: &'a mut [TopK<<M as MeasureOf<T>>::Key>],
    ) -> Self {
        let codes = queries.iter().map(|query| query.coarse);
        Block {
            index,
            isa,
            queries,
            best,
            packed: Queries::new(isa, PanelKind::L2Squared, index.sketch.coarse.bytes(), codes),
            reach: vec![f64::INFINITY; queries.len()],
            scouted: vec![Vec::new(); queries.len()],
            counts: Counts::default(),
        }
    }

    /// Finds a threshold for each query that is close to its final value.
    fn scout(&mut self, check_stopped: &impl Fn() -> ControlFlow<()>) -> ControlFlow<()> {
        let index = self.index;
        let k = self.best.first().map_or(0, TopK::k);
        let stripes = self.stripes_to_scout(k);
        let most = PROMISING + 2 * k;

        let mut promising = vec![Promising::new(most); self.queries.len()];
        let mut tile = vec![0; self.queries.len() * STRIPE];
        for s in stripes {
            check_stopped()?;
            let (panels, first, rows) = index.stripe(s);
            let columns = panels.len() * index.coarse.rows_of_a_panel();
            let tile = &mut tile[..self.queries.len() * columns];
            index.coarse.measure(self.isa, &self.packed, panels, tile);
            for (promising, squares) in promising.iter_mut().zip(tile.chunks_exact(columns)) {
                promising.offer(&squares[..rows], first as u32);
            }
        }
        for (q, promising) in promising.iter_mut().enumerate() {
            let promising = promising.smallest();
            promising.iter().for_each(|&(_, place)| prefetch(index.fine(place as usize)));
            let query = &self.queries[q];
            let fine = |&(_, place): &(u32, u32)| (index.fine_square(self.isa, query, place as usize), place);
            let mut in_order: Vec<(f64, u32)> = promising.iter().map(fine).collect();
            in_order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            in_order.iter().take(k + 2).for_each(|&(_, place)| prefetch(index.at(place as usize)));
            for (t, place) in in_order {
                if t > self.largest_fine(q, place as usize) {
                    break;
                }
                let key = self.key(q, place as usize);
                self.counts.rows += 1;
                self.offer(q, place, key);
                self.scouted[q].push(place);
            }
            self.scouted[q].sort_unstable();
        }
        ControlFlow::Continue(())
    }

    /// The stripes that contain the groups of the queries, with enough rows around them for k neighbours.
    fn stripes_to_scout(&self, k: usize) -> Vec<usize> {
        let index = self.index;
        let mut wanted = vec![false; index.errors.len()];
        for query in self.queries {
            let group = &index.places[usize::from(query.group)];
            let missing = (MIN_SCOUTED + 4 * k).saturating_sub(group.len()).div_ceil(2);
            let first = group.start.saturating_sub(missing) / STRIPE;
            let last = (group.end + missing).div_ceil(STRIPE).clamp(first + 1, wanted.len());
            wanted[first.min(last - 1)..last].fill(true);
        }
        (0..wanted.len()).filter(|&s| wanted[s]).collect()
    }

    /// Compares the queries with all stripes.
    fn scan(&mut self, check_stopped: &impl Fn() -> ControlFlow<()>) -> ControlFlow<()> {
        let index = self.index;
        let count = self.queries.len();
        let mut thresholds = vec![(f64::NAN, f64::NAN, 0); count];
        let mut largest = vec![0; count];
        let mut masks = vec![0; count * STRIPE.div_ceil(index.coarse.rows_of_a_panel())];
        let (mut passed, mut remaining) = (Vec::new(), Vec::new());
        let enough = PATIENCE * (index.len() * count) as f64 * index.cost.without_codes();
        let mut spent = 0.0;
        for (s, &error) in index.errors.iter().enumerate() {
            check_stopped()?;
            let (panels, first, rows) = index.stripe(s);
            if T::HAS_PANELS && spent > enough {
                self.whole_stripe(first, rows);
                continue;
            }
            for (q, (largest, known)) in largest.iter_mut().zip(&mut thresholds).enumerate() {
                // A threshold is recomputed only if its inputs have changed.
                let reach = self.reach[q];
                if (known.0, known.1) != (reach, error) {
                    let threshold = index.sketch.coarse.threshold(reach + self.queries[q].errors[0] + error);
                    *known = (reach, error, threshold as u32);
                }
                *largest = known.2;
            }
            let masks = &mut masks[..count * panels.len()];
            let (of_a_panel, panels_here) = (index.coarse.rows_of_a_panel(), panels.len());
            index.coarse.within(self.isa, &self.packed, panels, &largest, masks);

            passed.clear();
            for (q, masks) in masks.chunks_exact(panels_here).enumerate() {
                for (panel, &mask) in masks.iter().enumerate() {
                    let mut mask = mask;
                    while mask != 0 {
                        let offset = panel * of_a_panel + mask.trailing_zeros() as usize;
                        mask &= mask - 1;
                        // The last panel is padded with zeros that are not rows.
                        if offset < rows {
                            prefetch(index.fine(first + offset));
                            passed.push((q as u32, (first + offset) as u32));
                        }
                    }
                }
            }
            self.counts.fine += passed.len() as u64;
            self.filter_by_fine_codes(&passed, &mut remaining);
            spent += passed.len() as f64 * index.cost.fine(index.sketch.fine.bytes());
            spent += remaining.len() as f64 * index.cost.row();
            self.compare_rows(&remaining);
        }
        ControlFlow::Continue(())
    }

    /// Filters the collected pairs: keeps those that fine codes do not prune and that were not compared while scouting.
    fn filter_by_fine_codes(&self, passed: &[(u32, u32)], remaining: &mut Vec<(u32, u32)>) {
        remaining.clear();
        for &(q, place) in passed {
            let (query, p) = (q as usize, place as usize);
            let t = self.index.fine_square(self.isa, &self.queries[query], p);
            if t <= self.largest_fine(query, p) && self.scouted[query].binary_search(&place).is_err() {
                prefetch(self.index.at(p));
                remaining.push((q, place));
            }
        }
    }

    /// Compares whole rows.
    fn compare_rows(&mut self, remaining: &[(u32, u32)]) {
        for &(q, place) in remaining {
            let key = self.key(q as usize, place as usize);
            self.offer(q as usize, place, key);
        }
        self.counts.rows += remaining.len() as u64;
    }

    /// Offers all rows of a stripe to all queries.
    fn whole_stripe(&mut self, first: usize, rows: usize) {
        let index = self.index;
        let values: Vec<&[T]> = (first..first + rows).map(|place| index.at(place)).collect();
        T::panel_keys::<M>(self.isa, self.queries, &values, |q, i, key| {
            let place = (first + i) as u32;
            if self.scouted[q].binary_search(&place).is_err() {
                self.counts.rows += 1;
                self.offer(q, place, key);
            }
        });
    }

    /// The key of the row at a place.
    fn key(&self, q: usize, place: usize) -> <M as MeasureOf<T>>::Key {
        let square = self.index.squares.get(place).copied().unwrap_or(f64::NAN);
        let query = &self.queries[q];
        <M as MeasureOf<T>>::key(self.isa, query.values, self.index.at(place), [query.square, square])
    }

    /// The largest T of fine codes that does not prune the row at a place.
    fn largest_fine(&self, q: usize, place: usize) -> f64 {
        let errors = self.queries[q].errors[1] + f64::from(self.index.fine_errors[place]);
        self.index.sketch.fine.threshold(self.reach[q] + errors)
    }

    /// Offers all rows at a place.
    fn offer(&mut self, q: usize, place: u32, key: <M as MeasureOf<T>>::Key) {
        let best = &mut self.best[q];
        // Of equal rows, if one is rejected, so are all after it.
        let entered =
            self.index.rows_at(place as usize).iter().take_while(|&&row| best.offer(key, row)).count();
        if entered > 0
            && let Some(threshold) = best.threshold()
        {
            let (square, longest) = (self.queries[q].square, self.index.longest());
            self.reach[q] = <M as MeasureOf<T>>::reach(square, longest, threshold);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl<'q, T> Query<'q, T> {
        /// A query without codes, for comparisons of whole rows.
        pub(in crate::neighbors::pruned) fn without_codes(values: &'q [T], square: f64) -> Self {
            Query { values, square, coarse: &[], fine: &[], errors: [f64::NAN; 2], group: 0 }
        }
    }

    /// In whatever order they are offered, the rows with the smallest T are kept, and rows at the cutoff are rejected.
    #[test]
    fn the_most_promising_rows_are_the_first_after_sorting() {
        let all: Vec<u32> = (0..1000u32).map(|i| i.wrapping_mul(0x9e37_79b9) >> 12).collect();
        for most in [1, 5, 40] {
            for stripe in [1, 16, 50, 256] {
                let mut promising = Promising::new(most);
                for (i, squares) in all.chunks(stripe).enumerate() {
                    promising.offer(squares, (i * stripe) as u32);
                    assert!(promising.rows.len() <= 3 * most + 16);
                }
                let mut expected: Vec<(u32, u32)> = all.iter().copied().zip(0..).collect();
                expected.sort();
                expected.truncate(most);
                let mut found = promising.smallest().to_vec();
                found.sort();
                assert_eq!(found, expected, "{most} of stripes of {stripe}");
                assert_eq!(promising.worst, expected[most - 1].0);
            }
        }
        let mut few = Promising::new(9);
        few.offer(&[7, 3], 40);
        assert_eq!(few.smallest(), [(7, 40), (3, 41)]);
        assert_eq!(few.worst, u32::MAX);
    }
}
