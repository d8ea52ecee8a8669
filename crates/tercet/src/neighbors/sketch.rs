//! [`Sketch`]: short integer codes for rows, whose distances bound the true ones from below.
//!
//! Images of one kind lie near a plane of few dimensions, so most of the distance between two of them shows in a few
//! well-chosen coordinates. A code keeps some of those, in one byte each. A search compares codes first, and looks at
//! all pixels only of the rows that their codes cannot rule out.
//!
//! # Why no neighbour is lost
//!
//! Let `A` be a (P, D) matrix with ‖A‖₂ ≤ 1. Then `I − AᵀA` is positive semi-definite, so it is `BᵀB` for some real B,
//! and for any two rows
//!
//! ```text
//! ‖q − x‖² = ‖A (q − x)‖² + ‖B (q − x)‖²  ≥  ‖A q − A x‖² + (‖B q‖ − ‖B x‖)²
//! ```
//!
//! by the triangle inequality. `ρ(x) = ‖B x‖ = √(‖x‖² − ‖A x‖²)` is one number a row: what A does not see of it. So
//! with the P + 1 coordinates `c(x) = (A x, ρ(x))`,
//!
//! ```text
//! ‖q − x‖ ≥ ‖c(q) − c(x)‖.                                                                       (1)
//! ```
//!
//! A need not be orthogonal, a projection or anything else for this; that its rows are (nearly) principal components
//! only makes the bound tight. It is made of integers: `A = M / √g`, where M has entries of −127 ‥ 127 and g is the
//! largest absolute row sum of `M Mᵀ`, which none of its eigenvalues exceeds (Gershgorin). `M x` is an exact integer.
//!
//! Coordinate j is rounded to the byte `ĉ_j = round((c_j − low_j) / s)`, with one step s for all. What the rounding
//! of a row changed is known, `e(x) = ‖s ĉ(x) + low − c(x)‖`, and by the triangle inequality once more
//!
//! ```text
//! ‖q − x‖ ≥ s ‖ĉ(q) − ĉ(x)‖ − e(q) − e(x).                                                        (2)
//! ```
//!
//! `T = ‖ĉ(q) − ĉ(x)‖²` is an exact integer, from the same kernels that measure images. A row is ruled out where the
//! right side of (2) exceeds √bar, the distance of the k-th best row so far: where `T > ((√bar + e(q) + e(x)) / s)²`.
//! [`threshold`](Level::threshold) has the slack for computing that in f64.

use rand::RngExt;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::distance::{self, Measure, Panels, Queries};
use tercet_kernels::matmul::{Start, View};

use crate::parallel::product;
use crate::random::{Stream, generator};

/// Bytes of a coarse code, which every row is ruled out by or not.
pub(super) const COARSE: usize = 48;

/// Bytes of a fine code, for the rows that are left: two lines of the cache.
pub(super) const FINE: usize = 128;

/// Rows that the components are found from.
const SAMPLE: usize = 2048;

/// Rounds of subspace iteration. The bounds hold after any number of them.
const ROUNDS: usize = 3;

/// The widest rows that are sketched. Up to it ‖x‖² and every number that the kernels give fit in 32 bits.
pub(super) const MAX_WIDTH: usize = distance::MAX_WIDTH;

/// Rows that are projected at a time.
const BLOCK: usize = 96;

/// More than e(x) can be off because coordinates are computed in f64.
///
/// ‖x‖² and M x are exact and below 2³². Each coordinate of A x is one product, off by 2⁻⁵³ of itself; ‖A x‖² adds
/// up to 128 squares below 2³², off by less than 200 · 2³² · 2⁻⁵³ < 10⁻⁴; so ρ² is off by less than 10⁻⁴ and ρ, its root,
/// by less than 10⁻². The rest, e itself included, is off by far less than that.
const SLACK: f64 = 0.05;

/// The map from rows to codes, coarse and fine.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sketch {
    /// The rows of both M, coarse before fine, each entry plus 128.
    basis: Panels,
    pub coarse: Level<COARSE>,
    pub fine: Level<FINE>,
}

/// One kind of code.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Level<const BYTES: usize> {
    /// 1 / √g.
    unit: f64,
    /// low_j of each coordinate.
    low: [f64; BYTES],
    /// s.
    step: f64,
}

/// A code, and e of (2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Code<const BYTES: usize> {
    pub bytes: [u8; BYTES],
    pub error: f64,
}

/// Both codes of a row.
pub(super) type Codes = (Code<COARSE>, Code<FINE>);

impl Sketch {
    /// A sketch that suits rows like these.
    ///
    /// # Shapes
    /// `row(i)` is (D) for each i below `count`, with D at most [`MAX_WIDTH`].
    pub fn fit<'x>(isa: Isa, count: usize, width: usize, row: impl Fn(usize) -> &'x [u8]) -> Self {
        let sample: Vec<&[u8]> = (0..count.min(SAMPLE)).map(|i| row(i * count / count.min(SAMPLE))).collect();
        let components = principal_components(&sample, width);
        let coarse = turned(&components[..(COARSE - 1) * width], width);
        let fine = turned(&components, width);
        let [coarse, fine] = [coarse, fine].map(|matrix| integers(&matrix));
        let rows: Vec<Vec<u8>> = coarse
            .chunks_exact(width)
            .chain(fine.chunks_exact(width))
            .map(|row| row.iter().map(|&m| (i16::from(m) + 128) as u8).collect())
            .collect();
        let mut sketch = Sketch {
            basis: Panels::new(Measure::Dot, width, rows.iter().map(Vec::as_slice)),
            coarse: Level::new(&coarse, width),
            fine: Level::new(&fine, width),
        };
        let (mut coarse, mut fine) = (Vec::new(), Vec::new());
        for rows in sample.chunks(BLOCK) {
            sketch.project(isa, rows, |projected, square| {
                coarse.push(sketch.coarse.coordinates(&projected[..COARSE - 1], square));
                fine.push(sketch.fine.coordinates(&projected[COARSE - 1..], square));
            });
        }
        sketch.coarse.suit(&coarse);
        sketch.fine.suit(&fine);
        sketch
    }

    /// The codes of many rows.
    pub fn codes<'x>(&self, isa: Isa, count: usize, row: impl Fn(usize) -> &'x [u8] + Sync) -> Vec<Codes> {
        let blocks = (0..count.div_ceil(BLOCK)).into_par_iter().map(|block| {
            let rows: Vec<&[u8]> = (block * BLOCK..count.min((block + 1) * BLOCK)).map(&row).collect();
            let mut codes = Vec::with_capacity(rows.len());
            self.project(isa, &rows, |projected, square| {
                let (coarse, fine) = projected.split_at(COARSE - 1);
                let coarse = self.coarse.round(&self.coarse.coordinates(coarse, square));
                codes.push((coarse, self.fine.round(&self.fine.coordinates(fine, square))));
            });
            codes
        });
        blocks.flatten_iter().collect()
    }

    /// Gives `each` row's M x, coarse before fine, and ‖x‖².
    fn project(&self, isa: Isa, rows: &[&[u8]], mut each: impl FnMut(&[i64], u64)) {
        let queries = Queries::new(isa, Measure::Dot, self.basis.width(), rows.iter().copied());
        let columns = self.basis.len() * self.basis.rows_of_a_panel();
        let mut dots = vec![0; rows.len() * columns];
        self.basis.measure(isa, &queries, 0..self.basis.len(), &mut dots);
        let mut projected = vec![0; self.basis.rows()];
        for (row, dots) in rows.iter().zip(dots.chunks_exact(columns)) {
            // Σ (m + 128) x − 128 Σ x = Σ m x.
            let shift = 128 * row.iter().map(|&x| u64::from(x)).sum::<u64>() as i64;
            projected.iter_mut().zip(dots).for_each(|(p, &dot)| *p = i64::from(dot) - shift);
            each(&projected, distance::dot(isa, row, row));
        }
    }
}

impl<const BYTES: usize> Level<BYTES> {
    /// # Shapes
    /// `matrix` is M, (BYTES − 1, D).
    fn new(matrix: &[i8], width: usize) -> Self {
        let rows: Vec<&[i8]> = matrix.chunks_exact(width).collect();
        let dot = |a: &[i8], b: &[i8]| -> i64 {
            a.iter().zip(b).map(|(&a, &b)| i64::from(i32::from(a) * i32::from(b))).sum()
        };
        let row_sum = |a: &&[i8]| rows.iter().map(|b| dot(a, b).unsigned_abs()).sum::<u64>();
        let g = rows.iter().map(row_sum).max().unwrap_or(0).max(1);
        // Rounded down by more than the root and the quotient can round up: A is shorter than it may be.
        Level { unit: (1.0 - 1e-12) / (g as f64).sqrt(), low: [0.0; BYTES], step: 1.0 }
    }

    /// c(x) of (1), from M x and ‖x‖².
    fn coordinates(&self, projected: &[i64], square: u64) -> [f64; BYTES] {
        let mut c = [0.0; BYTES];
        let mut seen = 0.0;
        for (c, &p) in c.iter_mut().zip(projected) {
            *c = p as f64 * self.unit;
            seen += *c * *c;
        }
        c[BYTES - 1] = (square as f64 - seen).max(0.0).sqrt();
        c
    }

    /// Chooses low and s for rows like these, with some room. What lies outside is rounded to the nearest byte all
    /// the same, and has a larger e for it.
    fn suit(&mut self, sample: &[[f64; BYTES]]) {
        let mut step = 0.0f64;
        for j in 0..BYTES {
            let (low, high) = sample
                .iter()
                .map(|c| c[j])
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), c| (low.min(c), high.max(c)));
            let room = 0.1 * (high - low);
            self.low[j] = low - room;
            step = step.max((high - low + 2.0 * room) / 255.0);
        }
        self.step = if step > 0.0 { step } else { 1.0 };
    }

    fn round(&self, c: &[f64; BYTES]) -> Code<BYTES> {
        let mut bytes = [0; BYTES];
        let mut error = 0.0;
        let per_step = 1.0 / self.step;
        for j in 0..BYTES {
            // Any byte would do; the nearest has the smallest error.
            let byte = ((c[j] - self.low[j]) * per_step + 0.5) as u8;
            let rest = self.low[j] + self.step * f64::from(byte) - c[j];
            error += rest * rest;
            bytes[j] = byte;
        }
        Code { bytes, error: error.sqrt() + SLACK }
    }

    /// The largest T that does not rule a row out, given the squared distance `bar` that it must not exceed and
    /// e(q) + e(x).
    ///
    /// A few roundings of 2⁻⁵³ each: the factor, and the one that is added, are far more.
    pub fn threshold(&self, bar: u64, errors: f64) -> u32 {
        let reach = ((bar as f64).sqrt() + errors) / self.step;
        (reach * reach * (1.0 + 1e-9) + 1.0) as u32
    }
}

/// The leading FINE − 1 principal components of some rows, most important first, by subspace iteration.
///
/// # Shapes
/// (FINE − 1, D).
fn principal_components(sample: &[&[u8]], width: usize) -> Vec<f32> {
    let (count, components) = (sample.len(), FINE - 1);
    let mut x: Vec<f32> = Vec::with_capacity(count * width);
    sample.iter().for_each(|row| x.extend(row.iter().map(|&pixel| f32::from(pixel))));
    let mut mean = vec![0.0f32; width];
    for x in x.chunks_exact(width) {
        mean.iter_mut().zip(x).for_each(|(mean, x)| *mean += x / count as f32);
    }
    for x in x.chunks_exact_mut(width) {
        x.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean);
    }

    let x = View::new(&x, count, width);
    let mut q = normal(components * width);
    orthonormalize(&mut q, width);
    let mut z = vec![0.0; count * components];
    for _ in 0..ROUNDS {
        product(x, View::new(&q, components, width).t(), Start::Zero, &mut z);
        product(View::new(&z, count, components).t(), x, Start::Zero, &mut q);
        orthonormalize(&mut q, width);
    }
    q
}

/// The same plane with other axes: turned at random, so that every coordinate carries about as much as the next, and
/// bytes of one step suit them all.
fn turned(components: &[f32], width: usize) -> Vec<f32> {
    let count = components.len() / width;
    let mut turn = normal(count * count);
    orthonormalize(&mut turn, count);
    let mut turned = vec![0.0; components.len()];
    product(View::new(&turn, count, count), View::new(components, count, width), Start::Zero, &mut turned);
    turned
}

/// M: a matrix scaled so that its largest entry becomes 127, and rounded.
fn integers(matrix: &[f32]) -> Vec<i8> {
    let largest = matrix.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
    let scale = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    matrix.iter().map(|v| (v * scale).round() as i8).collect()
}

/// Normal random numbers, the same in every run: they decide how fast a search is, and no answer.
fn normal(count: usize) -> Vec<f32> {
    let mut generator = generator(0, Stream::Sketch);
    (0..count).map(|_| generator.sample::<f32, _>(StandardNormal)).collect()
}

/// Makes the rows of a matrix orthonormal, one after another (modified Gram–Schmidt). A row that depends on those
/// before it becomes zeros.
fn orthonormalize(q: &mut [f32], width: usize) {
    for i in 0..q.len() / width {
        let (before, rest) = q.split_at_mut(i * width);
        let row = &mut rest[..width];
        let start = dot(row, row).sqrt();
        for other in before.chunks_exact(width) {
            let along = dot(other, row);
            row.iter_mut().zip(other).for_each(|(r, o)| *r -= along * o);
        }
        let length = dot(row, row).sqrt();
        let scale = if length > 1e-4 * start { 1.0 / length } else { 0.0 };
        row.iter_mut().for_each(|r| *r *= scale);
    }
}

/// Σ a_i b_i in eight running sums, which the compiler keeps in vector registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum()
}
