//! The kernels of rows as the formulas say them.

use super::{Ascent, Block, LANES, Number, Row};

/// The features that are not left out, and where they stand.
fn entries(row: Row<'_>) -> Vec<(usize, f32)> {
    match row {
        Row::Dense(values) => values.iter().copied().enumerate().collect(),
        Row::Sparse { places, values } => {
            places.iter().zip(values).map(|(&place, &value)| (place as usize, value)).collect()
        }
        Row::Pixels { places, values } => {
            let pixels = places.iter().zip(values);
            pixels.map(|(&place, &value)| (place.into(), f32::from(value) / 255.0)).collect()
        }
    }
}

/// `scores[c] += Σ_j x_j · W[j][c]`.
///
/// # Shapes
/// `scores` is (C) in blocks, `w` is (D, C), each row in as many blocks.
pub fn scores<T: Number>(row: Row<'_>, w: &[Block<T>], scores: &mut [Block<T>]) {
    let width = scores.len();
    for (place, value) in entries(row) {
        for k in 0..width {
            for lane in 0..LANES {
                let w = w[place * width + k].0[lane];
                scores[k].0[lane] = scores[k].0[lane] + T::of(value) * w;
            }
        }
    }
}

/// `W[j][c] += x_j · c[c]`.
///
/// # Shapes
/// `c` is (C) in blocks, `w` is (D, C), each row in as many blocks.
pub fn add<T: Number>(row: Row<'_>, c: &[Block<T>], w: &mut [Block<T>]) {
    for (place, value) in entries(row) {
        for k in 0..c.len() {
            for lane in 0..LANES {
                let w = &mut w[place * c.len() + k].0[lane];
                *w = *w + T::of(value) * c[k].0[lane];
            }
        }
    }
}

/// The number t with `t = Σ clip(u − t, 0, 1)`, exactly but for rounding: the places where a u leaves 0 or reaches 1 are
/// sorted, and the one straight piece between two of them on which the root lies is solved.
pub fn share(u: &[f64]) -> f64 {
    let phi = |t: f64| u.iter().map(|u| (u - t).clamp(0.0, 1.0)).sum::<f64>() - t;
    let mut corners: Vec<f64> = u.iter().flat_map(|&u| [u, u - 1.0]).filter(|&t| t > 0.0).collect();
    corners.push(0.0);
    corners.sort_by(f64::total_cmp);
    // φ falls: the piece of the root begins at the last corner where φ is not negative.
    let from = corners.iter().copied().rfind(|&t| phi(t) >= 0.0).unwrap_or(0.0);
    let inside = u.iter().filter(|&u| u - from > 0.0 && u - from <= 1.0).count();
    from + phi(from) / (1 + inside) as f64
}

/// The best dual variables of one example while all others stay; see [`ascend`](super::ascend).
///
/// # Shapes
/// As those of [`ascend`](super::ascend), which returns the same.
pub fn ascend(
    ascent: &Ascent,
    (row, squared, y): (Row<'_>, f32, usize),
    w: &mut [Block<f32>],
    b: &mut [Block<f32>],
    a: &mut [Block<f32>],
) -> f32 {
    let mut f = b.to_vec();
    scores(row, w, &mut f);
    let number = |blocks: &[Block<f32>], c: usize| f64::from(blocks[c / LANES].0[c % LANES]);
    let q = f64::from(ascent.step) * f64::from(squared) + f64::from(ascent.bias_step);
    let others: Vec<usize> = (0..ascent.classes).filter(|&c| c != y).collect();
    let before: f64 = others.iter().map(|&c| number(a, c)).sum();
    let violation = |c: usize| f64::from(ascent.margin) + number(&f, c) - number(&f, y);
    let u: Vec<f64> = others.iter().map(|&c| number(a, c) + violation(c) / q + before).collect();
    let t = share(&u);
    let mut beta = vec![Block::ZERO; b.len()];
    let mut largest = 0.0f32;
    for (&c, u) in others.iter().zip(u) {
        let new = (u - t).clamp(0.0, 1.0) as f32;
        let change = new - a[c / LANES].0[c % LANES];
        a[c / LANES].0[c % LANES] = new;
        beta[c / LANES].0[c % LANES] = -change;
        beta[y / LANES].0[y % LANES] += change;
        largest = largest.max(change.abs());
    }
    for (b, beta) in b.iter_mut().zip(&mut beta) {
        for lane in 0..LANES {
            b.0[lane] += ascent.bias_step * beta.0[lane];
            beta.0[lane] *= ascent.step;
        }
    }
    add(row, &beta, w);
    largest
}
