//! The maximum of four registers and 0, lane by lane, with its argmax.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use super::NO_GRADIENT;
use crate::lanes::Lanes;

/// A register type with a 2 × 2 max pool.
///
/// # Safety
/// The caller of the method makes sure that the processor has the instructions of the implementing type, and that there
/// is room for `count` values and argmaxes; `count` is at most the number of lanes.
pub(super) trait PoolLanes: Lanes {
    /// Writes the maximum of the four registers and 0 in each of the first `count` lanes, and its argmax: 0 to 3, the
    /// first one on ties, or [`NO_GRADIENT`] for the 0. NaN counts as the maximum.
    unsafe fn pool(four: [Self; 4], y: *mut f32, argmax: *mut u8, count: usize);
}

impl PoolLanes for [f32; 4] {
    #[inline(always)]
    unsafe fn pool(four: [Self; 4], y: *mut f32, argmax: *mut u8, count: usize) {
        let (mut best, mut argmax_lanes) = ([0.0; 4], [NO_GRADIENT; 4]);
        for (q, z) in four.into_iter().enumerate() {
            for (lane, z) in z.into_iter().enumerate() {
                let wins = (z > best[lane]) | z.is_nan();
                best[lane] = if wins { z } else { best[lane] };
                argmax_lanes[lane] = if wins { q as u8 } else { argmax_lanes[lane] };
            }
        }
        // SAFETY: the caller promises room for `count` of each.
        unsafe {
            best.store_part(y, count);
            argmax.copy_from_nonoverlapping(argmax_lanes.as_ptr(), count.min(4));
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl PoolLanes for __m256 {
    #[inline(always)]
    unsafe fn pool(four: [Self; 4], y: *mut f32, argmax: *mut u8, count: usize) {
        // SAFETY: the caller promises AVX2 and room for `count` of each.
        unsafe {
            let (mut best, mut argmax_lanes) =
                (_mm256_setzero_ps(), _mm256_set1_epi32(i32::from(NO_GRADIENT)));
            for (q, z) in four.into_iter().enumerate() {
                let larger = _mm256_cmp_ps::<_CMP_GT_OQ>(z, best);
                let wins = _mm256_or_ps(larger, _mm256_cmp_ps::<_CMP_UNORD_Q>(z, z));
                best = _mm256_blendv_ps(best, z, wins);
                argmax_lanes =
                    _mm256_blendv_epi8(argmax_lanes, _mm256_set1_epi32(q as i32), _mm256_castps_si256(wins));
            }
            // The low bytes of the eight integers, contiguous within each 128-bit half.
            let low = _mm256_set1_epi32(0x0c08_0400);
            let bytes = _mm256_shuffle_epi8(argmax_lanes, low);
            let first = _mm_cvtsi128_si32(_mm256_castsi256_si128(bytes)) as u32;
            let second = _mm_cvtsi128_si32(_mm256_extracti128_si256::<1>(bytes)) as u32;
            let bytes = (u64::from(second) << 32 | u64::from(first)).to_le_bytes();
            if count == 8 {
                best.store(y);
                argmax.cast::<[u8; 8]>().write_unaligned(bytes);
            } else {
                best.store_part(y, count);
                argmax.copy_from_nonoverlapping(bytes.as_ptr(), count);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
impl PoolLanes for __m512 {
    #[inline(always)]
    unsafe fn pool(four: [Self; 4], y: *mut f32, argmax: *mut u8, count: usize) {
        // SAFETY: the caller promises AVX-512 F, BW and VL, and room for `count` of each.
        unsafe {
            let (mut best, mut argmax_lanes) =
                (_mm512_setzero_ps(), _mm512_set1_epi32(i32::from(NO_GRADIENT)));
            for (q, z) in four.into_iter().enumerate() {
                let wins =
                    _mm512_cmp_ps_mask::<_CMP_GT_OQ>(z, best) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(z, z);
                best = _mm512_mask_mov_ps(best, wins, z);
                argmax_lanes = _mm512_mask_mov_epi32(argmax_lanes, wins, _mm512_set1_epi32(q as i32));
            }
            let bytes = _mm512_cvtepi32_epi8(argmax_lanes);
            if count == 16 {
                best.store(y);
                _mm_storeu_si128(argmax.cast(), bytes);
            } else {
                best.store_part(y, count);
                _mm_mask_storeu_epi8(argmax.cast(), ((1u32 << count) - 1) as __mmask16, bytes);
            }
        }
    }
}
