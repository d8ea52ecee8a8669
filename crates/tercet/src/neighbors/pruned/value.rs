//! [`Value`]: the type of the numbers in rows, bytes or floats, and how rows of that type are projected onto axes.
//!
//! A sketch needs A x for every row, where A is a matrix with ‖A‖₂ ≤ 1 (see [`sketch`](super::sketch)). On bytes, A
//! consists of integers and the products are exact; on floats the products are rounded, and [`Axes`] has a bound on the
//! error.

use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::distance::{self, PanelKind, Panels, Queries, floats};
use tercet_kernels::matmul::{self, Start, View};

use super::search::Query;
use crate::data::Examples;
use crate::neighbors::index::{features, pixels};
use crate::neighbors::metric::{ByteKey, Measure, MeasureOf};

/// A number type of rows.
pub(in crate::neighbors) trait Value:
    Copy + Default + PartialEq + Send + Sync + 'static
{
    /// Axes to project onto.
    type Basis: Clone + std::fmt::Debug + Send + Sync;

    /// Example `i` of a data set that was checked to have this type.
    fn row(data: &Examples, i: usize) -> &[Self];

    /// The number as f32, which represents both types exactly.
    fn to_f32(self) -> f32;

    /// ‖x‖², with a relative error below 10⁻¹².
    fn square(isa: Isa, x: &[Self]) -> f64;

    /// ‖a − b‖², with the same relative error.
    fn l2_squared(isa: Isa, a: &[Self], b: &[Self]) -> f64;

    /// Axes close to the given ones, for the coarse and the fine codes.
    fn basis(isa: Isa, along: [Along; 2], width: usize) -> (Self::Basis, [Axes; 2]);

    /// The memory used by axes, in bytes.
    fn basis_bytes(basis: &Self::Basis) -> usize;

    /// [`Axes::rounding`] for `count` axes.
    fn rounding(count: usize, width: usize) -> f64;

    /// The projections of some rows onto the axes, coarse before fine: √g · A x, where `unit` of [`Axes`] is 1 / √g.
    ///
    /// # Shapes
    /// `seen` becomes (rows, P coarse + P fine).
    fn project(isa: Isa, basis: &Self::Basis, rows: &[&[Self]], seen: &mut Vec<f64>);

    /// Whether many rows can be compared faster than pair by pair.
    const HAS_PANELS: bool;

    /// Calls `each` with the key of every query and every row, given by their numbers from 0, using the blocked
    /// kernels, if [there are any](Self::HAS_PANELS).
    fn panel_keys<M: Measure + MeasureOf<Self>>(
        _isa: Isa,
        _queries: &[Query<'_, Self>],
        _rows: &[&[Self]],
        _each: impl FnMut(usize, usize, <M as MeasureOf<Self>>::Key),
    ) {
        unreachable!("rows that are compared pair by pair")
    }
}

/// What to project onto.
#[derive(Clone, Debug)]
pub(in crate::neighbors) enum Along {
    /// The rows of a matrix, (P, D).
    Axes(Vec<f32>),
    /// The D columns of the rows themselves: A = 1. Only for floats, as bytes need no codes for that.
    Columns,
}

/// The properties of the axes of one kind of code.
#[derive(Clone, Copy, Debug)]
pub(in crate::neighbors) struct Axes {
    /// P.
    pub count: usize,
    /// 1 / √g, which makes ‖A‖₂ ≤ 1: g is at least the largest eigenvalue of the Gram matrix of the axes.
    pub unit: f64,
    /// ‖ã − A x‖ ≤ `rounding` · ‖x‖ + 10⁻³⁰ for the result of [`Value::project`] for a row, ã = `unit` · `seen`.
    pub rounding: f64,
}

impl Axes {
    /// From the Gram matrix G of the axes, (count, count).
    fn new(count: usize, products: &[f64], rounding: f64) -> Self {
        // The factor exceeds the rounding errors of the root, the quotient and the products.
        Axes { count, unit: (1.0 - 1e-9) / largest_eigenvalue(products, count).sqrt(), rounding }
    }
}

/// A tight upper bound on the largest eigenvalue of a positive semi-definite symmetric matrix; 1 for zeros.
///
/// No eigenvalue exceeds the largest absolute row sum (Gershgorin), and the eigenvalues of G¹⁶ are the sixteenth powers
/// of those of G: so λ ≤ (the row sum of G¹⁶)^(1/16), where the contribution of the off-diagonal elements is nearly
/// negligible.
fn largest_eigenvalue(matrix: &[f64], n: usize) -> f64 {
    let row_sum = |matrix: &[f64]| {
        matrix.chunks_exact(n.max(1)).map(|row| row.iter().map(|v| v.abs()).sum::<f64>()).fold(0.0, f64::max)
    };
    let scale = row_sum(matrix);
    if scale == 0.0 {
        return 1.0;
    }
    let mut power: Vec<f64> = matrix.iter().map(|v| v / scale).collect();
    for _ in 0..4 {
        let mut square = vec![0.0; n * n];
        square.par_chunks_exact_mut(n).zip(power.par_chunks_exact(n)).for_each(|(out, row)| {
            for (&factor, other) in row.iter().zip(power.chunks_exact(n)) {
                out.iter_mut().zip(other).for_each(|(out, other)| *out += factor * other);
            }
        });
        power = square;
    }
    scale * row_sum(&power).powf(1.0 / 16.0)
}

/// Axes of integers from −127 to 127, each plus 128.
#[derive(Clone, Debug)]
pub(in crate::neighbors) struct ByteBasis(Panels);

impl Value for u8 {
    type Basis = ByteBasis;
    const HAS_PANELS: bool = true;

    fn row(data: &Examples, i: usize) -> &[u8] {
        pixels(data, i)
    }

    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn square(isa: Isa, x: &[u8]) -> f64 {
        distance::dot(isa, x, x) as f64
    }

    fn l2_squared(isa: Isa, a: &[u8], b: &[u8]) -> f64 {
        distance::l2_squared(isa, a, b) as f64
    }

    fn basis(isa: Isa, along: [Along; 2], width: usize) -> (ByteBasis, [Axes; 2]) {
        let shifted = |along: &Along| -> Vec<u8> {
            let Along::Axes(axes) = along else { unreachable!("a plan for floats") };
            let largest = axes.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
            let scale = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            axes.iter().map(|v| ((v * scale).round() + 128.0) as u8).collect()
        };
        let rows = [shifted(&along[0]), shifted(&along[1])];
        let axes = [&rows[0], &rows[1]].map(|rows| {
            let row = |i: usize| &rows[i * width..][..width];
            let sum = |i: usize| row(i).iter().map(|&m| i64::from(m)).sum::<i64>();
            // Σ (m − 128) (n − 128) = Σ m n − 128 (Σ m + Σ n) + 128² D, in integers.
            let count = rows.len() / width;
            let sums: Vec<i64> = (0..count).map(sum).collect();
            let product = |(i, j): (usize, usize)| {
                let dot = distance::dot(isa, row(i), row(j)) as i64;
                (dot - 128 * (sums[i] + sums[j]) + 128 * 128 * width as i64) as f64
            };
            Axes::new(count, &pairs(count).map(product).collect::<Vec<f64>>(), Self::rounding(count, width))
        });
        let all = rows[0].chunks_exact(width).chain(rows[1].chunks_exact(width));
        let all: Vec<&[u8]> = all.collect();
        (ByteBasis(Panels::new(PanelKind::Dot, width, all.iter().copied())), axes)
    }

    fn basis_bytes(ByteBasis(basis): &ByteBasis) -> usize {
        basis.bytes()
    }

    /// Integers below 2³¹ are exact in f64; the product by `unit` has a relative error of 2⁻⁵³.
    fn rounding(_count: usize, _width: usize) -> f64 {
        1e-15
    }

    fn project(isa: Isa, ByteBasis(basis): &ByteBasis, rows: &[&[u8]], seen: &mut Vec<f64>) {
        let queries = Queries::new(isa, PanelKind::Dot, basis.width(), rows.iter().copied());
        let columns = basis.len() * basis.rows_of_a_panel();
        let mut dots = vec![0; rows.len() * columns];
        basis.measure(isa, &queries, 0..basis.len(), &mut dots);
        seen.clear();
        for (row, dots) in rows.iter().zip(dots.chunks_exact(columns)) {
            // Σ m x = Σ (m + 128) x − 128 Σ x. It lies between ∓127 · 255 · 65,536, which 32 bits hold, so it is exact
            // even if intermediate results wrap around.
            let shift = row.iter().map(|&x| u32::from(x)).sum::<u32>().wrapping_mul(128);
            let axes = &dots[..basis.rows()];
            seen.extend(axes.iter().map(|dot| f64::from(dot.wrapping_sub(shift).cast_signed())));
        }
    }

    fn panel_keys<M: Measure + MeasureOf<u8>>(
        isa: Isa,
        queries: &[Query<'_, u8>],
        rows: &[&[u8]],
        mut each: impl FnMut(usize, usize, ByteKey<M>),
    ) {
        let Some(width) = queries.first().map(|query| query.values.len()) else { return };
        let kind = M::PANELS.expect("metrics that codes rule rows out for have panels");
        let panels = Panels::new(kind, width, rows.iter().copied());
        let packed = Queries::new(isa, kind, width, queries.iter().map(|query| query.values));
        let columns = panels.len() * panels.rows_of_a_panel();
        let mut values = vec![0; queries.len() * columns];
        panels.measure(isa, &packed, 0..panels.len(), &mut values);
        for (q, values) in values.chunks_exact(columns).enumerate() {
            for (i, &value) in values[..panels.rows()].iter().enumerate() {
                let row = if M::NEEDS_SQUARES { u64::from(panels.square(i)) } else { 0 };
                each(q, i, M::panel_key(value, [queries[q].square as u64, row]));
            }
        }
    }
}

/// All pairs of 0 ‥ n, row by row.
fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |i| (0..n).map(move |j| (i, j)))
}

/// Axes of floats, for the coarse and the fine codes.
#[derive(Clone, Debug)]
pub(in crate::neighbors) struct FloatBasis {
    along: [Along; 2],
    width: usize,
}

impl Value for f32 {
    type Basis = FloatBasis;
    const HAS_PANELS: bool = false;

    fn row(data: &Examples, i: usize) -> &[f32] {
        features(data, i)
    }

    fn to_f32(self) -> f32 {
        self
    }

    /// Sums of up to 65,536 positive terms in eight accumulators: the relative error is at most 8,200 · 2⁻⁵³ < 10⁻¹².
    fn square(isa: Isa, x: &[f32]) -> f64 {
        floats::dot(isa, x, x)
    }

    fn l2_squared(isa: Isa, a: &[f32], b: &[f32]) -> f64 {
        floats::l2_squared(isa, a, b)
    }

    fn basis(isa: Isa, along: [Along; 2], width: usize) -> (FloatBasis, [Axes; 2]) {
        let axes = along.each_ref().map(|along| {
            let Along::Axes(axes) = along else {
                // Nothing is computed.
                return Axes { count: width, unit: 1.0, rounding: 1e-15 };
            };
            let (count, row) = (axes.len() / width, |i: usize| &axes[i * width..][..width]);
            let product = |(i, j): (usize, usize)| floats::dot(isa, row(i), row(j));
            let products: Vec<f64> = pairs(count).map(product).collect();
            Axes::new(count, &products, Self::rounding(count, width))
        });
        (FloatBasis { along, width }, axes)
    }

    fn basis_bytes(basis: &FloatBasis) -> usize {
        let bytes = |along: &Along| match along {
            Along::Axes(axes) => size_of_val(&**axes),
            Along::Columns => 0,
        };
        basis.along.iter().map(bytes).sum()
    }

    /// The error of a sum of D products of f32 in f32, in any order and fused or not, is at most γ Σ |a x| ≤ γ ‖a‖ ‖x‖,
    /// γ = D u / (1 − D u), u = 2⁻²⁴ (Higham, Accuracy and Stability of Numerical Algorithms, 3.5). One row a of the
    /// axes has ‖a‖² ≤ g; P of them add up to √P γ ‖x‖ after the product by 1 / √g. Underflow adds less than D · 2⁻¹⁴⁹.
    /// D u < 2⁻¹⁰ for rows that have sketches, so γ < 1.01 D u.
    fn rounding(count: usize, width: usize) -> f64 {
        let gamma = 1.01 * width as f64 * f64::from(f32::EPSILON / 2.0);
        gamma * (count as f64).sqrt() + 1e-15
    }

    fn project(isa: Isa, basis: &FloatBasis, rows: &[&[f32]], seen: &mut Vec<f64>) {
        let x = rows.concat();
        let [coarse, fine] = basis.along.each_ref().map(|along| {
            let Along::Axes(axes) = along else { return x.clone() };
            let count = axes.len() / basis.width;
            let mut products = vec![0.0; rows.len() * count];
            let (x, axes) = (View::new(&x, rows.len(), basis.width), View::new(axes, count, basis.width));
            matmul::product(isa, x, axes.t(), Start::Zero, &mut products);
            products
        });
        seen.clear();
        let (coarse_width, fine_width) = (coarse.len() / rows.len(), fine.len() / rows.len());
        for i in 0..rows.len() {
            let coarse = &coarse[i * coarse_width..][..coarse_width];
            let fine = &fine[i * fine_width..][..fine_width];
            seen.extend(coarse.iter().chain(fine).map(|&v| f64::from(v)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reproducible pseudo-random numbers from −1 to 1.
    fn numbers(count: usize) -> impl Iterator<Item = f64> {
        (0..count as u64).map(|i| {
            let bits = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) as i64 as f64 / 2f64.powi(63)
        })
    }

    /// M Mᵀ of M, (count, width).
    fn products(m: &[f64], width: usize) -> Vec<f64> {
        let row = |i: usize| &m[i * width..][..width];
        let dot = |(i, j): (usize, usize)| row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
        let count = m.len() / width;
        (0..count * count).map(|at| dot((at / count, at % count))).collect()
    }

    /// The largest eigenvalue by power iteration, which converges from below.
    fn by_iteration(matrix: &[f64], n: usize) -> f64 {
        let mut v: Vec<f64> = numbers(n).collect();
        let mut value = 0.0;
        for _ in 0..3000 {
            let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
            v.iter_mut().for_each(|v| *v /= length);
            let next: Vec<f64> =
                matrix.chunks_exact(n).map(|row| row.iter().zip(&v).map(|(a, b)| a * b).sum()).collect();
            value = next.iter().zip(&v).map(|(a, b)| a * b).sum();
            v = next;
        }
        value
    }

    /// Never less than the eigenvalue, and at most n^(1/32) times as much: a row sum is at most √n times the norm of
    /// the row.
    fn is_the_largest(found: f64, matrix: &[f64], n: usize) {
        let expected = by_iteration(matrix, n);
        let most = expected * (n as f64).powf(1.0 / 32.0);
        assert!(found >= expected * (1.0 - 1e-12) && found <= most * (1.0 + 1e-9), "{found}, not {expected}");
    }

    #[test]
    fn the_largest_eigenvalue_is_bounded_tightly_from_above() {
        assert_eq!(largest_eigenvalue(&[], 0), 1.0);
        assert_eq!(largest_eigenvalue(&[0.0; 9], 3), 1.0);
        assert!((largest_eigenvalue(&[1.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0, 0.0, 4.0], 3) - 9.0).abs() < 1e-12);
        assert!((largest_eigenvalue(&[2.0, -1.0, -1.0, 2.0], 2) - 3.0).abs() < 1e-12);
        for (count, width) in [(1, 4), (5, 3), (20, 30), (40, 7)] {
            let m: Vec<f64> = numbers(count * width).map(|v| 100.0 * v).collect();
            let g = products(&m, width);
            is_the_largest(largest_eigenvalue(&g, count), &g, count);
        }
    }

    #[test]
    fn the_unit_is_just_below_one_over_the_root() {
        let axes = Axes::new(2, &[4.0, 0.0, 0.0, 1.0], 0.25);
        assert_eq!((axes.count, axes.rounding), (2, 0.25));
        // Smaller by more than rounding errors, 10⁻¹².
        assert!(axes.unit < 0.5 * (1.0 - 1e-11) && axes.unit > 0.5 * (1.0 - 1e-8), "{}", axes.unit);
    }

    #[test]
    fn bytes_and_floats_have_equal_norms_and_distances() {
        let (a, b) = ([3u8, 0, 255, 7, 1], [1u8, 2, 250, 7, 0]);
        let floats = |x: [u8; 5]| x.map(u8::to_f32);
        assert_eq!((f32::to_f32(2.5), u8::to_f32(7)), (2.5, 7.0));
        for isa in Isa::available() {
            assert_eq!(u8::square(isa, &a), 9.0 + 65_025.0 + 49.0 + 1.0);
            assert_eq!(u8::l2_squared(isa, &a, &b), 4.0 + 4.0 + 25.0 + 1.0);
            assert_eq!(f32::square(isa, &floats(a)), u8::square(isa, &a));
            assert_eq!(f32::l2_squared(isa, &floats(a), &floats(b)), u8::l2_squared(isa, &a, &b));
        }
    }

    /// The projections of rows of bytes are exact integers, and A does not increase their norm.
    #[test]
    fn axes_of_bytes_are_integers_of_known_norm() {
        let width = 9;
        let given = [3, 5].map(|count| numbers(count * width).map(|v| (v / 7.0) as f32).collect::<Vec<_>>());
        let rows: Vec<Vec<u8>> =
            (0..20).map(|i| numbers(width).map(|v| (v * 127.0 + 128.0) as u8 / (1 + i)).collect()).collect();
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        for isa in Isa::available() {
            let (basis, axes) = u8::basis(isa, given.clone().map(Along::Axes), width);
            assert!(u8::basis_bytes(&basis) >= 8 * width);
            let mut seen = vec![f64::NAN; 3];
            u8::project(isa, &basis, &rows, &mut seen);
            assert_eq!(seen.len(), rows.len() * 8);
            for (kind, (given, axes)) in given.iter().zip(&axes).enumerate() {
                let largest = given.iter().fold(0f32, |m, v| m.max(v.abs()));
                let integers: Vec<f64> =
                    given.iter().map(|v| f64::from((v * (127.0 / largest)).round())).collect();
                assert!(integers.iter().any(|m| m.abs() == 127.0));
                let count = [3, 5][kind];
                assert_eq!((axes.count, axes.rounding), (count, u8::rounding(count, width)));
                is_the_largest(axes.unit.powi(-2) / (1.0 + 1e-9), &products(&integers, width), count);
                for (x, seen) in rows.iter().zip(seen.chunks_exact(8)) {
                    let seen = &seen[3 * kind..][..count];
                    for (m, &seen) in integers.chunks_exact(width).zip(seen) {
                        let expected: f64 = m.iter().zip(*x).map(|(m, &x)| m * f64::from(x)).sum();
                        assert_eq!(seen, expected);
                    }
                    let length = seen.iter().map(|s| (s * axes.unit).powi(2)).sum::<f64>();
                    assert!(length <= u8::square(isa, x));
                }
            }
        }
    }

    #[test]
    fn projections_onto_zero_axes_are_zero() {
        let along = || Along::Axes(vec![0.0; 6]);
        let (basis, axes) = u8::basis(Isa::active(), [along(), along()], 3);
        let mut seen = Vec::new();
        u8::project(Isa::active(), &basis, &[&[1, 2, 3]], &mut seen);
        assert_eq!(seen, [0.0; 4]);
        assert!(axes.iter().all(|axes| axes.unit <= 1.0 && axes.unit > 0.9));
    }

    /// The error of products of floats is below the bound, and the bound is at most (count)½ times D rounding errors.
    #[test]
    fn errors_of_float_projections_are_within_the_bound() {
        let (count, width) = (6, 300);
        let given: Vec<f32> = numbers(count * width).map(|v| v as f32).collect();
        let rows: Vec<Vec<f32>> = (0..30)
            .map(|i| numbers(width).map(|v| (v * 10f64.powi(i - 15)) as f32 + (i % 3) as f32).collect())
            .collect();
        let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        let exact: Vec<f64> = given.iter().map(|&v| f64::from(v)).collect();
        for isa in Isa::available() {
            let (basis, axes) = f32::basis(isa, [Along::Axes(given.clone()), Along::Columns], width);
            assert_eq!(f32::basis_bytes(&basis), 4 * count * width);
            assert_eq!(axes.map(|axes| axes.count), [count, width]);
            assert_eq!((axes[1].unit, axes[1].rounding), (1.0, 1e-15));
            assert_eq!(axes[0].rounding, f32::rounding(count, width));
            is_the_largest(axes[0].unit.powi(-2) / (1.0 + 1e-9), &products(&exact, width), count);
            let mut seen = vec![f64::NAN; 3];
            f32::project(isa, &basis, &rows, &mut seen);
            assert_eq!(seen.len(), rows.len() * (count + width));
            for (x, seen) in rows.iter().zip(seen.chunks_exact(count + width)) {
                let (seen, columns) = seen.split_at(count);
                assert!(columns.iter().zip(*x).all(|(c, &x)| *c == f64::from(x)));
                let mut off = 0.0;
                for (a, seen) in exact.chunks_exact(width).zip(seen) {
                    let product: f64 = a.iter().zip(*x).map(|(a, &x)| a * f64::from(x)).sum();
                    off += (axes[0].unit * (seen - product)).powi(2);
                }
                let most = axes[0].rounding * f32::square(isa, x).sqrt() + 1e-30;
                assert!(off.sqrt() <= most, "{} is more than {most}", off.sqrt());
            }
        }
    }

    #[test]
    fn roundings_by_hand() {
        assert!(u8::rounding(5, 100) > 2f64.powi(-53) && u8::rounding(5, 100) < 1e-12);
        // √4 · 1.01 · 1000 · 2⁻²⁴, and not negative without axes.
        assert!((f32::rounding(4, 1000) / (2020.0 / 16_777_216.0) - 1.0).abs() < 1e-9);
        assert!(f32::rounding(0, 1000) >= 0.0);
    }

    /// The blocked kernels return the same keys as pairs, each once.
    #[test]
    fn panels_return_the_keys_of_pairs() {
        fn check<M: Measure>()
        where
            ByteKey<M>: std::fmt::Debug,
        {
            let all: Vec<Vec<u8>> =
                (0..70u32).map(|i| (0..5).map(|j| (i * i + 37 * i * j + j) as u8).collect()).collect();
            let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
            for isa in Isa::available() {
                let square = |x: &[u8]| u8::square(isa, x);
                for (count_of_queries, count) in [(3, 70), (1, 1), (19, 64), (0, 7)] {
                    let queries = all.iter().rev().take(count_of_queries);
                    let queries: Vec<_> = queries.map(|&x| Query::without_codes(x, square(x))).collect();
                    let mut found = vec![None; count_of_queries * count];
                    u8::panel_keys::<M>(isa, &queries, &all[..count], |q, i, key| {
                        assert!(found[q * count + i].replace(key).is_none(), "{q} and {i} twice");
                    });
                    for (at, found) in found.into_iter().enumerate() {
                        let (query, x) = (&queries[at / count], all[at % count]);
                        let squares = [query.square, square(x)];
                        let expected = <M as MeasureOf<u8>>::key(isa, query.values, x, squares);
                        assert_eq!(found, Some(expected), "{isa:?}, {at}");
                    }
                }
            }
        }
        check::<crate::neighbors::metric::L2>();
        check::<crate::neighbors::metric::Cosine>();
    }
}
