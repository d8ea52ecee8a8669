//! Exact distances between one pair of byte rows.
//!
//! The bodies are safe Rust that the compiler turns into the instructions one would pick by hand (vpmaddwd for
//! products, vpsadbw for absolute differences). They only have to be compiled once for each instruction set, which
//! [`distance`] does.

use super::MAX_WIDTH;
use crate::Isa;
use crate::dispatch::for_isa;

/// Generates `fn $name(isa, a, b)` from an always-inlined body: one copy compiled for each instruction set, and the
/// dispatch between them.
macro_rules! distance {
    ($(#[$doc:meta])* $name:ident, $body:ident, $scalar:ty, $result:ty) => {
        $(#[$doc])*
        ///
        /// # Panics
        /// If the rows differ in length.
        pub fn $name(isa: Isa, a: &[$scalar], b: &[$scalar]) -> $result {
            assert_eq!(a.len(), b.len(), "rows of equal width");
            for_isa!(isa, $body(a: &[$scalar], b: &[$scalar]) -> $result)
        }
    };
}
pub(super) use distance;

distance! {
    /// The squared Euclidean distance, `Σ (a_i − b_i)²`.
    l2_squared, l2_squared_body, u8, u64
}
distance! {
    /// The Manhattan distance, `Σ |a_i − b_i|`.
    l1, l1_body, u8, u64
}
distance! {
    /// The dot product, `Σ a_i · b_i`.
    dot, dot_body, u8, u64
}

distance! {
    /// `Σ |a_i − b_i|³`, the cube of the L3 distance.
    l3_cubed, l3_cubed_body, u8, u64
}

distance! {
    /// The squared Euclidean distance of two codes that fill whole cache lines, `Σ (a_i − b_i)²`. Equal to
    /// [`l2_squared`], but without a remainder loop, because the lengths are multiples of 64.
    l2_squared_of_lines, l2_squared_of_lines_body, Line, u64
}

/// 64 bytes, aligned to a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Line(pub [u8; 64]);

#[inline(always)]
fn l2_squared_of_lines_body(a: &[Line], b: &[Line]) -> u64 {
    let lines = a.iter().zip(b).map(|(a, b)| {
        let mut sum = 0;
        for i in 0..64 {
            let difference = i32::from(i16::from(a.0[i]) - i16::from(b.0[i]));
            sum += difference * difference;
        }
        sum as u64
    });
    lines.sum()
}

#[inline(always)]
fn l2_squared_body(a: &[u8], b: &[u8]) -> u64 {
    sum_by_chunks(a, b, |a, b| {
        let difference = i32::from(i16::from(a) - i16::from(b));
        (difference * difference) as u32
    })
}

#[inline(always)]
fn l1_body(a: &[u8], b: &[u8]) -> u64 {
    sum_by_chunks(a, b, |a, b| u32::from(a.abs_diff(b)))
}

#[inline(always)]
fn dot_body(a: &[u8], b: &[u8]) -> u64 {
    sum_by_chunks(a, b, |a, b| (i32::from(i16::from(a)) * i32::from(i16::from(b))) as u32)
}

/// 259 cubes of 255 fit in 32 bits, so 256 columns at a time are summed in 32 bits.
#[inline(always)]
fn l3_cubed_body(a: &[u8], b: &[u8]) -> u64 {
    let cube = |a: u8, b: u8| {
        let difference = u32::from(a.abs_diff(b));
        difference * difference * difference
    };
    let chunks = a.chunks(256).zip(b.chunks(256));
    chunks.map(|(a, b)| u64::from(a.iter().zip(b).map(|(&a, &b)| cube(a, b)).sum::<u32>())).sum()
}

/// The sum over all columns of a term of at most 255². Chunks of [`MAX_WIDTH`] columns are short enough to be summed in
/// 32 bits, which fits twice as many accumulators in a register as 64 bits would.
#[inline(always)]
fn sum_by_chunks(a: &[u8], b: &[u8], term: impl Fn(u8, u8) -> u32) -> u64 {
    let chunks = a.chunks(MAX_WIDTH).zip(b.chunks(MAX_WIDTH));
    chunks.map(|(a, b)| u64::from(a.iter().zip(b).map(|(&a, &b)| term(a, b)).sum::<u32>())).sum()
}
