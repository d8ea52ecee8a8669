//! A [`Block`] in registers.
//!
//! Compilers vectorise a loop that adds to blocks in memory along the wrong axis: they gather one class of many
//! features instead of the classes of one feature. So the operations on a block are written with intrinsics.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::Block;

/// Sixteen numbers in the registers of an instruction set.
///
/// # Safety
/// The caller of a method makes sure that the processor has the instructions of the implementing type.
pub trait Registers: Copy {
    /// The type of a lane.
    type Number;
    /// The same number in every lane.
    unsafe fn splat(value: Self::Number) -> Self;
    /// Loads the numbers of a block.
    unsafe fn load(from: &Block<Self::Number>) -> Self;
    /// Writes the numbers to a block.
    unsafe fn store(self, to: &mut Block<Self::Number>);
    /// `self + a · b`, with one rounding or two, depending on the instruction set.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;
}

macro_rules! plain {
    ($number:ty) => {
        impl Registers for [$number; 16] {
            type Number = $number;

            #[inline(always)]
            unsafe fn splat(value: $number) -> Self {
                [value; 16]
            }

            #[inline(always)]
            unsafe fn load(from: &Block<$number>) -> Self {
                from.0
            }

            #[inline(always)]
            unsafe fn store(self, to: &mut Block<$number>) {
                to.0 = self;
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                std::array::from_fn(
                    #[inline(always)]
                    |i| self[i] + a[i] * b[i],
                )
            }
        }
    };
}
plain!(f32);
plain!(f64);

/// The registers of one instruction set that together hold a block.
macro_rules! registers {
    ($number:ty, $register:ty, $count:literal, $splat:ident, $load:ident, $store:ident, $fused:ident) => {
        #[cfg(target_arch = "x86_64")]
        impl Registers for [$register; $count] {
            type Number = $number;

            #[inline(always)]
            unsafe fn splat(value: $number) -> Self {
                // SAFETY: the caller promises the instructions.
                [unsafe { $splat(value) }; $count]
            }

            #[inline(always)]
            unsafe fn load(from: &Block<$number>) -> Self {
                let from = from.0.as_ptr();
                std::array::from_fn(
                    #[inline(always)]
                    // SAFETY: the caller promises the instructions; a block has the numbers of all registers, and is
                    // aligned to a cache line.
                    |i| unsafe { $load(from.add(i * (16 / $count))) },
                )
            }

            #[inline(always)]
            unsafe fn store(self, to: &mut Block<$number>) {
                let to = to.0.as_mut_ptr();
                for (i, register) in self.into_iter().enumerate() {
                    // SAFETY: the caller promises the instructions; a block has room for all registers, and is aligned
                    // to a cache line.
                    unsafe { $store(to.add(i * (16 / $count)), register) };
                }
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                std::array::from_fn(
                    #[inline(always)]
                    // SAFETY: the caller promises the instructions.
                    |i| unsafe { $fused(a[i], b[i], self[i]) },
                )
            }
        }
    };
}
registers!(f32, __m256, 2, _mm256_set1_ps, _mm256_load_ps, _mm256_store_ps, _mm256_fmadd_ps);
registers!(f64, __m256d, 4, _mm256_set1_pd, _mm256_load_pd, _mm256_store_pd, _mm256_fmadd_pd);
registers!(f32, __m512, 1, _mm512_set1_ps, _mm512_load_ps, _mm512_store_ps, _mm512_fmadd_ps);
registers!(f64, __m512d, 2, _mm512_set1_pd, _mm512_load_pd, _mm512_store_pd, _mm512_fmadd_pd);
