//! The kernels, written once and compiled for each instruction set.
//!
//! A block of sixteen f32 is one AVX-512 register, two of AVX2, four of SSE2 and NEON. Each addition to a sum waits for
//! the previous one, so there are four independent sums, each over every fourth feature.

use super::registers::Registers;
use super::softmax::solve;
use super::threshold::{clip, larger, max, smaller, sum, threshold, zip};
use super::{Block, DualProblem, LANES, Number, Row};
use crate::pixels::SCALED;

/// Independent sums.
const CHAINS: usize = 4;

/// The minimum probability that softmax leaves for the class of an example, per block: well above the rounding error of
/// a sum over the blocks.
const ROUNDING: f32 = 1e-6;

/// The non-zero features of a row, by number.
trait Entries: Copy {
    fn len(self) -> usize;
    /// The index and the value of entry `i`.
    ///
    /// # Safety
    /// `i` is below `len`.
    unsafe fn entry(self, i: usize) -> (usize, f32);
}

#[derive(Clone, Copy)]
struct Dense<'a>(&'a [f32]);

impl Entries for Dense<'_> {
    #[inline(always)]
    fn len(self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    unsafe fn entry(self, i: usize) -> (usize, f32) {
        // SAFETY: the caller promises that i is below the length.
        (i, unsafe { *self.0.get_unchecked(i) })
    }
}

/// Indices and values, in equal number.
#[derive(Clone, Copy)]
struct Listed<'a, P, V>(&'a [P], &'a [V]);

impl<'a, P, V> Listed<'a, P, V> {
    #[inline(always)]
    fn new(indices: &'a [P], values: &'a [V]) -> Self {
        assert_eq!(indices.len(), values.len(), "one value per index");
        Listed(indices, values)
    }
}

impl Entries for Listed<'_, u32, f32> {
    #[inline(always)]
    fn len(self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    unsafe fn entry(self, i: usize) -> (usize, f32) {
        // SAFETY: the caller promises that i is below the length, which both lists have.
        unsafe { (*self.0.get_unchecked(i) as usize, *self.1.get_unchecked(i)) }
    }
}

impl Entries for Listed<'_, u16, u8> {
    #[inline(always)]
    fn len(self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    unsafe fn entry(self, i: usize) -> (usize, f32) {
        // SAFETY: the caller promises that i is below the length, which both lists have.
        let (index, value) = unsafe { (*self.0.get_unchecked(i), *self.1.get_unchecked(i)) };
        (index.into(), SCALED[usize::from(value)])
    }
}

/// # Safety
/// The processor has the instructions of `H`.
#[inline(always)]
unsafe fn scores<H: Registers>(x: impl Entries, w: &[Block<H::Number>], scores: &mut [Block<H::Number>])
where
    H::Number: Number,
{
    let (n, width) = (x.len(), scores.len());
    let whole = n / CHAINS * CHAINS;
    for (k, scores) in scores.iter_mut().enumerate() {
        // SAFETY: the caller promises the instructions, and i stays below n.
        unsafe {
            let zero = H::splat(Number::ZERO);
            let (mut a, mut b, mut c, mut d) = (H::load(scores), zero, zero, zero);
            let step = |sum: H, i: usize| {
                let (index, value) = x.entry(i);
                sum.add_product(H::splat(Number::of(value)), H::load(&w[index * width + k]))
            };
            for i in (0..whole).step_by(CHAINS) {
                (a, b, c, d) = (step(a, i), step(b, i + 1), step(c, i + 2), step(d, i + 3));
            }
            for i in whole..n {
                a = step(a, i);
            }
            let one = H::splat(Number::of(1.0));
            a.add_product(b, one).add_product(c.add_product(d, one), one).store(scores);
        }
    }
}

/// # Safety
/// The processor has the instructions of `H`.
#[inline(always)]
unsafe fn add<H: Registers>(x: impl Entries, c: &[Block<H::Number>], w: &mut [Block<H::Number>])
where
    H::Number: Number,
{
    for (k, block) in c.iter().enumerate() {
        // SAFETY: the caller promises the instructions, and i is below the length.
        unsafe {
            let block = H::load(block);
            for i in 0..x.len() {
                let (index, value) = x.entry(i);
                let w = &mut w[index * c.len() + k];
                H::load(w).add_product(H::splat(Number::of(value)), block).store(w);
            }
        }
    }
}

/// # Safety
/// The processor has the instructions of `H`.
#[inline(always)]
unsafe fn svm_step<H: Registers<Number = f32>>(
    problem: &DualProblem,
    (x, squared, y): (impl Entries, f32, usize),
    w: &mut [Block<f32>],
    b: &mut [Block<f32>],
    a: &mut [Block<f32>],
    scratch: &mut [Block<f32>],
) -> f32 {
    let DualProblem { classes, margin, step, bias_step } = *problem;
    scratch.copy_from_slice(b);
    // SAFETY: the caller promises the instructions.
    unsafe { scores::<H>(x, w, scratch) };
    let q = step * squared + bias_step;
    let score_of_y = scratch[y / LANES].0[y % LANES];
    let before = sum(a.iter().fold([0.0; LANES], |sum, a| zip(sum, a.0, |sum, a| sum + a)));
    // From here on, scratch holds u.
    let (offset, per_q) = (margin - score_of_y, 1.0 / q);
    for (u, a) in scratch.iter_mut().zip(a.iter()) {
        u.0 = zip(u.0, a.0, |f, a| a + (f + offset) * per_q + before);
    }
    scratch[y / LANES].0[y % LANES] = f32::NEG_INFINITY;
    let last = scratch.len() - 1;
    let used = classes - last * LANES;
    let mut lane = 0.0;
    let lanes = [(); LANES].map(|()| {
        lane += 1.0;
        lane
    });
    let used_lanes = used as f32;
    scratch[last].0 =
        zip(scratch[last].0, lanes, |u, lane| if lane <= used_lanes { u } else { f32::NEG_INFINITY });
    let t = threshold(scratch, before);
    // From here on, scratch holds β.
    let (mut total, mut largest) = ([0.0; LANES], [0.0; LANES]);
    for (u, a) in scratch.iter_mut().zip(a.iter_mut()) {
        let new = u.0.map(|u| clip(u - t));
        u.0 = zip(a.0, new, |old, new| old - new);
        total = zip(total, u.0, |total, change| total - change);
        largest = zip(largest, u.0, |largest, change| larger(change.abs(), largest));
        a.0 = new;
    }
    let largest = max(largest);
    if largest > 0.0 {
        scratch[y / LANES].0[y % LANES] = sum(total);
        // SAFETY: the caller promises the instructions.
        unsafe { update_weights::<H>(problem, x, w, b, scratch) };
    }
    largest
}

/// Updates b and W by β, and replaces β by `step · β`.
///
/// # Safety
/// The processor has the instructions of `H`.
#[inline(always)]
unsafe fn update_weights<H: Registers<Number = f32>>(
    problem: &DualProblem,
    x: impl Entries,
    w: &mut [Block<f32>],
    b: &mut [Block<f32>],
    beta: &mut [Block<f32>],
) {
    for (beta, b) in beta.iter_mut().zip(b) {
        b.0 = zip(b.0, beta.0, |b, beta| b + problem.bias_step * beta);
        beta.0 = beta.0.map(|beta| problem.step * beta);
    }
    // SAFETY: the caller promises the instructions.
    unsafe { add::<H>(x, beta, w) };
}

/// # Safety
/// The processor has the instructions of `H`.
#[inline(always)]
unsafe fn softmax_step<H: Registers<Number = f32>>(
    problem: &DualProblem,
    (x, squared, y): (impl Entries, f32, usize),
    w: &mut [Block<f32>],
    b: &mut [Block<f32>],
    a: &mut [Block<f32>],
    scratch: &mut [Block<f32>],
) -> f32 {
    let blocks = a.len();
    let (v, rest) = scratch.split_at_mut(blocks);
    let (z, alpha) = rest.split_at_mut(blocks);
    v.copy_from_slice(b);
    // SAFETY: the caller promises the instructions.
    unsafe { scores::<H>(x, w, v) };
    let q = problem.step * squared + problem.bias_step;
    let sum_of_others = sum(a.iter().fold([0.0; LANES], |sum, a| zip(sum, a.0, |sum, a| sum + a)));
    alpha.copy_from_slice(a);
    alpha[y / LANES].0[y % LANES] = 1.0 - sum_of_others;
    for (v, alpha) in v.iter_mut().zip(alpha.iter()) {
        v.0 = zip(v.0, alpha.0, |f, a| f + q * a);
    }
    let beyond = problem.classes - (blocks - 1) * LANES;
    v[blocks - 1].0[beyond..].fill(f32::NEG_INFINITY);
    let largest = max(v.iter().fold([f32::NEG_INFINITY; LANES], |largest, v| zip(largest, v.0, larger)));
    // μ is at least the largest v minus q; this is far below that, but finite.
    v[blocks - 1].0[beyond..].fill(largest - q - 256.0);
    solve(q, v, z, alpha);

    alpha[blocks - 1].0[beyond..].fill(0.0);
    let all = sum(alpha.iter().fold([0.0; LANES], |sum, a| zip(sum, a.0, |sum, a| sum + a)));
    alpha[y / LANES].0[y % LANES] = 0.0;
    let others = sum(alpha.iter().fold([0.0; LANES], |sum, a| zip(sum, a.0, |sum, a| sum + a)));
    // Scaling ensures that the share of the example's own class is never lost in the rounding of the others.
    let scale = smaller(1.0 / all, (1.0 - ROUNDING * blocks as f32) / others);
    let beta = v;
    let (mut total, mut largest) = ([0.0; LANES], [0.0; LANES]);
    for ((beta, new), a) in beta.iter_mut().zip(alpha.iter()).zip(a.iter_mut()) {
        let new = new.0.map(|new| new * scale);
        beta.0 = zip(a.0, new, |old, new| old - new);
        total = zip(total, beta.0, |total, change| total - change);
        largest = zip(largest, beta.0, |largest, change| larger(change.abs(), largest));
        a.0 = new;
    }
    let largest = max(largest);
    if largest > 0.0 {
        beta[y / LANES].0[y % LANES] = sum(total);
        // SAFETY: the caller promises the instructions.
        unsafe { update_weights::<H>(problem, x, w, b, beta) };
    }
    largest
}

/// Evaluates an expression for the non-zero features of a row of each kind.
macro_rules! for_row {
    ($row:expr, $x:ident => $result:expr) => {
        match $row {
            Row::Dense(values) => {
                let $x = Dense(values);
                $result
            }
            Row::Sparse { indices, values } => {
                let $x = Listed::new(indices, values);
                $result
            }
            Row::Pixels { indices, values } => {
                let $x = Listed::new(indices, values);
                $result
            }
        }
    };
}

/// The kernels for one instruction set.
macro_rules! compiled {
    ($module:ident, $registers:ident, $(#[$attribute:meta])*) => {
        pub(super) mod $module {
            use super::*;

            type Lanes = <f32 as Number>::$registers;

            $(#[$attribute])*
            pub(in super::super) fn scores<T: Number>(row: Row<'_>, w: &[Block<T>], scores: &mut [Block<T>]) {
                // SAFETY: this function is compiled for the instructions of these registers.
                unsafe { for_row!(row, x => super::scores::<T::$registers>(x, w, scores)) }
            }

            $(#[$attribute])*
            pub(in super::super) fn add<T: Number>(row: Row<'_>, c: &[Block<T>], w: &mut [Block<T>]) {
                // SAFETY: this function is compiled for the instructions of these registers.
                unsafe { for_row!(row, x => super::add::<T::$registers>(x, c, w)) }
            }

            $(#[$attribute])*
            pub(in super::super) fn svm_step(
                problem: &DualProblem,
                (row, squared, y): (Row<'_>, f32, usize),
                w: &mut [Block<f32>],
                b: &mut [Block<f32>],
                a: &mut [Block<f32>],
                u: &mut [Block<f32>],
            ) -> f32 {
                // SAFETY: this function is compiled for the instructions of these registers.
                unsafe { for_row!(row, x => super::svm_step::<Lanes>(problem, (x, squared, y), w, b, a, u)) }
            }

            $(#[$attribute])*
            pub(in super::super) fn softmax_step(
                problem: &DualProblem,
                (row, squared, y): (Row<'_>, f32, usize),
                w: &mut [Block<f32>],
                b: &mut [Block<f32>],
                a: &mut [Block<f32>],
                u: &mut [Block<f32>],
            ) -> f32 {
                // SAFETY: this function is compiled for the instructions of these registers.
                unsafe {
                    for_row!(row, x => super::softmax_step::<Lanes>(problem, (x, squared, y), w, b, a, u))
                }
            }
        }
    };
}
compiled!(portable, Portable,);
#[cfg(target_arch = "x86_64")]
compiled!(avx2, Avx2, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
compiled!(avx512, Avx512, #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl")]);
