//! The kernels, computed directly from their formulas.

use super::{Block, DualProblem, LANES, Number, Row};

/// The stored features of a row and their indices.
fn entries(row: Row<'_>) -> Vec<(usize, f32)> {
    match row {
        Row::Dense(values) => values.iter().copied().enumerate().collect(),
        Row::Sparse { indices, values } => {
            indices.iter().zip(values).map(|(&index, &value)| (index as usize, value)).collect()
        }
        Row::Pixels { indices, values } => {
            let pixels = indices.iter().zip(values);
            pixels.map(|(&index, &value)| (index.into(), f32::from(value) / 255.0)).collect()
        }
    }
}

/// `scores[c] += Σ_j x_j · W[j][c]`.
///
/// # Shapes
/// `scores` is (C) in blocks, `w` is (D, C), each row in as many blocks.
pub fn scores<T: Number>(row: Row<'_>, w: &[Block<T>], scores: &mut [Block<T>]) {
    let width = scores.len();
    for (index, value) in entries(row) {
        for k in 0..width {
            for lane in 0..LANES {
                let w = w[index * width + k].0[lane];
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
    for (index, value) in entries(row) {
        for k in 0..c.len() {
            for lane in 0..LANES {
                let w = &mut w[index * c.len() + k].0[lane];
                *w = *w + T::of(value) * c[k].0[lane];
            }
        }
    }
}

/// The number t with `t = Σ clip(u − t, 0, 1)`, exact except for rounding: the points where a u leaves 0 or reaches 1
/// are sorted, and the linear piece that contains the root is solved.
pub fn threshold(u: &[f64]) -> f64 {
    let phi = |t: f64| u.iter().map(|u| (u - t).clamp(0.0, 1.0)).sum::<f64>() - t;
    let mut corners: Vec<f64> = u.iter().flat_map(|&u| [u, u - 1.0]).filter(|&t| t > 0.0).collect();
    corners.push(0.0);
    corners.sort_by(f64::total_cmp);
    // φ decreases: the piece that contains the root begins at the last corner where φ is not negative.
    let from = corners.iter().copied().rfind(|&t| phi(t) >= 0.0).unwrap_or(0.0);
    let inside = u.iter().filter(|&u| u - from > 0.0 && u - from <= 1.0).count();
    from + phi(from) / (1 + inside) as f64
}

/// The optimal dual variables of one example with all others fixed; see [`svm_step`](super::svm_step).
///
/// # Shapes
/// Those of [`svm_step`](super::svm_step), which returns the same.
pub fn svm_step(
    problem: &DualProblem,
    (row, squared, y): (Row<'_>, f32, usize),
    w: &mut [Block<f32>],
    b: &mut [Block<f32>],
    a: &mut [Block<f32>],
) -> f32 {
    let mut f = b.to_vec();
    scores(row, w, &mut f);
    let number = |blocks: &[Block<f32>], c: usize| f64::from(blocks[c / LANES].0[c % LANES]);
    let q = f64::from(problem.step) * f64::from(squared) + f64::from(problem.bias_step);
    let others: Vec<usize> = (0..problem.classes).filter(|&c| c != y).collect();
    let before: f64 = others.iter().map(|&c| number(a, c)).sum();
    let violation = |c: usize| f64::from(problem.margin) + number(&f, c) - number(&f, y);
    let u: Vec<f64> = others.iter().map(|&c| number(a, c) + violation(c) / q + before).collect();
    let t = threshold(&u);
    let new: Vec<f32> = u.iter().map(|u| (u - t).clamp(0.0, 1.0) as f32).collect();
    update_weights(problem, (row, y), &others, &new, w, b, a)
}

/// The α of all classes with `ln α + q α = v − μ` and Σ α = 1, by bisection until the intervals are negligible.
pub fn distribution(q: f64, v: &[f64]) -> Vec<f64> {
    // With z = ln α, z + q e^z increases with z, and e^z is at most 1.
    let alpha = |s: f64| {
        let (mut low, mut high) = (s.min(0.0) - q - 1.0, s.max(0.0));
        for _ in 0..55 {
            let z = low + (high - low) / 2.0;
            if z + q * z.exp() < s { low = z } else { high = z }
        }
        high.exp()
    };
    // At the lower end the largest α alone is at least 1; at the upper end all of them together are less than 1.
    let largest = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (mut low, mut high) = (largest - q, largest + (v.len() as f64).ln());
    for _ in 0..55 {
        let mu = low + (high - low) / 2.0;
        if v.iter().map(|v| alpha(v - mu)).sum::<f64>() > 1.0 { low = mu } else { high = mu }
    }
    v.iter().map(|v| alpha(v - high)).collect()
}

/// The optimal dual variables of one example for softmax; see [`softmax_step`](super::softmax_step).
///
/// # Shapes
/// Those of [`softmax_step`](super::softmax_step), which returns approximately the same.
pub fn softmax_step(
    problem: &DualProblem,
    (row, squared, y): (Row<'_>, f32, usize),
    w: &mut [Block<f32>],
    b: &mut [Block<f32>],
    a: &mut [Block<f32>],
) -> f32 {
    let mut f = b.to_vec();
    scores(row, w, &mut f);
    let number = |blocks: &[Block<f32>], c: usize| f64::from(blocks[c / LANES].0[c % LANES]);
    let q = f64::from(problem.step) * f64::from(squared) + f64::from(problem.bias_step);
    let others: Vec<usize> = (0..problem.classes).filter(|&c| c != y).collect();
    let alpha_of_y = 1.0 - others.iter().map(|&c| number(a, c)).sum::<f64>();
    let old = |c: usize| if c == y { alpha_of_y } else { number(a, c) };
    let v: Vec<f64> = (0..problem.classes).map(|c| number(&f, c) + q * old(c)).collect();
    let alpha = distribution(q, &v);
    let new: Vec<f32> = others.iter().map(|&c| alpha[c] as f32).collect();
    update_weights(problem, (row, y), &others, &new, w, b, a)
}

/// Sets the variables of the other classes, and updates W and b accordingly. Returns the largest change.
fn update_weights(
    problem: &DualProblem,
    (row, y): (Row<'_>, usize),
    others: &[usize],
    new: &[f32],
    w: &mut [Block<f32>],
    b: &mut [Block<f32>],
    a: &mut [Block<f32>],
) -> f32 {
    let mut beta = vec![Block::ZERO; b.len()];
    let mut largest = 0.0f32;
    for (&c, &new) in others.iter().zip(new) {
        let change = new - a[c / LANES].0[c % LANES];
        a[c / LANES].0[c % LANES] = new;
        beta[c / LANES].0[c % LANES] = -change;
        beta[y / LANES].0[y % LANES] += change;
        largest = largest.max(change.abs());
    }
    for (b, beta) in b.iter_mut().zip(&mut beta) {
        for lane in 0..LANES {
            b.0[lane] += problem.bias_step * beta.0[lane];
            beta.0[lane] *= problem.step;
        }
    }
    add(row, &beta, w);
    largest
}
