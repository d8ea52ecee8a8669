//! The kernels for rows against their naive siblings, on every instruction set that this processor has.

mod common;
mod interpreted;

use tercet_kernels::Isa;
use tercet_kernels::dual_ascent::{
    Block, DualProblem, Row, add, blocks, naive, scores, softmax_step, svm_step,
};

use common::numbers;
use interpreted::few;

fn in_blocks(count: usize, seed: u32) -> Vec<Block<f32>> {
    numbers(16 * count, seed).chunks_exact(16).map(|row| Block(row.try_into().unwrap())).collect()
}

/// One row of each kind, with D features.
struct Rows {
    dense: Vec<f32>,
    indices: Vec<u32>,
    values: Vec<f32>,
    pixel_places: Vec<u16>,
    pixels: Vec<u8>,
}

impl Rows {
    fn new(d: usize, seed: u32) -> Self {
        let dense = numbers(d, seed);
        let indices: Vec<u32> = (0..d as u32).filter(|&j| dense[j as usize] > 0.3).collect();
        let values = indices.iter().map(|&j| dense[j as usize]).collect();
        let pixel_places: Vec<u16> = (0..d as u16).filter(|&j| dense[usize::from(j)] < -0.2).collect();
        let pixels = pixel_places.iter().map(|&j| (dense[usize::from(j)] * -255.0) as u8).collect();
        Rows { dense, indices, values, pixel_places, pixels }
    }

    fn each(&self) -> [Row<'_>; 3] {
        [
            Row::Dense(&self.dense),
            Row::Sparse { indices: &self.indices, values: &self.values },
            Row::Pixels { indices: &self.pixel_places, values: &self.pixels },
        ]
    }
}

type Scores = fn(Isa, Row<'_>, &[Block<f32>], &mut [Block<f32>]);

/// The checker: describes the first error of `candidate`, if there is one.
fn difference(candidate: Scores, isa: Isa, d: usize, width: usize) -> Option<String> {
    let (rows, w) = (Rows::new(d, 1), in_blocks(d * width, 2));
    for row in rows.each() {
        let mut expected = in_blocks(width, 3);
        let mut found = expected.clone();
        naive::scores(row, &w, &mut expected);
        candidate(isa, row, &w, &mut found);
        for (e, f) in expected.iter().flat_map(|b| b.0).zip(found.iter().flat_map(|b| b.0)) {
            if (e - f).abs() > (d + 1) as f32 * 1e-6 {
                return Some(format!("{isa:?} {row:?} ({d}, {width}): {f}, not {e}"));
            }
        }
    }
    None
}

#[test]
fn scores_are_the_naive_ones_over_awkward_sizes() {
    for isa in Isa::available() {
        for d in few(&[1, 2, 3, 4, 5, 7, 8, 63, 300], 3) {
            for width in 1..4 {
                assert_eq!(difference(scores::<f32>, isa, d, width), None);
            }
        }
    }
}

#[test]
fn the_checker_catches_a_wrong_kernel() {
    /// Omits the last features of a row, as an unrolled loop might.
    fn planted(isa: Isa, row: Row<'_>, w: &[Block<f32>], f: &mut [Block<f32>]) {
        let row = match row {
            Row::Dense(x) => Row::Dense(&x[..x.len() - x.len() % 4]),
            other => other,
        };
        scores(isa, row, w, f);
    }
    for isa in Isa::available() {
        assert_eq!(difference(planted, isa, 8, 1), None);
        assert!(difference(planted, isa, 7, 1).is_some());
    }
}

#[test]
fn rows_are_added_according_to_the_formula_in_f32_and_f64() {
    for isa in Isa::available() {
        for (d, width) in [(1, 1), (5, 2), (50, 3)] {
            let rows = Rows::new(d, 4);
            let c = in_blocks(width, 5);
            let wide = |blocks: &[Block<f32>]| -> Vec<Block<f64>> {
                blocks.iter().map(|b| Block(b.0.map(f64::from))).collect()
            };
            for row in rows.each() {
                let mut expected = in_blocks(d * width, 6);
                let mut found = expected.clone();
                let (mut expected_wide, mut found_wide) = (wide(&expected), wide(&expected));
                naive::add(row, &c, &mut expected);
                add(isa, row, &c, &mut found);
                let near = |(e, f): (f32, f32)| (e - f).abs() < 1e-6;
                assert!(expected.iter().flat_map(|b| b.0).zip(found.iter().flat_map(|b| b.0)).all(near));
                naive::add(row, &wide(&c), &mut expected_wide);
                add(isa, row, &wide(&c), &mut found_wide);
                let near = |(e, f): (f64, f64)| (e - f).abs() < 1e-15;
                assert!(
                    expected_wide.iter().flat_map(|b| b.0).zip(found_wide.iter().flat_map(|b| b.0)).all(near)
                );
            }
        }
    }
}

/// The naive threshold solves its equation.
#[test]
fn the_naive_threshold_solves_its_equation() {
    for seed in 0..if cfg!(miri) { 30 } else { 200 } {
        let u: Vec<f64> = numbers(1 + seed as usize % 30, seed).iter().map(|&u| 4.0 * f64::from(u)).collect();
        let t = naive::threshold(&u);
        let sum: f64 = u.iter().map(|u| (u - t).clamp(0.0, 1.0)).sum();
        assert!((sum - t).abs() < 1e-12, "{u:?}: {sum}, not {t}");
    }
    assert_eq!(naive::threshold(&[-1.0, 0.0]), 0.0);
    // Two classes at the upper bound: both variables are 1, and t is their sum.
    assert_eq!(naive::threshold(&[9.0, 9.0]), 2.0);
}

/// The dual of all examples, from its formula, times N: Δ Σ a − N reg Σ W² − Σ b² / (2 bias_step).
fn dual(problem: &DualProblem, a: &[Block<f32>], w: &[Block<f32>], b: &[Block<f32>]) -> f64 {
    let squares = |blocks: &[Block<f32>]| -> f64 {
        blocks.iter().flat_map(|b| b.0).map(|w| f64::from(w) * f64::from(w)).sum()
    };
    let sum: f64 = a.iter().flat_map(|b| b.0).map(f64::from).sum();
    f64::from(problem.margin) * sum
        - squares(w) / (2.0 * f64::from(problem.step))
        - squares(b) / (2.0 * f64::from(problem.bias_step))
}

#[test]
fn steps_match_the_naive_ones_and_never_decrease_the_dual() {
    for isa in Isa::available() {
        for classes in few(&[1, 2, 3, 10, 16, 17, 26, 40], 3) {
            for (step, bias_step) in few(&[(0.01, 0.05), (1.0, 0.1), (30.0, 0.01)], 1) {
                let problem = DualProblem { classes, margin: 0.75, step, bias_step };
                let (d, examples, k) = (9, 12, blocks(classes));
                let zeros = |n: usize| vec![Block::<f32>::ZERO; n];
                let (mut w, mut b, mut a, mut scratch) =
                    (zeros(d * k), zeros(k), zeros(examples * k), zeros(k));
                let mut before = 0.0f64;
                for visit in 0..if cfg!(miri) { 4 } else { 5 * examples } {
                    let i = visit % examples;
                    let rows = Rows::new(d, 7 + i as u32);
                    let row = rows.each()[i % 3];
                    let example = (row, row.squared() as f32, (5 * i) % classes);
                    let own = &mut a[i * k..][..k];
                    let (mut nw, mut nb, mut na) = (w.clone(), b.clone(), own.to_vec());
                    let expected = naive::svm_step(&problem, example, &mut nw, &mut nb, &mut na);
                    let change = svm_step(isa, &problem, example, &mut w, &mut b, own, &mut scratch);
                    assert!((change - expected).abs() < 1e-3, "{isa:?} {classes}: {change}, not {expected}");
                    for (a, na) in own.iter().flat_map(|b| b.0).zip(na.iter().flat_map(|b| b.0)) {
                        assert!(
                            (0.0..=1.0).contains(&a) && (a - na).abs() < 1e-3,
                            "{isa:?} {classes}: {a}, not {na}"
                        );
                    }
                    let reached = dual(&problem, &a, &w, &b);
                    assert!(reached >= before - 1e-4 * before.abs(), "{reached} after {before}");
                    before = reached;
                }
                assert!(classes == 1 || before > 0.0);
            }
        }
    }
}

/// The naive distribution solves its equations for any scores.
#[test]
fn the_naive_distribution_solves_its_equations() {
    for seed in 0..if cfg!(miri) { 10 } else { 60 } {
        let v: Vec<f64> =
            numbers(1 + seed as usize % 20, seed).iter().map(|&v| 30.0 * f64::from(v)).collect();
        let q = [1e-3, 0.3, 8.0, 500.0][seed as usize % 4];
        let alpha = naive::distribution(q, &v);
        assert!((alpha.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let mu: Vec<f64> = v.iter().zip(&alpha).map(|(v, a)| v - a.ln() - q * a).collect();
        assert!(mu.iter().all(|m| (m - mu[0]).abs() < 1e-6), "{q}: {mu:?}");
    }
}

/// Σ H(α), the part of the dual that [`dual`] does not include.
fn entropy(a: &[Block<f32>], k: usize) -> f64 {
    let of = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
    a.chunks_exact(k)
        .map(|a| {
            let others: Vec<f64> = a.iter().flat_map(|b| b.0).map(f64::from).collect();
            let left = 1.0 - others.iter().sum::<f64>();
            assert!(left > 0.0, "{others:?}");
            others.into_iter().map(of).sum::<f64>() + of(left)
        })
        .sum()
}

#[test]
fn softmax_steps_match_the_naive_ones_and_never_decrease_the_dual() {
    for isa in Isa::available() {
        for classes in few(&[1, 2, 10, 16, 17, 40], 3) {
            for (step, bias_step) in
                few(&[(0.001, 0.01), (0.01, 0.05), (1.0, 0.1), (30.0, 0.01), (500.0, 8.0)], 3)
            {
                let problem = DualProblem { classes, margin: 0.0, step, bias_step };
                let (d, examples, k) = (9, 12, blocks(classes));
                let zeros = |n: usize| vec![Block::<f32>::ZERO; n];
                let (mut w, mut b, mut a) = (zeros(d * k), zeros(k), zeros(examples * k));
                let mut scratch = vec![Block([f32::NAN; 16]); 3 * k];
                let mut before = 0.0f64;
                for visit in 0..if cfg!(miri) { 4 } else { 5 * examples } {
                    let i = visit % examples;
                    let rows = Rows::new(d, 7 + i as u32);
                    let row = rows.each()[i % 3];
                    let example = (row, row.squared() as f32, (5 * i) % classes);
                    let own = &mut a[i * k..][..k];
                    let (mut nw, mut nb, mut na) = (w.clone(), b.clone(), own.to_vec());
                    naive::softmax_step(&problem, example, &mut nw, &mut nb, &mut na);
                    softmax_step(isa, &problem, example, &mut w, &mut b, own, &mut scratch);
                    for (a, na) in own.iter().flat_map(|b| b.0).zip(na.iter().flat_map(|b| b.0)) {
                        assert!(
                            (0.0..=1.0).contains(&a) && (a - na).abs() < 1e-3,
                            "{isa:?} {classes} {step}: {a}, not {na}"
                        );
                    }
                    let reached = dual(&problem, &a, &w, &b) + entropy(&a, k);
                    assert!(
                        reached >= before - 1e-3 - 1e-4 * before.abs(),
                        "{isa:?} {classes} {step}: {reached} after {before}"
                    );
                    before = reached;
                }
                assert!(classes == 1 || before > 0.0);
            }
        }
    }
}
