//! Many queries against many rows: the loops around the kernels, and the final computation on their sums.
//!
//! For each panel (25 KB for 28 × 28 images, which stays in the first-level cache), all blocks of queries are read
//! once. The innermost kernel runs from the first group to the last with all its accumulators in registers; then the
//! sums are converted to distances and written out.

use std::ops::Range;

use super::panels::{Group, Layout};
use super::{PanelKind, Panels, Queries};
use crate::Isa;
use crate::isa::Level;

impl Panels {
    /// The squared distance, distance or dot product (whichever these panels were laid out for) between every query and
    /// every row of a range of panels.
    ///
    /// # Shapes
    /// `out` is (queries, rows), row-major, where rows are those of `panels` *including* the rows of zeros that pad the
    /// last one: `panels.len()` · [`rows_of_a_panel`](Panels::rows_of_a_panel). The values for padding rows are
    /// meaningless.
    ///
    /// # Panics
    /// If the shapes do not match, or the queries were packed for another instruction set, measure or width.
    pub fn measure(&self, isa: Isa, queries: &Queries, panels: Range<usize>, out: &mut [u32]) {
        let layout = Layout::of(self.kind());
        assert!(
            panels.start <= panels.end && panels.end <= self.len(),
            "panels {panels:?} of {}",
            self.len()
        );
        assert_eq!(
            (queries.isa, queries.layout),
            (isa, layout),
            "the instruction set and layout of the queries"
        );
        assert_eq!(queries.width, self.width(), "the width of the queries");
        assert_eq!(out.len(), queries.len() * panels.len() * layout.rows(), "one number for each pair");
        if !out.is_empty() {
            Tile { rows: self, queries, panels, out }.run(isa);
        }
    }

    /// Finds the rows of a range of panels that lie within a squared distance of each query. The distances of
    /// [`measure`](Panels::measure) are compared in registers and never stored.
    ///
    /// # Shapes
    /// `largest` is (queries); `masks` is (queries, panels), row-major. Bit r of a mask is set if the squared distance
    /// of row r of that panel is at most `largest` of that query, and may be set if it is one more: half the distance
    /// is compared with half of `largest`, rounded up. The bits of the rows of zeros that pad the last panel are
    /// meaningless.
    ///
    /// # Panics
    /// If the shapes do not match, the queries were packed for another instruction set, measure or width, the panels
    /// measure something else, or rows are wider than [`MAX_WIDTH_WITHIN`](super::MAX_WIDTH_WITHIN).
    pub fn within(
        &self,
        isa: Isa,
        queries: &Queries,
        panels: Range<usize>,
        largest: &[u32],
        masks: &mut [u32],
    ) {
        assert!(
            panels.start <= panels.end && panels.end <= self.len(),
            "panels {panels:?} of {}",
            self.len()
        );
        assert_eq!(self.kind(), PanelKind::L2Squared, "`within` requires L2Squared panels");
        assert_eq!(
            (queries.isa, queries.layout),
            (isa, Layout::Products),
            "the instruction set and layout of the queries"
        );
        assert_eq!(queries.width, self.width(), "the width of the queries");
        assert!(self.width() <= super::MAX_WIDTH_WITHIN, "the width of the rows");
        assert_eq!(largest.len(), queries.len(), "one number for each query");
        assert_eq!(masks.len(), queries.len() * panels.len(), "one mask for each query and panel");
        if masks.is_empty() {
            return;
        }
        let within = Within { rows: self, queries, panels, largest, masks };
        match isa.0 {
            Level::Portable => super::portable::within(within),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Level::Wasm => super::wasm::within(within),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX2.
            Level::Avx2 => unsafe { super::avx2::within(within) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX-512 F, BW, VL and VNNI.
            Level::Avx512 => unsafe { super::avx512::within(within) },
        }
    }
}

/// The arguments of one call. Its methods are inlined into functions compiled for an instruction set.
pub(super) struct Tile<'a> {
    rows: &'a Panels,
    queries: &'a Queries,
    panels: Range<usize>,
    /// (queries, rows).
    out: &'a mut [u32],
}

impl Tile<'_> {
    /// Runs the kernel compiled for an instruction set.
    fn run(self, isa: Isa) {
        match (isa.0, self.queries.layout) {
            (Level::Portable, Layout::Products) => super::portable::products(self),
            (Level::Portable, Layout::Differences) => super::portable::differences(self),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            (Level::Wasm, Layout::Products) => super::wasm::products(self),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            (Level::Wasm, Layout::Differences) => super::wasm::differences(self),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX2.
            (Level::Avx2, Layout::Products) => unsafe { super::avx2::products(self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX2.
            (Level::Avx2, Layout::Differences) => unsafe { super::avx2::differences(self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX-512 F, BW, VL and VNNI.
            (Level::Avx512, Layout::Products) => unsafe { super::avx512::products(self) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an Isa of this level exists only where the processor has AVX-512 F, BW, VL and VNNI.
            (Level::Avx512, Layout::Differences) => unsafe { super::avx512::differences(self) },
        }
    }

    /// Runs a kernel for sums of products over every panel and block of queries.
    ///
    /// The kernel receives the groups of a panel and the words of a block, QUERIES for each group, and sets
    /// `sums[query][row] = Σ (q_i − OFFSET) · x_i`, modulo 2³².
    #[inline(always)]
    pub(super) fn products<const QUERIES: usize, const WORD: usize, const OFFSET: u32>(
        self,
        kernel: impl Fn(&[Group], &[[[u8; WORD]; QUERIES]], &mut [[u32; 32]; QUERIES]),
    ) {
        let Tile { rows, queries, panels, out } = self;
        let count = panels.len();
        let mut sums = [[0; 32]; QUERIES];
        for (p, panel) in panels.enumerate() {
            // Every step is exact modulo 2³², and the result is below 2³² because the width is at most MAX_WIDTH:
            //   q·x       =                 Σ (q − OFFSET)·x + OFFSET · Σ x
            //   ‖q − x‖²  = ‖q‖² + ‖x‖² − 2·(Σ (q − OFFSET)·x + OFFSET · Σ x)
            // The terms that do not depend on the query are computed once per panel.
            let row_sums: &[u32; 32] = rows.sums[panel * 32..].first_chunk().expect("32 rows a panel");
            let row_squares: &[u32; 32] = rows.squares[panel * 32..].first_chunk().expect("32 rows a panel");
            let squared = rows.kind() == PanelKind::L2Squared;
            let mut row_terms = [0u32; 32];
            for r in 0..32 {
                let shift = row_sums[r].wrapping_mul(OFFSET);
                row_terms[r] =
                    if squared { row_squares[r].wrapping_sub(shift.wrapping_mul(2)) } else { shift };
            }
            for (b, words) in blocks(queries, rows.depth()).enumerate() {
                kernel(groups(rows, panel), words, &mut sums);
                let valid = queries.len() - b * QUERIES;
                for (i, sums) in sums.iter().enumerate().take(valid) {
                    let query = b * QUERIES + i;
                    let numbers = &mut out[(query * count + p) * 32..][..32];
                    if squared {
                        let square = queries.squares[query];
                        for r in 0..32 {
                            let twice = sums[r].wrapping_add(sums[r]);
                            numbers[r] = row_terms[r].wrapping_add(square).wrapping_sub(twice);
                        }
                    } else {
                        for r in 0..32 {
                            numbers[r] = row_terms[r].wrapping_add(sums[r]);
                        }
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
                let valid = queries.len() - b * QUERIES;
                for (i, sums) in sums.iter().enumerate().take(valid) {
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

/// The arguments of one call of [`Panels::within`].
pub(super) struct Within<'a> {
    rows: &'a Panels,
    queries: &'a Queries,
    panels: Range<usize>,
    largest: &'a [u32],
    masks: &'a mut [u32],
}

impl Within<'_> {
    /// Runs a kernel over every panel and block of queries.
    ///
    /// With the accumulators S = Σ (q_i − OFFSET) · x_i,
    ///
    /// ```text
    /// ‖q − x‖² = ‖q‖² + o − 2 S,   o = ‖x‖² − 2 · OFFSET · Σ x,
    /// ```
    ///
    /// and `‖q − x‖² ≤ largest` is equivalent to `S − ⌊o / 2⌋ ≥ (‖q‖² − largest + (o mod 2)) / 2`. Accumulators that
    /// start at −⌊o / 2⌋ are therefore compared with a single threshold per query. If ‖q‖² − largest is odd, rounding
    /// its half up is correct for either value of o mod 2; if it is even, `largest` is treated as one more.
    ///
    /// The kernel receives the groups of a panel, the words of a block, −⌊o / 2⌋ of 32 rows and the threshold of each
    /// query; it returns one mask per query. In rows of at most MAX_WIDTH_WITHIN columns nothing overflows: a column
    /// adds at most 128 · 255 + (255² + 256 · 255) / 2 < 2¹⁷ to the magnitude of a sum.
    #[inline(always)]
    pub(super) fn run<const QUERIES: usize, const WORD: usize, const OFFSET: i32>(
        self,
        kernel: impl Fn(&[Group], &[[[u8; WORD]; QUERIES]], &[i32; 32], &[i32; QUERIES]) -> [u32; QUERIES],
    ) {
        let Within { rows, queries, panels, largest, masks } = self;
        let count = panels.len();
        let threshold = |(&square, &largest): (&u32, &u32)| {
            let (square, largest) = (i64::from(square), i64::from(largest));
            let odd = square - largest - ((square ^ largest ^ 1) & 1);
            let half = (odd + 1) / 2;
            half.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
        };
        let thresholds: Vec<i32> = queries.squares.iter().zip(largest).map(threshold).collect();
        for (p, panel) in panels.enumerate() {
            let row_sums: &[u32; 32] = rows.sums[panel * 32..].first_chunk().expect("32 rows a panel");
            let row_squares: &[u32; 32] = rows.squares[panel * 32..].first_chunk().expect("32 rows a panel");
            let mut starts = [0; 32];
            for r in 0..32 {
                let o = row_squares[r].cast_signed() - 2 * OFFSET * row_sums[r].cast_signed();
                starts[r] = -(o >> 1);
            }
            for (b, (words, thresholds)) in
                blocks(queries, rows.depth()).zip(thresholds.chunks(QUERIES)).enumerate()
            {
                let mut padded = [i32::MAX; QUERIES];
                padded[..thresholds.len()].copy_from_slice(thresholds);
                let found = kernel(groups(rows, panel), words, &starts, &padded);
                for (i, &mask) in found.iter().enumerate().take(thresholds.len()) {
                    masks[(b * QUERIES + i) * count + p] = mask;
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

/// The packed words of each block of queries, one array of QUERIES words for each group.
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
