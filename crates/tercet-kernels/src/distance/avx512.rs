//! The blocked kernels for AVX-512 with VNNI.
//!
//! A group is two registers, so 12 queries need 24 of the 32 registers as accumulators. That is enough independent
//! additions in flight to hide their latency, and each query word, once loaded, is used by two instructions.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi64, _mm512_cmpge_epi32_mask, _mm512_dpbusd_epi32, _mm512_load_si512,
    _mm512_loadu_si512, _mm512_sad_epu8, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::panels::Group;
use super::tile::{Tile, Within};

/// Queries per block.
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
    tile.products::<QUERIES, 4, 128>(kernel);
}

/// Marks the rows whose sum of products reaches the query's threshold.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn within(within: Within<'_>) {
    within.run::<QUERIES, 4, 128>(|groups, words, starts, thresholds| {
        let (halves, _) = starts.as_chunks::<16>();
        // SAFETY: sixteen i32 are the 64 bytes that are read, and the load needs no alignment.
        let starts = [0, 1].map(|half: usize| unsafe { _mm512_loadu_si512(halves[half].as_ptr().cast()) });
        let mut running = [starts; QUERIES];
        for (group, words) in groups.iter().zip(words) {
            let [low, high] = load(group);
            for (running, &word) in running.iter_mut().zip(words) {
                let query = _mm512_set1_epi32(i32::from_le_bytes(word));
                running[0] = _mm512_dpbusd_epi32(running[0], low, query);
                running[1] = _mm512_dpbusd_epi32(running[1], high, query);
            }
        }
        let mut masks = [0; QUERIES];
        for ((mask, running), &threshold) in masks.iter_mut().zip(&running).zip(thresholds) {
            let threshold = _mm512_set1_epi32(threshold);
            let [low, high] = running.map(|running| _mm512_cmpge_epi32_mask(running, threshold));
            *mask = u32::from(low) | u32::from(high) << 16;
        }
        masks
    });
}

/// Sums of absolute differences: vpsadbw adds eight of them into a 64-bit lane.
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
