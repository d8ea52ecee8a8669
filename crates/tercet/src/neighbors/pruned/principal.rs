//! Principal components of a sample of rows, by subspace iteration: the few directions in which rows differ most.
//!
//! They affect only the speed of a search, never its result, so a sample and a few iterations are sufficient.

use rand::RngExt;
use rand_distr::StandardNormal;
use tercet_kernels::matmul::{Start, View};

use crate::parallel::product;
use crate::random::{Stream, generator};

/// Iterations of the subspace iteration.
const ROUNDS: usize = 2;

/// Iterations of the same inside the subspace that was found, where an iteration costs very little. They sort the
/// components by importance.
const ROUNDS_INSIDE: usize = 6;

/// Rows that are orthonormalised one after another, after a block has been made orthogonal to all previous rows.
const BLOCK: usize = 16;

/// The leading `components` directions of the rows about the origin, most important first.
///
/// # Shapes
/// `sample` is (count, D), the result (components, D).
pub(super) fn principal_components(sample: &[f32], width: usize, components: usize) -> Vec<f32> {
    let count = sample.len() / width;
    let x = View::new(sample, count, width);
    let mut q = normal(components * width);
    orthonormalize(&mut q, width);
    let mut z = vec![0.0; count * components];
    for _ in 0..ROUNDS {
        product(x, View::new(&q, components, width).t(), Start::Zero, &mut z);
        product(View::new(&z, count, components).t(), x, Start::Zero, &mut q);
        orthonormalize(&mut q, width);
    }
    product(x, View::new(&q, components, width).t(), Start::Zero, &mut z);

    // Inside the subspace the rows are z, and their second moments form a small matrix.
    let seen = View::new(&z, count, components);
    let mut moments = vec![0.0; components * components];
    product(seen.t(), seen, Start::Zero, &mut moments);
    let mut turn = identity(components);
    let mut next = vec![0.0; turn.len()];
    for _ in 0..ROUNDS_INSIDE {
        let moments = View::new(&moments, components, components);
        product(View::new(&turn, components, components), moments, Start::Zero, &mut next);
        orthonormalize(&mut next, components);
        std::mem::swap(&mut turn, &mut next);
    }
    let turn = View::new(&turn, components, components);
    let mut sorted = vec![0.0; q.len()];
    product(turn, View::new(&q, components, width), Start::Zero, &mut sorted);
    sorted
}

/// Other axes of the same subspace: a random rotation, so that every coordinate has about the same variance, and the
/// same step size suits all bytes.
pub(super) fn turned(components: &[f32], width: usize) -> Vec<f32> {
    let count = components.len() / width;
    if count == 0 {
        return Vec::new();
    }
    let mut turn = normal(count * count);
    orthonormalize(&mut turn, count);
    let mut turned = vec![0.0; components.len()];
    product(View::new(&turn, count, count), View::new(components, count, width), Start::Zero, &mut turned);
    turned
}

fn identity(n: usize) -> Vec<f32> {
    (0..n * n).map(|i| if i / n == i % n { 1.0 } else { 0.0 }).collect()
}

/// Reproducible random numbers from a normal distribution.
fn normal(count: usize) -> Vec<f32> {
    let mut generator = generator(0, Stream::Sketch);
    (0..count).map(|_| generator.sample::<f32, _>(StandardNormal)).collect()
}

/// Orthonormalises the rows of a matrix, from the first to the last: the components along the rows before its block are
/// subtracted by two matrix products, the rest by the Gram–Schmidt loop. A row that depends linearly on previous rows
/// becomes zero.
fn orthonormalize(q: &mut [f32], width: usize) {
    let rows = q.len() / width;
    let lengths: Vec<f32> = q.chunks_exact(width).map(|row| dot(row, row).sqrt()).collect();
    for from in (0..rows).step_by(BLOCK) {
        let (before, rest) = q.split_at_mut(from * width);
        let block = &mut rest[..BLOCK.min(rows - from) * width];
        if from > 0 {
            let (before, count) = (View::new(before, from, width), block.len() / width);
            let mut along = vec![0.0; count * from];
            product(View::new(block, count, width), before.t(), Start::Zero, &mut along);
            along.iter_mut().for_each(|along| *along = -*along);
            product(View::new(&along, count, from), before, Start::Keep, block);
        }
        for i in 0..block.len() / width {
            let (before, rest) = block.split_at_mut(i * width);
            let row = &mut rest[..width];
            for other in before.chunks_exact(width) {
                let along = dot(other, row);
                row.iter_mut().zip(other).for_each(|(r, o)| *r -= along * o);
            }
            let length = dot(row, row).sqrt();
            let scale = if length > 1e-4 * lengths[from + i] { 1.0 / length } else { 0.0 };
            row.iter_mut().for_each(|r| *r *= scale);
        }
    }
}

/// Σ a_i b_i in eight accumulators, which the compiler keeps in vector registers.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in a subspace of three directions of different importance, with a little noise.
    #[test]
    fn components_are_sorted_and_orthonormal() {
        let (count, width) = (400, 50);
        let directions = {
            let mut d = normal(3 * width);
            orthonormalize(&mut d, width);
            d
        };
        let random = normal(count * (3 + width));
        let mut x = vec![0.0; count * width];
        for (i, x) in x.chunks_exact_mut(width).enumerate() {
            for (j, x) in x.iter_mut().enumerate() {
                *x = 0.01 * random[count * 3 + i * width + j];
                for (d, size) in [10.0, 4.0, 2.0].into_iter().enumerate() {
                    *x += size * random[i * 3 + d] * directions[d * width + j];
                }
            }
        }
        let found = principal_components(&x, width, 20);
        for d in 0..3 {
            let along = dot(&found[d * width..][..width], &directions[d * width..][..width]).abs();
            assert!(along > 0.99, "direction {d}: {along}");
        }
        for i in 0..20 {
            for j in 0..=i {
                let along = dot(&found[i * width..][..width], &found[j * width..][..width]);
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((along - expected).abs() < 1e-3, "{i} and {j}: {along}");
            }
        }
    }

    #[test]
    fn linearly_dependent_rows_become_zero() {
        let mut q = vec![1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 3.0, 0.0];
        orthonormalize(&mut q, 3);
        assert_eq!(q, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn the_remainder_of_a_row_is_compared_with_its_own_length() {
        // 0.01 is a rounding error relative to 1000, but 0.001 is not relative to 0.001. A row of zeros remains zero.
        let mut q = vec![1.0, 0.0, 0.0, 1000.0, 0.01, 0.0, 0.001, 0.0, 0.001, 0.0, 0.0, 0.0];
        orthonormalize(&mut q, 3);
        assert_eq!(q, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    }

    /// Rotated axes are other orthonormal axes of the same subspace.
    #[test]
    fn turned_axes_span_the_same_subspace() {
        let (count, width) = (5, 20);
        let mut axes = normal(count * width);
        orthonormalize(&mut axes, width);
        let turned = turned(&axes, width);
        assert_eq!(turned.len(), axes.len());
        let row = |rows: &[f32], i: usize| rows[i * width..][..width].to_vec();
        for i in 0..count {
            for j in 0..count {
                let expected = if i == j { 1.0 } else { 0.0 };
                assert!((dot(&row(&turned, i), &row(&turned, j)) - expected).abs() < 1e-5, "{i} and {j}");
            }
            let along: Vec<f32> = (0..count).map(|j| dot(&row(&turned, i), &row(&axes, j))).collect();
            assert!((dot(&along, &along) - 1.0).abs() < 1e-5, "{i} leaves the subspace: {along:?}");
            assert!(along.iter().all(|a| a.abs() < 0.999), "{i} is an axis as it was: {along:?}");
        }
        assert!(super::turned(&[], width).is_empty());
    }
}
