//! Distances between one pair of f32 rows, computed in f64, with the same bits on every instruction set.
//!
//! Eight accumulators fill two AVX2 registers or one AVX-512 register. The compiler may not reorder floating-point
//! additions, so the register width affects only the speed. [`naive::floats`](super::naive::floats) specifies the
//! order.

use super::bytes::distance;
use crate::Isa;
use crate::dispatch::for_isa;

distance! {
    /// The squared Euclidean distance, `Σ (a_i − b_i)²`.
    l2_squared, l2_squared_body, f32, f64
}
distance! {
    /// The Manhattan distance, `Σ |a_i − b_i|`.
    l1, l1_body, f32, f64
}
distance! {
    /// The dot product, `Σ a_i · b_i`.
    dot, dot_body, f32, f64
}

distance! {
    /// `Σ |a_i − b_i|³`, the cube of the L3 distance.
    l3_cubed, l3_cubed_body, f32, f64
}

#[inline(always)]
fn l2_squared_body(a: &[f32], b: &[f32]) -> f64 {
    sum_in_lanes(a, b, |a, b| (a - b) * (a - b))
}

#[inline(always)]
fn l1_body(a: &[f32], b: &[f32]) -> f64 {
    sum_in_lanes(a, b, |a, b| (a - b).abs())
}

#[inline(always)]
fn dot_body(a: &[f32], b: &[f32]) -> f64 {
    sum_in_lanes(a, b, |a, b| a * b)
}

#[inline(always)]
fn l3_cubed_body(a: &[f32], b: &[f32]) -> f64 {
    sum_in_lanes(a, b, |a, b| (a - b).abs() * (a - b) * (a - b))
}

#[inline(always)]
fn sum_in_lanes(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (a_whole, a_rest) = a.as_chunks::<8>();
    let (b_whole, b_rest) = b.as_chunks::<8>();
    let mut s = [0.0; 8];
    for (a, b) in a_whole.iter().zip(b_whole) {
        for lane in 0..8 {
            s[lane] += term(f64::from(a[lane]), f64::from(b[lane]));
        }
    }
    for (s, (&a, &b)) in s.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *s += term(f64::from(a), f64::from(b));
    }
    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}
