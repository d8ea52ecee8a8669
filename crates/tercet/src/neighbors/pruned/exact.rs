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

#[cfg(test)]
mod tests {
    use super::*;

    fn query<T>(values: &[T], square: f64) -> Query<'_, T> {
        Query::without_codes(values, square)
    }

    /// A reach is at least the distance, and hardly more.
    fn reaches(found: f64, distance: f64, slack: f64) {
        assert!(found >= distance, "{found} is less than {distance}");
        assert!(found <= distance + slack, "{found} is much more than {distance}");
    }

    #[test]
    fn keys_reach_as_far_as_their_rows_lie() {
        let bytes = query(&[3u8, 4], 25.0);
        reaches(ByteSquares.reach(&bytes, ByteL2(25)), 5.0, 1e-10);
        reaches(ByteSquares.reach(&bytes, ByteL2(3)), 3f64.sqrt(), 1e-10);
        // (3, 4) and (4, 3): the cosine is 24 / 25, the directions are √(2 / 25) apart.
        let key = ByteCosines.key(Isa::active(), &bytes, &[4, 3], 25.0);
        reaches(ByteCosines.reach(&bytes, key), 0.08f64.sqrt(), 1e-7);

        let floats = query(&[3f32, 4.0], 25.0);
        let key = FloatSquares.key(Isa::active(), &floats, &[4.0, 2.0], f64::NAN);
        assert_eq!(key, FloatSquared(5.0));
        reaches(FloatSquares.reach(&floats, key), 5f64.sqrt(), 1e-10);
        let key = FloatCosines.key(Isa::active(), &floats, &[4.0, 3.0], 25.0);
        reaches(FloatCosines.reach(&floats, key), 0.08f64.sqrt(), 1e-10);
        // Made as long as the longest row, 10, q is (6, 8); x gets one more column of √(100 − 25).
        let products = FloatProducts { longest: 100.0 };
        let key = products.key(Isa::active(), &floats, &[4.0, 3.0], f64::NAN);
        assert_eq!(key, Float(-24.0));
        reaches(products.reach(&floats, key), f64::sqrt(4.0 + 25.0 + 75.0), 1e-9);
        // A query of zeros is as far from every row as the longest is long.
        reaches(products.reach(&query(&[0.0, 0.0], 0.0), Float(0.0)), 10.0, 1e-9);
    }

    /// At distance 0 nothing is left of a key but what it may be off by.
    #[test]
    fn rows_in_the_same_place_may_be_off_by_a_rounding() {
        let floats = query(&[3f32, 4.0], 25.0);
        let off = FloatCosines.reach(&floats, Float(0.0));
        assert!((off / 2e-11f64.sqrt() - 1.0).abs() < 1e-6, "{off}");
        for product in [-250.0, -250.0 - 1e-13] {
            // q and the longest row have one direction: 5 · 50.
            let off = FloatProducts { longest: 2500.0 }.reach(&floats, Float(product));
            assert!((off / (2e-11 * 2500f64).sqrt() - 1.0).abs() < 1e-2, "{off}");
        }
    }

    /// The root of a reach is rounded, and a factor covers that beside what a key may be off by.
    #[test]
    fn a_root_is_rounded_up() {
        let more = |found: f64, squared: f64| {
            let share = found / squared.sqrt() - 1.0;
            assert!(share > 0.5e-12 && share < 2e-12, "{share}");
        };
        let (bytes, floats) = (query(&[3u8, 4], 25.0), query(&[3f32, 4.0], 25.0));
        let key = ByteCosines.key(Isa::active(), &bytes, &[4, 3], 25.0);
        more(ByteCosines.reach(&bytes, key), 2.0 * (key.distance() + 2e-8));
        more(FloatCosines.reach(&floats, Float(0.04)), 2.0 * (0.04 + 1e-11));
        let products = FloatProducts { longest: 100.0 };
        more(products.reach(&floats, Float(-24.0)), 104.0 + 2e-11 * 100.0);
    }

    /// The distance of bytes near a right angle is rounded to 1 − 2⁻²⁶·⁵ where it is 1 − 8.0 · 10⁻⁹: what is added covers it.
    #[test]
    fn cosines_of_bytes_near_a_right_angle_need_their_slack() {
        let side = 1922;
        let half = |from: usize| -> Vec<u8> {
            let mut row = vec![0; 2 * side + 1];
            row[from..from + side].fill(255);
            row[2 * side] = 1;
            row
        };
        let (q, x) = (half(0), half(side));
        let square = side as f64 * 65_025.0 + 1.0;
        let q = query(&q, square);
        let key = ByteCosines.key(Isa::active(), &q, &x, square);
        let distance = 1.0 - 1.0 / square;
        assert!(key.distance() < distance - 2e-9, "{} is no less than {distance}", key.distance());
        assert!(ByteCosines.reach(&q, key) >= (2.0 * distance).sqrt());
    }

    /// Whole stripes give the keys that pairs give, each once.
    fn by_stripes<E: Exact<u8>>(exact: &E)
    where
        E::Key: std::fmt::Debug,
    {
        let all: Vec<Vec<u8>> =
            (0..70u32).map(|i| (0..5).map(|j| (i * i + 37 * i * j + j) as u8).collect()).collect();
        let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        for isa in Isa::available() {
            let square = |x: &[u8]| <u8 as Value>::square(isa, x);
            for (asked, count) in [(3, 70), (1, 1), (19, 64), (0, 7)] {
                let queries: Vec<_> = all.iter().rev().take(asked).map(|&x| query(x, square(x))).collect();
                let mut found = vec![None; asked * count];
                exact.stripe(isa, &queries, &all[..count], |q, i, key| {
                    assert!(found[q * count + i].replace(key).is_none(), "{q} and {i} twice");
                });
                for (at, found) in found.into_iter().enumerate() {
                    let (query, x) = (&queries[at / count], all[at % count]);
                    assert_eq!(found, Some(exact.key(isa, query, x, square(x))), "{isa:?}, {at}");
                }
            }
        }
    }

    #[test]
    fn stripes_give_the_keys_of_pairs() {
        by_stripes(&ByteSquares);
        by_stripes(&ByteCosines);
    }
}
