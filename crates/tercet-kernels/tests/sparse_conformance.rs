//! Every sparse product against the dense naive one, on every instruction set that this processor has.

mod common;
mod interpreted;

use std::ops::Range;

use tercet_kernels::Isa;
use tercet_kernels::matmul::{self, Start, View, ViewMut, is_fused};
use tercet_kernels::optimizer::{Sgd, sgd};
use tercet_kernels::sparse::{
    Accumulators, CsrMatrix, naive, product, product_into, product_sgd, scatter_width, transposed_product,
    transposed_product_sgd,
};

use common::numbers;
use interpreted::few;

/// Numbers of which about one in `one_in` is not zero, including rows that are all zero.
fn sparse_numbers(m: usize, k: usize, one_in: usize, seed: u32) -> Vec<f32> {
    let (mut values, chance) = (numbers(m * k, seed), numbers(m * k, seed + 1));
    for (i, (value, chance)) in values.iter_mut().zip(chance).enumerate() {
        if (chance + 1.0) * one_in as f32 > 2.0 || (i / k).is_multiple_of(5) && one_in > 1 {
            *value = 0.0;
        }
    }
    values
}

fn rows(isa: Isa, dense: &[f32], k: usize) -> CsrMatrix {
    let mut rows = CsrMatrix::new();
    rows.clear(k);
    dense.chunks_exact(k.max(1)).for_each(|row| rows.push(isa, row));
    rows
}

fn tolerance(k: usize) -> f32 {
    (k + 1) as f32 * (k + 2) as f32 * f32::EPSILON
}

fn differs(isa: Isa, k: usize, found: &[f32], expected: &[f32]) -> Option<usize> {
    assert_eq!(found.len(), expected.len());
    // Without fused multiply-adds, the chain of roundings is the naive one to the bit.
    let fits = |f: f32, e: f32| if is_fused(isa) { (f - e).abs() <= tolerance(k) } else { f == e };
    found.iter().zip(expected).position(|(&f, &e)| !fits(f, e))
}

type Product = fn(Isa, &CsrMatrix, Range<usize>, View<'_>, Start<'_>, &mut [f32]);

/// The checker: describes the first error of `candidate`, if there is one.
fn difference(
    candidate: Product,
    isa: Isa,
    (m, k, n): (usize, usize, usize),
    one_in: usize,
) -> Option<String> {
    let a = rows(isa, &sparse_numbers(m, k, one_in, 1), k);
    let (b, bias) = (numbers(k * n, 3), numbers(n, 5));
    let parts = [0..m, m / 3..m, 0..m / 2];
    for (part, b) in parts
        .into_iter()
        .flat_map(|part| [(part.clone(), View::new(&b, k, n)), (part, View::new(&b, n, k).t())])
    {
        for start in [Start::Zero, Start::Bias(&bias), Start::Keep] {
            let mut expected = numbers(part.len() * n, 6);
            let mut found = expected.clone();
            naive::product(&a, part.clone(), b, start, &mut expected);
            candidate(isa, &a, part.clone(), b, start, &mut found);
            if let Some(at) = differs(isa, k, &found, &expected) {
                return Some(format!("{isa:?} {start:?} ({m}, {k}, {n}) rows {part:?} at {at}"));
            }
        }
    }
    None
}

#[test]
fn the_sparse_product_equals_the_naive_one_over_awkward_sizes() {
    let columns = [0, 1, 3, 4, 10, 15, 16, 17, 32, 36, 48, 63, 64, 80, 96, 112, 127, 128, 129, 200];
    for isa in Isa::available() {
        for n in few(&columns, 3) {
            for m in few(&[3, 1, 2, 5, 8, 13], 1) {
                for k in few(&[20, 1, 65, 63, 64, 130], 2) {
                    for one_in in few(&[5, 1], 1) {
                        assert_eq!(difference(product, isa, (m, k, n), one_in), None);
                    }
                }
            }
        }
        if cfg!(miri) {
            continue;
        }
        for (shape, one_in) in [((20, 784, 36), 5), ((40, 784, 300), 5), ((64, 300, 520), 2)] {
            assert_eq!(difference(product, isa, shape, one_in), None);
        }
    }
}

#[test]
fn the_checker_catches_a_wrong_kernel() {
    /// Omits the initial value of the last element.
    fn planted(isa: Isa, a: &CsrMatrix, rows: Range<usize>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
        product(isa, a, rows, b, start, c);
        if let (Some(last), Start::Bias(bias)) = (c.last_mut(), start) {
            *last -= bias[bias.len() - 1];
        }
    }
    for isa in Isa::available() {
        assert!(difference(planted, isa, (9, 40, 17), 3).is_some(), "{isa:?}");
    }
}

#[test]
fn skipping_zeros_and_cutting_rows_or_columns_changes_no_bit_of_the_dense_product() {
    let (m, k, n) = if cfg!(miri) { (5, 20, 141) } else { (37, 300, 141) };
    let (a, b, bias) = (sparse_numbers(m, k, 3, 1), numbers(k * n, 2), numbers(n, 3));
    let b = View::new(&b, k, n);
    for isa in Isa::available() {
        let sparse = rows(isa, &a, k);
        let mut dense = vec![0.0; m * n];
        matmul::product(isa, View::new(&a, m, k), b, Start::Bias(&bias), &mut dense);
        for piece in few(&[1, 3, 2, 5, 13, 36, 37], 3) {
            let mut cut = vec![f32::NAN; m * n];
            for from in (0..m).step_by(piece) {
                let part = from..m.min(from + piece);
                let c = &mut cut[part.start * n..part.end * n];
                product(isa, &sparse, part, b, Start::Bias(&bias), c);
            }
            assert!(dense.iter().zip(&cut).all(|(x, y)| x.to_bits() == y.to_bits()), "{isa:?} {piece}");
        }
        for at in few(&[0, 1, 16, 70, 128, 141], 3) {
            let mut cut = vec![f32::NAN; m * n];
            let (left, right) = ViewMut::new(&mut cut, m, n).split_columns(at);
            for (columns, c) in [(0..at, left), (at..n, right)] {
                let start = Start::Bias(&bias).columns(columns.clone());
                product_into(isa, &sparse, 0..m, b.column_range(columns), start, c);
            }
            assert!(dense.iter().zip(&cut).all(|(x, y)| x.to_bits() == y.to_bits()), "{isa:?} columns {at}");
        }
    }
}

#[test]
fn a_step_from_the_sums_equals_a_step_from_the_stored_product() {
    for isa in Isa::available() {
        for (m, k, n) in few(&[(1, 1, 1), (5, 64, 17), (13, 64, 128), (9, 65, 36), (20, 130, 200)], 2) {
            let a = rows(isa, &sparse_numbers(m, k, 3, 1), k);
            let (b, old, first) = (numbers(k * n, 3), numbers(m * n, 4), numbers(m * n, 6));
            let b = View::new(&b, k, n);
            for (momentum, reg, start) in [
                (0.0, 0.0, Start::Zero),
                (0.9, 0.0, Start::Keep),
                (0.9, 0.01, Start::Zero),
                (0.0, 0.01, Start::Keep),
            ] {
                let how = Sgd { learning_rate: 0.1, momentum, reg };
                let (mut dw, mut expected, mut expected_v) = (first.clone(), old.clone(), first.clone());
                product(isa, &a, 0..m, b, start, &mut dw);
                sgd(isa, how, &mut expected, &dw, &mut expected_v);

                let (mut sums, mut w, mut v) = (first.clone(), old.clone(), first.clone());
                // A few rows at a time, as for threads.
                for from in (0..m).step_by(7) {
                    let part = from..m.min(from + 7);
                    let mut all = [&mut sums, &mut w, &mut v].map(|all| ViewMut::new(all, m, n));
                    let [sums, w, v] = all.each_mut().map(|all| all.row_range(part.clone()));
                    let v = (momentum != 0.0).then_some(v);
                    product_sgd(isa, &a, part, b, start, sums, how, (w, v));
                }
                let same = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same(&w, &expected), "{isa:?} {how:?} {start:?} ({m}, {k}, {n})");
                assert!(momentum == 0.0 || same(&v, &expected_v), "{isa:?} {how:?} ({m}, {k}, {n})");
            }
        }
    }
}

#[test]
fn the_transposed_product_equals_the_naive_one_and_the_explicitly_transposed_one() {
    for isa in Isa::available() {
        let mut sums = Accumulators::default();
        for n in few(&Vec::from_iter(0..=scatter_width(isa)), 3) {
            for (m, k) in few(&[(0, 5), (1, 1), (3, 7), (20, 130), (67, 65)], 3) {
                let a = rows(isa, &sparse_numbers(m, k, 3, 1), k);
                let (b, mut found) = (numbers(m * n, 2), vec![f32::NAN; k * n]);
                let (mut expected, mut turned) = (found.clone(), found.clone());
                transposed_product(isa, &a, &b, &mut found, &mut sums);
                naive::transposed_product(&a, &b, &mut expected);
                assert_eq!(differs(isa, m, &found, &expected), None, "{isa:?} ({m}, {k}, {n})");

                let mut transpose = CsrMatrix::new();
                transpose.transpose(&a);
                product(isa, &transpose, 0..k, View::new(&b, m, n), Start::Zero, &mut turned);
                assert!(found == turned, "{isa:?} ({m}, {k}, {n})");
            }
        }
    }
}

#[test]
fn a_step_along_a_transposed_product_equals_the_product_and_then_the_step() {
    for isa in Isa::available() {
        let (mut sums, mut other_sums) = (Accumulators::default(), Accumulators::default());
        for n in few(&Vec::from_iter(1..=scatter_width(isa)), 3) {
            for (m, k) in few(&[(1, 1), (67, 65), (3, 7), (20, 130)], 3) {
                for (momentum, reg) in [(0.0, 0.0), (0.0, 0.01), (0.9, 0.0), (0.9, 0.01)] {
                    let how = Sgd { learning_rate: 0.1, momentum, reg };
                    let a = rows(isa, &sparse_numbers(m, k, 3, 1), k);
                    let (b, mut w, mut v) = (numbers(m * n, 2), numbers(k * n, 3), numbers(k * n, 4));
                    let (mut dw, mut expected_w, mut expected_v) =
                        (vec![f32::NAN; k * n], w.clone(), v.clone());
                    let squares = transposed_product_sgd(isa, &a, &b, how, &mut w, &mut v, &mut sums);
                    transposed_product(isa, &a, &b, &mut dw, &mut other_sums);
                    let expected = sgd(isa, how, &mut expected_w, &dw, &mut expected_v);
                    assert!(w == expected_w && v == expected_v, "{isa:?} ({m}, {k}, {n}) {how:?}");
                    assert!((squares - expected).abs() <= 1e-6 * expected, "{squares}, not {expected}");
                }
            }
        }
    }
}

#[test]
fn rows_contain_what_was_pushed_and_transpose_correctly() {
    for isa in Isa::available() {
        let mut transpose = CsrMatrix::new();
        for (m, k) in few(&[(0, 3), (1, 1), (3, 64), (70, 65), (130, 17), (5, 784)], 3) {
            let dense = sparse_numbers(m, k, 4, 9);
            let rows = rows(isa, &dense, k);
            assert_eq!((rows.rows(), rows.columns()), (m, k));
            assert_eq!(rows.non_zeros(), dense.iter().filter(|&&x| x != 0.0).count());
            assert_eq!(rows.to_dense(), dense);
            transpose.transpose(&rows);
            let turned: Vec<f32> = (0..k * m).map(|i| dense[i % m * k + i / m]).collect();
            assert_eq!(transpose.to_dense(), turned, "{isa:?} ({m}, {k})");
        }
        let mut nan = CsrMatrix::new();
        nan.clear(2);
        nan.push(isa, &[f32::NAN, -0.0]);
        assert_eq!(nan.non_zeros(), 1, "NaN is kept, −0 is a zero");
    }
}

#[test]
fn every_pixel_is_divided_by_255_to_the_bit() {
    let pixels: Vec<u8> = (0..=255).collect();
    for isa in Isa::available() {
        for part in [&pixels[..], &pixels[3..90], &pixels[255..], &[0; 100]] {
            let mut rows = CsrMatrix::new();
            rows.clear(part.len());
            rows.push_pixels(isa, part);
            let expected: Vec<f32> = part.iter().map(|&pixel| f32::from(pixel) / 255.0).collect();
            assert_eq!(rows.to_dense(), expected, "{isa:?}");
        }
    }
}

#[test]
#[should_panic(expected = "matrix A has dimensions (1, 3), matrix B has dimensions (2, 3)")]
fn inner_dimensions_that_differ_are_rejected() {
    let a = rows(Isa::PORTABLE, &[1.0; 3], 3);
    product(Isa::PORTABLE, &a, 0..1, View::new(&[0.0; 6], 2, 3), Start::Zero, &mut [0.0; 3]);
}
