//! The blocked kernels for AVX2.
//!
//! AVX2 has sixteen registers. Eight of them hold the accumulators of four queries and half a group (two registers of
//! rows), which leaves room for the rows and the query words. So each panel is processed in two passes, one for each
//! half.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_add_epi64, _mm256_and_si256, _mm256_castsi256_ps, _mm256_cmpgt_epi32,
    _mm256_load_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_movemask_ps, _mm256_sad_epu8,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_srli_epi16,
    _mm256_storeu_si256,
};

use super::panels::Group;
use super::tile::{Tile, Within};

/// Queries per block.
pub(super) const QUERIES: usize = 4;

/// Sums of products: vpmaddwd multiplies pairs of i16 and adds each pair into one 32-bit lane.
///
/// The four bytes of a row in a lane are widened to i16 without a shuffle: masking leaves bytes 0 and 2, shifting
/// leaves bytes 1 and 3. The words of a query are packed in the same order, the even columns first and then the odd
/// ones.
#[target_feature(enable = "avx2")]
pub(super) fn products(tile: Tile<'_>) {
    let kernel = |groups: &[Group], words: &[[[u8; 8]; QUERIES]], sums: &mut [[u32; 32]; QUERIES]| {
        let low_byte = _mm256_set1_epi16(0xff);
        for half in 0..2 {
            let mut running = [[_mm256_setzero_si256(); 2]; QUERIES];
            for (group, words) in groups.iter().zip(words) {
                let rows = load(group, half);
                let even = rows.map(|rows| _mm256_and_si256(rows, low_byte));
                let odd = rows.map(|rows| _mm256_srli_epi16::<8>(rows));
                for (running, &[a, b, c, d, e, f, g, h]) in running.iter_mut().zip(words) {
                    let even_query = _mm256_set1_epi32(i32::from_le_bytes([a, b, c, d]));
                    let odd_query = _mm256_set1_epi32(i32::from_le_bytes([e, f, g, h]));
                    for r in 0..2 {
                        running[r] = _mm256_add_epi32(running[r], _mm256_madd_epi16(even[r], even_query));
                        running[r] = _mm256_add_epi32(running[r], _mm256_madd_epi16(odd[r], odd_query));
                    }
                }
            }
            for (sums, running) in sums.iter_mut().zip(running) {
                let (quarters, _) = sums.as_chunks_mut::<8>();
                for (quarter, running) in quarters[2 * half..].iter_mut().zip(running) {
                    // SAFETY: eight u32 are the 32 bytes that are written, and the store needs no alignment.
                    unsafe { _mm256_storeu_si256(quarter.as_mut_ptr().cast(), running) };
                }
            }
        }
    };
    tile.products::<QUERIES, 8, 0>(kernel);
}

/// Marks the rows whose sum of products reaches the query's threshold.
#[target_feature(enable = "avx2")]
pub(super) fn within(within: Within<'_>) {
    within.run::<QUERIES, 8, 0>(|groups, words, starts, thresholds| {
        let low_byte = _mm256_set1_epi16(0xff);
        let (quarters, _) = starts.as_chunks::<8>();
        let mut masks = [0; QUERIES];
        for half in 0..2 {
            let starts = [0, 1].map(|r| {
                // SAFETY: eight i32 are the 32 bytes that are read, and the load needs no alignment.
                unsafe { _mm256_loadu_si256(quarters[2 * half + r].as_ptr().cast()) }
            });
            let mut running = [starts; QUERIES];
            for (group, words) in groups.iter().zip(words) {
                let rows = load(group, half);
                let even = rows.map(|rows| _mm256_and_si256(rows, low_byte));
                let odd = rows.map(|rows| _mm256_srli_epi16::<8>(rows));
                for (running, &[a, b, c, d, e, f, g, h]) in running.iter_mut().zip(words) {
                    let even_query = _mm256_set1_epi32(i32::from_le_bytes([a, b, c, d]));
                    let odd_query = _mm256_set1_epi32(i32::from_le_bytes([e, f, g, h]));
                    for r in 0..2 {
                        running[r] = _mm256_add_epi32(running[r], _mm256_madd_epi16(even[r], even_query));
                        running[r] = _mm256_add_epi32(running[r], _mm256_madd_epi16(odd[r], odd_query));
                    }
                }
            }
            for ((mask, running), &threshold) in masks.iter_mut().zip(&running).zip(thresholds) {
                let threshold = _mm256_set1_epi32(threshold);
                for (r, &running) in running.iter().enumerate() {
                    // AVX2 only has a "greater than" comparison.
                    let misses = _mm256_castsi256_ps(_mm256_cmpgt_epi32(threshold, running));
                    let hits = !_mm256_movemask_ps(misses).cast_unsigned() & 0xff;
                    *mask |= hits << (16 * half + 8 * r);
                }
            }
        }
        masks
    });
}

/// Sums of absolute differences: vpsadbw adds eight of them into a 64-bit lane.
#[target_feature(enable = "avx2")]
pub(super) fn differences(tile: Tile<'_>) {
    tile.differences::<QUERIES>(|groups, words, sums| {
        for half in 0..2 {
            let mut running = [[_mm256_setzero_si256(); 2]; QUERIES];
            for (group, words) in groups.iter().zip(words) {
                let rows = load(group, half);
                for (running, &word) in running.iter_mut().zip(words) {
                    let query = _mm256_set1_epi64x(i64::from_le_bytes(word));
                    for r in 0..2 {
                        running[r] = _mm256_add_epi64(running[r], _mm256_sad_epu8(rows[r], query));
                    }
                }
            }
            for (sums, running) in sums.iter_mut().zip(running) {
                let (quarters, _) = sums.as_chunks_mut::<4>();
                for (quarter, running) in quarters[2 * half..].iter_mut().zip(running) {
                    // SAFETY: four u64 are the 32 bytes that are written, and the store needs no alignment.
                    unsafe { _mm256_storeu_si256(quarter.as_mut_ptr().cast(), running) };
                }
            }
        }
    });
}

/// The first or second half of a group as two registers.
#[inline]
#[target_feature(enable = "avx2")]
fn load(group: &Group, half: usize) -> [__m256i; 2] {
    let (quarters, _) = group.0.as_chunks::<32>();
    let pair = &quarters[2 * half..][..2];
    // SAFETY: a quarter of a Group is 32 bytes long, and aligned to 32 because the Group is aligned to 64.
    unsafe { [_mm256_load_si256(pair[0].as_ptr().cast()), _mm256_load_si256(pair[1].as_ptr().cast())] }
}
