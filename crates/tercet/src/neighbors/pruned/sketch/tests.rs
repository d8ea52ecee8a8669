//! Codes and their bounds: checked by hand, and for every pair of some rows.

use super::*;

fn level(count: usize, unit: f64, rounding: f64, space: Space) -> Level {
    Level::new(Axes { count, unit, rounding }, space)
}

fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-11, "found {found}, expected {expected}");
}

#[test]
fn codes_have_a_byte_for_each_axis_and_for_the_residual() {
    for (count, space, bytes, lines) in [
        (0, Space::Plain, 1, 1),
        (63, Space::Directions, 64, 1),
        (63, Space::Products, 65, 2),
        (127, Space::Plain, 128, 2),
    ] {
        let level = level(count, 1.0, 0.0, space);
        assert_eq!((level.bytes(), level.lines()), (bytes, lines));
    }
}

/// Δ = δ (2 ‖ã‖ + δ) + 3·10⁻¹² ‖x‖², and δ + min(Δ / ρ̃, √Δ).
#[test]
fn coordinates_and_their_error_bounds_by_hand() {
    let mut c = [f64::NAN; 3];
    let more = 1.0 + 1e-9;
    // ã = (3, 4), ‖x‖² = 100, ρ̃² = 75; δ = 0.1 + 10⁻¹¹ and Δ = 1.01 + 10.2 · 10⁻¹¹ + 3 · 10⁻¹⁰.
    let slack = level(2, 0.5, 0.01, Space::Plain).coordinates(&[6.0, 8.0], 1.0, 100.0, None, &mut c);
    assert_eq!(c, [3.0, 4.0, 75f64.sqrt()]);
    near(slack, (0.1 + 1e-11 + (1.01 + 4.02e-10) / 75f64.sqrt()) * more);
    // The same with a scale, and only the rounding of f64: δ = 10⁻¹¹, Δ = 4·10⁻¹⁰.
    let slack = level(2, 0.25, 0.0, Space::Plain).coordinates(&[6.0, 8.0], 2.0, 100.0, None, &mut c);
    assert_eq!(c, [3.0, 4.0, 75f64.sqrt()]);
    assert!((slack / (1e-11 + 4e-10 / 75f64.sqrt()) - 1.0).abs() < 1e-8, "{slack}");
    // No residual besides ã: δ = 0.05 + 5 · 10⁻¹² and Δ = 0.5025 + 10.1 · 5 · 10⁻¹² + 7.5 · 10⁻¹¹, whose root is less
    // than Δ / 0.
    let slack = level(2, 1.0, 0.01, Space::Plain).coordinates(&[3.0, 4.0], 1.0, 25.0, None, &mut c);
    assert_eq!(c, [3.0, 4.0, 0.0]);
    near(slack, (0.05 + 5e-12 + f64::sqrt(0.5025 + 1.255e-10)) * more);
    // ρ̃ is 0.5, and √Δ, 0.71, is less than Δ / ρ̃.
    let slack = level(2, 1.0, 0.01, Space::Plain).coordinates(&[3.0, 4.0], 1.0, 25.25, None, &mut c);
    let delta = 0.01 * 25.25f64.sqrt();
    assert!((slack - delta - (delta * (10.0 + delta)).sqrt()).abs() < 1e-8, "{slack}");
    // Rounding may make ã longer than x.
    level(2, 1.0, 0.01, Space::Plain).coordinates(&[3.0, 4.0], 1.0, 24.0, None, &mut c);
    assert_eq!(c, [3.0, 4.0, 0.0]);
    // For a row of zeros, only underflow remains: δ = 2·10⁻³⁰ and √Δ = δ.
    let slack = level(2, 1.0, 0.01, Space::Plain).coordinates(&[0.0, 0.0], 2.0, 0.0, None, &mut c);
    near(slack, 4e-30 * more);
}

/// The error of the column for products is, as for ρ, determined by that of M² − ‖x‖².
#[test]
fn the_column_of_products_by_hand() {
    let level = level(1, 1.0, 0.0, Space::Products);
    let mut c = [f64::NAN; 3];
    let mut of = |lift: f64| {
        let slack = level.coordinates(&[6.0], 1.0, 100.0, Some(lift), &mut c);
        assert_eq!(c[..2], [6.0, 8.0]);
        // Minus the error bound of the other coordinates: δ = 10⁻¹¹, Δ = 4.2·10⁻¹⁰.
        (c[2], slack - (1e-11 + 4.2e-10 / 8.0))
    };
    let is = |(column, off): (f64, f64), expected: f64, most: f64| {
        assert_eq!(column, expected);
        assert!((off - most).abs() < 1e-6 * most + 1e-18, "{off}, not {most}");
    };
    is(of(16.0), 4.0, 3e-12 * 116.0 / 4.0);
    // The column is too short for a quotient.
    is(of(1e-12), 1e-6, f64::sqrt(3e-10));
    // A negative square is a rounding error.
    is(of(-1e-10), 0.0, f64::sqrt(3e-10));
    // A query's column is exactly 0.
    is(of(0.0), 0.0, 0.0);
}

#[test]
fn thresholds_are_squares_of_steps_plus_a_small_margin() {
    let mut level = level(1, 1.0, 0.0, Space::Plain);
    level.step = 0.5;
    assert!(level.threshold(3.0) >= 36.0 * (1.0 + 0.9e-9) + 1.0 && level.threshold(3.0) < 37.001);
    assert_eq!(level.threshold(0.0), 1.0);
    assert_eq!(level.threshold(f64::INFINITY), f64::INFINITY);
}

#[test]
fn bytes_cover_all_but_the_outermost_values_with_a_margin() {
    let mut level = level(2, 1.0, 0.0, Space::Plain);
    // Column 0 is 0 ‥ 1000, with two values outside on either side; column 1 is narrower; column 2 is constant.
    let sample: Vec<f64> = (0..=1000).rev().flat_map(|i| [f64::from(i), f64::from(i % 7), 5.0]).collect();
    level.suit(&sample);
    near(level.low[0], 2.0 - 0.15 * 996.0);
    near(level.low[1], -0.9);
    near(level.low[2], 5.0);
    near(level.step, 996.0 * 1.3 / 255.0);
    // Non-finite values are ignored; if none are left, or the range is empty, any step will do.
    level.suit(&[1.0, f64::NAN, 5.0, 3.0, f64::INFINITY, 5.0]);
    near(level.low[0], 0.7);
    near(level.low[1], -0.9);
    near(level.step, 2.6 / 255.0);
    level.suit(&[1.0; 6]);
    assert_eq!(level.step, 1.0);
    level.suit(&[f64::MAX, 0.0, 0.0, f64::MIN, 0.0, 0.0]);
    assert_eq!(level.step, 1.0);
}

#[test]
fn rounding_errors_are_bounded_from_above() {
    let mut level = level(1, 1.0, 0.0, Space::Plain);
    (level.low, level.step) = (vec![-1.0, 10.0], 0.5);
    let mut code = [0; 2];
    // −1 + 0.5 · 5 is 0.1 more than 1.4, and 10 is 4 more than 6.
    let error = level.round(Isa::active(), &[1.4, 6.0], &mut code);
    assert_eq!(code, [5, 0]);
    let expected = f64::hypot(0.1, 4.0);
    assert!(error > expected * (1.0 + 0.9e-9) && error < expected * (1.0 + 1e-8), "{error}");
    assert_eq!(level.round(Isa::active(), &[f64::NAN, 6.0], &mut code), f64::INFINITY);
}

#[test]
fn lanes_add_the_same_as_a_loop() {
    for n in 0..27 {
        let (a, b): (Vec<f64>, Vec<f64>) = (0..n).map(|i| (f64::from(i), f64::from(i * i % 5))).unzip();
        let expected: f64 = a.iter().zip(&b).map(|(a, b)| 2.0 * a + b).sum();
        assert_eq!(in_lanes(&a, &b, |a, b| 2.0 * a + b), expected);
    }
}

const WIDTH: usize = 12;

/// Rows of many norms around a point near the origin, and one row of zeros.
fn rows() -> Vec<Vec<f32>> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 40) as f32 / 2f32.powi(23) - 1.0
    };
    let row = |i: usize| (0..WIDTH).map(|j| (1.0 + (i % 7) as f32) * (next() + 0.3 * j as f32)).collect();
    let mut rows: Vec<Vec<f32>> = (0..200).map(row).collect();
    rows[17].fill(0.0);
    rows
}

fn sketch_of(rows: &[Vec<f32>], space: Space, check: impl Fn(&Sketch<f32>)) {
    let (labels, classes) = (vec![0; rows.len()], vec!["any".to_owned()]);
    let data = crate::data::Dataset::from_features("x", WIDTH, rows.concat(), labels, classes).unwrap();
    let sample = Sample::new(Isa::active(), &data, space, 8);
    for fine in [Length::Whole, Length::Axes(8)] {
        check(&Sketch::fit(Isa::active(), &sample, Plan { coarse: Length::Axes(3), fine }));
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

const SIDES: [(Space, Side); 4] = [
    (Space::Plain, Side::Rows),
    (Space::Directions, Side::Rows),
    (Space::Products, Side::Rows),
    (Space::Products, Side::Queries),
];

/// The residual is one more coordinate: together the coordinates have the norm of the row in its space.
#[test]
fn coordinates_have_the_norms_of_their_rows() {
    let rows = rows();
    let longest = rows.iter().map(|x| dot(x, x)).fold(0.0, f64::max);
    let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    for (space, side) in SIDES {
        let length = |x: &[f32]| match (space, side) {
            (Space::Plain, _) => dot(x, x),
            (Space::Directions, _) => f64::from(dot(x, x) > 0.0),
            (Space::Products, Side::Rows) => longest,
            (Space::Products, Side::Queries) => longest * f64::from(dot(x, x) > 0.0),
        };
        sketch_of(&rows, space, |sketch| {
            let mut seen = 0;
            sketch.look(Isa::active(), side, &slices, &mut Vec::new(), |i, c, slack| {
                for (c, slack) in c.into_iter().zip(slack) {
                    let found: f64 = c.iter().map(|c| c * c).sum();
                    let expected = length(slices[i]);
                    assert!((found - expected).abs() <= 1e-9 * longest, "{found}, not {expected}");
                    assert!(slack >= 0.0 && slack < 1e-2 * longest.sqrt(), "{slack}");
                    if (space, side) == (Space::Products, Side::Queries) {
                        assert_eq!(c.last(), Some(&0.0));
                    }
                }
                seen += 1;
            });
            assert_eq!(seen, rows.len());
        });
    }
}

/// (2) in every space, for every pair and both kinds of code; and e is not much larger than the rounding errors.
#[test]
fn codes_of_floats_bound_distances_from_below() {
    let rows = rows();
    let longest = rows.iter().map(|x| dot(x, x)).fold(0.0, f64::max);
    for space in [Space::Plain, Space::Directions, Space::Products] {
        let direction = |x: &[f32]| if dot(x, x) > 0.0 { 1.0 / dot(x, x).sqrt() } else { 0.0 };
        let squared = |q: &[f32], x: &[f32]| match space {
            Space::Plain => dot(q, q) + dot(x, x) - 2.0 * dot(q, x),
            Space::Directions => {
                let of = |x: &[f32]| f64::from(dot(x, x) > 0.0);
                of(q) + of(x) - 2.0 * dot(q, x) * direction(q) * direction(x)
            }
            Space::Products => {
                let own = if dot(q, q) > 0.0 { longest } else { 0.0 };
                own + longest - 2.0 * longest.sqrt() * direction(q) * dot(q, x)
            }
        };
        sketch_of(&rows, space, |sketch| {
            let codes = |side| sketch.codes(Isa::active(), side, rows.len(), |i| rows[i].as_slice());
            let (of_queries, of_rows) = (codes(Side::Queries), codes(Side::Rows));
            let (bytes, lines) = (sketch.coarse.bytes(), sketch.fine.lines());
            let coarse = |codes: &Codes, i: usize| codes.coarse[i * bytes..][..bytes].to_vec();
            let fine = |codes: &Codes, i: usize| -> Vec<u8> {
                codes.fine[i * lines..][..lines].iter().flat_map(|line| line.0).collect()
            };
            for (q, x) in (0..rows.len()).flat_map(|q| (0..rows.len()).map(move |x| (q, x))) {
                let distance = squared(&rows[q], &rows[x]).max(0.0).sqrt() + 1e-7;
                for (kind, level) in [&sketch.coarse, &sketch.fine].into_iter().enumerate() {
                    let (a, b) = match kind {
                        0 => (coarse(&of_queries, q), coarse(&of_rows, x)),
                        _ => (fine(&of_queries, q), fine(&of_rows, x)),
                    };
                    let t = distance::naive::l2_squared(&a, &b) as f64;
                    let errors = of_queries.errors[q][kind] + of_rows.errors[x][kind];
                    assert!(t <= level.threshold(distance + errors), "{space:?}, {q} and {x}");
                }
            }
            for (kind, level) in [&sketch.coarse, &sketch.fine].into_iter().enumerate() {
                let most = level.step * (level.bytes() as f64).sqrt();
                let small = of_rows.errors.iter().filter(|e| e[kind] < most && e[kind] > 0.0).count();
                assert!(small > 190, "{space:?}: {small} of 200");
            }
        });
    }
}

#[test]
fn nan_prunes_nothing() {
    let rows = rows();
    sketch_of(&rows, Space::Plain, |sketch| {
        let bad = [f32::NAN; WIDTH];
        let codes = sketch.codes(Isa::active(), Side::Rows, 1, |_| &bad);
        assert_eq!(codes.errors, [[f64::INFINITY; 2]]);
    });
}
