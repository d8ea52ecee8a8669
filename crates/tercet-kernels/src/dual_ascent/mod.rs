//! One row of features against a weight matrix, and the dual steps of the two losses built on it.
//!
//! A solver that processes one example at a time needs the following operations, over and over:
//!
//! | work | formula |
//! |---|---|
//! | [`scores`] | `f += x · W` |
//! | [`add`] | `W += x ⊗ c` |
//! | [`svm_step`] | both, with the optimal dual variables of the example for the SVM loss in between |
//! | [`softmax_step`] | the same for softmax |
//!
//! W is (D, C) with its rows padded to whole [`Block`]s of 16 numbers, so that the scores of 16 classes are one or two
//! registers, and a feature that is zero costs nothing: a sparse [`Row`] lists only the indices of the others.
//!
//! Each score is a sum over the features of the row in an order that is fixed for each instruction set. So the bits do
//! not depend on the caller.

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

/// Sixteen contiguous numbers, aligned to a cache line: the values for sixteen classes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C, align(64))]
pub struct Block<T>(pub [T; LANES]);

impl<T: Number> Block<T> {
    /// Sixteen zeros.
    pub const ZERO: Self = Block([T::ZERO; LANES]);
}

/// The number of blocks for one number per class: C / 16, rounded up.
pub const fn blocks(classes: usize) -> usize {
    classes.div_ceil(LANES)
}

/// f32 or f64, the type in which sums are computed.
pub trait Number: Copy + Add<Output = Self> + Mul<Output = Self> + Send + Sync + 'static {
    /// 0.
    const ZERO: Self;
    /// Converts a number to this type.
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
    /// The non-zero features and their indices.
    Sparse {
        /// Below D.
        indices: &'a [u32],
        /// One per index.
        values: &'a [f32],
    },
    /// The non-zero pixels, which count as value / 255, and their indices.
    Pixels {
        /// Below D.
        indices: &'a [u16],
        /// One per index.
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

/// Calls a kernel of the module in [`body`] that is compiled for an instruction set.
macro_rules! dispatch {
    ($isa:expr, $kernel:ident $arguments:tt) => {
        match $isa.0 {
            Level::Portable => body::portable::$kernel $arguments,
            // The plain loops, compiled for the features of the whole build.
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Wasm => body::portable::$kernel $arguments,
            // SAFETY: an `Isa` of this level exists only where the processor has AVX2 and FMA.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { body::avx2::$kernel $arguments },
            // SAFETY: an `Isa` of this level exists only where the processor has AVX-512 F, BW and VL.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { body::avx512::$kernel $arguments },
        }
    };
}

/// `scores += x · W`.
///
/// # Shapes
/// `scores` has one number per class, (C) in blocks; `w` is (D, C), each row in as many blocks.
///
/// # Panics
/// If an index of the row is not below D.
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
    dispatch!(isa, scores(row, w, scores));
}

/// `W += x ⊗ c`: adds x_j times `c` to row j of W.
///
/// # Shapes
/// `c` is (C) in blocks; `w` is (D, C), each row in as many blocks.
///
/// # Panics
/// If an index of the row is not below D.
pub fn add<T: Number>(isa: Isa, row: Row<'_>, c: &[Block<T>], w: &mut [Block<T>]) {
    dispatch!(isa, add(row, c, w));
}

/// The parameters of [`svm_step`] and [`softmax_step`].
#[derive(Clone, Copy, Debug)]
pub struct DualProblem {
    /// C.
    pub classes: usize,
    /// Δ, not used by softmax.
    pub margin: f32,
    /// How far W moves along x when a dual variable grows by one.
    pub step: f32,
    /// How far the bias moves when a dual variable grows by one.
    pub bias_step: f32,
}

/// Sets the dual variables of one example of class `y` to their optimum with all others fixed, and updates W and b
/// accordingly. Returns the largest change of a variable.
///
/// With a_c for c ≠ y, each between 0 and 1, and `β = −a` but `β_y = Σ a`, W is `step · Σ x ⊗ β` over all examples and
/// b likewise. When a changes by δ, with `q = step · Σ x² + bias_step`, f_c falls by q δ_c, f_y rises by q Σ δ, and the
/// dual grows by
///
/// ```text
/// Σ g_c δ_c − q/2 (Σ δ_c² + (Σ δ_c)²),      g_c = Δ + f_c − f_y
/// ```
///
/// whose maximum in the box is `a_c ← clip(u_c − t, 0, 1)` with `u_c = a_c + g_c / q + Σ a` and t the unique number for
/// which `t = Σ clip(u_c − t, 0, 1)`.
///
/// # Shapes
/// `w` is (D, C), `b`, `a` and `scratch` are (C), all in blocks. `squared` is Σ x². The elements of `a` at `y` and
/// beyond the classes are 0.
///
/// # Panics
/// If an index of the row is not below D, or the number of blocks does not match C.
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
    dispatch!(isa, svm_step(problem, (row, squared, y), w, b, a, scratch))
}

/// [`svm_step`] for the softmax loss, but only approximately optimal: the next visit of the example corrects the
/// remaining error.
///
/// With α a distribution over the classes, `a_c = α_c` for c ≠ y, and β, W, b and q as in `svm_step`, the dual grows by
///
/// ```text
/// H(α') − H(α) + Σ f_c (α'_c − α_c) − q/2 Σ (α'_c − α_c)²,      H(α) = −Σ α_c ln α_c
/// ```
///
/// when α becomes α', and the optimum satisfies `ln α'_c + q α'_c = f_c + q α_c − μ` with the unique number μ for which
/// Σ α' = 1. The class y keeps at least a millionth.
///
/// # Shapes
/// `w` is (D, C), `b` and `a` are (C), all in blocks, and `scratch` has three times as many blocks as `a`. `squared` is
/// Σ x². The elements of `a` at `y` and beyond the classes are 0.
///
/// # Panics
/// If an index of the row is not below D, or the number of blocks does not match C.
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
    dispatch!(isa, softmax_step(problem, (row, squared, y), w, b, a, scratch))
}
