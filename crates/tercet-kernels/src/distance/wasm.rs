//! The blocked kernels for WebAssembly with 128-bit SIMD.
//!
//! WebAssembly has no run-time feature detection: a module is compiled either with these instructions or without. A
//! register holds four rows; four queries and two registers of rows need eight accumulators, which fit in the registers
//! of any host processor.

use std::arch::wasm32::{
    i16x8_splat, i32x4_add, i32x4_bitmask, i32x4_dot_i16x8, i32x4_ge, i32x4_splat, i64x2_add, i64x2_splat,
    u8x16_max, u8x16_min, u8x16_sub, u16x8_extadd_pairwise_u8x16, u16x8_shr, u32x4_extadd_pairwise_u16x8,
    u64x2_shr, v128, v128_and, v128_load, v128_store,
};

use super::panels::Group;
use super::tile::{Tile, Within};

/// Queries per block.
pub(super) const QUERIES: usize = 4;

/// Sums of products: i32x4.dot_i16x8 multiplies pairs of i16 and adds each pair into one 32-bit lane, like vpmaddwd.
/// Rows are split and words packed as for AVX2.
pub(super) fn products(tile: Tile<'_>) {
    let kernel = |groups: &[Group], words: &[[[u8; 8]; QUERIES]], sums: &mut [[u32; 32]; QUERIES]| {
        for pair in 0..4 {
            let running = products_of_a_pair(groups, words, pair, [i32x4_splat(0); 2]);
            for (sums, running) in sums.iter_mut().zip(running) {
                let (fours, _) = sums.as_chunks_mut::<4>();
                for (four, running) in fours[2 * pair..].iter_mut().zip(running) {
                    // SAFETY: four u32 are the 16 bytes that are written, and the store needs no alignment.
                    unsafe { v128_store(four.as_mut_ptr().cast(), running) };
                }
            }
        }
    };
    tile.products::<QUERIES, 8, 0>(kernel);
}

/// Marks the rows whose sum of products reaches the query's threshold.
pub(super) fn within(within: Within<'_>) {
    within.run::<QUERIES, 8, 0>(|groups, words, starts, thresholds| {
        let (fours, _) = starts.as_chunks::<4>();
        let mut masks = [0; QUERIES];
        for pair in 0..4 {
            let starts = [0, 1].map(|r| {
                // SAFETY: four i32 are the 16 bytes that are read, and the load needs no alignment.
                unsafe { v128_load(fours[2 * pair + r].as_ptr().cast()) }
            });
            let running = products_of_a_pair(groups, words, pair, starts);
            for ((mask, running), &threshold) in masks.iter_mut().zip(&running).zip(thresholds) {
                for (r, &running) in running.iter().enumerate() {
                    let hits = u32::from(i32x4_bitmask(i32x4_ge(running, i32x4_splat(threshold))));
                    *mask |= hits << (8 * pair + 4 * r);
                }
            }
        }
        masks
    });
}

/// The accumulators of a block of queries and eight rows.
#[inline(always)]
fn products_of_a_pair(
    groups: &[Group],
    words: &[[[u8; 8]; QUERIES]],
    pair: usize,
    starts: [v128; 2],
) -> [[v128; 2]; QUERIES] {
    let low_byte = i16x8_splat(0xff);
    let mut running = [starts; QUERIES];
    for (group, words) in groups.iter().zip(words) {
        let rows = load(group, pair);
        let even = rows.map(|rows| v128_and(rows, low_byte));
        let odd = rows.map(|rows| u16x8_shr(rows, 8));
        for (running, &[a, b, c, d, e, f, g, h]) in running.iter_mut().zip(words) {
            let even_query = i32x4_splat(i32::from_le_bytes([a, b, c, d]));
            let odd_query = i32x4_splat(i32::from_le_bytes([e, f, g, h]));
            for r in 0..2 {
                running[r] = i32x4_add(running[r], i32x4_dot_i16x8(even[r], even_query));
                running[r] = i32x4_add(running[r], i32x4_dot_i16x8(odd[r], odd_query));
            }
        }
    }
    running
}

/// Sums of absolute differences: eight bytes of a row fill one 64-bit lane and are added pairwise three times.
pub(super) fn differences(tile: Tile<'_>) {
    tile.differences::<QUERIES>(|groups, words, sums| {
        for pair in 0..4 {
            let mut running = [[i64x2_splat(0); 2]; QUERIES];
            for (group, words) in groups.iter().zip(words) {
                let rows = load(group, pair);
                for (running, &word) in running.iter_mut().zip(words) {
                    let query = i64x2_splat(i64::from_le_bytes(word));
                    for r in 0..2 {
                        let difference = u8x16_sub(u8x16_max(rows[r], query), u8x16_min(rows[r], query));
                        let fours = u32x4_extadd_pairwise_u16x8(u16x8_extadd_pairwise_u8x16(difference));
                        // Add the two 32-bit halves of each 64-bit lane.
                        let low = v128_and(fours, i64x2_splat(0xffff_ffff));
                        running[r] = i64x2_add(running[r], i64x2_add(low, u64x2_shr(fours, 32)));
                    }
                }
            }
            for (sums, running) in sums.iter_mut().zip(running) {
                let (twos, _) = sums.as_chunks_mut::<2>();
                for (two, running) in twos[2 * pair..].iter_mut().zip(running) {
                    // SAFETY: two u64 are the 16 bytes that are written, and the store needs no alignment.
                    unsafe { v128_store(two.as_mut_ptr().cast(), running) };
                }
            }
        }
    });
}

/// A quarter of a group as two registers.
#[inline(always)]
fn load(group: &Group, pair: usize) -> [v128; 2] {
    let (registers, _) = group.0.as_chunks::<16>();
    [0, 1].map(|r| {
        // SAFETY: sixteen bytes are what is read, and the load needs no alignment.
        unsafe { v128_load(registers[2 * pair + r].as_ptr().cast()) }
    })
}
