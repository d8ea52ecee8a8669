//! [`Exact`]: what a search compares in the end, whole rows, and how far codes must see for it.

use tercet_kernels::Isa;
use tercet_kernels::distance::{self, Measure, Panels, Queries, floats};

use super::Value;
use super::search::Query;
use crate::neighbors::metric::{ByteCosine, ByteL2, Float, FloatSquared, Key, float_cosine, float_dot};

/// A measure of whole rows.
pub(in crate::neighbors) trait Exact<T: Value>: Sync {
    /// What rows are ordered by.
    type Key: Key;

    /// The key of a row for a query. `square` is ‖x‖² in a [`Space`](super::Space) of directions.
    fn key(&self, isa: Isa, query: &Query<'_, T>, x: &[T], square: f64) -> Self::Key;

    /// No row whose key is at most this one is farther from the query than so, in the [`Space`](super::Space) of the
    /// metric.
    fn reach(&self, query: &Query<'_, T>, key: Self::Key) -> f64;

    /// Whether many rows can be measured faster than pair by pair.
    const BY_STRIPES: bool;

    /// Gives `each` the key of every query and every row, as numbers from 0, for queries that codes are no use for: where
    /// rows can be measured [by stripes](Self::BY_STRIPES).
    fn stripe(
        &self,
        _isa: Isa,
        _queries: &[Query<'_, T>],
        _rows: &[&[T]],
        _each: impl FnMut(usize, usize, Self::Key),
    ) {
        unreachable!("rows that are measured pair by pair")
    }
}

/// Squared L2 of bytes.
pub(in crate::neighbors) struct ByteSquares;

impl Exact<u8> for ByteSquares {
    type Key = ByteL2;
    const BY_STRIPES: bool = true;

    fn key(&self, isa: Isa, query: &Query<'_, u8>, x: &[u8], _: f64) -> ByteL2 {
        ByteL2(distance::l2_squared(isa, query.values, x))
    }

    /// The root is rounded by less than the factor adds.
    fn reach(&self, _: &Query<'_, u8>, ByteL2(square): ByteL2) -> f64 {
        (square as f64).sqrt() * (1.0 + 1e-12)
    }

    fn stripe(
        &self,
        isa: Isa,
        queries: &[Query<'_, u8>],
        rows: &[&[u8]],
        mut each: impl FnMut(usize, usize, ByteL2),
    ) {
        tile(isa, Measure::L2Squared, queries, rows, |q, i, square, _| each(q, i, ByteL2(u64::from(square))));
    }
}

/// Cosine of bytes.
pub(in crate::neighbors) struct ByteCosines;

impl Exact<u8> for ByteCosines {
    type Key = ByteCosine;
    const BY_STRIPES: bool = true;

    fn key(&self, isa: Isa, query: &Query<'_, u8>, x: &[u8], square: f64) -> ByteCosine {
        // Squares of bytes are below 2⁵³ and so whole numbers in f64, too.
        ByteCosine {
            dot: distance::dot(isa, query.values, x),
            row: square as u64,
            query: query.square as u64,
        }
    }

    /// ‖u − v‖² = 2 (1 − u·v) for directions u and v. The distance of a key is off by less than 2 · 10⁻⁸: near right angles it
    /// is 1 − √(1 − s) with an s that is rounded near 1, and the root of a rounding of 2⁻⁵³ is that large.
    fn reach(&self, _: &Query<'_, u8>, key: ByteCosine) -> f64 {
        (2.0 * (key.distance() + 2e-8)).sqrt() * (1.0 + 1e-12)
    }

    fn stripe(
        &self,
        isa: Isa,
        queries: &[Query<'_, u8>],
        rows: &[&[u8]],
        mut each: impl FnMut(usize, usize, ByteCosine),
    ) {
        tile(isa, Measure::Dot, queries, rows, |q, i, dot, panels| {
            let (row, query) = (u64::from(panels.square(i)), queries[q].square as u64);
            each(q, i, ByteCosine { dot: u64::from(dot), row, query });
        });
    }
}

/// Gives `each` the measure of every query and every row.
fn tile(
    isa: Isa,
    measure: Measure,
    queries: &[Query<'_, u8>],
    rows: &[&[u8]],
    mut each: impl FnMut(usize, usize, u32, &Panels),
) {
    let Some(width) = queries.first().map(|query| query.values.len()) else { return };
    let panels = Panels::new(measure, width, rows.iter().copied());
    let packed = Queries::new(isa, measure, width, queries.iter().map(|query| query.values));
    let columns = panels.len() * panels.rows_of_a_panel();
    let mut numbers = vec![0; queries.len() * columns];
    panels.measure(isa, &packed, 0..panels.len(), &mut numbers);
    for (q, numbers) in numbers.chunks_exact(columns).enumerate() {
        numbers[..panels.rows()].iter().enumerate().for_each(|(i, &number)| each(q, i, number, &panels));
    }
}

/// Squared L2 of floats, in f64.
pub(in crate::neighbors) struct FloatSquares;

impl Exact<f32> for FloatSquares {
    type Key = FloatSquared;
    const BY_STRIPES: bool = false;

    fn key(&self, isa: Isa, query: &Query<'_, f32>, x: &[f32], _: f64) -> FloatSquared {
        FloatSquared(floats::l2_squared(isa, query.values, x))
    }

    /// A sum of up to 65,536 squares in eight running sums is off by at most 8,200 · 2⁻⁵³ < 10⁻¹² of itself.
    fn reach(&self, _: &Query<'_, f32>, FloatSquared(square): FloatSquared) -> f64 {
        square.sqrt() * (1.0 + 1e-11)
    }
}

/// Cosine of floats, in f64.
pub(in crate::neighbors) struct FloatCosines;

impl Exact<f32> for FloatCosines {
    type Key = Float;
    const BY_STRIPES: bool = false;

    fn key(&self, isa: Isa, query: &Query<'_, f32>, x: &[f32], square: f64) -> Float {
        float_cosine(floats::dot(isa, query.values, x), square, query.square)
    }

    /// The dot product is off by at most 10⁻¹² ‖q‖ ‖x‖, the norms by as much of themselves, the quotient by three
    /// times 10⁻¹².
    fn reach(&self, _: &Query<'_, f32>, Float(distance): Float) -> f64 {
        (2.0 * (distance + 1e-11)).sqrt() * (1.0 + 1e-12)
    }
}

/// Dot products of floats, in f64.
pub(in crate::neighbors) struct FloatProducts {
    /// M², the largest ‖x‖² of all rows.
    pub longest: f64,
}

impl Exact<f32> for FloatProducts {
    type Key = Float;
    const BY_STRIPES: bool = false;

    fn key(&self, isa: Isa, query: &Query<'_, f32>, x: &[f32], _: f64) -> Float {
        float_dot(floats::dot(isa, query.values, x))
    }

    fn reach(&self, query: &Query<'_, f32>, Float(product): Float) -> f64 {
        // The product is off by at most 10⁻¹² ‖q‖ ‖x‖, so times M / ‖q‖ by 10⁻¹² M², and the squares by as much.
        let (scale, square) = match query.square > 0.0 {
            true => ((self.longest / query.square).sqrt(), self.longest),
            false => (0.0, 0.0),
        };
        let distance = square + self.longest + 2.0 * scale * product;
        (distance.max(0.0) + 2e-11 * self.longest).sqrt() * (1.0 + 1e-12)
    }
}
