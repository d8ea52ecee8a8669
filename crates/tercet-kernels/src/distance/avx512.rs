//! The blocked kernels for AVX-512 with VNNI.
//!
//! A group is two registers, and 12 queries keep 24 of the 32 registers busy as running sums: enough independent
//! additions in flight to hide their latency, and each word of a query, once loaded, serves two instructions.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_cmple_epu32_mask, _mm512_dpbusd_epi32, _mm512_load_si512,
    _mm512_loadu_si512, _mm512_sad_epu8, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::panels::Group;
use super::tile::Tile;

/// Queries a block.
pub(super) const QUERIES: usize = 12;

/// Sums of products: vpdpbusd multiplies four u8 of a row by four i8 of a query (q − 128) and adds them to a lane.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn products(tile: Tile<'_>) {
    let kernel = |groups: &[Group], words: &[[[u8; 4]; QUERIES]], sums: &mut [[u32; 32]; QUERIES]| {
        let mut running = [[_mm512_setzero_si512(); 2]; QUERIES];
        for (group, words) in groups.iter().zip(words) {
            let [low, high] = load(group);
            for (running, &word) in running.iter_mut().zip(words) {
                let query = _mm512_set1_epi32(i32::from_le_bytes(word));
                running[0] = _mm512_dpbusd_epi32(running[0], low, query);
                running[1] = _mm512_dpbusd_epi32(running[1], high, query);
            }
        }
        for (sums, running) in sums.iter_mut().zip(running) {
            let (halves, _) = sums.as_chunks_mut::<16>();
            for (half, running) in halves.iter_mut().zip(running) {
                // SAFETY: sixteen u32 are the 64 bytes that are written, and the store needs no alignment.
                unsafe { _mm512_storeu_si512(half.as_mut_ptr().cast(), running) };
            }
        }
    };
    tile.products::<QUERIES, 4, 128>(kernel, |numbers, largest| within(numbers, largest));
}

/// Which of 32 numbers are at most `largest`: one bit each.
#[inline]
#[target_feature(enable = "avx512f")]
fn within(numbers: &[u32; 32], largest: u32) -> u32 {
    let largest = _mm512_set1_epi32(largest.cast_signed());
    let (halves, _) = numbers.as_chunks::<16>();
    // SAFETY: sixteen u32 are the 64 bytes that are read, and the load needs no alignment.
    let [low, high] = [0, 1].map(|half: usize| unsafe { _mm512_loadu_si512(halves[half].as_ptr().cast()) });
    let (low, high) = (_mm512_cmple_epu32_mask(low, largest), _mm512_cmple_epu32_mask(high, largest));
    u32::from(low) | u32::from(high) << 16
}

/// Sums of absolute differences: vpsadbw adds up eight of them in a lane of 64 bits.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl")]
pub(super) fn differences(tile: Tile<'_>) {
    tile.differences::<QUERIES>(|groups, words, sums| {
        let mut running = [[_mm512_setzero_si512(); 2]; QUERIES];
        for (group, words) in groups.iter().zip(words) {
            let [low, high] = load(group);
            for (running, &word) in running.iter_mut().zip(words) {
                let query = _mm512_set1_epi64(i64::from_le_bytes(word));
                running[0] = _mm512_add_epi64(running[0], _mm512_sad_epu8(low, query));
                running[1] = _mm512_add_epi64(running[1], _mm512_sad_epu8(high, query));
            }
        }
        for (sums, running) in sums.iter_mut().zip(running) {
            let (halves, _) = sums.as_chunks_mut::<8>();
            for (half, running) in halves.iter_mut().zip(running) {
                // SAFETY: eight u64 are the 64 bytes that are written, and the store needs no alignment.
                unsafe { _mm512_storeu_si512(half.as_mut_ptr().cast(), running) };
            }
        }
    });
}

/// A group as two registers.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(group: &Group) -> [__m512i; 2] {
    let (halves, _) = group.0.as_chunks::<64>();
    // SAFETY: a Group is 128 bytes long and aligned to 64, so both halves may be loaded whole and aligned.
    unsafe { [_mm512_load_si512(halves[0].as_ptr().cast()), _mm512_load_si512(halves[1].as_ptr().cast())] }
}
