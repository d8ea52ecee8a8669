//! The blocked kernels without special instructions, as loops that the compiler can vectorise for any processor.
//!
//! The columns of a row are summed last: sixteen bytes of a group at a time have one accumulator each, over all groups,
//! so that the innermost loop applies the same operation to sixteen adjacent numbers.

use super::panels::Group;
use super::tile::{Tile, Within};

/// Queries per block.
pub(super) const QUERIES: usize = 4;

/// Sums of products.
pub(super) fn products(tile: Tile<'_>) {
    tile.products::<QUERIES, 4, 0>(products_of_a_block);
}

/// The sums of products of a block of queries and the rows of a panel.
#[inline(always)]
fn products_of_a_block(groups: &[Group], words: &[[[u8; 4]; QUERIES]], sums: &mut [[u32; 32]; QUERIES]) {
    for part in 0..8 {
        // 255 · 255 fits in 16 bits, and every processor multiplies many 16-bit integers at once.
        let bytes = sums_of_bytes(groups, words, part, |x, q| u32::from(u16::from(x) * u16::from(q)));
        for (sums, bytes) in sums.iter_mut().zip(&bytes) {
            for (sum, columns) in sums[part * 4..].iter_mut().zip(bytes.as_chunks::<4>().0) {
                *sum = columns.iter().sum();
            }
        }
    }
}

/// Marks the rows whose sum of products reaches the query's threshold.
pub(super) fn within(within: Within<'_>) {
    within.run::<QUERIES, 4, 0>(|groups, words, starts, thresholds| {
        let mut sums = [[0; 32]; QUERIES];
        products_of_a_block(groups, words, &mut sums);
        let mut masks = [0; QUERIES];
        for ((mask, sums), &threshold) in masks.iter_mut().zip(&sums).zip(thresholds) {
            for (r, (&sum, &start)) in sums.iter().zip(starts).enumerate() {
                *mask |= u32::from(sum.cast_signed() + start >= threshold) << r;
            }
        }
        masks
    });
}

/// Sums of absolute differences.
pub(super) fn differences(tile: Tile<'_>) {
    tile.differences::<QUERIES>(|groups, words, sums| {
        for part in 0..8 {
            let bytes = sums_of_bytes(groups, words, part, |x, q| u32::from(x.abs_diff(q)));
            for (sums, bytes) in sums.iter_mut().zip(&bytes) {
                for (sum, columns) in sums[part * 2..].iter_mut().zip(bytes.as_chunks::<8>().0) {
                    *sum = columns.iter().map(|&byte| u64::from(byte)).sum();
                }
            }
        }
    });
}

/// The sum of a term over all groups, for each query and each of the sixteen bytes of one part of a group.
#[inline(always)]
fn sums_of_bytes<const WORD: usize>(
    groups: &[Group],
    words: &[[[u8; WORD]; QUERIES]],
    part: usize,
    term: impl Fn(u8, u8) -> u32,
) -> [[u32; 16]; QUERIES] {
    let mut sums = [[0; 16]; QUERIES];
    for (query, sums) in sums.iter_mut().enumerate() {
        for (group, words) in groups.iter().zip(words) {
            let rows = &group.0.as_chunks::<16>().0[part];
            for byte in 0..16 {
                sums[byte] += term(rows[byte], words[query][byte % WORD]);
            }
        }
    }
    sums
}
