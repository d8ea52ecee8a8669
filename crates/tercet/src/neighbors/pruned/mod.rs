//! [`PrunedRows`]: rows that are compared by their codes first, and in full only if the codes cannot prune them.
//!
//! ```text
//! rows → plan → sketch → codes → order               (fit, once)
//! queries → codes → scout → scan → full comparison   (search, a block of queries at a time)
//! ```
//!
//! | file | |
//! |---|---|
//! | `value` | rows of bytes and of floats, and their projections onto axes |
//! | `principal` | the principal components |
//! | `plan` | the lengths of the codes |
//! | `sketch` | codes, and the proof that they lose no neighbour |
//! | `order` | the grouping of rows |
//! | `search` | the search itself |

mod order;
mod plan;
mod principal;
mod search;
mod sketch;
#[cfg(test)]
mod tests;
mod value;

use std::ops::Range;

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::distance::{Line, Panels};

use crate::data::Examples;

pub(super) use search::Query;
pub(super) use value::Value;

use order::{Groups, panels};
use plan::{Cost, Plan, Sample};
pub(super) use sketch::Space;
use sketch::{Codes, Side, Sketch};

/// Maximum number of bytes of a code in addition to those of its axes.
pub(super) const MORE_BYTES: usize = 2;

/// Rows per stripe: several panels.
const STRIPE: usize = 256;

/// Maximum number of axes for rows of bytes, and for rows of floats, which cost more to compare in full.
const MOST_AXES: [usize; 2] = [127, 191];

/// Rows whose coarse code has an error of more than this many times the median are placed after all others, where they
/// do not loosen the bounds of other stripes.
const OUTLIER: f64 = 1.5;

/// Rows with their codes.
#[derive(Clone, Debug)]
pub(super) struct PrunedRows<T: Value> {
    /// The rows, shared with other users of the data set.
    data: Examples,
    /// Rows of the data set in search order. Equal rows share a place (except for rare ones whose codes have the same
    /// hash as others, which is harmless): those of place p are `order[starts[p] ‥ starts[p + 1]]`, in ascending order.
    order: Vec<u32>,
    starts: Vec<u32>,
    sketch: Sketch<T>,
    /// The codes of all rows, in search order.
    coarse: Panels,
    fine: Vec<Line>,
    /// e of each fine code, rounded up.
    fine_errors: Vec<f32>,
    /// The largest e of a coarse code in each stripe.
    errors: Vec<f64>,
    /// ‖x‖² at each place, if rows are compared by their directions.
    squares: Vec<f64>,
    /// The cost of the steps of a search.
    cost: Cost,
    groups: Groups,
    /// The range of places of each group.
    places: Vec<Range<usize>>,
}

impl<T: Value> PrunedRows<T> {
    /// Computes and sorts the codes of the rows; `None` if codes are not worthwhile.
    pub fn fit(isa: Isa, data: &Examples, space: Space) -> Option<Self> {
        let most = MOST_AXES[usize::from(size_of::<T>() > 1)];
        let sample = Sample::new(isa, data, space, most);
        let plan = sample.plan(isa, data)?;
        Some(Self::as_planned(isa, data, &sample, plan))
    }

    fn as_planned(isa: Isa, data: &Examples, sample: &Sample<'_, T>, plan: Plan) -> Self {
        let sketch = Sketch::fit(isa, sample, plan);
        let codes = sketch.codes(isa, Side::Rows, data.len(), |i| T::row(data, i));
        let (bytes, lines) = (sketch.coarse.bytes(), sketch.fine.lines());
        let groups = Groups::find(isa, &codes, bytes);
        let order = search_order(&codes, &groups.assign(isa, &codes), bytes, lines);
        let row = |place: &Place| T::row(data, place.row as usize);
        let starts = (0..order.len()).filter(|&i| {
            i == 0 || order[i].hash != order[i - 1].hash || row(&order[i]) != row(&order[i - 1])
        });
        let mut starts: Vec<u32> = starts.map(|i| i as u32).collect();
        let firsts: Vec<Place> = starts.iter().map(|&i| order[i as usize]).collect();
        starts.push(order.len() as u32);
        let from =
            |group: usize| firsts.partition_point(|place| !place.outlier && usize::from(place.group) < group);
        let places = (0..groups.len()).map(|group| from(group)..from(group + 1)).collect();
        let firsts: Vec<u32> = firsts.iter().map(|place| place.row).collect();
        let coarse = |i: u32| &codes.coarse[i as usize * bytes..][..bytes];
        let error = |rows: &[u32]| rows.iter().map(|&i| codes.errors[i as usize][0]).fold(0.0, f64::max);
        PrunedRows {
            coarse: panels(firsts.iter().map(|&i| coarse(i)), bytes),
            fine: firsts.iter().flat_map(|&i| &codes.fine[i as usize * lines..][..lines]).copied().collect(),
            fine_errors: firsts.iter().map(|&i| (codes.errors[i as usize][1] as f32).next_up()).collect(),
            errors: firsts.chunks(STRIPE).map(error).collect(),
            data: data.clone(),
            order: order.iter().map(|place| place.row).collect(),
            starts,
            squares: match sample.space {
                Space::Directions => {
                    firsts.iter().map(|&i| T::square(isa, T::row(data, i as usize))).collect()
                }
                Space::Plain | Space::Products => Vec::new(),
            },
            cost: Cost::new::<T>(isa, data.width()),
            sketch,
            groups,
            places,
        }
    }

    /// An upper bound on the largest ‖x‖², if rows are compared by their products.
    pub fn longest(&self) -> f64 {
        self.sketch.longest
    }

    /// The rows as they were stored.
    pub fn data(&self) -> &Examples {
        &self.data
    }

    /// The number of distinct rows.
    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The rows of the data set at a place.
    fn rows_at(&self, place: usize) -> &[u32] {
        &self.order[self.starts[place] as usize..self.starts[place + 1] as usize]
    }

    /// The row at a place.
    fn at(&self, place: usize) -> &[T] {
        T::row(&self.data, self.order[self.starts[place] as usize] as usize)
    }

    /// The fine code at a place.
    fn fine(&self, place: usize) -> &[Line] {
        let lines = self.sketch.fine.lines();
        &self.fine[place * lines..][..lines]
    }

    /// The memory used by the rows and everything computed from them, in bytes.
    pub fn bytes(&self) -> usize {
        self.data.len() * self.data.width() * size_of::<T>()
            + size_of_val(&*self.order)
            + size_of_val(&*self.starts)
            + self.coarse.bytes()
            + size_of_val(&*self.fine)
            + size_of_val(&*self.fine_errors)
            + size_of_val(&*self.errors)
            + size_of_val(&*self.squares)
            + size_of_val(&*self.places)
            + self.groups.bytes()
            + T::basis_bytes(&self.sketch.basis)
    }
}

/// A row in search order: group by group, equal rows next to each other, rows with a large code error last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    outlier: bool,
    group: u16,
    /// A hash that equal rows share, and hardly any others.
    hash: u64,
    row: u32,
}

fn search_order(codes: &Codes, groups: &[u16], bytes: usize, lines: usize) -> Vec<Place> {
    let mut errors: Vec<f64> = codes.errors.iter().map(|errors| errors[0]).collect();
    let middle = errors.len() / 2;
    let median = *errors.select_nth_unstable_by(middle, f64::total_cmp).1;
    let coarse = |row: usize| &codes.coarse[row * bytes..][..bytes];
    let fine = |row: usize| &codes.fine[row * lines..][..lines];
    let place = |row: usize| Place {
        outlier: codes.errors[row][0] > OUTLIER * median,
        group: groups[row],
        hash: code_hash(coarse(row), fine(row)),
        row: row as u32,
    };
    let mut order: Vec<Place> = (0..groups.len()).into_par_iter().map(place).collect();
    order.par_sort_unstable();
    order
}

/// A hash that equal codes share and others hardly ever do.
fn code_hash(coarse: &[u8], fine: &[Line]) -> u64 {
    let (words, rest) = coarse.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let fine = fine.iter().flat_map(|line| line.0.as_chunks::<8>().0);
    words.iter().chain([&last]).chain(fine).fold(0x9e37_79b9_7f4a_7c15, |sum: u64, word| {
        (sum ^ u64::from_le_bytes(*word)).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(31)
    })
}
