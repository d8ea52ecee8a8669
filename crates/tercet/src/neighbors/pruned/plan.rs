//! [`Plan`]: how long the codes of a set should be, which depends on how its rows lie.
//!
//! Longer codes take longer to compare and rule more rows out. Where the balance lies is measured on a sample: for a
//! few of its rows the distance to their third neighbour, and for codes of each length the share of the sample that they
//! would not rule out. The rest is a sum of what each step of a search costs. No answer depends on any of it.

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

/// Rows of a sample, and as many others to judge by.
const ROWS: usize = 1024;

/// Judges that are asked for their neighbours, among as many rows as `AMONG`.
const ASKED: usize = 32;
const AMONG: usize = 4096;

/// How much nearer the third neighbour among all rows is taken for, at most.
const NEAREST: f64 = 0.3;

/// Lengths of codes to choose from, in bytes. All but the last byte hold what an axis says of a row.
const LENGTHS: [usize; 9] = [16, 24, 32, 48, 64, 96, 128, 160, 192];

/// What codes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub coarse: Length,
    pub fine: Length,
}

/// What a code holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// What so many axes say of a row.
    Axes(usize),
    /// The row itself, rounded to bytes.
    Whole,
}

/// Some of the rows, and what they say of all.
pub(super) struct Sample<'x, T> {
    pub rows: Vec<&'x [T]>,
    pub width: usize,
    pub space: Space,
    /// The largest ‖x‖² of all rows, where they are compared by their products.
    pub longest: f64,
    /// The leading principal components, (P, D), most important first.
    pub components: Vec<f32>,
    /// Other rows, by which plans are judged.
    judges: Vec<&'x [T]>,
    /// What the components say of the judges, (judges, P), in the rows' own units.
    seen: Vec<f64>,
    /// The range of the column that has the widest.
    widest: f64,
}

impl<'x, T: Value> Sample<'x, T> {
    /// Takes a sample and finds its principal components, at most so many.
    pub fn new(isa: Isa, data: &'x Examples, space: Space, most: usize) -> Self {
        let (count, width) = (data.len(), data.width());
        let size = count.min(ROWS);
        let rows: Vec<&[T]> = spread(count, size, 0).into_iter().map(|i| T::row(data, i)).collect();
        let largest = rows.iter().flat_map(|row| row.iter()).fold(0.0f32, |m, v| m.max(v.to_f32().abs()));
        // Numbers of about 1 keep squares of very small or large rows inside f32.
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
        // Components suit the rows that they were found from better than others.
        let judges: Vec<&[T]> = spread(count, size, 1).into_iter().map(|i| T::row(data, i)).collect();
        let axes = components.len() / width;
        let mut seen = vec![0.0; size * axes];
        let (judged, along) = (scaled(&judges), View::new(&components, axes, width));
        product(View::new(&judged, size, width), along.t(), Start::Zero, &mut seen);
        let unit = if space == Space::Directions { 1.0 } else { unit };
        let seen = seen.into_iter().map(|z| f64::from(z) * unit).collect();
        let longest = match space {
            Space::Products => {
                let square = |i| T::square(isa, T::row(data, i));
                // No less than it is, whatever the rounding of squares.
                (0..count).into_par_iter().map(square).reduce(|| 0.0, f64::max) * (1.0 + 1e-11)
            }
            Space::Plain | Space::Directions => 0.0,
        };
        let range = |j: usize| {
            let column = values.iter().skip(j).step_by(width);
            column.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
        };
        let widest = (0..width).map(range).fold(0.0, |widest, (low, high)| f64::from(high - low).max(widest));
        Sample { rows, width, space, longest, components, judges, seen, widest: widest * unit }
    }

    /// The plan that promises the fastest search, or none where it would be faster to measure every pair.
    pub fn plan(&self, isa: Isa, data: &Examples) -> Option<Plan> {
        let count = data.len();
        let axes = self.components.len() / self.width;
        let among = spread(count, count.min(AMONG), 2);
        let asked: Vec<usize> =
            (0..ASKED.min(self.judges.len())).map(|i| i * self.judges.len() / ASKED).collect();
        let thirds: Vec<[f64; 2]> =
            asked.par_iter().map(|&q| self.third_neighbor(isa, q, data, &among)).collect();
        // Among all rows the third neighbour is nearer than among some: by how much twice as many rows bring it nearer is
        // seen on the way from half of them, and goes on like that in data of one dimension, whichever that is.
        let twice = thirds.iter().filter(|[_, all]| *all > 0.0).map(|[half, all]| (all / half).ln());
        let nearer = twice.clone().sum::<f64>() / twice.count().max(1) as f64;
        let doublings = (count as f64 / among.len() as f64).log2();
        let nearer = (nearer * doublings).exp().max(NEAREST);
        let judged = self.judged(isa);
        let shares: Vec<Shares> = asked
            .par_iter()
            .zip(&thirds)
            .map(|(&q, [_, third])| self.shares(isa, &judged, q, third * nearer))
            .collect();
        let share = |length: usize| {
            let sum: f64 = shares.iter().map(|shares| shares.axes[length]).sum();
            sum / shares.len().max(1) as f64
        };
        let whole = shares.iter().map(|shares| shares.whole).sum::<f64>() / shares.len().max(1) as f64;
        let cost = Cost::new::<T>(isa, self.width);
        let floats = size_of::<T>() > 1;
        // Floats get codes in any case. Where these rule nothing out, whole rows as bytes are the best of them: they still
        // bring equal rows together, which are then looked at once.
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

    /// How far the third neighbour of a row of the sample is, among half of some rows and among all of them.
    fn third_neighbor(&self, isa: Isa, q: usize, data: &Examples, among: &[usize]) -> [f64; 2] {
        let others = among.iter().map(|&i| T::row(data, i)).filter(|row| !std::ptr::eq(*row, self.judges[q]));
        let mut distances: Vec<f64> = others.map(|row| self.distance(isa, self.judges[q], row)).collect();
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

    /// How long the judges are, and how much of each codes of every length do not see.
    fn judged(&self, isa: Isa) -> Vec<Judged> {
        let axes = self.components.len() / self.width;
        let judged = |(i, row): (usize, &&[T])| {
            let square = match self.space {
                Space::Directions => 1.0,
                Space::Plain | Space::Products => T::square(isa, row),
            };
            let seen = &self.seen[i * axes..][..axes];
            let unseen = LENGTHS.map(|length| {
                let seen = &seen[..axes.min(length - 1)];
                (square - seen.iter().map(|a| a * a).sum::<f64>()).max(0.0).sqrt()
            });
            Judged { square, unseen }
        };
        self.judges.iter().enumerate().map(judged).collect()
    }

    /// Which share of the sample codes would not rule out for a query whose k-th neighbour is `threshold` away.
    fn shares(&self, isa: Isa, judged: &[Judged], q: usize, threshold: f64) -> Shares {
        let axes = self.components.len() / self.width;
        let seen = |i: usize| &self.seen[i * axes..][..axes];
        let lift = |i: usize| match self.space {
            Space::Products => self.longest - judged[i].square,
            Space::Plain | Space::Directions => 0.0,
        };
        // The bounds of all other rows, for each length of code, and the sums of what they are made of.
        let mut bounds = [const { Vec::new() }; LENGTHS.len()];
        let mut whole = Vec::new();
        for i in (0..self.judges.len()).filter(|&i| i != q) {
            let (mut between, mut from) = (lift(i), 0);
            let lengths = LENGTHS.iter().enumerate().filter(|(_, length)| **length <= axes + 1);
            for (l, &length) in lengths {
                between += in_lanes(&seen(q)[from..length - 1], &seen(i)[from..length - 1], |a, b| {
                    (a - b) * (a - b)
                });
                from = length - 1;
                let unseen = judged[q].unseen[l] - judged[i].unseen[l];
                bounds[l].push(between + unseen * unseen);
            }
            whole.push(self.distance(isa, self.judges[q], self.judges[i]).powi(2));
        }
        let share = |bounds: &[f64], error: f64| {
            let reach = threshold + 2.0 * error;
            bounds.iter().filter(|&&bound| bound <= reach * reach).count() as f64 / bounds.len().max(1) as f64
        };
        // What rounding to bytes changes of a coordinate is spread evenly over a step. Axes share what there is evenly, and
        // bytes cover about 8.4 standard deviations; the mean squared distance of two rows is twice the variance.
        let square = judged[q].square.max(self.longest);
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

/// What is known of a judge.
struct Judged {
    /// ‖x‖², or 1 where directions are compared.
    square: f64,
    /// ρ(x) for codes of each length.
    unseen: [f64; LENGTHS.len()],
}

/// What codes of each length, and whole rows rounded to bytes, do not rule out.
struct Shares {
    axes: [f64; LENGTHS.len()],
    whole: f64,
}

/// So many of `count` rows, spread over all of them, each drawn from its own stretch: no period of the data shows. Draws
/// with different seeds are independent.
pub(super) fn spread(count: usize, size: usize, seed: u64) -> Vec<usize> {
    let mut generator = generator(seed, Stream::Sketch);
    let end = |i: usize| (i as u64 * count as u64 / size as u64) as usize;
    (0..size).map(|i| generator.random_range(end(i)..end(i + 1))).collect()
}

/// What the steps of a search cost, in cycles a pair: measured, and rounded to what changes decisions.
#[derive(Clone, Debug)]
pub(super) struct Cost {
    /// Multiply-adds of bytes a cycle.
    rate: f64,
    width: usize,
    /// Bytes of a row.
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

    /// Bytes need no codes to be measured many at once.
    pub fn without_codes(&self) -> f64 {
        0.1 + self.width as f64 / self.rate
    }
}
