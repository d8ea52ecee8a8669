//! One row of features against a weight matrix, and the dual steps of the two losses that are made of it.
//!
//! A solver that looks at one example at a time needs three things of it, over and over:
//!
//! | work | formula |
//! |---|---|
//! | [`scores`] | `f += x · W` |
//! | [`add`] | `W += x ⊗ c` |
//! | [`svm_step`] | both, with the best dual variables of the example for the SVM loss in between |
//! | [`softmax_step`] | the same for softmax |
//!
//! W is (D, C) with its rows padded to whole [`Block`]s of 16 numbers, so that the scores of 16 classes are one or two
//! registers, and a feature that is zero costs nothing: a sparse [`Row`] names the places of the others.
//!
//! Each score is a sum over the features of the row in a fixed order, on each instruction set its own. So the bits
//! don't depend on who calls.

mod body;
mod exponential;
pub mod naive;
mod registers;
mod softmax;
mod threshold;

use std::ops::{Add, Mul};

use crate::Isa;
use crate::isa::Level;

/// Numbers in a [`Block`].
pub const LANES: usize = 16;

/// Sixteen numbers side by side, where a cache line begins: what belongs to sixteen classes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Block<T>(pub [T; LANES]);

impl<T: Number> Block<T> {
    /// Sixteen zeros.
    pub const ZERO: Self = Block([T::ZERO; LANES]);
}

/// How many blocks hold a number for each class: C / 16, rounded up.
pub const fn blocks(classes: usize) -> usize {
    classes.div_ceil(LANES)
}

/// f32 or f64, which sums are taken in.
pub trait Number: Copy + Add<Output = Self> + Mul<Output = Self> + Send + Sync + 'static {
    /// 0.
    const ZERO: Self;
    /// The number as one of this type.
    fn of(value: f32) -> Self;
    /// A block of them in the registers of each instruction set.
    #[doc(hidden)]
    type Portable: registers::Registers<Number = Self>;
    #[doc(hidden)]
    #[cfg(target_arch = "x86_64")]
    type Avx2: registers::Registers<Number = Self>;
    #[doc(hidden)]
    #[cfg(target_arch = "x86_64")]
    type Avx512: registers::Registers<Number = Self>;
}

impl Number for f32 {
    const ZERO: Self = 0.0;
    type Portable = [f32; 16];
    #[cfg(target_arch = "x86_64")]
    type Avx2 = [std::arch::x86_64::__m256; 2];
    #[cfg(target_arch = "x86_64")]
    type Avx512 = [std::arch::x86_64::__m512; 1];

    #[inline(always)]
    fn of(value: f32) -> Self {
        value
    }
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    type Portable = [f64; 16];
    #[cfg(target_arch = "x86_64")]
    type Avx2 = [std::arch::x86_64::__m256d; 4];
    #[cfg(target_arch = "x86_64")]
    type Avx512 = [std::arch::x86_64::__m512d; 2];

    #[inline(always)]
    fn of(value: f32) -> Self {
        value.into()
    }
}

/// The features of one example, (D).
#[derive(Clone, Copy, Debug)]
pub enum Row<'a> {
    /// Every feature.
    Dense(&'a [f32]),
    /// The features that are not zero, and where they stand.
    Sparse {
        /// Below D.
        indices: &'a [u32],
        /// As many as places.
        values: &'a [f32],
    },
    /// Pixels that are not zero, which count as value / 255, and where they stand.
    Pixels {
        /// Below D.
        indices: &'a [u16],
        /// As many as places.
        values: &'a [u8],
    },
}

impl Row<'_> {
    /// Σ x², in f64.
    pub fn squared(self) -> f64 {
        let sum = |values: &[f32]| values.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
        match self {
            Row::Dense(values) | Row::Sparse { values, .. } => sum(values),
            Row::Pixels { values, .. } => {
                let sum: u64 = values.iter().map(|&x| u64::from(x) * u64::from(x)).sum();
                sum as f64 / (255.0 * 255.0)
            }
        }
    }
}

/// `scores += x · W`.
///
/// # Shapes
/// `scores` is a number for each class, (C) in blocks; `w` is (D, C), each row in as many blocks.
///
/// # Panics
/// Where a place of the row is not below D.
///
/// ```
/// use tercet_kernels::Isa;
/// use tercet_kernels::dual_ascent::{Block, Row, scores};
///
/// let w = [Block([1.0; 16]), Block([2.0; 16]), Block([4.0; 16])];
/// let mut f = [Block([0.5; 16])];
/// scores(Isa::active(), Row::Sparse { indices: &[0, 2], values: &[3.0, 1.0] }, &w, &mut f);
/// assert_eq!(f[0].0[15], 0.5 + 3.0 + 4.0);
/// ```
pub fn scores<T: Number>(isa: Isa, row: Row<'_>, w: &[Block<T>], scores: &mut [Block<T>]) {
    match isa.0 {
        Level::Portable => body::portable::scores(row, w, scores),
        // The plain loops, which the compiler writes in the instructions of the whole build.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Level::Wasm => body::portable::scores(row, w, scores),
        // SAFETY: an `Isa` of this level exists only where the processor has AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { body::avx2::scores(row, w, scores) },
        // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { body::avx512::scores(row, w, scores) },
    }
}

/// `W += x ⊗ c`: to row j of W, x_j times `c`.
///
/// # Shapes
/// `c` is (C) in blocks; `w` is (D, C), each row in as many blocks.
///
/// # Panics
/// Where a place of the row is not below D.
pub fn add<T: Number>(isa: Isa, row: Row<'_>, c: &[Block<T>], w: &mut [Block<T>]) {
    match isa.0 {
        Level::Portable => body::portable::add(row, c, w),
        // The plain loops, which the compiler writes in the instructions of the whole build.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Level::Wasm => body::portable::add(row, c, w),
        // SAFETY: an `Isa` of this level exists only where the processor has AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { body::avx2::add(row, c, w) },
        // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { body::avx512::add(row, c, w) },
    }
}

/// What [`svm_step`] and [`softmax_step`] know of the problem.
#[derive(Clone, Copy, Debug)]
pub struct DualProblem {
    /// C.
    pub classes: usize,
    /// Δ, which softmax has no use for.
    pub margin: f32,
    /// By how much W moves along x when a dual variable grows by one.
    pub step: f32,
    /// By how much the bias moves when a dual variable grows by one.
    pub bias_step: f32,
}

/// Sets the dual variables of one example of class `y` to the best there are while all others stay, and moves W and b
/// along with them. Returns the largest change of a variable.
///
/// With a_c for c ≠ y, each within 0 and 1, and `β = −a` but `β_y = Σ a`, W is `step · Σ x ⊗ β` over all examples and b
/// likewise. When a moves by δ, `q = step · Σ x² + bias_step`, then f_c falls by q δ_c, f_y rises by q Σ δ, and the dual
/// grows by
///
/// ```text
/// Σ g_c δ_c − q/2 (Σ δ_c² + (Σ δ_c)²),      g_c = Δ + f_c − f_y
/// ```
///
/// whose maximum in the box is `a_c ← clip(u_c − t, 0, 1)` with `u_c = a_c + g_c / q + Σ a` and t the one number for
/// which `t = Σ clip(u_c − t, 0, 1)`.
///
/// # Shapes
/// `w` is (D, C), `b`, `a` and `scratch` are (C), all in blocks. `squared` is Σ x². What `a` has at `y` and beyond the
/// classes is 0.
///
/// # Panics
/// Where a place of the row is not below D, and where the blocks don't hold C.
#[allow(clippy::too_many_arguments, reason = "six arrays that belong to six owners")]
pub fn svm_step(
    isa: Isa,
    problem: &DualProblem,
    (row, squared, y): (Row<'_>, f32, usize),
    w: &mut [Block<f32>],
    b: &mut [Block<f32>],
    a: &mut [Block<f32>],
    scratch: &mut [Block<f32>],
) -> f32 {
    let blocks = blocks(problem.classes);
    assert!(y < problem.classes && b.len() == blocks && a.len() == blocks && scratch.len() == blocks);
    match isa.0 {
        Level::Portable => body::portable::svm_step(problem, (row, squared, y), w, b, a, scratch),
        // The plain loops, which the compiler writes in the instructions of the whole build.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Level::Wasm => body::portable::svm_step(problem, (row, squared, y), w, b, a, scratch),
        // SAFETY: an `Isa` of this level exists only where the processor has AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { body::avx2::svm_step(problem, (row, squared, y), w, b, a, scratch) },
        // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { body::avx512::svm_step(problem, (row, squared, y), w, b, a, scratch) },
    }
}

/// [`svm_step`] for the softmax loss, nearly: to the best there are, but for what the next visit corrects as well.
///
/// With α a distribution over the classes, `a_c = α_c` for c ≠ y, and β, W, b and q as there, the dual grows by
///
/// ```text
/// H(α') − H(α) + Σ f_c (α'_c − α_c) − q/2 Σ (α'_c − α_c)²,      H(α) = −Σ α_c ln α_c
/// ```
///
/// when α becomes α', whose best has `ln α'_c + q α'_c = f_c + q α_c − μ` with the one number μ for which Σ α' = 1. For the
/// class y at least a millionth is left.
///
/// # Shapes
/// `w` is (D, C), `b` and `a` are (C), all in blocks, and `scratch` has three times as many blocks as `a`. `squared` is
/// Σ x². What `a` has at `y` and beyond the classes is 0.
///
/// # Panics
/// Where a place of the row is not below D, and where the blocks don't hold C.
#[allow(clippy::too_many_arguments, reason = "six arrays that belong to six owners")]
pub fn softmax_step(
    isa: Isa,
    problem: &DualProblem,
    (row, squared, y): (Row<'_>, f32, usize),
    w: &mut [Block<f32>],
    b: &mut [Block<f32>],
    a: &mut [Block<f32>],
    scratch: &mut [Block<f32>],
) -> f32 {
    let blocks = blocks(problem.classes);
    assert!(y < problem.classes && b.len() == blocks && a.len() == blocks && scratch.len() == 3 * blocks);
    match isa.0 {
        Level::Portable => body::portable::softmax_step(problem, (row, squared, y), w, b, a, scratch),
        // The plain loops, which the compiler writes in the instructions of the whole build.
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Level::Wasm => body::portable::softmax_step(problem, (row, squared, y), w, b, a, scratch),
        // SAFETY: an `Isa` of this level exists only where the processor has AVX2 and FMA.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { body::avx2::softmax_step(problem, (row, squared, y), w, b, a, scratch) },
        // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { body::avx512::softmax_step(problem, (row, squared, y), w, b, a, scratch) },
    }
}
