//! The blocked kernels without special instructions, in loops that a compiler can still vectorise.

use super::tile::Tile;

/// Queries a block.
pub(super) const QUERIES: usize = 4;

/// Sums of products.
pub(super) fn products(tile: Tile<'_>) {
    tile.products::<QUERIES, 4, 0>(|groups, words, sums| {
        *sums = [[0; 32]; QUERIES];
        for (group, words) in groups.iter().zip(words) {
            let (rows, _) = group.0.as_chunks::<4>();
            for (sums, query) in sums.iter_mut().zip(words) {
                for (sum, row) in sums.iter_mut().zip(rows) {
                    // At most 4 · 255² a group, and the whole row fits by MAX_WIDTH.
                    *sum += row.iter().zip(query).map(|(&x, &q)| u32::from(x) * u32::from(q)).sum::<u32>();
                }
            }
        }
    });
}

/// Sums of absolute differences.
pub(super) fn differences(tile: Tile<'_>) {
    tile.differences::<QUERIES>(|groups, words, sums| {
        *sums = [[0; 16]; QUERIES];
        for (group, words) in groups.iter().zip(words) {
            let (rows, _) = group.0.as_chunks::<8>();
            for (sums, query) in sums.iter_mut().zip(words) {
                for (sum, row) in sums.iter_mut().zip(rows) {
                    *sum += row.iter().zip(query).map(|(&x, &q)| u64::from(x.abs_diff(q))).sum::<u64>();
                }
            }
        }
    });
}
