//! Many queries against many rows: the loops around the kernels, and what is done with their sums.
//!
//! For each panel (25 KB for images of 28 × 28, which stays in the first-level cache) every block of queries is
//! read through once. The kernel in the middle runs from the first group to the last with all its sums in
//! registers; then they are finished and written out.

use std::ops::Range;

use super::panels::{Group, Layout};
use super::{Measure, Panels, Queries};
use crate::Isa;
use crate::isa::Level;

impl Panels {
    /// The squared distance, distance or dot product (whichever these panels were laid out for) of every query and
    /// every row of some panels.
    ///
    /// # Shapes
    /// `out` is (queries, rows), row-major, where rows are those of `panels` *with* the zeros that fill up the
    /// last one: `panels.len()` · [`rows_of_a_panel`](Panels::rows_of_a_panel). What stands at a row of zeros means
    /// nothing.
    ///
    /// # Panics
    /// Where the shapes do not fit, or the queries were packed for another instruction set, measure or width.
    pub fn measure(&self, isa: Isa, queries: &Queries, panels: Range<usize>, out: &mut [u32]) {
        let layout = Layout::of(self.kind());
        assert!(
            panels.start <= panels.end && panels.end <= self.len(),
            "panels {panels:?} of {}",
            self.len()
        );
        assert_eq!((queries.isa, queries.layout), (isa, layout), "what the queries were packed for");
        assert_eq!(queries.width, self.width(), "the width of the queries");
        assert_eq!(out.len(), queries.len() * panels.len() * layout.rows(), "one number for each pair");
        if out.is_empty() {
            return;
        }
        let tile = Tile { rows: self, queries, panels, out };
        match (isa.0, layout) {
            (Level::Portable, Layout::Products) => super::portable::products(tile),
            (Level::Portable, Layout::Differences) => super::portable::differences(tile),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX2.
            (Level::Avx2, Layout::Products) => unsafe { super::avx2::products(tile) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX2.
            (Level::Avx2, Layout::Differences) => unsafe { super::avx2::differences(tile) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX-512 F, BW, VL and VNNI.
            (Level::Avx512, Layout::Products) => unsafe { super::avx512::products(tile) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX-512 F, BW, VL and VNNI.
            (Level::Avx512, Layout::Differences) => unsafe { super::avx512::differences(tile) },
        }
    }
}

/// One call's work. Its methods are inlined into functions compiled for an instruction set.
pub(super) struct Tile<'a> {
    rows: &'a Panels,
    queries: &'a Queries,
    panels: Range<usize>,
    out: &'a mut [u32],
}

impl Tile<'_> {
    /// Runs a kernel for sums of products over every panel and block of queries.
    ///
    /// The kernel takes the groups of a panel and the words of a block, QUERIES for each group, and sets
    /// `sums[query][row] = Σ (q_i − OFFSET) · x_i`, modulo 2³².
    #[inline(always)]
    pub(super) fn products<const QUERIES: usize, const WORD: usize, const OFFSET: u32>(
        self,
        kernel: impl Fn(&[Group], &[[[u8; WORD]; QUERIES]], &mut [[u32; 32]; QUERIES]),
    ) {
        let Tile { rows, queries, panels, out } = self;
        let stride = panels.len() * 32;
        let mut sums = [[0; 32]; QUERIES];
        for (p, panel) in panels.enumerate() {
            let row_sums: &[u32; 32] = rows.sums[panel * 32..].first_chunk().expect("32 rows a panel");
            let row_squares: &[u32; 32] = rows.squares[panel * 32..].first_chunk().expect("32 rows a panel");
            for (b, words) in blocks(queries, rows.depth()).enumerate() {
                kernel(groups(rows, panel), words, &mut sums);
                let real = queries.len() - b * QUERIES;
                for (i, sums) in sums.iter().enumerate().take(real) {
                    let square = queries.squares[b * QUERIES + i];
                    let out = &mut out[(b * QUERIES + i) * stride + p * 32..][..32];
                    for r in 0..32 {
                        let dot = sums[r].wrapping_add(row_sums[r].wrapping_mul(OFFSET));
                        // ‖q − x‖² = ‖q‖² + ‖x‖² − 2·q·x. Every step is exact modulo 2³², and the result is
                        // below 2³² because the width is at most MAX_WIDTH.
                        out[r] = match rows.kind() {
                            Measure::L2Squared => {
                                square.wrapping_add(row_squares[r]).wrapping_sub(dot.wrapping_mul(2))
                            }
                            _ => dot,
                        };
                    }
                }
            }
        }
    }

    /// Runs a kernel for sums of absolute differences over every panel and block of queries.
    ///
    /// The kernel sets `sums[query][row] = Σ |q_i − x_i|`.
    #[inline(always)]
    pub(super) fn differences<const QUERIES: usize>(
        self,
        kernel: impl Fn(&[Group], &[[[u8; 8]; QUERIES]], &mut [[u64; 16]; QUERIES]),
    ) {
        let Tile { rows, queries, panels, out } = self;
        let stride = panels.len() * 16;
        let mut sums = [[0; 16]; QUERIES];
        for (p, panel) in panels.enumerate() {
            for (b, words) in blocks(queries, rows.depth()).enumerate() {
                kernel(groups(rows, panel), words, &mut sums);
                let real = queries.len() - b * QUERIES;
                for (i, sums) in sums.iter().enumerate().take(real) {
                    let out = &mut out[(b * QUERIES + i) * stride + p * 16..][..16];
                    for (out, &sum) in out.iter_mut().zip(sums) {
                        // At most 255 · MAX_WIDTH, which is far below 2³².
                        *out = sum as u32;
                    }
                }
            }
        }
    }
}

/// The groups of one panel.
#[inline(always)]
fn groups(rows: &Panels, panel: usize) -> &[Group] {
    &rows.groups[panel * rows.depth()..][..rows.depth()]
}

/// The words of each block of queries, one array of QUERIES words for each group.
#[inline(always)]
fn blocks<const QUERIES: usize, const WORD: usize>(
    queries: &Queries,
    depth: usize,
) -> impl Iterator<Item = &[[[u8; WORD]; QUERIES]]> {
    let (words, rest) = queries.words.as_chunks::<WORD>();
    let (groups, rest_of_block) = words.as_chunks::<QUERIES>();
    assert!(rest.is_empty() && rest_of_block.is_empty(), "queries packed for this kernel");
    groups.chunks_exact(depth)
}
