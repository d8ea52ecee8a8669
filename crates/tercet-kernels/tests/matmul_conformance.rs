//! Every fast matrix product against the naive one, on every instruction set that this processor has.

mod common;
mod interpreted;

use tercet_kernels::Isa;
use tercet_kernels::matmul::{Start, View, ViewMut, is_fused, naive, product, product_into};

use common::numbers;
use interpreted::few;

/// The largest error that rounding can cause: K + 1 roundings of sums that stay below K + 2.
fn tolerance(k: usize) -> f32 {
    (k + 1) as f32 * (k + 2) as f32 * f32::EPSILON
}

type Product = fn(Isa, View<'_>, View<'_>, Start<'_>, &mut [f32]);

/// The checker: describes the first error of `candidate`, if there is one.
fn difference(candidate: Product, isa: Isa, (m, k, n): (usize, usize, usize)) -> Option<String> {
    let (a, at) = (numbers(m * k, 1), numbers(m * k, 2));
    let (b, bt) = (numbers(k * n, 3), numbers(k * n, 4));
    let bias = numbers(n, 5);
    let (a, at) = (View::new(&a, m, k), View::new(&at, k, m).t());
    let (b, bt) = (View::new(&b, k, n), View::new(&bt, n, k).t());
    for (orientation, a, b) in [("A·B", a, b), ("Aᵀ·B", at, b), ("A·Bᵀ", a, bt), ("Aᵀ·Bᵀ", at, bt)]
    {
        for start in [Start::Zero, Start::Bias(&bias), Start::Keep] {
            let mut expected = numbers(m * n, 6);
            let mut found = expected.clone();
            naive::product(a, b, start, &mut expected);
            candidate(isa, a, b, start, &mut found);
            for (at, (e, f)) in expected.iter().zip(&found).enumerate() {
                // Without fused multiply-adds, the chain of roundings is the naive one to the bit.
                let fits = if is_fused(isa) { (e - f).abs() <= tolerance(k) } else { e == f };
                if !fits {
                    return Some(format!(
                        "{isa:?} {orientation} {start:?} ({m}, {k}, {n}) at {at}: {f}, not {e}"
                    ));
                }
            }
        }
    }
    None
}

#[test]
fn the_fast_product_equals_the_naive_one_over_awkward_sizes() {
    let sizes = few(&[0, 1, 2, 5, 7, 8, 9, 16, 17, 33, 36], 3);
    for isa in Isa::available() {
        for &m in &sizes {
            for &n in &sizes {
                for k in if cfg!(miri) { vec![0, 3, 20] } else { vec![0, 1, 2, 20, 257] } {
                    assert_eq!(difference(product, isa, (m, k, n)), None);
                }
            }
        }
        if cfg!(miri) {
            continue;
        }
        assert_eq!(difference(product, isa, (20, 784, 36)), None);
        // Enough columns that rows of A are copied (more rows than fit at once), and that the next panel is prefetched.
        for m in [3, 8, 11, 130] {
            assert_eq!(difference(product, isa, (m, 300, 900)), None);
        }
    }
}

#[test]
fn the_checker_catches_a_wrong_kernel() {
    /// Omits the last term of the last element: a typical edge-case mistake.
    fn planted(isa: Isa, a: View<'_>, b: View<'_>, start: Start<'_>, c: &mut [f32]) {
        product(isa, a, b, start, c);
        if let (Some(last), true) = (c.last_mut(), a.columns() > 0) {
            *last -= a.at(a.rows() - 1, a.columns() - 1) * b.at(b.rows() - 1, b.columns() - 1);
        }
    }
    for isa in Isa::available() {
        assert!(difference(planted, isa, (9, 40, 17)).is_some(), "{isa:?}");
    }
}

#[test]
fn cutting_rows_or_columns_changes_no_bit() {
    let ((m, k), widths) = if cfg!(miri) { ((7, 20), &[41][..]) } else { ((37, 300), &[41, 800][..]) };
    for (isa, &n) in Isa::available().into_iter().flat_map(|isa| widths.iter().map(move |n| (isa, n))) {
        let (a, b, bias) = (numbers(m * k, 1), numbers(k * n, 2), numbers(n, 3));
        let (a, b) = (View::new(&a, m, k), View::new(&b, k, n));
        let mut whole = vec![0.0; m * n];
        product(isa, a, b, Start::Bias(&bias), &mut whole);
        for piece in [1, 2, 3, 5, 8, 13, 36] {
            let mut cut = vec![f32::NAN; m * n];
            for from in (0..m).step_by(piece) {
                let rows = from..m.min(from + piece);
                let c = &mut cut[rows.start * n..rows.end * n];
                product(isa, a.row_range(rows), b, Start::Bias(&bias), c);
            }
            assert!(whole.iter().zip(&cut).all(|(x, y)| x.to_bits() == y.to_bits()), "{isa:?} {piece}");
        }
        for at in [0, 1, 16, 33, n] {
            let mut cut = vec![f32::NAN; m * n];
            let (left, right) = ViewMut::new(&mut cut, m, n).split_columns(at);
            for (columns, c) in [(0..at, left), (at..n, right)] {
                let start = Start::Bias(&bias).columns(columns.clone());
                product_into(isa, a, b.column_range(columns), start, c);
            }
            assert!(whole.iter().zip(&cut).all(|(x, y)| x.to_bits() == y.to_bits()), "{isa:?} columns {at}");
        }
    }
}

#[test]
#[should_panic(expected = "matrix A has dimensions (4, 3), matrix B has dimensions (2, 3)")]
fn inner_dimensions_that_differ_are_rejected() {
    let (a, b) = (numbers(12, 1), numbers(6, 2));
    product(Isa::PORTABLE, View::new(&a, 4, 3), View::new(&b, 2, 3), Start::Zero, &mut [0.0; 12]);
}
