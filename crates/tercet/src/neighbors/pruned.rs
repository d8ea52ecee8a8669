//! [`PrunedRows`]: rows that are searched by their codes first, and by their pixels only where codes cannot rule them
//! out.
//!
//! Rows are kept in an order in which near ones stand together, cut into stripes. Queries are sorted the same way and
//! taken in blocks, so the queries of a block are near one another. A block goes through the stripes, those nearest
//! to it first: so its queries find good neighbours at once, their bars are low from then on, and of the stripes
//! far away hardly a row passes. The answer depends on none of this: every row that is not looked at was proved to
//! lie farther away than k others (see [`sketch`](super::sketch)).
//!
//! Where there is nothing to rule out (noise, say), codes are a waste. A block that notices measures the pixels of
//! whole stripes instead, as a search without codes does.

use std::ops::ControlFlow;

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::distance::{self, Measure, Panels, Queries};

use super::best::Best;
use super::metric::ByteL2;
use super::sketch::{COARSE, Code, Codes, FINE, Sketch};

/// Rows of a stripe: some panels.
const STRIPE: usize = 256;

/// How many groups rows and queries are sorted into.
const CLUSTERS: usize = 256;

/// Codes that the groups are found from.
const SAMPLE: usize = 8192;

/// Stripes after which a block asks whether its codes are worth their while.
const TRIAL: usize = 8;

/// They are not where more than one row in so many had to be looked at.
const WORTH: usize = 4;

/// Rows with their codes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PrunedRows {
    width: usize,
    /// All rows, (N, D), in the order of the search.
    rows: Vec<u8>,
    /// Which row of the data set stands at each place, and at which place each row stands.
    row_at: Vec<u32>,
    place_of: Vec<u32>,
    sketch: Sketch,
    /// The codes of all rows, in the order of the search.
    coarse: Panels,
    fine: Vec<Fine>,
    /// e of each fine code, rounded up.
    fine_errors: Vec<f32>,
    stripes: Vec<Stripe>,
    /// The centres of the groups, as coarse codes.
    centres: Panels,
}

/// A fine code, on lines of the cache of its own.
#[derive(Clone, Debug, PartialEq)]
#[repr(C, align(64))]
struct Fine {
    bytes: [u8; FINE],
}

#[derive(Clone, Debug, PartialEq)]
struct Stripe {
    /// The mean of its coarse codes.
    centre: [u8; COARSE],
    /// The largest e of its coarse codes.
    error: f64,
}

/// A query on its way through the stripes.
pub(super) struct Query<'q> {
    pub pixels: &'q [u8],
    pub codes: &'q Codes,
}

impl PrunedRows {
    /// Sorts the rows and finds their codes.
    ///
    /// # Shapes
    /// `row(i)` is (D) for each i below `count`.
    pub fn fit<'x>(isa: Isa, count: usize, width: usize, row: impl Fn(usize) -> &'x [u8] + Sync) -> Self {
        let sketch = Sketch::fit(isa, count, width, &row);
        let codes = sketch.codes(isa, count, &row);
        let centres = centres(isa, &codes);
        let row_at = sorted(isa, &centres, &codes);
        let mut place_of = vec![0; count];
        for (place, &i) in (0..).zip(&row_at) {
            place_of[i as usize] = place;
        }
        let stripes = row_at.chunks(STRIPE).map(|rows| {
            let codes = || rows.iter().map(|&i| &codes[i as usize]);
            Stripe {
                centre: mean(codes().map(|codes| &codes.0)),
                error: codes().map(|codes| codes.0.error).fold(0.0, f64::max),
            }
        });
        let stripes: Vec<Stripe> = stripes.collect();
        let mut rows = vec![0; count * width];
        rows.par_chunks_exact_mut(width)
            .zip(&row_at)
            .for_each(|(to, &i)| to.copy_from_slice(row(i as usize)));
        PrunedRows {
            width,
            rows,
            sketch,
            coarse: panels(row_at.iter().map(|&i| &codes[i as usize].0.bytes)),
            fine: row_at.iter().map(|&i| Fine { bytes: codes[i as usize].1.bytes }).collect(),
            fine_errors: row_at.iter().map(|&i| (codes[i as usize].1.error as f32).next_up()).collect(),
            stripes,
            centres,
            row_at,
            place_of,
        }
    }

    /// The pixels of row `i` of the data set.
    pub fn row(&self, i: usize) -> &[u8] {
        self.row_at_place(self.place_of[i] as usize)
    }

    fn row_at_place(&self, place: usize) -> &[u8] {
        &self.rows[place * self.width..][..self.width]
    }

    /// The codes of queries, and an order of them in which near ones stand together.
    pub fn sort<'q>(
        &self,
        isa: Isa,
        count: usize,
        query: impl Fn(usize) -> &'q [u8] + Sync,
    ) -> (Vec<Codes>, Vec<u32>) {
        let codes = self.sketch.codes(isa, count, query);
        let order = sorted(isa, &self.centres, &codes);
        (codes, order)
    }

    /// Offers every row that could be among the k nearest to the queries of a block.
    pub fn search(
        &self,
        isa: Isa,
        queries: &[Query<'_>],
        best: &mut [Best<ByteL2>],
        go_on: impl Fn() -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut block = Block::new(self, isa, queries);
        let centre = mean(queries.iter().map(|query| &query.codes.0));
        let far = |stripe: &Stripe| distance::l2_squared(isa, &stripe.centre, &centre);
        let mut nearest: Vec<(u64, usize)> =
            self.stripes.iter().enumerate().map(|(s, stripe)| (far(stripe), s)).collect();
        nearest.sort_unstable();

        let mut worth = true;
        for (done, &(_, s)) in nearest.iter().enumerate() {
            go_on()?;
            if done == TRIAL {
                worth = block.looked_at * WORTH <= TRIAL * STRIPE * queries.len();
            }
            if !worth {
                block.measure_pixels(s, best);
            } else if best.iter().any(|best| best.bar().is_none()) {
                block.look_in_order_of_codes(s, best);
            } else {
                block.look_at_what_passes(s, best);
            }
        }
        ControlFlow::Continue(())
    }
}

/// A block of queries.
struct Block<'a> {
    index: &'a PrunedRows,
    isa: Isa,
    queries: &'a [Query<'a>],
    /// The coarse codes of the queries, as the kernels want them.
    packed: Queries,
    /// The largest coarse T that passes, for each query.
    thresholds: Vec<u32>,
    masks: Vec<u32>,
    tile: Vec<u32>,
    by_code: Vec<(u32, usize)>,
    /// How many pairs were compared by their pixels.
    looked_at: usize,
}

impl<'a> Block<'a> {
    fn new(index: &'a PrunedRows, isa: Isa, queries: &'a [Query<'a>]) -> Self {
        let codes = queries.iter().map(|query| &query.codes.0.bytes[..]);
        Block {
            index,
            isa,
            queries,
            packed: Queries::new(isa, Measure::L2Squared, COARSE, codes),
            thresholds: vec![0; queries.len()],
            masks: vec![0; queries.len() * STRIPE.div_ceil(index.coarse.rows_of_a_panel())],
            tile: vec![0; queries.len() * STRIPE],
            by_code: Vec::with_capacity(STRIPE),
            looked_at: 0,
        }
    }

    /// The panels of a stripe, the place of its first row, and how many rows it has.
    fn stripe(&self, s: usize) -> (std::ops::Range<usize>, usize, usize) {
        let panels = STRIPE / self.index.coarse.rows_of_a_panel();
        let range = s * panels..self.index.coarse.len().min((s + 1) * panels);
        (range, s * STRIPE, STRIPE.min(self.index.row_at.len() - s * STRIPE))
    }

    /// For queries that have no bar yet: rows in the order of their coarse codes, until the bar rules the rest out.
    fn look_in_order_of_codes(&mut self, s: usize, best: &mut [Best<ByteL2>]) {
        let (panels, first, rows) = self.stripe(s);
        let columns = panels.len() * self.index.coarse.rows_of_a_panel();
        let tile = &mut self.tile[..self.queries.len() * columns];
        self.index.coarse.measure(self.isa, &self.packed, panels, tile);
        let error = self.index.stripes[s].error;
        for ((query, best), numbers) in self.queries.iter().zip(best).zip(tile.chunks_exact(columns)) {
            self.by_code.clear();
            self.by_code.extend(numbers[..rows].iter().zip(first..).map(|(&t, place)| (t, place)));
            self.by_code.sort_unstable();
            let errors = query.codes.0.error + error;
            for &(t, place) in &self.by_code {
                let largest = best.bar().map(|bar| self.index.sketch.coarse.threshold(bar.0, errors));
                if largest.is_some_and(|largest| t > largest) {
                    break;
                }
                self.looked_at += usize::from(look(self.index, self.isa, query, place, best));
            }
        }
    }

    /// For queries that have a bar: all rows whose coarse code passes, then those of them whose fine code does.
    fn look_at_what_passes(&mut self, s: usize, best: &mut [Best<ByteL2>]) {
        let (panels, first, rows) = self.stripe(s);
        let (index, stripe) = (self.index, &self.index.stripes[s]);
        for ((largest, query), best) in self.thresholds.iter_mut().zip(self.queries).zip(best.iter()) {
            let errors = query.codes.0.error + stripe.error;
            *largest = best.bar().map_or(u32::MAX, |bar| index.sketch.coarse.threshold(bar.0, errors));
        }
        let (count, of_a_panel) = (panels.len(), index.coarse.rows_of_a_panel());
        let masks = &mut self.masks[..self.queries.len() * count];
        index.coarse.within(self.isa, &self.packed, panels, &self.thresholds, masks);

        for ((query, best), masks) in self.queries.iter().zip(best).zip(masks.chunks_exact(count)) {
            for (panel, &mask) in masks.iter().enumerate() {
                let mut mask = mask;
                while mask != 0 {
                    let offset = panel * of_a_panel + mask.trailing_zeros() as usize;
                    mask &= mask - 1;
                    // The last panel is filled up with zeros that are no rows.
                    if offset >= rows {
                        break;
                    }
                    let place = first + offset;
                    self.looked_at += usize::from(look(index, self.isa, query, place, best));
                }
            }
        }
    }

    /// All rows of a stripe against all queries, by their pixels.
    fn measure_pixels(&mut self, s: usize, best: &mut [Best<ByteL2>]) {
        let (_, first, rows) = self.stripe(s);
        let width = self.index.width;
        let pixels = (first..first + rows).map(|place| self.index.row_at_place(place));
        let stripe = Panels::new(Measure::L2Squared, width, pixels);
        let columns = stripe.len() * stripe.rows_of_a_panel();
        let tile = &mut self.tile[..self.queries.len() * columns];
        let queries = self.queries.iter().map(|query| query.pixels);
        let packed = Queries::new(self.isa, Measure::L2Squared, width, queries);
        stripe.measure(self.isa, &packed, 0..stripe.len(), tile);
        for (best, numbers) in best.iter_mut().zip(tile.chunks_exact(columns)) {
            for (&square, &row) in numbers[..rows].iter().zip(&self.index.row_at[first..]) {
                best.offer(ByteL2(u64::from(square)), row);
            }
        }
    }
}

/// Measures the pixels of one row, unless its fine code rules it out. Returns whether it did.
fn look(index: &PrunedRows, isa: Isa, query: &Query<'_>, place: usize, best: &mut Best<ByteL2>) -> bool {
    if let Some(bar) = best.bar() {
        let t = distance::l2_squared(isa, &query.codes.1.bytes, &index.fine[place].bytes);
        let errors = query.codes.1.error + f64::from(index.fine_errors[place]);
        if t > u64::from(index.sketch.fine.threshold(bar.0, errors)) {
            return false;
        }
    }
    let square = distance::l2_squared(isa, query.pixels, index.row_at_place(place));
    best.offer(ByteL2(square), index.row_at[place]);
    true
}

/// Coarse codes as the kernels compare them.
fn panels<'c>(codes: impl ExactSizeIterator<Item = &'c [u8; COARSE]>) -> Panels {
    Panels::new(Measure::L2Squared, COARSE, codes.map(|code| &code[..]))
}

/// The mean of some codes, rounded.
fn mean<'c>(codes: impl Iterator<Item = &'c Code<COARSE>>) -> [u8; COARSE] {
    let (mut sums, mut count) = ([0u64; COARSE], 0u64);
    for code in codes {
        sums.iter_mut().zip(code.bytes).for_each(|(sum, byte)| *sum += u64::from(byte));
        count += 1;
    }
    sums.map(|sum| ((sum + count / 2) / count.max(1)) as u8)
}

/// An order of rows in which those of a group stand together.
fn sorted(isa: Isa, centres: &Panels, codes: &[Codes]) -> Vec<u32> {
    let coarse: Vec<&[u8; COARSE]> = codes.iter().map(|codes| &codes.0.bytes).collect();
    let group = nearest_centres(isa, centres, &coarse);
    let mut order: Vec<u32> = (0..codes.len() as u32).collect();
    order.sort_by_key(|&i| (group[i as usize], i));
    order
}

/// Which centre is nearest to each code; the first of equals.
fn nearest_centres(isa: Isa, centres: &Panels, codes: &[&[u8; COARSE]]) -> Vec<u16> {
    let mut nearest = vec![0; codes.len()];
    nearest.par_chunks_mut(96).zip(codes.par_chunks(96)).for_each(|(nearest, codes)| {
        let packed = Queries::new(isa, Measure::L2Squared, COARSE, codes.iter().map(|code| &code[..]));
        let columns = centres.len() * centres.rows_of_a_panel();
        let mut tile = vec![0; codes.len() * columns];
        centres.measure(isa, &packed, 0..centres.len(), &mut tile);
        for (nearest, numbers) in nearest.iter_mut().zip(tile.chunks_exact(columns)) {
            let numbers = &numbers[..centres.rows()];
            let smallest = numbers.iter().copied().fold(u32::MAX, u32::min);
            *nearest = numbers.iter().position(|&t| t == smallest).unwrap_or(0) as u16;
        }
    });
    nearest
}

/// Centres of groups: a few rounds of Lloyd's algorithm on a sample of the codes.
fn centres(isa: Isa, codes: &[Codes]) -> Panels {
    let size = codes.len().min(SAMPLE);
    let sample: Vec<&Code<COARSE>> = (0..size).map(|i| &codes[i * codes.len() / size].0).collect();
    let bytes: Vec<&[u8; COARSE]> = sample.iter().map(|code| &code.bytes).collect();
    let count = CLUSTERS.min(size);
    let mut centres: Vec<[u8; COARSE]> = (0..count).map(|i| *bytes[i * size / count]).collect();
    for _ in 0..4 {
        let nearest = nearest_centres(isa, &panels(centres.iter()), &bytes);
        let mut members: Vec<Vec<&Code<COARSE>>> = vec![Vec::new(); count];
        for (code, &centre) in sample.iter().zip(&nearest) {
            members[usize::from(centre)].push(code);
        }
        for (centre, members) in centres.iter_mut().zip(&members) {
            if !members.is_empty() {
                *centre = mean(members.iter().copied());
            }
        }
    }
    panels(centres.iter())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Dataset, ImageShape};
    use crate::neighbors::index::Contract;
    use crate::neighbors::{Metric, NearestNeighbors, naive};

    fn set(width: usize, rows: &[Vec<u8>]) -> Dataset {
        let pixels: Vec<u8> = rows.concat();
        let labels = vec![0; rows.len()];
        Dataset::from_pixels("x", ImageShape::gray(width, 1), pixels, labels, vec!["0".into()]).unwrap()
    }

    /// Rows that make ties and near-ties: copies, one-pixel changes, extremes, and noise around a few patterns.
    fn rows(width: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
        let kind = (0..6usize, any::<u64>());
        prop::collection::vec(kind, 1..700).prop_map(move |kinds| {
            let mut rows: Vec<Vec<u8>> = Vec::new();
            for (kind, seed) in kinds {
                let mut state = seed | 1;
                let mut next = || {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                    (state >> 56) as u8
                };
                let earlier = rows.get(seed as usize % rows.len().max(1)).cloned();
                rows.push(match (kind, earlier) {
                    (0, Some(row)) => row,
                    (1, Some(mut row)) => {
                        let at = seed as usize % width;
                        row[at] = row[at].wrapping_add(1);
                        row
                    }
                    (2, _) => vec![if seed & 1 == 0 { 0 } else { 255 }; width],
                    (3, _) => (0..width).map(|_| if next() & 1 == 0 { 0 } else { 255 }).collect(),
                    (4, _) => (0..width).map(|i| (i as u64 * (seed % 5) % 97) as u8 + next() % 16).collect(),
                    _ => (0..width).map(|_| next()).collect(),
                });
            }
            rows
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// Complete lists, indices and distances, against the naive search, on every instruction set.
        #[test]
        fn no_neighbour_is_lost(
            (width, rows, queries) in prop::sample::select(vec![1, 3, 47, 48, 100, 130, 300])
                .prop_flat_map(|width| (Just(width), rows(width), rows(width))),
            k in 1..20usize,
        ) {
            let (data, queries) = (set(width, &rows), set(width, &queries[..queries.len().min(40)]));
            let k = k.min(data.len());
            let expected = naive::search(&data, &queries, Metric::L2, k).unwrap();
            for isa in Isa::available() {
                let contract = Contract::of(&data, Metric::L2).unwrap();
                let index = NearestNeighbors::pruned(isa, &data, contract);
                prop_assert_eq!(&index.search(&queries, k).unwrap(), &expected);
            }
        }
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let rows: Vec<Vec<u8>> =
            (0..600u32).map(|i| (0..300).map(|j| (i * j % 251) as u8).collect()).collect();
        let data = set(300, &rows);
        let index = NearestNeighbors::pruned(Isa::active(), &data, Contract::of(&data, Metric::L2).unwrap());
        for (i, row) in rows.iter().enumerate() {
            assert_eq!(index.pixels(i).as_ref(), Some(row));
        }
        assert_eq!(index.features(), crate::neighbors::Features::U8(rows.concat()));
    }

    /// A block that finds nothing to rule out goes on without codes, and still finds the same.
    #[test]
    fn noise_is_searched_without_codes() {
        let mut state = 1u64;
        let mut noise = |count: usize| -> Vec<Vec<u8>> {
            let mut next = || {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
                (state >> 56) as u8
            };
            (0..count).map(|_| (0..256).map(|_| next()).collect()).collect()
        };
        let (data, queries) = (set(256, &noise(STRIPE * (TRIAL + 3) + 5)), set(256, &noise(30)));
        let index = NearestNeighbors::pruned(Isa::active(), &data, Contract::of(&data, Metric::L2).unwrap());
        let expected = naive::search(&data, &queries, Metric::L2, 4).unwrap();
        assert_eq!(index.search(&queries, 4).unwrap(), expected);
    }
}
