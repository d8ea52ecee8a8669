//! Rows of pixels in two AVX-512 registers.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_alignr_epi32, _mm512_load_si512, _mm512_loadu_si512, _mm512_madd_epi16,
    _mm512_min_epu32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_store_si512, _mm512_sub_epi16,
};

use super::field::COLUMNS;
use super::warped::{Chunk, Columns};

/// The numbers of [`COLUMNS`] adjacent pixels, sixteen per register.
#[derive(Clone, Copy)]
pub(super) struct Registers([__m512i; 2]);

impl Columns for Registers {
    #[inline(always)]
    unsafe fn max_value() -> Self {
        // SAFETY: the caller promises AVX-512, here and below.
        Registers([unsafe { _mm512_set1_epi32(-1) }; 2])
    }

    /// vpmaddwd squares the two differences of a pixel and adds them.
    #[inline(always)]
    unsafe fn squares(q: &[i16; 2 * COLUMNS], x: &[i16; 2 * COLUMNS]) -> Self {
        let (q, x) = (q.as_chunks::<COLUMNS>().0, x.as_chunks::<COLUMNS>().0);
        Registers([0, 1].map(|half: usize| {
            // SAFETY: 32 i16 are the 64 bytes that are read, and the load needs no alignment.
            unsafe {
                let q = _mm512_loadu_si512(q[half].as_ptr().cast());
                let difference = _mm512_sub_epi16(q, _mm512_loadu_si512(x[half].as_ptr().cast()));
                _mm512_madd_epi16(difference, difference)
            }
        }))
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: as above.
        Registers([0, 1].map(|half: usize| unsafe { _mm512_add_epi32(self.0[half], other.0[half]) }))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // SAFETY: as above.
        Registers([0, 1].map(|half: usize| unsafe { _mm512_min_epu32(self.0[half], other.0[half]) }))
    }

    #[inline(always)]
    unsafe fn next(self) -> Self {
        // SAFETY: as above.
        unsafe {
            let low = _mm512_alignr_epi32::<1>(self.0[1], self.0[0]);
            Registers([low, _mm512_alignr_epi32::<1>(_mm512_setzero_si512(), self.0[1])])
        }
    }

    #[inline(always)]
    unsafe fn sum(self, count: usize) -> u64 {
        let mut numbers = Chunk([0; COLUMNS]);
        // SAFETY: as above.
        unsafe { self.store(&mut numbers) };
        numbers.0[..count].iter().map(|&number| u64::from(number)).sum()
    }

    #[inline(always)]
    unsafe fn load(from: &Chunk) -> Self {
        let (halves, _) = from.0.as_chunks::<16>();
        // SAFETY: sixteen u32 are the 64 bytes that are read, and a Chunk is aligned to 64.
        Registers([0, 1].map(|half: usize| unsafe { _mm512_load_si512(halves[half].as_ptr().cast()) }))
    }

    #[inline(always)]
    unsafe fn store(self, to: &mut Chunk) {
        for (half, numbers) in to.0.as_chunks_mut::<16>().0.iter_mut().zip(self.0) {
            // SAFETY: sixteen u32 are the 64 bytes that are written, and a Chunk is aligned to 64.
            unsafe { _mm512_store_si512(half.as_mut_ptr().cast(), numbers) };
        }
    }
}
