//! [`Sketch`]: short integer codes for rows, whose distances bound the true ones from below.
//!
//! Images of one kind lie near a plane of few dimensions, and so do embeddings, so most of the distance between two of
//! them shows in a few well-chosen coordinates. A code keeps some of those, in one byte each. A search compares coarse
//! codes first, fine ones if the coarse ones do not prune a row, and the whole row only if neither does.
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
//! by the triangle inequality. `ρ(x) = ‖B x‖ = √(‖x‖² − ‖A x‖²)` is one number per row: the norm of what A leaves out.
//! So with the P + 1 coordinates `c(x) = (A x, ρ(x))`,
//!
//! ```text
//! ‖q − x‖ ≥ ‖c(q) − c(x)‖.                                                                       (1)
//! ```
//!
//! A need not be orthogonal, a projection or anything else for this; that its rows are (nearly) principal components
//! only makes the bound tight.
//!
//! Two other metrics are distances of transformed rows, see [`Space`]. If rows are compared by their cosine, x stands
//! for x / ‖x‖ in all of this, and for 0 if x = 0; the squared distance of such rows is at most twice the cosine
//! distance. If they are compared by their dot product, rows get one more column, `√(M² − ‖x‖²)`, where M is the length
//! of the longest row, and queries get 0 there and are scaled to length M (Bachrach et al., Speeding Up the Xbox
//! Recommender System, 2014): then `‖q − x‖² = 2 M² − 2 (M / ‖q‖) q·x`, so the largest product is the smallest
//! distance. A leaves that column alone; it is one more coordinate.
//!
//! Coordinate j is rounded to the byte `ĉ_j = round((c̃_j − low_j) / s)`, with one step s for all, where c̃ is c as
//! computed. With `e(x) ≥ ‖s ĉ(x) + low − c̃(x)‖ + ‖c̃(x) − c(x)‖`, by the triangle inequality once more,
//!
//! ```text
//! ‖q − x‖ ≥ s ‖ĉ(q) − ĉ(x)‖ − e(q) − e(x).                                                        (2)
//! ```
//!
//! `T = ‖ĉ(q) − ĉ(x)‖²` is an exact integer, from the same kernels that measure images. A row is pruned if the right
//! side of (2) exceeds r, the distance of the k-th best row so far, that is, if `T > ((r + e(q) + e(x)) / s)²`.
//!
//! # The contribution of computing c to e
//!
//! Let ã be the computed value of a = A x, and δ ≥ ‖ã − a‖ ([`Axes::rounding`] · ‖x‖). Then the error of ρ̃² = ‖x‖² −
//! ‖ã‖² as an approximation of ρ² is at most `Δ = δ (2 ‖ã‖ + δ) + 3·10⁻¹² ‖x‖²`, the last term for computing in f64;
//! and since `|ρ̃ − ρ| = |ρ̃² − ρ²| / (ρ̃ + ρ)`, the error of ρ̃ is at most `min(Δ / ρ̃, √Δ)`. So
//! `‖c̃ − c‖ ≤ δ + min(Δ / ρ̃, √Δ)`. e and T's threshold are computed in f64, with a few relative rounding errors of
//! 2⁻⁵³; they are increased by a factor of 1 + 10⁻⁹, which is far more. If low_j is much larger than s, the rounding
//! error is a small difference of large numbers, with an error of 2⁻⁵³ |low_j|: the spare 10⁻¹² ‖x‖ in δ covers it. The
//! 1 that is added to the threshold of T covers the rest: T is an integer.

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::distance::{self, Line};

use super::plan::{Length, Plan, Sample};
use super::principal::turned;
use super::value::{Along, Axes, Value};

/// Rows that are projected onto the axes at a time.
const BLOCK: usize = 96;

/// The largest fraction of rows that may lie outside the range of the bytes of a coordinate, on either side.
const OUTSIDE: f64 = 0.002;

/// The map from rows to codes, coarse and fine.
#[derive(Clone, Debug)]
pub(super) struct Sketch<T: Value> {
    pub basis: T::Basis,
    space: Space,
    /// M², if rows are compared by their products.
    pub longest: f64,
    pub coarse: Level,
    pub fine: Level,
}

/// The vectors whose distance is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::neighbors) enum Space {
    /// The rows themselves.
    Plain,
    /// Their directions, for cosine.
    Directions,
    /// Rows with one more column, for dot products.
    Products,
}

/// Whose codes are computed: for products, rows and queries differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Rows,
    Queries,
}

/// One kind of code.
#[derive(Clone, Debug)]
pub(super) struct Level {
    axes: Axes,
    /// low_j of each coordinate.
    low: Vec<f64>,
    /// s.
    step: f64,
}

/// The codes of many rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Codes {
    /// (N, bytes of a coarse code).
    pub coarse: Vec<u8>,
    /// (N, lines of a fine code); the last line is padded with zeros.
    pub fine: Vec<Line>,
    /// e of (2) for the coarse and the fine code of each row.
    pub errors: Vec<[f64; 2]>,
}

impl<T: Value> Sketch<T> {
    /// A sketch for rows like those of a sample.
    pub fn fit(isa: Isa, sample: &Sample<'_, T>, plan: Plan) -> Self {
        let width = sample.width;
        let along = |length: Length| match length {
            Length::Whole => Along::Columns,
            Length::Axes(count) => {
                let axes = turned(&sample.components[..count * width], width);
                // A may be anything, but its norm must be known.
                let finite = axes.iter().all(|a| a.is_finite());
                Along::Axes(if finite { axes } else { vec![0.0; axes.len()] })
            }
        };
        let (basis, [coarse, fine]) = T::basis(isa, [along(plan.coarse), along(plan.fine)], width);
        let [coarse, fine] = [coarse, fine].map(|axes| Level::new(axes, sample.space));
        let mut sketch = Sketch { basis, space: sample.space, longest: sample.longest, coarse, fine };
        let (mut coarse, mut fine) = (Vec::new(), Vec::new());
        for rows in sample.rows.chunks(BLOCK) {
            sketch.look(isa, Side::Rows, rows, &mut Vec::new(), |_, c, _| {
                coarse.extend_from_slice(c[0]);
                fine.extend_from_slice(c[1]);
            });
        }
        sketch.coarse.suit(&coarse);
        sketch.fine.suit(&fine);
        sketch
    }

    /// The codes of many rows.
    pub fn codes<'x>(
        &self,
        isa: Isa,
        side: Side,
        count: usize,
        row: impl Fn(usize) -> &'x [T] + Sync,
    ) -> Codes {
        let (coarse, lines) = (self.coarse.bytes(), self.fine.lines());
        let mut codes = Codes {
            coarse: vec![0; count * coarse],
            fine: vec![Line([0; 64]); count * lines],
            errors: vec![[0.0; 2]; count],
        };
        let blocks = codes
            .coarse
            .par_chunks_mut(BLOCK * coarse)
            .zip(codes.fine.par_chunks_mut(BLOCK * lines))
            .zip(codes.errors.par_chunks_mut(BLOCK));
        let buffers = || (Vec::new(), vec![0; self.fine.bytes()]);
        blocks.enumerate().for_each_init(
            buffers,
            |(seen, bytes), (block, ((coarse_out, lines_out), errors))| {
                let rows: Vec<&[T]> = (block * BLOCK..count.min((block + 1) * BLOCK)).map(&row).collect();
                self.look(isa, side, &rows, seen, |i, c, slack| {
                    let coarse_error = self.coarse.round(isa, c[0], &mut coarse_out[i * coarse..][..coarse]);
                    let fine_error = self.fine.round(isa, c[1], bytes);
                    lines_out[i * lines..].iter_mut().zip(bytes.chunks(64)).for_each(|(line, bytes)| {
                        line.0[..bytes.len()].copy_from_slice(bytes);
                    });
                    // NaN prunes nothing.
                    errors[i] = [slack[0] + coarse_error, slack[1] + fine_error]
                        .map(|e| if e.is_nan() { f64::INFINITY } else { e });
                });
            },
        );
        codes
    }

    /// Calls `each` with the number of each row, its c̃ and the error bound of c̃, both for coarse and fine codes.
    fn look(
        &self,
        isa: Isa,
        side: Side,
        rows: &[&[T]],
        seen: &mut Vec<f64>,
        mut each: impl FnMut(usize, [&[f64]; 2], [f64; 2]),
    ) {
        T::project(isa, &self.basis, rows, seen);
        let (coarse_axes, fine_axes) = (self.coarse.axes.count, self.fine.axes.count);
        let (mut coarse, mut fine) = (vec![0.0; self.coarse.bytes()], vec![0.0; self.fine.bytes()]);
        for (i, (row, seen)) in rows.iter().zip(seen.chunks_exact(coarse_axes + fine_axes)).enumerate() {
            let square = T::square(isa, row);
            // The direction of a row of zeros is zero here; the following holds for it too.
            let (scale, square, lift) = match (self.space, side) {
                (Space::Plain, _) => (1.0, square, None),
                (Space::Directions, _) if square > 0.0 => (1.0 / square.sqrt(), 1.0, None),
                (Space::Directions, _) => (0.0, 0.0, None),
                (Space::Products, Side::Rows) => (1.0, square, Some(self.longest - square)),
                // Queries are scaled to the length of the longest row, which does not change the order, so that the
                // range of the bytes fits them too.
                (Space::Products, Side::Queries) if square > 0.0 => {
                    ((self.longest / square).sqrt(), self.longest, Some(0.0))
                }
                (Space::Products, Side::Queries) => (0.0, 0.0, Some(0.0)),
            };
            let (seen_coarse, seen_fine) = seen.split_at(coarse_axes);
            let slack = [
                self.coarse.coordinates(seen_coarse, scale, square, lift, &mut coarse),
                self.fine.coordinates(seen_fine, scale, square, lift, &mut fine),
            ];
            each(i, [&coarse, &fine], slack);
        }
    }
}

impl Level {
    fn new(axes: Axes, space: Space) -> Self {
        let bytes = axes.count + 1 + usize::from(space == Space::Products);
        Level { axes, low: vec![0.0; bytes], step: 1.0 }
    }

    /// The length of a code: P + 1, and one more for products.
    pub fn bytes(&self) -> usize {
        self.low.len()
    }

    /// How many cache lines a code takes.
    pub fn lines(&self) -> usize {
        self.bytes().div_ceil(size_of::<Line>())
    }

    /// Computes c̃, and returns the bound on its error; both are derived above. `lift` is the computed square of the
    /// additional column for products.
    fn coordinates(&self, seen: &[f64], scale: f64, square: f64, lift: Option<f64>, c: &mut [f64]) -> f64 {
        let unit = self.axes.unit * scale;
        let (a, rest) = c.split_at_mut(self.axes.count);
        let rho = &mut rest[0];
        a.iter_mut().zip(seen).for_each(|(a, seen)| *a = seen * unit);
        let squares = in_lanes(a, a, |a, b| a * b);
        *rho = (square - squares).max(0.0).sqrt();
        // The relative error of the scale of directions is 10⁻¹², like that of the squared length it is computed from.
        let delta = (self.axes.rounding + 1e-12) * square.sqrt() + 1e-30 * scale;
        let off = delta * (2.0 * squares.sqrt() + delta) + 3e-12 * square;
        let rho_off = if *rho * *rho > off { off / *rho } else { off.sqrt() };
        let mut slack = delta + rho_off;
        if let Some(lift) = lift {
            // The error of M² − ‖x‖² is that of the squared lengths, and that of its root follows as for ρ.
            let column = lift.max(0.0).sqrt();
            rest[1] = column;
            let off = if lift == 0.0 { 0.0 } else { 3e-12 * (square + lift.abs()) };
            slack += if column * column > off { off / column } else { off.sqrt() };
        }
        slack * (1.0 + 1e-9)
    }

    /// Chooses low and s for rows like these, with some margin. Values outside the range are still rounded to the
    /// nearest byte, with a larger e.
    fn suit(&mut self, sample: &[f64]) {
        let bytes = self.bytes();
        let mut step = 0.0f64;
        let mut values = Vec::new();
        for j in 0..bytes {
            values.clear();
            values.extend(sample.iter().skip(j).step_by(bytes).filter(|c| c.is_finite()));
            let Some(last) = values.len().checked_sub(1) else { continue };
            let outside = (values.len() as f64 * OUTSIDE) as usize;
            let low = *values.select_nth_unstable_by(outside, f64::total_cmp).1;
            let high = *values.select_nth_unstable_by(last - outside, f64::total_cmp).1;
            let room = 0.15 * (high - low);
            self.low[j] = low - room;
            step = step.max((high - low + 2.0 * room) / 255.0);
        }
        self.step = if step > 0.0 && step.is_finite() { step } else { 1.0 };
    }

    /// Rounds c̃ to a code, and returns ‖s ĉ + low − c̃‖; infinity, which prunes nothing, if it is not finite.
    fn round(&self, isa: Isa, c: &[f64], code: &mut [u8]) -> f64 {
        let error = distance::round_to_bytes(isa, c, &self.low, self.step, code).sqrt() * (1.0 + 1e-9);
        if error.is_finite() { error } else { f64::INFINITY }
    }

    /// The largest T that does not prune a row: `reach` is r + e(q) + e(x).
    pub fn threshold(&self, reach: f64) -> f64 {
        let reach = reach / self.step;
        reach * reach * (1.0 + 1e-9) + 1.0
    }
}

/// `Σ f(a_i, b_i)`, in eight accumulators, so that the additions are independent.
pub(super) fn in_lanes(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (&a, &b))| *sum += f(a, b));
    }
    sums.iter_mut().zip(a_rest.iter().zip(b_rest)).for_each(|(sum, (&a, &b))| *sum += f(a, b));
    sums.iter().sum()
}

#[cfg(test)]
mod tests;
