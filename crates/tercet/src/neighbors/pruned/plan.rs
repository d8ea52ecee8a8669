//! [`Plan`]: the lengths of the codes, chosen according to the distribution of the rows.
//!
//! Longer codes take longer to compare and prune more rows. The best trade-off is estimated from a sample: for a few of
//! its rows the distance to their third neighbour, and for codes of each length the fraction of the sample that they
//! would not prune. The rest is a sum of the costs of the search steps. The plan affects only the speed, never the
//! result.

use rand::RngExt;
use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::matmul::{Start, View};

use super::principal::principal_components;
use super::sketch::{Space, in_lanes};
use super::value::Value;
use crate::data::Examples;
use crate::parallel::product;
use crate::random::{Stream, generator};

/// Rows of a sample, and of the held-out rows on which plans are evaluated.
const ROWS: usize = 1024;

/// Held-out rows whose neighbours are searched, among `AMONG` rows.
const QUERIES: usize = 32;
const AMONG: usize = 4096;

/// Lower limit of the factor by which the third neighbour among all rows is assumed to be nearer.
const NEAREST: f64 = 0.3;

/// Candidate lengths of codes, in bytes. All but the last byte hold the projection onto an axis.
const LENGTHS: [usize; 9] = [16, 24, 32, 48, 64, 96, 128, 160, 192];

/// The contents of the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub coarse: Length,
    pub fine: Length,
}

/// The contents of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// The projections of a row onto this many axes.
    Axes(usize),
    /// The row itself, rounded to bytes.
    Whole,
}

/// A sample of the rows, and statistics that represent all of them.
pub(super) struct Sample<'x, T> {
    pub rows: Vec<&'x [T]>,
    pub width: usize,
    pub space: Space,
    /// The largest ‖x‖² of all rows, if they are compared by their products.
    pub longest: f64,
    /// The leading principal components, (P, D), most important first.
    pub components: Vec<f32>,
    /// Other rows, on which plans are evaluated.
    held_out: Vec<&'x [T]>,
    /// The projections of the held-out rows onto the components, (held-out rows, P), in the rows' own units.
    projections: Vec<f64>,
    /// The largest range of a column.
    widest: f64,
}

impl<'x, T: Value> Sample<'x, T> {
    /// Draws a sample and computes at most `most` of its principal components.
    pub fn new(isa: Isa, data: &'x Examples, space: Space, most: usize) -> Self {
        let (count, width) = (data.len(), data.width());
        let size = count.min(ROWS);
        let rows: Vec<&[T]> = spread(count, size, 0).into_iter().map(|i| T::row(data, i)).collect();
        let largest = rows.iter().flat_map(|row| row.iter()).fold(0.0f32, |m, v| m.max(v.to_f32().abs()));
        // Numbers of about 1 keep squares of very small or large rows within the range of f32.
        let unit = if largest > 0.0 { f64::from(largest) } else { 1.0 };
        let scaled = |rows: &[&[T]]| {
            let mut values = Vec::with_capacity(rows.len() * width);
            for row in rows {
                let length = T::square(isa, row).sqrt();
                let scale = match space {
                    Space::Directions if length > 0.0 => 1.0 / length,
                    Space::Directions => 0.0,
                    Space::Plain | Space::Products => 1.0 / unit,
                };
                values.extend(row.iter().map(|&v| (f64::from(v.to_f32()) * scale) as f32));
            }
            values
        };
        let values = scaled(&rows);
        let components = principal_components(&values, width, most.min(width));
        // Components fit the rows that they were computed from better than others, so plans are evaluated on held-out
        // rows.
        let held_out: Vec<&[T]> = spread(count, size, 1).into_iter().map(|i| T::row(data, i)).collect();
        let axes = components.len() / width;
        let mut projections = vec![0.0; size * axes];
        let (scaled_held_out, along) = (scaled(&held_out), View::new(&components, axes, width));
        product(View::new(&scaled_held_out, size, width), along.t(), Start::Zero, &mut projections);
        let unit = if space == Space::Directions { 1.0 } else { unit };
        let projections = projections.into_iter().map(|z| f64::from(z) * unit).collect();
        let longest = match space {
            Space::Products => {
                let square = |i| T::square(isa, T::row(data, i));
                // Rounded up, whatever the rounding errors of the squares.
                (0..count).into_par_iter().map(square).reduce(|| 0.0, f64::max) * (1.0 + 1e-11)
            }
            Space::Plain | Space::Directions => 0.0,
        };
        let range = |j: usize| {
            let column = values.iter().skip(j).step_by(width);
            column.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
        };
        let widest = (0..width).map(range).fold(0.0, |widest, (low, high)| f64::from(high - low).max(widest));
        Sample { rows, width, space, longest, components, held_out, projections, widest: widest * unit }
    }

    /// The plan with the lowest estimated cost, or `None` if it would be faster to compare every pair.
    pub fn plan(&self, isa: Isa, data: &Examples) -> Option<Plan> {
        let count = data.len();
        let axes = self.components.len() / self.width;
        let among = spread(count, count.min(AMONG), 2);
        let queries: Vec<usize> =
            (0..QUERIES.min(self.held_out.len())).map(|i| i * self.held_out.len() / QUERIES).collect();
        let thirds: Vec<[f64; 2]> =
            queries.par_iter().map(|&q| self.third_neighbor(isa, q, data, &among)).collect();
        // Among all rows the third neighbour is nearer than among some. The factor for twice as many rows is estimated
        // by going from half of them to all, and is constant for data of a fixed dimension, whatever that is.
        let twice = thirds.iter().filter(|[_, all]| *all > 0.0).map(|[half, all]| (all / half).ln());
        let nearer = twice.clone().sum::<f64>() / twice.count().max(1) as f64;
        let doublings = (count as f64 / among.len() as f64).log2();
        let nearer = (nearer * doublings).exp().max(NEAREST);
        let norms = self.norms(isa);
        let shares: Vec<Shares> = queries
            .par_iter()
            .zip(&thirds)
            .map(|(&q, [_, third])| self.shares(isa, &norms, q, third * nearer))
            .collect();
        let share = |length: usize| {
            let sum: f64 = shares.iter().map(|shares| shares.axes[length]).sum();
            sum / shares.len().max(1) as f64
        };
        let whole = shares.iter().map(|shares| shares.whole).sum::<f64>() / shares.len().max(1) as f64;
        let cost = Cost::new::<T>(isa, self.width);
        let floats = size_of::<T>() > 1;
        // Floats always get codes. If these prune nothing, whole rows rounded to bytes are the best codes: they still
        // group equal rows, which are then compared only once.
        let whole_alone = Plan { coarse: Length::Whole, fine: Length::Axes(0) };
        let mut best = match floats {
            true => (cost.coarse(self.width + 1) + whole * (cost.fine(1) + cost.row()), Some(whole_alone)),
            false => (cost.without_codes(), None),
        };
        let mut consider = |cycles: f64, coarse: usize, fine: Length| {
            if cycles < best.0 {
                best = (cycles, Some(Plan { coarse: Length::Axes(coarse - 1), fine }));
            }
        };
        for (i, &coarse) in LENGTHS.iter().enumerate().filter(|(_, length)| **length <= axes + 1) {
            let scan = cost.coarse(coarse);
            for (j, &fine) in
                LENGTHS.iter().enumerate().skip(i + 1).filter(|(_, length)| **length <= axes + 1)
            {
                let cycles = scan + share(i) * cost.fine(fine) + share(j) * cost.row();
                consider(cycles, coarse, Length::Axes(fine - 1));
            }
            if floats {
                let cycles = scan + share(i) * cost.fine(self.width + 1) + whole * cost.row();
                consider(cycles, coarse, Length::Whole);
            }
        }
        best.1
    }

    /// The distance of the third neighbour of a held-out row, among half of some rows and among all of them.
    fn third_neighbor(&self, isa: Isa, q: usize, data: &Examples, among: &[usize]) -> [f64; 2] {
        let others =
            among.iter().map(|&i| T::row(data, i)).filter(|row| !std::ptr::eq(*row, self.held_out[q]));
        let mut distances: Vec<f64> = others.map(|row| self.distance(isa, self.held_out[q], row)).collect();
        let half = distances.len() / 2;
        let third = |distances: &mut [f64]| match distances.len().checked_sub(1) {
            Some(last) => *distances.select_nth_unstable_by(last.min(2), f64::total_cmp).1,
            None => 0.0,
        };
        [third(&mut distances[..half]), third(&mut distances)]
    }

    fn distance(&self, isa: Isa, a: &[T], b: &[T]) -> f64 {
        let between = T::l2_squared(isa, a, b);
        if self.space == Space::Plain {
            return between.sqrt();
        }
        let (a, b) = (T::square(isa, a), T::square(isa, b));
        let dot = (a + b - between) / 2.0;
        let squared = match self.space {
            Space::Directions => 2.0 - 2.0 * dot / (a * b).sqrt().max(f64::MIN_POSITIVE),
            Space::Plain | Space::Products => a + self.longest - 2.0 * dot,
        };
        squared.max(0.0).sqrt()
    }

    /// The norms of the held-out rows, and the norms of what codes of each length leave out.
    fn norms(&self, isa: Isa) -> Vec<Norms> {
        let axes = self.components.len() / self.width;
        let norms = |(i, row): (usize, &&[T])| {
            let square = match self.space {
                Space::Directions => 1.0,
                Space::Plain | Space::Products => T::square(isa, row),
            };
            let projections = &self.projections[i * axes..][..axes];
            let residual = LENGTHS.map(|length| {
                let projections = &projections[..axes.min(length - 1)];
                (square - projections.iter().map(|a| a * a).sum::<f64>()).max(0.0).sqrt()
            });
            Norms { square, residual }
        };
        self.held_out.iter().enumerate().map(norms).collect()
    }

    /// The fraction of the sample that codes would not prune for a query whose k-th neighbour is at distance
    /// `threshold`.
    fn shares(&self, isa: Isa, norms: &[Norms], q: usize, threshold: f64) -> Shares {
        let axes = self.components.len() / self.width;
        let projections = |i: usize| &self.projections[i * axes..][..axes];
        let lift = |i: usize| match self.space {
            Space::Products => self.longest - norms[i].square,
            Space::Plain | Space::Directions => 0.0,
        };
        // The bounds for all other rows, for each length of code, and the sums they consist of.
        let mut bounds = [const { Vec::new() }; LENGTHS.len()];
        let mut whole = Vec::new();
        for i in (0..self.held_out.len()).filter(|&i| i != q) {
            let (mut between, mut from) = (lift(i), 0);
            let lengths = LENGTHS.iter().enumerate().filter(|(_, length)| **length <= axes + 1);
            for (l, &length) in lengths {
                between +=
                    in_lanes(&projections(q)[from..length - 1], &projections(i)[from..length - 1], |a, b| {
                        (a - b) * (a - b)
                    });
                from = length - 1;
                let residual = norms[q].residual[l] - norms[i].residual[l];
                bounds[l].push(between + residual * residual);
            }
            whole.push(self.distance(isa, self.held_out[q], self.held_out[i]).powi(2));
        }
        let share = |bounds: &[f64], error: f64| {
            let reach = threshold + 2.0 * error;
            bounds.iter().filter(|&&bound| bound <= reach * reach).count() as f64 / bounds.len().max(1) as f64
        };
        // The rounding error of a coordinate is uniform over a step. The variance is divided evenly among the axes, and
        // bytes cover about 8.4 standard deviations; the mean squared distance of two rows is twice the variance.
        let square = norms[q].square.max(self.longest);
        let of_axes = |(bounds, &length): (&Vec<f64>, &usize)| {
            let mean = bounds.iter().sum::<f64>() / bounds.len().max(1) as f64;
            let delta = T::rounding(length, self.width) * square.sqrt();
            let rest = (square - mean / 2.0).max(0.0).sqrt();
            let off = 2.0 * square.sqrt() * delta;
            let computed = delta + if rest * rest > off { off / rest } else { off.sqrt() };
            share(bounds, 8.4 / 255.0 / 12f64.sqrt() * (mean / 2.0).sqrt() + computed)
        };
        let mut axes = [0.0; LENGTHS.len()];
        axes.iter_mut().zip(bounds.iter().zip(&LENGTHS).map(of_axes)).for_each(|(axes, share)| *axes = share);
        let error = self.widest / 255.0 * (self.width as f64 / 12.0).sqrt();
        Shares { axes, whole: share(&whole, error) }
    }
}

/// Norms of a held-out row.
struct Norms {
    /// ‖x‖², or 1 if directions are compared.
    square: f64,
    /// ρ(x) for codes of each length.
    residual: [f64; LENGTHS.len()],
}

/// The fraction of rows not pruned by codes of each length, and by whole rows rounded to bytes.
struct Shares {
    axes: [f64; LENGTHS.len()],
    whole: f64,
}

/// Draws `size` of `count` rows by stratified sampling: each from its own stretch, so that no period of the data shows.
/// Draws with different seeds are independent.
pub(super) fn spread(count: usize, size: usize, seed: u64) -> Vec<usize> {
    let mut generator = generator(seed, Stream::Sketch);
    let end = |i: usize| (i as u64 * count as u64 / size as u64) as usize;
    (0..size).map(|i| generator.random_range(end(i)..end(i + 1))).collect()
}

/// The cost of the search steps, in cycles per pair: measured, and rounded as far as decisions allow.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// Multiply-adds of bytes per cycle.
    rate: f64,
    width: usize,
    /// Bytes per row.
    bytes: usize,
}

impl Cost {
    pub fn new<T>(isa: Isa, width: usize) -> Self {
        let rate = match isa.name() {
            "avx512" => 60.0,
            "avx2" => 18.0,
            _ => 4.0,
        };
        Cost { rate, width, bytes: width * size_of::<T>() }
    }

    fn coarse(&self, length: usize) -> f64 {
        0.1 + length as f64 / self.rate
    }

    pub fn fine(&self, length: usize) -> f64 {
        130.0 + 15.0 * length.div_ceil(64) as f64
    }

    pub fn row(&self) -> f64 {
        100.0 + 20.0 * self.bytes.div_ceil(64) as f64
    }

    /// Without codes, rows of bytes are compared in panels.
    pub fn without_codes(&self) -> f64 {
        0.1 + self.width as f64 / self.rate
    }
}
